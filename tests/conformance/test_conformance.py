"""kind × operation: what a driver promises (`reconciler.provider.Driver`), asked of each driver of each provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest

from reconciler.errors import (
    ApiError,
    Conflict,
    Forbidden,
    RateLimited,
    Rejected,
    Unauthorised,
    Unclear,
)
from reconciler.kind import Derived, Updating
from reconciler.model import Live
from reconciler.provider import Done, Patch
from reconciler.refresh.lists import listing, newest, whole
from reconciler.values import same
from tests.conformance.account import Account, kept, on, signed
from tests.conformance.subjects import SUBJECTS

Case = tuple[str, str]
NAMED = [
    (name, kind)
    for name, it in SUBJECTS.items()
    for kind, of in it.provider.kinds.by_name.items()
    if not issubclass(of, Derived)  # these are no objects of the account: test_results_made holds them
]
CASES = [pytest.param((name, kind), id=f"{name}-{kind}") for name, kind in NAMED]


def those(test: Callable[[Any], Any]) -> pytest.MarkDecorator:
    """The cases whose kind is so."""
    chosen = (SUBJECTS[name].provider.kinds[kind] for name, kind in NAMED)
    return pytest.mark.parametrize("case", [case for case, kind in zip(CASES, chosen, strict=True) if test(kind)])


every = pytest.mark.parametrize("case", CASES)
sent = pytest.mark.parametrize(
    "case", [case for case, (name, kind) in zip(CASES, NAMED, strict=True) if kind not in SUBJECTS[name].unsent]
)
"""Those that a request makes."""
stamped = those(lambda kind: kind.field_with(lambda field: field.stamped))


def shows(live: Live, fields: Mapping[str, Any], account: Account) -> None:
    """Each of these fields is as it was sent."""
    specs = account.drivers.kinds[live.kind].specs
    wrong = {
        name: (value, live.fields.get(name))
        for name, value in fields.items()
        if not (specs[name].source or specs[name].identity or same(specs[name], value, live.fields.get(name)))
    }
    assert wrong == {}


# Reading


@every
def test_an_account_without_anything_has_a_list_without_anything(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want = await account.want(kind)
        assert set(await listing(account[kind], want.parent_id)) == {
            id for (made, _), id in account.made.items() if made == kind
        }

    on(SUBJECTS[name], go)


@every
def test_what_is_made_is_read_as_it_was_wanted(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, id = await account.make(kind)
        live = await account.read(kind, id, want.parent_id)
        assert (live.kind, live.id, live.parent_id, live.detailed) == (kind, id, want.parent_id, True)
        assert live.stamp == want.stamp
        shows(live, want.fields, account)

    on(SUBJECTS[name], go)


@every
def test_a_list_shows_what_a_read_shows_but_for_what_it_leaves_out(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, id = await account.make(kind)
        read, listed = await account.read(kind, id, want.parent_id), await listing(account[kind], want.parent_id)
        due = {spec.name for spec in account.drivers.kinds[kind].specs.values() if not spec.detail} & read.fields.keys()
        assert listed[id].fields.keys() >= due
        shows(listed[id], {field: read.fields[field] for field in due}, account)
        marked = account.drivers.kinds[kind].field_with(lambda field: field.stamped)
        assert listed[id].stamp == (None if marked is None or marked.detail else want.stamp)

    on(SUBJECTS[name], go)


@sent
def test_several_pages_are_one_list(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        account.pages_of(kind, 2)
        made = [await account.make(kind, n) for n in range(5)]
        parent_id = made[0][0].parent_id
        first = await account[kind].page(parent_id)
        found = await listing(account[kind], parent_id)
        assert len(first.objects) == 2
        assert first.after
        assert {id for _, id in made} <= found.keys()

    on(SUBJECTS[name], go)


@every
def test_the_newest_come_first_where_that_is_said(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        account.pages_of(kind, 2)
        made = [await account.make(kind, n) for n in range(4)]
        parent_id, last = made[-1][0].parent_id, made[-1][1]
        if account[kind].traits.newest_first:
            page = await account[kind].page(parent_id, newest=True)
            assert last in {live.id for live in page.objects}
        before = set(await listing(account[kind], parent_id)) - {last}
        assert last in {live.id for live in await newest(account[kind], parent_id, before)}

    on(SUBJECTS[name], go)


@every
def test_a_poll_shows_what_is_asked_for_and_nothing_else(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        account.pages_of(kind, 2)
        made = [await account.make(kind, n) for n in range(4)]
        parent_id, ids = made[0][0].parent_id, {made[0][1], made[3][1]}
        assert (await account[kind].poll(ids, parent_id)).keys() == ids
        gone = made[0][1]
        await account[kind].delete(gone, parent_id)
        assert (await account[kind].poll(ids, parent_id)).keys() == ids - {gone}

    on(SUBJECTS[name], go)


@every
def test_what_is_not_there_is_none(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, id = await account.make(kind)
        await account[kind].delete(id, want.parent_id)
        assert await account[kind].read(id, want.parent_id) is None

    on(SUBJECTS[name], go)


# Making


@sent
def test_a_create_whose_answer_is_lost_is_unclear_and_what_it_made_is_known_by_its_signature(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        await account.make(kind, 7)
        want = await account.want(kind)
        sought, before = signed(account[kind], want), set(await listing(account[kind], want.parent_id))
        # Where lists are asked for by POST too, only those that make something are lost.
        account.line.lost = lambda request: request.method == "POST" and not SUBJECTS[name].reads(request)
        account.line.sent.clear()
        with pytest.raises(Unclear):
            await account[kind].start(want, kept)
        assert [request.method for request in account.line.sent] == ["POST"]  # sent once, whatever became of it
        account.line.lost = lambda request: False
        found = (await listing(account[kind], want.parent_id)).values()
        fitting = [live.id for live in found if sought.fits(live)]
        if len(fitting) != 1:  # lists may leave out what it is known by
            fitting = [it.id for it in found if sought.fits(await account.read(kind, it.id, want.parent_id))]
        assert len(fitting) == 1
        assert fitting[0] not in before

    on(SUBJECTS[name], go)


@sent
@pytest.mark.parametrize("answer", [{}, [], "x", {"unrelated": 1}], ids=str)
def test_a_create_that_is_answered_by_nonsense_is_unclear(case: Case, answer: Any) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want = await account.want(kind)
        account.line.instead = lambda request: httpx.Response(201, json=answer)
        with pytest.raises(Unclear):
            await account[kind].start(want, kept)

    on(SUBJECTS[name], go)


@pytest.mark.parametrize(
    "case", [case for case, (name, kind) in zip(CASES, NAMED, strict=True) if kind in SUBJECTS[name].refused_twice]
)
def test_a_second_one_of_a_unique_key_is_refused(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, _ = await account.make(kind)
        with pytest.raises((Conflict, Rejected)):
            await account[kind].start(want, kept)
        assert len(await listing(account[kind], want.parent_id)) == 1

    on(SUBJECTS[name], go)


@those(lambda kind: kind.bulk)
def test_many_are_made_in_one_call_and_answered_in_their_order(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        wants = [await account.want(kind, n) for n in range(min(4, account.drivers.kinds[kind].bulk))]
        parent_id = wants[0].parent_id
        account.line.sent.clear()
        made = await account[kind].start_many(parent_id, wants)
        assert len(account.line.sent) == 1
        for want, progress in zip(wants, made, strict=True):
            assert isinstance(progress, Done)
            live = await account.read(kind, progress.id, parent_id)
            assert live.stamp == want.stamp
            shows(live, want.fields, account)
        account.line.instead = lambda request: httpx.Response(201, json={})
        with pytest.raises(Unclear):
            await account[kind].start_many(parent_id, wants)

    on(SUBJECTS[name], go)


@every
def test_what_is_made_to_its_end_is_no_operation_any_more(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, id = await account.make(kind)
        live = await account.read(kind, id, want.parent_id)
        assert not account[kind].is_partial(live)
        assert await account[kind].unfinished([]) == frozenset()
        assert dict(await account[kind].look([])) == {}

    on(SUBJECTS[name], go)


# Changing


@sent
def test_a_change_changes_what_it_says_and_nothing_else(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, id = await account.make(kind)
        before, changes = await account.read(kind, id, want.parent_id), SUBJECTS[name].changes[kind]
        await account[kind].update(Patch(id, changes, want.parent_id, want.stamp))
        after = await account.read(kind, id, want.parent_id)
        due = dict(before.fields)
        for field, value in changes.items():
            merged = account.drivers.kinds[kind].specs[field].update is Updating.MERGE
            new = {**due[field], **value} if merged else value
            due[field] = {key: it for key, it in new.items() if it is not None} if merged else new
        shows(after, due, account)
        assert after.stamp == before.stamp
        assert changes, "every kind has something that can be changed"

    on(SUBJECTS[name], go)


@those(lambda kind: any(field.members for field in kind.specs.values()))
def test_members_are_added_and_taken_out_one_by_one(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, id = await account.make(kind)
        (field,) = (spec for spec in account.drivers.kinds[kind].specs.values() if spec.members)
        target = field.ref or ""
        (old,) = want.fields[field.name]
        fields = SUBJECTS[name].used.get(target, SUBJECTS[name].fields[target])
        new = await account.start(target, replace(await account.want(target, 1), fields=fields(-2, {})))
        for _ in range(2):  # repeating it changes nothing
            await account[kind].link(id, want.parent_id, field, [new])
        assert set((await account.read(kind, id, want.parent_id)).fields[field.name]) == {old, new}
        await account[kind].unlink(id, want.parent_id, field, [old])
        assert set((await account.read(kind, id, want.parent_id)).fields[field.name]) == {new}

    on(SUBJECTS[name], go)


@those(lambda kind: any(field.cut for field in kind.specs.values()))
def test_who_refers_to_an_object_can_be_asked_before_it_goes(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, id = await account.make(kind)
        for field in account.drivers.kinds[kind].refs():
            used = want.fields[field.name][0] if field.many else want.fields[field.name]
            users = await whole("the list of users", partial(account[kind].users, field, used))
            assert set(users) == {id}

    on(SUBJECTS[name], go)


# Marks


@stamped
def test_marks_are_taken_off_and_all_else_stays(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, id = await account.make(kind)
        before = await account.read(kind, id, want.parent_id)
        await account[kind].unstamp(before)
        after = await account.read(kind, id, want.parent_id)
        assert after.stamp is None
        shows(after, before.fields, account)

    on(SUBJECTS[name], go)


@stamped
def test_marks_are_put_on_what_had_none(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, id = await account.make(kind, stamped=False)
        bare = await account.read(kind, id, want.parent_id)
        assert bare.stamp is None
        marked = account.drivers.kinds[kind].field_with(lambda field: field.stamped)
        assert marked is not None
        stamp = (await account.want(kind)).stamp
        value = {} if marked.update is Updating.MERGE else want.fields.get(marked.name, {})
        await account[kind].update(Patch(id, {marked.name: value}, want.parent_id, stamp))
        after = await account.read(kind, id, want.parent_id)
        assert after.stamp == stamp
        shows(after, bare.fields, account)

    on(SUBJECTS[name], go)


# Deleting


@every
def test_what_is_deleted_is_gone_and_may_be_deleted_again(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, id = await account.make(kind)
        other, stays = await account.make(kind, 1)
        await account[kind].delete(id, want.parent_id)
        await account[kind].delete(id, want.parent_id)
        assert await account[kind].read(id, want.parent_id) is None
        found = await listing(account[kind], want.parent_id)
        assert id not in found
        assert stays in found
        await account.read(kind, stays, other.parent_id)

    on(SUBJECTS[name], go)


@those(lambda kind: kind.cascades)
def test_what_lives_in_what_is_deleted_goes_with_it(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        kinds = account.drivers.kinds
        for child in kinds.children(kinds[kind]):
            want, id = await account.make(child.__name__)
            await account[kind].delete(want.parent_id or "", None)
            assert await account[child.__name__].read(id, want.parent_id) is None

    on(SUBJECTS[name], go)


# What fails


@every
@pytest.mark.parametrize(
    ("status", "error"), [(401, Unauthorised), (403, Forbidden), (400, Rejected), (409, Conflict), (429, RateLimited)]
)
def test_a_refusal_is_the_error_that_it_means(case: Case, status: int, error: type[ApiError]) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want = await account.want(kind)
        account.line.instead = lambda request: httpx.Response(status, json={"message": "no"})
        if kind not in SUBJECTS[name].unsent:
            with pytest.raises(error):
                await account[kind].start(want, kept)
        with pytest.raises(error):
            await account[kind].page(want.parent_id)

    on(SUBJECTS[name], go)


@sent
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_that_breaks_leaves_a_write_unclear_and_is_asked_again_for_a_read(case: Case, status: int) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, id = await account.make(kind)
        account.line.instead = lambda request: httpx.Response(status, json={"message": "no"})
        account.line.sent.clear()
        with pytest.raises(Unclear):
            await account[kind].start(await account.want(kind), kept)
        assert len(account.line.sent) == 1
        broken = iter([True, True])
        account.line.instead = lambda request: httpx.Response(status) if next(broken, False) else None
        assert await account[kind].read(id, want.parent_id) is not None

    on(SUBJECTS[name], go)


@every
@pytest.mark.parametrize("answer", [[], "x", {}, {"data": 5}, {"items": {"a": 1}}], ids=str)
def test_a_page_or_an_object_of_nonsense_is_an_error_and_never_an_empty_list(case: Case, answer: Any) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        want, id = await account.make(kind)
        account.line.instead = lambda request: httpx.Response(200, json=answer)
        if kind not in SUBJECTS[name].unsent:
            with pytest.raises(ApiError):
                await account[kind].read(id, want.parent_id)
        with pytest.raises(ApiError):
            await account[kind].page(want.parent_id)

    on(SUBJECTS[name], go)


@every
def test_nothing_secret_is_asked_for_in_an_address(case: Case) -> None:
    name, kind = case

    async def go(account: Account) -> None:
        await account.make(kind)
        sent = account.line.sent
        headers = SUBJECTS[name].provider.access.headers("conformance-key")
        assert all(request.headers[word] == value for request in sent for word, value in headers.items())
        assert not any("conformance-key" in str(request.url) for request in sent)

    on(SUBJECTS[name], go)
