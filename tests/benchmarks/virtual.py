"""`python -m tests.benchmarks.virtual [SIZE ...]`: plans and applies by a clock that leaps, under an account's limits.

The engine and the emulator's own limits share a clock that leaps to the next moment at which anything happens
(`tests.support.leaping`), so hours of an account are tried out in the minutes for which the machine is busy. What is
told is how long it takes by that clock, beside the least that the API's own limits leave for as many requests. What the
machine computes takes no time of that clock: it is told apart.

An account that is planned is worked out page by page (`simulated`), of a whole stack; what is applied are new assets,
made in the whole emulator, in this process.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx

from reconciler.emulator import transport
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.twelvelabs import app
from reconciler.emulator.twelvelabs.options import Options, PlanName
from reconciler.emulator.twelvelabs.rates import PLANS, Limiter
from reconciler.engine import Limits, Session
from reconciler.files import Files, Sending
from reconciler.http import Http
from reconciler.http.purse import OwnKeeper
from reconciler.load import load
from reconciler.plan.guards import Consent
from reconciler.planfile import account_of
from reconciler.provider import Drivers, Hands, provider
from reconciler.results.shelf import Shelf
from reconciler.state import State
from tests.benchmarks.applying import stack_of as new_assets
from tests.benchmarks.page import line, table, written
from tests.benchmarks.simulated import begun, filled, page_of, state_url
from tests.benchmarks.world import stack_of
from tests.support.leaping import LeapingClock, ServerClock, leaping

PLANNED, APPLIED = (10_000, 100_000, 1_000_000), (10_000, 100_000)
URL, KEY = "http://emulator/v1.3", "key"
DELAY_S, PROCESSING_S = 0.02, 10.0
SIDE_BY_SIDE, CONNECTIONS = 16, 24
DAY_S = 86_400.0
SPANS_S = {"day": DAY_S, "minute": 60.0, "second": 1.0}
READS_A_MINUTE = 60
"""The vendor's table says nothing of reads: an account that counts every request."""
TIER: PlanName = "developer-3"
CREATES = {"minute": PLANS[TIER]["index"].requests_a_minute, "day": PLANS[TIER]["index"].requests_a_day}


@dataclass(frozen=True, slots=True)
class Took:
    """What one plan or apply came to. Seconds are the leaping clock's, but for CPU."""

    what: str
    objects: int
    seconds: float
    least_s: float
    """What the API's limits leave for its requests."""
    requests: int
    refused: int
    """How many were answered by 429."""
    cpu_s: float
    peak_mb: float = 0.0

    @property
    def ratio(self) -> float:
        """How much longer than that it took."""
        return self.seconds / self.least_s


class Counted(httpx.AsyncBaseTransport):
    """The way to an account: each request takes its time, each answer is dated by the server's clock, as servers do."""

    def __init__(self, inner: httpx.AsyncBaseTransport, clock: ServerClock) -> None:
        self._inner, self._clock = inner, clock
        self.refused = 0
        self.resumes = 0.0
        """When a limit begins anew that nobody waits for."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(DELAY_S)
        answer = await self._inner.handle_async_request(request)
        answer.headers["date"] = formatdate(self._clock.now(), usegmt=True)
        if answer.status_code == 429:
            self.refused += 1
            self.resumes = max(self.resumes, self._clock.now() + float(answer.headers["retry-after"]))
        return answer


class WorkedOut(httpx.AsyncBaseTransport):
    """An account of so many assets that keeps nothing, with the emulator's limiter before it."""

    def __init__(self, count: int, stack_id: str, clock: ServerClock, a_minute: int) -> None:
        self._count, self._stack_id = count, stack_id
        self._limiter, self._options = Limiter(clock.now), Options(requests_per_minute={"*": a_minute})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            headers = self._limiter.take("", None, self._options, "")
        except ApiProblem as problem:
            body = {"code": problem.code, "message": problem.message}
            return httpx.Response(problem.status, json=body, headers=problem.headers)
        query = {name: int(value) for name, value in request.url.params.items() if value.isdigit()}
        path = request.url.path.removeprefix("/v1.3")
        return httpx.Response(200, json=page_of(path, self._count, self._stack_id, **query), headers=headers)


@asynccontextmanager
async def _session(directory: Path, network: httpx.AsyncBaseTransport) -> AsyncIterator[Session]:
    """A run of its own on the stack of a directory, by the clock of the loop."""
    stack, clock = load(directory, environ={}), LeapingClock()
    chosen = provider(stack.provider)
    state = State.open(state_url(directory), stack.name)
    headers = chosen.access.headers(KEY)
    try:
        async with Http(URL, headers=headers, transport=network, clock=clock, connections=CONNECTIONS) as http:
            http.share(OwnKeeper(clock), stack.name, {})
            sending = Sending(Files(directory), clock=clock)
            drivers = Drivers(chosen, Hands(http, sending, clock, directory, Shelf(stack.name, directory)))
            limits = Limits(parallelism=SIDE_BY_SIDE)
            account = account_of(URL, KEY)
            yield Session(stack, drivers, state, clock, limits, Consent(cost=True), account=account)
    finally:
        state.close()


