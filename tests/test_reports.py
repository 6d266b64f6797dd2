"""Plans and drift in the formats that are pages and files: as recorded in `tests/cases/reports`, complete, and safe.

python -m tests.test_reports      writes the recorded files anew, to be read before they are committed
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.diff import drift_from
from reconciler.errors import Problem
from reconciler.model import Action, Change, ChangedBy, Cost, Delta, Estimate, Outcome, Plan, Report
from reconciler.redact import Secret, hidden
from reconciler.reports.gitlab import as_gitlab
from reconciler.reports.html import as_html
from reconciler.reports.json import as_json, dumps
from reconciler.reports.junit import as_junit
from reconciler.reports.markdown import LIMIT, as_markdown
from reconciler.reports.result import Result, Spot
from reconciler.reports.sarif import as_sarif
from reconciler.reports.text import as_text
from tests.support.planning import world
from tests.support.served import place

CASES = Path(__file__).parent / "cases" / "reports"

ESTIMATE = Estimate(
    writes=9,
    polls=12,
    reads_spent=5,
    uploads=2,
    upload_bytes=1_234_567,
    index_minutes=95.5,
    index_objects=3,
    index_objects_of_unknown_length=1,
    cost=Cost(4.01, "USD", "2026-01", "third parties, not the vendor", 1),
)
MODELS = [{"name": "marengo3.0", "options": ["visual", "audio"]}]
CHANGES = (
    Change(
        "assets/final",
        "Asset",
        Action.UPDATE,
        "changed in git and outside git",
        (
            Delta("metadata.league", "aba", "nba", ChangedBy.BOTH, "wnba"),
            Delta("metadata.season", 2023, 2024),
            Delta("metadata.token", hidden("0ld-s3cret"), Secret("s3cret", "${env.TOKEN}")),
        ),
    ),
    Change("assets/old", "Asset", Action.DELETE, "no longer declared"),
    *(
        Change(
            f"assets/matches-{number}",
            "Asset",
            Action.UPDATE,
            "changed in git",
            (Delta("metadata.season_type", "yy", "zz"),),
        )
        for number in range(1, 8)
    ),
    Change(
        "assets/new",
        "Asset",
        Action.CREATE,
        "new",
        (Delta("file", None, "media/new.mp4"), Delta("metadata", None, {"token": Secret("s3cret", "${env.TOKEN}")})),
    ),
    Change(
        "indexes/catalog",
        "Index",
        Action.REPLACE,
        "models cannot be changed in place",
        (Delta("models[0].options", ["visual"], ["visual", "audio"]),),
        ("models[0].options",),
        id="65e0",
        facts={"foreign": ["65f2"]},
    ),
    Change(
        "indexes/catalog/assets/final",
        "IndexedAsset",
        Action.REPLACE,
        "indexes/catalog is replaced",
        (),
        ("parent",),
        parent_id="65e0",
        facts={"duration": 15.0},
    ),
    Change("entity_collections/players", "EntityCollection", Action.ADOPT, "it is in the account and unmanaged"),
    Change("entity_collections/coaches", "EntityCollection", Action.MOVE, "it was entity_collections/trainers"),
    Change("entity_collections/others", "EntityCollection", Action.FORGET, "under `removed:`"),
)
APPLIED = {
    "assets": {
        "final": {"file": "media/final.mp4", "metadata": {"league": "wnba", "season": 2024}},
        "gone": {"file": "media/gone.mp4"},
        "fine": {"file": "media/fine.mp4"},
    }
}
LIVE = {"assets/final": {"metadata": {"league": "aba", "season": 2024}}, "assets/gone": "gone"}
CASE: dict[str, Any] = {"applied": APPLIED, "live": LIVE}


def drift_of(case: Mapping[str, Any]) -> tuple[str, list[Change]]:
    """As the engine tells it."""
    here = world(case)
    baseline, drift = drift_from(here.claims(), here.difference())
    return baseline, sorted(drift, key=lambda change: change.address)


DRIFT = tuple(drift_of(CASE)[1])
UNRECORDED = tuple(drift_of(CASE | {"recorded": "none"})[1])
PLAN = Plan(
    "sports",
    "twelvelabs",
    CHANGES,
    (),
    drift=DRIFT,
    estimate=ESTIMATE,
    diagnostics=(Problem("stack.yaml", 7, 3, "assets/new", "has the same bytes as assets/final", "warning"),),
    unmanaged={"Asset": 2},
)
IN_SYNC = Plan("sports", "twelvelabs", (), (), estimate=replace(ESTIMATE, writes=0))
FOREIGN = (("Asset", "65f0", "holiday <1>.mp4"), ("Index", "65f1", "`mine`"))


SPOTS = {"assets/final": Spot("stacks/my assets.yaml", 4, 3)}
HERE: dict[str, Any] = {"path": "stacks", "home": Spot("stacks/stack.yaml", 1, 1), "spots": SPOTS, "version": "9.9.9"}
REFUSED = (
    "indexes/catalog would be replaced (models cannot be changed in place), and 1 objects in it made anew; agree with "
    "--allow-replace indexes/catalog or `replace: allow`",
)
PLANNED = Result("plan", PLAN, **HERE, refusals=REFUSED, consents=("--allow-foreign indexes/*",))
CALM = Result("plan", IN_SYNC, **HERE)
REPORT = Report(
    "0007",
    (
        Outcome("assets/final", Action.UPDATE, "done", wrote=True),
        Outcome("assets/new", Action.CREATE, "failed", "the API says that `s` is too large"),
        Outcome("indexes/catalog", Action.REPLACE, "skipped", "it needs assets/new"),
    ),
    writes=2,
    requests=9,
)
APPLY = Result("apply", PLAN, **HERE, report=REPORT)
WRONG = Problem("stacks/stack.yaml", 3, 5, "assets/final", 'unknown field "filee"; did you mean "file"?')
ERROR = Result("error", Plan("", "", (), (), diagnostics=(WRONG,)), path="stacks", version="9.9.9", reason="invalid")


def drifted(drift: Sequence[Change], foreign: Sequence[tuple[str, str, str]] = (), **more: Any) -> Result:
    kinds = {kind for kind, _, _ in foreign}
    counts = {kind: sum(it[0] == kind for it in foreign) for kind in sorted(kinds)}
    plan = Plan("sports", "twelvelabs", (), (), drift=tuple(drift), unmanaged=counts)
    return Result("drift", plan, **{**HERE, "objects": tuple(foreign), **more})


DRIFTED = drifted(DRIFT, FOREIGN, compared=("assets/final", "assets/fine"))
WITHOUT_RECORD = drifted(UNRECORDED, baseline="declared")
IN_STEP = drifted((), compared=("assets/final",))


def reports() -> dict[str, str]:
    """File name → what it must hold."""
    return {
        "plan.md": as_markdown(PLANNED),
        "plan-in-sync.md": as_markdown(CALM),
        "plan.html": as_html(PLANNED),
        "plan.txt": click.unstyle(as_text(PLANNED)) + "\n",
        "plan.json": dumps(as_json(PLANNED)) + "\n",
        "plan.sarif": dumps(as_sarif(PLANNED)) + "\n",
        "plan.xml": as_junit(PLANNED),
        "plan.gitlab.json": dumps(as_gitlab(PLANNED)) + "\n",
        "apply.html": as_html(APPLY),
        "apply.md": as_markdown(APPLY),
        "apply.txt": click.unstyle(as_text(APPLY)) + "\n",
        "apply.xml": as_junit(APPLY),
        "error.html": as_html(ERROR),
        "error.md": as_markdown(ERROR),
        "error.sarif": dumps(as_sarif(ERROR)) + "\n",
        "error.xml": as_junit(ERROR),
        "drift.md": as_markdown(DRIFTED),
        "drift-none.md": as_markdown(IN_STEP),
        "drift-none.xml": as_junit(drifted(())),
        "drift.html": as_html(DRIFTED),
        "drift.xml": as_junit(DRIFTED),
        "drift.sarif": dumps(as_sarif(DRIFTED)) + "\n",
        "drift.json": dumps(as_json(DRIFTED)) + "\n",
        "drift.txt": as_text(DRIFTED) + "\n",
        "drift-unrecorded.md": as_markdown(WITHOUT_RECORD),
        "drift-unrecorded.txt": as_text(WITHOUT_RECORD) + "\n",
    }


@pytest.mark.parametrize("name", reports())
def test_a_report_reads_as_recorded(name: str) -> None:
    assert reports()[name] == (CASES / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", reports())
def test_no_secret_is_in_any_report(name: str) -> None:
    assert "s3cret" not in reports()[name]


def test_drift_says_in_each_format_which_side_is_which() -> None:
    made = reports()
    sides = {
        "drift.md": "Left: as it was applied; right: as it is now. (baseline: recorded)",
        "drift.html": '<th scope="col">last applied</th><th scope="col">live now</th>',
        "drift.xml": 'metadata.league: applied "wnba", now "aba"',
        "drift.sarif": 'metadata.league: applied \\"wnba\\", now \\"aba\\"',
        "drift.txt": "As applied → as it is now.",
        "drift-unrecorded.md": "Left: as it was declared; right: as it is now. (baseline: declared)",
        "drift-unrecorded.txt": "As declared → as it is now.",
    }
    assert [name for name, text in sides.items() if text not in made[name]] == []
    (delta,) = json.loads(made["drift.json"])["drift"][0]["deltas"]
    assert (delta["before"], delta["after"]) == ("wnba", "aba")
    for name in ("drift.md", "drift.txt", "drift-unrecorded.md", "drift-unrecorded.txt"):
        assert '"wnba" → "aba"' in made[name]


def test_without_a_record_drift_is_what_is_not_as_declared() -> None:
    baseline, drift = drift_of(CASE | {"recorded": "none"})

    assert baseline == "declared"
    assert [(change.address, change.action) for change in drift] == [
        ("assets/final", Action.UPDATE),
        ("assets/gone", Action.DELETE),
    ]
    assert drift_of({"applied": APPLIED, "recorded": "none"}) == ("declared", [])
    assert "No drift" not in as_text(drifted((), baseline="declared"))


def test_what_nothing_is_recorded_of_is_compared_with_what_is_declared() -> None:
    here = CASE | {
        "recorded": {"assets/final": "none"},
        "stack": {"assets": {**APPLIED["assets"], "new": {"file": "n.mp4"}}},
    }

    baseline, drift = drift_of(here)

    assert baseline == "recorded"
    assert [(change.address, change.action, change.reason) for change in drift] == [
        ("assets/final", Action.UPDATE, "it is not as it is declared"),
        ("assets/gone", Action.DELETE, "it is gone from the account"),
    ]


def test_every_change_is_on_every_page() -> None:
    changes = [change for change in CHANGES if "matches" not in change.address or change.address.endswith("1")]
    for page in (as_markdown(PLANNED), as_html(PLANNED)):
        assert [change.address for change in changes if change.address not in page] == []
    assert [change.address for change in CHANGES if change.address not in as_html(PLANNED)] == []


def test_what_is_destroyed_comes_first() -> None:
    for page in (as_markdown(PLANNED), as_html(PLANNED)):
        assert page.index("indexes/catalog/assets/final") < page.index("media/new.mp4")


# Whatever stands in names and values

NASTY = "</code><script>alert(1)</script>\n```\n# not a heading\x00\u202e"


def nasty() -> Result:
    change = Change("assets/x", "Asset", Action.UPDATE, NASTY, (Delta(f"metadata.{NASTY}", NASTY, f"````{NASTY}"),))
    assert ESTIMATE.cost is not None
    estimate = replace(ESTIMATE, cost=replace(ESTIMATE.cost, currency=NASTY, source=NASTY))
    plan = Plan(NASTY, NASTY, (change,), (), estimate=estimate, diagnostics=(Problem("", 0, 0, "", NASTY),))
    return Result("plan", plan, refusals=(NASTY,), consents=(NASTY,))


def test_a_fence_of_markdown_is_not_ended_by_what_is_in_it() -> None:
    text = as_markdown(nasty())

    fences = [line for line in text.splitlines() if line.startswith("`")]
    assert len(fences) == 10
    assert [fence.rstrip("dif") for fence in fences[::2]] == fences[1::2]
    assert "\n# not a heading" not in text


@given(st.text(), st.text())
def test_junit_is_xml_whatever_stands_in_it(name: str, value: str) -> None:
    change = Change("assets/x", "Asset", Action.UPDATE, name, (Delta(f"metadata.{name}", value, None),))

    root = ElementTree.fromstring(as_junit(drifted([change], compared=("assets/y",))))

    assert (root.get("tests"), root.get("failures")) == ("2", "1")


# Sizes


def planned(changes: Sequence[Change], **more: Any) -> Result:
    return Result("plan", Plan("sports", "twelvelabs", tuple(changes), (), estimate=ESTIMATE), **{**HERE, **more})


def many(action: Action, number: int, size: int = 10) -> list[Change]:
    return [
        Change(f"assets/{action.value}-{n:06}", "Asset", action, "why", (Delta("metadata.x", "x" * size, "y" * size),))
        for n in range(number)
    ]


@pytest.mark.parametrize(
    ("deletes", "creates", "size"),
    [(3, 2000, 10), (300, 2000, 300), (900, 50_000, 10), (3, 40, 100_000), (1400, 10, 350)],
)
def test_a_comment_has_room_for_it_and_each_destroyed_address_is_kept(deletes: int, creates: int, size: int) -> None:
    changes = (*many(Action.DELETE, deletes, size), *many(Action.CREATE, creates, size))

    text = as_markdown(planned(changes))

    assert len(text) <= LIMIT < 65_536
    assert all(change.address in text for change in changes[:deletes])
    assert f"{creates} to create" in text


def test_drift_is_cut_to_the_size_of_a_comment_too() -> None:
    text = as_markdown(drifted(many(Action.UPDATE, 5000, 200), [("Asset", "i" * 24, "n" * 50)] * 5000))

    assert len(text) <= LIMIT


# What does not fit is counted, and there is no size at which all of it goes


COUNT = re.compile(r"^- (\d+) of (\d+) (\S.*) shown whole, (\d+) by address, (\d+) not at all$", re.MULTILINE)


def updates(number: int, same: bool = False) -> list[Change]:
    return [
        Change(
            f"assets/asset-{n:06}",
            "Asset",
            Action.UPDATE,
            "changed in git",
            tuple(Delta(f"metadata.{key}", f"before {n * (not same)}", "after") for key in ("title", "note", "season")),
        )
        for n in range(number)
    ]


def counted_in(text: str) -> dict[str, tuple[int, int, int, int]]:
    """action → whole, shown with fields, by address, not at all."""
    return {what: (int(all), int(whole), int(by), int(no)) for whole, all, what, by, no in COUNT.findall(text)}


def fields_shown(text: str) -> int:
    return len(re.findall(r"^!     metadata\.", text, re.MULTILINE))


@pytest.mark.parametrize("limit", [2_000, 32_000, LIMIT, 150_000])
def test_of_more_updates_no_fewer_fields_are_shown(limit: int) -> None:
    texts = {number: as_markdown(planned(updates(number)), limit=limit) for number in (1, 150, 200, 600, 5_000)}

    shown = [fields_shown(text) for text in texts.values()]
    assert shown == sorted(shown)
    for number, text in texts.items():
        assert len(text) <= limit
        counts = counted_in(text)
        assert bool(counts) == (3 * number > fields_shown(text))
        if counts:
            whole, fields, by_address, nothing = counts["to update"]
            assert (whole, 3 * fields) == (number, fields_shown(text))
            assert fields + by_address + nothing == number
            assert fields + by_address == len(re.findall("^! update ", text, re.MULTILINE))
            assert f"{number - fields} × Asset: metadata.title, metadata.note, metadata.season" in text


def test_updates_that_are_the_same_are_shown_whole_however_many_they_are() -> None:
    text = as_markdown(planned(updates(5_000, same=True)))

    assert "! update 5000 × assets/asset-*" in text
    assert (fields_shown(text), counted_in(text)) == (3, {})
    assert len(text) < 1_500


actions = st.sampled_from(list(Action))


@given(
    st.lists(st.tuples(actions, st.integers(0, 300), st.booleans()), max_size=60),
    st.sampled_from([2_000, 4_000, 9_000]),
    st.lists(st.text(max_size=3_000), max_size=3),
)
def test_counts_add_up_and_nothing_is_longer_than_it_may_be(
    made: list[tuple[Action, int, bool]], limit: int, refusals: list[str]
) -> None:
    changes = [
        Change(f"assets/x{n}", "Asset", action, "why" * same, (Delta("metadata.k", "a", size * "v" if same else n),))
        for n, (action, size, same) in enumerate(made)
    ]
    text = as_markdown(planned(changes, refusals=tuple(refusals)), limit=limit)

    assert len(text) <= limit
    for what, (whole, fields, by_address, nothing) in counted_in(text).items():
        assert whole == sum(f"to {change.action.value}" == what for change in changes)
        assert fields + by_address + nothing == whole
    head, _, body = text.partition("```diff")
    assert head.startswith("### Plan for `sports`")
    missing = [change.address for change in changes if not re.search(rf"{change.address}\b", body)]
    untold = sum(nothing for *_, nothing in counted_in(text).values())
    joined = sum(int(number) for number in re.findall(r" and (\d+) more$", body, re.MULTILINE))
    assert len(missing) == untold + joined


def test_who_destroys_more_than_fits_is_told_exactly_how_much_is_not_named() -> None:
    changes = many(Action.DELETE, 5_000)

    text = as_markdown(planned(changes), limit=32_000)

    assert len(text) <= 32_000
    whole, fields, by_address, nothing = counted_in(text)["to delete"]
    assert (whole, fields + by_address) == (5_000, len(re.findall("^- assets/", text, re.MULTILINE)))
    assert nothing == 5_000 - fields - by_address > 0


# Through the command line

STACK = "stack: sports\nprovider: twelvelabs\nassets:\n  face: {file: face.jpg, metadata: {league: nba}}\n"


def test_drift_goes_into_a_file_in_each_format(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        here.write({"stack.yaml": STACK, "face.jpg": b"j" * 40})
        here.apply()
        (face,) = here.objects("/assets")
        here.api.patch(f"/assets/{face['_id']}/user-metadata", json={"user_metadata": {"league": "aba"}})

        for form, holds in (
            ("text", "Drift: 1 object"),
            ("json", '"drift"'),
            ("markdown", "### Drift of `sports`"),
            ("html", "<!doctype html>"),
            ("junit", '<testcase classname="sports.drift" name="assets/face">'),
            ("sarif", '"startLine": 4'),
        ):
            said = here.run("drift", "--format", form, "-o", f"drift.{form}")
            assert (said.code, said.out) == (2, "Drift: 1 object changed outside git.\n")
            assert holds in (tmp_path / f"drift.{form}").read_text()


def test_plan_and_show_know_the_same_formats(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        here.write({"stack.yaml": STACK, "face.jpg": b"j" * 40})
        here.run("plan", "-o", "plan.json")

        planned, shown = (
            {form: run("--format", form).out for form in ("markdown", "html")}
            for run in (partial(here.run, "plan"), partial(here.offline, "show", "plan.json"))
        )

        assert planned["markdown"] == shown["markdown"]
        assert '<p class="dim">Asset · stack.yaml:4</p>' in planned["html"]  # a saved plan does not say where
        beside = re.compile(' · stack.yaml:4|<dl class="origin">.*?</dl>', re.DOTALL)
        assert beside.sub("", planned["html"]) == beside.sub("", shown["html"])


if __name__ == "__main__":
    CASES.mkdir(parents=True, exist_ok=True)
    for name, text in reports().items():
        (CASES / name).write_text(text, encoding="utf-8")
    sys.stdout.write("\n".join(reports()) + "\n")
