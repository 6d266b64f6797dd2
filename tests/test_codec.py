"""The codec of plans: what is saved is read back, what is shown is a part of it, and its schema describes both."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.errors import Problem
from reconciler.model import Action, Basis, Change, ChangedBy, Cost, Create, Delta, Estimate, Plan
from reconciler.plan.codec import OF_A_SAVED_CHANGE, OF_A_SAVED_PLAN, Wrong, plan_from, saved_json, shown_json
from reconciler.plan.guards import Consent, refusals
from reconciler.planfile import read, render, sealing_key
from reconciler.providers.twelvelabs import KINDS
from reconciler.redact import Secret
from reconciler.schema import schemas
from tests.support.planning import stack_of
from tests.test_steps import addresses, fields, ids, names, steps, values

KEY = sealing_key("https://api", "key")
GOES = (Action.DELETE, Action.FORGET)
counts = st.integers(0, 10**6)
amounts = st.floats(0, 1e6)
deltas = st.builds(Delta, names, values, values, st.sampled_from(ChangedBy), values)
changes = st.builds(
    Change,
    address=addresses,
    kind=names,
    action=st.sampled_from(Action),
    reason=names,
    deltas=st.lists(deltas, max_size=2).map(tuple),
    replace_paths=st.lists(names, max_size=2).map(tuple),
    id=st.none() | ids,
    previous_address=st.none() | addresses,
    fields=fields,
    parent_id=st.none() | ids,
    facts=fields,
    protect=st.booleans(),
)
estimates = st.builds(
    Estimate,
    writes=counts,
    upload_bytes=counts,
    index_minutes=amounts,
    cost=st.none() | st.builds(Cost, amounts, names, st.none() | names, names, counts),
    seconds_at_rate_limit=st.none() | amounts,
)
plans = st.builds(
    Plan,
    stack=names,
    provider=names,
    changes=st.lists(changes, max_size=2).map(tuple),
    steps=st.lists(steps, max_size=2).map(tuple),
    drift=st.lists(changes, max_size=1).map(tuple),
    estimate=estimates,
    fingerprints=st.dictionaries(addresses, names, max_size=2),
    diagnostics=st.lists(st.builds(Problem, names, counts, counts, names, names, names), max_size=1).map(tuple),
    unmanaged=st.dictionaries(names, counts, max_size=2),
    stuck=st.dictionaries(addresses, names, max_size=1),
    left_out=counts,
)


@given(plans)
def test_a_plan_that_is_saved_is_read_back_whole_and_shows_no_secret(plan: Plan) -> None:
    text = render(plan, Basis(), KEY)
    saved = read(text, "plan.json")

    assert "very-secret" not in text
    assert saved_json(saved.plan) == saved_json(plan)
    assert (saved.plan.estimate, saved.plan.stuck) == (plan.estimate, plan.stuck)
    assert problems(json.loads(text)) == []


@given(plans)
def test_what_is_shown_of_a_plan_is_what_it_changes_and_not_how(plan: Plan) -> None:
    shown, saved = shown_json(plan), saved_json(plan)

    for name in OF_A_SAVED_PLAN:
        del saved[name]
    for change in (*saved["changes"], *saved["drift"]):
        for name in OF_A_SAVED_CHANGE:
            del change[name]
    assert shown == saved
    assert problems({"format_version": "1.1", **shown}) == []


@given(changes)
def test_what_goes_keeps_no_fields_and_what_is_not_there_is_left_out(change: Change) -> None:
    (written,) = saved_json(Plan("s", "p", (change,), ()))["changes"]

    assert (written["fields"] == {}) or change.action not in GOES
    assert [name in written for name in ("id", "previous_address")] == [
        change.id is not None,
        change.previous_address is not None,
    ]
    assert ["recorded" in told for told in written["deltas"]] == [
        delta.source is ChangedBy.BOTH for delta in change.deltas
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("estimate",), None),
        (("estimate", "writes"), -1),
        (("estimate", "index_minutes"), 1e300),
        (("estimate", "cost"), {"amount": 1}),
        (("left_out",), 10**30),
        (("changes", 0, "action"), "destroy"),
        (("changes", 0, "facts"), {"foreign": "all"}),
        (("steps", 0, "id"), "create assets/b"),
        (("steps", 0, "verb"), "aside"),
        (("steps", 0, "verb"), ["create"]),
        (("steps", 0), []),
        (("steps", 0), {"id": "bulk", "verb": "bulk", "kind": "Asset", "creates": {}, "needs": []}),
        (("diagnostics",), [{"severity": "note"}]),
        (("stack",), ["s"]),
    ],
)
def test_what_has_not_the_shape_is_refused(path: tuple[Any, ...], value: Any) -> None:
    change = Change("assets/a", "Asset", Action.CREATE, "new")
    document = json.loads(json.dumps(saved_json(Plan("s", "p", (change,), (Create("assets/a", "Asset", {}),)))))
    plan_from(document)
    place: Any = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value

    with pytest.raises(Wrong):
        plan_from(document)


def test_a_secret_is_saved_as_what_the_yaml_said() -> None:
    change = Change("assets/a", "Asset", Action.CREATE, "new", fields={"name": Secret("hush", "${env.HUSH}")})
    document = saved_json(Plan("s", "p", (change,), ()))

    (again,) = plan_from(document).changes

    assert document["changes"][0]["fields"] == {"name": {"$env": "${env.HUSH}"}}
    assert isinstance(again.fields["name"], Secret)


def test_money_is_a_limit_like_minutes_and_bytes() -> None:
    """The cost of a real estimate is an amount with a currency: it tripped nothing as long as it was looked for as a
    number."""
    stack = stack_of({"assets": {"a": {"file": "a.mp4"}}, "guards": {"max_cost": 3}})
    cost = Cost(3.5, "USD", "2026-01", "the table", 0)

    (line,) = refusals(Plan("s", "p", (), (), estimate=Estimate(cost=cost)), stack, KINDS, 1, Consent())

    assert line == "3.5 to pay, at most 3 (guards.max_cost); agree with --allow-cost"


def problems(document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(json.loads(json.dumps(document)))]


VALIDATOR = Draft202012Validator(schemas()["plan.json"])
