"""The state: the same facts on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import Locked, StateError
from reconciler.model import Operation, Recorded, Signature, Stamp
from reconciler.redact import Secret, digits_of
from reconciler.state import (
    Clear,
    Close,
    Drop,
    Keep,
    Open,
    Put,
    RenameStack,
    Seen,
    State,
    Unseen,
    Write,
)
from reconciler.state.database import connect
from reconciler.state.migrations import CURRENT, MIGRATIONS, prepare, version_of
from tests.support.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

ASSET = Recorded("assets/final", "Asset", "a1", {"file": "final.mp4", "metadata": {"season": 2024}})
ENTRY = Recorded("indexes/catalog/assets/final", "IndexedAsset", "x1", {}, parent_id="i1", protect=True)
SOUGHT = Signature(
    natural={"filename": "final.mp4"},
    stamp=Stamp("sports", "assets/final"),
    listed=True,
    size=17,
    known=frozenset({"a0"}),
    weak=True,
)
SINCE = datetime(2026, 11, 20, 1, 2, 3, 456_000, tzinfo=UTC)
BEGUN = Operation("op1", "run1", "assets/final", "Asset", "create", SOUGHT, since=SINCE)
UPLOADING = Operation(
    "op2",
    "run1",
    "assets/film",
    "Asset",
    "create",
    SOUGHT,
    identity="c" * 64,
    id="a1",
    handle={
        "upload_id": "u1",
        "size_bytes": 10_000_000_000,
        "mtime_ns": 1_700_000_000_123_456_789,
        "headers": {"x-upload": "1"},
        "chunk:2": "b",
        "chunk:10": "a",
    },
    since=SINCE,
)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/stack/.reconciler/state.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return found


@contextmanager
def opened(url: str, stack: str = "sports", *, create: bool = True) -> Iterator[State]:
    state = State.open(url, stack, create=create)
    try:
        yield state
    finally:
        state.close()


@pytest.fixture
def state(url: str) -> Iterator[State]:
    with opened(url) as state:
        yield state


# ── what is kept ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_committed_is_there_for_the_next_process(url: str) -> None:
    with opened(url) as state:
        state.commit(Put(ENTRY), Put(ASSET), Open(BEGUN), Open(UPLOADING))

    with opened(url) as again:
        assert again.recorded() == [ASSET, ENTRY]
        assert again.operations() == [BEGUN, UPLOADING]


def test_a_second_put_overwrites_and_a_drop_forgets(state: State) -> None:
    state.commit(Put(ASSET), Put(replace(ASSET, fields={"file": "new.mp4"})))
    assert [row.fields for row in state.recorded()] == [{"file": "new.mp4"}]

    state.commit(Drop(ASSET.address, ASSET.id))
    assert state.recorded() == []


def test_a_replaced_object_stays_recorded_until_it_is_dropped(state: State) -> None:
    state.commit(Put(ASSET))

    state.commit(Put(replace(ASSET, id="a2")))

    assert {(row.id, row.deposed) for row in state.recorded()} == {("a1", True), ("a2", False)}
    state.commit(Drop(ASSET.address, "a1"))
    assert [row.id for row in state.recorded()] == ["a2"]


def test_an_object_recorded_over_another_deposes_it_even_within_one_commit(state: State) -> None:
    state.commit(Put(ASSET), Put(replace(ASSET, id="a2")), Put(replace(ASSET, id="a3")))

    assert {(row.id, row.deposed) for row in state.recorded()} == {("a1", True), ("a2", True), ("a3", False)}


def test_a_rename_takes_along_what_is_below_and_nothing_that_only_looks_alike(state: State) -> None:
    below = replace(ENTRY, address="indexes/a/assets/final", id="x2")
    alike = replace(ENTRY, address="indexes/ab/assets/final", id="x3")
    index = Recorded("indexes/a", "Index", "i1", {})
    state.commit(Put(index), Put(below), Put(alike), Open(replace(BEGUN, address=below.address)))
    state.commit(Open(replace(UPLOADING, address=below.address)))

    state.commit(RenameStack("indexes/a", "indexes/longer"))

    assert [row.address for row in state.recorded()] == [
        "indexes/ab/assets/final",
        "indexes/longer",
        "indexes/longer/assets/final",
    ]
    now = "indexes/longer/assets/final"
    assert state.operations() == [replace(BEGUN, address=now), replace(UPLOADING, address=now)]


def test_a_rename_onto_a_taken_address_is_refused_and_nothing_of_its_commit_stays(state: State) -> None:
    other = Recorded("assets/other", "Asset", "a2", {})
    state.commit(Put(ASSET), Put(other))

    with pytest.raises(StateError, match="to assets/other: another object is recorded there already"):
        state.commit(Drop("assets/nothing", "x"), Open(BEGUN), RenameStack("assets/final", "assets/other"))

    assert state.recorded() == [ASSET, other]
    assert state.operations() == []


def test_operations_come_oldest_first_and_only_while_open(state: State) -> None:
    state.commit(*(Open(replace(BEGUN, op=op)) for op in ("z", "a", "m")))
    state.commit(Close("a"), Open(replace(BEGUN, op="b")))

    assert [it.op for it in state.operations()] == ["z", "m", "b"]


def test_a_handle_grows_name_by_name_and_goes_with_its_operation(state: State) -> None:
    handle = dict(UPLOADING.handle or {})
    state.commit(Open(replace(UPLOADING, id=None, handle=None)))
    assert state.operations() == [replace(UPLOADING, id=None, handle=None)]

    state.commit(Keep("op2", handle, "a1"), Keep("op2", {"chunk:11": "c"}))
    state.commit(Keep("op2", {"chunk:2": "B"}))
    assert state.operations() == [replace(UPLOADING, handle={**handle, "chunk:11": "c", "chunk:2": "B"})]

    state.commit(Close("op2"), Open(replace(UPLOADING, id=None, handle=None)))
    assert state.operations() == [replace(UPLOADING, id=None, handle=None)]
    state.commit(Close("op2"))
    assert state.operations() == []


def test_stacks_in_one_database_do_not_see_each_other(url: str) -> None:
    with opened(url, "one") as one, opened(url, "two") as two:
        one.commit(Put(ASSET), Open(BEGUN), Open(UPLOADING))
        two.commit(Put(replace(ASSET, id="b1")), Drop(ASSET.address, "a1"), Close("op1"), Close("op2"))
        two.commit(RenameStack(ASSET.address, "assets/elsewhere"))

        assert one.recorded() == [ASSET]
        assert one.operations() == [BEGUN, UPLOADING]
        with one.lock("apply"), two.lock("apply"):
            pass


def test_a_stack_exists_from_its_first_run_or_object_on(url: str) -> None:
    with opened(url, "ran") as ran, opened(url, "owns") as owns, opened(url, "neither") as neither:
        run = ran.start_run("apply")
        ran.end_run(run, "done")
        owns.commit(Put(ASSET))

        assert (ran.exists, owns.exists, neither.exists) == (True, True, False)


def test_run_ids_sort_by_time(url: str) -> None:
    moments = iter([datetime(2026, 11, 21, 4, tzinfo=UTC), datetime(2026, 11, 21, 5, tzinfo=UTC)])
    state = State.open(url, "sports", now=lambda: next(moments))

    first, second = state.start_run("apply"), state.start_run("apply")

    assert first.startswith("20261121T040000Z-")
    assert first < second
    state.close()


def test_secrets_are_never_written(sqlite_url: str, tmp_path: Path) -> None:
    secret = Secret("hunter2-hunter2", "${env.TOKEN}")
    with opened(sqlite_url) as state:
        state.commit(Put(replace(ASSET, fields={"url": secret, "list": [secret]})))
        state.commit(
            Open(replace(BEGUN, signature=replace(SOUGHT, natural={"filename": secret}))),
            Open(replace(UPLOADING, handle={"headers": {"h": secret}})),
        )

        kept = {"$env": ["${env.TOKEN}", digits_of(secret)]}
        assert state.recorded()[0].fields == {"url": kept, "list": [kept]}
        written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        assert not any(b"hunter2" in data for data in written)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
addresses = st.sampled_from(
    ["assets/a", "assets/b", "assets/a%", "indexes/a", "indexes/a/assets/a", "indexes/ä/assets/_"]
)
ids = st.sampled_from(["1", "2", "3"])
writes: st.SearchStrategy[Write] = st.one_of(
    st.builds(
        Put,
        st.builds(
            Recorded,
            address=addresses,
            kind=st.just("Asset"),
            id=ids,
            fields=st.dictionaries(st.text(max_size=5), json_values, max_size=3),
            parent_id=st.none() | st.just("p"),
            protect=st.booleans(),
            deposed=st.booleans(),
        ),
    ),
    st.builds(Drop, addresses, ids),
    st.builds(
        RenameStack, st.sampled_from(["assets/a", "indexes/a"]), st.sampled_from(["assets/b", "indexes/ä", "indexes/z"])
    ),
)
Model = dict[tuple[str, str], Recorded]


def after(model: Model, write: Write) -> Model:
    """The state as a dict, with the same rules; KeyError for a rename onto what is there."""
    match write:
        case Put(row):
            if not row.deposed:
                model = {
                    key: replace(it, deposed=True) if it.address == row.address else it for key, it in model.items()
                }
            return {**model, (row.address, row.id): row}
        case Drop(address, id):
            return {key: row for key, row in model.items() if key != (address, id)}
        case RenameStack(old, new):
            moved = [replace(row, address=renamed(row.address, old, new)) for row in model.values()]
            made = {(row.address, row.id): row for row in moved}
            current = [row.address for row in moved if not row.deposed]
            if len(made) < len(model) or len(set(current)) < len(current):
                raise KeyError(new)
            return made
        case _:
            return model


def renamed(address: str, old: str, new: str) -> str:
    return new + address[len(old) :] if address == old or address.startswith(old + "/") else address


_stacks = itertools.count()


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commits=st.lists(st.lists(writes, min_size=1, max_size=6), max_size=6))
def test_any_commits_leave_what_they_would_leave_in_a_dict(
    backend: str, commits: list[list[Write]], sqlite_url: str, request: pytest.FixtureRequest
) -> None:
    url = sqlite_url if backend == "sqlite" else request.getfixturevalue("postgres_url")
    model: Model = {}
    with opened(url, f"stack {next(_stacks)}") as state:
        for commit in commits:
            wanted = model
            try:
                for write in commit:
                    wanted = after(wanted, write)
            except KeyError:
                with pytest.raises(StateError):
                    state.commit(*commit)
            else:
                state.commit(*commit)
                model = wanted
            assert state.recorded() == [model[key] for key in sorted(model)]


# ── the lock ─────────────────────────────────────────────────────────────────────────────────────────────────────

HOLD = """
import sys
from reconciler.errors import Locked
from reconciler.model import Operation, Touched
from reconciler.state import Open, State
state = State.open(sys.argv[1], "sports")
print("ready", flush=True)
sys.stdin.readline()
try:
    with state.lock("reconciler apply"):
        state.commit(Open(Operation("op1", "run1", "assets/final", "Asset", "update", Touched())))
        print("held", flush=True)
        sys.stdin.readline()
