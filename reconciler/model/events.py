"""What apply tells while it runs, and how it went."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.change import Action

__all__ = ["Event", "Outcome", "Report"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one address fared: `done`, `begun` (a part of it was done, the next run does the rest), `failed` or
    `skipped`, with what to know about it. `wrote`: something of it was done, whatever came then."""

    address: str
    action: Action
    result: str
    message: str = ""
    wrote: bool = False


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

    @property
    def failed(self) -> bool:
        """Whether anything was not done to its end."""
        return any(outcome.result != "done" for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 all done · 130 interrupted · 7 something was done, not all · else what the failure means."""
        if self.interrupted:
            return 130
        if not self.failed:
            return 0
        return 7 if any(outcome.wrote for outcome in self.outcomes) else self.failure_code


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an address; `kind` is start, done, failed, skipped, waiting, upload or pause.

    waiting: `done` of the `total` objects that were waited for are ready. upload: `done` of `total` bytes were sent.
    pause: nothing goes on for `total` seconds, because the API asks for it; `message` says why.
    """

    kind: str
    address: str
    verb: str = ""
    message: str = ""
    done: int = 0
    total: int = 0
