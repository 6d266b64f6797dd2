"""docs/results.md: what it shows is what happens, in the store that it is shown of."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from reconciler.results import COLUMNS, STORES, open_store
from tests.results.sets import MODEL, a_set
from tests.support.commandline import CHECKOUT
from tests.support.served import KEY, Place

PAGE = (CHECKOUT / "docs/results.md").read_text(encoding="utf-8")
STACK, ADDRESSES, DIM = "sports-2024", ("embeddings/clips/final", "embeddings/clips/semi"), 512


def blocks(heading: str, language: str) -> list[str]:
    """The blocks under a heading."""
    text = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def filled(url: str, root: Path) -> None:
    store = open_store(url, root=root, table="clips")
    assert store.prepare({MODEL: DIM}) == []
    for seed, address in enumerate(ADDRESSES):
        store.replace(*a_set(seed, 20, address=address, stack=STACK, dim=DIM))
    store.close()


def run_page(
    heading: str, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[dict[str, Any], list[list[str]]]:
    """Run the blocks with the vector of a known clip as the query; gives their names, and what they printed."""
    _, rows = a_set(1, 20, address=ADDRESSES[1], stack=STACK, dim=DIM)
    monkeypatch.chdir(root)
    names = run_blocks(heading, {"query": rows.floats(3)})
    return names, [line.split() for line in capsys.readouterr().out.splitlines()]


def run_blocks(heading: str, names: dict[str, Any]) -> dict[str, Any]:
    for block in blocks(heading, "python"):
        exec(compile(block, heading, "exec"), names)
    return names


def assert_nearest(printed: list[list[str]]) -> None:
    assert len(printed) == 10
    assert printed[0][:3] == [ADDRESSES[1], "18.0", "23.75"]


def connected(url: str) -> psycopg.Connection[Any]:
    """One schema is one test's, and the extension is in another."""
    connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
    extension = "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'"
    (schema,) = connection.execute(extension).fetchone() or ("public",)
    path = "SELECT set_config('search_path', concat_ws(',', current_schema(), %s::text), false)"
    connection.execute(path, [schema])
    return connection


def test_every_store_is_told_and_its_columns_are_those_of_rows() -> None:
    named = set(re.findall(r"`([a-z-]+):", PAGE))

    assert {name for name in STORES if name and "+" not in name} <= named
    assert all(re.search(rf"\b{column}\b", PAGE.partition("**Columns.**")[2]) for column in COLUMNS)


@pytest.mark.parametrize(
    ("heading", "url", "package"),
    [
        ("Files", "results", "pyarrow"),
        ("LanceDB", "lancedb:lance", "lancedb"),
        ("Qdrant", "qdrant:points", "qdrant_client"),
    ],
)
def test_the_nearest_clips_are_found_as_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    heading: str,
    url: str,
    package: str,
) -> None:
    pytest.importorskip(package)
    filled(url, tmp_path)

    names, printed = run_page(heading, tmp_path, monkeypatch, capsys)

    assert_nearest(printed)
    if heading == "Qdrant":
        assert len(names["rows"]) == 20
        names["client"].close()


def test_postgresql_is_queried_as_shown(postgres_url: str, tmp_path: Path) -> None:
    filled(postgres_url, tmp_path)
    _, rows = a_set(1, 20, address=ADDRESSES[1], stack=STACK, dim=DIM)
    search, index, whole = blocks("PostgreSQL with pgvector", "sql")
    with connected(postgres_url) as connection:
        connection.execute(index.encode())
        found = connection.execute(search.replace(":query", f"'{rows.floats(3)}'").encode()).fetchall()
        kept = connection.execute(whole.encode()).fetchall()

    assert_nearest([[str(value) for value in row] for row in found])
    assert len(kept) == kept[0][2] == 20


@pytest.mark.parametrize("heading", ["Files", "PostgreSQL with pgvector", "LanceDB", "Qdrant"])
def test_the_ten_minutes_go_as_told(
    here: Place,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    heading: str,
) -> None:
    """From YAML to the nearest clips, in each store, word for word but for addresses."""
    (stack,), (said,) = blocks("In ten minutes", "yaml"), blocks(heading, "yaml")
    results = yaml.safe_load(said)["results"]
    if results["to"].startswith("postgresql:"):
        results["to"] = request.getfixturevalue("postgres_url")
    here.write({"stack.yaml": yaml.safe_dump({**yaml.safe_load(stack), "results": results})})
    typed = [shlex.split(line)[1:] for line in blocks("In ten minutes", "sh")[0].splitlines() if line[:2] == "re"]
    assert [command for command, *_ in typed] == ["emulate", "plan", "apply", "results", "plan"]

    told = [here.offline(*line) if line[0] == "results" else here.run(*line) for line in typed[1:]]

    assert [it.code for it in told] == [0, 0, 0, 0], told
    assert told[0].last_line.startswith("Plan: 4 to create")
    assert [line.split()[0] for line in told[2].out.splitlines()] == [
        f"embeddings/clips/{it}" for it in ("final", "semi")
    ]
    assert told[3].last_line == "No changes. sports-2024 is in sync."
    for name, value in (("TWELVELABS_BASE_URL", here.served.url), ("TWELVELABS_API_KEY", KEY)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(here.directory)
    names = run_blocks("In ten minutes", {})
    scores = [float(line[-1]) for line in nearest(heading, names, results["to"], capsys)]
    assert len(scores) == 10
    assert scores == sorted(scores, reverse=True)


def nearest(heading: str, names: dict[str, Any], url: str, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """What the blocks of a store print of the nearest clips, or what its query gives."""
    if heading == "PostgreSQL with pgvector":
        with connected(url) as connection:
            search = blocks(heading, "sql")[0].replace(":query", f"'{names['query']}'")
            return [[str(value) for value in row] for row in connection.execute(search.encode())]
    capsys.readouterr()
    if client := run_blocks(heading, names).get("client"):
        client.close()
    return [line.split() for line in capsys.readouterr().out.splitlines()]
