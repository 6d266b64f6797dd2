"""A state that is only read: the same as with all care, by what comes with Python, wherever nothing is odd."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.errors import StateError
from reconciler.model import CheckScore, Operation, Recorded, Signature
from reconciler.state import Open, Put, Score, State
from reconciler.state.migrations import CURRENT
from reconciler.state.quick import SCHEMA, quick

ASSET = Recorded("assets/final", "Asset", "a1", {"url": "https://x.example.com/é.mp4", "n": 1.5}, failures=2)
DEPOSED = Recorded("assets/final", "Asset", "a0", {}, deposed=True, protect=True, facts={"size": 7})
CHILD = Recorded("indexes/one/assets/final", "IndexedAsset", "ia1", {"metadata": {"a": True}}, parent_id="i1")
BEGUN = Operation("op1", "r1", "assets/next", "Asset", "create", Signature(size=3), since=datetime.now(UTC))
SCORE = CheckScore("checks/goal", "first", {"recall": 0.5}, "2026-11-01T00:00:00+00:00", "i1", "m")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of a state in which there is something of everything."""
    url = f"sqlite:///{tmp_path}/stack/state.db"
    with closing(State.open(url, "sports")) as state:
        state.identify(account="acc", place="stack.yaml")
        state.commit(
            Put(DEPOSED), Put(ASSET), Put(CHILD), Open(BEGUN), Score("checks/goal", (SCORE,)), state.made_now("a1")
        )
        state.end_run(state.start_run("apply"), "done", {"create": 2}, 5, 2)
        state.note_drift({"assets/final": ["metadata.a"]})
        state.note_told("team", "drift", {"assets/final": ["metadata.a"]})
    with closing(State.open(url, "news")) as other:
        other.identify(place="stack.yaml")
        other.commit(Put(ASSET))
    return url


@pytest.fixture
def state(url: str) -> Iterator[State]:
    with closing(State.open(url, "sports", create=False)) as state:
        yield state


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def told(state: State) -> tuple[object, ...]:
    """All that a state says when it is asked."""
    return (
        state.exists,
        state.identity(),
        state.neighbours("stack.yaml"),
        state.recorded(),
        state.ids(),
        state.operations(),
        state.baselines(),
        state.unseen(),
        state.runs(),
        state.known_drift(),
        state.last_told(),
    )


def test_both_ways_say_the_same(url: str, state: State) -> None:
    with closing(State.open(url, "sports")) as careful:
        assert told(state) == told(careful)
    assert state._quick is not None and state._opened is None
    assert state.recorded() == [DEPOSED, ASSET, CHILD]
    assert state.neighbours("stack.yaml") == {"news": 1}


def test_what_another_writes_meanwhile_is_read(url: str, state: State) -> None:
    assert state.ids() == {ASSET.address: "a1", CHILD.address: "ia1"}
    with closing(State.open(url, "sports")) as another:
        another.commit(Put(Recorded("assets/new", "Asset", "a9", {})))

    assert state.ids()["assets/new"] == "a9"


def test_who_writes_after_all_reads_what_was_written(state: State) -> None:
    state.commit(Put(Recorded("assets/new", "Asset", "a9", {})))

    assert state.ids()["assets/new"] == "a9" and state._quick is None


def test_it_leaves_nothing_beside_the_file(url: str) -> None:
    with closing(State.open(url, "sports", create=False)) as state:
        assert state.exists

    assert [it.name for it in path_of(url).parent.iterdir()] == ["state.db"]


def test_where_there_is_no_file_nothing_is_read_and_nothing_made(tmp_path: Path) -> None:
    with closing(State.open(f"sqlite:///{tmp_path}/state.db", "sports", create=False)) as state:
        assert told(state) == (False, None, {}, [], {}, [], [], frozenset(), [], None, [])
        with pytest.raises(StateError, match=r"no state at .* yet"):
            state.commit(Put(ASSET))
    assert list(tmp_path.iterdir()) == []


def test_a_closed_one_says_so(state: State) -> None:
    state.close()

    with pytest.raises(StateError, match="is closed"):
        state.recorded()


def test_another_schema_is_left_to_who_knows_it(url: str) -> None:
    with closing(State.open(url, "sports")) as state, state._store.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE reconciler_schema SET version = {CURRENT + 1}")

    assert quick(path_of(url)) is None


def test_what_is_no_state_is_left_to_who_explains_it(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database at all, but long enough to be read as one" * 20)

    assert quick(tmp_path / "state.db") is None


def test_a_table_that_is_gone_is_explained_as_with_all_care(url: str) -> None:
    with closing(State.open(url, "sports", create=False)) as state:
        with closing(State.open(url, "sports")) as another, another._store.transaction() as connection:
            connection.exec_driver_sql("DROP TABLE reconciler_unseen")
        with pytest.raises(StateError, match=r"cannot read the state at .*no such table"):
            state.unseen()


def test_it_knows_the_newest_schema() -> None:
    assert SCHEMA == CURRENT


def test_who_only_reads_does_without_sqlalchemy(url: str) -> None:
    code = (
        "import sys; from reconciler.state import State; import reconciler.engine; "
        f"assert len(State.open({url!r}, 'sports', create=False).recorded()) == 3; "
        "assert 'sqlalchemy' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
