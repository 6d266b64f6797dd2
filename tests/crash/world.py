"""A stack, an account and a command line, all real, that can be set back to a starting point in milliseconds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from reconciler.emulator import ServedEmulator
from reconciler.emulator.core.clock import MachineClock
from reconciler.emulator.twelvelabs import app
from reconciler.results import Store
from tests.support.files import lay_out
from tests.support.turns import ALL, turn

KEY = "crash-test"
PARTS = 16
"""The points are dealt to so many tests: the points of one lie evenly over the run."""
MARGIN = 8
"""Polls and grouped commits make a run a few points longer or shorter than the last."""


class Zygote:
    """The process of `tests.crash.zygote`."""

    def __init__(self, *paths: Path, module: str = "tests.crash.zygote") -> None:
        """`paths` are where more packages are found than here; `module` may be one that knows more."""
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))} if paths else None
        command = [sys.executable, "-m", module]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def run(
        self,
        argv: list[str],
        cwd: Path,
        env: Mapping[str, str],
        kill: int = 0,
        stop: int | str = 0,
        interrupt: str = "",
    ) -> dict[str, Any]:
        """Run the command line once; killed at point `kill`, or stopped at point `stop` (its number, or how the name of
        the first begins), if that is not 0; `interrupt` is such a beginning too, at which it gets a Ctrl-C."""
        at, on = (kill, stop) if isinstance(stop, str) else (kill or stop, interrupt)
        sign = signal.SIGSTOP if stop else signal.SIGINT if interrupt else signal.SIGKILL
        return self._asked({"argv": argv, "cwd": str(cwd), "env": dict(env), "at": at, "on": on, "signal": sign})

    def wake(self, pid: int) -> dict[str, Any]:
        """Let a run that was stopped go on to its end."""
        return self._asked({"wake": pid})

    def beside(self, what: str, **job: Any) -> dict[str, Any]:
        """Ask for another process."""
        return self._asked({"beside": what, **job})

    def _asked(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert "died" not in answer, answer["died"]
        return answer

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


class Place:
    """One directory with a stack in it, and the address of an account: of any provider."""

    key_variable = "TWELVELABS_API_KEY"

    def __init__(self, zygote: Zygote, directory: Path, url: str, state: str | None = None) -> None:
        self.zygote, self.directory = zygote, directory
        self.online: tuple[str, ...] = ("--endpoint", url, "--poll-interval", "0")
        self.state = ("--state", state) if state else ()

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Make the stack's files anew; state stays."""
        lay_out(self.directory, files)

    def reconcile(
        self, command: str, *options: str, kill: int = 0, stop: int | str = 0, interrupt: str = ""
    ) -> dict[str, Any]:
        """Run a command of ours on the stack, over the socket."""
        return self._run([command, str(self.directory), *self.online, *self.state, *options], kill, stop, interrupt)

    def on_state(self, command: str, *options: str, kill: int = 0) -> dict[str, Any]:
        """Run `state COMMAND` on the stack."""
        return self._run(["state", command, str(self.directory), *self.state, *options], kill)

    def _run(self, argv: list[str], kill: int = 0, stop: int | str = 0, interrupt: str = "") -> dict[str, Any]:
        env = {self.key_variable: KEY, "NO_COLOR": "1", "XDG_CACHE_HOME": str(self.directory / ".cache")}
        return self.zygote.run(argv, self.directory, env, kill, stop, interrupt)

    def apply(self, *options: str, kill: int = 0, stop: int | str = 0, interrupt: str = "") -> dict[str, Any]:
        agreed = ("--auto-approve", "--allow-replace", "*", "--allow-deletes")
        return self.reconcile("apply", *agreed, *options, kill=kill, stop=stop, interrupt=interrupt)


