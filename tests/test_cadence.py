"""When what is not ready is looked at: seldom before it can be ready, and soon after it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.apply.cadence import Cadence
from reconciler.emulator import ManualClock
from reconciler.emulator.twelvelabs import app
from reconciler.engine import Limits
from reconciler.provider import Traits
from tests.support.running import Bench
from tests.support.virtual import VirtualTime

TRAITS = Traits(poll_s=1.0, poll_max_s=15.0, poll_by_id=True)


@dataclass
class Watched:
    """Objects that become ready so long after they are made, as a cadence has them looked at."""

    takes_s: float
    cadence: Cadence = field(default_factory=lambda: Cadence(None))
    looks: int = 0
    late_s: list[float] = field(default_factory=list)

    def watch(self, made_s: Sequence[float]) -> None:
        """Until all are ready."""
        todo = sorted(made_s)
        waiting: dict[str, float] = {}
        now_s = last_s = todo[0] if todo else 0.0
        while todo or waiting:
            while todo and todo[0] <= now_s:
                id = str(todo[0])
                waiting[id] = todo.pop(0)
                self.cadence.began("Asset", id, waiting[id])
            for id in self.cadence.due("Asset", list(waiting), now_s, TRAITS):
                self.looks += 1
                ready = now_s >= waiting[id] + self.takes_s
                self.cadence.looked("Asset", id, now_s, TRAITS, ready=ready)
                if ready:
                    self.late_s.append(now_s - waiting.pop(id) - self.takes_s)
                    self.cadence.ended("Asset", id)
            last_s = now_s
            due = [at for at in (self.cadence.next_s(), todo[0] if todo else None) if at is not None]
            now_s = max(min(due, default=now_s), last_s + self.cadence.apart_s("Asset", TRAITS))


def test_the_first_of_a_kind_is_looked_at_from_the_beginning_with_pauses_that_grow() -> None:
    watched = Watched(20.0)

    watched.watch([0.0])

    assert watched.looks == 7  # at 0, 1, 2.5, 4.75, 8.1, 13.2, 20.8
    assert watched.late_s[0] < 20.0 / 2


def test_who_comes_after_it_is_looked_at_when_it_can_be_ready_and_soon_after() -> None:
    watched = Watched(20.0)
    watched.watch([0.0])
    watched.looks, watched.late_s = 0, []

    watched.watch([float(second) for second in range(100, 400)])

    assert watched.looks / 300 < 8
    assert max(watched.late_s) <= 2 * TRAITS.poll_s


def test_looks_at_what_is_quick_are_closer_than_the_first_pause() -> None:
    watched = Watched(1.0)
    watched.watch([0.0, 0.1])
    watched.late_s = []

    watched.watch([10.0, 10.1])

    assert max(watched.late_s) <= 0.4


def test_many_that_come_before_anything_is_known_are_looked_at_a_few_times_each() -> None:
    """Those that the first look was too early for are left alone until they may be ready."""
    watched = Watched(1.0)

    watched.watch([n / 1000 for n in range(1000)])

    assert watched.looks <= 3300
    assert max(watched.late_s) <= 0.25


def test_what_takes_longer_than_all_before_is_looked_at_more_and_more_seldom() -> None:
    watched = Watched(1.0)
    watched.watch([0.0])
    watched.looks, watched.takes_s = 0, 600.0

    watched.watch([10.0])

    assert watched.looks < 60
    assert watched.late_s[-1] <= TRAITS.poll_max_s


@pytest.mark.parametrize("chosen", [0.0, 5.0])
def test_who_chose_a_pause_has_no_look_sooner(chosen: float) -> None:
    cadence = Cadence(chosen)
    cadence.began("Asset", "1", 0.0)
    cadence.looked("Asset", "1", 100.0, TRAITS, ready=True)

    assert cadence.apart_s("Asset", TRAITS) == chosen


def test_an_apply_asks_for_each_of_many_assets_a_few_times_and_sees_the_last_soon(tmp_path: Path) -> None:
    """Each takes 15 seconds. They come by and by, for the account takes a second for each page of requests."""
    clock = ManualClock()
    emulator = app(clock=clock, speed="real", default_seconds=15.0)
    bench = Bench(tmp_path, emulator, limits=Limits(parallelism=4, poll_s=None), clock=lambda: VirtualTime(clock))
    assets = "".join(f"  a{n}: {{url: https://example.com/{n}.mp4}}\n" for n in range(120))
    bench.write({"stack.yaml": f"stack: s\nprovider: twelvelabs\nassets:\n{assets}"})

    report = bench.apply()

    assert not report.failed
    polls = sum("asset_ids" in entry.query for entry in emulator.journal.entries)
    assert polls <= 30
    assert report.seconds < 25.0
