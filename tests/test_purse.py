"""What a process asks its share of a budget for, how seldom, and what it does when there is none."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Collection
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from reconciler.emulator import ManualClock
from reconciler.emulator.core.windows import Windows
from reconciler.engine import Session
from reconciler.http import Http
from reconciler.http.budget import REQUESTS, Ask, Granted
from reconciler.http.purse import KeeperLost, OwnKeeper, Purse
from reconciler.provider import provider
from reconciler.providers.twelvelabs.pace import MEDIA, TOKENS, MediaLengths
from reconciler.tariff import Limit
from tests.support.running import Bench
from tests.support.virtual import VirtualTime

STACK = """
stack: s
provider: twelvelabs
results: results
assets:
  a: {url: 'https://x.example/a.mp4'}
  b: {url: 'https://x.example/b.mp4'}
indexes:
  i: {models: [{name: marengo3.0, options: [visual]}], assets: {a: {}}}
analyses:
  t: {of: a, model: pegasus1.5, prompt: What is it?}
"""
MINUTE, DAY = Limit(REQUESTS, 60, 60.0), Limit(REQUESTS, 100, 86400.0)


class Sends:
    """A stack that sends requests one after the other in some lines, and notes when each left."""

    def __init__(self, stack: str, keeper: OwnKeeper, clock: VirtualTime, *limits: Limit) -> None:
        self.clock, self.sent, self.told, self.notes = clock, list[float](), list[tuple[float, str]](), list[str]()
        self.purse = Purse(
            keeper,
            clock,
            stack,
            limits={"index": limits} if limits else {},
            tell=lambda seconds, why: self.told.append((seconds, why)),
            note=self.notes.append,
        )

    async def send(self, many: int, *, lines: int = 8, took_s: float = 0.05) -> None:
        left = iter(range(many))

        async def line() -> None:
            for _ in left:
                lot = await self.purse.turn("index")
                self.sent.append(self.clock.now())
                await self.clock.sleep(took_s)
                self.purse.over(lot)

        await asyncio.gather(*(line() for _ in range(lines)))


def test_far_from_its_limit_a_process_asks_for_many_requests_at_a_time() -> None:
    clock = VirtualTime(ManualClock())
    alone = Sends("a", OwnKeeper(clock), clock, Limit(REQUESTS, 3000, 60.0))
    asyncio.run(alone.send(1000))

    assert len(alone.sent) == 1000
    assert alone.purse.asked <= 30, "one question for all that is known, and one a batch"
    assert clock.now() == pytest.approx(1000 / 8 * 0.05), "and waits for nothing"


def test_of_a_bucket_without_a_limit_nothing_is_asked() -> None:
    clock = VirtualTime(ManualClock())
    free = Sends("a", OwnKeeper(clock), clock)
    asyncio.run(free.send(100))

    assert (len(free.sent), free.purse.asked) == (100, 1)


def test_a_modest_stack_and_a_greedy_one_each_get_what_they_want_or_their_half() -> None:
    clock = VirtualTime(ManualClock())
    keeper = OwnKeeper(clock)
    greedy, modest = Sends("greedy", keeper, clock, MINUTE), Sends("modest", keeper, clock, MINUTE)

    async def both() -> None:
        first = asyncio.create_task(greedy.send(400, lines=12))
        await clock.sleep(10)
        assert len(greedy.sent) == 60, "alone, it may use all of it"
        await modest.send(120, lines=4)
        first.cancel()

    asyncio.run(both())
    # The first of its minutes waits for what the other has used already; from then on half of each is its own.
    assert modest.sent[-1] < 10 + 60 * 5.5
    seconds, why = modest.told[0]
    assert 45 < seconds < 60
    assert why == "another stack uses the account's budget for index"
    sent = sorted(greedy.sent + modest.sent)
    assert all(sum(begin <= it < begin + 60 for it in sent) <= 60 for begin in sent)


def test_who_has_used_all_by_itself_is_told_what_its_limit_is() -> None:
    clock = VirtualTime(ManualClock())
    one = Sends("a", OwnKeeper(clock), clock, MINUTE)
    asyncio.run(one.send(61))

    assert {why for _, why in one.told} == {"the account's budget for index is used up (60 requests a minute)"}


def test_what_would_wait_for_hours_is_sent_for_the_api_to_decide() -> None:
    clock = VirtualTime(ManualClock())
    one = Sends("a", OwnKeeper(clock), clock, DAY)
    asyncio.run(one.send(103))

    assert len(one.sent) == 103
    assert clock.now() < 120
    assert one.told == []


def test_a_keeper_that_is_lost_is_told_once_and_the_limit_is_kept_alone() -> None:
    class Lost(OwnKeeper):
        def ask(self, bucket: str, ask: Ask) -> Granted:
            raise KeeperLost("the disk is gone")

        def known(self) -> Collection[str]:
            return ["index"]

    clock = VirtualTime(ManualClock())
    one = Sends("a", Lost(clock), clock, MINUTE)
    asyncio.run(one.send(70))

    assert one.notes == ["the account's budget is not shared with other runs from here on: the disk is gone"]
    assert sum(it < 60 for it in one.sent) == 60


def limited(
    clock: ManualClock, ours: VirtualTime, most: int, window_s: float, seen: list[tuple[float, int]]
) -> httpx.MockTransport:
    """An API that counts in windows, says so in headers, and refuses."""
    state: dict[str, Any] = {"end": 0.0, "used": 0}

    async def handle(request: httpx.Request) -> httpx.Response:
        await ours.sleep(0.03)
        now = clock.now()
        if now >= state["end"]:
            state.update(end=now + window_s, used=0)
        state["used"] += 1
        status = 429 if state["used"] > most else 200
        seen.append((now, status))
        left = max(most - state["used"], 0)
        await ours.sleep(0.03)
        moment = httpx.Headers({"x-ratelimit-limit": str(most), "x-ratelimit-remaining": str(left)})
        moment["x-ratelimit-reset"] = str(int(-(-state["end"] // 1)))
        moment["date"] = formatdate(int(now), usegmt=True)
        return httpx.Response(status, headers=moment, json={})

    return httpx.MockTransport(handle)


@pytest.mark.parametrize(("most", "window_s"), [(40, 1.0), (30, 60.0), (50, 10.0)])
def test_limits_are_learnt_from_answers_and_kept_by_both(most: int, window_s: float) -> None:
    shared, seen = ManualClock(), list[tuple[float, int]]()
    clock = VirtualTime(shared)
    keeper, transport = OwnKeeper(clock), limited(shared, clock, most, window_s, seen)

    async def stack(name: str, many: int) -> None:
        async with Http("https://a.example", headers={}, transport=transport, clock=clock, connections=4) as http:
            http.share(keeper, name, {})
            left = iter(range(many))

            async def line() -> None:
                for _ in left:
                    await http.request("POST", "/things", json={})

            await asyncio.gather(*(line() for _ in range(6)))

    async def both() -> None:
        await asyncio.gather(stack("a", 3 * most), stack("b", 2 * most))

    began = shared.now()
    asyncio.run(both())
    assert Counter(status for _, status in seen) == {200: 5 * most}
    assert seen[-1][0] - began < 12 * window_s + 12, "how long a window is was seen"


@pytest.mark.parametrize("most", [10, 25])
def test_of_a_limit_that_nobody_knows_yet_no_more_leave_than_a_few_before_an_answer_has_told_it(most: int) -> None:
    """The first run of all on an account, with many requests to send at once; what leaves is counted afterwards."""
    shared, seen = ManualClock(), list[tuple[float, int]]()
    clock = VirtualTime(shared)
    transport = limited(shared, clock, most, 60.0, seen)

    async def first() -> None:
        async with Http("https://a.example", headers={}, transport=transport, clock=clock, connections=64) as http:
            http.share(OwnKeeper(clock), "s", {})
            await asyncio.gather(*(http.request("POST", "/things", json={}) for _ in range(3 * most)))

    asyncio.run(first())
    assert Counter(status for _, status in seen) == {200: 3 * most}
    assert sum(when == seen[0][0] for when, _ in seen) == 8


def test_two_stacks_use_up_what_a_plan_has_by_minute_hour_and_day_and_none_of_it_is_refused() -> None:
    """An hour's media in each of five hours is a day's. An account counts with windows that begin as the emulator's do;
    what is beyond the day would wait for hours, so it is sent: that is for the API to say."""
    shared = ManualClock()
    clock = VirtualTime(shared)
    limits = provider("twelvelabs").tariff.limits["free"]
    keeper, api, refused = OwnKeeper(clock), Windows(clock.now), Counter[str]()
    film_s = 36_000 // 60

    async def send(purse: Purse, name: str) -> None:
        lot = await purse.turn("index", uses={MEDIA: film_s})
        for limit in limits["index"]:
            amount = film_s if limit.counts == MEDIA else 1
            seen = api.count((limit.counts, limit.window_s), limit.window_s, limit.most, amount)
            refused[f"{name}: {limit}"] += seen.refused
        await clock.sleep(0.1)
        purse.over(lot)

    async def both() -> None:
        purses = {name: Purse(keeper, clock, name, limits=limits) for name in "ab"}
        for _ in range(5):
            await asyncio.gather(*(send(purse, name) for name, purse in purses.items() for _ in range(30)))
            await clock.sleep(3700)
        assert not +refused, refused
        await send(purses["a"], "a")

    asyncio.run(both())
    assert +refused == Counter({"a: 180000 seconds of media a day": 1})


def test_what_is_indexed_and_analysed_is_counted_by_how_long_it_is(bench: Bench) -> None:
    """As soon as an answer has said it; the requests of both are counted where they belong."""
    asked: dict[str, Counter[str]] = {}

    class Noting(OwnKeeper):
        def ask(self, bucket: str, ask: Ask) -> Granted:
            granted = super().ask(bucket, ask)
            asked.setdefault(bucket, Counter()).update({it: much * granted.amount for it, much in ask.each.items()})
            return granted

    bench.write({"stack.yaml": STACK})
    shared = ManualClock()

    async def go(session: Session) -> None:
        limits = provider("twelvelabs").tariff.limits["free"]
        session.drivers.http.share(Noting(VirtualTime(shared)), "s", limits)
        with session.state.lock("test"):
            report = await session.apply(await session.plan_for_good(), command="test")
        assert not report.failed

    bench.run(go)
    length = bench.emulator.store.db.execute(
        "SELECT json_extract(doc, '$.media.duration') FROM objects WHERE kind = 'asset'"
    ).fetchone()[0]
    assert asked["index"][MEDIA] == math.ceil(length) > 0, "one of the two uploads is indexed"
    assert asked["index"][REQUESTS] >= 3
    assert asked["analyze"] == {REQUESTS: 1, MEDIA: math.ceil(length), TOKENS: 500}


def test_how_many_tokens_an_analysis_writes_is_taken_from_those_that_were_seen() -> None:
    """Nobody knows it before; what is taken for it uses up a minute's tokens with a minute's requests until then."""
    lengths, limits = MediaLengths(), provider("twelvelabs").tariff.limits
    for plan in limits.values():
        requests, tokens = (
            next(it.most for it in plan["analyze"] if (it.counts, it.window_s) == (counts, 60.0))
            for counts in (REQUESTS, TOKENS)
        )
        assert lengths.uses("POST", "/analyze/tasks", {}) == {TOKENS: tokens // requests}

    for letters in (4000, 12000):
        lengths.wrote("x" * letters)

    assert lengths.uses("POST", "/analyze/tasks", {}) == {TOKENS: 2000}
    assert lengths.uses("POST", "/indexes/*/indexed-assets", {}) == {}
    assert [str(it) for it in limits["free"]["analyze"]][-2:] == ["30000 tokens a minute", "500000 tokens a day"]


def test_long_answers_slow_analyses_before_their_tokens_are_refused() -> None:
    shared = ManualClock()
    clock = VirtualTime(shared)
    sent, lengths = list[float](), MediaLengths()
    lengths.wrote("x" * 20_000)  # 5,000 tokens: six a minute
    purse = Purse(OwnKeeper(clock), clock, "s", limits=provider("twelvelabs").tariff.limits["free"])

    async def one() -> None:
        lot = await purse.turn("analyze", uses=lengths.uses("POST", "/analyze/tasks", {}))
        sent.append(clock.now())
        await clock.sleep(0.1)
        purse.over(lot)

    async def many() -> None:
        await asyncio.gather(*(one() for _ in range(18)))

    asyncio.run(many())
    assert [sum(begin <= it < begin + 60 for it in sent) for begin in (sent[0], sent[6], sent[12])] == [6, 6, 6]


def test_each_bucket_that_a_provider_names_has_the_limits_of_its_plan() -> None:
    limits = provider("twelvelabs").tariff.limits["free"]
    assert {name: [str(it) for it in its] for name, its in limits.items() if name in ("index", "search")} == {
        "index": [
            "60 requests a minute",
            "3000 requests a day",
            "36000 seconds of media an hour",
            "180000 seconds of media a day",
        ],
        "search": ["600 requests a minute", "3000 requests a day"],
    }
    assert str(limits["embed video"][0]) == "25 requests a minute"
    assert limits.keys() == {
        "index",
        "search",
        "analyze",
        *(f"embed {it}" for it in ("text", "image", "audio", "video")),
    }
    assert provider("mixpeek").tariff.limits["free"] == {"account": (Limit(REQUESTS, 10, 60.0),)}
