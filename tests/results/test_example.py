"""examples/embeddings-to-pgvector: from media to an answer in SQL, and what a second run and a change do."""

from __future__ import annotations

import shutil

import psycopg

from reconciler.results import open_store
from tests.support.commandline import CHECKOUT, Said
from tests.support.served import Place

EXAMPLE = CHECKOUT / "examples/embeddings-to-pgvector"
SETS = [f"embeddings/clips/{video}" for video in ("final", "semi-1", "semi-2")]


def test_vectors_are_in_the_database_and_sql_finds_the_most_similar(here: Place, postgres_url: str) -> None:
    shutil.copytree(EXAMPLE, here.directory, dirs_exist_ok=True)
    database = ("--var", f"database={postgres_url}")

    def in_step() -> bool:
        return here.run("plan", *database).last_line == "No changes. game-vectors is in sync."

    applied: Said = here.run("apply", "--auto-approve", *database)
    assert applied.code == 0, applied
    assert in_step()

    store = open_store(postgres_url, root=here.directory, table="games")
    assert [made.address for made in store.list("game-vectors")] == SETS
    store.close()
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        extension = "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'"
        (schema,) = connection.execute(extension).fetchone() or ("public",)
        path = "SELECT set_config('search_path', concat_ws(',', current_schema(), %s::text), false)"
        connection.execute(path, [schema])
        found = connection.execute((EXAMPLE / "similar.sql").read_bytes()).fetchall()
    assert len(found) == 5
    assert {address for address, *_ in found} <= set(SETS)
    assert [score for *_, score in found] == sorted((score for *_, score in found), reverse=True)
    assert all(start < end for _, start, end, _ in found)

    stack = here.directory / "stack.yaml"
    stack.write_text(stack.read_text(encoding="utf-8").replace("every: 6", "every: 5"), encoding="utf-8")
    assert here.run("plan", *database).last_line == "Plan: 0 to create, 0 to update, 3 to replace, 0 to delete."
