"""What would take an hour is tried in turns: a part with each run of the suite, another one with each commit."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

__all__ = ["ALL", "in_turn", "turn"]

ALL = os.environ.get("CRASH_KILLS") == "all"
"""Whether everything is tried."""


@cache
def _commit() -> int:
    """The commit as a number: every worker says the same, a run can be had again, and the commits of some days come by
    all turns. Where there is no git, 0."""
    with suppress(OSError):
        asked = ["git", "rev-parse", "HEAD"]
        told = subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True, check=False).stdout
        return int(told or "0", 16)
    return 0


def turn(of: int) -> int:
    """Whose turn it is, of so many, counted from 0."""
    return _commit() % of


def in_turn(of: int) -> Iterator[int]:
    """1, 2, 3 and so on without end: all of them, or one in so many."""
    return itertools.count(1) if ALL else itertools.count(1 + turn(of), of)
