"""A list brought up to now by what differs is what is there, or is given up, whatever others do to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Live
from reconciler.provider import Cursor, Driver, Order, Page, Traits
from reconciler.refresh.delta import since

PAGE = 5


class _Anything:
    """A kind of which nothing is asked but this."""

    stored = False
    __name__ = "Anything"


@dataclass
class Listed:
    """A list on a server: objects in the order in which they were made, each with the time at which it was changed."""

    order: Order
    tells_changes: bool
    objects: list[Live] = field(default_factory=list)
    asked: int = 0
    meddling: list[Any] = field(default_factory=list)
    """What others do between two requests."""

    @property
    def traits(self) -> Traits:
        return Traits(order=self.order, tells_changes=self.tells_changes, page_size=PAGE)

    kind = _Anything()

    async def page(self, parent_id: str | None, cursor: Cursor | None = None, *, newest: bool = False) -> Page:
        return self._page(self.objects if self.order is Order.OLDEST else self.objects[::-1], cursor)

    async def changed(self, parent_id: str | None, cursor: Cursor | None = None) -> Page:
        if not self.tells_changes:
            return await self.page(parent_id, cursor, newest=True)
        return self._page(sorted(self.objects, key=lambda it: it.changed_at, reverse=True), cursor)

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
    return asyncio.run(since(cast(Driver, listed), None, known))


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
