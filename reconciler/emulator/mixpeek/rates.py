"""How often: the vendor's limits by plan, in requests a minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.windows import Windows
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
        self._windows = Windows(now)

    def take(self, account: str, bucket: str | None, options: MixpeekOptions, envelope: str) -> dict[str, str]:
        """No header says what is left. Raises the 429 when nothing is."""
        planned = PLANS[options.plan] if options.plan else {}
        for name in ("*", bucket or ""):
            most = options.requests_per_minute.get(name, planned.get(name))
            if most is not None:
                self._count((account, name), most, options)
        return {}

    def _count(self, key: tuple[str, str], most: int, options: MixpeekOptions) -> None:
        counted = self._windows.count(key, WINDOW_S, most)
        if counted.refused:
            headers = {"Retry-After": str(counted.wait_s)} if options.retry_after else {}
            message = f"Rate limit exceeded: {most} requests a minute."
            raise ApiProblem(429, "TooManyRequests", message, headers=headers)

    def spend(self, account: str, family: str, unit: str, amount: float, options: MixpeekOptions) -> None:
        """Nothing is counted but requests."""

    def clear(self) -> None:
        """Forget what was counted."""
        self._windows.clear()
