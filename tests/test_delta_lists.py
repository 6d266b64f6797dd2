"""A list brought up to now by what differs is what is there, or is given up, whatever others do to it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Live
from reconciler.provider import Cursor, Driver, Order, Page, Traits
from reconciler.refresh.delta import Now, since

PAGE = 5


class _Anything:
    """A kind of which nothing is asked but this."""

    stored = False
    specs: Mapping[str, Any] = MappingProxyType({})
    __name__ = "Anything"


@dataclass
class Listed:
    """A list on a server: objects in the order in which they were made, each with the time at which it was changed."""

    order: Order
    tells_changes: bool
    objects: list[Live] = field(default_factory=list)
    asked: int = 0
    many_by_id: bool = False
    """Whether many can be asked for by their ids at once."""
    meddling: list[Any] = field(default_factory=list)
    """What others do between two requests."""

    @property
    def traits(self) -> Traits:
        return Traits(order=self.order, tells_changes=self.tells_changes, page_size=PAGE, poll_by_id=self.many_by_id)

    kind = _Anything()

    async def page(self, parent_id: str | None, cursor: Cursor | None = None, *, newest: bool = False) -> Page:
        return self._page(self.objects if self.order is Order.OLDEST else self.objects[::-1], cursor)

    async def changed(self, parent_id: str | None, cursor: Cursor | None = None) -> Page:
        if not self.tells_changes:
            return await self.page(parent_id, cursor, newest=True)
        return self._page(sorted(self.objects, key=lambda it: it.changed_at, reverse=True), cursor)

    async def read(self, id: str, parent_id: str | None) -> Live | None:
        self.asked += 1
        found = next((it for it in self.objects if it.id == id), None)
        if self.meddling:
            self.meddling.pop(0)()
        return found

    async def poll(self, ids: Collection[str], parent_id: str | None) -> dict[str, Live]:
        assert self.many_by_id
        self.asked += -(-len(ids) // PAGE)
        found = {it.id: it for it in self.objects if it.id in ids}
        if self.meddling:
            self.meddling.pop(0)()
        return found

    def _page(self, objects: Sequence[Live], cursor: Cursor | None) -> Page:
        self.asked += 1
        number = int(cursor or 1)
        pages = -(-len(objects) // PAGE)
        some = tuple(objects[(number - 1) * PAGE : number * PAGE])
        page = Page(some, len(objects), range(number + 1, pages + 1), PAGE)
        if self.meddling:
            self.meddling.pop(0)()
        return page

    def now(self) -> dict[str, Live]:
        return {it.id: it for it in (self.objects if self.order is Order.OLDEST else self.objects[::-1])}

    # What others do

    def make(self, count: int, at: int) -> None:
        made = len(self.objects) + at * 1000
        self.objects += [_object(f"n{made + n}", at) for n in range(count)]

    def change(self, where: int, at: int) -> None:
        if self.objects and self.tells_changes:
            old = self.objects[where % len(self.objects)]
            self.objects[where % len(self.objects)] = replace(old, fields={"is": at}, changed_at=f"{at:09}")

    def drop(self, where: int, count: int) -> None:
        for _ in range(min(count, len(self.objects))):
            self.objects.pop(where % len(self.objects))


def _object(id: str, at: int) -> Live:
    return Live("Anything", id, {"is": at}, facts={"created_at": f"{at:09}"}, changed_at=f"{at:09}")


DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("make"), st.integers(1, 8)),
        st.tuples(st.just("change"), st.integers(0, 400)),
        st.tuples(st.just("drop"), st.integers(0, 400), st.integers(1, 3)),
    ),
    max_size=8,
)
LISTS = st.builds(
    lambda orders, size, tie: Listed(orders[0], orders[1], [_object(f"o{n}", 1 if tie else n) for n in range(size)]),
    st.sampled_from([(Order.OLDEST, True), (Order.NEWEST, False), (Order.NEWEST, True)]),
    st.integers(0, 150),
    st.booleans(),
)


def looked(listed: Listed, known: dict[str, Live]) -> dict[str, Live] | None:
    """When all of it is needed."""
    now = asyncio.run(since(cast(Driver, listed), None, known))
    assert now is None or (len(now.objects), now.doubtful) == (now.total, frozenset())
    return now.objects if now else None


def looked_for(listed: Listed, known: dict[str, Live], needed: Collection[str], unplaced: int = 0) -> Now | None:
    """When it is enough to know of these whether they are there."""

    def needs(live: Live) -> bool:
        return live.id in needed

    return asyncio.run(since(cast(Driver, listed), None, known, needs=needs, unplaced=unplaced))


def holds(now: Now, listed: Listed, needed: Collection[str]) -> bool:
    """Whether it is what is there, but for what nobody needs: and of that it is known how many, and which may be."""
    there = listed.now()
    phantoms = now.objects.keys() - there.keys()
    known_so = {id: live for id, live in now.objects.items() if id not in phantoms} == there
    return known_so and len(now.objects) - now.total == len(phantoms) and phantoms <= now.doubtful - set(needed)


def do(listed: Listed, deeds: Sequence[Any], at: int = 1000) -> None:
    for name, *rest in deeds:
        at += 1
        getattr(listed, name)(*rest, *([at] if name != "drop" else []))


@given(LISTS, DEEDS)
def test_it_is_what_is_there_or_it_is_given_up(listed: Listed, deeds: Sequence[Any]) -> None:
    known = listed.now()
    do(listed, deeds)

    found = looked(listed, known)

    assert found is None or found == listed.now()


@given(LISTS, DEEDS, DEEDS)
def test_what_others_do_meanwhile_is_seen_at_once_or_with_the_next_look(
    listed: Listed, deeds: Sequence[Any], meanwhile: Sequence[Any]
) -> None:
    known = listed.now()
    do(listed, deeds)
    listed.meddling = [lambda deed=deed, at=at: do(listed, [deed], at) for at, deed in enumerate(meanwhile, 2000)]

    found = looked(listed, known)
    listed.meddling = []
    if found is not None:
        found = looked(listed, found)

    assert found is None or found == listed.now()


@given(st.integers(30, 400), st.integers(0, 400))
def test_one_that_is_gone_is_found_by_halving(size: int, where: int) -> None:
    for order, tells in ((Order.OLDEST, True), (Order.NEWEST, False)):
        listed = Listed(order, tells, [_object(f"o{n}", n) for n in range(size)])
        known = listed.now()
        listed.drop(where, 1)

        assert looked(listed, known) == listed.now()
        assert listed.asked <= 1 + (size // PAGE).bit_length() + 1


def test_nothing_new_is_one_request() -> None:
    listed = Listed(Order.OLDEST, True, [_object(f"o{n}", n) for n in range(400)])

    assert looked(listed, listed.now()) == listed.now()
    assert listed.asked == 1


def test_a_list_that_is_mostly_new_is_given_up_with_the_first_page() -> None:
    listed = Listed(Order.OLDEST, True, [_object(f"o{n}", n) for n in range(100)])
    known = listed.now()
    listed.make(150, 1000)

    assert looked(listed, known) is None
    assert listed.asked == 1


def test_what_is_dated_back_is_seen_by_the_total() -> None:
    listed = Listed(Order.OLDEST, True, [_object(f"o{n}", n) for n in range(400)])
    known = listed.now()
    listed.objects.append(_object("hidden", 3))

    assert looked(listed, known) is None


def test_what_is_dated_back_while_as_many_go_is_what_nobody_sees() -> None:
    listed = Listed(Order.OLDEST, True, [_object(f"o{n}", n) for n in range(400)])
    known = listed.now()
    listed.objects.append(_object("hidden", 3))
    listed.drop(100, 1)

    assert looked(listed, known) == known


def test_more_that_went_than_halving_is_worth_is_read_whole() -> None:
    listed = Listed(Order.OLDEST, True, [_object(f"o{n}", n) for n in range(400)])
    known = listed.now()
    for where in range(0, 300, 10):
        listed.drop(where, 1)

    assert looked(listed, known) is None
    assert listed.asked <= 1 + 400 // PAGE // 2


# Where not all of it is needed


NEEDED = st.one_of(st.sets(st.integers(0, 150), max_size=6), st.just(set(range(0, 150, 2))), st.just(set(range(60))))


@given(LISTS, NEEDED, DEEDS, DEEDS, st.booleans())
def test_what_is_needed_is_told_and_of_the_others_how_many_are_gone(
    listed: Listed, numbers: set[int], deeds: Sequence[Any], later: Sequence[Any], many: bool
) -> None:
    known, needed, listed.many_by_id = listed.now(), {f"o{n}" for n in numbers}, many
    do(listed, deeds)

    now = looked_for(listed, known, needed)

    if now is None:
        return
    assert holds(now, listed, needed)
    do(listed, later, 5000)
    again = looked_for(listed, now.objects, needed, len(now.objects) - now.total)
    assert again is None or holds(again, listed, needed)


@given(LISTS, NEEDED, DEEDS, DEEDS)
def test_what_is_needed_and_goes_meanwhile_is_seen_at_once_or_with_the_next_look(
    listed: Listed, numbers: set[int], deeds: Sequence[Any], meanwhile: Sequence[Any]
) -> None:
    known, needed, listed.many_by_id = listed.now(), {f"o{n}" for n in numbers}, True
    do(listed, deeds)
    listed.meddling = [lambda deed=deed, at=at: do(listed, [deed], at) for at, deed in enumerate(meanwhile, 2000)]

    now = looked_for(listed, known, needed)
    listed.meddling = []
    if now is not None:
        now = looked_for(listed, now.objects, needed, max(len(now.objects) - now.total, 0))

    assert now is None or holds(now, listed, needed)


@given(st.sets(st.integers(0, 999).filter(lambda n: n != 400), min_size=1, max_size=300), st.booleans())
def test_however_many_others_delete_what_few_need_is_a_request_more(gone: set[int], many: bool) -> None:
    listed = Listed(Order.OLDEST, True, [_object(f"o{n}", n) for n in range(1000)], many_by_id=many)
    known, needed = listed.now(), {"o400"}
    listed.objects = [it for it in listed.objects if int(it.id[1:]) not in gone]

    now = looked_for(listed, known, needed)

    assert now is not None
    assert holds(now, listed, needed)
    assert listed.asked == 2
    again = looked_for(listed, now.objects, needed, len(now.objects) - now.total)
    assert again == now
    assert listed.asked == 3


def test_what_others_delete_of_their_own_is_looked_for_among_what_is_theirs() -> None:
    listed = Listed(Order.OLDEST, True, [_object(f"o{n}", n) for n in range(2000)])
    known, needed = listed.now(), {f"o{n}" for n in range(2000) if not 1200 <= n < 1300}
    for where in (1210, 1220, 1240, 1250, 1280):
        listed.drop(where, 1)

    now = looked_for(listed, known, needed)

    assert now is not None
    assert holds(now, listed, needed)
    assert listed.asked <= 1 + 12


def test_what_was_gone_and_is_there_again_is_read_whole() -> None:
    listed = Listed(Order.OLDEST, True, [_object(f"o{n}", n) for n in range(400)])
    known = listed.now()
    lost = listed.objects.pop(100)
    now = looked_for(listed, known, {"o1"})
    assert now is not None
    listed.objects.insert(100, lost)

    assert looked_for(listed, now.objects, {"o1"}, 1) is None
