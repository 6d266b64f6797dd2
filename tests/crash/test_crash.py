"""Killed with SIGKILL at every point at which a run can die; the next run ends it: no duplicate, no orphan, no hand.

The points are before and after each request on the wire, before and after each durable write to the state. A run of
the suite takes a sample of them, another one with each commit; `CRASH_KILLS=all` takes every one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.crash.world import World, Zygote, killed_then_finished, sampled, world
from tests.support.stacks import IN_V1, IN_V2, OF_STRANGERS, STRANGERS, V1, V2, Account


@pytest.fixture(scope="session")
def starts(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An account with strangers in it; and the same with V1 applied."""
    empty, first = tmp_path_factory.mktemp("start") / "empty", tmp_path_factory.mktemp("start") / "v1"
    with world(zygote, empty) as here:
        (here.directory / "strangers").mkdir(parents=True)
        strangers = World(zygote, here.directory / "strangers", here.served)
        strangers.write(STRANGERS)
        assert strangers.apply()["code"] == 0
        here.write(V1)
    with world(zygote, first, empty) as here:
        done = here.apply()
        assert done["code"] == 0, done["out"]
        assert here.account() == IN_V1 + OF_STRANGERS
    return {"empty": empty, "v1": first}


@pytest.mark.slow
@pytest.mark.parametrize("part", sampled(more=1))
@pytest.mark.parametrize(
    ("start", "files", "expected"), [("empty", V1, IN_V1), ("v1", V2, IN_V2)], ids=["nothing to V1", "V1 to V2"]
)
def test_a_run_killed_at_any_point_is_finished_by_the_next(
    zygote: Zygote,
    starts: dict[str, Path],
    tmp_path: Path,
    start: str,
    files: Mapping[str, str | bytes],
    expected: Account,
    part: int,
) -> None:
    def as_due(here: World, said: str) -> None:
        assert here.account() == expected + OF_STRANGERS, said

    killed_then_finished(
        lambda name: world(zygote, tmp_path / name, starts[start]), files, as_due, part=part, more_than=60
    )
