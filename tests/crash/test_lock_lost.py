"""A run that was stopped, unlocked and woken sends nothing: tried at each point at which it was about to write.

The run sleeps at the point (SIGSTOP), somebody takes its lock away (`state unlock`) and applies in its place, it goes
on (SIGCONT). Whatever it does then, the account hears no write of it. On SQLite nobody can take the lock away.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.crash.test_crash import starts
from tests.crash.world import PARTS, World, Zygote, sampled, world
from tests.support.postgres import postgres
from tests.support.stacks import IN_V2, OF_STRANGERS, V2

__all__ = ["postgres", "starts"]

_numbers = itertools.count(1)


class Begun:
    """An account with V1 applied, its state in a database, and copies of that, which are made in milliseconds."""

    def __init__(self, server: str, directory: Path) -> None:
        self.server, self.directory = server, directory
        self._sql("CREATE DATABASE v1")

    def copy(self) -> str:
        name = f"copy_{next(_numbers)}"
        self._sql(f"CREATE DATABASE {name} TEMPLATE v1")
        return self.url(name)

    def url(self, name: str) -> str:
        return self.server.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")

    def _sql(self, statement: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def begun(postgres: str, zygote: Zygote, starts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Begun:
    made = Begun(postgres, tmp_path_factory.mktemp("lock") / "v1")
    with world(zygote, made.directory, starts["empty"], state=made.url("v1")) as here:
        done = here.apply()
        assert done["code"] == 0, done["out"]
    return made


def writes_heard(here: World) -> list[str]:
    log: list[dict[str, Any]] = here.steer("GET", "/requests")["log"]
    return [f"{each['method']} {each['path']}" for each in log if each["method"] not in ("GET", "HEAD")]


@pytest.fixture(scope="session")
def points(zygote: Zygote, begun: Begun) -> list[str]:
    """Of one whole run to V2. Those of the next come in nearly the same order."""
    with world(zygote, begun.directory.with_name("whole"), begun.directory, state=begun.copy()) as here:
        here.write(V2)
        found: list[str] = here.apply()["points"]
    return found


def woken_without_its_lock(zygote: Zygote, begun: Begun, directory: Path, number: int | str) -> str:
    """One point: fall asleep there, lose the lock, see another run do the work, wake. The point's name."""
    with world(zygote, directory, begun.directory, state=begun.copy()) as here:
        here.write(V2)
        slept = here.apply(stop=number)
        if not slept["stopped"]:
            assert slept["code"] == 0, slept["out"]
            return "after the end"
        point = f"{slept['points'][-1]} ({number})"
        unlocked = here.on_state("unlock")
        assert "Its session was ended" in unlocked["out"], f"{point}: {unlocked['out']}"
        other = here.apply()
        assert other["code"] == 0, f"{point}: {other['out']}"
        assert here.account() == IN_V2 + OF_STRANGERS, point
        here.steer("DELETE", "/requests")

        woken = here.zygote.wake(slept["stopped"])

        heard = Counter(writes_heard(here)) - on_their_way(slept["points"])
        assert not heard, f"{point}: {heard} {woken['out']}"
        assert woken["code"] == 1, f"{point}: {woken['out']}"
        assert "lost" in woken["out"], f"{point}: {woken['out']}"
        assert "Traceback" not in woken["out"], f"{point}: {woken['out']}"
        assert here.reconcile("plan", "--detailed-exitcode")["code"] == 0, point
    return point


def on_their_way(points: list[str]) -> Counter[str]:
    """Requests of other tasks that were being sent when it fell asleep: nobody can call them back."""
    begun = Counter(name.removeprefix("before ") for name in points[:-1] if name.startswith("before "))
    return begun - Counter(name.removeprefix("after ") for name in points if name.startswith("after "))


@pytest.mark.slow
def test_a_run_whose_lock_was_taken_right_before_a_delete_deletes_nothing(
    zygote: Zygote, begun: Begun, tmp_path: Path
) -> None:
    assert woken_without_its_lock(zygote, begun, tmp_path / "one", "before DELETE").startswith("before DELETE")


@pytest.mark.long
@pytest.mark.parametrize("part", sampled())
def test_a_run_whose_lock_was_taken_while_it_slept_writes_nothing(
    zygote: Zygote, begun: Begun, points: list[str], tmp_path: Path, part: int
) -> None:
    numbers = [1 + n for n, name in enumerate(points) if re.match("before (POST|PUT|PATCH|DELETE|commit|run)", name)]

    slept = [woken_without_its_lock(zygote, begun, tmp_path / str(number), number) for number in numbers[part::PARTS]]

    print(len(slept), "points:", *slept, sep="\n  ")  # noqa: T201 - the figure, with `pytest -s`
    assert slept