class World(Place):
    """One account, served by the emulator, and one directory with a stack in it."""

    def __init__(self, zygote: Zygote, directory: Path, served: ServedEmulator, state: str | None = None) -> None:
        super().__init__(zygote, directory, served.url, state)
        self.served = served

    def steer(self, method: str, path: str, body: Any = None) -> Any:
        """Talk to the emulator beside the API."""
        response = httpx.request(method, self.served.origin + "/_emulator" + path, json=body)
        response.raise_for_status()
        return response.json() if response.content else None

    def account(self) -> Counter[tuple[str, str]]:
        """(kind, name) of everything in the account, as often as it is there."""
        counts = self.steer("GET", "/objects")["counts"]
        counts.pop("upload", None)  # a session is no object of the account, and cannot be deleted
        found: Counter[tuple[str, str]] = Counter()
        for kind, count in counts.items():
            if count:
                for each in self.steer("GET", f"/objects?kind={kind}")["objects"]:
                    found[kind, each["name"] or ""] += 1
        return found


@contextmanager
def world(
    zygote: Zygote,
    directory: Path,
    start: Path | None = None,
    state: str | None = None,
    **options: Any,
) -> Iterator[World]:
    """A fresh world, or one that goes on where the directory `start` stood; its state under it, or where said. What is
    said else is the emulator's."""
    if start:
        shutil.copytree(start, directory)
    else:
        directory.mkdir(parents=True)
    emulator = app(directory / "account.db", chunk_size=40, initial_urls=2, **options)
    try:
        with ServedEmulator(emulator) as served:
            yield World(zygote, directory / "stack", served, state)
    finally:
        emulator.close()


P = TypeVar("P", bound=Place)


def on_time(zygote: Zygote, directory: Path, start: Path | None = None) -> AbstractContextManager[World]:
    """The same with a clock that goes right: by when a task was begun it is told from others."""
    return world(zygote, directory, start, clock=MachineClock())


def whole_sets(store: Store, stack: str = "crash") -> set[str]:
    """Addresses of all sets of a stack in a store, each as whole as its manifest says."""
    sets = list(store.list(stack))
    for made in sets:
        rows = store.read(stack, made.address)
        assert rows is not None
        assert (rows.digest, len(rows)) == (made.digest, made.rows)
        assert set(rows.cells["identity"]) == {made.identity}
    return {made.address for made in sets}


def sampled(*, often: int = 1, more: int = 0) -> list[Any]:
    """Parts, as parameters of a test: `often` of them for `make test` and `more` for `make test-long`, as far from each
    other as can be. With CRASH_KILLS=all every one; what is not in the sample is long."""
    count = often + more
    chosen = [(turn(PARTS) + place * PARTS // count) % PARTS for place in range(count)]
    rest = [part for part in range(PARTS) if ALL and part not in chosen]
    long = {*chosen[often:], *rest}
    return [pytest.param(part, marks=[pytest.mark.long] if part in long else []) for part in sorted({*chosen, *rest})]


def died_and_again(apply: Callable[..., dict[str, Any]], kill: int) -> str:
    """Apply and die at a point, and apply once more, which goes well. What to say where something else does not."""
    died = apply(kill=kill)
    point = f"killed at {kill}, {died['points'][-1:]}"
    assert died["killed"] or died["code"] == 0, f"{point}: {died['out']}"
    again = apply()
    assert again["code"] == 0, f"{point}: {again['out']}"
    return f"{point}: {again['out']}"


def killed_then_finished(
    opens: Callable[[str], AbstractContextManager[P]],
    files: Mapping[str, str | bytes],
    as_due: Callable[[P, str], None],
    *,
    part: int,
    more_than: int,
) -> None:
    """Apply whole, and then each point of a part: die there, run again, look at the account, plan again.

    `opens` makes a place of a name at the starting point; `as_due` holds what is there against what is due, with what
    to say, which is "" for the whole run. A whole run must have `more_than` so many points.
    """
    with opens("whole") as here:
        here.write(files)
        whole = here.apply()
        assert whole["code"] == 0, whole["out"]
        as_due(here, "")
    assert len(whole["points"]) > more_than
    for kill in range(1 + part, len(whole["points"]) + MARGIN + 1, PARTS):
        with opens(str(kill)) as here:
            here.write(files)
            point = died_and_again(here.apply, kill)
            as_due(here, point)
            plan = here.reconcile("plan", "--detailed-exitcode")
            assert plan["code"] == 0, f"{point}: {plan['out']}"
