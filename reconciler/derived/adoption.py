"""Whose a task is when the answer to its create was lost: by our mark, or as the only one that it may be.

Of two that may be meant neither is taken: rows of another input would be worse than a second bill. What is sent again
although something like it is there may be billed twice, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.derived.ids import way_of
from reconciler.errors import NotFound
from reconciler.frozen import dataclass
from reconciler.model import Operation, Signature

if TYPE_CHECKING:
    from reconciler.derived import TaskDriver

__all__ = ["SAYS", "SLACK", "WAY", "Adoption", "Task", "way_of_lost"]

WAY, SAYS = "way", "says"
"""In the signature of a create: by which way it is made, and what its task will say of itself."""
SLACK = timedelta(minutes=2)
"""How far the platform's clock may be from ours."""
LENGTHS_S = 1.0
"""How far two lengths of the same media may be apart: one of them may be rounded."""
MOST = 20
"""So many tasks that may be meant are asked one by one; more are none that could be told."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task as a list of the platform shows it."""

    id: str
    status: str
    """`running`, `ready` or `failed`."""
    mark: str = ""
    """What we gave it to be known by, where the platform takes that."""
    input: str = ""
    """What it says that it is made of."""
    since: datetime | None = None
    why: str = ""
    """Why it failed, if the list says so; of one that is ready, what people should know before it is fetched."""
    says: Mapping[str, Any] = field(default_factory=dict)
    """What else it says of how it is made, by the names of `TaskDriver.says`; `duration` is that of its input."""


class Adoption:
    """Tells lost tasks, and remembers of which creates nobody can say whether they are there."""

    def __init__(self, driver: TaskDriver) -> None:
        self._driver = driver
        self.doubtful: dict[str, tuple[str, str]] = {}
        """address → its way and the id of the input, of creates whose answer was lost in this run"""
        self.doubts: dict[str, str] = {}
        """address → why it may be billed twice when it is made again"""

    async def task_of(
        self, operation: Operation, lost: Sequence[Operation], seen: Mapping[str, Task], known: set[str]
    ) -> Task | None:
        """The task of a create whose answer was lost; None when none can be told. `lost` are all such creates, `seen`
        the tasks there are, `known` the ids of those of which it is known whose they are."""
        self.doubts.pop(operation.address, None)
        if mark := self._driver.mark(operation.address, operation.identity or ""):
            return next((task for task in seen.values() if task.mark == mark and task.id not in known), None)
        name, way = await self._name(operation), way_of_lost(operation)
        alike = await self._alike(operation, name, self._young(operation, way, seen.values(), known)) if name else []
        if not alike:
            return None
        if len(alike) > 1 or name in await self._other_names(operation, lost):
            ids = " or ".join(sorted(task.id for task in alike[:2])) + (" or others" if len(alike) > 2 else "")
            self.doubts[operation.address] = f"may be billed twice: task {ids} may be its own, or another's"
            return None
        return alike[0]

    def _young(self, operation: Operation, way: str, tasks: Iterable[Task], known: set[str]) -> list[Task]:
        since = operation.since - SLACK
        before: frozenset[str] = getattr(operation.signature, "known", frozenset())
        free = (task for task in tasks if task.id not in known and task.id not in before and way_of(task.id) == way)
        return [task for task in free if task.since is None or task.since >= since]

    async def _alike(self, operation: Operation, name: str, tasks: Iterable[Task]) -> list[Task]:
        """Those that name the input and say of themselves what it would say: in the list, and when asked alone."""
        says, length = _natural(operation).get(SAYS, {}), await self._length(operation)
        listed = [task for task in tasks if task.input == name and _fits(task.says, says, length)]
        return [task for task in listed if len(listed) > MOST or await self._says_so(task, says, length)]

    async def _says_so(self, task: Task, says: Mapping[str, Any], length: float | None) -> bool:
        try:
            alone, _ = await self._driver.task(task.id)
        except NotFound:
            return False
        return _fits(alone.says, says, length)

    async def _other_names(self, operation: Operation, lost: Sequence[Operation]) -> set[str]:
        """What tasks of other lost creates are called, of which nothing tells them from this one."""
        way, says = way_of_lost(operation), _natural(operation).get(SAYS)
        others = [it for it in lost if it is not operation and way_of_lost(it) == way]
        names = {await self._name(it) for it in others if _natural(it).get(SAYS) == says}
        doubtful = (it for address, it in self.doubtful.items() if address != operation.address)
        return names | {await self._driver.called(id, way) for other, id in doubtful if other == way}

    async def _name(self, operation: Operation) -> str:
        return await self._driver.called(self._input(operation), way_of_lost(operation))

    async def _length(self, operation: Operation) -> float | None:
        return await self._driver.length(self._input(operation), way_of_lost(operation))

    def _input(self, operation: Operation) -> str:
        inputs = (_natural(operation).get(ref.name) for ref in self._driver.kind.refs())
        return str(next(filter(None, inputs), ""))


def _natural(operation: Operation) -> Mapping[str, Any]:
    return operation.signature.natural if isinstance(operation.signature, Signature) else {}


def _fits(said: Mapping[str, Any], wanted: Mapping[str, Any], length: float | None) -> bool:
    """Whether a task says nothing against it. What one of the two does not say is no difference."""
    if any(said.get(name, value) != value for name, value in wanted.items()):
        return False
    has = said.get("duration")
    return not isinstance(has, int | float) or length is None or abs(has - length) <= LENGTHS_S


def way_of_lost(operation: Operation) -> str:
    """By which way something was to be made whose task is not known."""
    return str(_natural(operation).get(WAY, ""))
