"""Plan files, damaged and forged: shown or refused with words, and never believed without the account's key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import click

from reconciler.cli.formats import FORMATS, Look, rendered
from reconciler.errors import Invalid, StalePlan
from reconciler.model import Basis
from reconciler.planfile import _digest, account_of, read, render, sealing_key
from reconciler.reports.result import Result, agreed
from tests.fuzz import bounded, damaged, inputs
from tests.support.planning import world
from tests.test_reports import ESTIMATE

KEY, ACCOUNT = sealing_key("https://api", "key"), account_of("https://api", "key")
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e308, 10**30, "", "\x1b[31m\n::error::x", "\ud800", "##[x]", "../../etc/passwd", "assets"),
    *([], {}, [[]], [None], {"$env": "${env.HUSH}"}, {"$env": ["a", "b"]}, {"a": {"b": [1, {"c": "d"}]}}),
    *("delete", "create", "assets/x/y/z", "x" * 5000),
)


@cache
def document() -> dict[str, Any]:
    """A plan with a bit of everything."""
    case = {
        "applied": {
            "assets": {"a": {"file": "a.mp4", "metadata": {"league": "aba"}}, "b": {"file": "b.mp4"}},
            "indexes": {"i": {"models": [{"name": "marengo3.0"}], "assets": {"a": {}}}},
        },
        "live": {"assets/a": {"metadata": {"league": "wnba"}, "facts": {"duration": 12.5}}},
        "stack": {
            "assets": {
                "a": {"file": "a.mp4", "metadata": {"league": "nba", "x": ["one"]}},
                "c": {"file": "c.mp4"},
            },
            "indexes": {"i": {"models": [{"name": "marengo3.0", "options": ["visual"]}], "assets": {"a": {}, "c": {}}}},
        },
    }
    plan = world(case).plan()
    plan = replace(plan, estimate=ESTIMATE)
    declared = {"assets/a": "e" * 32}
    origin = Basis(ACCOUNT, "d" * 32, declared, "stack", "../stack", {"season": "2024"}, {"tags": ["a"]})
    origin = replace(origin, options={"destroy": False})
    made: dict[str, Any] = json.loads(render(plan, origin, KEY))
    return made


def forged(random: Random) -> dict[str, Any]:
    """The plan with one to three values that are something else, and a digest that fits."""
    made = json.loads(json.dumps(document()))
    for _ in range(random.choice((1, 1, 2, 3))):
        place: Any = made
        while True:
            name = random.choice(list(place) if isinstance(place, Mapping) else range(len(place)))
            inner = place[name]
            if not isinstance(inner, dict | list) or not inner or random.random() < 0.3:
                break
            place = inner
        if random.random() < 0.2:
            del place[name]
        else:
            place[name] = random.choice(ODD)
        if not made:
            break
    rest = {key: value for key, value in made.items() if key not in ("digest", "seal")}
    return {**made, "digest": _digest(rest)}


def shown(text: str) -> None:
    """As `show` does it, in each format; whatever is in it, it does nothing and is one line where it should be."""
    try:
        saved = read(text, "plan.json")
    except (Invalid, StalePlan) as error:
        assert all(line.isprintable() for line in str(error).split("\n"))
        return
    result = Result("plan", saved.plan, consents=agreed(saved.origin.consent))
    for whole in (False, True):
        lines = click.unstyle(rendered("text", result, Look(whole, verbose=not whole))).split("\n")
        assert all(line.isprintable() and not line.lstrip().startswith("::") for line in lines)
    for form in FORMATS[1:]:
        page = rendered(form, result, Look())
        assert all(line.isprintable() for line in page.split("\n"))
        assert "##[" not in page
    if saved.digest != document()["digest"] or saved.seal != document()["seal"]:
        try:
            saved.believed(KEY, ACCOUNT)
        except StalePlan:
            return
        raise AssertionError("believed")


def test_a_damaged_plan_is_shown_or_refused_with_words() -> None:
    whole = json.dumps(document(), indent=1).encode()
    for random, seed in inputs("plan", 60):
        with bounded(seed):
            shown(damaged(whole, random).decode(errors="surrogateescape"))


def test_a_forged_plan_is_shown_or_refused_with_words_and_never_believed() -> None:
    for random, seed in inputs("forged", 150):
        with bounded(seed):
            shown(json.dumps(forged(random)))


def test_brackets_without_end_are_refused() -> None:
    rest = {key: value for key, value in document().items() if key not in ("digest", "seal")}
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    rest["changes"][0]["fields"] = {"x": deep}
    for text in ("[" * 100_000, '{"a":' * 100_000, json.dumps({**rest, "digest": _digest(rest), "seal": ""})):
        shown(text)
