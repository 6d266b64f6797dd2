"""The same in every store: runs that are killed before and after what they write there, by the command line.

What is killed within a store's own write is in tests/results; here it is the whole run that is gone on with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.results import open_store
from tests.crash.world import World, Zygote, on_time, whole_sets
from tests.results.backends import NEEDS
from tests.support.postgres import postgres, postgres_url
from tests.support.turns import ALL, turn

__all__ = ["postgres", "postgres_url"]

URLS = {"pgvector": "", "lancedb": "lancedb:lance", "qdrant": "qdrant:points", "qdrant-edge": "qdrant-edge:shards"}
HEAD = """\
stack: crash
provider: twelvelabs
assets:
  stays: {url: "https://example.com/1/match.mp4"}
"""
CLIPS = "embeddings: {%s: {of: stays, model: marengo3.0, options: [visual], scopes: [clip], segments: {every: %s}}}\n"
TOPICS = 'analyses: {%s: {of: stays, model: pegasus1.5, prompt: "What is it about?"}}\n'
V1 = CLIPS % ("clips", 10) + TOPICS % "topics"
V2 = CLIPS % ("clips", 9) + TOPICS % "says"
"""One set is made anew and one is moved, with not a word of the move."""
DUE = {"embed_v2_task": 2, "analyze_task": 1}


class At:
    """A store of one kind: each world has a table of its own, for of a server there is but one."""

    def __init__(self, url: str) -> None:
        self.url, self.worlds = url, 0

    @contextmanager
    def place(self, zygote: Zygote, root: Path) -> Iterator[tuple[World, str]]:
        self.worlds += 1
        with on_time(zygote, root / str(self.worlds)) as here:
            yield here, f"t{self.worlds}"

    def said(self, table: str) -> str:
        return HEAD + f"results: {json.dumps({'to': self.url, 'table': table})}\n"

    def kept(self, here: World, table: str) -> set[str]:
        """Addresses of all sets, each as whole as its manifest says."""
        store = open_store(self.url, root=here.directory, table=table)
        addresses = whole_sets(store)
        assert store.foreign() == 0
        store.close()
        return addresses


@pytest.fixture(params=URLS)
def at(request: pytest.FixtureRequest) -> At:
    if request.param in NEEDS:
        pytest.importorskip(NEEDS[request.param])
    return At(URLS[request.param] or request.getfixturevalue("postgres_url"))


@pytest.mark.long
def test_a_run_killed_around_what_it_writes_into_a_store_is_gone_on_with(
    zygote: Zygote, at: At, tmp_path: Path
) -> None:
    points: list[str] = []
    chosen, tried = [0], 0
    for kill in chosen:
        with at.place(zygote, tmp_path) as (here, table):
            here.write({"stack.yaml": at.said(table) + V1})
            assert (first := here.apply())["code"] == 0, first["out"]
            here.write({"stack.yaml": at.said(table) + V2})
            died = here.apply(kill=kill)
            point = f"after {kill} {died['points'][-1]}"
            if not kill:
                points = died["points"]
                chosen += sample([number for number, name in enumerate(points, 1) if "ing " in name])
            assert (again := here.apply())["code"] == 0, f"{point}: {again['out']}"
            assert at.kept(here, table) == {"embeddings/clips/stays", "analyses/says/stays"}, point
            counts = here.steer("GET", "/objects")["counts"]
            assert {kind: counts[kind] for kind in DUE} == DUE, point
            plan = here.reconcile("plan", "--detailed-exitcode")
            assert plan["code"] == 0, f"{point}: {plan['out']}"
            tried += died["killed"]
    assert tried >= len(chosen) - 2


def sample(numbers: list[int]) -> list[int]:
    """Those that are tried: one, another one with each commit."""
    return numbers if ALL else [numbers[turn(len(numbers))]]
