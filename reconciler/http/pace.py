"""How fast requests may leave: as the API lets us know by refusing some, or by saying how many are left.

What an API limits together is a bucket. A provider names them; of one that says nothing each method on each path is
one, whatever ids stand in it. What is learnt in one bucket slows no other.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from reconciler.errors import ApiError

__all__ = ["BucketOf", "Clock", "Pace", "UsesOf"]

SLOWEST_PER_S, ASSUMED_PER_S, FASTER_BY_PER_S = 0.2, 10.0, 0.1
MEASURED = 32
"""So many requests tell how fast they left."""
TOLD_FROM_S = 5.0
"""A shorter wait is told to nobody."""
ASKED_FOR = "the API asks for it (429)"
BucketOf: TypeAlias = Callable[[str, str, Mapping[str, Any]], str]
"""Method, path with `*` for each id, and what is sent (JSON or a form; {} for anything else) → the bucket; "" for the
one of this method and path."""

UsesOf: TypeAlias = Callable[[str, str, Mapping[str, Any]], Mapping[str, int]]
"""The same → what such a request uses up of its limits beside being one, by what these count."""


class Clock(Protocol):
    """Time, as far as we need it; tests give their own."""

    def now(self) -> float:
        """Seconds that only grow."""

    async def sleep(self, seconds: float) -> None:
        """Let others run for so long."""


class Pace:
    """A limit on requests per second, for each bucket, that learns from 429: none at first, halved by each, growing
    with successes.

    Requests under way together meet the same limit together: however many of them are refused, it is halved once.
    """

    def __init__(self, clock: Clock, tell: Callable[[float, str], None] = lambda seconds, why: None) -> None:
        self._clock, self._tell = clock, tell
        self._buckets = defaultdict[str, _Bucket](_Bucket)
        self._told_until = float("-inf")

    @property
    def rate_per_s(self) -> float | None:
        """Requests per second as of now, of the bucket that takes fewest; None when no 429 has come."""
        return min((it.rate for it in self._buckets.values() if it.rate is not None), default=None)

    async def turn(self, bucket: str) -> int:
        """Wait until one more request may be sent. Gives what `leaves` and `slower` ask for."""
        one = self._buckets[bucket]
        mine = max(self._clock.now(), one.next, one.until)
        one.next = mine + (1 / one.rate if one.rate else 0.0)
        while (wait_s := max(mine, one.until) - self._clock.now()) > 0:
            self.tell(one.until - self._clock.now(), ASKED_FOR)
            await self._clock.sleep(wait_s)  # and look again: a refusal may have come meanwhile
        return one.refusals

    def leaves(self, bucket: str, turn: int) -> bool:
        """Whether a request whose turn it was still may be sent now; it is counted as sent then."""
        one, now = self._buckets[bucket], self._clock.now()
        if one.refusals != turn or one.until > now:
            return False
        one.seen.append(now)
        return True

    def slower(self, bucket: str, turn: int, retry_after_s: float | None) -> None:
        """A 429 came for a request whose turn was `turn`; nothing leaves before `retry_after_s` are over."""
        one = self._buckets[bucket]
        one.until = max(one.until, self._clock.now() + (retry_after_s or 0.0))
        self.tell(retry_after_s or 0.0, ASKED_FOR)
        if turn != one.refusals:
            return
        one.refusals += 1
        span = one.seen[-1] - one.seen[0] if len(one.seen) > 1 else 0.0
        measured = (len(one.seen) - 1) / span if span > 0 else ASSUMED_PER_S
        one.rate = max(SLOWEST_PER_S, min(one.rate or measured, measured) / 2)

    def spend(self, bucket: str, seconds: float, error: Callable[[], ApiError]) -> None:
        """So much of a limit is used up that nobody waits for it: such requests get this error, and are not sent."""
        self._buckets[bucket].spent = self._clock.now() + seconds, error

    def spent(self, bucket: str) -> Callable[[], ApiError] | None:
        """What makes the error of such a request, if it need not be sent."""
        until, error = self._buckets[bucket].spent
        return error if self._clock.now() < until else None

    def tell(self, seconds: float, why: str, least_s: float = TOLD_FROM_S) -> None:
        """Say once, to whoever wants to know, that nothing goes on for so long: however many requests wait for it."""
        until = self._clock.now() + seconds
        if seconds >= least_s and until >= self._told_until + least_s:
            self._told_until = until
            self._tell(seconds, why)

    def faster(self, bucket: str) -> None:
        """A success came."""
        if (one := self._buckets[bucket]).rate is not None:
            one.rate += FASTER_BY_PER_S

    def hold(self, bucket: str, seconds: float) -> None:
        """The API says that no more such requests are allowed for so long."""
        one = self._buckets[bucket]
        one.until = max(one.until, self._clock.now() + seconds)


class _Bucket:
    """What is known of one limit."""

    __slots__ = ("next", "rate", "refusals", "seen", "spent", "until")

    def __init__(self) -> None:
        self.rate: float | None = None
        self.next = self.until = 0.0
        self.refusals = 0
        self.seen: deque[float] = deque(maxlen=MEASURED)
        self.spent: tuple[float, Callable[[], ApiError] | None] = (0.0, None)
