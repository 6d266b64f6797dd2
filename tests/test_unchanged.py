"""What is unchanged is what nobody has to think about: whoever thinks about each object comes to the same plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any
from unittest import mock

from hypothesis import event, given, settings
from hypothesis import strategies as st

from reconciler import ownership
from reconciler.diff import Difference, diff
from reconciler.errors import Invalid
from reconciler.model import Flight, Live, Plan, Recorded, Resource, Snapshot, Stack, Stamp, Status
from reconciler.ownership import Claims, claim
from reconciler.plan import make_plan
from reconciler.providers.twelvelabs import KINDS
from tests.support.planning import live_of, snapshot_of
from tests.support.simulation import Account
from tests.test_properties_plan import planned, resources, stack_with, worlds

OTHERS: dict[type, list[Any]] = {str: ["", "one"], dict: [{}, {"k": 1}], list: [[]], bool: [True, False]}
World = tuple[Stack, list[Recorded], list[Live], dict[str, str]]


def _of_resource(resource: Resource, ids: list[str], few: int = 0) -> st.SearchStrategy[Resource]:
    """As it is in so `few` ways, and otherwise."""
    odd = [
        replace(resource, protect=True),
        replace(resource, external=True),
        replace(resource, ignore=("metadata",)),
        replace(resource, replace=True),
        *(replace(resource, id=id) for id in ids[:3]),
    ]
    return st.sampled_from([*[resource] * few, *odd])


def _of_row(row: Recorded, ids: list[str], few: int = 0) -> st.SearchStrategy[Recorded]:
    noted = replace(row, fields={**row.fields, "reconciler_id": "elsewhere"})
    odd = [
        replace(row, protect=True),
        replace(row, failures=2),
        replace(row, deposed=True),
        replace(row, facts={"a": 1}),
        replace(row, parent_id="elsewhere"),
        replace(row, fields={name: _like(value) for name, value in row.fields.items()}),
        noted,
        *(replace(row, id=id) for id in ids[:3]),
    ]
    return st.sampled_from([*[row] * few, *odd])


def _of_live(live: Live, addresses: list[str], few: int = 0) -> st.SearchStrategy[Live]:
    odd = [
        replace(live, status=Status.PENDING),
        replace(live, detailed=False, fields={}),
        replace(live, stamp=None),
        replace(live, in_flight=Flight(addresses[0], goes_on=True)),
        replace(live, fields={name: _like(value) for name, value in live.fields.items()}),
    ]
    if live.stamp:
        keys = st.sampled_from(addresses)
        stamp = live.stamp
        other = st.builds(
            lambda key, id, name: replace(live, stamp=Stamp(name, key, stamp.content, id)),
            keys,
            st.sampled_from([stamp.stack_id, stamp.stack_id, "ours", "theirs"]),
            st.sampled_from(["s", "s", "before", "other"]),
        )
        return st.one_of(st.sampled_from([*[live] * few, *odd]), *[st.just(live)] * (few // 10), other)
    return st.sampled_from([*[live] * few, *odd])


def _like(value: Any) -> Any:
    """What Python calls equal, and JSON does not."""
    if isinstance(value, dict):
        return {key: _like(item) for key, item in value.items()}
    if isinstance(value, bool):
        return int(value)
    return bool(value) if value in (0, 1) else None if value == "" else value


@st.composite
def odd_worlds(draw: st.DrawFn) -> World:
    """Any world, here and there with what is odd: and what is asked for beside it."""
    stack, account = draw(worlds())
    assert isinstance(account, Account)
    rows, lives = list(account.rows.values()), list(account.objects.values())
    ids, addresses = [it.id for it in lives], sorted({*stack.resources, *(row.address for row in rows)})
    if draw(st.booleans()):
        stack = replace(stack, id="ours", former=("before",))
        numbered = draw(st.sampled_from([None, "ours", "ours", "ours", "theirs"]))
        lives = [replace(it, stamp=replace(it.stamp, stack_id=numbered)) if it.stamp else it for it in lives]
    if draw(st.booleans()):
        resources = {address: draw(_of_resource(it, ids, 40)) for address, it in stack.resources.items()}
        stack = replace(stack, resources=resources)
        rows = [draw(_of_row(row, ids, 40)) for row in rows]
        lives = [draw(_of_live(live, addresses, 40)) for live in lives]
    if draw(st.integers(0, 3)) == 0:
        pairs = st.tuples(st.sampled_from(addresses), st.sampled_from(addresses))
        stack = replace(stack, moved=tuple(draw(st.lists(pairs, max_size=2, unique_by=lambda it: it[0]))))
    elif rows and draw(st.integers(0, 3)) == 0:  # moved, and nothing else differs
        row = draw(st.sampled_from(rows))
        old = f"{row.address}-then"
        rows = [replace(it, address=old) if it is row else it for it in rows]
        stack = replace(stack, moved=((old, row.address),))
    if draw(st.integers(0, 9)) == 0:
        stack = replace(stack, stamps=False)
    wishes = draw(st.dictionaries(st.sampled_from(addresses), st.sampled_from(["", *ids[:2]]), max_size=1))
    return stack, rows, lives, wishes if draw(st.integers(0, 3)) == 0 else {}


@st.composite
def nearly_unchanged(draw: st.DrawFn) -> World:
    """All is as it was applied, but one thing."""
    id = draw(st.sampled_from([None, "ours"]))
    stack = replace(stack_with(draw(resources())), id=id, former=("before",))
    addresses = sorted(stack.resources)
    lives = {address: live_of(it, stack) for address, it in stack.resources.items()}
    ids = [it.id for it in lives.values()]
    rows = {a: Recorded(a, r.kind, lives[a].id, r.fields, lives[a].parent_id) for a, r in stack.resources.items()}
    odd, wishes = draw(st.sampled_from(addresses)), dict[str, str]()
    what = draw(st.sampled_from(["resource", "row", "live", "live", "stamp", "moved", "wish", "field"]))
    if what == "resource":
        stack = replace(stack, resources={**stack.resources, odd: draw(_of_resource(stack.resources[odd], ids))})
    elif what == "row":
        rows[odd] = draw(_of_row(rows[odd], ids))
    elif what == "live":
        lives[odd] = draw(_of_live(lives[odd], addresses))
    elif what == "stamp" and (stamp := lives[odd].stamp):
        name = draw(st.sampled_from([*fields(Stamp)])).name
        value = draw(st.sampled_from([*addresses, "s", "before", "one", "ours"]))
        lives[odd] = replace(lives[odd], stamp=replace(stamp, **{name: value}))
    elif what == "moved":
        stack = replace(stack, moved=((f"{odd}-then", odd),))
        rows[odd] = replace(rows[odd], address=f"{odd}-then")
    elif what == "wish":
        wishes[odd] = draw(st.sampled_from(["", lives[odd].id, "another"]))
    elif what == "field":
        name = draw(st.sampled_from([*lives[odd].fields]))
        others = [None, *OTHERS.get(type(lives[odd].fields[name]), ())]
        value = draw(st.sampled_from(others))
        lives[odd] = replace(lives[odd], fields={**lives[odd].fields, name: value})
    return stack, list(rows.values()), list(lives.values()), wishes


def told(world: World) -> tuple[Claims, Difference, Plan | str]:
    stack, rows, lives, wishes = world
    snapshot: Snapshot = snapshot_of(lives)
    claims = claim(stack, KINDS, rows, snapshot)
    if claims.problems:  # nothing is planned then
        return claims, Difference(), "problems"
    difference = diff(stack, KINDS, claims, wishes=wishes)
    try:
        return claims, difference, make_plan(stack, KINDS, claims, difference, snapshot)
    except (Invalid, KeyError, AssertionError) as error:  # worlds that no engine would plan
        return claims, difference, repr(error)


def as_values(claims: Claims) -> Mapping[str, Any]:
    left_out = ("unchanged", "known")
    found = {it.name: getattr(claims, it.name) for it in fields(claims) if it.name not in left_out}
    return {**found, "problems": sorted(claims.problems)}


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.one_of(odd_worlds(), nearly_unchanged(), nearly_unchanged()))
def test_who_looks_at_each_object_comes_to_the_same_plan(world: World) -> None:
    with mock.patch.object(ownership, "claim_unchanged"):
        slow, slow_difference, slow_plan = told(world)

    quick, difference, plan = told(world)

    event(f"unchanged: {bool(quick.unchanged)}, changes: {bool(difference.changes)}")
    assert not slow.unchanged
    assert as_values(quick) == as_values(slow)
    assert difference == slow_difference
    assert plan == slow_plan


@settings(deadline=None, max_examples=30, derandomize=True)
@given(worlds())
def test_what_is_as_it_was_applied_is_unchanged(here: tuple[Stack, Account]) -> None:
    stack, account = here
    account.objects = {key: live for key, live in account.objects.items() if not live.id.startswith("their-")}
    plan, claims, difference = planned(stack, account)
    account.walk(plan, claims, difference)

    claims = claim(stack, KINDS, list(account.rows.values()), account.snapshot())

    assert claims.unchanged == set(stack.resources)
