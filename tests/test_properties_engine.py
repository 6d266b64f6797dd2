"""What holds for any stack, any account, any edit and any faults: it converges, and never touches what is foreign."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.engine import Limits
from tests.support.running import AGREED, Bench

KEYS = ("a", "b", "c", "d")
FILES = {f"{name}.mp4": f"bytes of {name}".encode() for name in ("one", "two", "three", "four")}

metadata = st.dictionaries(st.sampled_from(("k", "l", "m")), st.sampled_from((1, 2.5, True, "word", "5")), max_size=2)


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Any]:
    """A small stack: assets, up to two indexes with some of them, a collection with entities of some of them."""
    assets: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1)):
        assets[key] = {"file": draw(st.sampled_from(sorted(FILES)))}
        if given := draw(metadata):
            assets[key]["metadata"] = given
    some = st.lists(st.sampled_from(sorted(assets)), unique=True)
    indexes = {
        key: {
            "models": [{"name": "marengo3.0", "options": draw(st.sampled_from((["visual"], ["audio", "visual"])))}],
            "assets": {asset: ({"metadata": given} if (given := draw(metadata)) else {}) for asset in draw(some)},
        }
        for key in draw(st.lists(st.sampled_from(("i", "j")), unique=True))
    }
    entities = {
        key: {
            "assets": draw(st.lists(st.sampled_from(sorted(assets)), unique=True, min_size=1)),
            "metadata": draw(metadata),
        }
        for key in draw(st.lists(st.sampled_from(KEYS), unique=True))
    }
    collections = {"people": {"description": draw(st.sampled_from(("", "x"))), "entities": entities}}
    return {"assets": assets, "indexes": indexes, "entity_collections": collections}


faults = st.lists(
    st.fixed_dictionaries(
        {
            "fault": st.sampled_from(("drop_after", "drop_before", "cut", "status", "rate_limit")),
            "method": st.sampled_from(("POST", "PATCH", "PUT", "DELETE", "GET")),
            "after": st.integers(0, 20),
            "count": st.integers(1, 4),
        }
    ),
    max_size=3,
)


def write(bench: Bench, name: str, stack: Mapping[str, Any], *, backwards: bool = False) -> None:
    body = {"stack": name, "provider": "twelvelabs", **stack}
    text = yaml.safe_dump(_reversed(body) if backwards else body, sort_keys=False)
    bench.write({**FILES, "stack.yaml": text})


def _reversed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _reversed(item) for key, item in reversed(list(value.items()))}
    return value


def converge(bench: Bench) -> None:
    """Apply with faults until nothing fails; then without; then the plan is empty and no intent is open."""
    for _ in range(4):
        if not bench.apply().failed:
            break
    bench.emulator.clear_faults()
    report = bench.apply()
    assert not report.failed, report.outcomes
    survey = bench.survey()
    assert survey.plan.changes == ()
    assert bench.run(lambda session: _operations(session.state)) == []


async def _operations(state: Any) -> list[Any]:
    return list(state.operations())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=stacks(), second=stacks(), trouble=faults, lost=st.booleans())
def test_any_edit_under_any_faults_converges(
    first: dict[str, Any], second: dict[str, Any], trouble: list[dict[str, Any]], lost: bool
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory), limits=Limits(poll_s=0.01))
        if lost:  # what has no stamp and no children cannot be told from what is unmanaged
            first["indexes"] = {key: index for key, index in first["indexes"].items() if index["assets"]}
        write(bench, "mine", first)
        assert not bench.apply().failed
        write(bench, "mine", second)
        for rule in trouble:
            bench.emulator.add_fault(rule | {"path": "/**", **({"status": 503} if rule["fault"] == "status" else {})})
        if lost:
            bench.state_name = "other.db"
        converge(bench)
        write(bench, "mine", second, backwards=True)
        assert bench.survey().plan.changes == ()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mine=stacks(), edited=stacks(), theirs=stacks())
def test_what_is_foreign_is_never_changed(mine: dict[str, Any], edited: dict[str, Any], theirs: dict[str, Any]) -> None:
    theirs["indexes"] = {f"their-{key}": index for key, index in theirs["indexes"].items()}
    first = sorted(theirs["assets"])[0]
    theirs["entity_collections"]["people"]["entities"]["known"] = {"assets": [first]}  # empty ones are unmanaged
    with tempfile.TemporaryDirectory() as directory:
        other = Bench(Path(directory) / "theirs")
        bench = Bench(Path(directory) / "mine", emulator=other.emulator)
        write(other, "theirs", theirs)
        assert not other.apply().failed
        before = other.emulator.store.db.execute("SELECT id, doc FROM objects ORDER BY id").fetchall()
        for stack in (mine, edited):
            write(bench, "mine", stack)
            assert not bench.apply(replace(AGREED, adopt=False)).failed
        assert not bench.apply(destroy=True).failed
        after = other.emulator.store.db.execute("SELECT id, doc FROM objects ORDER BY id").fetchall()
        assert after == before
        assert other.survey().plan.changes == ()
