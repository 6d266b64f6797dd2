"""Guards beyond the cases of tests/cases/plan/guards.yaml: where problems stand, and that the table is whole."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from reconciler.load import load
from reconciler.model import Action, Change, Cost, Estimate, Plan
from reconciler.plan import guards
from reconciler.plan.guards import Consent
from reconciler.providers.twelvelabs import KINDS
from tests.support.planning import stack_of

PLAN = Plan("s", "twelvelabs", (), ())
STACK = stack_of({"assets": {"a": {"file": "a.mp4"}}})


def change(action: Action, **more: object) -> Change:
    return replace(Change("indexes/i", "Index", action, "why", id="id-i"), **more)  # type: ignore[arg-type]


def test_a_wrong_guard_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("stack: s\nprovider: twelvelabs\nguards:\n  max_deletes: 5\n  max_kost: 3\n")

    (problem,) = guards.problems(load(tmp_path, environ={}))

    assert (problem.line, problem.column) == (5, 13)
    assert problem.summary == 'unknown guard "max_kost"; did you mean "max_cost"?'


@pytest.mark.parametrize("name", guards.DEFAULTS)
def test_every_limit_takes_numbers_from_zero_on(name: str) -> None:
    assert guards.problems(replace(STACK, guards={name: 0})) == []
    assert guards.problems(replace(STACK, guards={name: 0.5})) == []
    assert guards.problems(replace(STACK, guards={name: -1})) != []
    assert guards.problems(replace(STACK, guards={name: "5"})) != []
    assert guards.problems(replace(STACK, guards={name: float("nan")})) != []


def test_the_account_s_plan_is_no_limit() -> None:
    assert guards.problems(replace(STACK, guards={"plan": "free"})) == []


def test_nothing_is_agreed_to_by_default() -> None:
    assert not any(getattr(Consent(), field.name) for field in fields(Consent))


def test_no_consent_helps_against_protect() -> None:
    everything = Consent(True, frozenset({"*"}), True, True, frozenset({"*"}), True, True)
    plan = replace(PLAN, changes=(change(Action.DELETE, protect=True),))

    assert len(guards.refusals(plan, STACK, KINDS, 1, everything)) == 1


def test_each_thing_that_trips_is_told() -> None:
    facts = {"foreign": ["theirs"], "never_made": True}
    plan = replace(
        PLAN,
        changes=(change(Action.DELETE, protect=True, facts=facts),),
        estimate=Estimate(cost=Cost(3, "USD", None, "me", 0)),
    )
    stack = replace(STACK, resources={}, guards={"max_cost": 1, "max_deletes": 0, "max_index_minutes": 0})

    refused = guards.refusals(plan, stack, KINDS, 1, Consent())

    words = ("is protected", "--allow-foreign", "never made it", "declares nothing", "1 delete,", "to pay")
    assert [word for word, line in zip(words, refused, strict=True) if word not in line] == []


def test_consent_to_a_pattern_is_consent_to_nothing_else() -> None:
    plan = replace(PLAN, changes=(change(Action.REPLACE),))

    assert guards.refusals(plan, STACK, KINDS, 1, Consent(replace=frozenset({"indexes/j", "assets/*"}))) != []
    assert guards.refusals(plan, STACK, KINDS, 1, Consent(replace=frozenset({"indexes/*"}))) == []
