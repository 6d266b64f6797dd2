"""The gate on counts: what it lets pass, what it does not, and that what it counts can be counted again."""

from __future__ import annotations

import json

import pytest

from reconciler.load import load
from tests.benchmarks.counts import BASELINE, calls, differing
from tests.benchmarks.differing import measured
from tests.benchmarks.world import World, served, stack_of
from tests.support.commandline import CHECKOUT


@pytest.mark.parametrize(("count", "passes"), [(100, True), (120, True), (80, True), (121, False), (79, False)])
def test_a_count_may_be_a_fifth_from_what_it_was(count: int, passes: bool) -> None:
    assert (differing({"plan: requests": count}, {"plan: requests": 100}) == []) is passes


def test_a_count_that_nobody_recorded_is_told() -> None:
    assert differing({"new": 1}, {}) == ["new is 1 and was None"]


def test_what_is_compared_has_a_baseline() -> None:
    known = json.loads(BASELINE.read_text())

    assert {"plan: requests", "plan: modules", "--help: modules", "apply: rows written"} <= known["counts"].keys()
    assert all(count > 0 for some in (known["counts"], *known["calls"].values()) for count in some.values())


def test_the_same_is_counted_twice() -> None:
    def work() -> list[int]:
        return [int(text) for text in ["1", "2", "3"]]

    assert calls(work) == calls(work) >= 3


def test_ci_runs_the_gate() -> None:
    assert "make bench-counts\n" in (CHECKOUT / ".ci" / "run").read_text()


def test_the_stack_that_is_measured_is_as_large_as_it_says(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("world")

    with served(directory / "account.db") as url:
        world = World.made(directory / "stack", url, 30)
        world.apply()
        before = world.requests()
        plan = world.run("plan", "--detailed-exitcode")
        asked = world.requests() - before

    assert len(load(world.directory, environ={}).resources) == 32
    assert plan.peak_mb > 10
    assert asked >= 5  # a page of each list
    assert stack_of(30) == (world.directory / "stack.yaml").read_text()


def test_what_others_do_costs_few_requests_beyond_one_a_list() -> None:
    rows = {said: int(beyond) for said, _, beyond in measured(1500, 2, 260)[1:]}

    assert rows["nothing has changed"] == 0
    assert rows["others deleted one of their assets"] == rows["others deleted four more"] == rows["and 30 more"] == 1
    assert max(rows.values()) <= 20
