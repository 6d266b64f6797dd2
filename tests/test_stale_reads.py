"""Reads that lag behind writes, lists and answers by id alike: what was made a moment ago is there, shown or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.model import Recorded
from reconciler.state import Drop, Put, Seen, State
from tests.support.running import Bench

COLLECTION = "stack: s\nprovider: twelvelabs\nentity_collections: {k: {}}\n"
STALE = {"fault": "lag", "method": "GET", "reads": 100}


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.write({"s.yaml": COLLECTION})
    return bench


def test_what_no_read_shows_yet_is_not_made_again(bench: Bench) -> None:
    bench.emulator.add_fault(STALE)

    for _ in range(3):
        assert not bench.apply().failed
        survey = bench.survey()
        assert survey.plan.changes == survey.plan.drift == ()
        assert [note for note in survey.plan.diagnostics if "no read shows it yet" in note.summary]

    bench.emulator.clear_faults()
    assert bench.names("entity_collection") == ["k"]
    assert bench.survey().plan.changes == ()


def test_what_no_read_shows_yet_is_deleted_all_the_same(bench: Bench) -> None:
    bench.emulator.add_fault(STALE)
    assert not bench.apply().failed

    assert not bench.apply(destroy=True).failed

    bench.emulator.clear_faults()
    assert bench.names("entity_collection") == []
    assert bench.survey(destroy=True).plan.changes == ()


def test_what_was_seen_once_and_is_not_there_any_more_is_gone(bench: Bench) -> None:
    assert not bench.apply().failed  # which looks at what it has made

    bench.emulator.store.db.execute("DELETE FROM objects")

    assert [change.reason for change in bench.survey().plan.changes] == ["it is gone from the account"]


def test_what_was_never_seen_is_gone_in_the_end(tmp_path: Path) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    state = State.open(f"sqlite:///{tmp_path}/state.db", "s", now=lambda: now)
    row = Recorded("indexes/i", "Index", "i1", {})
    state.commit(Put(row), state.made_now("i1"), Put(Recorded("indexes/j", "Index", "j1", {})), state.made_now("j1"))

    assert state.unseen() == {"i1", "j1"}
    state.commit(Seen("j1"))
    assert state.unseen() == {"i1"}
    now += timedelta(minutes=9)
    assert state.unseen() == {"i1"}
    now += timedelta(minutes=2)
    assert state.unseen() == frozenset()
    state.commit(state.made_now("i1"), Drop("indexes/i", "i1"))
    assert state.unseen() == frozenset()
    state.close()
