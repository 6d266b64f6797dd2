"""What is made of media, from YAML to the store: made once, kept, moved, made anew, removed; wherever a run ends."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.derived import TaskDriver
from reconciler.emulator import Emulator, Exchange
from reconciler.emulator.core.clock import MachineClock
from reconciler.emulator.twelvelabs import app
from reconciler.engine import Session
from reconciler.errors import StoreError
from reconciler.model import Action, Report
from reconciler.plan.guards import Consent
from reconciler.provider import Failed, Want
from reconciler.providers.twelvelabs.analyses import MediaAnalyses
from reconciler.providers.twelvelabs.embeddings import Embeddings
from reconciler.results import Made, Rows, open_store
from reconciler.results.files import Directory
from reconciler.state import State
from tests.support.older_state import back_to
from tests.support.running import AGREED, Bench, Killed, done, rows_of
from tests.support.stacks import TWO_MATCHES
from tests.support.turns import in_turn

pytest.importorskip("pyarrow")

HEAD = TWO_MATCHES
MADE = """\
embeddings:
  clips: {of: [final, semi], model: marengo3.0, options: [visual, audio], segments: {every: 6}}
analyses:
  topics: {of: "*", model: pegasus1.5, prompt_file: ask.md, response: topics.json}
"""
SCHEMA = {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]}
ASKED = {"model": "pegasus1.5", "prompt": "What?"}
EMBED, ANALYZE = "embed_v2_task", "analyze_task"
RESULTS = [
    "analyses/topics/final",
    "analyses/topics/semi",
    "embeddings/clips/final",
    "embeddings/clips/semi",
]


def written(bench: Bench, text: str = HEAD + MADE) -> Bench:
    bench.write({"stack.yaml": text, "ask.md": "What is it about?\n", "topics.json": json.dumps(SCHEMA)})
    return bench


def on_time() -> Emulator:
    """An account whose clock goes right: by when a task was begun it is told from older ones of the same input."""
    return app(clock=MachineClock())


@pytest.fixture
def bench(bench: Bench) -> Bench:
    return written(bench)


def kept(bench: Bench) -> dict[str, Made]:
    """address → its row of the manifest, each proven by its rows."""
    store = open_store("results", root=bench.directory)
    found = {made.address: made for made in store.list("s")}
    for address, made in found.items():
        rows = store.read("s", address)
        assert rows is not None
        assert (rows.digest, len(rows)) == (made.digest, made.rows)
    return found


def tasks(bench: Bench) -> Counter[str]:
    rows = bench.emulator.store.db.execute("SELECT kind FROM objects WHERE kind IN (?, ?)", (EMBED, ANALYZE))
    return Counter(kind for (kind,) in rows)


def in_step(bench: Bench) -> None:
    planning = bench.survey()
    assert planning.plan.changes == ()
    assert planning.difference.drift == []
    state = State.open(f"sqlite:///{bench.directory}/.reconciler/{bench.state_name}", "s")
    assert state.operations() == []
    state.close()


def test_they_are_made_once_and_kept(bench: Bench) -> None:
    done(bench)

    assert sorted(kept(bench)) == RESULTS
    assert tasks(bench) == {EMBED: 2, ANALYZE: 2}
    in_step(bench)


def test_the_rows_are_what_the_platform_gives(bench: Bench) -> None:
    done(bench)

    made = kept(bench)["embeddings/clips/final"]
    task = bench.emulator.store.get(EMBED, made.task)
    assert task is not None
    rows = rows_of(bench, made.address)
    assert {(it["option"], it["scope"]) for it in rows.records()} == {
        (option, scope) for option in ("visual", "audio") for scope in ("clip", "asset")
    }
    assert made.dim == 512
    clips = [(it["start_sec"], it["end_sec"]) for it in rows.records() if it["scope"] == "clip"]
    assert {end - start for start, end in clips[:-1]} >= {6.0}
    (analysis,) = rows_of(bench, "analyses/topics/final").records()
    assert list(json.loads(analysis["text"])) == ["topic"]


def test_a_plan_in_step_asks_nothing_about_results(bench: Bench) -> None:
    done(bench)
    bench.emulator.journal.clear()

    bench.survey()

    asked = [exchange["path"] for exchange in bench.emulator.journal.as_json()["log"]]
    assert asked
    assert [path for path in asked if "/embed" in path or "/analyze" in path] == []


def test_renamed_inputs_and_groups_cost_nothing(bench: Bench) -> None:
    done(bench)
    before = {rows_of(bench, address).vectors for address in RESULTS}
    written(
        bench, (HEAD + MADE).replace("final", "finale").replace("clips:", "vectors:").replace("topics: {", "says: {")
    )

    plan = bench.survey().plan
    done(bench)

    assert {change.action for change in plan.changes} == {Action.MOVE}
    assert tasks(bench) == {EMBED: 2, ANALYZE: 2}
    assert sorted(kept(bench)) == [
        "analyses/says/finale",
        "analyses/says/semi",
        "embeddings/vectors/finale",
        "embeddings/vectors/semi",
    ]
    assert {rows_of(bench, address).vectors for address in kept(bench)} == before
    in_step(bench)


def test_another_option_makes_anew_what_it_is_about_and_nothing_else(bench: Bench) -> None:
    done(bench)
    before = kept(bench)
    written(bench, (HEAD + MADE).replace("every: 6", "every: 5"))

    done(bench)

    after = kept(bench)
    assert [address for address in after if after[address] != before[address]] == RESULTS[2:]
    assert tasks(bench) == {EMBED: 4, ANALYZE: 2}
    in_step(bench)


def test_defaults_written_out_and_numbers_of_another_kind_change_nothing(bench: Bench) -> None:
    done(bench)
    written(
        bench,
        (HEAD + MADE)
        .replace("every: 6", "every: 6.0")
        .replace("model: marengo", "scopes: [asset, clip], model: marengo"),
    )

    in_step(bench)


def test_what_is_the_same_elsewhere_in_the_stack_is_copied(bench: Bench) -> None:
    done(bench)
    again = "  again: {of: final, model: marengo3.0, options: [audio, visual]}\nanalyses:"
    written(bench, (HEAD + MADE).replace("analyses:", again))

    done(bench)

    assert tasks(bench) == {EMBED: 2, ANALYZE: 2}
    assert rows_of(bench, "embeddings/again/final").vectors == rows_of(bench, "embeddings/clips/final").vectors
    in_step(bench)


def test_what_is_not_declared_any_more_is_removed_from_the_store(bench: Bench) -> None:
    done(bench)
    written(bench, HEAD)

    done(bench)

    assert kept(bench) == {}
    in_step(bench)


def test_the_state_is_lost_and_the_store_is_kept(bench: Bench) -> None:
    done(bench)
    shutil.rmtree(bench.directory / ".reconciler")

    assert bench.survey().plan.changes == ()


def test_the_store_is_lost_and_the_state_is_kept(bench: Bench) -> None:
    done(bench)
    before = kept(bench)
    shutil.rmtree(bench.directory / "results")

    plan = bench.survey().plan
    changes, estimated = plan.changes, plan.estimate
    done(bench)

    assert [(it.reason, it.facts["fetched"]) for it in changes] == [
        (f"it is gone from the store; fetched again from task {before[address].task}, free", True)
        for address in RESULTS
    ]
    assert estimated.derived_objects == 0
    assert tasks(bench) == {EMBED: 2, ANALYZE: 2}
    after = kept(bench)
    assert {address: (made.task, made.digest) for address, made in after.items()} == {
        address: (made.task, made.digest) for address, made in before.items()
    }
    in_step(bench)


def test_a_lost_copy_is_fetched_again_beside_what_it_was_copied_from(bench: Bench) -> None:
    done(bench)
    again = "  again: {of: final, model: marengo3.0, options: [audio, visual]}\nanalyses:"
    written(bench, (HEAD + MADE).replace("analyses:", again))
    done(bench)
    shutil.rmtree(bench.directory / "results")
    third = again.replace("  again:", "  third: {of: final, model: marengo3.0, options: [visual, audio]}\n  again:")
    written(bench, (HEAD + MADE).replace("analyses:", third))

    done(bench)

    assert tasks(bench) == {EMBED: 2, ANALYZE: 2}
    sets = kept(bench)
    assert len({made.task for made in sets.values()}) == len(sets) == 6
    in_step(bench)


def test_what_the_platform_does_not_keep_any_more_is_made_again_and_said(bench: Bench) -> None:
    done(bench)
    shutil.rmtree(bench.directory / "results")
    bench.emulator.clock.advance(8 * 86400)

    reasons = {change.address: change.reason for change in bench.survey().plan.changes}
    done(bench)

    today = datetime.now(UTC).date().isoformat()
    expired = f"expired on the platform (made {today}, kept 7 days), so it is made again"
    assert reasons["embeddings/clips/final"] == f"it is gone from the store; {expired}"
    assert reasons["analyses/topics/final"].endswith(", free")
    assert tasks(bench) == {EMBED: 4, ANALYZE: 2}
    in_step(bench)


def test_options_that_changed_with_the_store_lost_are_made(bench: Bench) -> None:
    done(bench)
    shutil.rmtree(bench.directory / "results")
    written(bench, (HEAD + MADE).replace("every: 6", "every: 5"))

    done(bench)

    assert tasks(bench) == {EMBED: 4, ANALYZE: 2}
    in_step(bench)


ADDRESS = "embeddings/clips/final"
CAREFUL = replace(AGREED, replace=frozenset())


def changed_by_hand(bench: Bench) -> None:
    """One row less, and a manifest that is as whole as the one before."""
    store = open_store("results", root=bench.directory)
    made = kept(bench)[ADDRESS]
    rows = store.read("s", ADDRESS)
    assert rows is not None
    left = [{**it, "vector": rows.floats(at)} for at, it in enumerate(rows.records())][1:]
    fewer = Rows.of(left, rows.dim)
    store.replace(replace(made, digest=fewer.digest, rows=len(fewer)), fewer)


def test_what_others_changed_in_the_store_is_told_and_left_until_it_is_agreed_to_mend_it(bench: Bench) -> None:
    done(bench)
    before = kept(bench)
    changed_by_hand(bench)

    planning = bench.run(lambda session: session.plan(), CAREFUL)
    report = bench.apply(CAREFUL)

    assert planning.plan.changes == ()
    assert f"agree, with --allow-replace {ADDRESS}" in planning.plan.stuck[ADDRESS]
    assert planning.plan.stuck[ADDRESS].endswith(f"fetched again from task {before[ADDRESS].task}, free")
    assert [(it.address, it.reason) for it in planning.difference.drift] == [(ADDRESS, "changed in the store")]
    assert [outcome.address for outcome in report.outcomes] == [ADDRESS]
    assert kept(bench) != before  # nobody touched it
    (change,) = bench.survey().plan.changes
    assert (change.action, change.replace_paths) == (Action.REPLACE, ("rows", "digest"))
    done(bench)
    assert tasks(bench) == {EMBED: 2, ANALYZE: 2}
    assert kept(bench)[ADDRESS].digest == before[ADDRESS].digest
    in_step(bench)


def test_what_others_changed_is_still_theirs_after_a_move(bench: Bench) -> None:
    done(bench)
    changed_by_hand(bench)
    written(bench, (HEAD + MADE).replace("final", "finale"))

    bench.apply(CAREFUL)

    planning = bench.run(lambda session: session.plan(), CAREFUL)
    assert list(planning.plan.stuck) == ["embeddings/clips/finale"]


def test_what_a_state_of_an_older_version_does_not_know_is_noted_and_proves_nothing(bench: Bench) -> None:
    done(bench)
    file = bench.directory / ".reconciler" / bench.state_name
    with closing(sqlite3.connect(file)) as db:
        back_to(5, db.execute)
        db.commit()
    changed_by_hand(bench)

    in_step(bench)
    done(bench)

    state = State.open(f"sqlite:///{file}", "s")
    noted = {row.address: row.facts for row in state.recorded()}
    state.close()
    sets = kept(bench)
    assert {address: noted[address]["digest"] for address in RESULTS} == {it: sets[it].digest for it in RESULTS}
    assert noted["assets/final"] == {}


def test_what_a_store_holds_is_no_evidence_that_the_account_is_the_one_of_the_state(bench: Bench) -> None:
    done(bench)
    other = Bench(bench.directory)

    planning = other.survey()

    assert (planning.belonging.recorded, planning.belonging.here) == (2, 0)
    assert len(planning.snapshot.by_kind["Embedding"]) == 2


def test_a_stack_that_declares_none_opens_no_store(bench: Bench) -> None:
    written(bench, HEAD)

    done(bench)

    assert not (bench.directory / "results").exists()


def failing(bench: Bench) -> None:
    rule = {"fault": "ends_failed", "method": "POST", "path": "/embed-v2/tasks"}
    bench.emulator.faults.add(rule)


def said_of(report: Report, address: str) -> str:
    return next(outcome.message for outcome in report.outcomes if outcome.address == address)


def test_what_failed_twice_is_paid_a_third_time_only_by_consent(bench: Bench) -> None:
    failing(bench)
    address = "embeddings/clips/final"

    assert "the next run makes it once more" in said_of(bench.apply(), address)
    assert tasks(bench) == {EMBED: 2, ANALYZE: 2}
    assert "--retry-failed" in said_of(bench.apply(), address)
    assert tasks(bench) == {EMBED: 4, ANALYZE: 2}
    assert "--retry-failed" in said_of(bench.apply(), address)
    assert tasks(bench) == {EMBED: 4, ANALYZE: 2}
    plan = bench.survey().plan
    assert (sorted(plan.stuck), plan.changes) == (RESULTS[2:], ())
    assert plan.stuck[address].startswith("failed 2 times: ")
    assert plan.stuck[address].endswith("with --retry-failed, or change how it is made")
    bench.emulator.faults.clear()
    agreed = bench.run(lambda session: session.plan(), replace(AGREED, retry_failed=True)).plan
    assert [change.reason.rpartition("; ")[2] for change in agreed.changes] == ["made once more"] * 2
    done(bench, replace(AGREED, retry_failed=True))

    assert tasks(bench) == {EMBED: 6, ANALYZE: 2}
    assert sorted(kept(bench)) == RESULTS
    in_step(bench)


def test_what_was_made_and_cannot_be_used_is_not_asked_for_again(bench: Bench) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MediaAnalyses, "made", lambda *_: Failed("the answer was cut"))
        assert "the answer was cut; it is paid once more only when" in said_of(bench.apply(), "analyses/topics/final")
        bench.emulator.journal.clear()

        assert "failed: the answer was cut" in said_of(bench.apply(), "analyses/topics/final")

    asked = [exchange["path"] for exchange in bench.emulator.journal.as_json()["log"]]
    assert [path for path in asked if "/analyze/tasks/" in path] == []
    assert tasks(bench) == {EMBED: 2, ANALYZE: 2}
    assert bench.survey().plan.estimate.derived_objects == 0
    written(bench, (HEAD + MADE).replace("topics: {", "topics: {max_tokens: 1024, "))
    done(bench)
    assert tasks(bench) == {EMBED: 2, ANALYZE: 4}
    in_step(bench)


def test_what_failed_is_made_anew_when_it_is_declared_otherwise(bench: Bench) -> None:
    failing(bench)
    bench.apply()
    bench.apply()
    bench.emulator.faults.clear()
    written(bench, (HEAD + MADE).replace("every: 6", "every: 5"))

    done(bench)

    in_step(bench)


def test_a_task_that_the_platform_does_not_keep_any_more_is_made_anew(bench: Bench) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TaskDriver, "finish", Points.killed)
        with suppress(Killed):
            bench.apply()
    bench.emulator.clock.advance(8 * 86400)

    reasons = {change.address: change.reason for change in bench.survey().plan.changes}
    assert "expired on the platform (made " in reasons["embeddings/clips/final"]
    done(bench)

    assert sorted(kept(bench)) == RESULTS
    in_step(bench)


@pytest.mark.parametrize("path", ["/embed-v2/tasks", "/analyze/tasks"])
@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
def test_an_answer_that_is_lost_is_looked_for_before_anything_is_sent_again(
    tmp_path: Path, path: str, fault: str
) -> None:
    bench = written(Bench(tmp_path, on_time()))
    bench.emulator.faults.add({"fault": fault, "method": "POST", "path": path, "count": 1})

    done(bench)

    assert tasks(bench) == {EMBED: 2, ANALYZE: 2}
    assert sorted(kept(bench)) == RESULTS
    in_step(bench)


def test_a_store_that_cannot_take_it_is_said_before_anything_is_paid(bench: Bench) -> None:
    (bench.directory / "results").write_text("in the way")

    said = said_of(bench.apply(), "embeddings/clips/final")

    assert "is a file; results are kept in a directory" in said
    assert tasks(bench) == {}
    written(bench, "results: results\n" + HEAD + MADE)
    with pytest.raises(StoreError, match="is a file; results are kept in a directory"):
        bench.survey()


def test_a_file_of_somebody_else_under_the_name_of_a_set_is_said_before_anything_is_paid(bench: Bench) -> None:
    place = bench.directory / "results" / "s" / "embeddings" / "clips"
    place.mkdir(parents=True)
    (place / "final.parquet").write_bytes(b"of somebody else")

    said = said_of(bench.apply(), ADDRESS)

    assert "final.parquet is in the way and not ours" in said
    assert tasks(bench) == {EMBED: 1, ANALYZE: 2}
    assert (place / "final.parquet").read_bytes() == b"of somebody else"


@pytest.mark.parametrize("every", [6, 5], ids=["moved", "made anew"])
def test_a_renamed_stack_leaves_nothing_under_its_former_name_wherever_it_was_killed(bench: Bench, every: int) -> None:
    done(bench)
    written(bench, (HEAD + MADE).replace("stack: s", "stack: t").replace("every: 6", f"every: {every}"))
    state = State.open(f"sqlite:///{bench.directory}/.reconciler/state.db", "s")
    state.rename("t")
    state.close()
    with pytest.MonkeyPatch.context() as patch:

        def killed(*_: Any) -> None:
            raise Killed

        patch.setattr(Directory, "delete", killed)
        with suppress(Killed):
            bench.apply()
    store = open_store("results", root=bench.directory)
    assert sorted(made.address for made in store.list("s")) == RESULTS
    assert any(store.list("t"))

    done(bench)

    assert kept(bench) == {}
    assert sorted(made.address for made in store.list("t")) == RESULTS
    assert tasks(bench) == {EMBED: 2 if every == 6 else 4, ANALYZE: 2}


ONE = HEAD + "embeddings:\n  clips: {of: final, model: marengo3.0, options: [visual], segments: {every: 6}}\n"
OTHERS: dict[str, Any] = {
    "options": {"embedding_option": ["audio"]},
    "scopes": {"embedding_scope": ["clip"]},
    "segments": {"segmentation": {"strategy": "fixed", "fixed": {"duration_sec": 5}}},
    "window": {"start_sec": 4},
    "input": {"media_source": {"url": "https://example.com/longer/match.mp4"}},
}


def lost(bench: Bench, other: dict[str, Any]) -> None:
    """A run that is killed when its task is begun, and somebody else's task of the same file name beside it."""
    written(bench, ONE)

    async def begun(*arguments: Any) -> str:
        await real(*arguments)
        raise Killed

    real = Embeddings.begin
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Embeddings, "begin", begun)
        with suppress(Killed):
            bench.apply()

    async def beside(session: Session) -> None:
        assets = (await session.plan()).snapshot.by_kind["Asset"].values()
        asset = next(it.id for it in assets if it.stamp and it.stamp.key == "assets/final")
        asked = {"embedding_option": ["visual"], "embedding_scope": ["asset", "clip"]}
        usual = {"media_source": {"asset_id": asset}, **asked}
        body = {"input_type": "video", "model_name": "marengo3.0", "video": {**usual, **other}}
        await session.drivers.http.request("POST", "/embed-v2/tasks", json=body)

    bench.run(beside)
    assert tasks(bench) == {EMBED: 2}


