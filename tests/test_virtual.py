"""Time is the API's: by a clock that leaps, plans and applies take what the limits of the emulator leave."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reconciler.emulator.core.clock import EPOCH
from tests.benchmarks.virtual import CONNECTIONS, SIDE_BY_SIDE, applied, planned
from tests.support.leaping import LeapingClock, ServerClock, leaping

PAGES = 203


def test_a_plan_of_ten_thousand_takes_what_the_limit_leaves(tmp_path: Path) -> None:
    took = planned(10_000, tmp_path / "stack", a_minute=60)

    assert took.requests - took.refused == PAGES
    assert took.refused < 2 * CONNECTIONS  # before a limit is known, and of a list whose limit is not known for shared
    assert took.least_s == pytest.approx(180, abs=1)
    assert took.ratio < 1.03


def test_an_apply_takes_what_the_limit_leaves_and_is_never_refused(tmp_path: Path) -> None:
    took = applied(1500, tmp_path / "stack", {"minute": 120})

    assert took.refused == 0
    assert took.requests < 1.2 * 1500
    assert took.least_s == pytest.approx(12 * 60 + 10, abs=1)
    assert took.ratio < 1.03


def test_a_window_of_a_second_is_not_waited_for_twice(tmp_path: Path) -> None:
    """What is told in whole seconds says that it ends up to two seconds later than it does."""
    took = applied(800, tmp_path / "stack", {"second": 40})

    assert took.refused == 0
    assert took.least_s == pytest.approx(19 + 10, abs=0.1)
    assert took.seconds < 1.25 * 19 + 10 + 6  # and looks at what is not ready, up to five seconds apart


def test_what_a_day_does_not_let_through_is_made_the_next_day(tmp_path: Path) -> None:
    took = applied(700, tmp_path / "stack", {"minute": 120, "day": 300})

    assert took.what == "apply, 3 days"
    assert took.refused <= 2 * SIDE_BY_SIDE  # those that were under way when a day's last one was let through
    assert took.least_s == pytest.approx(2 * 86_400 + 10, abs=1)
    assert took.ratio < 1.001


# The clock


def test_waiting_takes_no_time_and_ends_in_order() -> None:
    ended: list[float] = []

    async def wait(seconds: float) -> None:
        await LeapingClock().sleep(seconds)
        ended.append(LeapingClock().now())

    async def go() -> float:
        await asyncio.gather(*map(wait, (86_400.0, 0.5, 3600.0)))
        return ServerClock().now()

    assert leaping(go()) == EPOCH + 86_400

    assert ended == pytest.approx([0.5, 3600.0, 86_400.0])


def test_what_is_done_in_a_thread_takes_no_time_of_that_clock() -> None:
    async def go() -> tuple[int, float]:
        waiting = asyncio.create_task(asyncio.sleep(60))
        found = await asyncio.to_thread(lambda: sum(range(100_000)))
        seen_s = LeapingClock().now()
        await waiting
        return found, seen_s

    assert leaping(go()) == (4999950000, 0.0)


def test_who_waits_for_nothing_is_told() -> None:
    async def go() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="will never come"):
        leaping(go())
