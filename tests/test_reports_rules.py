"""The rules of those who read reports, held against every report that is recorded: Jenkins, GitHub, GitLab, programs.

Their own readers are run by tests/test_readers.py where they can be had; these rules need nobody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from reconciler.errors import Problem
from reconciler.model import Action, Change, Plan
from reconciler.reports.gitlab import as_gitlab
from reconciler.reports.json import as_json
from reconciler.reports.result import Result, Spot
from reconciler.reports.sarif import as_sarif
from tests.support.commandline import CHECKOUT

REPORTS = CHECKOUT / "tests/cases/reports"

# What the xUnit plugin of Jenkins takes (its junit-10.xsd): an attribute that it does not know fails the build.
ATTRIBUTES = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set[str]()),
    "testsuite": (
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"name", "tests", "failures", "errors"},
    ),
    "testcase": ({"time", "classname", "group"}, {"name"}),
    "failure": ({"type", "message"}, set[str]()),
    "error": ({"type", "message"}, set[str]()),
    "skipped": ({"type", "message"}, set[str]()),
    "properties": (set[str](), set[str]()),
    "property": (set[str](), {"name", "value"}),
}
"""Element → (attributes that it may have, attributes that it must have)."""
INSIDE = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase", "properties"},
    "testcase": {"failure", "error", "skipped"},
    "properties": {"property"},
}


def recorded(end: str) -> list[Any]:
    return [pytest.param(file, id=file.name) for file in sorted(REPORTS.glob(f"*.{end}"))]


@pytest.mark.parametrize("file", recorded("xml"))
def test_jenkins_takes_junit(file: Path) -> None:
    root = ElementTree.parse(file).getroot()

    assert root.tag == "testsuites"
    for element in root.iter():
        may, must = ATTRIBUTES[element.tag]
        assert must <= set(element.attrib) <= may | must, element.tag
        assert {inner.tag for inner in element} <= INSIDE.get(element.tag, set())
    assert root.findall(".//testcase"), "a report of no test fails a build"


def wrong(report: dict[str, Any]) -> Iterator[str]:
    """Where a file of SARIF is not as GitHub takes it: all of it is refused for one of these."""
    (run,) = report["runs"]
    rules = run["tool"]["driver"]["rules"]
    if not re.fullmatch(r"reconciler/[^/]+/", run["automationDetails"]["id"]):
        yield "category"
    if len(run["results"]) > 25_000 or len(rules) > 25_000:
        yield "limits"
    for rule in rules:
        if not all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help")) or not rule["name"]:
            yield f"rule {rule['id']}"
    for result in run["results"]:
        if rules[result["ruleIndex"]]["id"] != result["ruleId"] or not result["message"]["text"]:
            yield f"result of {result['ruleId']}"
        if not result.get("locations"):
            yield "no location"
        for location in result.get("locations", []):
            yield from misplaced(**location["physicalLocation"])


def misplaced(artifactLocation: dict[str, str], region: dict[str, int]) -> Iterator[str]:
    """Paths are from the root of the repository, and a region says a line."""
    uri = artifactLocation["uri"]
    if not uri or ":" in uri or uri.startswith("/") or ".." in uri.split("/"):
        yield f"not from the repository's root: {uri}"
    if "startLine" not in region or min(region.values()) < 1:
        yield "region"


@pytest.mark.parametrize("file", recorded("sarif"))
def test_github_takes_sarif(file: Path) -> None:
    assert [*wrong(json.loads(file.read_text(encoding="utf-8")))] == []


def drifted(count: int, home: Spot | None = None) -> Result:
    changes = tuple(Change(f"assets/a{n}", "Asset", Action.DELETE, "gone") for n in range(count))
    return Result("drift", Plan("a/b c", "twelvelabs", (), (), drift=changes), path="stacks", home=home)


def test_github_takes_sarif_of_what_no_file_declares_any_more_and_of_more_than_it_shows() -> None:
    assert [*wrong(as_sarif(drifted(1)))] == []
    many = as_sarif(drifted(25_002, Spot("stacks/a b.yaml", 1, 1)))
    assert [*wrong(many)] == [] and many["runs"][0]["properties"]["leftOut"] == 2


def test_the_widget_of_gitlab_gets_three_numbers_and_none_of_an_error() -> None:
    assert as_gitlab(drifted(3)) == {"create": 0, "update": 0, "delete": 3}
    assert as_gitlab(failure()) == {}


def failure() -> Result:
    problem = Problem("stacks/stack.yaml", 3, 5, "assets/a", "unknown field")
    return Result("error", Plan("", "", (), (), diagnostics=(problem,)), path="stacks", reason="invalid")


@pytest.mark.parametrize(
    ("schema", "result"),
    [
        ("error.json", failure()),
        ("error.json", replace(failure(), reason="stale", plan=Plan("", "", (), ()))),
        ("drift.json", drifted(0)),
        ("drift.json", drifted(2, Spot("stacks/stack.yaml", 2, 1))),
        ("drift.json", replace(drifted(1), baseline="declared")),
    ],
)
def test_json_is_as_its_schema_says(schema: str, result: Result) -> None:
    made = json.loads((CHECKOUT / "schemas" / schema).read_text(encoding="utf-8"))
    document = json.loads(json.dumps(as_json(result)))

    assert [error.message for error in Draft202012Validator(made).iter_errors(document)] == []
    del document["kind"]
    assert not Draft202012Validator(made).is_valid(document), "the schema asks for something"
