"""A value of an analysis as metadata: known after apply, written once it is there, kept, and never cleared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.derived import TaskDriver
from reconciler.model import Action, Outcome, Report
from reconciler.plan.codec import plan_from, saved_json
from reconciler.providers.twelvelabs.analyses import MediaAnalyses
from reconciler.reports.result import Result
from reconciler.reports.text import as_text
from tests.support.running import AGREED, Bench, done
from tests.support.served import place
from tests.support.stacks import TWO_MATCHES

HEAD = (
    TWO_MATCHES
    + """\
analyses:
  topics: {of: "*", model: pegasus1.5, prompt: PROMPT, response: topics.json}
"""
)
GIVEN = """\
indexes:
  catalog:
    models: [{name: marengo3.0}]
    assets:
      final: {metadata: {topic: {from: analyses/topics, at: /topic}, season: 2024}}
      semi: {metadata: {topic: {from: analyses/topics/final, at: /topic}}}
entity_collections:
  players:
    entities:
      lebron:
        name: LeBron
        assets: [final]
        metadata: {goals: {from: analyses/topics, at: /about/goals}, team: Lakers}
"""
SCHEMA = {
    "type": "object",
    "properties": {
        "topic": {"type": "string"},
        "about": {"type": "object", "properties": {"goals": {"type": "integer"}}, "required": ["goals"]},
    },
    "required": ["topic", "about"],
}
FINAL, LEBRON = "indexes/catalog/assets/final", "entity_collections/players/entities/lebron"
Says = Callable[[str], Mapping[str, Any] | None]


@pytest.fixture
def bench(bench: Bench) -> Bench:
    return written(bench)


def written(bench: Bench, *, prompt: str = "what is it about", given: str = GIVEN) -> Bench:
    text = (HEAD + given).replace("PROMPT", prompt)
    bench.write({"stack.yaml": text, "topics.json": json.dumps(SCHEMA)})
    return bench


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """address → what the analysis says there; the emulator's own answers are made up, and the same for the same."""
    answers: dict[str, Any] = {}
    made = MediaAnalyses.made

    def as_said(driver: MediaAnalyses, want: Any, answer: Any) -> Any:
        rows = made(driver, want, answer)
        said = answers.get(want.address)
        return (
            rows if said is None or not isinstance(rows, tuple) else ([{**rows[0][0], "text": json.dumps(said)}], None)
        )

    monkeypatch.setattr(MediaAnalyses, "made", as_said)
    for name in ("final", "semi"):
        answers[f"analyses/topics/{name}"] = {"topic": f"topic of {name}", "about": {"goals": 3}}
    return answers


def metadata(bench: Bench, address: str) -> Mapping[str, Any]:
    live = bench.survey().claims.live[address]
    found: Mapping[str, Any] = live.fields["metadata"]
    return found


