"""How the account is read for a plan: whole, by what differs since it was read last, or not at all.

A delta only ever says that nothing is to be done somewhere. What a plan would touch is read as if there were no delta:
each object by its id, each list in which something is made whole; and the plan is made again of that, until nothing in
it rests on what is only known from before (`prove`). So a delta plan does nothing that a full one would not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta

from reconciler.frozen import dataclass
from reconciler.model import Live, ReadMode, Snapshot
from reconciler.provider import Driver, Drivers
from reconciler.refresh.delta import as_listed, can_be_told, merged, since
from reconciler.refresh.kept import Kept, KeptLists, ListId
from reconciler.refresh.lists import children, listing, together
from reconciler.refresh.touched import RestsOn

__all__ = ["AccountLook", "Looks"]

MOST_BARE = 50
"""Objects of a list that are read one by one, as they are not kept, before the list is read whole."""
ROUNDS = 6
"""How often a plan is made anew, of more that was read, before everything is read whole."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Looks:
    """What was asked for: one for a run, and an `AccountLook` for each plan."""

    mode: ReadMode = ReadMode.FULL
    file: KeptLists | None = None
    """Where what was read is kept; None where nobody wants it."""
    every: timedelta = timedelta(hours=24)
    """How old the last full sweep may be."""
    now: Callable[[], datetime] = _now

    def begin(self) -> AccountLook:
        """Look once: with what is kept, if it may be used."""
        began = self.now()
        kept = self.file.read() if self.file and self.mode is not ReadMode.FULL else None
        if self.mode is not ReadMode.DELTA:
            return AccountLook(self, self.mode, began, kept)
        if kept is None:
            return AccountLook(self, ReadMode.FULL, began, why="nothing that was read before is kept here")
        if not timedelta(0) <= began - kept.swept <= self.every:
            return AccountLook(
                self, ReadMode.FULL, began, why=f"the last full sweep was {kept.swept:%Y-%m-%d %H:%M} UTC"
            )
        return AccountLook(self, ReadMode.DELTA, began, kept)


