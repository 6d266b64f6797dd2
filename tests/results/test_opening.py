"""Which store a URL means; what is said when there is none; and nothing secret in any of it."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reconciler.errors import StoreError
from reconciler.results import Opening, Store, open_store, shown_url
from reconciler.results.files import Directory
from tests.results.sets import MODEL

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize("written", ["results", "results/", "./results", "a/b/c"])
def test_a_plain_name_is_a_directory_below_the_stack(tmp_path: Path, written: str) -> None:
    assert isinstance(open_store(written, root=tmp_path), Directory)


@pytest.mark.parametrize("written", ["/tmp/x", "../x", "a/../../x", "~/x", "", "./", ".git/x", "a/.hidden", "a\0b"])
@pytest.mark.parametrize("beginning", ["", "lancedb:", "qdrant:", "qdrant-edge:"])
def test_a_directory_elsewhere_is_refused(tmp_path: Path, beginning: str, written: str) -> None:
    with pytest.raises(StoreError, match=r"below that of the stack|hidden"):
        open_store(beginning + written, root=tmp_path)


@pytest.mark.parametrize("beginning", ["", "lancedb:", "qdrant:", "qdrant-edge:"])
def test_a_link_out_of_the_stack_is_refused(tmp_path: Path, beginning: str) -> None:
    root = tmp_path / "stack"
    (tmp_path / "outside").mkdir()
    root.mkdir()
    (root / "results").symlink_to(tmp_path / "outside")

    with pytest.raises(StoreError, match="is a link"):
        open_store(f"{beginning}results/x", root=root)


def test_an_unknown_beginning_names_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(f"milvus://me:{SECRET}@host/x", root=tmp_path)

    assert str(caught.value) == (
        "milvus://me:***@host/x: no store is called `milvus:`; there are a plain directory, and `lancedb:`, "
        "`postgresql:`, `postgresql+psycopg:`, `qdrant:`, `qdrant-edge:`"
    )


def test_a_store_of_another_package_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("mine", "tests.results.test_opening:mine", "reconciler.stores")

    def entry_points(**wanted: Any) -> EntryPoints:
        return EntryPoints([point]).select(**wanted)

    monkeypatch.setattr("reconciler.results.opening.entry_points", entry_points)

    store = open_store("mine://there", root=tmp_path, table="Clips", columns={"key": "id"})

    assert store.shown == "mine://there clips id"
    with pytest.raises(StoreError, match="`mine:`"):
        open_store("other://there", root=tmp_path)


def mine(opening: Opening) -> Store:
    store = Directory(Opening("x", "", opening.root, "x", opening.naming, str))
    store.shown = f"{opening.url} {opening.table} {opening.naming['key']}"
    return store


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"start": "x"}, "there is no column start"),
        ({"key": 'x"; DROP TABLE y'}, "cannot be the name of a column"),
        ({"key": "x" * 64}, "cannot be the name of a column"),
        ({"key": "Stack"}, "two columns would be called stack"),
        ({"key": "set_digest"}, "use themselves"),
    ],
)
def test_names_of_columns_that_cannot_be_are_refused(tmp_path: Path, columns: dict[str, str], why: str) -> None:
    with pytest.raises(StoreError, match=why):
        open_store("results", root=tmp_path, columns=columns)


@pytest.mark.parametrize("table", ["", "a-b", "1a", "a" * 32, 'a"b', "ü"])
def test_names_of_tables_that_cannot_be_are_refused(tmp_path: Path, table: str) -> None:
    with pytest.raises(StoreError, match="cannot be the name of a table"):
        open_store("results", root=tmp_path, table=table)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://me:{SECRET}@host/db", "postgresql://me:***@host/db"),
        (f"postgresql://me@host/db?password={SECRET}&x=1", "postgresql://me@host/db?password=***&x=1"),
        (f"postgresql://me@host/db?sslpassword={SECRET}", "postgresql://me@host/db?sslpassword=***"),
        (f"qdrant:https://host:6333?api_key={SECRET}", "qdrant:https://host:6333?api_key=***"),
        (f"qdrant:https://x:{SECRET}@host", "qdrant:https://x:***@host"),
        ("postgresql://me:pw@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:p%40w@host/db", "postgresql://me:***@host/db"),
    ],
)
def test_a_url_is_shown_without_what_is_secret_in_it(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}@127.0.0.1:1/db",
        f"postgresql://me:{SECRET}%zz@127.0.0.1:1/db",
        f"postgresql://me@127.0.0.1:1/db?password={SECRET}&nonsense={SECRET}",
        f"qdrant:http://127.0.0.1:1?api_key={SECRET}",
        f"qdrant:http://me:{SECRET}@127.0.0.1:1",
    ],
)
def test_no_server_is_a_problem_in_plain_words_without_the_password(tmp_path: Path, url: str) -> None:
    if url.startswith("qdrant"):
        pytest.importorskip("qdrant_client")
    store = open_store(url, root=tmp_path)

    (problem,) = store.prepare({MODEL: 8}, make=False)
    with pytest.raises(StoreError) as caught:
        list(store.list("s"))

    assert "127.0.0.1" in problem.summary
    for said in (str(problem), str(caught.value)):
        assert SECRET not in said
        assert "\n" not in said
        assert "Traceback" not in said
    store.close()


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("results", "pyarrow", "parquet"),
        ("lancedb:x", "lancedb", "lancedb"),
        ("qdrant:http://127.0.0.1:1", "qdrant_client", "qdrant"),
        ("qdrant:x", "qdrant_client", "qdrant"),
        ("postgresql://127.0.0.1:1/x", "psycopg", "pgvector"),
    ],
)
@pytest.mark.parametrize("make", [True, False])
def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, package: str, extra: str, make: bool
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)

    (problem,) = open_store(url, root=tmp_path).prepare({MODEL: 8}, make=make)

    assert f".[{extra}]" in problem.summary


def test_the_engine_that_is_missing_is_named_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "qdrant_edge", None)

    (problem,) = open_store("qdrant-edge:x", root=tmp_path).prepare({MODEL: 8}, make=False)

    assert "pip install qdrant-edge-py" in problem.summary


def test_texts_need_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    assert open_store("results", root=tmp_path).prepare({"pegasus1.5": None}) == []


class Answers(BaseHTTPRequestHandler):
    """A server of Qdrant that has nothing."""

    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        """Note what was asked, and with which key."""
        self.seen.append((self.path, self.headers["api-key"]))
        body = b'{"result": {"collections": []}, "status": "ok", "time": 0}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize("beginning", ["qdrant:http://", "qdrant://"])
def test_a_qdrant_server_is_asked_by_http_with_the_key_of_the_url(tmp_path: Path, beginning: str) -> None:
    pytest.importorskip("qdrant_client")
    Answers.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        store = open_store(f"{beginning}127.0.0.1:{server.server_port}?api_key={SECRET}", root=tmp_path)

        assert list(store.list("s")) == []
        assert store.prepare({MODEL: 8}, make=False) == []

        store.close()
        server.shutdown()
    assert set(Answers.seen) == {("/collections", SECRET)}
