"""What is the same under several addresses is made once in one plan, and counted once, wherever a run ends."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.running import Bench, Killed, done, rows_of
from tests.support.turns import in_turn
from tests.test_results_made import ANALYZE, EMBED, Points, in_step, kept, on_time, tasks

pytest.importorskip("pyarrow")

SAME = """\
stack: s
provider: twelvelabs
assets:
  one: {url: "https://example.com/match.mp4"}
  two: {url: "https://example.com/match.mp4"}
embeddings:
  a: {of: "*", model: marengo3.0, options: [visual], segments: {every: 6}}
  b: {of: one, model: marengo3.0, options: [visual], segments: {every: 6.0}}
analyses:
  topics: {of: "*", model: pegasus1.5, prompt: "What is it about?"}
"""
SETS = ["analyses/topics/one", "analyses/topics/two", "embeddings/a/one", "embeddings/a/two", "embeddings/b/one"]
ONCE = {EMBED: 1, ANALYZE: 1}


def of(directory: Path) -> Bench:
    bench = Bench(directory, on_time())
    bench.write({"stack.yaml": SAME})
    return bench


def test_results_that_are_the_same_are_made_once_and_copied(tmp_path: Path) -> None:
    bench = of(tmp_path)

    estimate = bench.survey().plan.estimate
    done(bench)

    assert (estimate.derived_objects, estimate.derived_free) == (2, 3)
    assert tasks(bench) == ONCE
    assert sorted(kept(bench)) == SETS
    first, *others = (rows_of(bench, address).vectors for address in SETS if address.startswith("embeddings"))
    assert others == [first, first]
    assert len({made.task for made in kept(bench).values()}) == len(SETS)
    in_step(bench)


@pytest.mark.slow
def test_wherever_a_run_ends_the_same_is_made_once(tmp_path: Path) -> None:
    wrong = dict[int, Counter[str]]()
    for kill in in_turn(6):
        directory = tmp_path / str(kill)
        directory.mkdir()
        bench = of(directory)
        with pytest.MonkeyPatch.context() as patch:
            points = Points(bench, kill, patch)
            with suppress(Killed):
                bench.apply()
            points.silence()

        done(bench)

        assert sorted(kept(bench)) == SETS, f"killed at {kill}"
        in_step(bench)
        if tasks(bench) != ONCE:
            wrong[kill] = tasks(bench)
        bench.emulator.close()
        if points.count < kill:
            break
    assert kill > 30
    assert wrong == {}


def test_what_is_made_anew_is_copied_before_for_who_wants_it_as_it_was(tmp_path: Path) -> None:
    bench = of(tmp_path)
    done(bench)
    before = rows_of(bench, "embeddings/a/one").vectors
    changed = SAME.replace("every: 6}", "every: 5}").replace("every: 6.0", "every: 5")
    bench.write({"stack.yaml": changed.replace("analyses:", f"  was: {OF_BEFORE}\nanalyses:")})

    estimate = bench.survey().plan.estimate
    done(bench)

    assert (estimate.derived_objects, estimate.derived_free) == (1, 4)
    assert tasks(bench) == {EMBED: 2, ANALYZE: 1}
    assert {rows_of(bench, f"embeddings/was/{name}").vectors for name in ("one", "two")} == {before}
    assert rows_of(bench, "embeddings/a/one").vectors != before
    in_step(bench)


OF_BEFORE = '{of: "*", model: marengo3.0, options: [visual], segments: {every: 6}}'


def test_when_the_first_fails_the_others_are_not_paid_either(tmp_path: Path) -> None:
    bench = of(tmp_path)
    bench.emulator.faults.add({"fault": "status", "status": 400, "method": "POST", "path": "/embed-v2/tasks"})

    report = bench.apply()

    said = {it.address: it.result for it in report.outcomes if it.address.startswith("embeddings/")}
    assert said == {"embeddings/a/one": "failed", "embeddings/a/two": "skipped", "embeddings/b/one": "skipped"}
    assert tasks(bench) == {ANALYZE: 1}
