"""A process that has everything imported and forks a child for each run: so that thousands of kills stay cheap.

Reads one JSON line a run: {"argv": [...], "cwd": "...", "at": N or 0, "on": "", "signal": number, "env": {}}; answers:
{"code": exit code or null, "killed": bool, "points": ["before POST /assets", ...], "out": "...", "stopped": pid or 0}.

The child is the real command line. Its HTTP transport and its state have a counter put around them; at the N-th point,
or the first whose name begins as `on` says, it sends itself the signal. SIGKILL: as an out-of-memory killer or a power
cut would, no handler runs, nothing is flushed. SIGSTOP: it sleeps until the line {"wake": pid}, which is answered when
it has ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import IO, Any

import httpx

import reconciler.apply
import reconciler.cli.runs
import reconciler.engine
import reconciler.http
import reconciler.load
import reconciler.providers.twelvelabs
import reconciler.reports.progress
import reconciler.reports.text
import reconciler.results.shelf
import reconciler.state.sqlite
import reconciler.state.writing


class Points:
    """Counts the places at which a run can die, and dies (or falls asleep) at one of them."""

    def __init__(self, at: int, on: str, sign: int, log: int) -> None:
        self.at, self.on, self.sign, self.log, self.count = at, on, sign, log, 0
        self.counting = threading.Lock()

    def here(self, name: str) -> None:
        with self.counting:  # commits run beside the event loop: two that count at once would both be the N-th
            self.count += 1
            os.write(self.log, f"{name}\n".encode())
            reached = self.count == self.at or bool(self.on and name.startswith(self.on))
            if reached:
                self.on = ""
        if reached:
            os.kill(os.getpid(), self.sign)


def lower_limits() -> None:
    """Files above 64 bytes go up in chunks, so that the harness needs no gigabytes."""
    limits = reconciler.providers.twelvelabs.TwelveLabs.sizes
    lowered = {kind: replace(sizes, form=64) for kind, sizes in limits.items()}
    reconciler.providers.twelvelabs.TwelveLabs.sizes = lowered


def instrument(points: Points) -> None:
    """Put a point before and after each request, and before and after each durable write: to the state, to a store."""
    network = reconciler.http.environment.ByEnvironment
    send = network.handle_async_request
    commit, start = reconciler.state.State.commit, reconciler.state.State.start_run

    async def handle(self: reconciler.http.environment.ByEnvironment, request: httpx.Request) -> httpx.Response:
        name = f"{request.method} {request.url.path}"
        points.here(f"before {name}")
        response = await send(self, request)
        points.here(f"after {name}")
        return response

    def committing(self: reconciler.state.State, *writes: Any) -> None:
        if writes:
            points.here(f"before commit of {len(writes)}")
        commit(self, *writes)
        if writes:
            points.here(f"after commit of {len(writes)}")

    def starting(self: reconciler.state.State, command: str) -> str:
        points.here("before run")
        run = start(self, command)
        points.here("after run")
        return run

    shelf = reconciler.results.shelf.Shelf
    keep, remove = shelf.keep, shelf.remove

    async def keeping(self: reconciler.results.shelf.Shelf, made: Any, *given: Any, **named: Any) -> None:
        points.here(f"before keeping {made.address}")
        await keep(self, made, *given, **named)
        points.here(f"after keeping {made.address}")

    async def removing(self: reconciler.results.shelf.Shelf, place: Any) -> None:
        points.here(f"before removing {place.address}")
        await remove(self, place)
        points.here(f"after removing {place.address}")

    watched: list[tuple[type, dict[str, Any]]] = [
        (shelf, {"keep": keeping, "remove": removing}),
        (network, {"handle_async_request": handle}),
        (reconciler.state.State, {"commit": committing, "start_run": starting}),
    ]
    for owner, methods in watched:
        for name, method in methods.items():
            setattr(owner, name, method)


def child(job: dict[str, Any], out: int, log: int) -> None:
    """Never returns."""
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(job["cwd"])
    os.environ.update(job["env"])
    lower_limits()
    instrument(Points(job["at"], job["on"], job["signal"], log))
    sys.argv = ["reconciler", *job["argv"]]
    from reconciler.cli import main

    try:
        main()
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int) else 0 if exit.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


beside: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""What other processes can be asked for, that live beside the runs."""
asleep: dict[int, tuple[IO[bytes], IO[bytes]]] = {}
"""Children that were stopped, and where they write."""


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Fork, wait, tell."""
    if "beside" in job:
        return beside[job["beside"]](job)
    if pid := job.get("wake", 0):
        os.kill(pid, signal.SIGCONT)
        return ended(pid, *asleep.pop(pid))
    out, log = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - they may outlive this call
    pid = os.fork()
    if pid == 0:
        child(job, out.fileno(), log.fileno())
    return ended(pid, out, log)


def ended(pid: int, out: IO[bytes], log: IO[bytes]) -> dict[str, Any]:
    """Wait until the child ends, or falls asleep."""
    _, status = os.waitpid(pid, os.WUNTRACED)
    stopped = os.WIFSTOPPED(status)
    said = {
        "code": os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None,
        "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
        "points": read(log).decode().splitlines(),
        "out": read(out).decode(errors="replace"),
        "stopped": pid if stopped else 0,
    }
    if stopped:
        asleep[pid] = out, log
    else:
        out.close()
        log.close()
    return said


def read(file: IO[bytes]) -> bytes:
    """All of it, and leave the place where the child writes on as it is."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        try:
            answer = run(json.loads(line))
        except Exception as error:  # or who asks would wait for ever
            answer = {"died": repr(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    os._exit(0)  # libraries would take ten seconds to take leave of one another


if __name__ == "__main__":
    main()
