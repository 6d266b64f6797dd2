"""How fast bytes may leave: one bucket for all uploads of a run, in bytes per second."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.http import Clock

__all__ = ["Bandwidth", "parse_rate"]

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
BURST_S = 0.25
"""How much that was not used may be made up for."""


def parse_rate(text: str) -> float:
    """`50M`, `800k`, `1.5Gi`: bytes per second. ValueError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?)?(?:b(?:/s)?)?", text.strip().lower())
    rate = float(match[1]) * UNITS[match[2] or ""] if match else 0.0
    if rate < 1:
        raise ValueError(f"{text!r} is not a valid rate; write bytes per second, such as 50M or 800k")
    return rate


class Bandwidth:
    """A token bucket. Whoever wants to send waits until its bytes fit; first come, first served."""

    def __init__(self, bytes_per_s: float | None, clock: Clock) -> None:
        self._rate, self._clock = bytes_per_s, clock
        self._paid_until = float("-inf")

    @property
    def piece_bytes(self) -> int:
        """How much to ask for at once: small enough that a slow line moves every second or so."""
        return 1 << 18 if self._rate is None else int(min(1 << 18, max(1 << 10, self._rate / 4)))

    async def take(self, count: int) -> None:
        """Wait until `count` more bytes may leave."""
        if self._rate is None:
            return
        now = self._clock.now()
        start = max(self._paid_until, now - BURST_S)
        self._paid_until = start + count / self._rate
        if self._paid_until > now:
            await self._clock.sleep(self._paid_until - now)
