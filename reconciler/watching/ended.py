"""How one run of a command ended: what numbers are made of, and what is told when it is not as it was before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.checks import Checked
from reconciler.diff.drifted import drift_set
from reconciler.errors import Invalid
from reconciler.frozen import dataclass
from reconciler.model import NOT_READY_YET
from reconciler.redact import plain, redacted
from reconciler.reports.result import Result, reason_of

if TYPE_CHECKING:
    from reconciler.model import Report, Waited, WaitedFor

__all__ = ["INTERRUPTED", "Ended"]

INTERRUPTED = 130
GOOD = (0, 2, NOT_READY_YET)
"""Exit codes of a run that came to what was asked for, whatever it found."""
UNTOLD = ("locked", "interrupted")
"""Nothing is wrong with a stack that somebody else holds, nor when a person broke the run off."""

Items = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Ended:
    """One run. What it could not find out is None, and nothing is concluded of that."""

    command: str
    """`plan`, `apply`, `drift`, `check`, `wait`."""
    stack: str
    """Its name; '' when not even that could be read."""
    account: str
    """Where the account is, and a digest of its key; '' when that is not known."""
    code: int
    at: float
    """When it ended, in seconds since 1970."""
    seconds: float
    kinds: Sequence[str] = ()
    """All that the provider has."""
    requests: int = 0
    writes: int = 0
    part: bool = False
    """Whether only a part of the stack was asked for."""
    result: Result | None = None
    checked: Sequence[Checked] | None = None
    waited: Waited | None = None
    error: BaseException | None = None

    def of(self, stack: str, account: str) -> Ended:
        """The same run, of a stack that is known by something else."""
        return replace(self, stack=stack, account=account)

    @property
    def reason(self) -> str:
        """Why it did not come to what was asked for, in a word; '' when it did, or did in part."""
        if self.code == INTERRUPTED:
            return "interrupted"
        return reason_of(self.error) if self.error is not None else ""

    @property
    def succeeded(self) -> bool:
        """Whether it came to what was asked for."""
        return self.code in GOOD

    @property
    def _report(self) -> Report | None:
        return self.result.report if self.result else None

    # What it found

    @cached_property
    def drift(self) -> Items | None:
        """Address → what of it drifted, in all of the stack, after this run; of a part see `looked_at`."""
        if self.result is None:
            return None
        if self.command == "drift":
            return drift_set(self.result.drift)
        # A plan knows only what differs from what is recorded. After an apply that did all of it nothing does.
        left = self.part or self.result.plan.left_out or (self._report is not None and self._report.awaited)
        whole = self.command == "apply" and self.succeeded and not left
        return {} if whole else None

    @property
    def looked_at(self) -> frozenset[str] | None:
        """The addresses that `drift` is of; None when it is of all."""
        if not self.part or self.result is None:
            return None
        return frozenset((*self.result.compared, *(it.address for it in self.result.drift)))

    @cached_property
    def drift_by_kind(self) -> Mapping[str, int] | None:
        """kind → how many addresses drifted; None when not all was looked at."""
        if self.drift is None or self.result is None or self.part:
            return None
        counts = Counter(it.kind for it in self.result.drift if it.address in self.drift)
        return dict.fromkeys(self.kinds, 0) | counts

    @cached_property
    def pending(self) -> Mapping[tuple[str, str], int] | None:
        """(kind, action) → how many changes are still to be made; None when that is not known."""
        if self.result is None or self.command not in ("plan", "apply") or self.part:
            return None
        done = {it.address for it in self._report.outcomes if it.result == "done"} if self._report else ()
        return Counter((it.kind, it.action.value) for it in self.result.changes if it.address not in done)

    @cached_property
    def outcomes(self) -> Mapping[tuple[str, str, str], int]:
        """(kind, action, what became of it) → at how many addresses."""
        if self._report is None or self.result is None:
            return {}
        kinds = {it.address: it.kind for it in self.result.changes}
        return Counter((kinds.get(it.address, ""), it.action.value, it.result) for it in self._report.outcomes)

    @property
    def refusals(self) -> tuple[str, ...]:
        """What guards said against it."""
        return self.result.refusals if self.result else ()

    # What is wrong

    @cached_property
    def trouble(self) -> Items | None:
        """What is wrong with such runs: why → what; nothing when all is well; None: nobody can say."""
        if self.reason in UNTOLD:
            return None
        if self.error is not None and not (self.command == "plan" and self.refusals):
            return {f"({self.reason})": ()}  # without its text, in which there may be a time
        if self.checked is not None and self.command == "check":
            return {it.check.address: () for it in self.checked if not it.passes}  # measures are never quite the same
        if self.waited is not None:
            return {it.what.address: (it.result,) for it in self._failed_to_get_ready}
        failed = [it for it in self._report.outcomes if it.result in ("failed", "begun")] if self._report else []
        if failed:
            return {it.address: (it.result,) for it in failed}
        return {} if self.succeeded or self.refusals else None

    @property
    def _failed_to_get_ready(self) -> Sequence[WaitedFor]:
        return [it for it in self.waited.outcomes if it.result == "failed"] if self.waited else []

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """What is to be said of what is wrong, a line for each thing, without secrets."""
        if self.refusals:
            said = list(self.refusals)
        elif isinstance(self.error, Invalid):
            said = list(map(str, self.error.problems))
        elif self.error is not None:
            said = str(self.error).splitlines() or [type(self.error).__name__]
        elif self.waited:
            said = [f"{it.what.address}: {it.message}" for it in self._failed_to_get_ready]
        elif self._report:
            said = [f"{it.address}: {it.message}" for it in self._report.outcomes if it.result in ("failed", "begun")]
        else:
            said = [f"{it.check.address}: {why}" for it in self.checked or () for why in it.verdict.failures]
        return tuple(plain(redacted(line)) for line in said)
