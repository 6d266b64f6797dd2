"""How far files are that workers send, told to the run by their scheduler: an address, and how many bytes are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler.state import moment

__all__ = ["Bytes", "TellingBytes", "heard", "topic"]

EVERY_S = 0.5
"""How often a worker tells of each file. That all of it is there says the state."""
Bytes = Callable[[str, int, int], None]
"""(address, bytes that are there, bytes in all)"""


def topic(run: str) -> str:
    """Under which events of a run are told."""
    return f"reconciler-{run}-bytes"


class TellingBytes:
    """In a worker of Dask; it may be called in any thread."""

    def __init__(self, worker: Any, run: str) -> None:
        self._worker, self._topic = worker, topic(run)
        self._told_s: dict[str, float] = {}

    def __call__(self, address: str, done: int, total: int) -> None:
        """Tell it, if it was not told just now."""
        if (now := moment()) - self._told_s.get(address, float("-inf")) < EVERY_S:
            return
        self._told_s[address] = now
        self._worker.log_event(self._topic, [address, done, total])


def heard(event: Any, tell: Bytes) -> None:
    """What came from the scheduler, if it is as we tell it: others may tell there what they like."""
    match event:
        case (_, [str(address), int(done), int(total)]) | (_, (str(address), int(done), int(total))):
            if 0 <= done <= total:
                tell(address, done, total)