@pytest.mark.parametrize("what", OTHERS)
def test_a_lost_task_is_told_from_another_of_the_same_name_by_what_it_says(tmp_path: Path, what: str) -> None:
    bench = Bench(tmp_path, on_time())
    lost(bench, OTHERS[what])

    done(bench)

    assert tasks(bench) == {EMBED: 2}
    in_step(bench)


def test_of_two_tasks_that_may_be_meant_none_is_taken_and_the_second_bill_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path, on_time())
    lost(bench, {})

    async def recovered(session: Session) -> list[str]:
        with session.state.lock("test"):
            planning = await session.plan_for_good()
            await session.apply(planning, command="test")
        return [it.summary for it in planning.plan.diagnostics if it.severity == "warning"]

    (said,) = bench.run(recovered)

    assert said.startswith("may be billed twice: task ")
    assert tasks(bench) == {EMBED: 3}
    in_step(bench)


def test_a_stack_without_results_may_have_anything_called_so(bench: Bench) -> None:
    (bench.directory / "results").write_text("of somebody's tests")
    written(bench, HEAD)

    done(bench)

    in_step(bench)


def test_a_renamed_stack_keeps_its_results(bench: Bench) -> None:
    done(bench)
    before = {rows_of(bench, address).vectors for address in RESULTS}
    written(bench, (HEAD + MADE).replace("stack: s", "stack: t"))
    state = State.open(f"sqlite:///{bench.directory}/.reconciler/state.db", "s")
    state.rename("t")
    state.close()

    done(bench)

    assert tasks(bench) == {EMBED: 2, ANALYZE: 2}
    assert kept(bench) == {}
    store = open_store("results", root=bench.directory)
    assert sorted(made.address for made in store.list("t")) == RESULTS
    assert {rows.vectors for address in RESULTS if (rows := store.read("t", address))} == before
    assert bench.survey().plan.changes == ()


