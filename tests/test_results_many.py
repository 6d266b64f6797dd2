"""A plan of many results in step: by counts, which no machine makes slower."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.results.remembered import SETTLED_NS
from tests.support.many_results import opened_files, with_sets
from tests.support.running import Bench

pytest.importorskip("pyarrow")

SETS = 300


def test_a_plan_of_sets_in_step_sends_no_request_for_them_and_opens_no_file_of_vectors(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.results.remembered.SETTLED_NS", -SETTLED_NS)
    with_sets(bench, SETS)
    files = sorted((bench.directory / "results").rglob("*.parquet"))
    assert len(files) == SETS
    bench.emulator.journal.clear()

    with opened_files() as opened:
        planning = bench.survey()

    asked = [exchange["path"] for exchange in bench.emulator.journal.as_json()["log"]]
    assert planning.plan.changes == ()
    assert planning.difference.drift == []
    assert asked
    assert [path for path in asked if "/embed" in path or "/analyze" in path] == []
    assert opened.count == 0
    with opened_files() as opened:  # as it would be counted
        files[0].open("rb").close()
        Path(files[0]).read_bytes()
    assert opened.count == 2
