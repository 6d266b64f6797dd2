"""What all uploads of one run share: how many at once, how fast, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reconciler.files.bandwidth import Bandwidth
from reconciler.files.hashes import Files
from reconciler.lazily import asyncio

if TYPE_CHECKING:
    from reconciler.http import Clock

__all__ = ["Sending"]


class Sending:
    """`parallelism` is how many requests with bytes of files are under way at once, over all files."""

    def __init__(self, files: Files, *, clock: Clock, parallelism: int = 8, bytes_per_s: float | None = None) -> None:
        self.files, self.clock, self.parallelism = files, clock, parallelism
        self.slots = asyncio.Semaphore(parallelism)
        self.bandwidth = Bandwidth(bytes_per_s, clock)
        self.on_bytes: Callable[[str, int, int], None] = lambda address, done, total: None
        """(address, bytes that are there, bytes in all); what has to be sent again is taken back."""
        self.stopped = False

    def begin(self, on_bytes: Callable[[str, int, int], None]) -> None:
        """An apply begins."""
        self.on_bytes, self.stopped = on_bytes, False

    def stop(self) -> None:
        """Begin no more chunks: what is there is kept, the next run goes on."""
        self.stopped = True
