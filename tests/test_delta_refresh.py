"""Plans by what differs since the account was read whole: how few requests, what is seen, what is never done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.emulator.twelvelabs import app
from reconciler.engine import Planning, Session
from reconciler.errors import Invalid, Refused
from reconciler.model import Live, ReadMode
from reconciler.planfile.moved import moved
from reconciler.providers.twelvelabs import KINDS
from reconciler.redact import forget, learn
from reconciler.state import Identity
from tests.support.others import Account, begun_in, copied, told
from tests.support.running import Bench

FOREIGN = 300
"""Objects of others in each list that may be long: seven pages of it."""
LISTS = 12
"""Three of the top, three indexes, six collections."""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return begun_in(tmp_path_factory.mktemp("begun"), FOREIGN)


@pytest.fixture
def account(begun: Path, tmp_path: Path) -> Iterator[Account]:
    with copied(begun, tmp_path) as made:
        yield made


def ours(planning: Planning) -> dict[str, Live]:
    return dict(planning.claims.live)


def _wrong(account: Account, mode: ReadMode) -> pytest.ExceptionInfo[Invalid]:
    with pytest.raises(Invalid) as error:
        account.plan(mode)
    return error


# What it takes, and what it sees


def test_what_has_not_changed_is_a_request_a_list(account: Account) -> None:
    cold = account.plan(ReadMode.FULL)
    assert (cold.plan.changes, cold.plan.refresh.mode) == ((), "full")
    assert cold.snapshot.requests >= 6 * LISTS

    warm = account.plan()

    assert (warm.plan.changes, warm.plan.refresh.mode) == ((), "delta")
    assert warm.snapshot.requests == LISTS
    assert warm.snapshot.by_kind == cold.snapshot.by_kind
    assert [it for it in warm.plan.diagnostics if "since the full sweep of 2026-11-28 12:00" in it.summary]


def test_what_was_changed_is_seen_and_read_by_its_id(account: Account) -> None:
    group = account.named("entity_collection", "c2")
    entity = account.named("entity", "e", group)
    account.store.update(
        entity, doc={**entity.doc, "asset_ids": [account.named("asset", "b.mp4").id]}, updated_at=account.store.moment()
    )
    account.read_by_id()

    planning = account.plan()

    assert told(planning) == {"entity_collections/c2/entities/e": ("update", ["assets"])}
    assert planning.snapshot.requests <= LISTS + 20
    assert told(planning) == told(account.plan(ReadMode.FULL))


def test_what_others_delete_of_their_own_costs_some_requests_and_changes_nothing(account: Account) -> None:
    account.drop(account.all("asset")[100])
    account.drop(account.all("entity", account.named("entity_collection", "c4"))[200])

    planning = account.plan()

    assert planning.plan.changes == ()
    assert planning.snapshot.requests == LISTS + 3  # both assets of ours in one, each of two entities by itself
    assert [it for it in planning.plan.diagnostics if "which 2 objects of others are gone was not looked" in it.summary]
    assert ours(planning) == ours(account.plan(ReadMode.FULL))


def test_however_many_others_delete_of_their_own_it_is_noted_once(account: Account) -> None:
    for asset in account.all("asset")[30:130:3]:
        account.drop(asset)

    assert account.plan().snapshot.requests == LISTS + 1
    again = account.plan()

    assert (again.plan.changes, again.snapshot.requests) == ((), LISTS)
    assert [it for it in again.plan.diagnostics if "which 34 objects of others are gone" in it.summary]
    assert account.plan(ReadMode.FULL).plan.diagnostics == ()
    assert account.plan().snapshot.by_kind == account.plan(ReadMode.FULL).snapshot.by_kind


def test_what_may_be_gone_is_not_what_an_address_means(account: Account) -> None:
    """Of those that are not recorded: the last look did not ask which one of them went."""
    group = account.named("entity_collection", "c4")
    theirs = account.named("entity", "other-200", group)
    account.drop(theirs)
    assert account.plan().plan.changes == ()
    account.git(entities="{e: {assets: [a]}, f: {assets: [b]}, g: {name: other-200, assets: [a]}}")

    planning = account.plan()

    assert told(planning)["entity_collections/c4/entities/g"] == ("create", ["name", "assets"])
    assert told(planning) == told(account.plan(ReadMode.FULL))


def test_what_is_looked_up_and_may_be_gone_is_asked_for(account: Account) -> None:
    """Nothing is recorded of what is external, so whether it is there was not asked when one of many went."""
    theirs = [account.make_entity(group)[0] for group in account.all("entity_collection")]
    for it in theirs:
        account.store.update(it, name="theirs")
    account.plan(ReadMode.FULL)
    account.drop(theirs[2])
    assert account.plan().plan.changes == ()
    account.git(entities="{e: {assets: [a]}, f: {assets: [b]}, g: {external: true, name: theirs}}")

    said = [str(error.value) for error in (_wrong(account, ReadMode.DELTA), _wrong(account, ReadMode.FULL))]

    assert "entity_collections/c2/entities/g" in said[0]
    assert said[0] == said[1]


def test_what_is_gone_of_ours_is_made_again_of_a_list_that_was_read_whole(account: Account) -> None:
    account.drop(account.named("entity", "f", account.named("entity_collection", "c1")))

    planning = account.plan()

    assert told(planning) == {"entity_collections/c1/entities/f": ("create", ["name", "assets"])}
    pages = [it for it in account.bench.emulator.journal.entries if it.path.endswith("entities")]
    assert len(pages) >= LISTS - 6 + FOREIGN // 50
    assert told(planning) == told(account.plan(ReadMode.FULL))


def test_what_balances_is_seen(account: Account) -> None:
    group = account.named("entity_collection", "c3")
    account.drop(account.named("entity", "e", group))
    account.make_entity(group)

    assert told(account.plan()) == told(account.plan(ReadMode.FULL)) != {}


def test_what_leaves_no_trace_is_seen_by_the_next_full_sweep(account: Account) -> None:
    asset = account.named("asset", "a.mp4")
    account.change(asset, user_metadata={**asset.doc["user_metadata"], "season": 7})

    assert account.plan().plan.changes == ()
    account.now += timedelta(hours=24, seconds=1)
    planning = account.plan()

    assert planning.plan.refresh.mode == "full"
    assert "last full sweep" in planning.plan.refresh.why
    assert told(planning) == {"assets/a": ("update", ["metadata.season"])}
    assert account.plan().plan.refresh.mode == "delta"


def test_what_was_applied_since_is_not_what_is_kept(account: Account) -> None:
    """The kept metadata are of before the apply; git then goes back to what they were."""
    account.git(season=2)
    account.apply()
    account.git(season=1)

    planning = account.plan()

    assert told(planning) == {f"assets/{n}": ("update", ["metadata.season"]) for n in "ab"}
    account.apply()
    assert account.plan().plan.changes == account.plan(ReadMode.FULL).plan.changes == ()


def test_what_would_only_be_noted_is_read_first(account: Account) -> None:
    """By hand it came to be what git then wants, and went back, which leaves no trace."""
    asset = account.named("asset", "a.mp4")
    account.change(asset, user_metadata={**asset.doc["user_metadata"], "season": 2})
    account.plan(ReadMode.FULL)
    account.git(season=2)
    account.change(account.named("asset", "a.mp4"), user_metadata=asset.doc["user_metadata"])

    planning = account.plan()

    assert told(planning) == {f"assets/{n}": ("update", ["metadata.season"]) for n in "ab"}


def test_no_delete_is_planned_without_a_read_of_it(account: Account) -> None:
    group = account.named("entity_collection", "c5")
    going = account.named("entity", "e", group)
    account.git(entities="{f: {assets: [b]}}")
    account.read_by_id()

    planning = account.plan()

    ids = {it.id for it in planning.plan.changes if it.action.value == "delete"}
    assert len(ids) == 6
    assert going.id in ids
    assert ids <= account.read_by_id()
    account.apply()
    assert account.plan().plan.changes == account.plan(ReadMode.FULL).plan.changes == ()


def test_what_was_changed_lately_is_read_by_its_id_before_it_goes(account: Account) -> None:
    going = account.named("entity", "e", account.named("entity_collection", "c5"))
    account.change(going, description="by hand")
    account.git(entities="{f: {assets: [b]}}")
    account.read_by_id()

    assert "entity_collections/c5/entities/e" in told(account.plan())
    assert going.id in account.read_by_id()


def test_a_saved_plan_is_held_against_what_is_read_again(account: Account) -> None:
    asset = account.named("asset", "a.mp4")
    account.git(season=2)
    saved = account.plan()
    account.change(asset, user_metadata={**asset.doc["user_metadata"], "by": "hand"})

    fresh = account.plan()

    assert [line.split(":")[0] for line in moved(saved.plan, fresh.plan, KINDS)] == ["assets/a"]


# A first apply that does not end whole


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Account]:
    """An account in which nothing was made yet."""
    account = Account(Bench(tmp_path, app(tmp_path / "account.db")))
    account.git()
    yield account
    account.bench.emulator.close()


BROKEN = {"fault": "status", "status": 400, "method": "POST", "path": "/assets", "contains": "b.mp4"}


def test_a_first_apply_that_fails_in_part_leaves_nothing_to_be_told_from_marks(empty: Account) -> None:
    empty.bench.emulator.add_fault(BROKEN)
    empty.bench.looking = empty.looking(ReadMode.FULL)
    assert empty.bench.apply().failed
    empty.fill(60)

    whole, delta = empty.plan(ReadMode.FULL), empty.plan()

    assert delta.plan.refresh.mode == "delta"
    assert told(delta) == told(whole)
    assert told(delta)["assets/b"][0] == "create"


def test_what_is_marked_and_not_recorded_is_looked_for_until_it_is(empty: Account) -> None:
    """With the state lost, what is no longer declared is told from its marks; here it can be neither deleted nor is all
    of the rest made."""
    empty.apply(ReadMode.FULL)
    empty.bench.state_name = "another.db"
    empty.git(entities="{f: {assets: [b]}}", extra='  c: {url: "https://example.com/c.mp4"}\n')
    empty.bench.emulator.add_fault({**BROKEN, "contains": "c.mp4"})
    refused = empty.bench.emulator.add_fault({"fault": "status", "status": 400, "method": "DELETE", "path": "/**"})
    assert refused.count is None

    empty.bench.looking = empty.looking(ReadMode.FULL)
    assert empty.bench.apply().failed

    assert empty.bench.run(_identity).rebuild
    empty.bench.emulator.clear_faults()
    assert "entity_collections/c0/entities/e" in told(empty.plan())
    empty.apply()
    assert not empty.bench.run(_identity).rebuild
    assert told(empty.plan()) == told(empty.plan(ReadMode.FULL)) == {}


async def _identity(session: Session) -> Identity:
    found = session.state.identity()
    assert found is not None
    return found


# What is kept


@pytest.mark.parametrize("data", [b"no database at all" * 100, b"", None])
def test_what_is_kept_may_be_broken_or_gone(account: Account, data: bytes | None) -> None:
    account.kept.unlink() if data is None else account.kept.write_bytes(data)

    assert account.plan().plan.refresh.mode == "full"
    assert account.plan().plan.refresh.mode == "delta"


def test_what_is_kept_is_of_one_account(account: Account) -> None:
    assert account.plan(account="another").plan.refresh.mode == "full"
    assert account.plan(account="another").plan.refresh.mode == "delta"
    assert account.plan().plan.refresh.mode == "full"


def test_what_is_secret_is_not_kept(account: Account) -> None:
    secret = "s3cret-of-the-environment"
    learn(secret)
    try:
        asset = account.named("asset", "b.mp4")
        account.change(asset, user_metadata={**asset.doc["user_metadata"], "token": secret})
        account.plan(ReadMode.FULL)

        planning = account.plan()
    finally:
        forget()

    assert secret.encode() not in account.kept.read_bytes()
    assert planning.plan.refresh.mode == "delta"
    assert planning.snapshot.requests == LISTS + 1
    assert planning.snapshot.by_kind["Asset"][asset.id].fields["metadata"]["token"] == secret


def test_a_file_that_came_with_a_checkout_is_not_used(account: Account) -> None:
    target = account.kept.with_name("elsewhere.db")
    account.kept.rename(target)
    account.kept.symlink_to(target)

    assert account.plan().plan.refresh.mode == "full"


# Nothing asked


def test_what_git_has_changed_is_told_without_a_request_and_cannot_be_applied(account: Account) -> None:
    account.git(season=3, entities="{e: {assets: [a, b]}}")

    planning = account.plan(ReadMode.NONE)

    assert planning.snapshot.requests == 0
    assert told(planning) == told(account.plan(ReadMode.FULL))
    with pytest.raises(Refused, match="without a look"):
        account.bench.run(lambda session: session.apply(planning, command="test"))
