"""How fast requests may leave: as the API lets us know by refusing some, or by saying how many are left."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from reconciler.errors import ApiError

__all__ = ["Clock", "Pace", "family"]

SLOWEST_PER_S, ASSUMED_PER_S, FASTER_BY_PER_S = 0.2, 10.0, 0.1
TOLD_FROM_S = 5.0
"""A shorter wait is told to nobody."""


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

    def __init__(self, clock: Clock, tell: Callable[[float, str], None] = lambda seconds, why: None) -> None:
        self._clock, self._tell = clock, tell
        self._rate: float | None = None
        self._next = self._until = 0.0
        self._seen: list[float] = []
        self._held: dict[str, float] = {}
        self._spent: dict[str, tuple[float, Callable[[], ApiError]]] = {}
        self._told_until = float("-inf")
        self._refusals = 0

    @property
    def rate_per_s(self) -> float | None:
        """Requests per second as of now; None when no 429 has come."""
        return self._rate

    async def turn(self, what: str) -> int:
        """Wait until one more request may be sent; `what` is its method and path. Gives what `slower` asks for."""
        now, family_of = self._clock.now(), family(what)
        mine = max(now, self._next, self._until)
        self._next = mine + (1 / self._rate if self._rate else 0.0)
        self._seen = [*self._seen[-31:], now]
        while (wait_s := max(mine, until := self._closed_until(family_of)) - self._clock.now()) > 0:
            self.tell(until - self._clock.now(), "rate limited")
            await self._clock.sleep(wait_s)  # and look again: a refusal may have come meanwhile
        return self._refusals

    def _closed_until(self, family_of: str) -> float:
        return max(self._until, self._held.get(family_of, 0.0))

    def slower(self, turn: int, retry_after_s: float | None) -> None:
        """A 429 came for a request whose turn was `turn`; nothing leaves before `retry_after_s` are over."""
        self._until = max(self._until, self._clock.now() + (retry_after_s or 0.0))
        self.tell(retry_after_s or 0.0, "rate limited")
        if turn != self._refusals:
            return
        self._refusals += 1
        span = self._seen[-1] - self._seen[0] if len(self._seen) > 1 else 0.0
        measured = (len(self._seen) - 1) / span if span > 0 else ASSUMED_PER_S
        self._rate = max(SLOWEST_PER_S, min(self._rate or measured, measured) / 2)

    def spend(self, what: str, seconds: float, error: Callable[[], ApiError]) -> None:
        """So much of a limit is used up that nobody waits for it: such requests get this error, and are not sent."""
        self._spent[family(what)] = (self._clock.now() + seconds, error)

    def spent(self, what: str) -> Callable[[], ApiError] | None:
        """What makes the error of such a request, if it need not be sent."""
        until, error = self._spent.get(family(what), (0.0, None))
        return error if self._clock.now() < until else None

    def tell(self, seconds: float, why: str) -> None:
        """Say once, to whoever wants to know, that nothing goes on for so long: however many requests wait for it."""
        until = self._clock.now() + seconds
        if seconds >= TOLD_FROM_S and until >= self._told_until + TOLD_FROM_S:
            self._told_until = until
            self._tell(seconds, why)

    def faster(self) -> None:
        """A success came."""
        if self._rate is not None:
            self._rate += FASTER_BY_PER_S

    def hold(self, what: str, seconds: float) -> None:
        """The API says that no more such requests are allowed for so long."""
        self._held[family(what)] = self._clock.now() + seconds


def family(what: str) -> str:
    """What is limited, or allowed, together: a method on a path, whatever ids stand in it."""
    return re.sub(r"/[^/]*\d[^/]*", "/*", what)
