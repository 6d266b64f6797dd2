"""Others make, change, swap and delete between two plans: a delta plan does nothing that a full one would not."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.emulator.core.store import Obj
from reconciler.errors import ReconcilerError
from reconciler.model import Action, ReadMode
from tests.support.others import Account, begun_in, copied

pytestmark = pytest.mark.slow

EACH = 230
"""Objects of others in each list: five pages."""
SMALL = {"indexes": 1, "groups": 2}
GIT: list[dict[str, Any]] = [
    {},
    {"season": 2},
    {"entities": "{e: {assets: [a]}}"},
    {"entities": "{e: {assets: [a, b]}, f: {assets: [b]}, g: {assets: [a]}}"},
    {"extra": '  c: {url: "https://example.com/c.mp4"}\n'},
    {"indexes": 0},
    {"groups": 1},
]
MARKED = "mark"
"""What carries our marks, with our id, goes when that is agreed to (as it is here), whoever put them there."""
UNSEEN = frozenset({MARKED, "tag"})
"""Deeds that leave no trace in the head of any list."""


class Others:
    """What somebody else does in an account; `which` is any number."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def _all(self, kind: str) -> list[Obj]:
        return self.account.all(kind)

    def _one(self, kind: str, which: int) -> Obj | None:
        found = self._all(kind)
        return found[which % len(found)] if found else None

    def make_asset(self, which: int) -> None:
        self.account.make_asset(1 + which % 3)

    def make_entity(self, which: int) -> None:
        if group := self._one("entity_collection", which):
            self.account.make_entity(group, 1 + which % 60)

    def describe(self, which: int) -> None:
        if entity := self._one("entity", which):
            self.account.change(entity, description=f"by hand {which}")

    def swap(self, which: int) -> None:
        one, other = self._one("entity", which), self._one("entity", which + 7)
        if one and other and one.id != other.id:
            now = self.account.store.moment()
            self.account.store.update(one, name=other.name, updated_at=now)
            self.account.store.update(other, name=one.name, updated_at=now)

    def drop_entity(self, which: int) -> None:
        if entity := self._one("entity", which):
            self.account.drop(entity)

    def drop_indexed(self, which: int) -> None:
        if indexed := self._one("indexed_asset", which):
            self.account.drop(indexed)

    def drop_asset(self, which: int) -> None:
        if asset := self._one("asset", which):
            self.account.drop(asset)

    def drop_group(self, which: int) -> None:
        if group := self._one("entity_collection", which):
            self.account.store.delete_children(group, "entity")
            self.account.drop(group)

    def tag(self, which: int) -> None:
        if asset := self._one("asset", which):
            self.account.change(asset, user_metadata={**asset.doc["user_metadata"], "season": 99})

    def mark(self, which: int) -> None:
        """Our marks on something else."""
        other, marked = self._one("asset", which), next((it for it in self._all("asset") if it.name == "a.mp4"), None)
        if other and marked and other.id != marked.id:
            self.account.change(other, user_metadata=marked.doc["user_metadata"])

    def git(self, which: int) -> None:
        self.account.git(**{**SMALL, **GIT[which % len(GIT)]})


NAMES = sorted(name for name in vars(Others) if not name.startswith("_"))
DEEDS = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 1000)), min_size=1, max_size=6)
# The first ones are ours: what happens to them is what matters most.
OURS = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 6)), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return begun_in(tmp_path_factory.mktemp("begun"), EACH, **SMALL)


def seen(account: Account, mode: ReadMode = ReadMode.DELTA) -> tuple[str, dict[str, Any], set[str]]:
    """How it was read, what a plan does (address → action, object, fields), and ids of what it deletes; what is wrong
    is a plan that does nothing."""
    try:
        planning = account.plan(mode)
    except ReconcilerError as error:
        return str(error), {}, set()
    changes = {
        it.address: (it.action, it.id, [(delta.path, delta.before, delta.after) for delta in it.deltas])
        for it in planning.plan.changes
    }
    going = {it.id for it in planning.plan.changes if it.action in (Action.DELETE, Action.REPLACE) and it.id}
    return planning.plan.refresh.mode, changes, going


@given(st.one_of(DEEDS, OURS))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_delta_plans_nothing_that_a_full_plan_would_not(begun: Path, deeds: Sequence[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as directory, copied(begun, Path(directory)) as account:
        ours = {row.id for row in account.bench.run(_recorded)}
        others = Others(account)
        for name, which in deeds:
            getattr(others, name)(which)
        account.read_by_id()

        mode, delta, going = seen(account)

        assert going <= account.read_by_id()
        assert going <= ours or MARKED in dict(deeds)
        _, full, _ = seen(account, ReadMode.FULL)
        if UNSEEN.isdisjoint(name for name, _ in deeds):
            assert delta == full
        elif full:
            assert delta.items() <= full.items()
        assert mode == "delta" or not full

        account.now += timedelta(hours=25)
        assert seen(account)[1] == full


@given(OURS, st.integers(1, 12))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_lists_that_lag_delay_what_is_seen_and_no_more(
    begun: Path, deeds: Sequence[tuple[str, int]], reads: int
) -> None:
    with tempfile.TemporaryDirectory() as directory, copied(begun, Path(directory)) as account:
        ours = {row.id for row in account.bench.run(_recorded)}
        others, seeing = Others(account), UNSEEN.isdisjoint(name for name, _ in deeds)
        account.bench.emulator.add_fault({"fault": "lag", "method": "GET", "reads": reads})
        for name, which in deeds:
            getattr(others, name)(which)
            assert seen(account)[2] <= ours or MARKED in dict(deeds)
        account.bench.emulator.clear_faults()

        delta, full = seen(account)[1], seen(account, ReadMode.FULL)[1]

        assert delta == full or (not seeing and (delta.items() <= full.items() or not full))


async def _recorded(session: Any) -> Any:
    return session.state.recorded()
