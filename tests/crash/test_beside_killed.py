"""An index that is replaced beside the old one, killed with SIGKILL at every point, with green and with red checks.

Whatever it was doing: never are two indexes of one name, the one that serves has all that it should, nothing is indexed
twice, nothing of others is touched, and the next run goes on from there.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.crash.world import MARGIN, PARTS, World, Zygote, sampled, world
from tests.support.searched import searched

pytest.importorskip("ir_measures")

NAMES = ("lebron_dunks", "final_goal")
WORSE = {"catalog~next-*": ["dunks", "goal", "final"]}
"""Both queries are answered by the same film then: one of the two is wrong."""
THEIRS = """\
stack: strangers
provider: twelvelabs
assets:
  lebron_dunks: {url: "https://example.com/lebron_dunks.mp4"}
indexes:
  theirs: {models: [{name: marengo3.0}], assets: {lebron_dunks: {}}}
"""
GREEN, RED = 0, 8


def gated(options: str, hold: str) -> dict[str, str]:
    """The index looks at these options, and is replaced behind its checks."""
    return {"stack.yaml": searched("crash", NAMES, options, f"{{how: beside, checks: [goals], hold: {hold}}}")}


def first() -> dict[str, str]:
    return gated("[visual]", "0s")


def second(hold: str = "0s") -> dict[str, str]:
    return gated("[visual, audio]", hold)


@pytest.fixture(scope="module")
def start(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something of others, and the first stack applied and its baseline recorded."""
    made = tmp_path_factory.mktemp("start") / "first"
    with world(zygote, made) as here:
        (here.directory / "strangers").mkdir(parents=True)
        strangers = World(zygote, here.directory / "strangers", here.served)
        strangers.write({"stack.yaml": THEIRS})
        assert strangers.apply()["code"] == 0
        here.write(first())
        done = here.apply()
        assert done["code"] == 0, done["out"]
        assert here.reconcile("check")["code"] == 0
    return made


class Seen:
    """What is in the account: the id of each index by its name, and the names of what is in it."""

    def __init__(self, here: World) -> None:
        with closing(sqlite3.connect(here.directory.parent / "account.db")) as account:
            found = account.execute("SELECT name, id FROM objects WHERE kind = 'index'").fetchall()
            members = account.execute(
                "SELECT above.id, below.name FROM objects below JOIN objects above ON above.seq = below.parent "
                "WHERE below.kind = 'indexed_asset'"
            ).fetchall()
            self.assets = Counter(name for (name,) in account.execute("SELECT name FROM objects WHERE kind = 'asset'"))
        self.ids: dict[str, str] = dict(found)
        assert len(self.ids) == len(found), f"two of one name: {found}"
        self.inside = {id: Counter(name.removesuffix(".mp4") for at, name in members if at == id) for _, id in found}


def indexed(here: World) -> int:
    """So often something was indexed since the log was emptied."""
    log: list[dict[str, Any]] = here.steer("GET", "/requests")["log"]
    return sum(it["method"] == "POST" and it["path"].endswith("/indexed-assets") and it["status"] < 300 for it in log)


def of_others(seen: Seen) -> None:
    assert seen.inside[seen.ids["theirs"]] == Counter(["lebron_dunks"])
    assert seen.assets == Counter({"lebron_dunks.mp4": 2, "final_goal.mp4": 1})


def after_the_kill(here: World, old: str, said: str) -> None:
    """Nobody has been there to mend anything yet."""
    seen = Seen(here)
    of_others(seen)
    mine = {name: id for name, id in seen.ids.items() if name != "theirs"}
    assert 1 <= len(mine) <= 2, f"{said}: {mine}"
    if "catalog" in mine:
        assert seen.inside[mine["catalog"]] == Counter(NAMES), said
    else:  # between the two renames, and both are whole
        assert set(mine.values()) > {old}, f"{said}: {mine}"
        assert all(seen.inside[id] == Counter(NAMES) for id in mine.values()), said


def tried(zygote: Zygote, directory: Path, start: Path, due: int, *, kill: int = 0, hold: str = "0s") -> dict[str, Any]:
    """Killed at a point and run again; whole, without a point."""
    with world(zygote, directory, start) as here:
        old = Seen(here).ids["catalog"]
        here.write(second(hold))
        here.steer("DELETE", "/requests")
        if due == RED:
            here.steer("PATCH", "/options", {"forgotten": WORSE})
        died: dict[str, Any] = here.apply(kill=kill)
        point = f"after {kill} {died['points'][-1] if died['points'] else '?'}"
        if kill:
            assert died["killed"] or died["code"] == due, f"{point}: {died['out']}"
            after_the_kill(here, old, point)
            again = here.apply()
            assert again["code"] == due, f"{point}: {again['out']}"
        else:
            assert died["code"] == due, died["out"]
        as_due(here, old, due, hold, point)
        assert indexed(here) == len(NAMES), point
        if due == RED:
            gone_on(here, old, point)
            assert indexed(here) == len(NAMES), point
    return died


def as_due(here: World, old: str, due: int, hold: str, said: str) -> None:
    seen = Seen(here)
    of_others(seen)
    names, ids = set(seen.ids) - {"theirs"}, {id for name, id in seen.ids.items() if name != "theirs"}
    assert all(seen.inside[id] == Counter(NAMES) for id in ids), said
    if due == RED:
        assert seen.ids["catalog"] == old, said
        assert len(names) == 2, f"{said}: {names}"
        return
    assert seen.ids["catalog"] != old, said
    assert len(names) == (1 if hold == "0s" else 2), f"{said}: {names}"
    plan = here.reconcile("plan", "--detailed-exitcode")
    assert plan["code"] == 0, f"{said}: {plan['out']}"


def gone_on(here: World, old: str, said: str) -> None:
    """What was red is green now: the next run takes what is there."""
    (new,) = (id for name, id in Seen(here).ids.items() if name not in ("theirs", "catalog"))
    here.steer("PATCH", "/options", {"forgotten": {}})
    done = here.apply()
    assert done["code"] == 0, f"{said}: {done['out']}"
    as_due(here, old, GREEN, "0s", said)
    assert Seen(here).ids["catalog"] == new, said


@pytest.mark.slow
@pytest.mark.parametrize("part", sampled(more=1))
@pytest.mark.parametrize(
    ("due", "hold"), [(GREEN, "0s"), (GREEN, "24h"), (RED, "0s")], ids=["green", "green and held", "red"]
)
def test_a_replacement_killed_at_any_point_is_gone_on_with_by_the_next_run(
    zygote: Zygote, start: Path, tmp_path: Path, due: int, hold: str, part: int
) -> None:
    whole = tried(zygote, tmp_path / "whole", start, due, hold=hold)
    assert len(whole["points"]) > 30
    for kill in range(1 + part, len(whole["points"]) + MARGIN + 1, PARTS):
        tried(zygote, tmp_path / str(kill), start, due, kill=kill, hold=hold)
