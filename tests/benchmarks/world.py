"""A stack of so many objects and an account that has them, served by a process of its own; and what a command takes."""

from __future__ import annotations

import compileall
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reconciler

__all__ = ["World", "compiled", "served", "spent", "stack_of"]

SERVE = """
import json, signal, sys
from pathlib import Path
from reconciler.emulator import ServedEmulator
from reconciler.emulator.twelvelabs import app
with ServedEmulator(app(Path(sys.argv[1]), **json.loads(sys.argv[2]))) as served:
    print(served.url, flush=True)
    signal.pause()
"""
COMMAND = (sys.executable, "-c", "from reconciler.cli import main; main()")


def stack_of(objects: int) -> str:
    """The YAML of so many: a third assets with metadata, all of them indexed in one index, and as many entities."""
    count = max(objects // 3, 1)
    lines = ["stack: bench", "provider: twelvelabs", "assets:"]
    for n in range(count):
        metadata = f'{{title: "Video {n}", number: {n}, genre: documentary, rated: true}}'
        lines += [f"  a{n}:", f"    url: https://example.com/videos/{n}.mp4", f"    metadata: {metadata}"]
    lines += ["indexes:", "  one:", "    models: [{name: marengo3.0}]", "    assets:"]
    lines += [f"      a{n}: {{}}" for n in range(count)]
    lines += ["entity_collections:", "  all:", "    entities:"]
    lines += [f'      e{n}: {{name: "Entity {n}", description: "Number {n}", assets: [a{n}]}}' for n in range(count)]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Spent:
    """What a command took: of the process alone, as the system counted it."""

    cpu_s: float
    peak_mb: float
    wall_s: float


def spent(command: tuple[str, ...], environ: Mapping[str, str]) -> Spent:
    """Run it to its end; CalledProcessError when it fails."""
    began = time.perf_counter()
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, env={**os.environ, **environ}, stdout=subprocess.DEVNULL, stderr=said) as process,
    ):
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.stderr.write(said.read().decode(errors="replace"))
            raise subprocess.CalledProcessError(process.returncode, command)
    return Spent(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, time.perf_counter() - began)


def compiled() -> None:
    """What is measured is compiled before, as an installed package is: also where nothing may be written on import."""
    compileall.compile_dir(str(Path(reconciler.__file__).parent), quiet=1)


@contextmanager
def served(db: Path, **options: Any) -> Iterator[str]:
    """The address of an account that is kept in a file; `options` are the emulator's."""
    command = [sys.executable, "-c", SERVE, str(db), json.dumps(options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.send_signal(signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class World:
    """One stack, one account."""

    directory: Path
    url: str

    @classmethod
    def made(cls, directory: Path, url: str, objects: int) -> World:
        """With a stack of so many objects, of which nothing is applied yet."""
        directory.mkdir(parents=True)
        (directory / "stack.yaml").write_text(stack_of(objects))
        return cls(directory, url)

    def run(self, *words: str) -> Spent:
        """A command of ours on the stack, online."""
        return spent((*COMMAND, *self.online(*words)), {"TWELVELABS_API_KEY": "k", "NO_COLOR": "1"})

    def online(self, *words: str) -> tuple[str, ...]:
        """The arguments of such a command."""
        command, *rest = words
        return (command, str(self.directory), "--endpoint", self.url, *rest)

    def apply(self) -> Spent:
        """Make all of it."""
        return self.run("apply", "--auto-approve", "--poll-interval", "0", "--allow-cost")

    def requests(self) -> int:
        """How many requests the account has had."""
        log = self.url.removesuffix("/v1.3") + "/_emulator/requests?limit=0"
        with urllib.request.urlopen(log) as answer:
            return sum(json.load(answer)["by_route"].values())
