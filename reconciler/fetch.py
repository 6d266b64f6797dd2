"""The account as it is: every list read whole or not at all.

Top-level lists are read side by side, the pages after a list's first too, and the children of several parents. Single
objects are read only for fields that lists leave out, and only where those are declared.

A list is taken for whole when all its pages agree on the total, no id stands in it twice, and as many objects came as
the total says. Else it is read again, and given up as an error: what a list lacks is never concluded from a bad one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from reconciler.errors import IncompleteListing, NotFound
from reconciler.kind import Kind
from reconciler.model import Intent, Live, Recorded, Resource, Snapshot, parent_of
from reconciler.provider import Cursor, Driver, Drivers, Page

__all__ = ["Wanted", "children", "fetch", "listing", "newest", "read_whole", "together", "whole"]

T = TypeVar("T")

READS = 4
"""How often a list is read before it is given up as not provable."""
MOST_PAGES = 20_000
"""Of one list: a million objects at 50 a page."""
SIDE_BY_SIDE = 32
"""How many pages, lists or objects are asked for at once."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run has to know of the account."""

    resources: Mapping[str, Resource]
    recorded: Sequence[Recorded]
    intents: Sequence[Intent] = ()
    stacks: Collection[str] = ()
    """Names of the stack, now and before."""
    everything: bool = False
    """Read all children of all parents: to rebuild a state, to export, to list what is unmanaged."""
    stateless: bool = False
    """More may be ours than is recorded: it must be told from stamps."""
    marks: bool = False
    """Read every stamp of ours: the stack was renamed, and they say its old name."""


async def fetch(drivers: Drivers, wanted: Wanted) -> Snapshot:
    """Read what `wanted` needs. Raises IncompleteListing or an ApiError; never returns half of a list."""
    kinds = _needed_kinds(drivers, wanted)
    roots = [kind for kind in kinds if kind.parent is None]
    found: dict[str, dict[str, Live]] = {}
    lists = await together(listing(drivers[kind.__name__], None) for kind in roots)
    for kind, objects in zip(roots, lists, strict=True):
        found[kind.__name__] = objects
    parents: dict[str, frozenset[str]] = {}
    for kind in (kind for kind in kinds if kind.parent is not None):
        ids = _parents_to_list(kind, wanted, found)
        inside = await together(children(drivers, kind, id) for id in ids)
        there = {id: objects for id, objects in zip(ids, inside, strict=True) if objects is not None}
        for id in set(ids) - there.keys():  # the list of parents lagged behind a delete
            assert kind.parent is not None
            del found[kind.parent.__name__][id]
        parents[kind.__name__] = frozenset(there)
        found[kind.__name__] = {id: live for objects in there.values() for id, live in objects.items()}
    await _read_details(drivers, kinds, wanted, found)
    await _confirm_missing(drivers, wanted, found, parents)
    return Snapshot(by_kind=found, parents=parents, requests=drivers.http.sent)


async def read_whole(drivers: Drivers, snapshot: Snapshot, lives: Sequence[Live]) -> Snapshot:
    """The snapshot with these objects read one by one, for what lists leave out of them."""
    whole = await together(drivers[it.kind].read(it.id, it.parent_id) for it in lives)
    by_kind = {kind: dict(found) for kind, found in snapshot.by_kind.items()}
    for old, live in zip(lives, whole, strict=True):
        by_kind[old.kind].pop(old.id)
        if live is not None:
            by_kind[old.kind][live.id] = live
    return replace(snapshot, by_kind=by_kind, requests=drivers.http.sent)


async def listing(driver: Driver, parent_id: str | None) -> dict[str, Live]:
    """All objects of a kind (under one parent), id → object in the server's order, proven whole."""
    where = f" of {parent_id}" if parent_id else ""
    name = f"the list of {driver.kind.__name__} objects{where}"
    return await whole(name, lambda cursor: driver.page(parent_id, cursor))


