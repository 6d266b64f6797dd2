"""What only one of the databases does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from reconciler.results import open_store
from tests.results.backends import LanceDB, Pgvector, backend_for
from tests.results.sets import ADDRESS, MODEL, STACK, a_set


@pytest.fixture
def postgresql(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[psycopg.Connection]:
    """A session beside the store's, in its schema."""
    url = request.getfixturevalue("postgres_url").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def pg(request: pytest.FixtureRequest, root: Path) -> Pgvector:
    backend = Pgvector(root, request.getfixturevalue("postgres_url"))
    request.addfinalizer(backend.close)
    return backend


def test_the_view_shows_the_old_model_until_the_last_set_left_it(
    postgresql: psycopg.Connection, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store = pg(request, tmp_path).ready()
    addresses = [f"embeddings/clips/{number}" for number in range(3)]
    for address in addresses:
        store.replace(*a_set(address=address))
    assert store.prepare({MODEL: 8, "marengo4.0": 4}) == []
    shown = []
    for address in addresses:
        store.replace(*a_set(2, address=address, dim=4, model="marengo4.0"))
        shown.append(postgresql.execute("SELECT model, count(*) FROM clips GROUP BY 1").fetchall())

    assert shown == [[(MODEL, 6)], [(MODEL, 3)], [("marengo4.0", 9)]]


def test_a_search_through_the_view_uses_the_index_of_the_table(
    postgresql: psycopg.Connection, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store = pg(request, tmp_path).ready()
    store.replace(*a_set(rows=500))
    extension = "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'"
    (schema,) = postgresql.execute(extension).fetchone() or ("public",)
    postgresql.execute("SELECT set_config('search_path', concat_ws(',', current_schema(), %s::text), false)", [schema])
    postgresql.execute("CREATE INDEX nearest ON clips_marengo3_0_8 USING hnsw (vector vector_cosine_ops)")
    postgresql.execute("ANALYZE clips_marengo3_0_8")
    postgresql.execute("SET enable_seqscan = off")

    explained = postgresql.execute("EXPLAIN SELECT key FROM clips ORDER BY vector <=> '[1,2,3,4,5,6,7,8]' LIMIT 5")

    assert "Index Scan using nearest" in str(explained.fetchall())


def test_a_set_is_written_in_one_transaction(
    postgresql: psycopg.Connection, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store = pg(request, tmp_path).ready()
    store.replace(*a_set())

    found = postgresql.execute(
        "SELECT DISTINCT r.xmin::text = m.xmin::text FROM clips_marengo3_0_8 r "
        "JOIN clips_manifest m USING (stack, address)"
    ).fetchall()

    assert found == [(True,)]


def test_a_view_or_a_manifest_of_somebody_else_is_refused(
    postgresql: psycopg.Connection, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    for what in ("VIEW clips AS SELECT 1 AS a", "TABLE clips_manifest (stack text)", "SEQUENCE clips_marengo3_0_8"):
        postgresql.execute(f"CREATE {what}")
        name = what.split()[1]

        problems = pg(request, tmp_path).open().prepare({MODEL: 8})

        assert [f"{name} is there already and not ours" in problem.summary for problem in problems] == [True]
        postgresql.execute(f"DROP {what.split()[0]} {name}")


def test_tables_of_a_newer_version_are_refused(
    postgresql: psycopg.Connection, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    backend = pg(request, tmp_path)
    backend.ready()
    postgresql.execute("COMMENT ON TABLE clips_marengo3_0_8 IS 'reconciler: results, format 2, under clips'")

    (problem,) = backend.open().prepare({MODEL: 8})

    assert "was made by a newer version" in problem.summary


def test_a_store_whose_name_begins_with_that_of_another_is_left_alone(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    backend = pg(request, tmp_path)
    store, other = backend.ready(), backend.open(table="clips_of_others")
    assert other.prepare({MODEL: 8}) == []
    other.replace(*a_set(1, 7))

    store.replace(*a_set(2, 3))
    store.delete(STACK, ADDRESS)

    back = other.read(STACK, ADDRESS)
    assert back is not None
    assert len(back) == 7
    assert store.foreign() == other.foreign() == 0


def test_a_connection_that_was_lost_is_made_again(
    postgresql: psycopg.Connection, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store = pg(request, tmp_path).ready()
    store.replace(*a_set())
    postgresql.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'reconciler'"
    )

    with pytest.raises(Exception, match="terminating connection"):
        list(store.list(STACK))

    assert [made.rows for made in store.list(STACK)] == [3]


def test_names_of_models_too_long_for_a_table_are_cut_and_stay_apart(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store = pg(request, tmp_path).open()
    models = [f"{'very-long-name-of-a-model-' * 4}{number}" for number in (1, 2)]
    assert store.prepare(dict.fromkeys(models, 8)) == []

    for model in models:
        store.replace(*a_set(address=f"embeddings/{model}/final", model=model))

    assert sorted(made.model for made in store.list(STACK)) == models


def test_versions_of_lancedb_that_nobody_reads_are_removed_in_the_end(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lancedb = pytest.importorskip("lancedb")
    monkeypatch.setattr("reconciler.results.lance.KEPT_DAYS", 1e-8)
    for backend in backend_for("lancedb", request, tmp_path):
        store = backend.ready()
        for seed in range(5):
            store.replace(*a_set(seed, 20))
        table = lancedb.connect(str(tmp_path / "lance")).open_table(LanceDB.table)
        before = len(table.list_versions())

        store.close()

        assert before > 5
        assert len(lancedb.connect(str(tmp_path / "lance")).open_table(LanceDB.table).list_versions()) <= 2
        assert len(backend.as_documented(ADDRESS)) == 20


def test_a_row_that_is_gone_from_lancedb_is_missed(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    lancedb = pytest.importorskip("lancedb")
    for backend in backend_for("lancedb", request, tmp_path):
        backend.ready().replace(*a_set(1, 5))
        lancedb.connect(str(tmp_path / "lance")).open_table(LanceDB.table).delete("start_sec = 6")

        assert [made.rows for made in backend.open().list(STACK)] == [4]


def test_a_qdrant_alias_means_the_vectors_there_are_sets_of(tmp_path: Path) -> None:
    pytest.importorskip("qdrant_client")
    store = open_store("qdrant:points", root=tmp_path, table="clips")
    assert store.prepare({MODEL: 8, "marengo4.0": 4}) == []
    aliased = vars(store)["_points"].aliased
    for address in ("embeddings/clips/a", "embeddings/clips/b"):
        store.replace(*a_set(address=address))
    shown = [aliased("clips")]
    for address in ("embeddings/clips/a", "embeddings/clips/b"):
        store.replace(*a_set(2, address=address, dim=4, model="marengo4.0"))
        shown.append(aliased("clips"))

    assert shown == ["clips_marengo3_0_8", "clips_marengo3_0_8", "clips_marengo4_0_4"]
    store.close()
