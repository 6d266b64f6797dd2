"""The planner's manual, run: every case of tests/cases/plan, and that docs/order.md names them."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.providers.twelvelabs import KINDS
from tests.support.planning import CASES, cases, outcome

FILES = sorted(CASES.glob("*.yaml"))
ALL = [(file.stem, case) for file in FILES for case in cases(file)]
ROOT = Path(__file__).parent.parent
ORDER = ROOT / "docs" / "order.md"


@pytest.mark.parametrize(("file", "case"), ALL, ids=[f"{file}: {case['name']}" for file, case in ALL])
def test_a_case_gives_the_plan_that_it_says(file: str, case: dict[str, Any]) -> None:
    given = outcome(case)

    expected = {name: case[name] or [] for name in ("plan", "drift", "steps", "problems") if name in case}
    assert {name: given.get(name) for name in expected} == expected
    assert given.get("refused", []) == case.get("refused", [])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_cases_fit_their_schema(file: Path) -> None:
    schema = json.loads((CASES / "schema.json").read_text())
    Draft202012Validator.check_schema(schema)

    problems = [error.message for error in Draft202012Validator(schema).iter_errors(cases(file))]

    assert problems == []


def test_there_are_at_least_sixty_cases_and_no_name_stands_twice() -> None:
    names = [case["name"] for _, case in ALL]

    assert len(names) >= 60
    assert len(set(names)) == len(names)


def test_a_case_that_a_comment_names_as_its_reason_is_there() -> None:
    """`("replace: an index is renamed, …")` in a comment or a docstring of `plan/` is the name of a case."""
    sources = (file.read_text(encoding="utf-8") for file in (ROOT / "reconciler" / "plan").glob("*.py"))
    texts = (re.sub(r"\s+(?:# )?", " ", source) for source in sources)
    named = {name for text in texts for name in re.findall(r'\("([a-z][^"()]* [^"()]* [^"()]*)"\)', text)}

    assert len(named) >= 10
    assert named - {case["name"] for _, case in ALL} == set()


def test_text_keeps_to_80_columns_but_for_what_was_asked_for_whole() -> None:
    lines = [line for _, case in ALL if not case.get("whole") for line in case.get("plan", "").splitlines()]

    assert [line for line in lines if len(line) > 80] == []


def test_every_pair_of_kinds_is_worked_out_on_paper_and_by_a_case() -> None:
    rows = re.findall(r"^\| (\w+), (\w+) \|.*\|$", ORDER.read_text(encoding="utf-8"), flags=re.M)

    pairs = {frozenset(pair) for pair in combinations([kind.__name__ for kind in KINDS], 2)}

    assert {frozenset(row) for row in rows} == pairs


def test_what_the_page_on_order_names_are_cases() -> None:
    known = {case["name"] for _, case in ALL}
    named = re.findall(r"“([^”]+)”", ORDER.read_text(encoding="utf-8"))

    assert [name for name in named if name not in known] == []
    assert {name for name in known if re.match(r"(create|replace|delete|rename): ", name)} <= set(named)
