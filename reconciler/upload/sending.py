"""What all uploads of one run share: how many at once, how fast, who is told, and where those in flight are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from reconciler.upload.bandwidth import Bandwidth
from reconciler.upload.handle import Upload
from reconciler.upload.hashes import Files

if TYPE_CHECKING:
    from reconciler.http import Clock

__all__ = ["Ledger", "Sending"]


class Ledger(Protocol):
    """Uploads in flight, kept where the next run finds them, on whatever machine that is."""

    def of(self, address: str) -> Upload | None:
        """The upload that an earlier run began for the address."""

    async def keep(self, upload: Upload) -> None:
        """Returns when it is on disk."""

    async def drop(self, upload_id: str) -> None:
        """It is given up."""


class _Nowhere:
    """Keeps nothing: what is interrupted begins anew."""

    def of(self, address: str) -> Upload | None:
        return None

    async def keep(self, upload: Upload) -> None:
        return

    async def drop(self, upload_id: str) -> None:
        return


class Sending:
    """`parallelism` is how many requests with bytes of files are under way at once, over all files."""

    def __init__(self, files: Files, *, clock: Clock, parallelism: int = 8, bytes_per_s: float | None = None) -> None:
        self.files, self.clock, self.parallelism = files, clock, parallelism
        self.slots = asyncio.Semaphore(parallelism)
        self.bandwidth = Bandwidth(bytes_per_s, clock)
        self.ledger: Ledger = _Nowhere()
        self.on_bytes: Callable[[str, int, int], None] = lambda address, done, total: None
        """(address, bytes that are there, bytes in all); what has to be sent again is taken back."""
        self.stopped = False

    def begin(self, ledger: Ledger, on_bytes: Callable[[str, int, int], None]) -> None:
        """An apply begins."""
        self.ledger, self.on_bytes, self.stopped = ledger, on_bytes, False

    def stop(self) -> None:
        """Begin no more chunks: what is there is kept, the next run goes on."""
        self.stopped = True
