"""What the state remembers for people: runs, and what had drifted; and waiting for whoever holds a stack."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.cli import logs
from reconciler.emulator import Emulator, ServedEmulator
from reconciler.emulator.twelvelabs import app
from reconciler.errors import Locked, StateError
from reconciler.state import State
from tests.support.commandline import Said, reconciler
from tests.support.postgres import postgres, postgres_url
from tests.support.told import STACK

__all__ = ["postgres", "postgres_url"]

KEY = "tlk_a-key-that-must-not-show"


@pytest.fixture
def served() -> Iterator[ServedEmulator]:
    made: Emulator = app(key=KEY)
    with ServedEmulator(made) as served:
        yield served
    made.close()


@pytest.fixture
def applied(tmp_path: Path, served: ServedEmulator) -> Path:
    """A stack, applied to the account that is served."""
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    assert run(served, "apply", tmp_path, "--auto-approve").code == 0
    return tmp_path


def run(served: ServedEmulator, command: str, stack: Path, *more: str, **env: str) -> Said:
    return reconciler(command, stack, f"--endpoint={served.url}", *more, env={"TWELVELABS_API_KEY": KEY, **env})


def by_hand(served: ServedEmulator, name: str, season: int) -> None:
    """Somebody changes an asset in the account."""
    db = served.emulator.store.db
    ((seq, doc),) = db.execute("SELECT seq, doc FROM objects WHERE doc LIKE ?", (f'%"assets/{name}"%',))
    db.execute("UPDATE objects SET doc = ? WHERE seq = ?", (re.sub(r'("season": ?)\d+', rf"\g<1>{season}", doc), seq))


# -- runs


def test_runs_say_who_did_what_and_how_it_ended(applied: Path, served: ServedEmulator) -> None:
    by_hand(served, "a", 1)
    assert run(served, "apply", applied, "--auto-approve").code == 0

    last, first = reconciler("runs", "list", applied, "--format", "json").json["runs"]

    assert (first["result"], first["counts"], first["writes"]) == ("done", {"create": 2}, 2)
    assert (last["result"], last["counts"], last["writes"]) == ("done", {"update": 1}, 1)
    assert first["requests"] > first["writes"]
    assert first["command"].startswith("reconciler apply ")
    assert first["ended"] >= first["started"]
    lines = reconciler("runs", "list", applied).out.splitlines()
    assert [line.split()[0] for line in lines] == [last["run"], first["run"]]
    assert lines[0].endswith("done  1 update")


def test_one_run_is_named_by_the_beginning_of_its_id_or_as_the_last(applied: Path) -> None:
    (it,) = reconciler("runs", "list", applied, "--format", "json").json["runs"]

    for name in ("last", it["run"], it["run"][:-3]):
        said = reconciler("runs", "show", name, applied).out
        assert said.splitlines()[0] == it["run"]
        assert "  did       2 create" in said
    assert reconciler("runs", "show", "last", applied, "--format", "json").json["open"] == []
    unknown = reconciler("runs", "show", "1999", applied)
    assert (unknown.code, "no run '1999' is known" in unknown.err) == (1, True)


def test_without_a_run_that_is_said_and_no_state_is_made(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")

    assert "No run is known" in reconciler("runs", "list", tmp_path).out
    assert not (tmp_path / ".reconciler").exists()


def test_a_run_that_ends_half_way_counts_what_failed(tmp_path: Path, served: ServedEmulator) -> None:
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    refuse = {"fault": "status", "status": 400, "method": "POST", "path": "/assets", "count": 1}
    served.emulator.add_fault(refuse | {"body": {"code": "parameter_invalid", "message": "not today"}})

    assert run(served, "apply", tmp_path, "--auto-approve").code == 7

    (it,) = reconciler("runs", "list", tmp_path, "--format", "json").json["runs"]
    assert (it["result"], it["counts"]) == ("failed", {"create": 1, "failed": 1})


def test_damaged_history_is_said(applied: Path) -> None:
    with closing(sqlite3.connect(applied / ".reconciler/state.db")) as state:
        state.execute("UPDATE reconciler_runs SET started = 'yesterday'")
        state.commit()

    said = reconciler("runs", "list", applied)

    assert (said.code, "is damaged: table reconciler_runs" in said.err) == (1, True)


# -- drift


def test_drift_of_a_part(applied: Path, served: ServedEmulator) -> None:
    by_hand(served, "a", 1)

    assert run(served, "drift", applied, "--target", "assets/b").code == 0
    only = run(served, "drift", applied, "--target", "assets/a", "--format", "json")
    assert (only.code, [it["address"] for it in only.json["drift"]]) == (2, ["assets/a"])
    assert run(served, "drift", applied, "--exclude", "assets/a").code == 0
    mistyped = run(served, "drift", applied, "--target", "assets/c")
    assert (mistyped.code, "--target assets/c matches no address" in mistyped.err) == (1, True)


def test_new_drift_is_told_once(applied: Path, served: ServedEmulator) -> None:
    assert run(served, "drift", applied, "--new").code == 0
    by_hand(served, "a", 1)

    first = run(served, "drift", applied, "--new")
    again = run(served, "drift", applied, "--new")

    assert (first.code, "assets/a" in first.out) == (2, True)
    assert (again.code, "assets/a" in again.out) == (0, False)
    assert "still there: 1; `reconciler drift` shows all" in again.out
    assert run(served, "drift", applied).code == 2

    by_hand(served, "b", 2)
    other = run(served, "drift", applied, "--new", "--format", "json")
    assert (other.code, [it["address"] for it in other.json["drift"]], other.json["known"]) == (2, ["assets/b"], 1)


def test_drift_in_another_field_or_one_that_came_back_is_new(applied: Path, served: ServedEmulator) -> None:
    by_hand(served, "a", 1)
    assert run(served, "drift", applied, "--new").code == 2
    by_hand(served, "a", 2024)

    mended = run(served, "drift", applied, "--new")
    assert (mended.code, "In order again: assets/a" in mended.out) == (0, True)

    by_hand(served, "a", 3)
    assert run(served, "drift", applied, "--new").code == 2


def test_news_of_a_part_leave_the_rest_as_it_was_known(applied: Path, served: ServedEmulator) -> None:
    by_hand(served, "a", 1)
    by_hand(served, "b", 1)

    assert run(served, "drift", applied, "--new", "--target", "assets/a").code == 2
    rest = run(served, "drift", applied, "--new", "--format", "json")
    assert [it["address"] for it in rest.json["drift"]] == ["assets/b"]
    assert run(served, "drift", applied, "--new").code == 0


def test_part_of_a_drift_is_not_written_as_a_report(applied: Path, served: ServedEmulator) -> None:
    said = run(served, "drift", applied, "--new", "--format", "sarif")

    assert (said.code, "would pass for all of it" in said.err) == (1, True)


# -- waiting for a lock


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/state.db"


def test_who_waits_is_told_by_whom_it_is_held_and_gets_the_lock(url: str) -> None:
    with closing(State.open(url, "s")) as holder, closing(State.open(url, "s")) as waiter:
        released = threading.Event()
        told: list[str] = []

        def hear(who: str) -> None:
            told.append(who)
            released.set()

        def hold() -> None:
            with holder.lock("reconciler apply first"):
                held.set()
                released.wait(30)

        held = threading.Event()
        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(30)

        with waiter.lock("reconciler apply second", 30, hear):
            thread.join()
            assert waiter.holder() is not None

    assert len(told) == 1
    assert "`reconciler apply first`" in told[0]


def test_who_has_waited_long_enough_is_told_so(url: str) -> None:
    with closing(State.open(url, "s")) as holder, closing(State.open(url, "s")) as waiter:
        late = pytest.raises(Locked, match=r"apply first`; waited 0.3 s")
        with holder.lock("reconciler apply first"), late, waiter.lock("reconciler apply second", 0.3):
            pass
        with waiter.lock("x", 0.3), pytest.raises(Locked), waiter.lock("x", 30):
            pass  # its own lock is waited for by nobody


def test_the_command_line_waits_too(applied: Path, served: ServedEmulator) -> None:
    with closing(State.open(f"sqlite:///{applied}/.reconciler/state.db", "told")) as holder, holder.lock("the other"):
        said = run(served, "apply", applied, "--auto-approve", "--lock-timeout", "0.3")

    assert said.code == 4
    assert "Waiting: stack 'told' is locked by" in said.err


# -- the log


def test_requests_are_logged_without_a_secret(applied: Path, served: ServedEmulator) -> None:
    said = run(served, "plan", applied, "--log", "info")

    lines = [line for line in said.err.splitlines() if "reconciler.http" in line]
    assert any(" GET " in line and " 200 in " in line and line.endswith(" ms") for line in lines), said.err
    assert KEY not in said.err


def test_nothing_is_logged_unless_asked_for_and_the_environment_may_ask(applied: Path, served: ServedEmulator) -> None:
    assert run(served, "plan", applied).err == ""
    asked = run(served, "plan", applied, RECONCILER_LOG="debug")
    assert "reconciler.http" in asked.err
    assert run(served, "plan", applied).err == "", "the log of one command ends with it"


def test_a_key_and_the_signature_of_a_url_are_taken_out_of_any_line() -> None:
    import logging

    from reconciler.redact import forget, learn

    learn(KEY)
    try:
        record = logging.LogRecord("httpx", 20, "", 1, f"PUT https://s.example/x?X-Sig=abc {KEY}\x1b[2J", None, None)
        line = logs.Redacting("%(message)s").format(record)
    finally:
        forget()

    assert "X-Sig" not in line and "abc" not in line and KEY not in line and "\x1b" not in line
    assert line.startswith("PUT https://s.example/x?")


def test_a_state_that_nobody_may_write_still_tells(applied: Path, served: ServedEmulator) -> None:
    state = State.open("sqlite:///" + str(applied / ".reconciler/none.db"), "told", create=False)

    assert state.runs() == []
    assert state.known_drift() is None
    with pytest.raises(StateError, match="an apply makes it"):
        state.note_drift({"assets/a": ["x"]})
