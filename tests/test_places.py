"""How many writes are under way at once: what is learnt from refusals, of each kind for itself."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.apply.places import FIRST, Places, Stopped
from reconciler.emulator.twelvelabs import app
from reconciler.engine import Session
from reconciler.errors import AtLimit, NotYet, RateLimited, Unclear
from reconciler.model import Event, Narrowed, Report
from tests.support.running import AGREED, Bench

MOST = 16


class Told(list[tuple[str, int, str]]):
    """What was told of kinds that go on with less."""

    def __call__(self, kind: str, count: int, why: str) -> None:
        self.append((kind, count, why))


def under_way(places: Places, kinds: list[str]) -> dict[str, int]:
    """How many of each are let in at once, when so many want to and none ends."""
    inside: dict[str, int] = dict.fromkeys(kinds, 0)

    async def stay(kind: str) -> None:
        async with places.place(kind):
            inside[kind] += 1
            await asyncio.Event().wait()

    async def go() -> None:
        tasks = [asyncio.create_task(stay(kind)) for kind in kinds]
        for _ in range(5):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(go())
    return inside


def sent(places: Places, kind: str, error: Exception | None = None, together: int = 1) -> None:
    """So many requests side by side, which all end so."""

    async def one(all_in: asyncio.Barrier) -> None:
        with suppress(RateLimited, Unclear):
            async with places.place(kind):
                await all_in.wait()
                if error is not None:
                    raise error

    async def go() -> None:
        all_in = asyncio.Barrier(together)
        await asyncio.gather(*(one(all_in) for _ in range(together)))

    asyncio.run(go())


def test_it_begins_with_a_few_and_comes_to_the_most_with_each_success() -> None:
    places = Places(MOST)

    assert under_way(places, ["Asset"] * 99) == {"Asset": FIRST}
    for _ in range(MOST - FIRST):
        sent(places, "Asset")
    assert under_way(places, ["Asset"] * 99) == {"Asset": MOST}


def test_there_are_never_more_than_the_most_of_all_kinds_together() -> None:
    assert sum(under_way(Places(3), ["Asset", "Index", "Entity"] * 9).values()) == 3


def test_what_is_refused_together_halves_it_once_and_only_of_its_kind() -> None:
    told = Told()
    places = Places(MOST, told)

    sent(places, "Asset", RateLimited("too many"), together=FIRST)

    assert under_way(places, ["Asset"] * 99) == {"Asset": FIRST // 2}
    assert under_way(places, ["Index"] * 99) == {"Index": FIRST}
    assert told == [("Asset", FIRST // 2, "too many")]


def test_after_a_refusal_it_takes_a_round_of_successes_to_have_one_more() -> None:
    places = Places(MOST)
    sent(places, "Asset", Unclear("no answer"), together=FIRST)

    for _ in range(FIRST // 2):
        sent(places, "Asset")
    few = under_way(places, ["Asset"] * 99)["Asset"]
    sent(places, "Asset")

    assert few == FIRST // 2
    assert under_way(places, ["Asset"] * 99)["Asset"] == FIRST // 2 + 1


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_those_of_which_none_is_ever_taken_do_not_wait_for_one_another_for_ever(count: int) -> None:
    places, sent = Places(MOST), 0

    async def one() -> None:
        nonlocal sent
        while True:
            try:
                async with places.place("Asset"):
                    sent += 1
                    await asyncio.sleep(0)
                    raise AtLimit("all that it may have")
            except AtLimit as error:
                if not places.is_crowded("Asset", error):
                    return

    async def go() -> None:
        await asyncio.gather(*(one() for _ in range(count)))

    asyncio.run(asyncio.wait_for(go(), 30))
    assert sent <= count + MOST


def test_one_at_least_goes_on() -> None:
    places = Places(MOST)
    for _ in range(20):
        sent(places, "Asset", RateLimited("too many"))

    assert under_way(places, ["Asset"] * 9) == {"Asset": 1}


def test_what_came_too_early_says_nothing_of_how_many() -> None:
    places = Places(MOST)

    sent(places, "Asset", NotYet("being processed"))

    assert under_way(places, ["Asset"] * 99) == {"Asset": FIRST}


def test_what_the_api_works_on_at_a_time_is_learnt_and_tried_anew_now_and_then() -> None:
    told = Told()
    places = Places(MOST, told)
    for number in range(5):
        places.made("IndexedAsset", str(number))

    assert places.is_crowded("IndexedAsset", AtLimit("5 at a time"))
    assert under_way(places, ["IndexedAsset"] * 9) == {"IndexedAsset": 0}
    assert under_way(places, ["Asset"] * 9) == {"Asset": FIRST}
    places.ended("IndexedAsset", "0")
    assert under_way(places, ["IndexedAsset"] * 9) == {"IndexedAsset": 1}
    assert told == [("IndexedAsset", 5, "5 at a time")]
    for number in range(5, 9):
        places.made("IndexedAsset", str(number))
        places.ended("IndexedAsset", str(number))
    assert under_way(places, ["IndexedAsset"] * 9) == {"IndexedAsset": 2}


def test_of_those_that_were_sent_together_the_first_refusal_may_be_heard_first() -> None:
    places = Places(MOST)
    places.made("IndexedAsset", "0")
    assert places.is_crowded("IndexedAsset", AtLimit("5 at a time"))

    for number in range(1, 5):
        places.made("IndexedAsset", str(number))
    places.ended("IndexedAsset", "0")

    assert under_way(places, ["IndexedAsset"] * 9)["IndexedAsset"] >= 1


def test_when_nothing_of_ours_is_worked_on_it_is_no_crowd() -> None:
    assert not Places(MOST).is_crowded("IndexedAsset", AtLimit("100 videos"))


def test_who_waits_when_the_run_is_to_stop_is_told_and_nobody_is_let_in_after_it() -> None:
    async def go() -> list[BaseException | None]:
        places = Places(1)

        async def late() -> None:
            async with places.place("Asset"):
                pytest.fail("it was let in")

        async with places.place("Index"):
            waiting = asyncio.create_task(late())
            await asyncio.sleep(0)
            places.close()
        return list(await asyncio.gather(waiting, late(), return_exceptions=True))

    assert [type(it) for it in asyncio.run(go())] == [Stopped, Stopped]


# With an account that takes so many at a time


def indexed(count: int) -> str:
    """So many assets in one index."""
    assets = (f"  a{n}: {{url: https://example.com/{n}.mp4}}\n" for n in range(count))
    members = (f"      a{n}: {{}}\n" for n in range(count))
    index = "indexes:\n  one:\n    models: [{name: marengo3.0, options: [visual]}]\n    assets:\n"
    return f"stack: s\nprovider: twelvelabs\nassets:\n{''.join(assets)}{index}{''.join(members)}"


STACK = indexed(30)


def applied(bench: Bench) -> tuple[Report, list[Event]]:
    """An apply, and what it told."""
    events: list[Event] = []

    async def go(session: Session) -> Report:
        with session.state.lock("test"):
            return await session.apply(await session.plan_for_good(), command="test", on_event=events.append)

    return bench.run(go, AGREED), events


def refused(bench: Bench) -> int:
    """How many creates were refused because the account was full."""
    return sum(entry.status == 400 for entry in bench.emulator.journal.entries)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path, app(max_indexing=5))
    bench.limits = replace(bench.limits, parallelism=MOST)
    bench.write({"stack.yaml": STACK})
    return bench


def test_an_account_that_indexes_five_at_a_time_slows_an_apply_and_fails_nothing_of_it(bench: Bench) -> None:
    report, events = applied(bench)

    assert [it for it in report.outcomes if it.result != "done"] == []
    assert bench.counts()["indexed_asset"] == 30
    told = [event for event in events if isinstance(event, Narrowed)]
    assert told[0].kind == "IndexedAsset"
    assert "5 assets at a time" in told[0].message
    # Those of the first moment, and one now and then to learn whether there is more room: fewer and fewer.
    assert 1 <= refused(bench) <= 2 * MOST
    assert not bench.survey().plan.changes


def test_who_does_not_wait_leaves_what_the_account_does_not_take_to_later_runs(bench: Bench) -> None:
    bench.limits = replace(bench.limits, detached=True)
    bench.write({"stack.yaml": indexed(100)})
    bench.emulator.set_options({"max_indexing": 40})

    for _ in range(5):  # the assets, and three times what there is room for; the last one sees the end
        before = refused(bench)
        report, _ = applied(bench)
        assert {it.result for it in report.outcomes} <= {"done", "awaited"}
        # Those that were begun before the first refusal was heard, and no request for each that is left.
        assert refused(bench) - before <= 2 * MOST
        bench.emulator.clock.advance(3600)

    assert bench.counts()["indexed_asset"] == 100
    assert not bench.survey().plan.changes


def test_an_account_that_is_full_for_good_is_told_and_nothing_waits_for_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, app(max_collections=1))
    entities = "{entities: {e: {assets: [a]}}}"
    bench.write(
        {
            "stack.yaml": "stack: s\nprovider: twelvelabs\nassets: {a: {url: https://example.com/a.jpg}}\n"
            f"entity_collections: {{one: {entities}, two: {entities}}}\n"
        }
    )

    report, _ = applied(bench)

    assert sorted(it.result for it in report.outcomes) == ["done", "done", "done", "failed", "skipped"]
    assert any("1 entity collection" in it.message for it in report.outcomes if it.result == "failed")
    assert bench.counts()["entity_collection"] == 1
