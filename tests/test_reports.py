"""Plans and drift in the formats that are pages and files: as recorded in `tests/cases/reports`, complete, and safe.

python -m tests.test_reports      writes the recorded files anew, to be read before they are committed
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.diff import drift_from
from reconciler.errors import Problem
from reconciler.model import Action, Change, ChangedBy, Cost, Delta, Estimate, Plan
from reconciler.redact import Secret, hidden
from reconciler.reports.html import drift_html, plan_html
from reconciler.reports.json import drift_json, dumps
from reconciler.reports.junit import drift_junit
from reconciler.reports.markdown import LIMIT, drift_markdown, plan_markdown
from reconciler.reports.sarif import drift_sarif
from reconciler.reports.text import drift_text
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
    ),
    Change(
        "indexes/catalog/assets/final", "IndexedAsset", Action.REPLACE, "indexes/catalog is replaced", (), ("parent",)
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


def where(address: str, *path: object) -> tuple[str, int, int]:
    return ("parts/my assets.yaml", 4, 3)


def reports() -> dict[str, str]:
    """File name → what it must hold."""
    return {
        "plan.md": plan_markdown(PLAN),
        "plan-in-sync.md": plan_markdown(IN_SYNC),
        "plan.html": plan_html(PLAN),
        "drift.md": drift_markdown("sports", DRIFT, FOREIGN),
        "drift-none.md": drift_markdown("sports", ()),
        "drift.html": drift_html("sports", "twelvelabs", DRIFT, FOREIGN),
        "drift.xml": drift_junit("sports", DRIFT, ["assets/final", "assets/fine"]),
        "drift.sarif": json.dumps(drift_sarif("sports", DRIFT, where, frozenset({"assets/final"})), indent=2) + "\n",
        "drift.json": dumps(drift_json("sports", "twelvelabs", DRIFT, FOREIGN)) + "\n",
        "drift.txt": drift_text("sports", DRIFT, FOREIGN) + "\n",
        "drift-unrecorded.md": drift_markdown("sports", UNRECORDED, baseline="declared"),
        "drift-unrecorded.txt": drift_text("sports", UNRECORDED, baseline="declared") + "\n",
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
        "drift.html": "<th>as applied</th><th>now</th>",
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
    assert "No drift" not in drift_text("sports", (), baseline="declared")


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
    for page in (plan_markdown(PLAN), plan_html(PLAN)):
        assert [change.address for change in CHANGES if change.address not in page] == []


def test_what_is_destroyed_comes_first() -> None:
    for page in (plan_markdown(PLAN), plan_html(PLAN)):
        assert page.index("indexes/catalog/assets/final") < page.index("media/new.mp4")


# Whatever stands in names and values

NASTY = "</code><script>alert(1)</script>\n```\n# not a heading\x00\u202e"


def nasty() -> Plan:
    change = Change("assets/x", "Asset", Action.UPDATE, NASTY, (Delta(f"metadata.{NASTY}", NASTY, f"````{NASTY}"),))
    assert ESTIMATE.cost is not None
    estimate = replace(ESTIMATE, cost=replace(ESTIMATE.cost, currency=NASTY, source=NASTY))
    return Plan(NASTY, NASTY, (change,), (), estimate=estimate, diagnostics=(Problem("", 0, 0, "", NASTY),))


class Tags(HTMLParser):
    """All tags, and all attributes that could lead elsewhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href", "action", "onclick", "style")]


def test_a_page_of_html_runs_nothing_and_loads_nothing() -> None:
    for page in (plan_html(nasty()), drift_html("sports", "twelvelabs", nasty().changes, [("Asset", NASTY, NASTY)])):
        found = Tags(page)
        assert not found.tags & {"script", "img", "link", "iframe", "object", "form"}
        assert found.links == []
        assert "default-src 'none'" in page
        assert not re.search(r"url\(|@import|https?://", page)


def test_a_fence_of_markdown_is_not_ended_by_what_is_in_it() -> None:
    text = plan_markdown(nasty())

    fences = [line for line in text.splitlines() if line.startswith("`")]
    assert len(fences) == 6
    assert [fence.rstrip("dif") for fence in fences[::2]] == fences[1::2]
    assert "\n# not a heading" not in text


@given(st.text(), st.text())
def test_junit_is_xml_whatever_stands_in_it(name: str, value: str) -> None:
    change = Change("assets/x", "Asset", Action.UPDATE, name, (Delta(f"metadata.{name}", value, None),))

    root = ElementTree.fromstring(drift_junit("sports", [change], ["assets/y"]))

    assert (root.get("tests"), root.get("failures")) == ("2", "1")


# Sizes


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

    text = plan_markdown(Plan("sports", "twelvelabs", changes, (), estimate=ESTIMATE))

    assert len(text) <= LIMIT < 65_536
    assert all(change.address in text for change in changes[:deletes])
    assert f"{creates} to create" in text


def test_what_was_cut_out_of_the_middle_is_counted() -> None:
    changes = many(Action.CREATE, 5000)

    text = plan_markdown(Plan("sports", "twelvelabs", tuple(changes), (), estimate=ESTIMATE))

    assert changes[0].address in text
    assert changes[-1].address in text
    assert "… 4000 more …" in text
    assert "Not all of it fits into a comment" in text


def test_drift_is_cut_to_the_size_of_a_comment_too() -> None:
    text = drift_markdown("sports", many(Action.UPDATE, 5000, 200), [("Asset", "i" * 24, "n" * 50)] * 5000)

    assert len(text) <= LIMIT


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

        for form in ("markdown", "html"):
            assert here.run("plan", "--format", form).out == here.offline("show", "plan.json", "--format", form).out


if __name__ == "__main__":
    CASES.mkdir(parents=True, exist_ok=True)
    for name, text in reports().items():
        (CASES / name).write_text(text, encoding="utf-8")
    sys.stdout.write("\n".join(reports()) + "\n")
