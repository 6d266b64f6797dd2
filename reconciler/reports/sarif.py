"""Drift as SARIF 2.1.0, for the code-scanning pages of GitHub and GitLab: each result at the line that declares it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from reconciler.model import Action, Change, Where
from reconciler.reports.view import entries, told
from reconciler.version import __version__

__all__ = ["drift_sarif"]

RULES = {
    "changed": "An object was changed outside git",
    "gone": "An object was deleted outside git",
}


def drift_sarif(
    stack: str, drift: Sequence[Change], where: Where, declared: frozenset[str], baseline: str = "recorded"
) -> dict[str, Any]:
    """One run. What is no longer declared has no line, and its result no location."""
    results = []
    for change, entry in zip(drift, entries(drift), strict=True):
        rows = "; ".join(told(row, baseline) for row in entry.rows)
        result: dict[str, Any] = {
            "ruleId": "gone" if change.action is Action.DELETE else "changed",
            "level": "warning",
            "message": {"text": f"{entry.address}: {entry.reason}" + (f" ({rows})" if rows else "")},
            "partialFingerprints": {"address/v1": hashlib.sha256(f"{stack}\n{change.address}".encode()).hexdigest()},
        }
        if change.address in declared:
            result["locations"] = [_location(*where(change.address))]
        results.append(result)
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": _driver()}, "properties": {"baseline": baseline}, "results": results}],
    }


def _driver() -> dict[str, Any]:
    rules = [{"id": id, "shortDescription": {"text": text}} for id, text in RULES.items()]
    return {"name": "reconciler", "version": __version__, "rules": rules}


def _location(file: str, line: int, column: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(file)}}
    if line:
        place["region"] = {"startLine": line, "startColumn": max(column, 1)}
    return {"physicalLocation": place}
