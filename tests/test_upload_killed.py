"""A real process that is killed in the middle of an upload, and another that goes on with what is missing."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from reconciler.emulator import Exchange, ServedEmulator
from reconciler.emulator.twelvelabs import app
from reconciler.files import Upload
from reconciler.state import State
from tests.support.files import write

CHUNK, CHUNKS = 4096, 100
FILM = os.urandom(CHUNK * CHUNKS - 10)
PUTS = "PUT /_storage/{upload_id}/{chunk}"
STACK = "stack: s\nprovider: twelvelabs\nassets: {big: {file: big.mp4}}\n"
RUN = """
import sys
from reconciler.providers.twelvelabs import TwelveLabs
from reconciler.providers.twelvelabs.limits import Sizes
TwelveLabs.sizes = {"video": Sizes(10_000, 10**9)}
from reconciler.cli import main
sys.argv = ["reconciler", *sys.argv[1:]]
main()
"""
ENVIRON = {"TWELVELABS_API_KEY": "k", "NO_COLOR": "1", "PATH": os.environ["PATH"], "HOME": "/nowhere"}


def start(command: Sequence[str], cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *command],
        env={**ENVIRON, "XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("parallelism", [1, 6])
def test_killed_at_37_percent_the_next_process_sends_only_what_is_missing(tmp_path: Path, parallelism: int) -> None:
    write(tmp_path / "big.mp4", FILM)
    (tmp_path / "stack.yaml").write_text(STACK)
    state = f"sqlite:///{tmp_path}/state.db"
    emulator = app(chunk_size=CHUNK, initial_urls=10)
    with ServedEmulator(emulator) as served:
        command = ["apply", str(tmp_path), "--endpoint", served.url, "--state", state, "--auto-approve"]
        command += ["--poll-interval", "0", "--upload-parallelism", str(parallelism)]
        process = start(command, tmp_path / "cache")

        def kill(exchange: Exchange) -> None:
            if emulator.journal.by_route[PUTS] == 37:
                os.kill(process.pid, signal.SIGKILL)

        silence = emulator.journal.listen(kill)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, out
        silence()
        begun = Upload.of(*State.open(state, "s").operations())
        emulator.journal.clear()

        again = start(command, tmp_path / "another cache")  # as on another machine that shares the state
        out, _ = again.communicate(timeout=60)

        assert again.returncode == 0, out
        assert f"an interrupted upload goes on: {len(begun.proofs)} of 100 chunks are there" in out
        assert 37 - parallelism <= len(begun.proofs) < 37 + parallelism
        assert emulator.journal.by_route[PUTS] == CHUNKS - len(begun.proofs)
        rows = emulator.store.db.execute("SELECT doc ->> '$.media.sha256' FROM objects WHERE kind = 'asset'").fetchall()
        assert rows == [(hashlib.sha256(FILM).hexdigest(),)]
        assert State.open(state, "s").operations() == []
    emulator.close()
