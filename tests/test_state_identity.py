"""Who a stack is beyond its name, as its state keeps it; and an older state that knows nothing of it yet."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import StateError
from reconciler.model import Recorded
from reconciler.state import Drop, Put, State
from tests.support.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

ASSET = Recorded("assets/final", "Asset", "a1", {"url": "https://example.com/final.mp4"})
VERSION_1 = Path(__file__).parent / "cases" / "state" / "version-1.sql"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def state(url: str) -> Iterator[State]:
    opened = State.open(url, "sports")
    yield opened
    opened.close()


def test_a_stack_gets_a_random_id_with_its_first_write_and_keeps_it(state: State) -> None:
    assert state.identity() is None

    state.commit(Put(ASSET))
    made = state.identity()

    assert made is not None
    assert re.fullmatch("[0-9a-f]{16}", made.id)
    state.commit(Drop(ASSET.address, ASSET.id))
    assert state.identity() == made


def test_two_stacks_of_one_state_and_one_stack_in_two_states_have_ids_of_their_own(url: str, tmp_path: Path) -> None:
    ids = set()
    for where, stack in ((url, "sports"), (url, "news"), (f"sqlite:///{tmp_path}/other.db", "sports")):
        state = State.open(where, stack)
        state.start_run("reconciler apply")
        identity = state.identity()
        assert identity is not None
        ids.add(identity.id)
        state.close()

    assert len(ids) == 3


def test_the_account_is_noted_and_noted_anew(state: State) -> None:
    first = state.identify(account="https://api#1")

    assert first.account == "https://api#1"
    assert state.identify() == first
    assert state.identify(account="https://api#2").account == "https://api#2"


def test_more_than_is_recorded_may_be_ours_until_a_run_has_ended_whole(state: State) -> None:
    assert state.identify().rebuild

    state.complete()
    assert not state.identify().rebuild

    state.complete(whole=False)
    assert state.identify().rebuild


def test_a_renamed_stack_keeps_all_that_is_kept_of_it_and_remembers_its_names(url: str) -> None:
    state = State.open(url, "sports")
    state.commit(Put(ASSET))
    before = state.identify(account="https://api#1")
    state.rename("archive")
    state.close()
    state = State.open(url, "archive")
    state.rename("library")
    state.close()

    renamed = State.open(url, "library")
    assert renamed.recorded() == [ASSET]
    identity = renamed.identify()
    assert (identity.id, identity.account, identity.former) == (before.id, before.account, ("sports", "archive"))
    assert identity.rebuild  # until all objects say the new name
    assert renamed.neighbours(".") == {}
    renamed.close()
    assert State.open(url, "sports").recorded() == []


def test_a_stack_is_not_renamed_onto_one_that_has_objects(url: str) -> None:
    for name in ("sports", "news"):
        state = State.open(url, name)
        state.commit(Put(ASSET))
        state.close()

    state = State.open(url, "sports")
    assert state.neighbours(".") == {"news": 1}  # nobody knows where that is declared
    state.identify(place="sports.yaml")
    with pytest.raises(StateError, match="has a stack 'news' already"):
        state.rename("news")
    assert state.recorded() == [ASSET]
    state.close()


def test_a_state_of_the_first_version_gets_ids_and_knows_which_run_never_ended(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    connection = sqlite3.connect(file)
    connection.executescript(VERSION_1.read_text(encoding="utf-8"))
    connection.close()

    state = State.open(f"sqlite:///{file}", "sports", create=False)
    identity = state.identity()
    assert identity is not None
    assert (identity.account, identity.former, identity.rebuild) == (None, (), False)
    assert [row.address for row in state.recorded()] == ["assets/final", "indexes/catalog"]
    assert [it.address for it in state.operations()] == ["assets/other"]
    state.close()

    again = State.open(f"sqlite:///{file}", "sports")
    assert again.identify() == identity
    again.close()
    cut_short = State.open(f"sqlite:///{file}", "cut-short")
    assert cut_short.identify().rebuild
    cut_short.close()


def test_stacks_that_are_declared_elsewhere_are_no_neighbours(url: str) -> None:
    for name, place in (("sports", "sports.yaml"), ("news", "news.yaml"), ("old", "sports.yaml"), ("empty", ".")):
        state = State.open(url, name)
        state.identify(place=place)
        if name != "empty":
            state.commit(Put(ASSET))
        state.close()

    state = State.open(url, "sports")
    assert state.neighbours("sports.yaml") == {"old": 1}
    assert state.neighbours("news.yaml") == {"news": 1}
    assert state.neighbours(".") == {}
    state.close()
