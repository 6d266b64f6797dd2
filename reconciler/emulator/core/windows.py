"""Counting in windows of time, as rate limits do. A window begins with the first count in it: whether a vendor's do is
not known."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

__all__ = ["WindowCount", "Windows"]


@dataclass(frozen=True, slots=True)
class WindowCount:
    """How a window stands after it was asked for some more."""

    used: float
    refused: bool
    """Whether that would have been too much: then nothing of it is counted."""
    end: float
    """When the window is over, in seconds since 1970."""
    wait_s: int
    """Whole seconds until then, one at least."""


class Windows:
    """What was used of each limit in its present window."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._windows: dict[Hashable, tuple[float, float]] = {}

    def count(self, key: Hashable, length_s: float, most: float, amount: float = 1.0) -> WindowCount:
        """Use some of a limit, of which there is `most` in `length_s` seconds."""
        now = self._now()
        start, used = self._windows.get(key, (-math.inf, 0.0))
        if now >= start + length_s:
            start, used = now, 0.0
        refused = used + amount > most
        used = used if refused else used + amount
        self._windows[key] = (start, used)
        return WindowCount(used, refused, start + length_s, max(math.ceil(start + length_s - now), 1))

    def clear(self) -> None:
        """Forget what was counted."""
        self._windows.clear()
