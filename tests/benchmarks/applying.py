"""`python -m tests.benchmarks.applying [ASSETS [SIDE_BY_SIDE]]`: what making new assets takes, beside the least.

The account is a process of its own that waits 20 ms before it handles a request. The least is that of the requests that
were sent from the first step to the last, so many side by side: `ceil(requests / side by side) × 20 ms`. CPU is of the
process that applies, from the first step to the last. `bare` is the same creates sent by a loop over httpx that keeps
no promise, to the same account in the same moment: what the machine and the account make of the least.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from tests.benchmarks.world import served

DELAY_S, PROCESSING_S = 0.02, 1.0
ASSETS, SIDE_BY_SIDE = 1_000, 16
SLOW: dict[str, Any] = {"speed": "real", "default_seconds": PROCESSING_S}
APPLY = """
import asyncio, json, os, sys, time
from collections import Counter
import reconciler
from reconciler.http import Http
from reconciler.model import StepStarted
from reconciler.state import State

directory, url, side_by_side = sys.argv[1], sys.argv[2], int(sys.argv[3])
commits, asked = [], Counter()
commit, request = State.commit, Http.request

def noted(state, *writes):
    if writes:
        commits.append(len(writes))
    commit(state, *writes)

def counted(http, method, path, **rest):
    asked[method] += 1
    return request(http, method, path, **rest)

async def run():
    async with reconciler.open(directory, endpoint=url, parallelism=side_by_side) as project:
        with project.lock("bench"):
            planning = await project.plan()
            State.commit, Http.request = noted, counted
            before, began, first = time.process_time(), time.perf_counter(), project.requests
            if os.environ.get("PROFILE"):
                import cProfile
                profile = cProfile.Profile()
                profile.enable()
            report = await project.apply(planning)
            if os.environ.get("PROFILE"):
                profile.disable()
                profile.dump_stats(os.environ["PROFILE"])
            cpu, took = time.process_time() - before, time.perf_counter() - began
    assert not report.failed, report.outcomes[:3]
    print(json.dumps({
        "cpu_s": cpu, "seconds": report.seconds, "whole_s": took, "requests": report.requests - first,
        "writes": report.writes, "reads": asked["GET"], "transactions": len(commits), "rows": sum(commits),
    }))

asyncio.run(run())
"""
BARE = """
import asyncio, json, sys, time
import httpx

url, count, side_by_side = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

async def run():
    todo = list(range(count))
    limits = httpx.Limits(max_connections=1)
    began, before = time.perf_counter(), time.process_time()

    async def worker():
        async with httpx.AsyncClient(base_url=url, headers={"x-api-key": "k"}, limits=limits, timeout=60) as client:
            while todo:
                number = todo.pop()
                form = {"method": "url", "url": f"https://example.com/bare/{number}.mp4"}
                answer = await client.post("/assets", files=[(name, (None, it)) for name, it in form.items()])
                answer.json()

    await asyncio.gather(*(worker() for _ in range(side_by_side)))
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - before}))

asyncio.run(run())
"""


def stack_of(assets: int) -> str:
    """The YAML of so many, each by its address and with metadata."""
    lines = ["stack: bench", "provider: twelvelabs", "assets:"]
    for n in range(assets):
        lines += [f"  a{n}: {{url: https://example.com/videos/{n}.mp4, metadata: {{title: Video {n}, number: {n}}}}}"]
    return "\n".join(lines) + "\n"


def slowed(url: str, delay_s: float) -> None:
    """Let the account wait before each answer."""
    rule = json.dumps({"fault": "delay", "delay_s": delay_s}).encode()
    address = url.removesuffix("/v1.3") + "/_emulator/faults"
    asked = urllib.request.Request(address, rule, {"content-type": "application/json"})
    urllib.request.urlopen(asked).close()


def _said(code: str, *words: str) -> dict[str, Any]:
    environ = {**os.environ, "TWELVELABS_API_KEY": "k"}
    done = subprocess.run([sys.executable, "-c", code, *words], env=environ, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(assets: int, side_by_side: int, *, delay_s: float = DELAY_S) -> dict[str, Any]:
    """One apply of so many new assets, and the bare loop after it."""
    with tempfile.TemporaryDirectory() as name, served(Path(name) / "account.db", **SLOW) as url:
        directory = Path(name) / "stack"
        directory.mkdir()
        (directory / "stack.yaml").write_text(stack_of(assets))
        slowed(url, delay_s)
        found = _said(APPLY, str(directory), url, str(side_by_side))
        bare = _said(BARE, url, str(assets), str(side_by_side))
    least_s = math.ceil(found["requests"] / side_by_side) * delay_s + PROCESSING_S
    return {
        "assets": assets,
        "side by side": side_by_side,
        **found,
        "least_s": least_s,
        "against the least": found["seconds"] / least_s if least_s else 0.0,
        "bare_s": bare["seconds"],
        "against bare": found["seconds"] / bare["seconds"],
        "bare cpu_us": bare["cpu_s"] * 1e6 / assets,
        "cpu_us an object": found["cpu_s"] * 1e6 / assets,
    }


def main(words: list[int]) -> None:
    """Measure and print."""
    assets, side_by_side, *_ = [*words, *(ASSETS, SIDE_BY_SIDE)[len(words) :]]
    for name, value in measured(assets, side_by_side).items():
        print(f"{name:<20}{value:>12,.2f}" if isinstance(value, float) else f"{name:<20}{value:>12,}")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
