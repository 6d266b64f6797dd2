"""When a saved plan is still the plan: what it does decides, and not how the stack is written, nor where it lies."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import StalePlan
from reconciler.model import Basis, Plan
from reconciler.plan.codec import saved_json
from reconciler.planfile import account_of, read, render, sealing_key
from reconciler.planfile.moved import check
from reconciler.planfile.wishes import gates_of, of_all, of_each
from reconciler.providers.twelvelabs import KINDS
from tests.support.planning import World, world
from tests.support.served import Place

STACK = """\
stack: sports
provider: twelvelabs
variables:
  season: {default: 2024}
assets:
  final: {file: final.mp4, metadata: {season: "${season}", league: nba}}
  face: {file: face.jpg}
entity_collections:
  players:
    description: Everyone on the roster
    entities:
      luka: {assets: [face, final]}
"""
SECRET = STACK.replace("league: nba", 'league: nba, token: "${env.RECONCILER_VAR_TOKEN}"')


@pytest.fixture
def here(here: Place) -> Place:
    here.write({"stack/stack.yaml": STACK, "stack/final.mp4": b"f" * 50, "stack/face.jpg": b"j" * 40})
    return here


def edited(here: Place, *edits: tuple[str, str], place: str = "stack") -> None:
    """Edit the stack as somebody would in git."""
    file = here.directory / place / "stack.yaml"
    text = file.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


SAME = [
    ("\nassets:\n", "\n# what there is\nassets: # all of it\n"),
    ("file: final.mp4, metadata: {season: ", "metadata: {season: "),  # keys in another order
    ("nba}}", "'nba'}, file: final.mp4}"),
    ("[face, final]", "[final, face]"),  # members of a set
    ("face: {file: face.jpg, metadata: {n: 1}}", "\n  face:\n    file:   face.jpg\n"),
    ("variables:\n  season: {default: 2024}\n", "defaults: {assets: {metadata: {n: 1}}}\n"),
    ('{season: "${season}",', "{season: 2024,"),
    ("provider:", "outputs: {it: assets/final}\nprices: {currency: EUR, index_minute: 1}\nprovider:"),
]


def test_what_does_not_change_the_plan_does_not_stop_it(here: Place) -> None:
    edited(here, ("file: face.jpg", "file: face.jpg, metadata: {n: 1}"), ("league: nba", "league: nba, n: 1"))
    here.run("plan", "stack", "-o", "plan.json")
    edited(here, ("league: nba, n: 1", "league: nba"), *SAME)

    said = here.run("apply", "plan.json")

    assert said.code == 0, said.err
    assert here.run("plan", "stack").last_line == "No changes. sports is in sync."


def test_the_same_in_other_files_is_the_same(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json")
    head, tail = STACK.split("entity_collections:")
    here.write({"stack/stack.yaml": head, "stack/people.yaml": f"entity_collections:{tail}"})

    assert here.run("apply", "plan.json").code == 0


OTHER = {
    "a value": [("league: nba", "league: wnba")],
    "one more": [("  face: {file: face.jpg}", "  face: {file: face.jpg}\n  more: {file: final.mp4}")],
    "one less": [("  face: {file: face.jpg}\n", ""), ("[face, final]", "[final]")],
    "the default of a variable": [("default: 2024", "default: 2025")],
    "protect": [("file: face.jpg", "file: face.jpg, protect: true")],
    "a member": [("[face, final]", "[face]")],
}


def test_what_changes_the_plan_stops_it_and_is_named(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json")
    for what, edits in OTHER.items():
        here.write({"stack/stack.yaml": STACK})
        edited(here, *edits)

        said = here.run("apply", "plan.json")

        assert (said.code, here.writes()) == (6, []), what
        assert "assets/" in said.err or "entities/luka" in said.err, said.err


def test_what_is_said_for_all_objects_stops_it(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json")
    edited(here, ("assets:\n", "stamps: false\nassets:\n"))

    said = here.run("apply", "plan.json")

    assert (said.code, here.writes(), "`stamps:`" in said.err) == (6, [], True)


BACK = {
    "taken back": ("league: wnba", "league: nba"),
    "ignored": ("league: wnba}", "league: wnba}, ignore: [metadata.league]"),
}


def test_what_is_not_wished_for_any_more_is_not_done(here: Place) -> None:
    """Nothing is left to do, and no apply has done it: to say that all is as planned would be a lie."""
    here.apply("stack")
    edited(here, ("league: nba", "league: wnba"))
    here.run("plan", "stack", "-o", "plan.json")
    text, before = (here.directory / "stack/stack.yaml").read_text(), here.writes()
    for what, edit in BACK.items():
        here.write({"stack/stack.yaml": text})
        edited(here, edit)

        said = here.run("apply", "plan.json")

        assert (said.code, here.writes()) == (6, before), what
        assert "assets/final: it is not declared as it was when this was planned" in said.err, said.err


def test_a_delete_that_is_taken_back_is_not_done(here: Place) -> None:
    here.apply("stack")
    edited(here, ("    entities:\n      luka: {assets: [face, final]}\n", "    entities: {}\n"))
    here.run("plan", "stack", "-o", "plan.json")
    before = here.writes()
    here.write({"stack/stack.yaml": STACK})

    said = here.run("apply", "plan.json")

    assert (said.code, here.writes()) == (6, before)
    assert "entities/luka: it is not declared as it was" in said.err


def test_a_secret_that_is_not_the_one_that_was_planned_is_not_done(here: Place) -> None:
    """A job that has the old value of a variable does not say that the new one is written."""
    here.write({"stack/stack.yaml": SECRET})
    here.apply("stack", env={"RECONCILER_VAR_TOKEN": "one"})
    planned = here.run("plan", "stack", "-o", "plan.json", env={"RECONCILER_VAR_TOKEN": "two"})
    before = here.writes()

    old = here.run("apply", "plan.json", env={"RECONCILER_VAR_TOKEN": "one"})
    new = here.run("apply", "plan.json", env={"RECONCILER_VAR_TOKEN": "two"})

    assert (planned.last_line[:26], old.code, new.code) == ("Plan: 0 to create, 1 to up", 6, 0)
    assert len(here.writes()) == len(before) + 1


def test_it_does_not_say_what_a_secret_is(here: Place) -> None:
    """Whoever has the file alone cannot try values out: the digest of a wish is made with the key of the account."""
    here.write({"stack/stack.yaml": SECRET})
    made = []
    for key in ("one", "two"):
        env = {"RECONCILER_VAR_TOKEN": "s3cret", "TWELVELABS_API_KEY": key}
        here.run("plan", "stack", "-o", f"{key}.json", env=env)
        made.append(json.loads((here.directory / f"{key}.json").read_text())["origin"]["declared"])

    assert made[0].keys() == made[1].keys()
    assert not set(made[0].values()) & set(made[1].values())


def test_a_plan_of_which_a_part_is_done_goes_on_after_an_edit_of_something_else(here: Place) -> None:
    fault = {"fault": "status", "status": 400, "method": "POST", "path": "/entity-collections", "count": 1}
    here.run("plan", "stack", "-o", "plan.json")
    here.served.emulator.add_fault(fault)
    assert here.run("apply", "plan.json").code == 7
    edited(here, ("assets:\n", "# later\nassets:\n"))

    said = here.run("apply", "plan.json")

    assert (said.code, "2 of its changes are done already" in said.err) == (0, True)


def test_after_a_part_is_done_what_is_left_must_be_wished_for_as_it_was(here: Place) -> None:
    fault = {"fault": "status", "status": 400, "method": "POST", "path": "/entity-collections", "count": 1}
    here.run("plan", "stack", "-o", "plan.json")
    here.served.emulator.add_fault(fault)
    here.run("apply", "plan.json")
    before = here.writes()
    edited(here, ("file: face.jpg", "file: face.jpg, ignore: [metadata]"))

    said = here.run("apply", "plan.json")

    assert (said.code, here.writes()) == (6, before)
    assert "assets/face: it is not declared as it was" in said.err


# Where the stack is


def test_it_says_which_directory_it_is_for(here: Place) -> None:
    here.run("plan", "stack", "-o", "plan.json")

    assert "Plan plan.json, for the stack in stack.\n" in here.run("apply", "plan.json").err


def test_of_two_checkouts_none_is_guessed(here: Place) -> None:
    for checkout in ("one", "two"):
        shutil.copytree(here.directory / "stack", here.directory / checkout / "stack")
    at = Place(here.directory / "one", here.served)
    at.run("plan", "stack", "-o", "plan.json")

    beside = Place(here.directory / "two", here.served)
    said = beside.run("apply", "../one/plan.json")
    shutil.copy(here.directory / "one/plan.json", here.directory / "two/plan.json")
    meant = beside.run("apply", "plan.json")

    assert (said.code, meant.code) == (1, 0)
    assert "two directories hold a stack 'sports': ../one/stack" in said.err
    assert "cd ../one && reconciler apply plan.json" in said.err
    assert "for the stack in stack." in meant.err


def test_a_directory_of_something_else_is_not_mistaken_for_the_stack(here: Place) -> None:
    inside = Place(here.directory / "stack", here.served)
    inside.run("plan", "-o", "../plan.json")
    here.write({"site.yaml": "docs: []\n"})

    said = here.run("apply", "plan.json")

    assert (said.code, "for the stack in stack." in said.err) == (0, True), said.err


# For any stack

KEY, ACCOUNT = sealing_key("https://api", "key"), account_of("https://api", "key")
words = st.sampled_from(["nba", "aba", 5, 2.5, True])
metadata = st.dictionaries(st.sampled_from("klm"), words, max_size=3)
asset = st.fixed_dictionaries({"file": st.sampled_from(["x.mp4", "y.mp4"])}, optional={"metadata": metadata})
assets = st.dictionaries(st.sampled_from("abc"), asset, min_size=1)


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Any]:
    """Some assets, some of them in an index, some shown by an entity."""
    found: dict[str, Any] = {"assets": draw(assets)}
    keys = st.sampled_from(sorted(found["assets"]))
    options = draw(st.sampled_from([["visual"], ["audio", "visual"]]))
    indexed = {key: draw(st.sampled_from([{}, {"metadata": {"k": 1}}])) for key in draw(st.sets(keys))}
    found["indexes"] = {"i": {"models": [{"name": "marengo3.0", "options": options}], "assets": indexed}}
    if faces := draw(st.lists(keys, unique=True)):
        found["entity_collections"] = {"p": {"entities": {"e": {"assets": faces, "description": draw(st.text("ab"))}}}}
    return found


def shuffled(value: Any, order: random.Random) -> Any:
    """The same with all keys, and the members of sets, in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], order) for key in order.sample(list(value), len(value))}
    return order.sample(value, len(value)) if isinstance(value, list) and value and isinstance(value[0], str) else value


