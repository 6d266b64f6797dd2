"""How often, and how much of it: the vendor's rate limits by plan and family, quotas, and who counts them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.windows import Windows
from reconciler.emulator.twelvelabs.options import Options, PlanName

__all__ = ["BUCKETS", "PLANS", "QUOTAS", "AccountQuota", "FamilyRate", "Limiter", "quota"]

BUCKETS: Mapping[str, str] = {
    "*": "every request",
    "assets": "POST /assets",
    "indexing": "POST of indexed assets, and of tasks",
    "search": "POST /search, and of a knowledge store",
    "analyze": "POST /analyze, and of analyze tasks",
    "embed": "POST of embeddings and embedding tasks",
    "responses": "POST /responses",
}
"""What shares a limit; the names are those of `Route.bucket`, and of `requests_per_minute` and `requests_per_day`."""
FAMILIES: Mapping[str, str] = {"assets": "index", "indexing": "index"}
"""The family of a plan's table in which a bucket counts, where it is not the bucket's own name."""
SECONDS: Mapping[str, float] = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
WRITTEN: Mapping[str, str] = {"second": "1s", "minute": "1min", "hour": "1hour", "day": "1day"}
UNITS: Mapping[str, str] = {"requests": "req", "media_minutes": "min", "tokens": "tokens"}


@dataclass(frozen=True, slots=True)
class FamilyRate:
    """What one family of endpoints may be asked for; a name says what is counted, and in which window."""

    requests_a_minute: int
    requests_a_day: int
    media_minutes_an_hour: int | None = None
    media_minutes_a_day: int | None = None
    tokens_a_minute: int | None = None
    tokens_a_day: int | None = None

    def times(self, factor: int) -> FamilyRate:
        """That of a larger plan."""
        return FamilyRate(**{name: most and most * factor for name, most in asdict(self).items()})

    def most(self, unit: str, window: str) -> int | None:
        """The number for a unit and a window; None if that is not limited."""
        article = "an" if window == "hour" else "a"
        found: int | None = getattr(self, f"{unit}_{article}_{window}", None)
        return found


FIRST: Mapping[str, FamilyRate] = {
    "index": FamilyRate(60, 3000, 600, 3000),
    "search": FamilyRate(600, 3000),
    "analyze": FamilyRate(60, 1000, 600, 3000, 30_000, 500_000),
    "embed": FamilyRate(600, 3000),
    "embed-media": FamilyRate(25, 3000, 600, 3000),
}
"""`index` is uploading and indexing together; `embed` is of text and images, `embed-media` of sound and video."""
PLANS: Mapping[PlanName, Mapping[str, FamilyRate]] = {
    "free": FIRST,
    "developer-1": FIRST,
    "developer-2": {family: rate.times(2) for family, rate in FIRST.items()},
    "developer-3": {family: rate.times(4) for family, rate in FIRST.items()},
}


@dataclass(frozen=True, slots=True)
class AccountQuota:
    """What an account may hold; None for no end."""

    indexing: int | None = None
    """At a time."""
    collections: int | None = None
    entities: int | None = None
    videos: int | None = None
    """Of one index."""
    hours: float | None = None
    """Of one index."""


DEVELOPER = AccountQuota(indexing=25, videos=100_000, hours=10_000)
QUOTAS: Mapping[PlanName, AccountQuota] = {
    "free": AccountQuota(indexing=5, collections=1, entities=15, videos=100, hours=10),
    "developer-1": DEVELOPER,
    "developer-2": DEVELOPER,
    "developer-3": DEVELOPER,
}


def quota(options: Options) -> AccountQuota:
    """That of the plan; what is set by itself goes before it."""
    planned = QUOTAS[options.plan] if options.plan else AccountQuota()

    def first(own: int | None, other: int | None) -> int | None:
        return other if own is None else own

    return AccountQuota(
        first(options.max_indexing, planned.indexing),
        first(options.max_collections, planned.collections),
        first(options.max_entities, planned.entities),
        planned.videos,
        planned.hours,
    )


class Limiter:
    """Counts by account, in windows that begin with the first request in them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._windows = Windows(now)

    def take(self, account: str, bucket: str | None, options: Options, envelope: str) -> dict[str, str]:
        """The headers that say what is left of the shortest window that has a limit. Raises the 429 when nothing is."""
        headers: dict[str, str] = {}
        # The day first: the headers that stay are then those of the shortest window (chosen).
        for window, limits in (
            ("day", options.requests_per_day),
            ("minute", options.requests_per_minute),
            ("second", options.requests_per_second),
        ):
            for name in ("*", bucket):
                if name is not None and name in limits:
                    key = (account, name, "requests", window)
                    headers = self._count(key, limits[name], 1, options, envelope)
            if bucket is not None and (most := _most(options, FAMILIES.get(bucket, bucket), "requests", window)):
                key = (account, f"plan:{FAMILIES.get(bucket, bucket)}", "requests", window)
                headers = self._count(key, most, 1, options, envelope)
        return headers

    def spend(self, account: str, family: str, unit: str, amount: float, options: Options) -> None:
        """Take some of what the plan has for a family. Raises the 429 if that is not enough."""
        for window in ("day", "hour", "minute"):
            if most := _most(options, family, unit, window):
                self._count((account, f"plan:{family}", unit, window), most, amount, options, None)

    def _count(
        self, key: tuple[str, str, str, str], most: int, amount: float, options: Options, envelope: str | None
    ) -> dict[str, str]:
        counted = self._windows.count(key, SECONDS[key[3]], most, amount)
        left = max(math.floor(most - counted.used), 0)
        headers = {
            "X-Ratelimit-Limit": str(most),
            "X-Ratelimit-Remaining": "0" if counted.refused else str(left),
            "X-Ratelimit-Used": str(most if counted.refused else most - left),
            "X-Ratelimit-Reset": str(math.ceil(counted.end)),
        }
        if counted.refused:
            again = {"Retry-After": str(counted.wait_s)} if options.retry_after else {}
            # The sentence of a recorded 429: it names the limit, and the time in whole seconds.
            until = rfc3339(math.ceil(counted.end), digits=0)
            allowed = f"{most}{UNITS[key[2]]}/{WRITTEN[key[3]]}"
            message = f"You have exceeded the rate limit ({allowed}). Please try again later after {until}."
            raise ApiProblem(429, "too_many_requests", message, envelope=envelope, headers={**headers, **again})
        return headers

    def clear(self) -> None:
        """Forget what was counted."""
        self._windows.clear()


def _most(options: Options, family: str, unit: str, window: str) -> int | None:
    rate = PLANS[options.plan].get(family) if options.plan else None
    return rate.most(unit, window) if rate else None
