"""Runs that make results, killed with SIGKILL at every point: no set is wrong or missing, and none is paid for twice.

The clock of the account goes right: by when a task was begun it is told from older ones of the same input.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from reconciler.results import open_store
from tests.crash.world import World, Zygote, killed_then_finished, on_time, sampled, whole_sets

pytest.importorskip("pyarrow")

V1 = """\
stack: crash
provider: twelvelabs
assets:
  stays: {url: "https://example.com/1/match.mp4"}
  leaves: {url: "https://example.com/2/match.mp4"}
embeddings:
  clips: {of: "*", model: marengo3.0, options: [visual], scopes: [clip], segments: {every: 10}}
analyses:
  topics: {of: "*", model: pegasus1.5, prompt: "What is it about?"}
"""
V2 = """\
stack: crash
provider: twelvelabs
assets:
  stays: {url: "https://example.com/1/match.mp4"}
  comes: {url: "https://example.com/3/match.mp4"}
embeddings:
  clips: {of: "*", model: marengo3.0, options: [visual], scopes: [clip], segments: {every: 9}}
analyses:
  says: {of: "*", model: pegasus1.5, prompt: "What is it about?"}
"""
KEPT_OF_V1 = {f"{group}/{asset}" for group in ("embeddings/clips", "analyses/topics") for asset in ("stays", "leaves")}
KEPT_OF_V2 = {f"{group}/{asset}" for group in ("embeddings/clips", "analyses/says") for asset in ("stays", "comes")}
PAID_FOR_V1 = {"embed_v2_task": 2, "analyze_task": 2}
PAID_FOR_V2 = {"embed_v2_task": 4, "analyze_task": 3}


@pytest.fixture(scope="module")
def starts(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An empty account; and one with V1 applied."""
    empty, first = tmp_path_factory.mktemp("start") / "empty", tmp_path_factory.mktemp("start") / "v1"
    with on_time(zygote, empty) as here:
        here.write({"stack.yaml": V1})
        assert here.reconcile("plan")["code"] == 0
    with on_time(zygote, first, empty) as here:
        done = here.apply()
        assert done["code"] == 0, done["out"]
        assert (kept(here), paid(here)) == (KEPT_OF_V1, PAID_FOR_V1)
    return {"empty": empty, "v1": first}


def kept(here: World) -> set[str]:
    """Addresses of all sets, each as whole as its manifest says."""
    return whole_sets(open_store("results", root=here.directory))


def paid(here: World) -> Counter[str]:
    counts = here.steer("GET", "/objects")["counts"]
    return Counter({kind: counts[kind] for kind in PAID_FOR_V1 if counts.get(kind)})


@pytest.mark.slow
@pytest.mark.parametrize("part", sampled())
@pytest.mark.parametrize(
    ("start", "text", "sets", "due"),
    [("empty", V1, KEPT_OF_V1, PAID_FOR_V1), ("v1", V2, KEPT_OF_V2, PAID_FOR_V2)],
    ids=["nothing to V1", "V1 to V2"],
)
def test_a_run_killed_at_any_point_pays_for_nothing_twice(
    zygote: Zygote,
    starts: dict[str, Path],
    tmp_path: Path,
    start: str,
    text: str,
    sets: set[str],
    due: dict[str, int],
    part: int,
) -> None:
    twice: dict[str, dict[str, int]] = {}
    kills: list[str] = []

    def as_due(here: World, said: str) -> None:
        assert kept(here) == sets, said
        kills.extend([said] if said else [])
        if not said:
            assert paid(here) == due
        elif more := paid(here) - Counter(due):
            twice[said] = dict(more)

    killed_then_finished(
        lambda name: on_time(zygote, tmp_path / name, starts[start]),
        {"stack.yaml": text},
        as_due,
        part=part,
        more_than=30,
    )
    more = sum(sum(it.values()) for it in twice.values())
    print(f"killed at {len(kills)} points: {more} tasks paid for twice")  # noqa: T201 - the figures, with `pytest -s`
    assert twice == {}, json.dumps(twice)