def test_more_minutes_than_the_guard_allows_wait_for_consent(bench: Bench) -> None:
    written(bench, HEAD)
    done(bench)
    written(bench, HEAD + MADE + "guards: {max_derived_minutes: 1}\n")

    planning = bench.survey()

    estimate = planning.plan.estimate
    assert (estimate.derived_objects, estimate.derived_objects_of_unknown_length) == (4, 0)
    assert estimate.derived_minutes > 1
    assert estimate.writes == 4
    (refused,) = replace(planning, consent=Consent()).refusals
    assert "minutes to make results of, at most 1 (guards.max_derived_minutes)" in refused


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"data": '{"topic": "x"}', "finish_reason": "stop"}, ""),
        ({"data": '{"topic": "x"', "finish_reason": "length"}, "was cut at the 512 tokens of `max_tokens`"),
        ({"data": '{"subject": "x"}', "finish_reason": "stop"}, "it does not fit its schema"),
    ],
)
def test_an_answer_that_was_cut_or_does_not_fit_is_no_result(bench: Bench, result: dict[str, Any], why: str) -> None:
    async def judged(session: Session) -> Any:
        driver = session.drivers["MediaAnalysis"]
        assert isinstance(driver, MediaAnalyses)
        return driver.made(Want("analyses/t/a", {**ASKED, "response": SCHEMA, "max_tokens": 512}), {"result": result})

    found = bench.run(judged)

    assert isinstance(found, Failed) == bool(why)
    assert why in (found.why if isinstance(found, Failed) else "")