except Locked as error:
    print(f"exit {error.exit_code}", error, flush=True)
"""


@contextmanager
def process(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that opens the state, takes the lock at the first line it is sent, and lets go at the second."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert heard(child) == "ready"
            yield child
        finally:
            child.kill()


def tell(child: subprocess.Popen[str]) -> None:
    assert child.stdin
    child.stdin.write("\n")
    child.stdin.flush()


def heard(child: subprocess.Popen[str]) -> str:
    assert child.stdout
    return child.stdout.readline().strip()


def test_of_two_processes_at_once_one_wins_and_the_other_is_told_by_whom(url: str) -> None:
    with process(url) as one, process(url) as two:
        tell(one)
        tell(two)
        answers = {heard(one): one.pid, heard(two): two.pid}

        winner = answers.pop("held")
        ((refusal, _),) = answers.items()
        assert refusal.startswith("exit 4 stack 'sports' is locked by ")
        if not refusal.endswith("a run that has not yet said who it is"):  # between its lock and its name
            assert f" on {socket.gethostname()} (pid {winner}) since 20" in refusal
            assert refusal.endswith(" UTC, `reconciler apply`")


def test_when_the_holder_is_killed_the_next_takes_over_and_finds_its_journal(url: str, state: State) -> None:
    with process(url) as child:
        tell(child)
        assert heard(child) == "held"
        with pytest.raises(Locked, match=rf"\(pid {child.pid}\) since 20.* UTC, `"), state.lock("reconciler apply"):
            pass
        assert (holder := state.holder())
        assert (holder.pid, holder.command) == (child.pid, "reconciler apply")

        child.kill()
        child.wait()

        with state.lock("reconciler plan"):
            assert [it.op for it in state.operations()] == ["op1"]
            assert (holder := state.holder())
            assert holder.command == "reconciler plan"
        assert state.holder() is None


def test_a_stack_is_locked_once_even_within_a_process(url: str, state: State) -> None:
    with state.lock("apply"), opened(url) as other:
        for again in (state, other):
            with pytest.raises(Locked, match="`apply`"), again.lock("destroy"):
                pass
        assert state.holder() == other.holder() is not None
    with state.lock("apply"):
        pass


def test_an_error_in_the_block_releases_the_lock(url: str, state: State) -> None:
    with pytest.raises(ZeroDivisionError), state.lock("apply"):
        raise ZeroDivisionError

    with opened(url) as other, other.lock("apply"):
        pass


def test_unlock_clears_what_a_dead_run_has_left(url: str, state: State) -> None:
    with process(url) as child:
        tell(child)
        assert heard(child) == "held"
        child.kill()
        child.wait()
        with state.lock("waits until the system has noticed"):
            pass
    with sqlite_or_postgres_row(url, pid=1):
        done = state.unlock()

    assert done.holder is not None
    assert (done.holder.pid, done.ended_session) == (1, False)
    assert state.unlock().holder is None


@contextmanager
def sqlite_or_postgres_row(url: str, *, pid: int) -> Iterator[None]:
    """A mark whose run is dead."""
    store = connect(url, create=False)
    with store.transaction() as connection:
        row = {"stack": "sports", "who": "x", "host": "h", "pid": pid, "since": "2026-11-21T04:00:00+00:00"}
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        connection.execute(sa.text("DELETE FROM reconciler_locks"))
        connection.execute(sa.text(f"INSERT INTO reconciler_locks ({names}, command) VALUES ({values}, 'apply')"), row)
    store.close()
    yield


def test_unlocking_a_living_run_on_sqlite_says_which_process_to_end(sqlite_url: str) -> None:
    with process(sqlite_url) as child, opened(sqlite_url) as state:
        tell(child)
        assert heard(child) == "held"

        with pytest.raises(Locked, match=rf"pid {child.pid}\).* end that one"):
            state.unlock()
        assert state.holder() is not None


def test_unlocking_a_living_run_on_postgresql_ends_its_session_and_it_cannot_write_any_more(postgres_url: str) -> None:
    with opened(postgres_url) as loser, opened(postgres_url) as state, loser.lock("reconciler apply"):
        done = state.unlock()

        assert done.holder is not None
        assert (done.holder.command, done.ended_session) == ("reconciler apply", True)
        with state.lock("reconciler apply"):
            for _ in range(2):
                with pytest.raises(StateError, match=r"connection .*lost"):
                    loser.commit(Put(ASSET))
            assert state.recorded() == []
            assert state.holder() is not None


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_directory_and_the_file_are_the_users_alone_and_ignored_by_git(sqlite_url: str, tmp_path: Path) -> None:
    with opened(sqlite_url) as state, state.lock("apply"):
        directory = tmp_path / "stack/.reconciler"
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}

        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert (directory / ".gitignore").read_text() == "*\n"
        assert {mode for name, mode in modes.items() if name != ".gitignore"} == {0o600}
        assert sum(name.endswith(".lock") for name in modes) == 1


def test_only_a_directory_of_ours_is_ignored_by_git(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/state.db"):
        assert not (tmp_path / ".gitignore").exists()


def test_reading_what_is_not_there_makes_nothing(url: str, tmp_path: Path) -> None:
    with opened(url, create=False) as state:
        assert (state.exists, state.recorded(), state.operations()) == (False, [], [])
        assert state.holder() is None
        with pytest.raises(StateError, match=r"no state at .* yet"):
            state.commit(Put(ASSET))
        with pytest.raises(StateError, match=r"no state at .* yet"), state.lock("apply"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_many_who_open_a_new_state_at_once_make_it_once(url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda _: State.open(url, "sports"), range(8)))
    for number, state in enumerate(states):
        state.commit(Put(replace(ASSET, address=f"assets/{number}")))
    assert len(states[0].recorded()) == 8
    for state in states:
        state.close()


def test_one_state_may_be_used_from_many_threads(state: State) -> None:
    rows = [replace(ASSET, address=f"assets/{number}") for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda row: state.commit(Put(row)), rows))

    assert len(state.recorded()) == 40


def test_a_state_of_a_newer_reconciler_is_refused(url: str) -> None:
    with opened(url):
        pass
    store = connect(url, create=False)
    with store.transaction() as connection:
        connection.exec_driver_sql("UPDATE reconciler_schema SET version = 99")
    store.close()

    for create in (True, False):
        with pytest.raises(
            StateError,
            match=rf"made by a newer reconciler \(schema 99, this one knows {CURRENT}\): take a newer version",
        ):
            State.open(url, "sports", create=create)


def test_an_older_schema_is_brought_forward_step_by_step_and_keeps_its_rows(url: str) -> None:
    with opened(url) as state:
        state.commit(Put(ASSET))
    store = connect(url, create=False)
    ran: list[str] = []

    def add_a_column(connection: sa.Connection) -> None:
        ran.append("one on")
        connection.exec_driver_sql("ALTER TABLE reconciler_resources ADD COLUMN note TEXT")

    def fill_it(connection: sa.Connection) -> None:
        ran.append("two on")
        connection.exec_driver_sql("UPDATE reconciler_resources SET note = 'old'")

    for steps in ((add_a_column,), (add_a_column, fill_it), (add_a_column, fill_it)):
        with store.transaction() as connection:
            prepare(connection, (*MIGRATIONS, *steps))

    assert ran == ["one on", "two on"]
    assert version_of(store.connection) == CURRENT + 2
    rows = store.connection.exec_driver_sql("SELECT address, note FROM reconciler_resources").all()
    assert [tuple(row) for row in rows] == [("assets/final", "old")]
    store.close()


def test_a_migration_that_fails_changes_nothing(url: str) -> None:
    with opened(url):
        pass
    store = connect(url, create=False)

    def fails(connection: sa.Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE reconciler_resources ADD COLUMN note TEXT")
        connection.exec_driver_sql("UPDATE reconciler_nowhere SET x = 1")

    with pytest.raises(StateError, match="cannot write the state"), store.transaction() as connection:
        prepare(connection, (*MIGRATIONS, fails))

    assert version_of(store.connection) == CURRENT
    assert "note" not in {column["name"] for column in sa.inspect(store.connection).get_columns("reconciler_resources")}
    store.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database at all, but long enough to be read as one" * 20)

    with pytest.raises(StateError, match=r"state\.db: file is not a database: it is another kind of file; move it"):
        State.open(f"sqlite:///{tmp_path}/state.db", "sports")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StateError, match=r"cannot make the state at .*file"):
        State.open(f"sqlite:///{tmp_path}/file/.reconciler/state.db", "sports")


def test_a_state_that_may_not_be_written_can_be_read_and_says_so(sqlite_url: str) -> None:
    with opened(sqlite_url) as state:
        state.commit(Put(ASSET))
        state._store.connection.exec_driver_sql("PRAGMA query_only = ON")  # root may write whatever the mode says

        assert state.recorded() == [ASSET]
        with pytest.raises(StateError, match="readonly database: this user may not write it"):
            state.commit(Drop(ASSET.address, ASSET.id))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("postgresql+psycopg://me:s3cret@127.0.0.1:1/db", "refused.*check host and port"),
        ("postgresql+psycopg://me:s3cret@127.0.0.1:99999999/db", "port"),
        ("postgresql+psycopg://me@127.0.0.1:1/db?password=s3cret", "refused"),
        ("mysql://me:s3cret@host/db", "no state can be kept there"),
        ("sqlite://", "no state can be kept there"),
        ("s3cret", "not a valid URL"),
    ],
)
def test_an_address_that_leads_nowhere_is_said_without_its_password(address: str, message: str) -> None:
    with pytest.raises(StateError, match=message) as caught:
        State.open(address, "sports")

    chain: BaseException | None = caught.value
    while chain is not None:
        assert "s3cret" not in f"{chain} {chain!r}"
        chain = chain.__cause__


def test_a_database_that_is_missing_is_named(postgres_url: str) -> None:
    with pytest.raises(StateError, match=r'database "nowhere" does not exist: make the database first'):
        State.open(postgres_url.replace("/postgres?", "/nowhere?"), "sports")


def test_the_plain_form_of_a_postgresql_address_works_too(postgres_url: str) -> None:
    with opened(postgres_url.replace("+psycopg", "")) as state:
        assert state.recorded() == []


def test_a_closed_state_says_that_it_is_closed(url: str) -> None:
    with opened(url) as state:
        state.close()
        with pytest.raises(StateError, match="is closed"):
            state.recorded()


def test_what_is_committed_is_on_disk_at_once(sqlite_url: str) -> None:
    with opened(sqlite_url) as state:
        pragma = state._store.connection.exec_driver_sql
        assert pragma("PRAGMA synchronous").scalar() == 2  # FULL: an fsync with each commit, also in WAL mode
        assert pragma("PRAGMA journal_mode").scalar() == "wal"


def test_a_writer_waits_for_another(sqlite_url: str, tmp_path: Path) -> None:
    with opened(sqlite_url) as state, ThreadPoolExecutor(1) as pool:
        other = sqlite3.connect(tmp_path / "stack/.reconciler/state.db", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        waiting = pool.submit(state.commit, Put(ASSET))
        other.execute("COMMIT")
        waiting.result(timeout=20)
        other.close()
        assert state.recorded() == [ASSET]


def test_the_server_is_told_to_notice_a_dead_machine_within_a_minute(postgres_url: str) -> None:
    with opened(postgres_url) as state, psycopg.connect(postgres_url.replace("+psycopg", "")):
        setting = state._store.connection.exec_driver_sql
        assert setting("SHOW idle_session_timeout").scalar() == "0"
        assert setting("SHOW synchronous_commit").scalar() == "on"
        assert setting("SHOW idle_in_transaction_session_timeout").scalar() == "10s"


def test_who_stands_still_within_a_transaction_holds_nobody_up_for_long(postgres_url: str) -> None:
    """As a machine that is suspended does: what it was about to write is not written when it wakes."""
    with opened(postgres_url) as asleep, opened(postgres_url) as state:
        state.commit(Put(ASSET))
        asleep._store.connection.exec_driver_sql("SET idle_in_transaction_session_timeout = '200ms'")
        with pytest.raises(StateError, match=r"connection .*lost"), asleep._store.transaction() as held:
            held.exec_driver_sql("UPDATE reconciler_resources SET protect = true")
            state.commit(Put(new := replace(ASSET, fields={"file": "new.mp4"})))
        assert state.recorded() == [new]


# ── a lock that is lost, a server that is lost or hangs ──────────────────────────────────────────────────────────


def test_a_lock_that_is_held_is_proven(state: State) -> None:
    state.prove()  # nothing is held, nothing is to be proven
    with state.lock("apply"):
        state.prove()


def test_who_was_unlocked_cannot_prove_its_lock_any_more(postgres_url: str) -> None:
    with opened(postgres_url) as loser, opened(postgres_url) as state, loser.lock("reconciler apply"):
        state.unlock()

        for _ in range(2):
            with pytest.raises(StateError, match=r"connection .*lost"):
                loser.prove()


@pytest.mark.parametrize("name", ["state.db", "state.db.*.lock"])
def test_who_finds_another_file_where_its_own_was_holds_nothing(sqlite_url: str, tmp_path: Path, name: str) -> None:
    with opened(sqlite_url) as state, state.lock("reconciler apply"):
        (found,) = (tmp_path / "stack/.reconciler").glob(name)
        found.rename(tmp_path / "elsewhere")
        with pytest.raises(StateError, match="removed or replaced while this run was going"):
            state.prove()
        found.write_bytes(b"")
        with pytest.raises(StateError, match="removed or replaced while this run was going"):
            state.prove()
        (tmp_path / "elsewhere").rename(found)
        state.prove()


def backend(state: State) -> int:
    pid: int = state._store.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    return pid


@pytest.mark.parametrize("moment", ["before", "within"])
def test_a_session_that_the_server_ends_is_a_state_error_wherever_it_happens(
    postgres: str, postgres_url: str, moment: str
) -> None:
    with opened(postgres_url) as state:
        pid = backend(state)

        def end_session() -> None:
            with psycopg.connect(postgres, autocommit=True) as connection:
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

        with pytest.raises(StateError, match="run again"), state._store.transaction() as connection:
            if moment == "before":
                end_session()
            connection.execute(sa.text("SELECT 1"))
            end_session()
            connection.execute(sa.text("SELECT 1"))
        for use in (state.recorded, state.operations, state.holder, lambda: state.commit(Put(ASSET)), state.unlock):
            with pytest.raises(StateError, match="was lost: run again"):
                use()


@contextmanager
def hanging(pid: int) -> Iterator[None]:
    """The server's process of a session hangs while the block runs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_server_that_hangs_is_not_waited_for_for_ever(postgres_url: str) -> None:
    with opened(postgres_url) as state, hanging(backend(state)):
        state.wait_at_most(0.2)
        with pytest.raises(StateError, match="no answer for 0 s: the connection is lost"):
            state.commit(Put(ASSET))


