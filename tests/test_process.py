"""The edges of the process: streams that are closed, full or narrow, signals, no room for files. Real processes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from reconciler.cli.signals import interruptible, locked
from reconciler.cli.streams import Sink
from reconciler.emulator import ServedEmulator
from reconciler.emulator.twelvelabs import app
from reconciler.errors import StateError
from reconciler.state import State
from tests.support.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

STACK = """\
stack: s
provider: twelvelabs
assets: {a: {url: "https://x.example.com/a.mp4", metadata: {v: 1}}, b: {url: "https://x.example.com/b.mp4"}}
"""
ENVIRONMENT = {**os.environ, "TWELVELABS_API_KEY": "k", "NO_COLOR": "1"}
RECONCILER = f"'{sys.executable}' -m reconciler"
APPLY = f"{RECONCILER} apply --emulator --auto-approve ."


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    (tmp_path / "s.yaml").write_text(STACK)
    return tmp_path


def shell(stack: Path, command: str, **environment: str) -> tuple[int, str, str]:
    """What bash makes of it: the exit code is that of the first in a pipeline."""
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        cwd=stack,
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def made(stack: Path) -> int:
    """How many objects the emulator's account has."""
    with contextlib.closing(sqlite3.connect(stack / ".reconciler/emulator.db")) as account:
        found: int = account.execute("SELECT count(*) FROM objects").fetchone()[0]
    return found


@pytest.mark.parametrize(
    ("streams", "code", "said"),
    [
        ("<&- >&- 2>&-", 0, ""),
        ("2>&1 | head -1", 0, ""),
        ("--json-events - | true", 0, ""),
        (
            ">/dev/full",
            1,
            "Error: standard output: what was printed is lost: No space left on device; what was done is done",
        ),
        ("--json-events /dev/full", 0, "Warning: --json-events /dev/full: what was printed is lost: No space left"),
        ("2>/dev/full", 0, ""),
    ],
    ids=["all closed", "head", "nobody reads the events", "no room for the output", "nor for events", "nor for errors"],
)
def test_streams_that_break_do_not_end_an_apply_half_way(stack: Path, streams: str, code: int, said: str) -> None:
    found, out, err = shell(stack, f"{APPLY} {streams}")

    assert found == code, err
    assert said in err
    assert "Traceback" not in out + err
    assert made(stack) == 2


def test_what_an_encoding_cannot_spell_gets_a_substitute_and_json_stays_utf_8(stack: Path) -> None:
    assert shell(stack, APPLY)[0] == 0
    (stack / "s.yaml").write_text(STACK.replace("v: 1", "v: €"))

    narrow = shell(stack, f"{RECONCILER} plan --emulator .", PYTHONIOENCODING="latin-1")
    machine = shell(stack, f"{RECONCILER} plan --emulator . --format json", PYTHONIOENCODING="ascii")

    assert narrow[0] == 0, narrow
    assert '1 -> "\\u20ac"' in narrow[1]
    assert (machine[0], '"€"' in machine[1]) == (0, True)


def test_no_more_files_may_be_opened_and_no_directory_to_be_in(stack: Path) -> None:
    code, out, err = shell(stack, f"ulimit -n 6; {RECONCILER} plan --endpoint http://127.0.0.1:9/ .")
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    assert "Error: " in err

    code, out, err = shell(stack, f"mkdir gone; cd gone; rmdir ../gone; {RECONCILER} validate")
    assert code == 1
    assert "the current directory is gone; change to another" in err


def test_a_sink_drops_all_after_the_first_failure_and_a_reader_that_left_is_no_loss() -> None:
    read, write = os.pipe()
    sink = Sink(write)
    stream = io.TextIOWrapper(io.BufferedWriter(sink), encoding="utf-8")
    stream.write("heard\n")
    stream.flush()
    assert os.read(read, 100) == b"heard\n"
    os.close(read)
    for _ in range(3):
        stream.write("x" * 100_000)
        stream.flush()

    assert isinstance(sink.failure, BrokenPipeError)
    assert sink.lost == ""
    stream.close()
    os.close(write)


def test_a_sink_waits_for_a_slow_reader_of_a_pipe_that_somebody_made_non_blocking() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    with subprocess.Popen(["wc", "-c"], stdin=read, stdout=subprocess.PIPE, text=True) as reader:
        os.close(read)
        sink = Sink(write)
        stream = io.BufferedWriter(sink)
        stream.write(b"x" * 1_000_000)
        stream.flush()
        os.close(write)
        assert sink.failure is None
        assert reader.communicate(timeout=60)[0].strip() == "1000000"


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_reading_ends_the_run_with_130(stack: Path, sign: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1.3"
        run = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--endpoint", url, "."],
            cwd=stack,
            env=ENVIRONMENT | {"NO_PROXY": "127.0.0.1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        asked, _ = silent.accept()  # and never answer
        with asked:
            run.send_signal(sign)
            out, err = run.communicate(timeout=60)

    assert (run.returncode, out, err.strip()) == (130, "", "Interrupted.")


def test_a_hangup_that_is_to_be_ignored_is_ignored_and_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is before[0]
    finally:
        signal.signal(signal.SIGHUP, before[1])


def test_a_process_that_wakes_without_its_lock_is_broken_off_wherever_it_is(postgres_url: str) -> None:
    sleeper, other = State.open(postgres_url, "s"), State.open(postgres_url, "s")

    async def works() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(600))
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGCONT)

    def wakes() -> None:
        with pytest.raises(StateError, match="lost"), locked(sleeper, "apply"):
            other.unlock()
            asyncio.run(works())

    before = signal.getsignal(signal.SIGCONT)
    with locked(sleeper, "apply"):
        signal.raise_signal(signal.SIGCONT)  # woken, and it still holds the lock
    wakes()

    assert signal.getsignal(signal.SIGCONT) is before
    gc.collect()  # what was broken off is told of when it is collected, to a log that is silent then
    logging.getLogger("asyncio").disabled = False
    sleeper.close()
    other.close()


@pytest.mark.slow
def test_two_interrupts_end_a_run_whose_database_hangs(stack: Path, postgres: str, postgres_url: str) -> None:
    emulator = app()
    emulator.add_fault({"fault": "never_ready", "method": "POST", "path": "/assets"})
    with ServedEmulator(emulator) as served, psycopg.connect(postgres, autocommit=True) as admin:
        arguments = ["apply", "--auto-approve", "--endpoint", served.url, "--state", postgres_url, "."]
        run = subprocess.Popen(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=stack,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert run.stderr
        next(line for line in run.stderr if "create assets/b" in line)
        (backend,) = [
            row[0] for row in admin.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'reconciler'")
        ]
        os.kill(backend, signal.SIGSTOP)
        try:
            run.send_signal(signal.SIGINT)
            next(line for line in run.stderr if "Ctrl-C again stops at once" in line)
            run.send_signal(signal.SIGINT)
            _, err = run.communicate(timeout=60)
        finally:
            os.kill(backend, signal.SIGCONT)
    emulator.close()

    assert run.returncode == 130, err
    assert "Traceback" not in err
