"""A list that was read before, brought up to now by what differs: what changed last, how many there are, what is gone.

What came and what was changed stands at the head of a list in that order. What is gone shows only in the total; `gone`
finds whether anything that is needed is among it. Whatever does not add up gives the list up, and it is read whole;
docs/decisions/delta-refresh.md says what adds up all the same and is not as it seems.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import field, replace

from reconciler.frozen import dataclass
from reconciler.kind import Kind
from reconciler.model import Live, Status
from reconciler.provider import Cursor, Driver, Order, Page
from reconciler.refresh.gone import Gone, Halving
from reconciler.refresh.lists import together

__all__ = ["Now", "as_listed", "can_be_told", "merged", "since"]

FEW = 4
"""A list of so few pages is read whole as soon as anything is to be looked for in it."""
MOST_AHEAD = 40
"""Pages of a head, which are read one after the other, before the list is read whole."""


@dataclass(frozen=True, slots=True)
class Now:
    """A list as it is."""

    objects: dict[str, Live]
    """In the server's order; what is gone and was not looked for among them."""
    total: int
    """How many there are."""
    doubtful: frozenset[str] = frozenset()
    """Those of the objects that may be gone: none that is needed."""


def can_be_told(driver: Driver) -> bool:
    """Whether lists of its kind are in an order in which one can look for what differs."""
    return driver.traits.order is not Order.ANY and not driver.kind.stored


def merged(before: Live | None, listed: Live) -> Live:
    """What is known of an object by a list of now: with the fields that lists leave out, if it was not changed since
    those were read."""
    unchanged = before is not None and listed.changed_at != "" and _is_as(before, listed)
    return before if before is not None and unchanged and before.detailed else listed


def as_listed(kind: type[Kind], live: Live) -> Live:
    """A whole object as a list shows it: whoever has read the list must see no difference."""
    detail = {name for name, spec in kind.specs.items() if spec.detail}
    if not detail:
        return live
    marked = kind.field_with(lambda spec: spec.stamped)
    fields = {name: value for name, value in live.fields.items() if name not in detail}
    return replace(live, fields=fields, stamp=None if marked and marked.name in detail else live.stamp, detailed=False)


async def since(
    driver: Driver,
    parent_id: str | None,
    known: Mapping[str, Live],
    on_page: Callable[[str, int], object] = lambda kind, count: None,
    *,
    needs: Callable[[Live], bool] = lambda live: True,
    unplaced: int = 0,
) -> Now | None:
    """The list as it is now, of one that was `known` in the server's order; None if it has to be read whole. Whether it
    is there must be known of all that somebody `needs`. Of what was known so many were gone then, nobody knew which."""
    return await _Since(driver, parent_id, known, on_page, needs, unplaced).run()


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
    needs: Callable[[Live], bool]
    unplaced: int
    total: int = 0
    limit: int = 0
    fresh: dict[str, Live] = field(default_factory=dict)
    """What was read now."""

    async def run(self) -> Now | None:
        if not await self._head() or not await self._pending():
            return None
        ids = self._expected()
        count = len(ids) - self.total
        if count < self.unplaced:  # something came that stands further down than anything that is new
            return None
        gone = await self._gone(ids, count)
        if gone is None:
            return None
        return Now({id: self._now(id) for id in ids if id not in gone.missing}, self.total, gone.doubtful)

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
            self.fresh |= await self._by_id(ids)
        return True

    def _expected(self) -> list[str]:
        """What there is if nothing is gone, in the order of the list."""
        # Those of one moment may stand otherwise: a later search finds that they do, and reads the list whole.
        newest = self.driver.traits.order is Order.NEWEST
        new = [id for id in self.fresh if id not in self.known]
        new.sort(key=lambda id: str(self.fresh[id].facts.get("created_at", "")), reverse=newest)
        return [*new, *self.known] if newest else [*self.known, *new]

    # What is gone

    async def _gone(self, ids: Sequence[str], gone: int) -> Gone | None:
        """Which of them are not there, as far as it is needed; None if their places do not tell."""
        needed, others = self._apart(ids) if gone else (frozenset[str](), frozenset[str]())
        if gone == self.unplaced:
            return Gone(frozenset(), others)
        if self._pages <= FEW or self._pages > len(ids) or 2 * gone > self.total:
            return None
        halving = Halving(ids, self.total, self.limit, needed, others, self._requests)
        found = await halving.run(self._read, self._ask, self._pages // 2)
        if found is None or not found.missing.isdisjoint(self.fresh):
            return None
        return replace(found, doubtful=found.doubtful - self.fresh.keys())

    def _apart(self, ids: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
        """What may be gone: what is needed, and what is not."""
        may_be = [id for id in ids if id not in self.fresh]
        needed = frozenset(id for id in may_be if self.needs(self.known[id]))
        return needed, frozenset(may_be) - needed

    def _requests(self, many: int) -> int:
        """How many it takes to ask for so many by their ids."""
        traits = self.driver.traits
        return -(-many // traits.page_size) if traits.poll_by_id else many

    async def _ask(self, ids: Collection[str]) -> Mapping[str, Live]:
        found = await self._by_id(ids)
        self.fresh |= {id: self._as_kept(live) for id, live in found.items()}
        return found

    def _as_kept(self, live: Live) -> Live:
        """As the list would show it, where not more was known of it."""
        return live if self.known[live.id].detailed else as_listed(self.driver.kind, live)

    async def _read(self, numbers: Collection[int]) -> dict[int, Sequence[Live]] | None:
        pages = await together(self._page(number, self.driver.page) for number in sorted(numbers))
        read = dict(zip(sorted(numbers), pages, strict=True))
        if not all(self._holds_together(page, number) for number, page in read.items()):
            return None
        self.fresh |= {live.id: live for page in pages for live in page.objects}
        return {number: page.objects for number, page in read.items()}

    async def _by_id(self, ids: Collection[str]) -> Mapping[str, Live]:
        """Those of them that are there: where the API takes many ids, many at once."""
        if self.driver.traits.poll_by_id:
            return await self.driver.poll(ids, self.parent_id)
        lives = await together(self.driver.read(id, self.parent_id) for id in sorted(ids))
        return {live.id: live for live in lives if live is not None}

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
