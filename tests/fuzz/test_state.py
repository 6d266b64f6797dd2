"""A state whose file, or whose cells, are not as we wrote them: an error that says so, or the truth; no delete of what
is not ours, no word of being in sync that is false, no traceback."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from reconciler.emulator import Emulator
from reconciler.emulator.twelvelabs import app
from reconciler.errors import ReconcilerError
from reconciler.files import Upload
from reconciler.model import Operation, Signature, Touched
from reconciler.state import Open
from tests.fuzz import ODD, bounded, damaged, inputs
from tests.support.running import Bench

FILES: dict[str, str | bytes] = {
    "a.mp4": b"a",
    "s.yaml": """\
stack: s
provider: twelvelabs
assets: {a: {file: a.mp4, metadata: {x: 1}}, b: {url: "https://x.example.com/b.mp4"}}
indexes: {i: {models: [{name: marengo3.0}], assets: {a: {metadata: {y: [k, l]}}}}}
entity_collections: {c: {description: d, entities: {e: {assets: [b]}}}}
""",
}
SOUGHT = Signature(natural={"name": "x"})
WHEN = "2026-01-01T00:00:00Z"
HANDLE = Upload("u", "a9", "", "", "a.mp4", 1, 2, 3, 4, {"h": "v"}, {1: "e"}, WHEN).handle()
NUMBERS = (None, 0, 1, 2, -1, 1 << 62, 1.5, b"\xff\xfe", b"", "\ud800x")
WORDS = (
    "",
    "x",
    "a/b/c",
    "assets/a",
    "assets/zz",
    "indexes/i/assets/a",
    "Asset",
    "Index",
    "op1",
    "create",
    "other",
    "a9",
)
JSON = (
    *("{}", "[]", "null", "[1]", "[[]]", "NaN", '{"a": NaN}', '{"a": 1}', "9" * 30, WHEN),
    *('{"metadata": 5}', '{"asset_ids": 5, "assets": 7}', '{"models": {}}', '{"content": []}', '{"models": [5]}'),
    *(
        '{"name": {"$env": 5}}',
        '{"metadata": {"x": {"$env": "${env.HOME}"}}}',
        '{"name": {"$env": ["${env.HOME}", 5]}}',
    ),
)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An account with the stack and a foreign object in it, and the state, with a line of each table."""
    directory = tmp_path_factory.mktemp("applied")
    emulator = app(directory / "account.db")
    bench = Bench(directory, emulator)
    bench.write(FILES)
    bench.apply()
    bench.write(
        {"s.yaml": "stack: other\nprovider: twelvelabs\nassets: {theirs: {url: 'https://x.example.com/t.mp4'}}\n"}
    )
    bench.state_name = "other.db"
    bench.apply()
    bench.state_name = "state.db"
    bench.write(FILES)

    async def leave(session: object) -> None:
        from reconciler.engine import Session

        assert isinstance(session, Session)
        session.state.commit(
            Open(Operation("op1", "run", "assets/a", "Asset", "update", Touched(("metadata",)))),
            Open(Operation("op2", "run", "entity_collections/c", "EntityCollection", "create", SOUGHT)),
            Open(Operation("op3", "run", "assets/b", "Asset", "create", SOUGHT, "c" * 64, "a9", HANDLE)),
        )

    bench.run(leave)
    emulator.close()
    return directory


def flip(random: Random, file: Path) -> str:
    data = bytearray(file.read_bytes())
    if random.random() < 0.5:
        for _ in range(random.choice((1, 2, 8))):
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        file.write_bytes(data)
    else:
        file.write_bytes(damaged(bytes(data), random))
    return "flipped bytes"


def cell(random: Random, file: Path) -> str:
    with closing(sqlite3.connect(file)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = random.choice(tables)
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        column, row = random.choice(columns), db.execute(f"SELECT * FROM {table} ORDER BY random()").fetchone()
        value = random.choice((*NUMBERS, *WORDS, *JSON, *ODD))
        value = value.decode(errors="replace") if isinstance(value, bytes) and random.random() < 0.5 else value
        try:
            db.execute("PRAGMA ignore_check_constraints = ON")
            its = " AND ".join(f"{name} IS ?" for name in columns)  # no table of ours holds a row twice
            db.execute(f"UPDATE {table} SET {column} = ? WHERE {its}", [value, *(row or [None] * len(columns))])
            db.commit()
        except (sqlite3.Error, UnicodeEncodeError):
            return "nothing"
    return f"{table}.{column} = {value!r:.60}"


def counts(emulator: Emulator) -> dict[str, int]:
    return dict(emulator.store.db.execute("SELECT kind, count(*) FROM objects GROUP BY kind").fetchall())


def test_whatever_a_state_holds_it_is_an_error_or_the_truth(applied: Path, tmp_path: Path) -> None:
    for random, seed in inputs("state", 30):
        here = tmp_path / seed.rpartition("/")[2]
        shutil.copytree(applied, here)
        emulator = app(here / "account.db")
        bench = Bench(here, emulator)
        odd = random.choice((flip, cell, cell))(random, here / ".reconciler/state.db")
        before = counts(emulator)
        with bounded(seed, 10):
            try:
                planned = bench.survey()
                if not planned.plan.changes and not planned.recovered and not planned.unresolved:
                    assert counts(emulator) == before
                done = bench.apply()
            except ReconcilerError as error:
                assert str(error), odd
                continue
            except BaseException as error:
                error.add_note(odd)
                raise
            finally:
                names, after = bench.names("asset"), counts(emulator)
                emulator.close()
                shutil.rmtree(here)
            assert "t.mp4" in names, odd  # never a foreign delete
            assert done.failed or after == before, odd
