"""The results of one stack, for who makes and removes them: the store behind a lock, off the event loop, and its
manifest at hand.

Stores are synchronous and are called by one thread at a time. A plan reads the manifest anew; within an apply it is
what was read, and what was written since by this run alone, for the stack's lock is held.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from reconciler.errors import StoreError
from reconciler.results.contract import Store
from reconciler.results.opening import open_store
from reconciler.results.rows import Made, Rows

__all__ = ["DIRECTORY", "Shelf"]

T = TypeVar("T")
DIRECTORY = "results"
"""Where results are kept if nothing is said, below the stack's directory."""


class Shelf:
    """The sets of one stack. `said` is what stands under `results:`."""

    def __init__(self, stack: str, root: Path, said: Mapping[str, Any] | None = None) -> None:
        self.stack, self._root, self._said = stack, root, said or {}
        self.former: Sequence[str] = ()
        """Names that the stack had before: what is kept under one of them is its own."""
        self._store: Store | None = None
        self._lock = asyncio.Lock()
        self._sets: dict[str, Made] | None = None
        self._prepared: set[tuple[str, int | None]] = set()

    async def sets(self, *, anew: bool = False) -> Mapping[str, Made]:
        """address → its row of the manifest; no rows of any set are read. `anew` asks the store, whatever is known."""
        if self._sets is None or anew:
            if self._nothing_can_be_there():
                return {}
            names = (*self.former, self.stack)  # what is under its name of now counts
            found = await self._call(lambda store: [made for name in names for made in store.list(name)])
            self._sets = {made.address: made for made in found}
        return self._sets

    def _nothing_can_be_there(self) -> bool:
        """Whether what has the name of the usual directory is none: no stack that says nothing of results has to do
        without a plan for that. Who wants to keep something there is told."""
        try:
            self._opened()
        except StoreError:
            if "to" in self._said:
                raise
            return True
        return False

    async def keep(self, made: Made, rows: Rows) -> None:
        """Keep a set, instead of what was at its address before. StoreError, before anything is written, when the store
        cannot take it."""
        if (made.model, made.dim) not in self._prepared:
            problems = await self._call(lambda store: store.prepare({made.model: made.dim}))
            if problems:
                raise StoreError(*(problem.summary for problem in problems))
            self._prepared.add((made.model, made.dim))
        await self.sets()
        kept = await self._call(lambda store: store.replace(made, rows))
        self._sets = {**(self._sets or {}), made.address: kept}  # others are kept meanwhile: nothing is awaited here

    async def copy(self, made: Made, address: str, source: str, task: str, made_at: str) -> bool:
        """Keep a set under another address too, of an input that is the same; whether it was there."""
        rows = await self._call(lambda store: store.read(made.stack, made.address))
        if rows is None:
            return False
        rows = rows.under(self.stack, address, source)
        copied = replace(
            made, stack=self.stack, address=address, source=source, task=task, made_at=made_at, digest=rows.digest
        )
        await self.keep(copied, rows)
        return True

    async def remove(self, address: str, stack: str | None = None) -> None:
        """Remove a set, of a former name of the stack if that is said; one that is not there is fine."""
        owner = stack or self.stack
        await self._call(lambda store: store.delete(owner, address))
        if self._sets is not None:
            gone = (owner, address)
            self._sets = {it: made for it, made in self._sets.items() if (made.stack, it) != gone}

    async def rows(self, address: str) -> Rows | None:
        """All rows of a set."""
        return await self._call(lambda store: store.read(self.stack, address))

    async def wrong(self, dims: Mapping[str, int | None]) -> list[str]:
        """What is in the way of keeping sets of these models and dimensions; nothing is made or changed."""
        problems = await self._call(lambda store: store.prepare(dims, make=False))
        return [problem.summary for problem in problems]

    def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            self._store.close()
            self._store = None

    async def _call(self, what: Callable[[Store], T]) -> T:
        async with self._lock:
            return await asyncio.to_thread(lambda: what(self._opened()))

    def _opened(self) -> Store:
        if self._store is None:
            said = self._said
            url, columns = str(said.get("to", DIRECTORY)), said.get("columns")
            self._store = open_store(url, root=self._root, table=said.get("table", "results"), columns=columns)
        return self._store
