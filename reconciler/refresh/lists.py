"""Lists, proven whole or given up.

A list is taken for whole when all its pages agree on the total, no id stands in it twice, and as many objects came as
the total says; where an API tells no total, when two reads in a row show the same. Else it is read again, and given up
as an error: what a list lacks is never concluded from a bad one, for what is concluded from it may be a delete.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from reconciler.errors import IncompleteListing, NotFound
from reconciler.kind import Kind
from reconciler.model import Live
from reconciler.provider import Cursor, Driver, Drivers, Page

__all__ = ["SIDE_BY_SIDE", "children", "listing", "newest", "together", "whole"]

T = TypeVar("T")

READS = 4
"""How often a list is read before it is given up as not provable."""
MOST_PAGES = 20_000
"""Of one list: a million objects at 50 a page."""
SIDE_BY_SIDE = 32
"""How many pages, lists or objects are asked for at once."""


async def listing(
    driver: Driver, parent_id: str | None, on_page: Callable[[str, int], object] = lambda kind, count: None
) -> dict[str, Live]:
    """All objects of a kind (under one parent), id → object in the server's order, proven whole."""
    kind, where = driver.kind.__name__, f" of {parent_id}" if parent_id else ""

    async def read(cursor: Cursor | None) -> Page:
        page = await driver.page(parent_id, cursor)
        on_page(kind, len(page.objects))
        return page

    return await whole(f"the list of {kind} objects{where}", read)


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


Listing: TypeAlias = Callable[[Driver, str | None, Callable[[str, int], object]], Awaitable[dict[str, Live]]]


async def children(
    drivers: Drivers, kind: type[Kind], parent_id: str, read: Listing = listing
) -> dict[str, Live] | None:
    """What lives in a parent, proven whole; None when the parent itself is provably not there any more."""
    assert kind.parent is not None
    for attempt in range(1, READS + 1):
        try:
            return await read(drivers[kind.__name__], parent_id, drivers.hands.on_page)
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
