"""What stands beside the changes on a page: runs before, what needs what, checks, where it is from."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Action, Change
from reconciler.reports.html import as_html
from reconciler.reports.html.history import bars
from reconciler.reports.html.marks import coded
from reconciler.reports.html.picture import Picture, picture
from reconciler.reports.result import Spot
from reconciler.state import RunRow
from tests.support.served import place
from tests.test_html import NASTY, Page, plan_of, update

BEGAN = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)


def run(number: int, result: str | None = "done", **counts: int) -> RunRow:
    began = BEGAN - timedelta(hours=number)
    ended = began + timedelta(seconds=90) if result else None
    requests, writes = (7, 3) if result else (None, None)
    return RunRow(
        f"2026-{number}", "reconciler apply .", "ci", "runner", 1, began, ended, result, requests, writes, counts
    )


# Runs before


def test_runs_are_told_one_by_one_and_drawn_the_last_on_the_right() -> None:
    runs = (run(0, "failed", create=1, failed=1), run(1, None), run(2, create=4, update=4))
    page = as_html(replace(plan_of(update("a", 1, 2)), runs=runs))

    assert [(bar.number, bar.mark, bar.result) for bar in bars(runs)] == [
        ("8", "", "done"),
        ("?", "?", "untold"),
        ("2", "×", "failed"),
    ]
    heights = [bar.height for bar in bars(runs)]
    assert heights[0] > heights[2] > heights[1] > 0
    text = Page(page).text()
    assert "Runs before: 3" in text
    assert "2026-11-27 06:00:00 UTC" in text and "90.0 s" in text and "7, 3 of them writes" in text
    assert "no end is noted" in text and "1 create, 1 failed" in text


def test_one_run_is_no_chart_and_none_is_nothing() -> None:
    assert "<svg" not in as_html(replace(plan_of(update("a", 1, 2)), runs=(run(0, create=1),)))
    assert "Runs before" not in as_html(plan_of(update("a", 1, 2)))


def test_runs_that_did_nothing_have_bars_too() -> None:
    assert [(bar.number, bar.height) for bar in bars((run(0), run(1)))] == [("0", 3), ("0", 3)]


# What needs what

NEEDS = (
    ("indexes/c/assets/a", "indexes/c", "in"),
    ("indexes/c/assets/a", "assets/a", "ref"),
    ("embeddings/e/a", "assets/a", "ref"),
    ("assets/b", "embeddings/e/a", "value"),
)
ADDRESSES = ("assets/a", "assets/b", "embeddings/e/a", "indexes/c", "indexes/c/assets/a")


def drawn(changes: tuple[Change, ...] = ()) -> Picture:
    made = picture(ADDRESSES, NEEDS, changes)
    assert made is not None
    return made


def test_what_is_needed_stands_left_of_what_needs_it() -> None:
    at = {box.text: box for box in drawn().boxes}

    assert sorted(at) == sorted(ADDRESSES)
    assert all(at[target].x + at[target].width < at[source].x for source, target, _ in NEEDS)
    assert drawn().words[0] == ("indexes/c/assets/a", "lives in", "indexes/c")


def test_boxes_say_what_happens_to_them() -> None:
    changes = (Change("assets/a", "Asset", Action.REPLACE, ""), Change("gone", "Asset", Action.DELETE, ""))

    assert [(box.text, box.action) for box in drawn(changes).boxes if box.action != "same"] == [
        ("-/+ assets/a", "replace")
    ]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_boxes_never_lie_on_each_other_and_all_are_in_the_picture(pairs: list[tuple[int, int]]) -> None:
    addresses = [f"assets/{'x' * (number % 7)}{number:02}" for number in range(31)]
    edges = [(addresses[max(pair)], addresses[min(pair)], "ref") for pair in pairs if pair[0] != pair[1]]

    made = picture(addresses, edges, ())

    assert (made is None) == (not edges)
    if made:
        assert len(made.boxes) == 31
        assert all(0 <= box.x <= made.width - box.width and 0 <= box.y <= made.height - 26 for box in made.boxes)
        boxes = sorted(made.boxes, key=lambda box: (box.x, box.y))
        assert all(a.y + 26 < b.y for a, b in pairwise(boxes) if a.x == b.x)
        assert picture(addresses, edges, ()) == made


def test_what_needs_each_other_is_not_drawn() -> None:
    assert picture(("a/1", "a/2"), (("a/1", "a/2", "ref"), ("a/2", "a/1", "ref")), ()) is None


# Where it is from


def test_a_place_in_yaml_leads_to_where_the_host_shows_it_and_nowhere_else() -> None:
    there = replace(plan_of(update("a", 1, 2)), spots={"assets/x": Spot("stacks/my assets.yaml", 4, 3)})
    links = {
        sources: re.findall(r'href="(.*?)"', as_html(replace(there, sources=sources)))
        for sources in ("https://host/o/r/blob/1/", "", "javascript:alert(1)//", "https://host/\"onclick='x'/")
    }

    assert links == {
        "https://host/o/r/blob/1/": ["https://host/o/r/blob/1/stacks/my%20assets.yaml#L4"],
        "": [],
        "javascript:alert(1)//": [],
        "https://host/\"onclick='x'/": ["https://host/&#34;onclick=&#39;x&#39;/stacks/my%20assets.yaml#L4"],
    }
    page = Page(as_html(replace(there, sources="https://host/\"onclick='x'/")))
    assert [set(given) for tag, given in page.tags if tag == "a"] == [{"href", "rel"}]


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("agree with --allow-replace indexes/* or `replace: allow`", ["--allow-replace indexes/*", "replace: allow"]),
        ("agree with --allow-deletes to go on", ["--allow-deletes"]),
        ("nothing to type - or --", []),
    ],
)
def test_what_is_to_be_typed_is_marked(text: str, typed: list[str]) -> None:
    assert [piece for piece, code in coded(text) if code] == typed


@given(st.text())
def test_a_message_says_the_same_with_what_is_to_be_typed_marked(text: str) -> None:
    assert "".join(piece for piece, _ in coded(text)) == re.sub("`([^`]+)`", r"\1", text)


def test_all_that_stands_beside_is_text_too() -> None:
    runs = (replace(run(0, "done"), who=NASTY, host=NASTY, command=NASTY, run=NASTY, counts={NASTY: 2}), run(1, NASTY))
    whole = replace(
        plan_of(update("a", 1, 2)),
        runs=runs,
        account=NASTY,
        commit=NASTY,
        addresses=("assets/x", NASTY),
        needs=((NASTY, "assets/x", "in"),),
    )

    page = Page(as_html(whole))

    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not {name for _, given in page.tags for name in given} & {"onload", "onerror", "src", "href"}
    assert {box for tag, given in page.tags if tag == "g" for box in [given["class"]]} == {
        "done", "untold", "box update", "box same"
    }  # fmt: skip


# Through the command line

STACK = """stack: sports
provider: twelvelabs
assets:
  clip: {file: clip.mp4}
