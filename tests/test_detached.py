"""`apply --no-wait`: all is started that can be, and what is not ready is left to whoever looks next."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator import Emulator, ManualClock
from reconciler.emulator.twelvelabs import app
from reconciler.model import Operation, Report, Verb
from reconciler.state import State
from tests.support.running import Bench

pytest.importorskip("pyarrow")

FILES: dict[str, str | bytes] = {
    "film.mp4": b"film",
    "match.mp4": b"match",
    "face.jpg": b"face",
    "ask.md": "What is it about?\n",
}
SCHEMA = {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]}
STACK = """\
stack: s
provider: twelvelabs
assets:
  film: {file: film.mp4}
  match: {file: match.mp4, metadata: {topic: {from: analyses/topics/match, at: /topic}}}
  face: {file: face.jpg}
indexes:
  catalog:
    models: [{name: marengo3.0, options: [visual]}]
    assets: {film: {}, match: {metadata: {rating: 9}}}
entity_collections:
  people:
    entities: {someone: {assets: [face]}, another: {assets: [face]}}
analyses:
  topics: {of: match, model: pegasus1.5, prompt_file: ask.md, response: topics.json}
embeddings:
  clips: {of: film, model: marengo3.0, options: [visual]}
"""
ALL = {
    "asset": 3,
    "index": 1,
    "indexed_asset": 2,
    "entity": 2,
    "entity_collection": 1,
    "analyze_task": 1,
    "embed_v2_task": 1,
}
DAY = 86_400.0


def slow(clock: ManualClock, **options: Any) -> Emulator:
    """Nothing becomes ready unless the clock is moved."""
    return app(speed="real", clock=clock, default_seconds=60.0, **options)


class Slow(Bench):
    """A bench whose account takes an hour for all that it is given."""

    def __init__(self, directory: Path, text: str = STACK) -> None:
        self.time = ManualClock()
        super().__init__(directory, slow(self.time))
        self.write({"stack.yaml": text, "topics.json": json.dumps(SCHEMA), **FILES})

    def start(self) -> Report:
        """`apply --no-wait`."""
        self.limits = replace(self.limits, detached=True)
        try:
            return self.apply()
        finally:
            self.limits = replace(self.limits, detached=False)

    def pass_by(self) -> None:
        self.time.advance(3600)

    def operations(self) -> list[Operation]:
        with closing(State.open(f"sqlite:///{self.directory}/.reconciler/{self.state_name}", "s")) as state:
            return state.operations()


def results(report: Report) -> dict[str, str]:
    return {outcome.address: outcome.result for outcome in report.outcomes}


def creates(emulator: Emulator) -> Mapping[str, int]:
    """How often each thing was asked for that makes something."""
    made = Counter[str]()
    for route, count in emulator.journal.by_route.items():
        if route.startswith("POST") and "search" not in route:
            made[route] += count
    return made


def test_all_is_started_that_can_be_and_nothing_has_failed(tmp_path: Path) -> None:
    bench = Slow(tmp_path)

    report = bench.start()

    assert not report.failed, report.outcomes
    assert (report.word, report.exit_code) == ("awaited", 0)
    assert bench.counts() == {"asset": 3, "index": 1, "entity_collection": 1}
    assert results(report) == {
        "assets/face": "awaited",
        "assets/film": "awaited",
        "assets/match": "awaited",
        "indexes/catalog": "done",
        "indexes/catalog/assets/film": "awaited",
        "indexes/catalog/assets/match": "awaited",
        "entity_collections/people": "done",
        "entity_collections/people/entities/another": "awaited",
        "entity_collections/people/entities/someone": "awaited",
        "analyses/topics/match": "awaited",
        "embeddings/clips/film": "awaited",
    }
    told = {outcome.address: (outcome.message, outcome.wrote) for outcome in report.outcomes}
    assert told["indexes/catalog/assets/film"] == ("waits for assets/film", False)
    assert told["assets/film"][0].endswith("is not ready yet")
    assert told["assets/film"][1]


def test_a_plan_says_what_is_awaited_and_since_when(tmp_path: Path) -> None:
    bench = Slow(tmp_path)
    bench.start()

    plan = bench.survey().plan

    assert [(it.address, it.id is not None, it.since is not None) for it in plan.awaited] == [
        (f"assets/{name}", True, True) for name in ("face", "film", "match")
    ]
    (note,) = (it.summary for it in plan.diagnostics if "not ready yet" in it.summary)
    assert note.startswith("assets/face, assets/film, assets/match are not ready yet (awaited since ")
    assert {it.verb for it in bench.operations()} == {Verb.WAIT}


def test_run_after_run_goes_on_and_makes_nothing_twice(tmp_path: Path) -> None:
    at_once = Slow(tmp_path / "once")
    at_once.clock = lambda: Passing(at_once.time)
    assert not at_once.apply().failed
    bench = Slow(tmp_path / "steps")

    words = []
    for _ in range(4):
        words.append(bench.start().word)
        bench.start()
        bench.pass_by()

    assert words == ["awaited", "awaited", "done", "done"]
    assert bench.counts() == at_once.counts() == ALL
    assert creates(bench.emulator) == creates(at_once.emulator)
    assert bench.operations() == []
    assert bench.survey().plan.changes == ()
    assert bench.survey().plan.awaited == ()


class Passing:
    """A clock by which the account's time passes when somebody sleeps."""

    def __init__(self, shared: ManualClock) -> None:
        self.shared, self.slept_s = shared, 0.0

    def now(self) -> float:
        return self.slept_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.shared.advance(seconds * 1000)
        await asyncio.sleep(0)