def _least(requests: int, limits: Mapping[str, int]) -> float:
    """How long so many take, of which so many are let through in a day, a minute, a second: each begins with the first
    request in it. The last one takes its own time."""
    least_s = DELAY_S
    for span, window_s in SPANS_S.items():
        if most := limits.get(span):
            windows = (requests - 1) // most
            requests -= windows * most
            least_s += windows * window_s
    return least_s


# A plan of everything


def planned(objects: int, directory: Path, a_minute: int = READS_A_MINUTE) -> Took:
    """A plan of a stack of so many objects that is in step with its account."""
    count = max(objects // 3, 1)
    directory.mkdir(parents=True)
    (directory / "stack.yaml").write_text(stack_of(objects))
    stack_id = begun(directory)
    filled(directory, count, URL, KEY)
    clock = ServerClock()
    network = Counted(WorkedOut(count, stack_id, clock, a_minute), clock)

    async def plan() -> Took:
        async with _session(directory, network) as session:
            before, since_s = time.process_time(), session.clock.now()
            planning = await session.plan()
            seconds, cpu_s = session.clock.now() - since_s, time.process_time() - before
            assert not planning.plan.changes, planning.plan.changes[:3]
            requests = session.drivers.http.sent
            least_s = _least(requests - network.refused, {"minute": a_minute})
            return Took("plan", objects, seconds, least_s, requests, network.refused, cpu_s)

    return leaping(plan())


# An apply of new assets


def applied(assets: int, directory: Path, limits: Mapping[str, int]) -> Took:
    """An apply of so many new assets, of which so many may be made in a second, a minute, a day: what a day does not
    let through is for the next day's."""
    directory.mkdir(parents=True)
    (directory / "stack.yaml").write_text(new_assets(assets))
    clock = ServerClock()
    said: dict[str, Any] = {f"requests_per_{span}": {"assets": most} for span, most in limits.items()}
    emulator = app(None, clock=clock, speed="real", default_seconds=PROCESSING_S, **said)
    network = Counted(transport(emulator), clock)

    async def apply() -> Took:
        requests, since_s, before = 0, list[float](), time.process_time()
        while True:
            async with _session(directory, network) as session:
                with session.state.lock("bench"):
                    planning = await session.plan_for_good()
                    since_s.append(session.clock.now())
                    report = await session.apply(planning, command="bench")
                requests += session.drivers.http.sent
                if not report.failed:
                    break
                assert "day" in limits, [it for it in report.outcomes if it.result != "done"][:3]
                await session.clock.sleep(network.resumes - clock.now())
        seconds, cpu_s = asyncio.get_running_loop().time() - since_s[0], time.process_time() - before
        what = f"apply, {len(since_s)} days" if "day" in limits else "apply"
        least_s = _least(assets, limits) + PROCESSING_S
        return Took(what, assets, seconds, least_s, requests, network.refused, cpu_s)

    try:
        took = leaping(apply())
        kept = emulator.store.db.execute("SELECT count(*) FROM objects WHERE kind = 'asset'").fetchone()[0]
        assert kept == assets, f"{kept} assets were made of {assets}"
    finally:
        emulator.close()
    return took


# Told

WAYS: Mapping[str, Callable[[int, Path], Took]] = {
    "plan": planned,
    "apply": lambda assets, directory: applied(assets, directory, {"minute": CREATES["minute"]}),
    "days": lambda assets, directory: applied(assets, directory, CREATES),
}


def one(way: str, objects: int) -> Took:
    """Measured in a process of its own, whose memory is told."""
    command = (sys.executable, "-m", "tests.benchmarks.virtual", "--one", way, str(objects))
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return Took(**json.loads(said.splitlines()[-1]))


def _measure(way: str, objects: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        took = WAYS[way](objects, Path(name) / "stack")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**asdict(took), "peak_mb": peak_mb}))


HEADS = ("what", "objects", "took", "the API's least", "ratio", "requests", "429", "CPU", "peak memory")


def row(took: Took) -> tuple[str, ...]:
    """A line of the table."""
    return (
        took.what,
        f"{took.objects:,}",
        _span(took.seconds),
        _span(took.least_s),
        f"{took.ratio:.3f}",
        f"{took.requests:,}",
        f"{took.refused:,}",
        f"{took.cpu_s:,.0f} s",
        f"{took.peak_mb:,.0f} MB",
    )


def _span(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * DAY_S else f"{seconds / DAY_S:.2f} days"


def main(sizes: Sequence[int]) -> None:
    """Measure, print, and write the page anew."""
    todo = [("plan", size) for size in sizes or PLANNED]
    todo += [("apply", size) for size in sizes or APPLIED] + [("days", 5 * CREATES["day"] // 2)]
    rows = []
    for way, size in todo:
        rows.append(row(one(way, size)))
        print(line(rows[-1]), flush=True)
    written("virtual", table(HEADS, rows))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _measure(sys.argv[2], int(sys.argv[3]))
    else:
        main([int(word) for word in sys.argv[1:]])
