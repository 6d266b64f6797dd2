"""Results under `--spread`: begun by the run, fetched and stored by workers, that are killed or cut off meanwhile.

No set is wrong or missing whatever dies, and no task is paid for twice.
"""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.emulator.core.clock import MachineClock, ManualClock
from reconciler.results import open_store
from tests.crash.crowd import Crowd, beside, crowd, crowds, runs, scheduler
from tests.crash.world import PARTS, died_and_again, sampled, whole_sets
from tests.support.postgres import postgres, postgres_url
from tests.support.qdrant import served_qdrant

__all__ = ["beside", "crowd", "crowds", "postgres", "postgres_url", "runs", "scheduler"]

pytestmark = pytest.mark.slow

Crowds = Callable[..., AbstractContextManager[Crowd]]
CLIPS = "{of: '*', model: marengo3.0, options: [visual], scopes: [clip], segments: {every: 10}}"
TOPICS = '{of: "*", model: pegasus1.5, prompt: "What is it about?"}'
ONE = 'url: "https://example.com/1/match.mp4"'
STACK = f"""
stack: crash
provider: twelvelabs
assets:
  one: {{{ONE}}}
  two: {{url: "https://example.com/2/match.mp4"}}
embeddings: {{clips: {CLIPS}}}
analyses: {{topics: {TOPICS}}}
"""
SETS = {f"{group}/{asset}" for group in ("embeddings/clips", "analyses/topics") for asset in ("one", "two")}
PAID = Counter(embed_v2_task=2, analyze_task=2)
POINTS = 38
"""One worker comes by so many when it does all of it, and now and then by one more."""


@dataclass(frozen=True)
class Kept:
    """Where the results of a crowd are, and what its stack is called."""

    crowd: Crowd
    stack: str = "crash"
    to: str = "results"

    def write(self) -> None:
        """Declare them, in a table of their own."""
        text = STACK.replace("stack: crash", f"stack: {self.stack}")
        at = f"results: {json.dumps({'to': self.to, 'table': self.stack})}\n" if self.to != "results" else ""
        self.crowd.here.write({"stack.yaml": text + at})

    @property
    def paid(self) -> Counter[str]:
        """How many tasks there are of each kind: none of them can be deleted."""
        counts = self.crowd.here.steer("GET", "/objects")["counts"]
        return Counter({kind: counts[kind] for kind in PAID if counts.get(kind)})

    def is_whole(self, said: str = "") -> None:
        """Every set is there once, whole, and nothing is left to do."""
        if self.to == "results":
            store = open_store(self.to, root=self.crowd.here.directory)
        else:
            store = open_store(self.to, root=self.crowd.here.directory, table=self.stack)
        assert whole_sets(store, self.stack) == SETS, said
        assert store.foreign() == 0, said
        store.close()
        assert self.paid == PAID, said
        again = self.crowd.here.reconcile("plan", "--detailed-exitcode")
        assert again["code"] == 0, f"{said}: {again['out']}"

    def by(self, *workers: dict[str, Any]) -> list[str]:
        """What these workers have stored."""
        points = [point for worker in workers for point in self.crowd.points(worker)]
        return sorted(point.removeprefix("after keeping ") for point in points if point.startswith("after keeping"))


def test_results_are_begun_by_the_run_and_fetched_and_stored_by_workers(crowd: Crowd) -> None:
    """A task carries nothing by which a lost one is told for sure: only the run begins any (docs/decisions/leases)."""
    kept = Kept(crowd)
    kept.write()
    workers = [crowd.worker("one"), crowd.worker("two")]
    done = crowd.apply()

    assert done["code"] == 0, done["out"]
    assert not [point for point in done["points"] if "keeping" in point]
    assert kept.by(*workers) == sorted(SETS)
    begun = ("before POST /v1.3/embed", "before POST /v1.3/analyze")
    assert len([point for point in done["points"] if point.startswith(begun)]) == 4
    assert not [point for worker in workers for point in crowd.points(worker) if "POST" in point]
    kept.is_whole()


