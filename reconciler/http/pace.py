"""How fast requests may leave: as the API lets us know by refusing some, or by saying how many are left."""

from __future__ import annotations

import re
from typing import Protocol

__all__ = ["Clock", "Pace"]

SLOWEST_PER_S, ASSUMED_PER_S, FASTER_BY_PER_S = 0.2, 10.0, 0.1


class Clock(Protocol):
    """Time, as far as we need it; tests give their own."""

    def now(self) -> float:
        """Seconds that only grow."""

    async def sleep(self, seconds: float) -> None:
        """Let others run for so long."""


class Pace:
    """A limit on requests per second that learns from 429: none at first, halved by each, growing with successes.

    Requests under way together meet the same limit together: however many of them are refused, it is halved once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rate: float | None = None
        self._next = self._until = 0.0
        self._seen: list[float] = []
        self._held: dict[str, float] = {}
        self._refusals = 0

    @property
    def rate_per_s(self) -> float | None:
        """Requests per second as of now; None when no 429 has come."""
        return self._rate

    async def turn(self, what: str) -> int:
        """Wait until one more request may be sent; `what` is its method and path. Gives what `slower` asks for."""
        now = self._clock.now()
        mine = max(now, self._next, self._until)
        self._next = mine + (1 / self._rate if self._rate else 0.0)
        self._seen = [*self._seen[-31:], now]
        while (wait_s := max(mine, self._until, self._held.get(_bucket(what), 0.0)) - self._clock.now()) > 0:
            await self._clock.sleep(wait_s)  # and look again: a refusal may have come meanwhile
        return self._refusals

    def slower(self, turn: int, retry_after_s: float | None) -> None:
        """A 429 came for a request whose turn was `turn`; nothing leaves before `retry_after_s` are over."""
        self._until = max(self._until, self._clock.now() + (retry_after_s or 0.0))
        if turn != self._refusals:
            return
        self._refusals += 1
        span = self._seen[-1] - self._seen[0] if len(self._seen) > 1 else 0.0
        measured = (len(self._seen) - 1) / span if span > 0 else ASSUMED_PER_S
        self._rate = max(SLOWEST_PER_S, min(self._rate or measured, measured) / 2)

    def faster(self) -> None:
        """A success came."""
        if self._rate is not None:
            self._rate += FASTER_BY_PER_S

    def hold(self, what: str, seconds: float) -> None:
        """The API says that no more such requests are allowed for so long."""
        self._held[_bucket(what)] = self._clock.now() + seconds


def _bucket(what: str) -> str:
    """What is limited together: a method on a path, whatever ids stand in it."""
    return re.sub(r"/[^/]*\d[^/]*", "/*", what)
