"""The process of `zygote`, with a Dask scheduler and workers beside the runs: each a process of its own, to be killed.

{"beside": "scheduler"} answers {"pid": N, "address": "tcp://…"}; {"beside": "worker", "scheduler": "tcp://…", "name":
"…", "env": {…}, "at": N or 0, "on": "", "signal": N} the same, once it has joined; {"beside": "end", "pid": N} kills
one, {"beside": "stopped", "pid": N} returns when one sleeps, {"beside": "wake", "pid": N} wakes it, {"beside":
"until", "pid": N, "point": "…"} returns when a worker has come by a point, {"beside": "points", "pid": N} tells which.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
import tempfile
import time
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import IO, Any

import dask
import distributed
import distributed.worker

import reconciler.files
import reconciler.files.media
import reconciler.spread
import reconciler.spread.alike
import reconciler.spread.cluster
import reconciler.spread.opened
import reconciler.spread.worker
import reconciler.state.leases
from tests.crash import zygote
from tests.crash.zygote import Points, lower_limits

logs: dict[int, IO[bytes]] = {}
dead: set[int] = set()


def scheduler(job: dict[str, Any]) -> dict[str, Any]:
    """A scheduler without a dashboard."""

    async def serve(tell: int) -> None:
        dask.config.set({"distributed.comm.timeouts.tcp": job.get("patience", "30s")})
        async with distributed.Scheduler(host=job.get("host", "127.0.0.1"), port=0, dashboard=False) as here:
            _tell(tell, here.address)
            await here.finished()

    return _forked(serve)


def worker(job: dict[str, Any]) -> dict[str, Any]:
    """A worker of two threads, that may die or fall asleep at one of its points."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 - it outlives this call

    async def serve(tell: int) -> None:
        os.environ.update(job["env"])
        if space := job.get("space"):
            enter(space)
        if version := job.get("version"):
            vars(reconciler.spread.alike)["__version__"] = version
        if job.get("lacks"):
            forget_the_library()
        lower_limits()
        points = Points(job.get("at", 0), job.get("on", ""), job.get("signal", signal.SIGKILL), log.fileno())
        zygote.instrument(points)
        named = {"name": job["name"], "nthreads": job.get("threads", 2), "local_directory": job["cwd"]}
        async with distributed.Worker(job["scheduler"], dashboard=False, **named) as here:
            _tell(tell, here.address)
            await here.finished()

    made = _forked(serve)
    logs[made["pid"]] = log
    return made


def enter(space: str) -> None:
    """Live in a network namespace from here on."""
    with Path(f"/run/netns/{space}").open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {space}")


def forget_the_library() -> None:
    """As on a machine where it was never installed."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "reconciler"]:
        del sys.modules[name]

    class Nothing(MetaPathFinder):
        def find_spec(self, name: str, *_: Any) -> None:
            if name.partition(".")[0] == "reconciler":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Nothing())


def instrument_leases(points: Points) -> None:
    """Put a point before and after each statement about a lease, and where a file is hashed."""
    read = reconciler.files.Files._hash

    def hashing(self: reconciler.files.Files, name: str) -> Any:
        points.here(f"hash {name}")
        return read(self, name)

    reconciler.files.Files._hash = hashing  # type: ignore[method-assign]
    look, cut = reconciler.files.media.Prober.look, vars(reconciler.files.media)["cut_short"]

    def looking(self: reconciler.files.media.Prober, file: Any, name: str) -> Any:
        points.here(f"probe {name}")
        return look(self, file, name)

    def cutting(file: Any, size: int) -> Any:
        points.here("look for the end")
        return cut(file, size)

    reconciler.files.media.Prober.look = looking  # type: ignore[method-assign]
    vars(reconciler.files.media)["cut_short"] = cutting
    of = reconciler.state.leases.Leases

    def watched(name: str) -> Any:
        method = getattr(of, name)

        def counted(self: Any, *given: Any, **named: Any) -> Any:
            points.here(f"before {name}")
            result = method(self, *given, **named)
            points.here(f"after {name}")
            return result

        return counted

    for name in ("begin", "offer", "withdraw", "over", "take", "renew", "commit"):
        setattr(of, name, watched(name))
    step = reconciler.spread.opened.Opened.step

    async def stepping(self: Any, address: str, holder: str) -> str:
        said = await step(self, address, holder)
        points.here(f"step ended: {said}")
        return said

    reconciler.spread.opened.Opened.step = stepping  # type: ignore[method-assign]


def _forked(serve: Any) -> dict[str, Any]:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os.close(0)
        os.setsid()
        try:
            asyncio.run(serve(write))
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        return {"pid": pid, **json.loads(told.readline() or "{}")}


def _tell(fd: int, address: str) -> None:
    os.write(fd, f"{json.dumps({'address': address})}\n".encode())


def end(job: dict[str, Any]) -> dict[str, Any]:
    """Kill it, if it is not dead yet."""
    if not gone(job["pid"]):
        os.kill(job["pid"], signal.SIGKILL)
        os.waitpid(job["pid"], 0)
        dead.add(job["pid"])
    return {}


def gone(pid: int) -> bool:
    """Whether it has died."""
    if pid not in dead and os.waitpid(pid, os.WNOHANG)[0]:
        dead.add(pid)
    return pid in dead


def wake(job: dict[str, Any]) -> dict[str, Any]:
    """Let it go on."""
    os.kill(job["pid"], signal.SIGCONT)
    return {}


def stopped(job: dict[str, Any]) -> dict[str, Any]:
    """Wait until it sleeps; not for ever."""
    for _ in range(3000):
        found, status = os.waitpid(job["pid"], os.WUNTRACED | os.WNOHANG)
        if found:
            return {"asleep": os.WIFSTOPPED(status)}
        time.sleep(0.01)
    return {"asleep": False}


def until(job: dict[str, Any]) -> dict[str, Any]:
    """Wait until it has come by a point; not for ever."""
    for _ in range(3000):
        if any(point.startswith(job["point"]) for point in points_of(job)["points"]):
            return {"there": True}
        time.sleep(0.01)
    return {"there": False}


def points_of(job: dict[str, Any]) -> dict[str, Any]:
    """What a worker has come by so far, and whether it lives."""
    lines = zygote.read(logs[job["pid"]]).decode().splitlines()
    return {"points": lines, "gone": gone(job["pid"])}


def all_of_it(points: Points, before: Any = zygote.instrument) -> None:
    """What any run has, and what is about leases."""
    before(points)
    instrument_leases(points)


zygote.instrument = all_of_it
zygote.beside.update(
    {
        "scheduler": scheduler,
        "worker": worker,
        "end": end,
        "stopped": stopped,
        "wake": wake,
        "until": until,
        "points": points_of,
    }
)

if __name__ == "__main__":
    if lease := os.environ.get("TEST_LEASE_S"):
        reconciler.spread.LEASE_S = float(lease)
        reconciler.spread.cluster.CHECK_S, reconciler.spread.cluster.Cluster.silent_s = 10.0, 2.0
    zygote.main()