def test_what_is_not_waited_for_is_gone_on_with_by_other_runs_and_other_workers(crowds: Crowds) -> None:
    """`--no-wait` with `--spread`: each job starts what can be, and its workers fetch what an earlier one has begun."""
    clock = ManualClock()
    with crowds("later", clock=clock, speed="real", default_seconds=60.0) as crowd:
        crowd.here.write({"stack.yaml": STACK.replace("crash", "later").replace(ONE, "file: small.mp4")})
        codes, stored = [], []
        for number in range(3):
            worker = crowd.worker(f"of job {number}")
            job = crowd.apply("--no-wait", "--detailed-exitcode")
            looked = crowd.here.reconcile("wait", "--timeout", "0")
            codes.append((job["code"], looked["code"]))
            stored.append(Kept(crowd).by(worker))
            crowd.zygote.beside("end", pid=worker["pid"])
            clock.advance(3600)

        assert codes == [(9, 9), (9, 9), (0, 0)]
        assert stored == [[], [], sorted(SETS)]
        made = Counter({("asset", "small.mp4"): 1, ("asset", "match.mp4"): 1})
        assert crowd.here.account() - Counter({("embed_v2_task", ""): 2, ("analyze_task", ""): 2}) == made
        Kept(crowd, "later").is_whole()


@pytest.fixture(params=["results", "pgvector", "qdrant"])
def to(request: pytest.FixtureRequest) -> Iterator[str]:
    """A directory that all machines share, a database, or a server of vectors."""
    if request.param == "qdrant":
        pytest.importorskip("qdrant_client")
        with served_qdrant() as (url, _):
            yield url
    elif request.param == "pgvector":
        yield request.getfixturevalue("postgres_url")
    else:
        pytest.importorskip("pyarrow")
        yield "results"


@pytest.mark.long
@pytest.mark.parametrize("part", sampled(more=3))
def test_a_worker_that_is_killed_anywhere_leaves_no_set_wrong_and_no_task_paid_twice(
    crowds: Crowds, to: str, part: int
) -> None:
    """One worker dies at a point, and one lives: the same run goes on with that one."""
    for kill in range(1 + part, POINTS + 1, PARTS):
        with crowds(f"kill{kill}", clock=MachineClock()) as crowd:
            kept = Kept(crowd, f"kill{kill}", to)
            kept.write()
            dies, _ = crowd.worker("dies", at=kill, threads=4), crowd.worker("lives", threads=1)
            done = crowd.apply()
            point = f"killed at {kill}, {crowd.points(dies)[-1:]}"
            assert done["code"] == 0, f"{point}: {done['out']}"
            kept.is_whole(point)


@pytest.mark.parametrize(
    "on",
    [
        pytest.param("after GET", id="when it has fetched"),
        pytest.param("before keeping", id="before it stores", marks=pytest.mark.long),
        pytest.param("after keeping", id="when it has stored", marks=pytest.mark.long),
        pytest.param("before commit", id="before it says so", marks=pytest.mark.long),
    ],
)
def test_a_worker_that_wakes_after_its_lease_stores_nothing(crowd: Crowd, on: str) -> None:
    """As a machine that was cut off does: its set was stored by another meanwhile."""
    kept = Kept(crowd)
    kept.write()
    sleeps = crowd.worker("sleeps", on=on, signal=signal.SIGSTOP, threads=1)

    awake = crowd.applied_past(sleeps)

    assert kept.by(awake) == sorted(SETS)
    store = open_store("results", root=crowd.here.directory)
    before = {made.address: made.made_at for made in store.list("crash")}
    crowd.zygote.beside("wake", pid=sleeps["pid"])
    assert "step ended: " not in crowd.last_of(sleeps), "it has its lease no more"
    assert {made.address: made.made_at for made in store.list("crash")} == before
    kept.is_whole()


@pytest.mark.long
@pytest.mark.parametrize("part", sampled(more=3))
def test_a_run_that_is_killed_anywhere_is_gone_on_with_and_pays_for_nothing_twice(crowds: Crowds, part: int) -> None:
    """Its workers live on, and may be storing what it has offered when the next one begins."""
    for kill in range(9 + part, 60, PARTS):  # before that it has only read
        with crowds(f"run{kill}", clock=MachineClock()) as crowd:
            kept = Kept(crowd, f"run{kill}")
            kept.write()
            for name in ("one", "two"):
                crowd.worker(name)
            kept.is_whole(died_and_again(crowd.apply, kill))
