"""A clock for us and the emulator alike, on which waiting takes no time: when all wait, the first one moves it."""

from __future__ import annotations

import asyncio

from reconciler.emulator import ManualClock

__all__ = ["VirtualTime"]

TURNS = 40
"""So many turns of the loop without anybody's time having come mean that all others wait too."""


class VirtualTime:
    """The engine's clock, moving the emulator's."""

    def __init__(self, shared: ManualClock) -> None:
        self._shared = shared
        self._time_s = 0.0
        self._due: list[float] = []

    def now(self) -> float:
        """Seconds since it was made."""
        return self._time_s

    async def sleep(self, seconds: float) -> None:
        """Until it is so late; who sleeps for the shortest time moves the clock."""
        due = self.now() + seconds
        self._due.append(due)
        try:
            quiet, seen = 0, self.now()
            while self.now() < due:
                await asyncio.sleep(0)
                quiet = quiet + 1 if self.now() == seen else 0
                seen = self.now()
                if quiet > TURNS and due <= min(self._due):
                    self._shared.advance(due - self._time_s)
                    self._time_s = due
        finally:
            self._due.remove(due)
