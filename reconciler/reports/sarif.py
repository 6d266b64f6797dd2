"""Whatever a run has to say as SARIF 2.1.0, for the code-scanning pages of GitHub and GitLab: each result at its line.

GitHub takes a file only whole: one result without a location, or a rule without a help text, and nothing is shown. So
what is no longer declared, and what has no place of its own, is shown at the first lines of the stack.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from reconciler.errors import Problem
from reconciler.model import Action
from reconciler.redact import plain
from reconciler.reports.result import Result, Spot
from reconciler.reports.view import entries, told

__all__ = ["as_sarif"]

RULES = {
    "gone": (
        "ObjectGone",
        "An object was deleted outside git",
        "It is recorded, and the account has it no more. The next apply makes it anew; to let it go, take it out of "
        "YAML.",
    ),
    "changed": (
        "ObjectChanged",
        "An object was changed outside git",
        "The account has other values than were applied last. The next apply writes those of YAML over them; to keep "
        "them, write them into YAML.",
    ),
    "refused": (
        "RefusedByAGuard",
        "A guard refuses the plan",
        "The plan does more than was agreed to, and nothing of it is done. The message names the flag that agrees.",
    ),
    "failed": (
        "NotDone",
        "A change was not done",
        "An apply could not do it. What was done is recorded; run apply again, and it goes on with the rest.",
    ),
    "invalid": (
        "NoResult",
        "There is no result",
        "The stack is wrong, or the run could not be finished. The message says what is wrong and what to do.",
    ),
    "noted": (
        "WorthKnowing",
        "Something that is worth knowing of a plan",
        "The plan runs all the same. The message says what it is about.",
    ),
}
"""id → name, what it is about, what to do."""
LEVELS = {"gone": "warning", "changed": "warning", "noted": "note"}
MOST = 25_000
"""GitHub refuses a file with more results."""

SARIF = dict[str, Any]


def as_sarif(result: Result) -> SARIF:
    """One run."""
    results = [*_results(result)]
    properties: SARIF = {"baseline": result.baseline}
    if len(results) > MOST:
        properties["leftOut"] = len(results) - MOST
    name = quote(plain(result.stack or result.path) or "stack", safe="")
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(result.version)},
                # Several stacks in one job are several categories; without this GitHub refuses the second.
                "automationDetails": {"id": f"reconciler/{name}/"},
                "properties": properties,
                "results": results[:MOST],
            }
        ],
    }


def _results(result: Result) -> Iterator[SARIF]:
    """Worst first."""
    for line in result.refusals:
        yield _result(result, "refused", plain(line), line, None)
    for problem in sorted(result.diagnostics, key=lambda it: it.severity != "error"):
        rule = "invalid" if problem.severity == "error" else "noted"
        yield _result(result, rule, plain(problem.what), f"{problem.address}\n{problem.summary}", _spot(problem))
    for outcome in result.report.outcomes if result.report else ():
        if outcome.result in ("failed", "skipped"):
            text = f"{plain(outcome.address)}: {outcome.result}: {plain(outcome.message)}"
            yield _result(result, "failed", text, outcome.address, result.spot(outcome.address), outcome.address)
    if result.report is None:
        yield from sorted(_drift(result), key=lambda it: str(it["ruleId"]) != "gone")


def _drift(result: Result) -> Iterator[SARIF]:
    for change, entry in zip(result.drift, entries(result.drift), strict=True):
        rows = "; ".join(told(row, result.baseline) for row in entry.rows)
        text = f"{entry.address}: {entry.reason}" + (f" ({rows})" if rows else "")
        rule = "gone" if change.action is Action.DELETE else "changed"
        yield _result(result, rule, text, change.address, result.spot(change.address), change.address)


def _result(result: Result, rule: str, text: str, mark: str, spot: Spot | None, address: str = "") -> SARIF:
    """`mark` tells it from other results of the same stack, from run to run."""
    location: SARIF = {"physicalLocation": _physical(spot or result.home or Spot("stack.yaml"))}
    if address:
        location["logicalLocations"] = [{"fullyQualifiedName": plain(address), "kind": "resource"}]
    digest = hashlib.sha256(f"{result.stack}\n{mark}".encode(errors="replace")).hexdigest()
    return {
        "ruleId": rule,
        "ruleIndex": list(RULES).index(rule),
        "level": LEVELS.get(rule, "error"),
        "message": {"text": text or rule},
        "locations": [location],
        "partialFingerprints": {"address/v1": digest},
    }


def _spot(problem: Problem) -> Spot | None:
    return Spot(problem.file, problem.line, problem.column) if problem.file else None


def _driver(version: str) -> SARIF:
    rules = [
        {
            "id": id,
            "name": name,
            "shortDescription": {"text": text},
            "fullDescription": {"text": f"{text}."},
            "help": {"text": help, "markdown": help},
            "defaultConfiguration": {"level": LEVELS.get(id, "error")},
        }
        for id, (name, text, help) in RULES.items()
    ]
    return {"name": "reconciler", "version": version, "rules": rules}


def _physical(spot: Spot) -> SARIF:
    """A region is always given: GitHub shows nothing that has none."""
    region = {"startLine": max(spot.line, 1), "startColumn": max(spot.column, 1)}
    return {"artifactLocation": {"uri": quote(spot.file)}, "region": region}