def test_who_waits_for_a_server_that_hangs_can_be_called_off_from_another_thread(postgres_url: str) -> None:
    with opened(postgres_url) as state, hanging(backend(state)), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(state.commit, Put(ASSET))
        state.wait_at_most(0)
        with pytest.raises(StateError, match="the connection is lost"):
            waiting.result(timeout=20)


def test_a_server_that_hangs_does_not_hold_up_the_event_loop(postgres_url: str) -> None:
    async def commit(state: State) -> str:
        writing = asyncio.create_task(state.aside(lambda: state.commit(Put(ASSET))))
        await asyncio.sleep(0)
        state.wait_at_most(0)  # this line runs although the server does not answer
        with pytest.raises(StateError):
            await writing
        return "went on"

    with opened(postgres_url) as state, hanging(backend(state)):
        assert asyncio.run(commit(state)) == "went on"


# ── the fencing token ────────────────────────────────────────────────────────────────────────────────────────────


def token(state: State) -> int:
    found: int = state._store.connection.exec_driver_sql("SELECT token FROM reconciler_locks").scalar_one()
    return found


def test_the_token_rises_with_each_lock_and_each_unlock(url: str, state: State) -> None:
    seen = []
    for _ in range(2):
        with state.lock("apply"):
            seen.append(token(state))
        assert state.holder() is None
    state.unlock()
    with opened(url) as other, other.lock("apply"):
        seen.append(token(state))

    assert seen == [1, 2, 4]


