"""What happens in an apply, for machines: one JSON object a line, as it happens. `schemas/event.json` describes them.

Minor versions add keys and types, and readers ignore what they do not know; a major one breaks. No secret is in any.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.model import Event, Plan, Report
from reconciler.reports.json import dumps, report_json
from reconciler.reports.traffic import Traffic

if TYPE_CHECKING:
    from reconciler.http import Clock

__all__ = ["FORMAT_VERSION", "Events", "telling"]

FORMAT_VERSION = "1.1"
HEARTBEAT_S = 10.0
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
        self._traffic = Traffic(int(plan.estimate.get("upload_bytes") or 0), clock.now)
        self._told_s: dict[str, float] = {}
        self._count = self._steps_done = self._under_way = 0

    def began(self, command: str) -> None:
        """The first line."""
        expected = int(self._plan.estimate.get("upload_bytes") or 0)
        self._tell(
            "began",
            stack=self._plan.stack,
            provider=self._plan.provider,
            command=command,
            steps=len(self._plan.steps),
            upload_bytes=expected,
        )

    def happened(self, event: Event) -> None:
        """An event of the walk."""
        if event.kind == "upload":
            self._upload(event)
        elif event.kind == "waiting":
            self._tell("waiting", ready=event.done, waiting=event.total)
        elif event.kind == "pause":
            self._tell("pause", seconds=event.total, message=event.message)
        else:
            self._under_way += (event.kind == "start") - (event.kind in ("done", "failed") and self._under_way > 0)
            self._steps_done += event.kind == "done"
            more = {"verb": str(event.verb)} if event.verb else {}
            self._tell(
                event.kind, address=event.address, **more, **({"message": event.message} if event.message else {})
            )

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

    def ended(self, report: Report) -> None:
        """The last line, with the whole report in it."""
        self._tell("ended", report=report_json(self._plan.stack, report))

    def _upload(self, event: Event) -> None:
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

    def _tell(self, kind: str, **more: Any) -> None:
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
