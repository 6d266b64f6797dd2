"""Killed again and again, and between the kills the state is thrown away half of the time: the account survives it.

A cycle begins with V1 applied, is killed on its way to V2 as often as chance says, and is then left alone. It ends as
V2, all of it and nothing else; or with an error that names what to do, and what there is too much of. `make test` tries
a few, `CRASH_KILLS=all pytest -m long -s tests/crash/test_state_lost.py` two hundred kills, and prints the figures.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from tests.crash.test_crash import starts
from tests.crash.test_lock_lost import Begun, begun
from tests.crash.world import World, Zygote, world
from tests.support.postgres import postgres
from tests.support.stacks import IN_V2, OF_STRANGERS, V2, Account
from tests.support.turns import ALL

__all__ = ["begun", "postgres", "starts"]

MOST_POINTS = 240
LONG_KILLS, MANY_KILLS = 8, 200
WHAT_TO_DO = re.compile(r"state rebuild|--allow-|--adopt|delete all but|delete it by hand|run again|duplicates")


class Figures(Counter[str]):
    """What happened, in all cycles."""


def throw_away(here: World) -> None:
    """The state, wherever it is."""
    if not here.state:
        shutil.rmtree(here.directory / ".reconciler")
        return
    url = here.state[1].replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'reconciler_%'").fetchall()
        connection.execute("DROP TABLE " + ", ".join(row[0] for row in tables))


def attacked(here: World, random: Random, figures: Figures) -> list[str]:
    """Killed one to four times, the state thrown away after half of them; what was done. Who lost a state agrees to go
    on with what the stamps say, or makes it anew: that may be killed too."""
    done: list[str] = []
    agreed: list[str] = []
    for _ in range(random.choice((1, 1, 2, 3, 4))):
        if agreed and random.random() < 0.5:
            here.on_state("rebuild", *here.online, kill=random.randint(1, MOST_POINTS // 3))
            done.append("state rebuild")
        died = here.apply(*agreed, kill=random.randint(1, MOST_POINTS))
        assert died["killed"] or died["code"] in (0, 1, 3, 7), died["out"]
        assert "Traceback" not in died["out"], died["out"]
        figures["kills"] += died["killed"]
        done.append(died["points"][-1] if died["killed"] else f"ended with {died['code']}")
        if random.random() < 0.5:
            throw_away(here)
            agreed = ["--adopt"]
            figures["states thrown away"] += 1
            done.append("state lost")
    return done


def ended(here: World, random: Random, figures: Figures) -> None:
    """Left alone, and told what it asks for, it comes to V2; or it says what to do."""
    last = here.apply()
    for _ in range(3):
        assert "Traceback" not in last["out"], last["out"]
        if last["code"] == 3:
            figures["refused at first, with what to do"] += 1
            assert WHAT_TO_DO.search(last["out"]), last["out"]
            if random.random() < 0.5:
                here.on_state("rebuild", *here.online)
        if last["code"] == 0:
            break
        last = here.apply("--adopt")
    found = here.account()
    assert not OF_STRANGERS - found, f"foreign objects are gone: {last['out']}"
    if last["code"] == 0:
        plan = here.reconcile("plan", "--detailed-exitcode")
        said_of(here, found - IN_V2 - OF_STRANGERS, last, plan)
        assert not IN_V2 + OF_STRANGERS - found, last["out"]
        assert plan["code"] == 0, plan["out"]
        figures["converged" if found == IN_V2 + OF_STRANGERS else "converged, and said what is left"] += 1
    else:
        assert WHAT_TO_DO.search(last["out"]), last["out"]
        said_of(here, found - IN_V2 - OF_STRANGERS, last)
        figures["stopped with an error that says what to do"] += 1


def said_of(here: World, extra: Account, *outputs: dict[str, Any]) -> None:
    """Of each object that there is too much of, its name or its id stands in what was said."""
    for kind, name in extra:
        ids = [each["id"] for each in here.steer("GET", f"/objects?kind={kind}")["objects"] if each["name"] == name]
        said = any(word in each["out"] for each in outputs for word in (name, *ids) if word)
        assert said, f"{kind} {name} is left, and nothing says so: {[each['out'] for each in outputs]}"


def cycles(zygote: Zygote, start: Path, directory: Path, begun: Begun | None, kills: int, series: str) -> Figures:
    figures = Figures()
    number = 0
    while figures["kills"] < kills:
        number += 1
        state = begun.copy() if begun else None
        with world(zygote, directory / str(number), start, state=state) as here:
            here.write(V2)
            done: list[str] = []
            try:
                random = Random(f"{series}/{number}")
                done = attacked(here, random, figures)
                ended(here, random, figures)
            except AssertionError as error:
                error.add_note(f"cycle {series}/{number}: {done}")
                raise
        shutil.rmtree(directory / str(number))
        figures["cycles"] += 1
    return figures


@pytest.mark.slow
def test_a_few_cycles_of_kills_and_lost_states(zygote: Zygote, starts: dict[str, Path], tmp_path: Path) -> None:
    assert cycles(zygote, starts["v1"], tmp_path, None, 4, "few")["cycles"]


@pytest.mark.long
@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_many_cycles_of_kills_and_lost_states(
    zygote: Zygote, starts: dict[str, Path], tmp_path: Path, backend: str, request: pytest.FixtureRequest
) -> None:
    there: Begun | None = request.getfixturevalue("begun") if backend == "postgresql" else None
    start = there.directory if there else starts["v1"]
    kills = MANY_KILLS if ALL else LONG_KILLS

    figures = cycles(zygote, start, tmp_path, there, kills, f"{backend}/{os.environ.get('CRASH_SEED', '1')}")

    print(backend, dict(figures))  # noqa: T201 - the figures, with `pytest -s`