def planned(declared: Mapping[str, Any], applied: Mapping[str, Any]) -> tuple[World, Plan]:
    made = world({"applied": applied, "stack": declared, "changed": ["y.mp4"]})
    return made, made.plan()


def basis(made: World, plan: Plan) -> Basis:
    declared = of_each(made.stack, KINDS, plan, KEY, destroy=False)
    return Basis(ACCOUNT, of_all(made.stack, KEY), declared, gates=gates_of(made.stack, plan, KEY))


def kept(before: World, saved: Plan, after: World, fresh: Plan) -> list[str]:
    """What stops a plan that went through its file; nothing, if it is kept."""
    file = read(render(saved, basis(before, saved), KEY), "plan.json")
    try:
        assert check(file, fresh, basis(after, saved), KINDS) == ()  # nobody has done anything
    except StalePlan as error:
        return list(error.moved)
    return []


def meaning(plan: Plan) -> Any:
    """What a plan does, told without the help of what is tested."""
    document = saved_json(replace(plan, changes=tuple(replace(it, reason="", facts={}) for it in plan.changes)))
    for change in document["changes"]:
        change["deltas"].sort(key=lambda delta: str(delta["path"]))
        if "assets" in change["fields"]:
            change["fields"]["assets"] = sorted(change["fields"]["assets"])
    steps = [json.dumps(step, sort_keys=True) for step in document["steps"]]
    return json.dumps(document["changes"], sort_keys=True), sorted(steps)


