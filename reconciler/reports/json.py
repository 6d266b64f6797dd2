"""Whatever a run has to say as JSON: `schemas/{plan,drift,report,error}.json` describe it.

Minor versions add keys and readers ignore what they do not know; a major one breaks. No secret is in any of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.errors import Problem
from reconciler.model import Report
from reconciler.plan.codec import shown_changes, shown_json
from reconciler.redact import escaped_json, knows, redacted
from reconciler.reports.result import Result

__all__ = ["FORMAT_VERSION", "as_json", "dumps", "nothing_json", "problem_json", "report_json", "told_json"]

FORMAT_VERSION = "1.2"


def as_json(result: Result) -> dict[str, Any]:
    """Whatever a run has to say; `kind` says by which schema it is to be read."""
    match result.kind:
        case "drift":
            document = _drift(result)
        case "error":
            document = errors_json(result.diagnostics, result.reason)
        case "apply" if result.report is not None:
            document = report_json(result.stack, result.report)
        case _:
            document = {"format_version": FORMAT_VERSION, **shown_json(result.plan)}
            _placed(document["changes"], result)
            _placed(document["drift"], result)
    return {
        **document,
        "kind": result.kind,
        "path": result.path,
        "tool_version": result.version,
        "refusals": list(result.refusals),
        "consents": list(result.consents),
    }


def _drift(result: Result) -> dict[str, Any]:
    """What was changed outside git. In each delta, `before` is as recorded (or declared), `after` as it is now."""
    return {
        "format_version": FORMAT_VERSION,
        "stack": result.stack,
        "provider": result.provider,
        "baseline": result.baseline,
        "drift": _placed(shown_changes(result.drift), result),
        "unmanaged": dict(result.plan.unmanaged),
        "unmanaged_objects": [{"kind": kind, "id": id, "name": name} for kind, id, name in result.objects],
        "diagnostics": [problem_json(problem) for problem in result.diagnostics],
    }


def _placed(changes: list[dict[str, Any]], result: Result) -> list[dict[str, Any]]:
    """Each change with its place in YAML, if it is declared."""
    for change in changes:
        if spot := result.spots.get(change["address"]):
            change["where"] = {"file": spot.file, "line": spot.line, "column": spot.column}
    return changes


def report_json(stack: str, report: Report) -> dict[str, Any]:
    """How an apply went."""
    return {
        "format_version": FORMAT_VERSION,
        "stack": stack,
        "run": report.run,
        "result": report.word,
        "outcomes": [
            {
                "address": it.address,
                "id": it.id,
                "action": it.action.value,
                "result": it.result,
                "message": it.message,
                "wrote": it.wrote,
            }
            for it in report.outcomes
        ],
        "requests": report.requests,
        "writes": report.writes,
        "seconds": round(report.seconds, 1),
    }


def nothing_json(stack: str) -> dict[str, Any]:
    """The report of an apply that found all done."""
    empty = {"outcomes": [], "requests": 0, "writes": 0}
    return {"format_version": FORMAT_VERSION, "stack": stack, "run": "", "result": "done", **empty}


def errors_json(problems: Sequence[Problem], reason: str = "error") -> dict[str, Any]:
    """What is printed in place of a result when there is none."""
    return {
        "format_version": FORMAT_VERSION,
        "errored": True,
        "reason": reason,
        "diagnostics": [problem_json(problem) for problem in problems],
    }


def problem_json(problem: Problem) -> dict[str, Any]:
    """One diagnostic."""
    return {
        "severity": problem.severity,
        "summary": problem.summary,
        "address": problem.address,
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
    }


def told_json(stack: str, told: Mapping[str, Any]) -> str:
    """What a command that is no run tells of a stack."""
    return dumps({"format_version": FORMAT_VERSION, "stack": stack, **told})


def dumps(value: Any, *, indent: int | None = 2) -> str:
    """Readable, stable JSON, that does nothing on the terminal or in the log where it is printed."""
    separators = (",", ":") if indent is None else None
    try:
        text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False, allow_nan=False)
    except ValueError:  # JSON has no such number
        return dumps(_finite(value), indent=indent)
    if knows(text):
        text = json.dumps(_redacted(value), indent=indent, separators=separators, ensure_ascii=False)
    return escaped_json(text)


def _redacted(value: Any) -> Any:
    """Without what is known to be secret: an answer or a reason may hold it where nobody declared it."""
    if isinstance(value, Mapping):
        return {redacted(str(key)): _redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return redacted(value) if isinstance(value, str) else value


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
