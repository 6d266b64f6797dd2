"""`python -m tests.benchmarks.applying [ASSETS ...]`: what making so many new assets takes, beside the least.

The account is a process of its own that waits 20 ms before it handles a request, and is ready with an asset a second
after it was made. The least is what the requests take that were sent from the first step to the last, so many side by
side, `ceil(requests / side by side) × 20 ms`, and that second. CPU is of the process that applies, from the first step
to the last. The bare loop is the same creates sent over httpx by as many workers, without a state, a look or a promise,
to the same account right afterwards: what the machine and the account make of the least, however busy both are.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.page import table, written
from tests.benchmarks.world import served

DELAY_S, PROCESSING_S = 0.02, 1.0
ASSETS, SIDE_BY_SIDE, ROUNDS = (1_000, 5_000), (8, 16), 3
SLOW: dict[str, Any] = {"speed": "real", "default_seconds": PROCESSING_S}
APPLY = """
import asyncio, json, sys, time
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
            report = await project.apply(planning)
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


@dataclass(frozen=True, slots=True)
class Round:
    """One apply of new assets, and the bare loop after it."""

    assets: int
    side_by_side: int
    ours: dict[str, Any]
    bare: dict[str, Any]

    @property
    def least_s(self) -> float:
        """What its own requests take, so many side by side, and the last of the assets to become ready."""
        requests: int = self.ours["requests"]
        return math.ceil(requests / self.side_by_side) * DELAY_S + PROCESSING_S


def measured(assets: int, side_by_side: int) -> Round:
    """Both, beside an account of its own."""
    with tempfile.TemporaryDirectory() as name, served(Path(name) / "account.db", **SLOW) as url:
        directory = Path(name) / "stack"
        directory.mkdir()
        (directory / "stack.yaml").write_text(stack_of(assets))
        slowed(url, DELAY_S)
        ours = _said(APPLY, str(directory), url, str(side_by_side))
        return Round(assets, side_by_side, ours, _said(BARE, url, str(assets), str(side_by_side)))


COLUMNS = (
    "new assets",
    "side by side",
    "requests",
    "of them reads",
    "transactions",
    "seconds",
    "against the least",
    "against the bare loop",
    "CPU an asset",
    "of the bare loop",
)


def row(rounds: Sequence[Round]) -> tuple[str, ...]:
    """A line of the table, of medians."""
    first = rounds[0]

    def middle(of: Callable[[Round], float]) -> float:
        return float(median(map(of, rounds)))

    ended_s = PROCESSING_S  # the bare loop does not wait until anything is ready
    return (
        f"{first.assets:,}",
        f"{first.side_by_side}",
        f"{middle(lambda it: it.ours['requests']):,.0f}",
        f"{middle(lambda it: it.ours['reads']):,.0f}",
        f"{middle(lambda it: it.ours['transactions']):,.0f}",
        f"{middle(lambda it: it.ours['seconds']):.1f} s",
        f"{middle(lambda it: it.ours['seconds'] / it.least_s):.1f}×",
        f"{middle(lambda it: it.ours['seconds'] / (it.bare['seconds'] + ended_s)):.1f}×",
        f"{middle(lambda it: it.ours['cpu_s'] * 1e6 / it.assets):,.0f} µs",
        f"{middle(lambda it: it.bare['cpu_s'] * 1e6 / it.assets):,.0f} µs",
    )


def main(assets: Sequence[int]) -> None:
    """Measure in turn, print, and write the page anew."""
    rounds: dict[tuple[int, int], list[Round]] = {each: [] for each in product(assets, SIDE_BY_SIDE)}
    for _ in range(ROUNDS):
        for (count, many), some in rounds.items():
            some.append(measured(count, many))
    found = table(COLUMNS, [row(some) for some in rounds.values()])
    print(found)
    said = (
        f"Python {platform.python_version()}, {platform.machine()}, {datetime.now(UTC):%Y-%m-%d}; medians of {ROUNDS}."
    )
    written("apply", f"{said}\n\n{found}")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or ASSETS)