class Points:
    """Counts the places at which a run can end, and ends it at one of them."""

    def __init__(self, bench: Bench, kill: int, patch: pytest.MonkeyPatch) -> None:
        self.kill, self.count = kill, 0
        self.silence = bench.emulator.journal.listen(self.after_request)
        for owner, name in ((State, "commit"), (Directory, "replace"), (Directory, "delete")):
            self.around(patch, owner, name)

    def around(self, patch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            self.here()
            result = real(*arguments, **named)
            self.here()
            return result

        patch.setattr(owner, name, watched)

    def after_request(self, _: Exchange) -> None:
        self.here()

    @staticmethod
    async def killed(*_: Any) -> Any:
        raise Killed

    def here(self) -> None:
        self.count += 1
        if self.count >= self.kill:  # whatever else was going on ends as well
            raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("changed", [False, True], ids=["first made", "made anew and moved"])
def test_wherever_a_run_ends_the_next_one_makes_nothing_twice(tmp_path: Path, changed: bool) -> None:
    twice, where = Counter[str](), list[int]()
    for kill in in_turn(4):
        directory = tmp_path / str(kill)
        directory.mkdir()
        bench = written(Bench(directory, on_time()))
        expected = {EMBED: 2, ANALYZE: 2}
        if changed:
            done(bench)
            written(bench, (HEAD + MADE).replace("every: 6", "every: 5").replace("topics: {", "says: {"))
            expected = {EMBED: 4, ANALYZE: 2}
        with pytest.MonkeyPatch.context() as patch:
            points = Points(bench, kill, patch)
            with suppress(Killed):
                bench.apply()
            points.silence()
            reached = points.count >= kill

        done(bench)

        assert len(kept(bench)) == 4, f"killed at {kill}"
        in_step(bench)
        if more := tasks(bench) - Counter(expected):
            twice += more
            where.append(kill)
        bench.emulator.close()
        if not reached:
            break
    assert kill > 30
    assert (twice, where) == ({}, [])
