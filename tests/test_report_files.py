"""`--report`: each command in each format, also of an error and of a refusal, and where none can be written."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.cli.formats import FORMATS
from reconciler.schema import schemas
from tests.support.commandline import Said, reconciler

STACK = """\
stack: told
provider: twelvelabs
assets: {a: {url: "https://example.com/a.mp4"}}
indexes: {i: {models: [{name: marengo3.0, options: [visual]}]}}
"""
OTHER = STACK.replace("[visual]", "[visual, audio]")
"""Its index would be replaced, which nobody has agreed to."""
WRONG = STACK.replace("assets:", "asets:")
ALL = [argument for form in FORMATS for argument in ("--report", f"{form}={form}.out")]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    return tmp_path


def run(here: Path, command: str, *more: str) -> Said:
    return reconciler(command, *more, "--emulator", cwd=here)


def told(here: Path) -> Iterator[tuple[str, str]]:
    """(format, text) of each report; none is empty, and none acts on a terminal."""
    for form in FORMATS:
        text = (here / f"{form}.out").read_text(encoding="utf-8")
        assert text.endswith("\n"), form
        assert "\x1b" not in text, form
        yield form, text


def fits(form: str, text: str, schema: str) -> dict[str, Any]:
    """A report is what its readers take it for; of JSON it is given."""
    match form:
        case "json":
            document: dict[str, Any] = json.loads(text)
            jsonschema.validate(document, schemas()[f"{schema}.json"])
            return document
        case "sarif":
            assert json.loads(text)["version"] == "2.1.0"
        case "gitlab":
            counts = set() if schema == "error" else {"create", "update", "delete"}
            assert json.loads(text).keys() == counts
        case "junit":
            assert ET.fromstring(text).tag == "testsuites"
        case "html":
            assert text.lower().startswith("<!doctype html>")
        case "markdown":
            assert text.startswith("#")
    return {}


def documents(here: Path, schema: str) -> dict[str, Any]:
    """The JSON among the reports, all of which are held against their formats."""
    return next(found for found in [fits(form, text, schema) for form, text in told(here)] if found)


def test_a_plan_in_every_format(here: Path) -> None:
    assert run(here, "plan", *ALL).code == 0

    found = documents(here, "plan")
    assert (found["kind"], found["summary"]["create"]) == ("plan", 2)


def test_an_apply_in_every_format(here: Path) -> None:
    assert run(here, "apply", "--auto-approve", *ALL).code == 0

    found = documents(here, "report")
    assert (found["kind"], found["result"], len(found["outcomes"])) == ("apply", "done", 2)


def test_a_drift_in_every_format(here: Path) -> None:
    run(here, "apply", "--auto-approve")

    assert run(here, "drift", *ALL).code == 0
    assert documents(here, "drift")["kind"] == "drift"


def test_a_saved_plan_in_every_format(here: Path) -> None:
    run(here, "plan", "-o", "plan.json")

    assert reconciler("show", "plan.json", *ALL, cwd=here).code == 0
    assert documents(here, "plan")["summary"]["create"] == 2


@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"], ["drift"]], ids=lambda it: it[0])
def test_an_error_in_every_format(here: Path, command: list[str]) -> None:
    (here / "stack.yaml").write_text(WRONG, encoding="utf-8")

    assert run(here, *command, *ALL).code == 1

    found = documents(here, "error")
    assert (found["kind"], found["reason"], found["diagnostics"][0]["line"]) == ("error", "invalid", 3)
    for form, text in told(here):
        assert "asets" in text or form == "gitlab", form


@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"]], ids=lambda it: it[0])
def test_a_refusal_in_every_format(here: Path, command: list[str]) -> None:
    run(here, "apply", "--auto-approve")
    (here / "stack.yaml").write_text(OTHER, encoding="utf-8")

    assert run(here, *command, *ALL).code == 3

    found = documents(here, "plan")
    assert (found["summary"]["replace"], len(found["refusals"])) == (1, 1)
    for form, text in told(here):
        assert "--allow-replace" in text or form == "gitlab", form


def test_a_failure_is_in_the_report_of_an_apply(here: Path) -> None:
    """Nobody can be reached: the report says so, and not what the last run came to."""
    (here / "json.out").write_text("of yesterday", encoding="utf-8")
    env = {"TWELVELABS_API_KEY": "key"}

    said = reconciler("apply", "--auto-approve", "--endpoint", "ftp://x", *ALL, cwd=here, env=env)

    assert said.code == 1
    assert documents(here, "error")["reason"] == "error"


def test_two_of_one_format_are_two_files(here: Path) -> None:
    run(here, "plan", "--report", "one.md", "--report", "markdown=two.txt", "--limit", "5000")

    assert (here / "one.md").read_text() == (here / "two.txt").read_text() != ""


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["nowhere/plan.md"], "there is no directory nowhere"),
        (["json=."], "is a directory"),
        (["one.md", "json=one.md"], "is named twice"),
        (["one.md", "json=./one.md"], "is named twice"),
        (["plan"], "say what it is to be"),
        (["pdf=plan.pdf"], "say what it is to be"),
        (["json="], "say what it is to be"),
    ],
    ids=lambda it: "+".join(it) if isinstance(it, list) else "",
)
def test_a_path_that_cannot_be_written_is_told_before_anything_is_done(here: Path, given: list[str], why: str) -> None:
    reports = [argument for file in given for argument in ("--report", file)]

    said = run(here, "apply", "--auto-approve", *reports)

    assert (said.code, said.out) == (1, "")
    assert why in " ".join(said.err.split())
    assert not (here / ".reconciler").exists()


def test_a_report_that_cannot_be_written_after_all_hides_nothing_of_what_was_done(here: Path) -> None:
    """Nobody may make files in /proc, not even who may do anything."""
    said = run(here, "apply", "--auto-approve", "--report", "one.md", "--report", "json=/proc/report.json")

    assert (said.code, said.last_line) == (1, "Applied: 2 objects, 2 writes.")
    assert "/proc/report.json: cannot be written" in said.err
    assert (here / "one.md").read_text() != ""


def test_of_an_error_too(here: Path) -> None:
    (here / "stack.yaml").write_text(WRONG, encoding="utf-8")

    said = run(here, "plan", "--report", "json=/proc/report.json", "--report", "one.md")

    assert said.code == 1
    assert "/proc/report.json: cannot be written" in said.err
    assert "asets" in said.err
    assert "asets" in (here / "one.md").read_text()