def test_who_holds_an_older_token_writes_nothing_more_whatever_its_session_says(state: State) -> None:
    """As behind a pooler, which hands a session from one run to another: the session lives, and the lock is gone."""
    with state.lock("apply"):
        state.commit(Put(ASSET))
        state._store.connection.exec_driver_sql("UPDATE reconciler_locks SET token = token + 1, who = 'another'")

        refused = pytest.raises(StateError, match="lock of stack 'sports' was taken from this run")
        with refused:
            state.commit(Drop(ASSET.address, ASSET.id))
        with refused:
            state.end_run(state._stack, "done")
        if state._store.far:
            with refused:
                state.prove()
        assert state.recorded() == [ASSET]
    mark = state._store.connection.exec_driver_sql("SELECT who, token FROM reconciler_locks").one()
    assert tuple(mark) == ("another", 2)  # the mark of the next holder is not cleared by the last


VERSION_4 = Path(__file__).parent / "cases" / "state" / "version-4.sql"


def as_version_2(url: str) -> None:
    """Make a state of that schema of one of ours in which nothing is open."""
    store = connect(url, create=False)
    dump = VERSION_4.read_text(encoding="utf-8")
    with store.transaction() as connection:
        for name in ("operations", "handles"):
            connection.exec_driver_sql(f"DROP TABLE reconciler_{name}")
        for table in re.findall(r"CREATE TABLE reconciler_(?:intents|uploads) \(.*?\n\);", dump, re.DOTALL):
            connection.exec_driver_sql(table)
        connection.exec_driver_sql("ALTER TABLE reconciler_locks DROP COLUMN token")
        connection.exec_driver_sql("DROP TABLE reconciler_drifts")
        for name in ("requests", "writes", "counts"):
            connection.exec_driver_sql(f"ALTER TABLE reconciler_runs DROP COLUMN {name}")
        for name in ("failures", "facts"):
            connection.exec_driver_sql(f"ALTER TABLE reconciler_resources DROP COLUMN {name}")
        connection.exec_driver_sql("UPDATE reconciler_schema SET version = 2")
    store.close()