@dataclass
class AccountLook:
    """One look at the account: what was read for a plan, and how much of it proves something."""

    asked: Looks = field(default_factory=Looks)
    mode: ReadMode = ReadMode.FULL
    began: datetime = field(default_factory=_now)
    kept: Kept | None = None
    why: str = ""
    """Why everything was read whole though less was asked for."""
    lists: dict[ListId, dict[str, Live]] = field(default_factory=dict)
    """What was found, in the server's order."""
    whole: set[ListId] = field(default_factory=set)
    """The lists that were proven whole."""
    read: set[tuple[str, str]] = field(default_factory=set)
    """(kind, id) of what was asked for by itself."""
    needs: Callable[[Live], bool] = lambda live: True
    """Of which objects it must be known whether they are there: of all that may be ours."""
    doubtful: dict[ListId, frozenset[str]] = field(default_factory=dict)
    """Of these some are gone, and it was not asked which."""
    totals: dict[ListId, int] = field(default_factory=dict)
    """How many there are in the lists that were brought up to now."""
    rounds: int = 0

    @property
    def is_delta(self) -> bool:
        """Whether something in it may be known from before only."""
        return self.mode is ReadMode.DELTA

    @property
    def is_blind(self) -> bool:
        """Whether nothing is asked of the account."""
        return self.mode is ReadMode.NONE

    @property
    def swept(self) -> datetime | None:
        """When everything was read whole, if that was before this."""
        return self.kept.swept if self.kept else None

    def give_up(self, why: str) -> None:
        """From here on everything is read whole, what was read already too."""
        if self.is_delta:
            self.mode, self.kept, self.why, self.began = ReadMode.FULL, None, why, self.asked.now()
            self.lists, self.whole, self.read = {}, set(), set()
            self.doubtful, self.totals = {}, {}

    # Reading

    async def listing(
        self, driver: Driver, parent_id: str | None, on_page: Callable[[str, int], object]
    ) -> dict[str, Live]:
        """All objects of a kind (under one parent), in the server's order: as they were found in this look, brought up
        to now, or proven whole."""
        list_id = (driver.kind.__name__, parent_id)
        if list_id in self.lists:
            return dict(self.lists[list_id])
        known = self.kept.lists.get(list_id) if self.kept and self.is_delta and can_be_told(driver) else None
        found = None if known is None else await self._since(driver, list_id, known, on_page)
        if found is None:
            found = await listing(driver, parent_id, on_page)
            self.whole.add(list_id)
            if known is not None:
                found = {id: merged(known.get(id), live) for id, live in found.items()}
        return found

    async def _since(
        self, driver: Driver, list_id: ListId, known: Mapping[str, Live], on_page: Callable[[str, int], object]
    ) -> dict[str, Live] | None:
        bare = self.kept.bare.get(list_id, frozenset()) if self.kept else frozenset()
        if len(bare) > MOST_BARE:
            return None
        unplaced = self.kept.unplaced.get(list_id, 0) if self.kept else 0
        now = await since(driver, list_id[1], known, on_page, needs=self.needs, unplaced=unplaced)
        if now is None:
            return None
        found, self.totals[list_id] = now.objects, now.total
        if now.doubtful:
            self.doubtful[list_id] = now.doubtful
        if bare:
            ids = sorted(id for id in bare if id in found and found[id] is known[id])
            await self._read_into(driver, found, ids)
        return found

    async def _read_into(self, driver: Driver, objects: dict[str, Live], ids: Iterable[str]) -> None:
        """Read these by id, for what is known of them."""
        ids = list(ids)
        lives = await together(driver.read(id, objects[id].parent_id) for id in ids)
        for id, live in zip(ids, lives, strict=True):
            before = objects.pop(id) if live is None else objects[id]
            if live is not None:
                objects[id] = live if before.detailed else as_listed(driver.kind, live)
            self.read.add((driver.kind.__name__, id))

    def found(self, objects: Mapping[str, Mapping[str, Live]], parents: Mapping[str, frozenset[str]]) -> None:
        """What came of it: kind → id → object, and of which parents the children were read."""
        if not self.is_delta and self.asked.file is None:
            return  # nobody asks for it
        for kind, lives in objects.items():
            if kind not in parents:
                self.lists[kind, None] = dict(lives)
                continue
            for id in parents[kind]:
                self.lists[kind, id] = {}
            for live in lives.values():
                self.lists.setdefault((kind, live.parent_id), {})[live.id] = live

    # Proving

    def doubts(self, lives: Iterable[Live]) -> frozenset[tuple[str, str]]:
        """(kind, id) of those that may be gone: what is meant by an address must not be."""
        if not self.doubtful:
            return frozenset()
        ids = {(list_id[0], id) for list_id, some in self.doubtful.items() if list_id not in self.whole for id in some}
        return frozenset(it for live in lives if (it := (live.kind, live.id)) in ids) - self.read

    async def prove(self, drivers: Drivers, needs: RestsOn) -> bool:
        """Read what is needed and only known from before; whether there was anything of the kind. Of a delta."""
        lists = {list_id for list_id in needs.lists if list_id in self.lists} - self.whole
        if not lists and not needs.objects and not needs.by_id:
            return False  # what changes nothing is the usual plan, and has nothing to look for
        places = self._places()
        objects = {it for it in needs.objects if self._is_from_before(it, places.get(it))}
        by_id = {it for it in needs.by_id if can_be_told(drivers[it[0]])}  # else its list was read whole
        objects |= {it for it in by_id - self.read if it in places}
        if not lists and not objects:
            return False
        self.rounds += 1
        if self.rounds > ROUNDS:
            self.give_up("what the plan rests on went on changing")
            return True
        await together(self._proven(drivers, list_id) for list_id in sorted(lists, key=str))
        by_list: dict[ListId, set[str]] = {}
        places = self._places()
        for it in objects & places.keys():
            if it in by_id or self._is_from_before(it, places[it]):
                by_list.setdefault(places[it], set()).add(it[1])
        for list_id, ids in sorted(by_list.items(), key=str):
            await self._prove_objects(drivers, list_id, ids, deleted=needs.by_id)
        return True

    async def _prove_objects(
        self, drivers: Drivers, list_id: ListId, ids: set[str], deleted: frozenset[tuple[str, str]]
    ) -> None:
        """By id; where that is more than all pages of the list, and the list shows all of them, those that are not to
        be deleted by reading the list whole."""
        driver = drivers[list_id[0]]
        pages = -(-len(self.lists[list_id]) // driver.traits.page_size)
        if len(ids) > pages and list_id not in self.whole and not any(f.detail for f in driver.kind.specs.values()):
            await self._proven(drivers, list_id)
            ids = {id for id in ids if (list_id[0], id) in deleted and id in self.lists.get(list_id, {})}
        await self._read_into(driver, self.lists.get(list_id, {}), sorted(ids))

    async def _proven(self, drivers: Drivers, list_id: ListId) -> None:
        kind, parent_id = list_id
        driver, before = drivers[kind], self.lists[list_id]
        if parent_id is None:
            found: dict[str, Live] | None = await listing(driver, None, drivers.hands.on_page)
        else:
            found = await children(drivers, driver.kind, parent_id)
        if found is None:  # the parent is gone, and what is in it too
            del self.lists[list_id]
            for objects in self.lists.values():
                objects.pop(parent_id or "", None)
            return
        self.whole.add(list_id)
        self.lists[list_id] = {id: merged(before.get(id), live) for id, live in found.items()}

    def _places(self) -> dict[tuple[str, str], ListId]:
        """(kind, id) → the list in which the object is. Made at once: a plan may touch much of many lists."""
        return {(list_id[0], id): list_id for list_id, objects in self.lists.items() for id in objects}

    def _is_from_before(self, object_: tuple[str, str], list_id: ListId | None) -> bool:
        """Whether an object is known as it was kept, and nothing else says that it still is so."""
        if list_id is None or self.kept is None or object_ in self.read:
            return False
        id = object_[1]
        return self.kept.lists.get(list_id, {}).get(id) is self.lists[list_id][id]

    def proven(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot without the lists that were not proven whole: for who concludes something from what a list
        lacks."""
        if not self.is_delta:
            return snapshot
        by_kind: dict[str, dict[str, Live]] = {}
        parents: dict[str, frozenset[str]] = {}
        for kind, lives in snapshot.by_kind.items():
            if kind in snapshot.parents:
                parents[kind] = frozenset(id for id in snapshot.parents[kind] if (kind, id) in self.whole)
                by_kind[kind] = {id: live for id, live in lives.items() if live.parent_id in parents[kind]}
            elif (kind, None) in self.whole:
                by_kind[kind] = dict(lives)
        return replace(snapshot, by_kind=by_kind, parents=parents)

    # Keeping

    def keep(self, drivers: Drivers) -> None:
        """Keep what was read for the next run, if anybody wants it."""
        if self.asked.file is None or self.is_blind:
            return
        lists = {it: objects for it, objects in self.lists.items() if can_be_told(drivers[it[0]])}
        unplaced = {
            it: len(objects) - total for it, objects, total in self._told() if it in lists and total < len(objects)
        }
        self.asked.file.write(self.swept or self.began, lists, self.kept, unplaced)

    def _told(self) -> Iterator[tuple[ListId, Mapping[str, Live], int]]:
        """The lists that were not read whole, each with how many there are in it."""
        for it, total in self.totals.items():
            if it in self.lists and it not in self.whole:
                yield it, self.lists[it], total

    @property
    def unplaced(self) -> int:
        """How many that nobody here needs are gone, in all lists, without its being known which."""
        return sum(max(len(objects) - total, 0) for _, objects, total in self._told())
