"""The results of one stack, for who makes and removes them: its stores behind a lock, off the event loop, and their
manifests at hand.

Stores are synchronous and are called by one thread at a time. A plan reads the manifests anew; within an apply they are
what was read, and what was written since by this run alone, for the stack's lock is held.

A set is in one store. While it moves to another it is in both, and the one that was kept last counts: a run that is
killed there is gone on with by the next, which sees it in two.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from reconciler.errors import StoreError
from reconciler.lazily import asyncio
from reconciler.results.contract import Store, of_another
from reconciler.results.opening import open_declared
from reconciler.results.rows import Made, Rows

__all__ = ["DEFAULT", "SetPlace", "Shelf"]

T = TypeVar("T")
DEFAULT = "default"
"""The store of what does not say into which it goes."""


class SetPlace(NamedTuple):
    """Where a set is: the name of a store under `results:`, and what it is called there."""

    store: str
    stack: str
    address: str


class Shelf:
    """The sets of one stack. `said` is what stands under `results:`: name of a store → `to`, `table`, `columns`."""

    def __init__(self, stack: str, root: Path, said: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.stack, self._root, self._said = stack, root, said or {DEFAULT: {}}
        self.id = ""
        """The stack's random id, which whoever knows the state fills in: sets with another one are another stack's."""
        self.former: Sequence[str] = ()
        """Names that the stack had before: what is kept under one of them is its own."""
        self.before_write: Callable[[], Awaitable[None]] | None = None
        """Awaited right before each set that is written or removed: raises when this run is to do so no more."""
        self.alone = True
        """Whether nobody else writes sets of this stack, so that what a killed run has left can be put in order."""
        self._swept: set[str] = set()
        self._stores: dict[str, Store] = {}
        self._lock = asyncio.Lock()
        self._kept: dict[SetPlace, Made] | None = None
        self._counting: tuple[Mapping[SetPlace, Made], str, dict[str, Made]] | None = None
        """Of which sets and for which id it was found out what counts, and what."""
        self._prepared: set[tuple[str, str, int | None]] = set()

    def known_as(self, id: str | None, former: Sequence[str] = ()) -> None:
        """Say what the state knows of the stack."""
        self.id, self.former = id or "", former

    async def known_by_what_is_kept(self) -> None:
        """Where no state knows the stack's id, take the one that all sets of its name carry: to look, not to write."""
        if not self.id and len(ids := {made.stack_id for made in await self.others()}) == 1:
            self.id = ids.pop()

    @property
    def stores(self) -> Sequence[str]:
        """The names of all stores."""
        return tuple(self._said)

    # Reading manifests

    async def places(self, *, anew: bool = False) -> Mapping[SetPlace, Made]:
        """Every set under a name of the stack, in every store, of other stacks of the name too; no rows of any are
        read. `anew` asks the stores, whatever is known."""
        if self._kept is None or anew:
            if self._nothing_can_be_there():
                return {}
            found: dict[SetPlace, Made] = {}
            for name in self.stores:
                for made in await self._call(name, self._listed):
                    found[SetPlace(name, made.stack, made.address)] = made
            self._kept = found
        return self._kept

    def _listed(self, store: Store) -> list[Made]:
        return [made for name in (*self.former, self.stack) for made in store.list(name)]

    async def sets(self, *, anew: bool = False) -> Mapping[str, Made]:
        """address → its row of a manifest, of all sets that are this stack's: the one that counts."""
        places = await self.places(anew=anew)
        if self._counting is None or self._counting[0] is not places or self._counting[1] != self.id:
            found: dict[str, tuple[tuple[bool, str], Made]] = {}
            for made in filter(self.is_ours, places.values()):
                rank = (made.stack == self.stack, made.made_at)  # what is under its name of now counts
                if made.address not in found or rank > found[made.address][0]:
                    found[made.address] = rank, made
            self._counting = places, self.id, {address: made for address, (_, made) in found.items()}
        return self._counting[2]

    async def others(self) -> Sequence[Made]:
        """The sets of other stacks of this name."""
        return [made for made in (await self.places()).values() if not self.is_ours(made)]

    def is_ours(self, made: Made) -> bool:
        """Whether a set is this stack's. What has no id was kept by an older version: it is by its name."""
        return made.stack_id in ("", self.id)

    async def into(self, made: Made) -> str:
        """The name of the store that a set is in; of all, where a run was killed that moved it."""
        places = await self.places()
        names = {place.store: None for place in self._at(places, made)}
        return ", ".join(names)

    def _at(self, places: Mapping[SetPlace, Made], made: Made) -> list[SetPlace]:
        """Where the stack that a set is of has something at its address."""
        known = (SetPlace(name, made.stack, made.address) for name in self.stores)
        return [it for it in known if it in places and self.is_ours(places[it]) == self.is_ours(made)]

    async def place(self, made: Made) -> Mapping[str, str]:
        """The store that a set is in, and where it is there, for programs that read it."""
        if (place := await self._place(made)) is None:
            return {}
        return {"store": place.store, **await self._call(place.store, lambda store: store.place(made))}

    async def rows(self, address: str) -> Rows | None:
        """All rows of a set."""
        made = (await self.sets()).get(address)
        return None if made is None else await self.read(made)

    async def read(self, made: Made) -> Rows | None:
        """All rows of the set that this is the row of a manifest of."""
        if (place := await self._place(made)) is None:
            return None
        return await self._call(place.store, lambda store: store.read(place.stack, place.address))

    async def _place(self, made: Made) -> SetPlace | None:
        """Where it is; None if it was replaced meanwhile."""
        places = await self.places()
        return next((place for place in self._at(places, made) if places[place] == made), None)

    def _nothing_can_be_there(self) -> bool:
        """Whether what has the name of the usual directory is none: no stack that says nothing of results has to do
        without a plan for that. Who wants to keep something there is told."""
        try:
            for name in self.stores:
                self._opened(name)
        except StoreError:
            if self._said != {DEFAULT: {}}:
                raise
            return True
        return False

    # Writing

    async def keep(self, made: Made, rows: Rows, into: str = DEFAULT, *, taken_from: str = "") -> None:
        """Keep a set of this stack, instead of what was at its address before, in whichever store. StoreError, before
        anything is written, when the store cannot take it."""
        made = replace(made, stack_id=self.id)
        if (into, made.model, made.dim) not in self._prepared:
            problems = await self._call(into, lambda store: store.prepare({made.model: made.dim}))
            if problems:
                raise StoreError(*(problem.summary for problem in problems))
            self._prepared.add((into, made.model, made.dim))
        if self.alone and into not in self._swept:
            self._swept.add(into)
            await self._call(into, lambda store: store.sweep(self.stack), writes=True)
        await self.places()
        kept = await self._call(into, lambda store: store.replace(made, rows, taken_from=taken_from), writes=True)
        place = SetPlace(into, made.stack, made.address)
        self._kept = {**(self._kept or {}), place: kept}  # others are kept meanwhile: nothing is awaited here
        await self.only_at(kept)
        await self.tidy(made.address)

    async def tidy(self, *addresses: str) -> None:
        """Remove what is left under former names of the stack at these addresses, or at all that have a set under the
        name of now: that one is whole. A run that replaced one, or was killed when it had copied it, leaves one."""
        if not self.former:
            return
        sets, places = await self.sets(), await self.places()
        for address in addresses or sets:
            if sets[address].stack == self.stack:
                left = (SetPlace(store, name, address) for store in self.stores for name in self.former)
                for place in [it for it in left if it in places and self.is_ours(places[it])]:
                    await self.remove(place)

    async def copy(
        self,
        made: Made,
        address: str,
        source: str,
        task: str,
        made_at: str,
        into: str = DEFAULT,
        *,
        agreed: bool = False,
    ) -> bool:
        """Keep a set under another address too, or in another store, of an input that is the same; whether it was
        there. `agreed` says that one of another stack of the name becomes this one's."""
        rows = await self.read(made)
        if rows is None:
            return False
        rows = rows.under(self.stack, address, source)
        copied = replace(
            made, stack=self.stack, address=address, source=source, task=task, made_at=made_at, digest=rows.digest
        )
        await self.keep(copied, rows, into, taken_from=made.stack_id if agreed else "")
        return True

    async def only_at(self, made: Made) -> None:
        """Remove what the stack has at the address of a set in other stores than the one that the set is in."""
        places = await self.places()
        here = await self._place(made)
        for place in self._at(places, made):
            if here is None or place == here:
                continue
            there = await self._call(place.store, self._listed)
            if made in there:  # to the last bit, and the time at which it was kept
                raise StoreError(
                    f"results: `{place.store}` and `{here.store}` are one and the same store; keep one name"
                )
            await self.remove(place)

    async def remove(self, place: SetPlace) -> None:
        """Remove a set; one that is not there is fine."""
        known = (await self.places()).get(place)
        id = self.id if known is None else known.stack_id
        await self._call(place.store, lambda store: store.delete(place.stack, place.address, id), writes=True)
        if self._kept is not None:
            self._kept = {it: made for it, made in self._kept.items() if it != place}

    async def wrong(self, dims: Mapping[str, int | None], address: str = "", into: str = DEFAULT) -> list[str]:
        """What is in the way of keeping sets of these models and dimensions, at an address; nothing is made or
        changed."""
        problems = [
            *await self._call(into, lambda store: store.prepare(dims, make=False)),
            *await self._call(into, lambda store: store.in_the_way(self.stack, address) if address else ()),
        ]
        return [problem.summary for problem in problems] or [*self._in_the_way(await self.others(), address, into)]

    def _in_the_way(self, others: Iterable[Made], address: str, into: str) -> Iterable[str]:
        """Sets of another stack of our name: at this address, or anywhere in a directory that has the name."""
        store, places = self._opened(into), self._kept or {}
        for made in others:
            here = places.get(SetPlace(into, made.stack, made.address)) is made and made.stack == self.stack
            if here and (made.address == address or not store.mixes):
                yield of_another(store.shown, made.stack, made.address, made.stack_id)
                return

    def close(self) -> None:
        """Let go of the stores."""
        while self._stores:
            _, store = self._stores.popitem()
            store.close()

    async def _call(self, name: str, what: Callable[[Store], T], *, writes: bool = False) -> T:
        async with self._lock:
            if writes and self.before_write is not None:
                await self.before_write()
            return await asyncio.to_thread(lambda: what(self._opened(name)))

    def _opened(self, name: str) -> Store:
        if name not in self._stores:
            if (said := self._said.get(name)) is None:
                raise StoreError(f"results: there is no store `{name}`; there are {', '.join(self.stores)}")
            self._stores[name] = open_declared(said, self._root)
        return self._stores[name]
