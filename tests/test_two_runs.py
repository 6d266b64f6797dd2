"""Two runs at once, a run that is killed, a run that is interrupted: real processes, real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.emulator import ServedEmulator
from reconciler.emulator.twelvelabs import app
from tests.support.postgres import postgres, postgres_url
from tests.support.stacks import V1

__all__ = ["postgres", "postgres_url"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedEmulator]:
    for name, content in V1.items():
        path = tmp_path / "stack" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    emulator = app()
    with ServedEmulator(emulator) as made:
        yield made
    emulator.close()


def start(directory: Path, served: ServedEmulator, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--endpoint", served.url]
    environment = {**os.environ, "TWELVELABS_API_KEY": "k", "NO_COLOR": "1"}
    return subprocess.Popen(
        [*command, "--poll-interval", "0.01", *options, str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def until(process: subprocess.Popen[str], word: str) -> str:
    """Read its standard error until a line has the word: no sleeping, no guessing."""
    assert process.stderr
    for line in process.stderr:
        if word in line:
            return line
    raise AssertionError(f"{word!r} never came")


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out + err


def stuck(served: ServedEmulator) -> None:
    """Assets never get ready: a run waits for them until somebody ends it."""
    served.emulator.add_fault({"fault": "never_ready", "method": "POST", "path": "/assets"})


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "sqlite":
        return []
    return ["--state", request.getfixturevalue("postgres_url")]


def test_of_two_applies_one_wins_and_the_other_is_told_who_holds_the_stack(
    tmp_path: Path, served: ServedEmulator, state: list[str]
) -> None:
    stuck(served)
    first = start(tmp_path / "stack", served, *state)
    until(first, "create assets/stays")

    code, said = end(start(tmp_path / "stack", served, *state))

    first.kill()
    end(first)
    assert code == 4
    assert f"pid {first.pid}" in said
    assert "since" in said
    assert "reconciler apply" in said


def test_after_the_holder_is_killed_the_next_run_takes_over_and_finishes(
    tmp_path: Path, served: ServedEmulator, state: list[str]
) -> None:
    stuck(served)
    first = start(tmp_path / "stack", served, *state)
    until(first, "create assets/stays")
    first.kill()
    end(first)
    served.emulator.clear_faults()
    served.emulator.store.db.execute("UPDATE objects SET fate = '' WHERE kind = 'asset'")

    code, said = end(start(tmp_path / "stack", served, *state))

    assert code == 0, said
    counts = dict(served.emulator.store.db.execute("SELECT kind, count(*) FROM objects GROUP BY kind").fetchall())
    assert counts == {"asset": 5, "index": 3, "indexed_asset": 4, "entity_collection": 1, "entity": 3}


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_ends_what_is_in_flight_records_it_and_exits_with_130(
    tmp_path: Path, served: ServedEmulator, sign: signal.Signals
) -> None:
    stuck(served)
    run = start(tmp_path / "stack", served)
    until(run, "create assets/stays")

    run.send_signal(sign)
    code, said = end(run)

    assert code == 130, said
    assert "Interrupted: " in said
    assert "Traceback" not in said
    made = served.emulator.store.db.execute("SELECT count(*) FROM objects").fetchone()[0]
    listed = subprocess.run(
        [sys.executable, "-m", "reconciler", "state", "list", str(tmp_path / "stack")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(listed) == made


def test_ctrl_c_twice_stops_at_once_and_the_next_run_goes_on(tmp_path: Path, served: ServedEmulator) -> None:
    served.emulator.add_fault({"fault": "delay", "method": "POST", "path": "/indexes", "delay_s": 600})
    run = start(tmp_path / "stack", served)
    until(run, "create assets/stays")

    run.send_signal(signal.SIGINT)
    until(run, "Ctrl-C again stops at once")
    run.send_signal(signal.SIGINT)
    code, said = end(run)

    assert code == 130, said
    assert "Traceback" not in said
    served.emulator.clear_faults()
    code, said = end(start(tmp_path / "stack", served))
    assert code == 0, said
    counts = dict(served.emulator.store.db.execute("SELECT kind, count(*) FROM objects GROUP BY kind").fetchall())
    assert counts == {"asset": 5, "index": 3, "indexed_asset": 4, "entity_collection": 1, "entity": 3}
