"""`apply --no-wait`: all is started that can be, and what is not ready is left to whoever looks next."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.emulator import Emulator, ManualClock
from reconciler.emulator.mixpeek import app as mixpeek
from reconciler.emulator.twelvelabs import app
from reconciler.engine import Session
from reconciler.engine.awaiting import looked, pending, record
from reconciler.model import Event, Operation, Report, Verb, Waited
from reconciler.plan.guards import Consent
from reconciler.state import State
from tests.support.running import AGREED, Bench, NoTime
from tests.support.virtual import VirtualTime

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
TEXTS = "stack: s\nprovider: mixpeek\ncollections: {c: {assets: {a: {text: one}, b: {text: two}}}}\n"
MADE_BY_TASKS = ("collections/c/assets/a", "collections/c/assets/b")


def slow(clock: ManualClock, **options: Any) -> Emulator:
    """Nothing becomes ready unless the clock is moved."""
    return app(speed="real", clock=clock, default_seconds=60.0, **options)


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


class Slow(Bench):
    """A bench whose account takes an hour for all that it is given."""

    def __init__(self, directory: Path, text: str = STACK) -> None:
        self.time = ManualClock()
        super().__init__(directory, slow(self.time))
        self.write({"stack.yaml": text, "topics.json": json.dumps(SCHEMA), **FILES})

    def start(self, consent: Consent = AGREED) -> Report:
        """`apply --no-wait`."""
        self.limits = replace(self.limits, detached=True)
        try:
            return self.apply(consent)
        finally:
            self.limits = replace(self.limits, detached=False)

    def wait(self, *, timeout_s: float = 0.0) -> Waited:
        """`reconciler wait`, on a machine that has nothing but the state."""

        async def look(session: Session) -> Waited:
            found = pending(session.state, session.drivers)
            clock, limits = session.clock, session.limits
            told, stop = list[Event](), asyncio.Event()
            waited = await looked(found, session.drivers, clock, limits, told.append, timeout_s=timeout_s, stop=stop)
            with session.state.lock("wait"):
                record(session.state, found, waited)
            return waited

        return self.run(look)

    def pass_by(self) -> None:
        """All that was begun until now is ready."""
        self.time.advance(3600)

    def operations(self) -> list[Operation]:
        return self.run(open_operations)


async def open_operations(session: Session) -> list[Operation]:
    return session.state.operations()


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


def came(waited: Waited) -> dict[str, str]:
    return {it.what.address: it.result for it in waited.outcomes}


def test_to_wait_looks_at_what_the_state_knows_and_writes_nothing_to_the_account(tmp_path: Path) -> None:
    bench = Slow(tmp_path)
    bench.start()
    writes = creates(bench.emulator)

    before = bench.wait()
    bench.pass_by()
    after = bench.wait()

    assert came(before) == dict.fromkeys(("assets/face", "assets/film", "assets/match"), "awaited")
    assert came(after) == dict.fromkeys(("assets/face", "assets/film", "assets/match"), "ready")
    assert (before.exit_code, before.requests, after.exit_code, after.requests) == (9, 1, 0, 1)
    assert creates(bench.emulator) == writes
    assert bench.operations() == []
    assert bench.wait().outcomes == ()
    assert bench.survey().plan.awaited == ()


def test_to_wait_goes_on_until_all_is_ready_or_the_time_is_over(tmp_path: Path) -> None:
    bench = Slow(tmp_path)
    bench.start()
    bench.pass_by()
    bench.start()  # the indexed assets and the tasks of the results

    bench.clock = lambda: VirtualTime(bench.time)
    late, ready = bench.wait(timeout_s=10.0), bench.wait(timeout_s=600.0)

    assert (late.word, late.exit_code) == ("awaited", 9)
    assert late.seconds == pytest.approx(10.0, abs=0.1)
    assert 60 <= ready.seconds < 600
    assert came(ready) == dict.fromkeys(
        (
            "analyses/topics/match",
            "embeddings/clips/film",
            "entity_collections/people/entities/another",
            "entity_collections/people/entities/someone",
            "indexes/catalog/assets/film",
            "indexes/catalog/assets/match",
        ),
        "ready",
    )
    assert bench.start().word == "done"
    assert bench.counts() == ALL


def test_a_task_that_was_left_is_gone_on_with_and_never_begun_twice(tmp_path: Path) -> None:
    bench = Slow(tmp_path)
    bench.start()
    bench.pass_by()
    bench.start()
    handles = {it.address: it.handle for it in bench.operations() if it.verb == Verb.CREATE}

    for _ in range(3):
        assert bench.start().word == "awaited"

    assert handles.keys() == {"analyses/topics/match", "embeddings/clips/film"}
    assert {it.address: it.handle for it in bench.operations() if it.verb == Verb.CREATE} == handles
    plan = bench.survey().plan
    assert {it.address for it in plan.awaited if it.id is None} == handles.keys()
    bench.pass_by()
    assert bench.start().word == "done"
    assert bench.counts() == ALL


def test_what_fails_while_nobody_looks_is_made_once_more_and_then_told(tmp_path: Path) -> None:
    text = "stack: s\nprovider: twelvelabs\nassets: {film: {file: film.mp4}}\nindexes:\n"
    bench = Slow(tmp_path, text + "  i: {models: [{name: marengo3.0}], assets: {film: {}}}\n")
    indexed = "/indexes/*/indexed-assets"
    bench.emulator.add_fault({"fault": "ends_failed", "method": "POST", "path": indexed, "count": 100})
    route = "POST /indexes/{index_id}/indexed-assets"
    careful = replace(AGREED, replace=frozenset())

    for looks in (False, True, False, True, False, True):
        bench.start(careful)
        bench.pass_by()
        if looks:
            bench.wait()
    last = bench.start(careful)

    assert bench.emulator.journal.by_route[route] == 2
    assert last.exit_code == 1
    assert "was made 2 times and failed each time" in last.outcomes[0].message


def test_that_something_has_failed_is_what_waiting_ends_with(tmp_path: Path) -> None:
    bench = Slow(tmp_path)
    bench.emulator.add_fault({"fault": "ends_failed", "method": "POST", "path": "/assets", "count": 1})
    bench.start()
    bench.pass_by()

    waited = bench.wait(timeout_s=60.0)

    assert sorted(came(waited).values()) == ["failed", "ready", "ready"]
    assert (waited.word, waited.exit_code) == ("failed", 7)
    with closing(State.open(f"sqlite:///{bench.directory}/.reconciler/state.db", "s")) as state:
        assert sorted(row.failures for row in state.recorded() if row.kind == "Asset") == [0, 0, 1]


@pytest.mark.parametrize("lost_after", [1, 2])
def test_a_state_that_is_lost_between_runs_brings_no_duplicates(tmp_path: Path, lost_after: int) -> None:
    bench = Slow(tmp_path)
    for _ in range(lost_after):
        bench.start()
        bench.pass_by()
    bench.state_name = "other.db"

    for _ in range(4):
        bench.start()
        bench.pass_by()

    assert bench.survey().plan.changes == ()
    assert {kind: count for kind, count in bench.counts().items() if not kind.endswith("_task")} == {
        kind: count for kind, count in ALL.items() if not kind.endswith("_task")
    }


def test_of_what_is_deleted_nothing_is_awaited(tmp_path: Path) -> None:
    bench = Slow(tmp_path)
    bench.start()

    assert not bench.apply(destroy=True).failed

    assert bench.counts() == {}
    assert bench.operations() == []


def test_tasks_of_another_provider_are_left_and_gone_on_with(tmp_path: Path) -> None:
    clock = ManualClock()
    bench = Bench(tmp_path, mixpeek(dimensions=8, speed="real", clock=clock, default_seconds=60.0))
    bench.write({"stack.yaml": TEXTS})
    bench.limits = replace(bench.limits, detached=True)

    first, again = bench.apply(), bench.apply()
    clock.advance(3600)
    last = bench.apply()

    assert results(first) == {"collections/c": "done", **dict.fromkeys(MADE_BY_TASKS, "awaited")}
    assert {it.wrote for it in first.outcomes if it.result == "awaited"} == {True}
    assert results(again) == dict.fromkeys(MADE_BY_TASKS, "awaited")
    assert not any(it.wrote for it in again.outcomes)
    assert (last.word, bench.run(open_operations)) == ("done", [])
    assert bench.emulator.journal.by_route["POST /index/text"] == 2
    assert bench.survey().plan.changes == ()


acts = st.lists(st.sampled_from(("start", "wait", "apply", "time", "timed wait")), max_size=8)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=acts)
def test_any_mix_of_runs_comes_to_what_one_apply_comes_to(acts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        bench = Slow(Path(directory))
        for act in [*acts, "apply"]:
            if act == "time":
                bench.pass_by()
                continue
            bench.clock = (lambda: Passing(bench.time)) if act == "apply" else NoTime
            if act == "wait":
                bench.wait()
            elif act == "timed wait":
                bench.wait(timeout_s=30.0)
            else:
                assert not (bench.apply() if act == "apply" else bench.start()).failed
        assert bench.counts() == ALL
        assert creates(bench.emulator) == once()
        assert bench.operations() == []
        assert bench.survey().plan.changes == ()
        bench.emulator.close()


@cache
def once() -> Mapping[str, int]:
    """What one apply asks for."""
    with tempfile.TemporaryDirectory() as directory:
        bench = Slow(Path(directory))
        bench.clock = lambda: Passing(bench.time)
        assert not bench.apply().failed
        found = creates(bench.emulator)
        bench.emulator.close()
        return found
