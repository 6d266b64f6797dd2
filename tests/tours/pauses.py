"""What a tour sees of waiting: how often a loop paused, without pausing for as long as it wanted."""

from __future__ import annotations

import time

__all__ = ["Pauses"]

really_sleep = time.sleep


class Pauses:
    """Takes the place of `time.sleep`; `taken()` is how many pauses there were since it was last asked."""

    def __init__(self, each_s: float) -> None:
        self._each_s = each_s
        self._count = 0
        vars(time)["sleep"] = self._pause

    def _pause(self, seconds: float) -> None:
        self._count += 1
        really_sleep(min(seconds, self._each_s))

    def taken(self) -> int:
        count, self._count = self._count, 0
        return count
