"""A state that is damaged: which table and row, what is safe, what to run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from reconciler.errors import StateError
from reconciler.model import Recorded
from reconciler.state import Clear, Open, Put, State
from tests.support.postgres import postgres, postgres_url
from tests.test_state import ASSET, BEGUN, UPLOADING, opened, sqlite_url, state, url

__all__ = ["postgres", "postgres_url", "sqlite_url", "state", "url"]


@pytest.mark.parametrize(
    ("table", "column", "value", "said"),
    [
        ("resources", "fields", "{", r"reconciler_resources, the row 'assets/final': fields is not JSON of ours"),
        ("resources", "fields", "[1]", "fields is '.1.'"),
        ("resources", "fields", "[" * 5000, "fields is not JSON of ours"),
        ("resources", "fields", '{"a": NaN}', "NaN is not a valid number"),
        ("resources", "address", "assets", "address is 'assets'"),
        ("resources", "id", "a b", "id is 'a b'"),
        ("resources", "parent_id", "../x", "parent_id is '../x'"),
        ("operations", "signature", "{}", "reconciler_operations, the row 'assets/final': signature lacks something"),
        ("operations", "verb", "sing", "verb is 'sing'"),
        ("operations", "object_id", "../x", "object_id is '../x'"),
        ("operations", "since", "today", "since is 'today'"),
        ("handles", "value", '{"x', "reconciler_handles, the row 'op2': value is not JSON of ours"),
        ("stacks", "former", "5", "reconciler_stacks, the row .*: former is not a list of names"),
    ],
)
def test_a_row_that_is_damaged_is_named_with_what_is_safe_and_what_to_run(
    state: State, table: str, column: str, value: str, said: str
) -> None:
    other = replace(ASSET, address="assets/other", id="a2")
    state.commit(Put(ASSET), Put(other), Open(BEGUN), Open(UPLOADING))
    which = " WHERE id = 'a1'" if table == "resources" else ""
    damage = sa.text(f"UPDATE reconciler_{table} SET {column} = :value{which}")
    state._store.connection.execute(damage, {"value": value})

    with pytest.raises(StateError, match=said) as caught:
        for read in (state.recorded, state.operations, state.identity):
            read()

    assert "Nothing in the account was touched. Restore a copy of the state; or" in str(caught.value)
    assert state.recorded(legible=True)[-1] == other
    if table != "stacks":
        state.commit(Clear(), Put(ASSET))
        assert (state.recorded(), state.operations()) == ([ASSET], [])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (replace(ASSET, kind="Index"), "kind is 'Index', which does not stand there"),
        (replace(ASSET, kind="Song"), "kind is 'Song', which does not stand there"),
        (replace(ASSET, parent_id="i1"), "parent_id is 'i1', and it lives in nothing"),
    ],
)
def test_a_row_that_cannot_stand_where_it_stands_is_damage_to_who_knows_the_kinds(
    state: State, row: Recorded, said: str
) -> None:
    state.commit(Put(row))
    assert state.recorded() == [row]

    state.places = {"Asset": "assets", "Index": "indexes"}
    with pytest.raises(StateError, match=said):
        state.recorded()


def test_numbers_where_a_flag_or_a_version_stands_are_damage_too(sqlite_url: str) -> None:
    with opened(sqlite_url) as state:
        state.commit(Put(ASSET))
        state._store.connection.exec_driver_sql("UPDATE reconciler_resources SET deposed = 2")
        with pytest.raises(StateError, match="deposed is 2"):
            state.recorded()
        state._store.connection.exec_driver_sql("UPDATE reconciler_schema SET version = 'two'")
    with pytest.raises(StateError, match="reconciler_schema does not say which version it has"):
        State.open(sqlite_url, "sports")


def test_a_file_with_a_page_that_is_damaged_is_not_read_on(sqlite_url: str, tmp_path: Path) -> None:
    """An index that lacks a row would hide what is ours."""
    with opened(sqlite_url) as state:
        state.commit(*(Put(replace(ASSET, address=f"assets/{number}", id=f"a{number}")) for number in range(200)))
    file = tmp_path / "stack/.reconciler/state.db"
    data = bytearray(file.read_bytes())
    at = data.rindex(b"assets/77")
    data[at - 3] ^= 0xFF
    file.write_bytes(data)

    with pytest.raises(StateError, match=r"damaged.* Nothing in the account was touched\. Restore a copy"):
        State.open(sqlite_url, "sports", create=False)
