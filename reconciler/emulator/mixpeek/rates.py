"""How often: the vendor's limits by plan, in requests a minute."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.mixpeek.options import MixpeekOptions, PlanName

__all__ = ["BUCKETS", "PLANS", "MinuteLimiter"]

BUCKETS: Mapping[str, str] = {
    "*": "every request",
    "index text": "POST /index/text",
    "index url": "POST /index/videos/url, /index/images/url and /index/url",
    "search text": "POST /features/search/text, POST /assets/search",
    "search url": "POST /features/search/url",
}
PLANS: Mapping[PlanName, Mapping[str, int]] = {
    "free": {"*": 10},
    "pro": {"": 60, "index text": 200, "index url": 120, "search text": 200, "search url": 120},
}
"""`*` is counted for all requests together; "" is what has no bucket of its own."""
WINDOW_S = 60.0


class MinuteLimiter:
    """Counts by account and bucket, in minutes that begin with the first request in them (chosen)."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._windows: dict[tuple[str, str], tuple[float, int]] = {}

    def take(self, account: str, bucket: str | None, options: MixpeekOptions, envelope: str) -> dict[str, str]:
        """No header says what is left. Raises the 429 when nothing is."""
        planned = PLANS[options.plan] if options.plan else {}
        for name in ("*", bucket or ""):
            most = options.requests_per_minute.get(name, planned.get(name))
            if most is not None:
                self._count((account, name), most, options)
        return {}

    def _count(self, key: tuple[str, str], most: int, options: MixpeekOptions) -> None:
        start, used = self._windows.get(key, (-math.inf, 0))
        if self._now() >= start + WINDOW_S:
            start, used = self._now(), 0
        if used >= most:
            wait = max(math.ceil(start + WINDOW_S - self._now()), 1)
            headers = {"Retry-After": str(wait)} if options.retry_after else {}
            message = f"Rate limit exceeded: {most} requests a minute."
            raise ApiProblem(429, "TooManyRequests", message, headers=headers)
        self._windows[key] = (start, used + 1)

    def spend(self, account: str, family: str, unit: str, amount: float, options: MixpeekOptions) -> None:
        """Nothing is counted but requests."""

    def clear(self) -> None:
        """Forget what was counted."""
        self._windows.clear()
