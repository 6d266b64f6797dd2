"""The baseline of checks in the state, whatever version wrote that; checks of an index that takes another's place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.checking import run_checks
from reconciler.checks import Checked
from reconciler.engine import Session
from reconciler.errors import StateError
from reconciler.model import CheckScore
from reconciler.searching import Searching
from reconciler.state import Score, State
from reconciler.state.migrations import CURRENT
from tests.support.older_state import back_to
from tests.support.postgres import postgres, postgres_url
from tests.support.running import Bench, done

__all__ = ["postgres", "postgres_url"]

FIRST = CheckScore("checks/goals", "q1", {"recall": 1.0}, "2026-11-28T00:00:00+00:00", "i1", "m1")
SECOND = CheckScore("checks/goals", "q2", {"recall": 0.5}, "2026-11-28T00:00:00+00:00", "i1", "m1")
OTHER = CheckScore("checks/other", "q1", {"mrr": 0.25}, "2026-11-28T00:00:00+00:00", "i2", "")
URL = "https://media.example.com"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def state(url: str) -> Iterator[State]:
    with closing(State.open(url, "films")) as opened:
        yield opened


def test_what_is_recorded_is_read_and_recorded_anew_it_is_all_there_is(state: State) -> None:
    state.commit(Score("checks/goals", (FIRST, SECOND)), Score("checks/other", (OTHER,)))
    assert state.baselines() == [FIRST, SECOND, OTHER]
    state.commit(Score("checks/goals", (SECOND,), anew=True))
    assert state.baselines() == [SECOND, OTHER]


def test_a_stack_keeps_it_under_another_name(state: State, url: str) -> None:
    state.commit(Score("checks/goals", (FIRST,)))
    state.rename("movies")
    with closing(State.open(url, "movies")) as renamed:
        assert renamed.baselines() == [FIRST]
    assert state.baselines() == []


def test_a_state_of_schema_6_has_none_and_takes_one(url: str) -> None:
    with closing(State.open(url, "films")) as state:
        state.start_run("test")
        back_to(6, state._store.connection.exec_driver_sql)
        state._store.connection.commit()
    with closing(State.open(url, "films", create=False)) as state:
        assert state.baselines() == []
        state.commit(Score("checks/goals", (FIRST,)))
        assert state.baselines() == [FIRST]
        assert state._store.connection.exec_driver_sql("SELECT version FROM reconciler_schema").scalar() == CURRENT


@pytest.mark.parametrize("wrong", ["no json", '{"recall": 2}', '{"recall": true}'])
def test_a_damaged_one_is_told_with_what_to_do(state: State, wrong: str) -> None:
    state.commit(Score("checks/goals", (FIRST,)))
    state._store.connection.exec_driver_sql(f"UPDATE reconciler_checks SET measures = '{wrong}'")
    state._store.connection.commit()
    with pytest.raises(StateError, match="check --record"):
        state.baselines()


def test_another_index_is_checked_in_the_place_of_the_recorded_one(tmp_path: Path) -> None:
    """As before a replacement is promoted: it has another id, and its members have."""
    bench = Bench(tmp_path)
    index = "{models: [{name: marengo3.0}], assets: {lebron_dunks: {}, final_goal: {}}}"
    bench.write(
        {
            "stack.yaml": f"""\
stack: films
provider: twelvelabs
assets: {{lebron_dunks: {{url: "{URL}/lebron_dunks.mp4"}}, final_goal: {{url: "{URL}/final_goal.mp4"}}}}
indexes: {{catalog: {index}, next: {index}}}
checks:
  goals:
    in: indexes/catalog
    k: 1
    floors: {{recall: 1}}
    queries: {{dunk: {{text: dunks, expect: [lebron_dunks]}}, goal: {{text: goal, expect: [final_goal]}}}}
"""
        }
    )
    done(bench)

    async def go(session: Session) -> tuple[Checked, Checked]:
        searches = session.drivers.provider.searches
        assert searches is not None
        rows = session.state.recorded()
        ids = {row.address: row.id for row in rows}
        searching = Searching(session.stack, session.drivers.kinds, searches(session.drivers.hands), ids)
        checks = session.stack.checks.values()
        members = {
            row.id: row.address.replace("/next/", "/catalog/")
            for row in rows
            if row.address.startswith("indexes/next/")
        }
        (old,) = await run_checks(searching, checks)
        (new,) = await run_checks(searching, checks, container_id=ids["indexes/next"], members=members)
        assert new.container_id == ids["indexes/next"] != old.container_id
        return old, new

    # Of two films that one finds by a word and the other by none, one question is answered by the wrong one.
    for forgetful, good in (("catalog", (False, True)), ("next", (True, False))):
        bench.emulator.set_options({"forgotten": {forgetful: ["dunks", "goal"]}})
        old, new = bench.run(go)
        assert (old.passes, new.passes) == good
        right = new if new.passes else old
        assert [answer.hits[0].asset for answer in right.answers] == ["lebron_dunks", "final_goal"]