@settings(deadline=None, max_examples=40)
@given(stacks(), stacks(), st.integers(0, 10**6))
def test_another_order_of_all_that_has_none_keeps_any_plan(declared: Any, applied: Any, seed: int) -> None:
    before, saved = planned(declared, applied)
    after, fresh = planned(shuffled(copy.deepcopy(declared), random.Random(seed)), applied)

    assert kept(before, saved, after, fresh) == [], yaml.safe_dump([declared, applied])


@settings(deadline=None, max_examples=50)
@given(stacks(), stacks(), stacks())
def test_a_plan_is_kept_if_and_only_if_it_does_the_same(declared: Any, other: Any, applied: Any) -> None:
    before, saved = planned(declared, applied)
    for edited_stack in ({**declared, "assets": {**declared["assets"], **other["assets"]}}, other, applied):
        after, fresh = planned(edited_stack, applied)

        same = meaning(saved) == meaning(fresh)

        assert (kept(before, saved, after, fresh) == []) is same, yaml.safe_dump([declared, edited_stack, applied])


def test_where_a_value_comes_from_that_is_known_later_is_part_of_the_plan() -> None:
    form = {"type": "object", "properties": {"t": {"type": "string"}, "u": {"type": "string"}}, "required": ["t", "u"]}
    declared: dict[str, Any] = {
        "assets": {"a": {"file": "x.mp4"}},
        "analyses": {"it": {"of": "a", "model": "pegasus1.5", "prompt": "What?", "response": form}},
        "indexes": {"i": {"models": [{"name": "marengo3.0"}], "assets": {"a": {"metadata": {}}}}},
    }

    def told_by(pointer: str) -> tuple[World, Plan]:
        stack = copy.deepcopy(declared)
        stack["indexes"]["i"]["assets"]["a"]["metadata"]["k"] = {"from": "analyses/it", "at": pointer}
        return planned(stack, {})

    assert kept(*told_by("/t"), *told_by("/t")) == []
    (said,) = kept(*told_by("/t"), *told_by("/u"))
    assert said.startswith("indexes/i/assets/a: what would be changed is not what was planned")
