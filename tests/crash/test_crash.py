"""Killed with SIGKILL at every point at which a run can die; the next run ends it: no duplicate, no orphan, no hand.

All points are tried: before and after each request on the wire, before and after each durable write to the state.
`make test` takes a sample of them, `make test-long` the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.crash.world import World, Zygote, world
from tests.support.stacks import IN_V1, IN_V2, OF_STRANGERS, STRANGERS, V1, V2, Account

PARTS = 8
"""The points are dealt to so many tests, so that they can run side by side."""
SAMPLE = 3
"""So many of the parts are run each time; their points lie evenly over the run."""
MARGIN = 8
"""Polls and grouped commits make a run a few points longer or shorter than the last."""


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


def killed_then_finished(
    zygote: Zygote, start: Path, directory: Path, files: Mapping[str, str | bytes], kill: int, expected: Account
) -> None:
    """One point: die there, run again, look at the account, plan again."""
    with world(zygote, directory, start) as here:
        here.write(files)
        died = here.apply(kill=kill)
        point = died["points"][-1] if died["points"] else "?"
        assert died["killed"] or died["code"] == 0, f"{kill} {point}: {died['out']}"
        again = here.apply()
        assert again["code"] == 0, f"after {kill} {point}: {again['out']}"
        assert here.account() == expected + OF_STRANGERS, f"after {kill} {point}: {again['out']}"
        plan = here.reconcile("plan", "--detailed-exitcode")
        assert plan["code"] == 0, f"after {kill} {point}: {plan['out']}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=[pytest.mark.long] if part >= SAMPLE else []) for part in range(PARTS)]
)
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
    with world(zygote, tmp_path / "whole", starts[start]) as here:
        here.write(files)
        whole = here.apply()
        assert whole["code"] == 0, whole["out"]
        assert here.account() == expected + OF_STRANGERS
    assert len(whole["points"]) > 60
    most = len(whole["points"]) + MARGIN
    for kill in range(1 + part, most + 1, PARTS):
        killed_then_finished(zygote, starts[start], tmp_path / str(kill), files, kill, expected)
