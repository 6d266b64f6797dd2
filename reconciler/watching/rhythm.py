"""When the next look is due: each so often, not at the moment of everybody else's, and later while looks fail. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from reconciler.frozen import dataclass

__all__ = ["Rhythm", "go_on", "seconds_of"]

JITTER = 0.1
"""So much of a pause it is longer or shorter by chance: a fleet that was started together does not stay so."""
MOST = 4
"""So many times the interval a pause may grow while looks fail."""
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(?:\d+[smhd])+")


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often."""

    interval_s: float

    def pause_s(self, failures: int, chance: float) -> float:
        """Until the next look, after so many failures in a row; `chance` is from 0 to 1."""
        longer = min(2.0 ** max(min(failures, 30) - 1, 0), MOST)
        return self.interval_s * longer * (1 + JITTER * (2 * chance - 1))


def seconds_of(text: str) -> float | None:
    """`15m`, `90s`, `1h30m`; None for anything else."""
    if not DURATION.fullmatch(text):
        return None
    return float(sum(int(part[:-1]) * UNITS[part[-1]] for part in re.findall(r"\d+[smhd]", text)))


def go_on(
    look: Callable[[], bool],
    rhythm: Rhythm,
    wait: Callable[[float, int], None],
    chance: Callable[[], float],
    rounds: int | None = None,
) -> None:
    """Look, which says whether that went well, and wait, again and again or so many times. `wait` is told how long, and
    how many looks in a row have failed. Whoever wants it to end raises something in either."""
    failures = done = 0
    while True:
        failures = 0 if look() else failures + 1
        done += 1
        if done == rounds:
            return
        wait(rhythm.pause_s(failures, chance()), failures)
