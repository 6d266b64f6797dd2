"""What a worker is asked, by name: whether it is fit for a run, and to do a step of it.

Each process has one event loop in a thread of its own, and one stack that is open: so all of its steps share a
connection to the state and those to the API, and the worker itself goes on answering its scheduler.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import asdict
from functools import cache, lru_cache
from typing import Any, TypeVar

from reconciler.errors import ReconcilerError
from reconciler.spread.hashing import FilesThere
from reconciler.spread.opened import Opened, opened
from reconciler.spread.progress import TellingBytes

__all__ = ["facts", "read", "step", "unfit"]

T = TypeVar("T")
_beginning, _loading = threading.Lock(), threading.Lock()
"""Held while what all steps of a process share is made: a worker that joins late is given several at once."""


def unfit(run: str) -> str:
    """Why this worker cannot do steps of the run; "" when it can."""
    return _process().do(_unfit(run))


def step(run: str, address: str) -> tuple[str, str]:
    """Do what is offered for the address, if nobody has taken it: who was asked, and why it cannot do steps at all, or
    "". What came of it is in the state."""
    from distributed import get_worker

    return _process().do(_step(run, address, get_worker()))


def facts(run: str) -> dict[str, Any]:
    """How this worker has what is declared; or what is wrong with it."""
    try:
        return asdict(_looked_at(run).shared)
    except ReconcilerError as error:
        return {"wrong": str(error)}


def read(run: str, what: str, addresses: Sequence[str]) -> dict[str, tuple[Any, int, int]]:
    """path → sha256 (`hash`) or what is in it (`probe`, `cut`), size and modification time, of the files that are
    declared at these addresses."""
    return _looked_at(run).read(what, addresses)


def _looked_at(run: str) -> FilesThere:
    with _loading:
        return _stack_for(run)


@lru_cache(maxsize=1)
def _stack_for(run: str) -> FilesThere:
    return FilesThere(run)


async def _unfit(run: str) -> str:
    try:
        await _process().of(run)
    except ReconcilerError as error:
        return str(error)
    return ""


async def _step(run: str, address: str, worker: Any) -> tuple[str, str]:
    holder = str(worker.address)
    try:
        here = await _process().of(run)
        here.tell_bytes(lambda: TellingBytes(worker, run))
        await here.step(address, holder)
    except ReconcilerError as error:
        await _process().forget()
        return holder, str(error)
    return holder, ""


class _Process:
    """The loop of this process, and what is open in it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._opening = asyncio.Lock()
        self._opened: Opened | None = None
        threading.Thread(target=self._loop.run_forever, name="reconciler", daemon=True).start()

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """Do it there, and wait for it."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def of(self, run: str) -> Opened:
        """The stack, opened for a run. ReconcilerError says what is wrong with it."""
        async with self._opening:
            if self._opened is None or self._opened.run.run != run:
                await self._close()
                self._opened = await opened(run)
            return self._opened

    async def forget(self) -> None:
        """The next step opens it anew, unless others are at work in it."""
        async with self._opening:
            if self._opened is not None and self._opened.busy == 0:
                await self._close()

    async def _close(self) -> None:
        if self._opened is not None:
            before, self._opened = self._opened, None
            await before.close()


def _process() -> _Process:
    with _beginning:
        return _begun()


@cache
def _begun() -> _Process:
    return _Process()
