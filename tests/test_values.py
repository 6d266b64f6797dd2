"""Values as people read them: what differs shows, however long, and what is shown alike is alike."""

from __future__ import annotations

import json
from typing import Any

import click
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Action, Change, Delta, Plan
from reconciler.redact import Secret, hidden
from reconciler.reports.result import Result
from reconciler.reports.text import as_text
from reconciler.reports.values import both, shown
from tests.test_reports import ESTIMATE

words = st.sampled_from(["a", "b", "league", "1", "true", "x y", "é", " ", "", "..", "-1", "NaN", "e\u0301", "\u00a0"])
scalars = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 2.5]) | words | st.text(max_size=9)
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda it: st.lists(it, max_size=4) | st.dictionaries(words, it, max_size=3), max_leaves=8
)
texts = st.lists(words | st.text(max_size=30), max_size=60).map(" ".join)
long_values = texts | st.lists(texts, max_size=30) | st.dictionaries(words, texts, max_size=9) | values


@given(values, values)
def test_what_is_shown_alike_is_alike(one: Any, other: Any) -> None:
    assert (shown(one) == shown(other)) == (json.dumps(one) == json.dumps(other))


@given(long_values, long_values, st.integers(80, 400))
def test_of_two_values_that_differ_the_difference_is_shown_in_little_room(one: Any, other: Any, most: int) -> None:
    left, right, in_part = both(one, other, most)

    assert (left == right) == (json.dumps(one) == json.dumps(other))
    assert max(len(left), len(right)) <= most
    assert in_part == (max(len(shown(one)), len(shown(other))) > most)
    assert left.isprintable() and right.isprintable()


@given(st.text(min_size=500, max_size=600), st.integers(0, 500), st.text(min_size=1, max_size=3))
def test_one_letter_in_a_long_word_shows(text: str, at: int, put: str) -> None:
    left, right, _ = both(text, text[:at] + put + text[at:], 100)

    assert left != right


def test_words_that_differ_stand_in_what_is_around_them() -> None:
    before = " ".join(f"word{n}" for n in range(200))
    after = before.replace("word77 ", "another ").replace("word150", "last")

    assert both(before, after, 400) == (
        '"…word75 word76 word77 word78 word79…word148 word149 word150 word151 word152…"',
        '"…word75 word76 another word78 word79…word148 word149 last word151 word152…"',
        True,
    )


def test_of_lists_and_mappings_the_items_that_differ_are_shown() -> None:
    before = [f"assets/clip-{n}" for n in range(100)]
    after = [*before[:50], "assets/new", *before[51:]]

    assert both(before, after, 400) == (
        "[… 50 the same …, assets/clip-50, … 49 the same …]",
        "[… 50 the same …, assets/new, … 49 the same …]",
        True,
    )
    many = {f"key-{n}": n for n in range(100)}
    assert both(many, many | {"key-7": 8}, 400) == ("{key-7: 7, … 99 the same …}", "{key-7: 8, … 99 the same …}", True)


def test_what_differs_only_in_what_is_not_shown_says_so() -> None:
    assert both(hidden("one"), hidden("two"), 400)[1] == "(not shown) (differs in what is not shown)"
    assert both(Secret("one", "${env.X}"), hidden("two"), 400)[:2] == ("(from the environment)", "(not shown)")


def plan_of(*deltas: Delta, action: Action = Action.UPDATE) -> Plan:
    return Plan("s", "twelvelabs", (Change("assets/a", "Asset", action, "why", deltas),), (), estimate=ESTIMATE)


def test_a_plan_says_what_it_shows_in_part_and_how_to_see_all() -> None:
    before = " ".join(f"word{n}" for n in range(200))
    plan = plan_of(Delta("metadata.notes", before, before.replace("word77 ", "another ")))

    text = as_text(Result("plan", plan))
    assert "another" in text
    assert "# shown in part: --whole shows all" in text
    assert max(len(line) for line in click.unstyle(text).split("\n") if line.startswith("  ")) <= 80
    assert before in as_text(Result("plan", plan), whole=True)
    assert "shown in part" not in as_text(Result("plan", plan), whole=True)


def test_a_plan_is_as_wide_as_there_is_room() -> None:
    plan = plan_of(Delta("metadata.notes", "one " * 12, "two " * 12))

    narrow, wide = (as_text(Result("plan", plan), columns=columns).split("\n") for columns in (80, 200))
    assert len(narrow) == len(wide) + 2


def test_a_new_object_shows_all_models_and_keys_on_lines_of_their_own() -> None:
    models = [{"name": f"model-{n}", "options": ["visual", "audio"]} for n in range(12)]
    text = as_text(Result("plan", plan_of(Delta("models", None, models), action=Action.CREATE)))

    lines = text.split("\n")
    assert [n for n in range(12) if f'        - {{name: "model-{n}", options: [visual, audio]}}' not in lines] == []