def in_step(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is to be done, and no result is opened to find that out."""

    async def text(*_: Any) -> None:
        raise AssertionError("a plan in step opens no result")

    with monkeypatch.context() as patched:
        patched.setattr(TaskDriver, "text", text)
        planning = bench.survey()
    assert planning.plan.changes == ()
    assert planning.difference.drift == []


def outcomes(report: Report) -> dict[str, Outcome]:
    return {it.address: it for it in report.outcomes if it.result != "done"}


def test_values_are_known_after_apply_and_then_written_with_the_others(
    bench: Bench, says: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = as_text(Result("plan", bench.survey().plan))
    assert "(known after apply)" in text

    done(bench)

    assert metadata(bench, FINAL) == {"topic": "topic of final", "season": 2024}
    assert metadata(bench, "indexes/catalog/assets/semi") == {"topic": "topic of final"}
    assert metadata(bench, LEBRON) == {"goals": 3, "team": "Lakers"}
    in_step(bench, monkeypatch)


def test_a_value_that_is_made_anew_is_written_in_the_same_apply(
    bench: Bench, says: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    done(bench)
    says["analyses/topics/final"] = {"topic": "another", "about": {"goals": 3}}
    written(bench, prompt="another")

    planning = bench.survey()
    changes = {change.address: change for change in planning.plan.changes}
    assert changes[FINAL].action is Action.UPDATE
    assert [delta.path for delta in changes[FINAL].deltas] == ["metadata.topic"]
    assert '"topic of final" → (known after apply)' in as_text(Result("plan", planning.plan))
    again = plan_from(json.loads(json.dumps(saved_json(planning.plan))))
    assert as_text(Result("plan", again)) == as_text(Result("plan", planning.plan))

    done(bench)

    assert metadata(bench, FINAL) == {"topic": "another", "season": 2024}
    assert metadata(bench, LEBRON) == {"goals": 3, "team": "Lakers"}
    in_step(bench, monkeypatch)


def test_a_failed_analysis_leaves_its_value_as_it_is_and_is_named(bench: Bench, says: dict[str, Any]) -> None:
    done(bench)
    made = MediaAnalyses.made

    def failing(driver: MediaAnalyses, want: Any, answer: Any) -> Any:
        from reconciler.provider import Failed

        return Failed("the answer was cut") if want.address.endswith("/final") else made(driver, want, answer)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MediaAnalyses, "made", failing)
        written(bench, prompt="another", given=GIVEN.replace("2024", "2025").replace("Lakers", "Bulls"))
        report = bench.apply()

    assert report.exit_code == 7
    assert outcomes(report)[FINAL].message == "metadata.topic waits for analyses/topics/final"
    assert outcomes(report)[FINAL].result == "begun"
    assert metadata(bench, FINAL) == {"topic": "topic of final", "season": 2025}
    assert metadata(bench, LEBRON) == {"goals": 3, "team": "Bulls"}


def test_a_lost_state_finds_the_value_in_the_store_and_changes_nothing(bench: Bench, says: dict[str, Any]) -> None:
    done(bench)
    bench.state_name = "other.db"

    assert [it for it in bench.survey().plan.changes if it.action is not Action.ADOPT] == []


def test_a_value_that_somebody_changes_is_drift_and_mended(bench: Bench, says: dict[str, Any]) -> None:
    done(bench)
    before = bench.survey()
    live = before.claims.live[FINAL]

    async def by_hand() -> None:
        async with bench.session() as session:
            path = f"/indexes/{live.parent_id}/indexed-assets/{live.id}"
            await session.drivers.http.request("PATCH", path, json={"user_metadata": {"topic": "by hand"}})

    asyncio.run(by_hand())

    (drift,) = bench.survey().difference.drift
    assert [(it.path, it.before, it.after) for it in drift.deltas] == [("metadata.topic", "topic of final", "by hand")]
    done(bench)
    assert metadata(bench, FINAL)["topic"] == "topic of final"


def test_what_is_empty_is_not_written(bench: Bench, says: dict[str, Any]) -> None:
    done(bench)
    says["analyses/topics/final"] = {"topic": "", "about": {"goals": 4}}
    written(bench, prompt="another")

    report = bench.apply()

    told = "metadata.topic stays as it is: analyses/topics/final has nothing at /topic"
    assert outcomes(report)[FINAL].message == told
    assert metadata(bench, FINAL)["topic"] == "topic of final"
    assert metadata(bench, LEBRON)["goals"] == 4
    assert any("has nothing at /topic" in str(it) for it in bench.survey().plan.diagnostics)


def test_who_asks_for_one_thing_pays_for_no_analysis(bench: Bench, says: dict[str, Any]) -> None:
    from reconciler.plan.targeting import Targeting

    async def only() -> Any:
        async with bench.session(AGREED) as session:
            session.targeting = Targeting(target=(FINAL,))
            return await session.plan()

    planning = asyncio.run(only())

    assert not [it for it in planning.plan.changes if it.kind == "MediaAnalysis"]
    assert not [it for it in planning.plan.steps if it.verb == "fill"]
    assert any("is left as it is" in str(it) for it in planning.plan.diagnostics)


@pytest.mark.parametrize(
    ("method", "path"),
    [("PATCH", "/indexes/*/indexed-assets/*"), ("POST", "/indexes/*/indexed-assets"), ("POST", "/analyze/tasks")],
    ids=["before its value", "before it", "before the analysis"],
)
def test_a_saved_plan_that_was_cut_goes_on(tmp_path: Path, method: str, path: str) -> None:
    with place(tmp_path) as here:
        here.write(
            {"stack/stack.yaml": HEAD.replace("PROMPT", "What?") + GIVEN, "stack/topics.json": json.dumps(SCHEMA)}
        )
        here.run("plan", "stack", "-o", "plan.json")
        fault = {"fault": "status", "status": 400, "method": method, "path": path, "count": 1}
        here.served.emulator.add_fault(fault)
        first = here.run("apply", "plan.json")
        assert first.code == 7, first.out + first.err

        second = here.run("apply", "plan.json")

        assert second.code == 0, second.err
        assert here.run("plan", "stack").last_line == "No changes. s is in sync."
        assert sum(line == "POST /analyze/tasks" for line in here.writes()) == 2 + (path == "/analyze/tasks")


def test_a_value_that_somebody_wrote_stops_a_saved_plan(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        here.write(
            {"stack/stack.yaml": HEAD.replace("PROMPT", "What?") + GIVEN, "stack/topics.json": json.dumps(SCHEMA)}
        )
        here.run("plan", "stack", "-o", "plan.json")
        fault = {"fault": "status", "status": 400, "method": "PATCH", "path": "/indexes/*/indexed-assets/*", "count": 1}
        here.served.emulator.add_fault(fault)
        here.run("apply", "plan.json")
        (catalog,) = here.objects("/indexes")
        path = f"/indexes/{catalog['_id']}/indexed-assets"
        (lacking,) = (
            it
            for it in here.objects(path)
            if "topic" not in (here.api.get(f"{path}/{it['_id']}").json()["user_metadata"])
        )
        here.api.patch(f"{path}/{lacking['_id']}", json={"user_metadata": {"topic": "by hand"}})

        said = here.run("apply", "plan.json")

        assert said.code == 6
        assert "indexes/catalog/assets/" in said.err
