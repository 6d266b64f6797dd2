"""Two stacks of one name in one store: the id tells whose a set is, and what has none is by its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconciler.errors import StoreError
from reconciler.results import Store
from tests.results.backends import Backend, LanceDB, Pgvector, backend_for
from tests.results.sets import ADDRESS, STACK, a_set


def put(store: Store, id: str, seed: int = 1, rows: int = 3, *, dim: int | None, **how: Any) -> None:
    address, taken_from = how.get("address", ADDRESS), how.get("taken_from", "")
    made, its = a_set(seed, rows, dim=dim, address=address)
    store.replace(replace(made, stack_id=id), its, taken_from=taken_from)


def test_a_set_of_another_id_is_neither_replaced_nor_deleted(backend: Backend) -> None:
    store = backend.ready()
    put(store, "mine", dim=backend.dim)
    before = list(store.list(STACK)), backend.as_documented(ADDRESS)

    store = backend.open()
    for id in ("yours", ""):
        with pytest.raises(StoreError, match=rf"{ADDRESS} is of another stack called {STACK} \(its id is mine\)"):
            put(store, id, 2, 5, dim=backend.dim)
        with pytest.raises(StoreError, match="nothing was touched"):
            store.delete(STACK, ADDRESS, id)

    assert (list(backend.open().list(STACK)), backend.as_documented(ADDRESS)) == before


def test_it_is_replaced_and_deleted_by_its_own_and_by_whom_it_is_given(backend: Backend) -> None:
    store = backend.ready()
    put(store, "mine", dim=backend.dim)

    put(store, "yours", 2, 5, dim=backend.dim, taken_from="mine")
    (made,) = store.list(STACK)
    put(store, "yours", 3, 2, dim=backend.dim)
    store.delete(STACK, ADDRESS, "yours")

    assert (made.stack_id, made.rows) == ("yours", 5)
    assert list(backend.open().list(STACK)) == []
    assert backend.open().foreign() == 0


def test_what_has_no_id_is_by_its_name_and_gets_one(backend: Backend) -> None:
    store = backend.ready()
    put(store, "", dim=backend.dim)
    put(store, "", dim=backend.dim, address="embeddings/clips/semi")

    put(backend.open(), "mine", 2, dim=backend.dim)
    backend.open().delete(STACK, "embeddings/clips/semi", "mine")

    assert [made.stack_id for made in backend.open().list(STACK)] == ["mine"]


def test_each_says_where_it_is_without_anything_secret(backend: Backend) -> None:
    store = backend.ready()
    put(store, "mine", dim=backend.dim)
    (made,) = store.list(STACK)

    place = store.place(made)

    if backend.name in ("parquet", "json"):
        assert Path(place["path"]).is_file()
    else:
        name = place.get("table") or place["collection"]
        assert name == f"clips_marengo3_0_{backend.dim}"
        assert place["url"] == store.shown


def test_a_manifest_in_postgresql_of_an_older_version_is_read_and_gets_its_column_when_it_is_written(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    backend = Pgvector(tmp_path, request.getfixturevalue("postgres_url"))
    put(backend.ready(), "", dim=8)
    with psycopg.connect(backend.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("ALTER TABLE clips_manifest DROP COLUMN stack_id")

    store = backend.open()
    assert [made.stack_id for made in store.list(STACK)] == [""]
    assert store.prepare({"marengo3.0": 8}, make=False) == []
    assert store.prepare({"marengo3.0": 8}) == []
    put(store, "mine", 2, dim=8)

    assert [made.stack_id for made in backend.open().list(STACK)] == ["mine"]
    backend.close()


def test_a_table_in_lancedb_of_an_older_version_is_read_and_gets_its_column_when_it_is_written(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    lancedb = pytest.importorskip("lancedb")
    for backend in backend_for("lancedb", request, tmp_path):
        put(backend.ready(), "", dim=8)
        put(backend.open(), "", dim=8, address="embeddings/clips/semi")
        table = lancedb.connect(str(tmp_path / "lance")).open_table(LanceDB.table)
        table.drop_columns(["set_stack_id"])

        store = backend.open()
        assert [made.stack_id for made in store.list(STACK)] == ["", ""]
        assert store.prepare({"marengo3.0": 8}, make=False) == []
        assert store.prepare({"marengo3.0": 8}) == []
        put(store, "mine", 2, dim=8)

        found = {made.address: made.stack_id for made in backend.open().list(STACK)}
        assert found == {ADDRESS: "mine", "embeddings/clips/semi": ""}
