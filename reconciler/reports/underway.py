"""How an apply stands, out of its events: what is not ready yet, what is being made, what is being sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from reconciler.kinds import Kinds
from reconciler.model import (
    BulkCreate,
    BytesSent,
    Create,
    Event,
    Narrowed,
    Plan,
    Step,
    StepAwaited,
    StepDone,
    StepStarted,
    Wait,
)
from reconciler.redact import plain
from reconciler.reports.traffic import Traffic, amount, duration
from reconciler.reports.values import count_of

__all__ = ["UnderWay"]


class UnderWay:
    """What is under way in one apply; the clock is given."""

    def __init__(self, plan: Plan, kinds: Kinds, now: Callable[[], float]) -> None:
        self._kinds, self._now, self._since_s = kinds, now, now()
        self._steps = {(step.addresses[0], str(step.verb)): step for step in plan.steps}
        self._waits = Counter(step.kind for step in plan.steps if isinstance(step, Wait))
        self._ready: Counter[str] = Counter()
        self._open: dict[tuple[str, str], Step | None] = {}
        self.steps, self.done = len(plan.steps), 0
        self.traffic = Traffic(plan.estimate.upload_bytes, now)

    def happened(self, event: Event) -> None:
        """Keep what it says."""
        match event:
            case StepStarted(address, verb):
                self._open[address, verb] = self._steps.get((address, verb))
            case StepDone(address, verb):
                self.done += 1
                step = self._open.pop((address, verb), None)
                if isinstance(step, Wait):
                    self._ready[step.kind] += 1
            case StepAwaited(address):
                self._open = {it: step for it, step in self._open.items() if it[0] != address}
            case BytesSent():
                self.traffic.see(event.address, event.done, event.total)

    @property
    def elapsed(self) -> str:
        """How long it has taken until now."""
        return duration(self._now() - self._since_s)

    def narrowed(self, event: Narrowed) -> str:
        """`5 indexed assets at a time from now on: …`."""
        return f"{self._kinds[event.kind].counted(event.at_a_time)} at a time from now on: {plain(event.message)}"

    def told(self) -> str:
        """`12 of 31 indexed assets not ready yet, 3 assets being made, 4 min 02 s`."""
        return ", ".join([*self._parts(), self.elapsed])

    def _parts(self) -> Iterator[str]:
        open_steps = list(self._open.values())
        waiting = Counter(step.kind for step in open_steps if isinstance(step, Wait))
        for kind in waiting:
            whole = self._waits[kind]
            yield f"{whole - self._ready[kind]} of {self._kinds[kind].counted(whole)} not ready yet"
        made: Counter[str] = Counter()
        for step in open_steps:
            if isinstance(step, Create | BulkCreate):
                made[step.kind] += len(step.addresses)
        for kind, count in made.items():
            yield f"{self._kinds[kind].counted(count)} being made"
        if others := len(open_steps) - sum(isinstance(it, Wait | Create | BulkCreate) for it in open_steps):
            yield f"{count_of(others, 'other step')} under way"
        if self.traffic.under_way:
            yield self._sent()

    def _sent(self) -> str:
        whole = self.traffic.all
        under_way = self.traffic.under_way
        share = 100 * whole.done // whole.total if whole.total else 100
        return (
            f"{share} % of {amount(whole.total)} sent, {amount(whole.bytes_per_s)}/s, {duration(whole.left_s)} left, "
            f"{under_way} file{'' if under_way == 1 else 's'} under way"
        )
