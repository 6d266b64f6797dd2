"""A process that has everything imported and forks a child for each run: so that thousands of kills stay cheap.

Reads one JSON line a run: {"argv": [...], "cwd": "...", "kill": N or 0, "env": {...}}; answers one line:
{"code": exit code or null, "killed": bool, "points": ["before POST /assets", ...], "out": "..."}.

The child is the real command line. Its HTTP transport and its state have a counter put around them; at the N-th point
it kills itself with SIGKILL, as an out-of-memory killer or a power cut would: no handler runs, nothing is flushed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from dataclasses import replace
from typing import Any

import httpx

import reconciler.apply
import reconciler.cli.runs
import reconciler.engine
import reconciler.http
import reconciler.load
import reconciler.providers.twelvelabs
import reconciler.reports.progress
import reconciler.reports.text
import reconciler.state


class Points:
    """Counts the places at which a run can die, and dies at one of them."""

    def __init__(self, kill: int, log: int) -> None:
        self.kill, self.log, self.count = kill, log, 0

    def here(self, name: str) -> None:
        self.count += 1
        os.write(self.log, f"{name}\n".encode())
        if self.count == self.kill:
            os.kill(os.getpid(), signal.SIGKILL)


def lower_limits() -> None:
    """Files above 64 bytes go up in chunks, so that the harness needs no gigabytes."""
    limits = reconciler.providers.twelvelabs.TwelveLabs.sizes
    lowered = {kind: replace(sizes, form=64) for kind, sizes in limits.items()}
    reconciler.providers.twelvelabs.TwelveLabs.sizes = lowered


def instrument(points: Points) -> None:
    """Put a point before and after each request, and before and after each durable write."""
    send = httpx.AsyncHTTPTransport.handle_async_request
    commit, start = reconciler.state.State.commit, reconciler.state.State.start_run

    async def handle(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
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

    httpx.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign]
    reconciler.state.State.commit = committing  # type: ignore[method-assign]
    reconciler.state.State.start_run = starting  # type: ignore[method-assign]


def child(job: dict[str, Any], out: int, log: int) -> None:
    """Never returns."""
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(job["cwd"])
    os.environ.update(job["env"])
    lower_limits()
    instrument(Points(job["kill"], log))
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


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Fork, wait, tell."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log:
        pid = os.fork()
        if pid == 0:
            child(job, out.fileno(), log.fileno())
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        log.seek(0)
        return {
            "code": os.waitstatus_to_exitcode(status) if not os.WIFSIGNALED(status) else None,
            "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
            "points": log.read().decode().splitlines(),
            "out": out.read().decode(errors="replace"),
        }


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        answers.write(json.dumps(run(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