def test_an_older_schema_without_tokens_gets_them(sqlite_url: str) -> None:
    with opened(sqlite_url) as state, state.lock("apply"):
        pass
    as_version_2(sqlite_url)

    with opened(sqlite_url) as state, state.lock("apply"):
        state.commit(Put(ASSET))
        assert token(state) == 1
        assert [row.failures for row in state.recorded()] == [0]


def test_a_handler_of_signals_does_not_wait_for_the_call_that_it_interrupts(postgres_url: str) -> None:
    with opened(postgres_url) as loser, opened(postgres_url) as state, loser.lock("reconciler apply"):
        loser.prove_when_woken()
        state.unlock()
        with loser._using():
            loser.prove_when_woken()  # as within a statement: that one will say so
        with pytest.raises(StateError, match="lost"):
            loser.prove_when_woken()


def test_what_is_written_of_a_chunk_does_not_grow_with_the_chunks_before_it(url: str) -> None:
    written = 0

    def count(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        nonlocal written
        written += len(str(parameters))

    sizes = []
    with opened(url) as state:
        state.commit(Open(BEGUN), Keep("op1", UPLOADING.handle or {}, "a1"))
        sa.event.listen(state._store.connection.engine, "before_cursor_execute", count)
        for index in range(1, 401):
            state.commit(Keep("op1", {f"chunk:{index}": f"{index:032x}"}))
            if index in (200, 400):
                sizes.append(written)
        assert len((state.operations()[0].handle or {}).keys() & {f"chunk:{index}" for index in range(1, 401)}) == 400

    assert sizes[1] <= 2.05 * sizes[0]


_OPS, _IDS = st.sampled_from(["o1", "o2", "o3"]), st.sampled_from(["a1", "a2", "a3"])
_ADDRESSES = st.sampled_from(["assets/a", "assets/b"])
_WRITES = st.one_of(
    st.builds(lambda address, id: Put(Recorded(address, "Asset", id, {})), _ADDRESSES, _IDS),
    st.builds(Drop, _ADDRESSES, _IDS),
    st.builds(lambda op, address: Open(replace(BEGUN, op=op, address=address)), _OPS, _ADDRESSES),
    st.builds(Keep, _OPS, st.just({"part": 1})),
    st.builds(Close, _OPS),
    st.builds(lambda id: Unseen(id, "2099-01-01T00:00:00.000Z"), _IDS),
    st.builds(Seen, _IDS),
    st.just(Clear()),
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=st.lists(_WRITES, max_size=12))
def test_many_writes_in_one_transaction_do_what_each_would_alone(writes: list[Write]) -> None:
    def left(*transactions: list[Write]) -> tuple[object, ...]:
        with TemporaryDirectory() as place, closing(State.open(f"sqlite:///{place}/state.db", "sports")) as state:
            for transaction in transactions:
                state.commit(*transaction)
            open_ones = {operation.op: (operation.address, operation.handle) for operation in state.operations()}
            return state.recorded(), open_ones, state.unseen()

    assert left(writes) == left(*([write] for write in writes))