async def whole(name: str, read: Callable[[Cursor | None], Awaitable[Page]]) -> dict[str, Live]:
    """All objects of a list whose pages are read so, id → object in the server's order, proven whole. Raises
    IncompleteListing when it cannot be proven."""
    trouble, before = "", None
    for _ in range(READS):
        pages, trouble = await _pages(read)
        if trouble:
            continue
        objects = {live.id: live for page in pages for live in page.objects}
        if trouble := _gap(pages, objects):
            continue
        if pages[0].total is not None or len(pages) == 1 or before == objects.keys():
            return objects
        before, trouble = objects.keys(), "its length is not told, and no two reads agree"
    raise IncompleteListing(
        f"{name} could not be proven whole in {READS} reads: {trouble}. "
        "Nothing is concluded from it and nothing was changed; run again when the account is quieter"
    )


async def _pages(read: Callable[[Cursor | None], Awaitable[Page]]) -> tuple[list[Page], str]:
    """All pages of a list, and what is wrong with them. Those that are known to follow are read side by side."""
    first = await read(None)
    if trouble := _short(first):
        return [first], trouble
    pages, todo, seen = [first], first.after, set[Cursor]()
    while todo:
        if not seen.isdisjoint(todo):
            return pages, "a page is followed by one that came before it"
        seen.update(todo)
        more = await together(map(read, todo))
        pages += more
        if len(pages) > MOST_PAGES:
            return pages, f"it has more than {MOST_PAGES} pages"
        # Where pages are numbered the first has named them all; where each names the next, the last one goes on.
        todo = more[-1].after if len(todo) == 1 and more[-1].total == first.total else ()
    return pages, ""


async def newest(driver: Driver, parent_id: str | None, known: Container[str]) -> list[Live]:
    """The newest objects of a list, down to a page of which all is known: what came since. All of a list of which the
    newest cannot be asked for."""
    found: dict[str, Live] = {}
    cursor: Cursor | None = None
    while True:
        page = await driver.page(parent_id, cursor, newest=True)
        found |= {live.id: live for live in page.objects}
        seen_all = driver.traits.newest_first and page.objects and all(live.id in known for live in page.objects)
        if seen_all or not page.after:
            return list(found.values())
        cursor = page.after[0]


async def children(drivers: Drivers, kind: type[Kind], parent_id: str) -> dict[str, Live] | None:
    """What lives in a parent, proven whole; None when the parent itself is provably not there any more."""
    assert kind.parent is not None
    for attempt in range(1, READS + 1):
        try:
            return await listing(drivers[kind.__name__], parent_id)
        except NotFound:
            if await drivers[kind.parent.__name__].read(parent_id, None) is None:
                return None
            if attempt == READS:
                raise
    raise AssertionError("unreachable")


def _short(first: Page) -> str:
    """Why no more pages need to be read: a first page that is not full does not begin a whole list."""
    if first.after and len(first.objects) < first.limit:
        return f"{len(first.objects)} objects came of {first.limit} in the first page"
    return ""


def _gap(pages: Sequence[Page], objects: Mapping[str, Live]) -> str:
    """Why these pages do not prove a whole list; '' when they do, as far as they tell."""
    totals = {page.total for page in pages}
    came = sum(len(page.objects) for page in pages)
    if len(totals) > 1:
        return f"pages disagree on the total ({', '.join(map(str, sorted(totals, key=str)))})"
    if came != len(objects):
        return f"{came - len(objects)} objects came twice"
    if pages[0].total is not None and len(objects) != pages[0].total:
        return f"{len(objects)} objects came of {pages[0].total}"
    return ""


