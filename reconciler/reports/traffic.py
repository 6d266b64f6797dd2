"""How fast bytes leave and how long they will take, out of events; the clock is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import field

from reconciler.frozen import dataclass

__all__ = ["Flow", "Traffic", "amount", "duration"]

WINDOW_S = 10.0
"""The rate is that of the last ten seconds: what stalls shows soon, what jitters does not."""


@dataclass(slots=True)
class Flow:
    """One file, or all of them: how much is there, and how that has grown."""

    total: int = 0
    done: int = 0
    seen: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, now_s: float, done: int) -> None:
        """So much is there now."""
        self.done = done
        self.seen.append((now_s, done))
        while len(self.seen) > 2 and self.seen[1][0] <= now_s - WINDOW_S:
            self.seen.popleft()

    @property
    def bytes_per_s(self) -> float:
        """0 while that cannot be said."""
        (since_s, before), (now_s, after) = self.seen[0], self.seen[-1]
        return max(after - before, 0) / (now_s - since_s) if now_s > since_s else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds until all is there; None while that cannot be said."""
        rate = self.bytes_per_s
        return (self.total - self.done) / rate if rate else None


class Traffic:
    """All uploads of a run. `expected` is how many bytes the plan says."""

    def __init__(self, expected: int, now: Callable[[], float]) -> None:
        self.files: dict[str, Flow] = {}
        self.all = Flow(total=expected)
        self._expected, self._now, self._arrived = expected, now, 0

    def see(self, address: str, done: int, total: int) -> Flow:
        """The pace of one file after this event; that of all is `all`."""
        pace = self.files.setdefault(address, Flow(total=total))
        self._arrived += done - pace.done
        pace.add(self._now(), done)
        self.all.total = max(self._expected, sum(it.total for it in self.files.values()))
        self.all.add(self._now(), self._arrived)
        return pace

    @property
    def under_way(self) -> int:
        """How many files have begun and are not there."""
        return sum(pace.done < pace.total for pace in self.files.values())


def amount(count: float) -> str:
    """Bytes for people: `1.2 GB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def duration(seconds: float | None) -> str:
    """Seconds for people: `2 h 05 min`."""
    if seconds is None:
        return "unknown"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
