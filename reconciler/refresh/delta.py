"""A list that was read before, brought up to now by what differs: what changed last, how many there are, what is gone.

What came and what was changed stands at the head of a list in that order. What is gone shows only in the total; which
objects those are is found by halving over the pages of a stable order: where a known object stands as many places
further up as there are objects missing, all of them are before it. Whatever does not add up gives the list up, and it
is read whole; docs/decisions/delta-refresh.md says what adds up all the same and is not as it seems.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from reconciler.model import Live, Status
from reconciler.provider import Cursor, Driver, Order, Page
from reconciler.refresh.lists import together

__all__ = ["can_be_told", "merged", "since"]

FEW = 4
"""A list of so few pages is read whole as soon as anything is to be looked for in it."""
MOST_AHEAD = 40
"""Pages of a head, which are read one after the other, before the list is read whole."""


def can_be_told(driver: Driver) -> bool:
    """Whether lists of its kind are in an order in which one can look for what differs."""
    return driver.traits.order is not Order.ANY and not driver.kind.stored


def merged(before: Live | None, listed: Live) -> Live:
    """What is known of an object by a list of now: with the fields that lists leave out, if it was not changed since
    those were read."""
    unchanged = before is not None and listed.changed_at != "" and _is_as(before, listed)
    return before if before is not None and unchanged and before.detailed else listed


async def since(
    driver: Driver,
    parent_id: str | None,
    known: Mapping[str, Live],
    on_page: Callable[[str, int], object] = lambda kind, count: None,
) -> dict[str, Live] | None:
    """The list as it is now, in the server's order, of one that was `known` in that order; None if it has to be read
    whole."""
    return await _Since(driver, parent_id, known, on_page).run()


def _is_as(before: Live, listed: Live) -> bool:
    """Whether all that a list shows of an object is as it was."""
    return (
        before.changed_at == listed.changed_at
        and before.status is listed.status
        and (before.stamp == listed.stamp or (before.detailed and not listed.detailed))
        and all(name in before.fields and before.fields[name] == value for name, value in listed.fields.items())
        and all(before.facts.get(name) == value for name, value in listed.facts.items())
    )


@dataclass(slots=True)
class _Since:
    driver: Driver
    parent_id: str | None
    known: Mapping[str, Live]
    on_page: Callable[[str, int], object]
    total: int = 0
    limit: int = 0
    fresh: dict[str, Live] = field(default_factory=dict)
    """What was read now."""

    async def run(self) -> dict[str, Live] | None:
        if not await self._head() or not await self._pending():
            return None
        ids = self._expected()
        gone = len(ids) - self.total
        if gone < 0:  # something came that stands further down than anything that is new
            return None
        missing = await self._missing(ids, gone) if gone else frozenset[str]()
        if missing is None:
            return None
        return {id: self._now(id) for id in ids if id not in missing}

    def _now(self, id: str) -> Live:
        return merged(self.known.get(id), self.fresh[id]) if id in self.fresh else self.known[id]

    # What came, and what was changed

    async def _head(self) -> bool:
        """Read down to a page of which all is known as it is; whether that can be relied on."""
        cursor: Cursor | None = None
        for number in range(1, MOST_AHEAD + 1):
            page = await self._page(cursor, self.driver.changed)
            if number == 1 and page.total is not None:
                self.total, self.limit = page.total, page.limit
            if self._pages > 1 and self.total - len(self.known) > self.total // 2:
                return False  # most of it is new, as after a first apply
            if not self._holds_together(page, number) or any(live.id in self.fresh for live in page.objects):
                return False
            self.fresh |= {live.id: live for live in page.objects}
            if not page.after or all(map(self._is_known, page.objects)):
                return True
            if number * 2 > self._pages:
                return False
            cursor = page.after[0]
        return False

    def _is_known(self, live: Live) -> bool:
        before = self.known.get(live.id)
        return before is not None and (not self.driver.traits.tells_changes or _is_as(before, live))

    async def _pending(self) -> bool:
        """What was not ready yet may be by now: where lists do not tell changes it is asked for, as waits do."""
        ids = {id for id, live in self.known.items() if live.status is Status.PENDING and id not in self.fresh}
        if len(ids) > self.driver.traits.page_size:
            return False
        if ids and not self.driver.traits.tells_changes:
            self.fresh |= await self.driver.poll(ids, self.parent_id)
        elif ids:
            lives = await together(self.driver.read(id, self.parent_id) for id in sorted(ids))
            self.fresh |= {live.id: live for live in lives if live is not None}
        return True

    def _expected(self) -> list[str]:
        """What there is if nothing is gone, in the order of the list."""
        # Those of one moment may stand otherwise: a later search finds that they do, and reads the list whole.
        newest = self.driver.traits.order is Order.NEWEST
        new = [id for id in self.fresh if id not in self.known]
        new.sort(key=lambda id: str(self.fresh[id].facts.get("created_at", "")), reverse=newest)
        return [*new, *self.known] if newest else [*self.known, *new]

    # What is gone

    async def _missing(self, ids: Sequence[str], gone: int) -> frozenset[str] | None:
        """Which of them are not there, `gone` in number; None if their places do not tell."""
        if self._pages <= FEW or self._pages > len(ids):
            return None
        places = {id: at for at, id in enumerate(ids)}
        found = {-1: -1, self.total: len(ids)}  # place in the list → place in what was expected
        read: set[int] = set()
        while todo := _unclear(found, self.limit) - read:
            if len(read) + len(todo) > self._pages // 2:
                return None
            read |= todo
            pages = await together(self._page(number, self.driver.page) for number in sorted(todo))
            for number, page in zip(sorted(todo), pages, strict=True):
                if not self._holds_together(page, number) or any(live.id not in places for live in page.objects):
                    return None
                first = (number - 1) * self.limit
                found |= {first + at: places[live.id] for at, live in enumerate(page.objects)}
                self.fresh |= {live.id: live for live in page.objects}
            if not _rises(found):
                return None
        there = {ids[at] for at in _covered(found)}
        missing = frozenset(id for id in ids if id not in there)
        return missing if len(missing) == gone and missing.isdisjoint(self.fresh) else None

    # Pages

    @property
    def _pages(self) -> int:
        return -(-self.total // self.limit) if self.limit else 0

    async def _page(self, cursor: Cursor | None, ask: Callable[[str | None, Cursor | None], Awaitable[Page]]) -> Page:
        page = await ask(self.parent_id, cursor)
        self.on_page(self.driver.kind.__name__, len(page.objects))
        return page

    def _holds_together(self, page: Page, number: int) -> bool:
        """Whether it is that page of a list that is as long as the first one said."""
        due = min(self.limit, self.total - (number - 1) * self.limit)
        told = page.total is not None and page.total == self.total and page.limit == self.limit > 0
        numbered = not page.after or page.after[0] == number + 1
        return told and numbered and len(page.objects) == due == len({live.id for live in page.objects})


def _unclear(found: Mapping[int, int], limit: int) -> set[int]:
    """The page in the middle of each stretch in which something is missing, and nobody knows where."""
    pages = set()
    for (low, before), (high, after) in _stretches(found):
        if high - low > 1 and after - before != high - low:
            pages.add((low + high) // 2 // limit + 1)
    return pages


def _rises(found: Mapping[int, int]) -> bool:
    """Whether all stand in the order in which they are expected, with nothing between them that is not."""
    return all(after - before >= high - low for (low, before), (high, after) in _stretches(found))


def _covered(found: Mapping[int, int]) -> Iterable[int]:
    """Places in what was expected of which it is known that they are filled."""
    for (low, before), (high, after) in _stretches(found):
        if after - before == high - low:
            yield from range(before + 1, after)
    ends = (min(found), max(found))
    yield from (at for place, at in found.items() if place not in ends)


def _stretches(found: Mapping[int, int]) -> Iterable[tuple[tuple[int, int], tuple[int, int]]]:
    ordered = sorted(found.items())
    return pairwise(ordered)
