"""What happens in an apply, or a wait, for machines: one JSON object a line, as it happens (`schemas/event.json`).

Minor versions add keys and types, and readers ignore what they do not know; a major one breaks. No secret is in any.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.model import (
    BytesSent,
    Event,
    Narrowed,
    Paused,
    Plan,
    RunEnded,
    StepAwaited,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    StillWaiting,
    Waited,
)
from reconciler.reports.json import dumps, report_json
from reconciler.reports.traffic import Traffic
from reconciler.reports.waited import waited_told

if TYPE_CHECKING:
    from reconciler.http import Clock

__all__ = ["FORMAT_VERSION", "Events", "telling"]

FORMAT_VERSION = "1.3"
HEARTBEAT_S = 10.0
NOT_DONE: Mapping[type[Event], str] = {StepFailed: "failed", StepSkipped: "skipped", StepAwaited: "awaited"}
UPLOAD_EVERY_S = 1.0
"""How often each file is told of, besides its beginning and its end."""


def _now() -> datetime:
    return datetime.now(UTC)


class Events:
    """Writes events. Whoever reads may go away: that ends the telling and not the apply."""

    def __init__(
        self, write: Callable[[str], object], plan: Plan, clock: Clock, date: Callable[[], datetime] = _now
    ) -> None:
        self._write, self._plan, self._clock, self._date = write, plan, clock, date
        self._traffic = Traffic(plan.estimate.upload_bytes, clock.now)
        self._told_s: dict[str, float] = {}
        self._count = self._steps_done = 0

    def began(self, command: str) -> None:
        """The first line."""
        expected = self._plan.estimate.upload_bytes
        self._tell(
            "began",
            stack=self._plan.stack,
            provider=self._plan.provider,
            command=command,
            steps=len(self._plan.steps),
            upload_bytes=expected,
        )

    def happened(self, event: Event) -> None:
        """Write an event of an apply: here alone is said which word each has."""
        match event:
            case StepStarted(address, verb):
                self._tell("start", address=address, verb=str(verb))
            case StepDone(address, verb):
                self._steps_done += 1
                self._tell("done", address=address, verb=str(verb))
            case StepFailed(address, message) | StepSkipped(address, message) | StepAwaited(address, message):
                self._tell(NOT_DONE[type(event)], address=address, message=message)
            case StillWaiting(ready, waiting):
                self._tell("waiting", ready=ready, waiting=waiting)
            case Paused(seconds, message):
                self._tell("pause", seconds=seconds, message=message)
            case Narrowed(kind, at_a_time, message):
                self._tell("narrowed", kind=kind, at_a_time=at_a_time, message=message)
            case BytesSent():
                self._upload(event)
            case RunEnded(report):
                self._tell("ended", report=report_json(self._plan.stack, report))

    def waited(self, waited: Waited) -> None:
        """The last line of a run that has only waited."""
        self._tell("waited", waited=waited_told(waited))

    def heartbeat(self) -> None:
        """Still there, whatever takes so long."""
        whole = self._traffic.all
        self._tell(
            "heartbeat",
            steps_done=self._steps_done,
            steps=len(self._plan.steps),
            bytes_done=whole.done,
            bytes_total=whole.total,
        )

    def _upload(self, event: BytesSent) -> None:
        pace = self._traffic.see(event.address, event.done, event.total)
        now_s = self._clock.now()
        due = now_s - self._told_s.get(event.address, float("-inf")) >= UPLOAD_EVERY_S
        if not due and event.done < event.total:
            return
        self._told_s[event.address] = now_s
        self._tell(
            "upload",
            address=event.address,
            bytes_done=event.done,
            bytes_total=event.total,
            bytes_per_s=round(pace.bytes_per_s),
            **({} if pace.left_s is None else {"seconds_left": round(pace.left_s)}),
        )

    def _tell(self, kind: str, /, **more: Any) -> None:
        self._count += 1
        time = self._date().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"format_version": FORMAT_VERSION, "n": self._count, "time": time, "type": kind, **more}
        try:
            self._write(dumps(line, indent=None) + "\n")
        except (OSError, ValueError):  # ValueError: it was closed
            self._write = len


@asynccontextmanager
async def telling(events: Events, command: str, clock: Clock) -> AsyncIterator[Events]:
    """Tell the beginning, and a heartbeat every ten seconds while the block runs; the end is the caller's to tell."""

    async def beat() -> None:
        while True:
            await clock.sleep(HEARTBEAT_S)
            events.heartbeat()

    events.began(command)
    heart = asyncio.create_task(beat())
    try:
        yield events
    finally:
        heart.cancel()
