"""Time, injected: nothing in the emulator asks the machine what time it is, except `SystemClock`."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["EPOCH", "MachineClock", "ManualClock", "SettableClock", "moment", "rfc3339"]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
"""Where time begins for an emulator that nobody gave a clock: the same in every run, so that output can be compared."""


class SettableClock(Protocol):
    """What tells the emulator the time, in seconds since 1970; `advance` is how tests let hours pass."""

    def now(self) -> float:
        """Seconds since 1970."""

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once."""


class ManualClock:
    """Stands still until told; `tick_s` passes at each write, so that two objects never share a timestamp."""

    def __init__(self, start: float = EPOCH, *, tick_s: float = 0.0) -> None:
        self._now = start
        self.tick_s = tick_s

    def now(self) -> float:
        """What it was set to."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Go on by so many seconds."""
        self._now += seconds


class MachineClock:
    """The machine's time, plus what was advanced by hand."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now(self) -> float:
        """The machine's, and what was advanced."""
        return time.time() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Be ahead of the machine by so much more."""
        self._ahead_s += seconds


def rfc3339(seconds: float, *, digits: int = 3) -> str:
    """`2026-01-01T00:00:00.000Z`, with as many digits of a second as the vendor has there: none, three or nine."""
    whole = datetime.fromtimestamp(math.floor(seconds) if digits != 3 else seconds, UTC)
    text = whole.isoformat(timespec="milliseconds" if digits == 3 else "seconds").removesuffix("+00:00")
    return f"{text}.{int(seconds % 1 * 1e9):09}Z" if digits == 9 else f"{text}Z"


def moment(text: str) -> float:
    """The other direction, for filters; a time without a zone is UTC. Raises ValueError."""
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
