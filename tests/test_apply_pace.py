"""How long an apply takes beside what its own requests take, on a clock that only they and the disk move."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.apply.find import Finder
from reconciler.emulator.twelvelabs import app
from reconciler.engine import Limits, Session
from reconciler.model import Report
from reconciler.state import State
from tests.support.leaping import LeapingClock, ServerClock, leaping
from tests.support.running import AGREED, Bench

PROCESSING_S, DISK_S, SIDE_BY_SIDE = 1.0, 0.005, 12


@dataclass
class Far(httpx.AsyncBaseTransport):
    """An account that takes so long for each request; what was asked, and when."""

    inner: httpx.AsyncBaseTransport
    takes_s: float
    asked: list[tuple[str, float]] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method, asyncio.get_running_loop().time()))
        await asyncio.sleep(self.takes_s)
        return await self.inner.handle_async_request(request)


def applied(directory: Path, assets: int, takes_s: float) -> tuple[Report, Far]:
    """An apply of so many new assets."""
    clock, found = ServerClock(), list[Far]()
    emulator = app(clock=clock, speed="real", default_seconds=PROCESSING_S)

    def through(inner: httpx.AsyncBaseTransport) -> Far:
        found.append(Far(inner, takes_s))
        return found[0]

    bench = Bench(directory, emulator, limits=Limits(SIDE_BY_SIDE, poll_s=None), clock=LeapingClock, through=through)
    lines = "".join(f"  a{n}: {{url: https://example.com/{n}.mp4}}\n" for n in range(assets))
    bench.write({"stack.yaml": f"stack: s\nprovider: twelvelabs\nassets:\n{lines}"})

    async def go() -> Report:
        async with bench.session(AGREED) as session:
            with session.state.lock("test"):
                planning = await session.plan()
                found[0].asked.clear()
                return await session.apply(planning, command="test")

    return leaping(go()), found[0]


@pytest.mark.parametrize("takes_s", [0.02, 0.1], ids=["quick", "slow"])
def test_an_apply_takes_little_more_than_its_own_requests(
    takes_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits in turn that can wait side by side: the disk, looks at what others make, what is not ready yet."""

    async def committed(state: State, *writes: Any) -> None:
        await asyncio.sleep(DISK_S)
        state.commit(*writes)

    monkeypatch.setattr(State, "committed", committed)

    report, account = applied(tmp_path, 300, takes_s)

    assert not report.failed
    least_s = math.ceil(len(account.asked) / SIDE_BY_SIDE) * takes_s + PROCESSING_S
    assert report.seconds <= 1.15 * least_s
    reads = sum(method == "GET" for method, _ in account.asked)
    assert reads <= 40


def test_a_look_is_made_anew_before_it_is_too_old_and_nobody_waits_for_it(tmp_path: Path) -> None:
    """What is taken for news is never older than it may be; and only who comes after a long pause waits for it."""
    clock, limits = ServerClock(), Limits(fresh_s=2.0)
    account: list[Far] = []

    def through(inner: httpx.AsyncBaseTransport) -> Far:
        account.append(Far(inner, 0.1))
        return account[0]

    bench = Bench(tmp_path, app(clock=clock), clock=LeapingClock, through=through)
    bench.write({"stack.yaml": "stack: s\nprovider: twelvelabs\nassets: {a: {url: https://example.com/a.mp4}}\n"})

    async def steps(session: Session) -> list[tuple[float, int, int]]:
        """When each asked, how long it waited, what it saw, and how often it had been looked."""
        survey, loop = await session.plan(), asyncio.get_running_loop()
        finder, kind = Finder(session.drivers, survey.snapshot, session.clock, limits), session.drivers.kinds["Asset"]
        began, looks = loop.time(), len(account[0].asked)
        found = []
        for at in (0.0, 0.5, 1.5, 1.9, 9.0):
            await asyncio.sleep(began + at - loop.time())
            if at == 0.5:
                form = {"method": "url", "url": "https://example.com/other.mp4"}
                await session.drivers.http.request("POST", "/assets", form=form)
                looks += 1
            asked = loop.time()
            seen = len(await finder.lately(kind, None))
            for _ in range(9):  # what nobody waits for begins
                await asyncio.sleep(0)
            found.append((round(loop.time() - asked, 3), seen, len(account[0].asked) - looks))
        finder.cancel()
        return found

    async def go() -> list[tuple[float, int, int]]:
        async with bench.session(AGREED) as session:
            return await steps(session)

    found = leaping(go())

    # It waits for the first; sees no more while that is new; is looked for at 1.5, which is seen from then on.
    assert found == [(0.1, 0, 1), (0.0, 0, 1), (0.0, 0, 2), (0.0, 1, 2), (0.1, 1, 3)]