indexes:
  catalog:
    models: [{name: marengo3.0, options: [visual]}]
    assets: {clip: {}}
"""


def test_a_page_of_a_real_run_has_runs_checks_account_commit_and_what_needs_what(tmp_path: Path) -> None:
    checks = (
        "checks:\n  found: {in: indexes/catalog, queries: {one: {text: clip, expect: [clip]}}, floors: {recall: 0}}\n"
    )
    runner = {
        "GITHUB_WORKSPACE": str(tmp_path),
        "GITHUB_SHA": "0123456789abcdef",
        "GITHUB_SERVER_URL": "https://host",
        "GITHUB_REPOSITORY": "o/r",
    }
    with place(tmp_path) as here:
        here.write({"stack.yaml": STACK + checks, "clip.mp4": b"v" * 4000})
        applied = here.apply("--check", "--report", "apply.html", env=runner)
        assert applied.code == 0, applied.err
        again = here.apply("--report", "again.html")
        drift = here.run("drift", "--report", "drift.html")
        here.write({"stack.yaml": (STACK + checks).replace("clip.mp4", "clip.mp4, metadata: {n: 1}")})
        planned = here.run("plan", "--format", "html", env=runner)

    assert (again.code, drift.code, planned.code) == (0, 0, 0)
    first, second, third = (
        Page((tmp_path / f"{name}.html").read_text(encoding="utf-8")).text() for name in ("apply", "again", "drift")
    )
    text = Page(planned.out).text()
    assert "passed checks/found" in first and "recall" in first
    assert "Runs before: 1" in first and "Runs before: 2" in second and "Runs before: 2" in third
    assert "indexes/catalog/assets/clip lives in indexes/catalog" in text
    assert "127.0.0.1" in text and "0123456789ab" in text and "0123456789ab" not in second
    assert 'href="https://host/o/r/blob/0123456789abcdef/stack.yaml#L' in planned.out
    assert "href=" not in (tmp_path / "again.html").read_text(encoding="utf-8")
