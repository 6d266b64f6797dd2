"""Writes to the state, grouped: a transaction takes longer than what is in it, and a disk as long as a request."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from reconciler.apply.futures import tell_future
from reconciler.state import State, Write

__all__ = ["Journal"]

GATHERED_S = 0.006
"""So long after a transaction the next one begins at the earliest, so that more is in it."""


class Journal:
    """Writes to the state: those that come in one turn of the event loop, or while another transaction is under way,
    share one durable transaction."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._pending: list[tuple[tuple[Write, ...], asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._ended_s = float("-inf")
        self.transactions = 0

    def now(self) -> datetime:
        """For what is announced."""
        return self._state.now()

    def made_now(self, id: str) -> Write:
        """What to write with an object that was made just now."""
        return self._state.made_now(id)

    async def write(self, *writes: Write) -> None:
        """Returns when the writes are on disk; raises what the commit raised."""
        if not writes:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((writes, future))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await asyncio.shield(future)

    async def at_rest(self) -> None:
        """Returns when nothing is being written to a file any more: it may be closed then. Never raises for what was
        written, which whoever wrote it has heard."""
        if self._flushing is not None and self._state.busy:
            await asyncio.wait([self._flushing])

    async def _flush(self) -> None:
        """Transaction after transaction, in the order in which the writes came, until none is left."""
        while self._pending:
            if self._state.busy and (early_s := self._ended_s + GATHERED_S - time.monotonic()) > 0:
                await asyncio.sleep(early_s)
            batch, self._pending = self._pending, []
            writes = [write for writes, _ in batch for write in writes]
            self.transactions += 1
            try:
                await self._state.committed(*writes)
            except BaseException as error:  # in a task nobody would see it, and who writes would wait for ever
                for _, future in batch:
                    tell_future(future, error)
            else:
                for _, future in batch:
                    tell_future(future)
            self._ended_s = time.monotonic()
        self._flushing = None
