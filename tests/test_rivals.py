"""Two at once who cannot see each other's state: each looks once more right before it makes something."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from reconciler.engine import Session
from reconciler.model import Report
from tests.support.running import AGREED, Bench
from tests.support.stacks import many

STACK = """\
stack: s
provider: twelvelabs
assets: {a: {file: a.mp4}, b: {file: b.jpg}}
indexes: {i: {models: [{name: marengo3.0}], assets: {a: {}}}}
entity_collections: {c: {entities: {e: {assets: [b]}, f: {assets: [b]}, g: {assets: [b]}}}}
"""
FILES: dict[str, str | bytes] = {"stack.yaml": STACK, "a.mp4": "film", "b.jpg": "face"}


def after(bench: Bench, meanwhile: Callable[[Session], Awaitable[None]]) -> Report:
    """An apply between whose plan and whose first write something else happens."""

    async def go(session: Session) -> Report:
        with session.state.lock("test"):
            survey = await session.plan()
            await meanwhile(session)
            return await session.apply(survey, command="test")

    return bench.run(go, AGREED)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "one")
    made.write(FILES)
    return made


def test_of_two_checkouts_at_once_one_makes_and_the_other_is_told(bench: Bench, tmp_path: Path) -> None:
    other = Bench(tmp_path / "two", emulator=bench.emulator)
    other.write(FILES)

    async def the_other_applies(_: Session) -> None:
        async with other.session() as session:
            with session.state.lock("test"):
                assert not (await session.apply(await session.plan(), command="test")).failed

    report = after(bench, the_other_applies)

    assert report.exit_code == 6
    failed = [outcome.message for outcome in report.outcomes if outcome.result == "failed"]
    assert failed
    assert all("was made for it since the plan; run again" in message for message in failed)
    assert bench.counts() == {"asset": 2, "index": 1, "indexed_asset": 1, "entity_collection": 1, "entity": 3}
    assert other.survey().plan.changes == ()


def test_one_that_came_in_the_middle_leaves_the_rest_to_be_made(bench: Bench) -> None:
    async def somebody_takes_a_name(session: Session) -> None:
        await session.drivers.http.request("POST", "/entity-collections", json={"name": "c", "description": ""})

    report = after(bench, somebody_takes_a_name)

    assert {outcome.address: outcome.result for outcome in report.outcomes} == {
        "assets/a": "done",
        "assets/b": "done",
        "indexes/i": "done",
        "indexes/i/assets/a": "done",
        "entity_collections/c": "failed",
        "entity_collections/c/entities/e": "skipped",
        "entity_collections/c/entities/f": "skipped",
        "entity_collections/c/entities/g": "skipped",
    }
    assert report.exit_code == 7
    assert bench.counts()["entity_collection"] == 1


def test_of_a_bulk_call_only_the_one_that_is_there_is_left_out(bench: Bench) -> None:
    assert not bench.apply().failed
    bench.write({"stack.yaml": STACK.replace("g: {", "h: {assets: [b]}, k: {assets: [b]}, g: {")})
    live = bench.survey().claims.live
    collection, face = live["entity_collections/c"].id, live["assets/b"].id

    async def made_by_hand(session: Session) -> None:
        body = {"name": "h", "asset_ids": [face]}
        await session.drivers.http.request("POST", f"/entity-collections/{collection}/entities", json=body)

    report = after(bench, made_by_hand)

    assert {outcome.address.rsplit("/", 1)[1]: outcome.result for outcome in report.outcomes} == {
        "h": "failed",
        "k": "done",
    }
    assert bench.counts()["entity"] == 5


def test_a_look_serves_all_that_are_made_in_a_moment(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(many(120))
    plain = bench.emulator.journal.by_route

    async def count(session: Session) -> int:
        with session.state.lock("test"):
            survey = await session.plan()
            before = {route: plain[route] for route in ("GET /assets", "GET /indexes", "GET /entity-collections")}
            report = await session.apply(survey, command="test")
            assert not report.failed
            polls = sum("asset_ids" in entry.query for entry in bench.emulator.journal.entries)
            return sum(plain[route] - before[route] for route in before) - polls

    before_it_is_made, what_nothing_waits_for = 3, 2  # the index and the collection are looked at once when made
    assert asyncio.run(_with(bench, count)) == before_it_is_made + what_nothing_waits_for


async def _with(bench: Bench, call: Callable[[Session], Awaitable[int]]) -> int:
    async with bench.session() as session:
        return await call(session)


def test_one_that_is_half_sent_is_no_rival_of_itself(tmp_path: Path) -> None:
    from tests.support.files import write
    from tests.test_upload_engine import FILM, ONE, Studio, after_puts

    studio = Studio(tmp_path)
    studio.write({"stack.yaml": ONE})
    write(tmp_path / "big.mp4", FILM)
    studio.killed(after_puts(studio, 3))

    assert not studio.apply().failed
    assert studio.survey().plan.changes == ()
