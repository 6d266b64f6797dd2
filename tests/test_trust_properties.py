"""Two stacks of one name, and two accounts with one state, in all orders: what is not one's own is not changed.

Nothing is mocked: each step is a whole run of the engine on the emulator, by people who agree to nothing, or to some
things, who lose their states and restore them from backups.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.emulator import Emulator
from reconciler.emulator.twelvelabs import app
from reconciler.engine import Session
from reconciler.errors import Invalid, Refused
from reconciler.plan.guards import Consent
from reconciler.state import State
from tests.support.running import AGREED, Bench

EXAMPLES = round(12 * float(os.environ.get("FUZZ_RUNS", "1")))
SETTINGS = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NOTHING = Consent()
SOME = (NOTHING, Consent(adopt=True), Consent(deletes=True), Consent(adopt=True, deletes=True, recreate=True))


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Any]:
    """Few keys and few values, so that two teams often mean the same, or nearly."""
    assets = {
        key: {"url": f"https://x.example.com/{draw(st.sampled_from('pq'))}.mp4", "metadata": draw(METADATA)}
        for key in sorted(draw(st.sets(st.sampled_from(["one", "two"]), min_size=1)))
    }
    used = sorted(assets)[0]
    stack: dict[str, Any] = {"assets": assets}
    if draw(st.booleans()):
        stack["indexes"] = {
            "main": {"models": [{"name": "marengo3.0"}], "assets": {used: {"metadata": draw(METADATA)}}}
        }
    if draw(st.booleans()):
        assets["face"] = {"url": f"https://x.example.com/{draw(st.sampled_from('pq'))}.jpg"}
        keys = draw(st.sampled_from(["a", "b", "ab"]))
        entities = {key: {"assets": ["face"], "metadata": draw(METADATA)} for key in keys}
        stack["entity_collections"] = {"people": {"entities": entities}}
    return stack


METADATA = st.sampled_from([{}, {"k": 1}, {"k": 2}])


@dataclass(frozen=True)
class Step:
    """What one of the two does."""

    team: int
    what: str
    stack: Mapping[str, Any]
    consent: Consent


steps = st.builds(
    Step,
    team=st.sampled_from([0, 1]),
    what=st.sampled_from(["apply", "apply", "apply", "destroy", "lose", "back up", "restore"]),
    stack=stacks(),
    consent=st.sampled_from([NOTHING, *SOME]),
)


class World:
    """One account, two directories whose stacks have the same name."""

    def __init__(self, directory: Path) -> None:
        self.emulator = app()
        self.teams = [Bench(directory / name, emulator=self.emulator) for name in ("one", "two")]
        for team in self.teams:
            team.write({"stack.yaml": "stack: same\nprovider: twelvelabs\nassets: {}\n"})

    def objects(self) -> dict[str, dict[str, Any]]:
        return {id: json.loads(doc) for id, doc in self.emulator.store.db.execute("SELECT id, doc FROM objects")}

    def known(self, team: Bench) -> tuple[set[str], str | None]:
        """Ids that its state has recorded, and the id of its stack."""
        state = State.open(f"sqlite:///{team.directory}/.reconciler/{team.state_name}", "same")
        try:
            identity = state.identity()
            return {row.id for row in state.recorded()}, identity.id if identity else None
        finally:
            state.close()

    def do(self, step: Step) -> bool:
        """Whether it went through."""
        team = self.teams[step.team]
        states = team.directory / ".reconciler"
        match step.what:
            case "lose":
                shutil.rmtree(states, ignore_errors=True)
            case "back up" if states.exists():
                shutil.copytree(states, team.directory / "kept", dirs_exist_ok=True)
            case "restore" if (team.directory / "kept").exists():
                shutil.rmtree(states, ignore_errors=True)
                shutil.copytree(team.directory / "kept", states)
            case "apply" | "destroy":
                if step.what == "apply":
                    text = yaml.safe_dump({"stack": "same", "provider": "twelvelabs", **step.stack})
                    team.write({"stack.yaml": text})
                try:
                    return not team.apply(step.consent, destroy=step.what == "destroy").failed
                except (Refused, Invalid):
                    return False
        return True


def marked(doc: Mapping[str, Any]) -> str | None:
    for name in ("user_metadata", "metadata"):
        if isinstance(doc.get(name), Mapping):
            id = doc[name].get("reconciler_id")
            return None if id is None else str(id)
    return None


@SETTINGS
@given(st.lists(steps, min_size=2, max_size=7))
def test_without_consent_only_what_a_state_recorded_is_changed_or_goes(todo: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        for step in todo:
            recorded, id = world.known(world.teams[step.team])
            before = world.objects()
            world.do(step)
            after = world.objects()
            if step.consent != NOTHING:
                continue
            gone = before.keys() - after.keys()
            changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
            assert gone <= recorded, f"{step.what} without consent: {gone - recorded} went"
            strange = {key for key in changed - recorded if id is None or marked(before[key]) != id}
            assert not strange, f"{step.what} without consent changed {strange}"


@SETTINGS
@given(st.lists(steps, min_size=1, max_size=5), stacks(), st.sampled_from([0, 1]))
def test_with_consent_it_always_comes_to_rest(todo: list[Step], last: dict[str, Any], who: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        for step in todo:
            world.do(step)
        assert world.do(Step(who, "apply", last, replace(AGREED, recreate=True)))
        assert world.teams[who].survey().plan.changes == ()


# Two accounts, one state

visits = st.tuples(st.sampled_from([0, 1]), st.sampled_from(["apply", "destroy", "plan"]), stacks())


@SETTINGS
@given(st.lists(visits, min_size=2, max_size=7))
def test_nothing_is_made_or_forgotten_in_an_account_that_is_not_the_states(todo: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        accounts = [app(seed=1), app(seed=2)]
        bench = Bench(Path(directory))
        home: int | None = None
        for where, what, stack in todo:
            bench.emulator, bench.account = accounts[where], f"account {where}"
            bench.write({"stack.yaml": yaml.safe_dump({"stack": "same", "provider": "twelvelabs", **stack})})
            rows = bench.run(_rows)
            before = [_all(account) for account in accounts]
            refused = _tried(bench, what)
            assert refused == (bool(rows) and home not in (None, where))
            assert _all(accounts[1 - where]) == before[1 - where]
            if refused:
                assert bench.run(_rows) == rows
                assert _all(accounts[where]) == before[where]
            elif what != "plan":
                home = where


async def _rows(session: Session) -> Any:
    return session.state.recorded()


def _all(account: Emulator) -> Any:
    return account.store.db.execute("SELECT id, doc FROM objects ORDER BY id").fetchall()


def _tried(bench: Bench, what: str) -> bool:
    calls: dict[str, Callable[[], object]] = {
        "plan": bench.survey,
        "apply": bench.apply,
        "destroy": lambda: bench.apply(destroy=True),
    }
    try:
        calls[what]()
    except Refused:
        return True
    return False