async def together(calls: Iterable[Awaitable[T]]) -> list[T]:
    """Await all, some side by side; the first error cancels the others. How many requests leave at once is the
    transport's to bound; here is bounded what waits for it, for a list may have thousands of pages."""
    todo, results = enumerate(calls), dict[int, T]()

    async def work() -> None:
        for number, call in todo:
            results[number] = await call

    tasks = [asyncio.ensure_future(work()) for _ in range(SIDE_BY_SIDE)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return [results[number] for number in sorted(results)]


def _needed_kinds(drivers: Drivers, wanted: Wanted) -> list[type[Kind]]:
    """Kinds that are declared, recorded or referred to, with their parents; all of them when nothing is recorded."""
    if wanted.everything or wanted.stateless:
        return list(drivers.kinds)
    names = {resource.kind for resource in wanted.resources.values()} | {row.kind for row in wanted.recorded}
    names |= {intent.kind for intent in wanted.intents}
    for kind in drivers.kinds:
        if kind.__name__ in names and kind.parent:
            names.add(kind.parent.__name__)
    return [kind for kind in drivers.kinds if kind.__name__ in names]


def _parents_to_list(kind: type[Kind], wanted: Wanted, found: Mapping[str, Mapping[str, Live]]) -> list[str]:
    """Ids of the parents whose children matter: ours, those that a declared parent may mean; without state, all."""
    assert kind.parent is not None
    candidates = found.get(kind.parent.__name__, {})
    if wanted.everything or (wanted.stateless and _could_be_ours(kind, wanted, found)):
        return list(candidates)
    recorded = {row.id for row in wanted.recorded} | {row.parent_id for row in wanted.recorded}
    recorded |= {intent.parent_id for intent in wanted.intents}
    given = {resource.id for resource in wanted.resources.values()}
    names = {
        tuple(repr(resource.fields.get(name)) for name in kind.parent.natural_key)
        for resource in wanted.resources.values()
        if resource.kind == kind.parent.__name__
    }
    return [
        id
        for id, live in candidates.items()
        if id in recorded
        or id in given
        or tuple(repr(live.fields.get(name)) for name in kind.parent.natural_key) in names
    ]


def _could_be_ours(kind: type[Kind], wanted: Wanted, found: Mapping[str, Mapping[str, Live]]) -> bool:
    """Whether objects of ours may sit under a parent that nobody declares: not if what they refer to is not ours."""
    referred = [field.ref for field in kind.refs() if field.ref]
    return not referred or any(
        live.stamp and live.stamp.stack in wanted.stacks for name in referred for live in found.get(name, {}).values()
    )


async def _read_details(
    drivers: Drivers, kinds: Sequence[type[Kind]], wanted: Wanted, found: dict[str, dict[str, Live]]
) -> None:
    """Replace list items by whole objects, where a field that lists leave out is declared or a stamp must be known."""
    for kind in kinds:
        detail = {name for name, field in kind.specs.items() if field.detail}
        if not detail:
            continue
        ids = _ids_to_read(kind, detail, wanted, found[kind.__name__])
        lives = await together(drivers[kind.__name__].read(id, found[kind.__name__][id].parent_id) for id in ids)
        for id, live in zip(ids, lives, strict=True):
            if live is None:
                del found[kind.__name__][id]
            else:
                found[kind.__name__][id] = live


def _ids_to_read(kind: type[Kind], detail: set[str], wanted: Wanted, objects: Mapping[str, Live]) -> list[str]:
    rows = {row.id: row for row in wanted.recorded if row.kind == kind.__name__}
    if wanted.everything:
        return list(objects)
    known = {row.address for row in rows.values() if not row.deposed}
    fresh = {
        parent_of(address)
        for address, resource in wanted.resources.items()
        if resource.kind == kind.__name__ and address not in known
    }
    ids = []
    for id in objects:
        row = rows.get(id)
        if row is None:
            needed = bool(fresh) or wanted.stateless
        else:
            resource = wanted.resources.get(row.address)
            needed = (
                wanted.marks
                or bool(detail & set(row.fields))
                or (resource is not None and bool(detail & set(resource.fields)))
            )
        if needed:
            ids.append(id)
    return ids


async def _confirm_missing(
    drivers: Drivers,
    wanted: Wanted,
    found: dict[str, dict[str, Live]],
    parents: Mapping[str, frozenset[str]],
) -> None:
    """Ask once more, by id, for what is recorded and not listed: pages may have shifted with the totals the same."""
    missing = [
        row
        for row in wanted.recorded
        if row.kind in found
        and row.id not in found[row.kind]
        and (row.parent_id is None or row.parent_id in parents[row.kind])
    ]
    lives = await together(drivers[row.kind].read(row.id, row.parent_id) for row in missing)
    for row, live in zip(missing, lives, strict=True):
        if live is not None:
            found[row.kind][row.id] = live
