"""How much, how long, how often: media limits, and rate limits by bucket."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.emulator.media import kind_of
from reconciler.emulator.options import Options
from reconciler.emulator.problems import Envelope, Problem

__all__ = ["BUCKETS", "Limiter", "check_indexable"]

BUCKETS: Mapping[str, str] = {
    "*": "every request",
    "assets": "POST /assets",
    "indexing": "POST of indexed assets, and of tasks",
    "search": "POST /search, and of a knowledge store",
    "analyze": "POST /analyze, and of analyze tasks",
    "embed": "POST of embeddings and embedding tasks",
}
"""What shares a limit; the names are those of `Route.bucket`, and of `requests_per_minute` and `requests_per_day`."""
WINDOWS: Mapping[str, float] = {"minute": 60.0, "day": 86400.0}
SHORTEST_S, LONGEST_S = 4.0, 4 * 3600.0
LEAST_SIDE, MOST_WIDTH, MOST_HEIGHT, MOST_ASPECT = 360, 5184, 2160, 2.4


def check_indexable(media: dict[str, Any]) -> None:
    """Whether a Marengo index takes the file. Only what was read from its own header is held against it."""
    if not media["measured"]:
        return
    duration = media["duration"]
    if duration is not None and duration < SHORTEST_S:
        raise Problem(400, "video_duration_too_short", f"It must last {SHORTEST_S:g} s at least, not {duration:g}.")
    if duration is not None and duration > LONGEST_S:
        raise Problem(400, "video_duration_too_long", f"It must last {LONGEST_S:g} s at most, not {duration:g}.")
    if kind_of(media["mime"]) == "video" and media["width"] and media["height"]:
        _check_frame(media["width"], media["height"])


def _check_frame(width: int, height: int) -> None:
    long, short = max(width, height), min(width, height)
    if short < LEAST_SIDE:
        raise Problem(400, "video_resolution_too_low", f"{width}x{height} is below {LEAST_SIDE}x{LEAST_SIDE}.")
    if long > MOST_WIDTH or short > MOST_HEIGHT:
        raise Problem(400, "video_resolution_too_high", f"{width}x{height} is above {MOST_WIDTH}x{MOST_HEIGHT}.")
    if long / short > MOST_ASPECT:
        raise Problem(400, "video_resolution_invalid_aspect_ratio", f"{width}:{height} is beyond {MOST_ASPECT}:1.")


class Limiter:
    """Counts requests by bucket, in windows of a minute and of a day that begin with the first request in them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._windows: dict[tuple[str, str], tuple[float, int]] = {}

    def take(self, bucket: str | None, options: Options, envelope: Envelope) -> dict[str, str]:
        """The headers that say what is left, if the bucket has a limit. Raises the 429 when nothing is."""
        headers: dict[str, str] = {}
        for window, limits in (("day", options.requests_per_day), ("minute", options.requests_per_minute)):
            for name in ("*", bucket):
                if name is not None and name in limits:
                    headers = self._take((name, window), limits[name], options, envelope)
        return headers

    def _take(self, key: tuple[str, str], most: int, options: Options, envelope: Envelope) -> dict[str, str]:
        start, used = self._windows.get(key, (-math.inf, 0))
        length = WINDOWS[key[1]]
        if self._now() >= start + length:
            start, used = self._now(), 0
        wait = max(math.ceil(start + length - self._now()), 1)
        taken = min(used + 1, most)
        self._windows[key] = (start, taken)
        headers = {
            "X-Ratelimit-Limit": str(most),
            "X-Ratelimit-Remaining": str(most - taken),
            "X-Ratelimit-Used": str(taken),
            "X-Ratelimit-Reset": str(math.ceil(start + length)),
        }
        if used >= most:
            again = {"Retry-After": str(wait)} if options.retry_after else {}
            message = f"You have exceeded {most} requests a {key[1]}. Try again in {wait} seconds."
            raise Problem(429, "too_many_requests", message, envelope=envelope, headers={**headers, **again})
        return headers

    def clear(self) -> None:
        self._windows.clear()
