"""What apply tells while it runs, and how it went."""

from __future__ import annotations

from reconciler.frozen import dataclass
from reconciler.model.change import Action
from reconciler.model.plan import Awaited

__all__ = [
    "AWAITED",
    "NOT_READY_YET",
    "BytesSent",
    "Event",
    "Narrowed",
    "Outcome",
    "Paused",
    "Report",
    "RunEnded",
    "StepAwaited",
    "StepDone",
    "StepFailed",
    "StepSkipped",
    "StepStarted",
    "StillWaiting",
    "Waited",
    "WaitedFor",
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one address fared: `done`, `begun` (a part of it was done, the next run does the rest), `awaited` (only the
    API's own work is missing, and this run was not to wait for that), `failed` or `skipped`, with what to know about
    it. `wrote`: something of it was done, whatever came then."""

    address: str
    action: Action
    result: str
    message: str = ""
    wrote: bool = False
    id: str = ""
    """Of what is there now, as the state has it; "" where there is nothing."""


APPLIED_IN_PART = 7
"""Exit code: something was done, and not all."""
NOT_READY_YET = 9
"""Exit code, where it is asked for: nothing failed, and the API is still at work on something."""
AWAITED = "awaited"


@dataclass(frozen=True, slots=True)
class Report:
    """How an apply went."""

    run: str
    outcomes: tuple[Outcome, ...]
    interrupted: bool = False
    requests: int = 0
    writes: int = 0
    failure_code: int = 1
    """The exit code of a failure before which nothing was done."""
    seconds: float = 0.0
    """How long it took, from the first step to the last."""

    @property
    def failed(self) -> bool:
        """Whether anything was not done to its end that was to be done in this run."""
        return any(outcome.result not in ("done", AWAITED) for outcome in self.outcomes)

    @property
    def awaited(self) -> tuple[Outcome, ...]:
        """What a later run goes on with, when the API is ready: only of a run that was not to wait."""
        return tuple(outcome for outcome in self.outcomes if outcome.result == AWAITED)

    @property
    def word(self) -> str:
        """How it went, in one word."""
        if self.interrupted:
            return "interrupted"
        return "partial" if self.failed else AWAITED if self.awaited else "done"

    @property
    def exit_code(self) -> int:
        """0 nothing failed · 130 interrupted · 7 something was done, not all · else what the failure means."""
        if self.interrupted:
            return 130
        if not self.failed:
            return 0
        return APPLIED_IN_PART if any(outcome.wrote for outcome in self.outcomes) else self.failure_code


@dataclass(frozen=True, slots=True)
class WaitedFor:
    """What became of one thing that was awaited: `ready`, `failed`, or still `awaited`."""

    what: Awaited
    result: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Waited:
    """How it went to wait, and do nothing else."""

    outcomes: tuple[WaitedFor, ...] = ()
    interrupted: bool = False
    requests: int = 0
    seconds: float = 0.0
    holder: str = ""
    """Who held the stack, so that what was seen is not recorded: every plan sees it again."""
    unfinished: tuple[str, ...] = ()
    """Addresses for which something was begun and is not made yet: an apply goes on with it, no wait does."""

    def count(self, result: str) -> int:
        """Of how many this became."""
        return sum(it.result == result for it in self.outcomes)

    @property
    def word(self) -> str:
        """How it went, in one word."""
        if self.interrupted:
            return "interrupted"
        return "failed" if self.count("failed") else AWAITED if self.count(AWAITED) or self.unfinished else "done"

    @property
    def exit_code(self) -> int:
        """0 all is ready · 7 something has failed; the next apply goes on · 9 not all is ready · 130 interrupted."""
        return {"interrupted": 130, "failed": APPLIED_IN_PART, AWAITED: NOT_READY_YET, "done": 0}[self.word]


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins; of a bulk create it is the first address."""

    address: str
    verb: str


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step is done, and what it did is recorded."""

    address: str
    verb: str


@dataclass(frozen=True, slots=True)
class StepFailed:
    """An address cannot be done: `message` says why."""

    address: str
    message: str


@dataclass(frozen=True, slots=True)
class StepSkipped:
    """An address is not tried, because what it waits for failed: `message` names that."""

    address: str
    message: str


@dataclass(frozen=True, slots=True)
class StepAwaited:
    """An address is left to a later run, because the API is not ready: `message` says with what."""

    address: str
    message: str


@dataclass(frozen=True, slots=True)
class StillWaiting:
    """After each poll of what is not ready yet: so many became ready by it, so many are left."""

    ready: int
    waiting: int


@dataclass(frozen=True, slots=True)
class BytesSent:
    """So much of a file was sent. It falls back when a chunk has to be sent again."""

    address: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing goes on for a while, because the API asks for it or others use what it allows. Of no second: a note."""

    seconds: int
    message: str


@dataclass(frozen=True, slots=True)
class Narrowed:
    """From now on so many of a kind go on at a time, because the API takes no more: `message` is what it said."""

    kind: str
    at_a_time: int
    message: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The last event of an apply."""

    report: Report


Event = (
    StepStarted
    | StepDone
    | StepFailed
    | StepSkipped
    | StepAwaited
    | StillWaiting
    | BytesSent
    | Paused
    | Narrowed
    | RunEnded
)
"""What happens while a plan is applied; `docs/events.md` says how each is written as JSON."""
