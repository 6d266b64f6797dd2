"""Sees one run from its beginning to its end, and tells how it ended: whatever comes of telling, the run ends as it
would have."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from reconciler.provider import kinds_of
from reconciler.watching.ended import INTERRUPTED, Ended

if TYPE_CHECKING:
    from reconciler.checks import Checked
    from reconciler.model import Waited
    from reconciler.project import Project
    from reconciler.reports.result import Result
    from reconciler.state import State

__all__ = ["Observer", "StateOf", "Tell"]

T = TypeVar("T")
StateOf = Callable[[], "State | None"]
"""Gives the state of the stack; None where it is not known which that is."""
Tell = Callable[[Ended, StateOf], None]


class Observer:
    """Of one run of one command; told what it finds by whoever runs it."""

    def __init__(self, command: str, tell: Tell, *, part: bool = False) -> None:
        self._command, self._tell, self._part = command, tell, part
        self._project: Project | None = None
        self._result: Result | None = None
        self._checked: Sequence[Checked] | None = None
        self._waited: Waited | None = None

    def opened(self, project: Project) -> None:
        """The stack is read, and is that of this project."""
        self._project = project
        if project.saved is not None:
            self._part = any(project.saved.origin.options.get(word) for word in ("target", "exclude"))

    def saw(self, result: Result) -> None:
        """What the command has found."""
        self._result = result

    def checked(self, outcomes: Sequence[Checked]) -> None:
        """How checks ended, where any ran."""
        self._checked = outcomes

    def waited(self, result: Waited) -> None:
        """What became of what was awaited."""
        self._waited = result

    def run(
        self,
        command: Callable[[], int],
        *,
        broken_off: tuple[type[BaseException], ...] = (KeyboardInterrupt,),
        no_run: tuple[type[BaseException], ...] = (),
    ) -> int:
        """Run it, which gives its exit code, and tell how it ended; what it raises goes on. After an error of `no_run`
        nothing was begun, and nothing is told."""
        began = time.monotonic()
        try:
            code = command()
        except no_run:
            raise
        except broken_off:
            self._conclude(INTERRUPTED, None, began)
            raise
        except Exception as error:
            self._conclude(getattr(error, "exit_code", 1), error, began)
            raise
        self._conclude(code, None, began)
        return code

    def _conclude(self, code: int, error: Exception | None, began: float) -> None:
        project = self._project
        requests, writes = project.spent if project else (0, 0)
        ended = Ended(
            command=self._command,
            stack=project.stack.name if project else "",
            account=project.account_shown if project else "",
            code=code,
            at=time.time(),
            seconds=time.monotonic() - began,
            kinds=tuple(kinds_of(project.stack.provider).by_name) if project else (),
            requests=requests,
            writes=writes,
            part=self._part,
            result=self._result,
            checked=self._checked,
            waited=self._waited,
            error=error,
        )
        try:
            self._tell(ended, lambda: project.state if project else None)
        finally:
            if project is not None:
                project.close()
