"""Steps with nothing left to wait for: which of them is begun next, and which stay behind others of their kind."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TypeAlias

from reconciler.apply.run import Run
from reconciler.model import Create, Step, StepId, Wait

__all__ = ["DueSteps"]

Turn: TypeAlias = tuple[str, str]
"""A kind, and which of its creates wait for one another (`Driver.turn`)."""


class DueSteps:
    """All that can be begun and is not, in the order in which that came to be; steps that only wait before others."""

    def __init__(self, run: Run, steps: Mapping[StepId, Step]) -> None:
        self._run, self._steps = run, steps
        self._waits, self._others = deque[StepId](), deque[StepId]()
        self._making = Counter[Turn]()
        """How many are being made, of kinds that are made a few at a time"""
        self._next: dict[Turn, deque[StepId]] = {}
        """Creates that wait until one of those has ended"""
        self._held: dict[str, deque[StepId]] = {}
        """Creates that are not begun, for more of their kind wait already for what the API takes at a time"""

    def add(self, id: StepId) -> None:
        """Nothing is left that it waits for."""
        (self._waits if isinstance(self._steps[id], Wait) else self._others).append(id)

    def pop(self, *, room: bool) -> StepId | None:
        """The next one; without room for one that writes, the next that only waits: it takes no place of a write, or a
        hundred of them would stop all that could go on."""
        if self._waits:
            return self._waits.popleft()
        return self._others.popleft() if room and self._others else None

    def take_back(self, most: int) -> None:
        """What was held is due again, so many at a time, when nothing of its kind waits any more."""
        for kind, ids in self._held.items():
            if not self._run.places.is_held(kind):
                self._others.extend(ids.popleft() for _ in range(min(len(ids), most)))

    def has_turn(self, id: StepId, step: Step) -> bool:
        """Whether it is begun now: creates of a kind that is made a few at a time wait for each other. One that nobody
        waits for keeps no other from its turn."""
        if not isinstance(step, Create):
            return True
        if self._run.places.is_held(step.kind):
            self._held.setdefault(step.kind, deque()).append(id)
            return False
        if (most := self._run.drivers[step.kind].traits.at_once) is None:
            return True
        most = len(self._steps) if self._run.limits.detached else most
        if self._making[turn := self._turn_of(step)] >= most:
            self._next.setdefault(turn, deque()).append(id)
            return False
        self._making[turn] += 1
        return True

    def _turn_of(self, step: Create) -> Turn:
        return step.kind, self._run.drivers[step.kind].turn(step.fields)

    def ended(self, step: Step) -> None:
        """One that had its turn: the next of its kind is due."""
        if isinstance(step, Create) and self._run.drivers[step.kind].traits.at_once is not None:
            self._making[turn := self._turn_of(step)] -= 1
            if waiting := self._next.get(turn):
                self._others.append(waiting.popleft())

    def left(self) -> Iterable[StepId]:
        """All that was not begun."""
        return chain(self._waits, self._others, *self._next.values(), *self._held.values())
