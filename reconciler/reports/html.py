"""Whatever a run has to say as a page of HTML: no script, nothing from elsewhere, legible on paper and in the dark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model import Action
from reconciler.redact import plain
from reconciler.reports.applied import report_lines
from reconciler.reports.estimate import cost_lines, effort_lines
from reconciler.reports.losses import lost
from reconciler.reports.result import Result
from reconciler.reports.text import drift_line, summary_line
from reconciler.reports.view import counted, entries, environment, is_destructive, left_out

__all__ = ["as_html"]


def as_html(result: Result) -> str:
    """The whole of it; what is destroyed stands first."""
    shared = {
        "stack": plain(result.stack or result.path or "the stack"),
        "provider": plain(result.provider),
        "refusals": [plain(line) for line in result.refusals],
        "consents": [plain(line) for line in result.consents],
        "notes": [(plain(note.severity), str(note)) for note in result.diagnostics],
    }
    if result.kind == "drift":
        return _drift(result, shared)
    if result.kind == "error":
        return environment().get_template("error.html.j2").render(reason=plain(result.reason), **shared)
    plan, report = result.plan, result.report
    facts = [*cost_lines(plan.estimate), *effort_lines(plan.estimate), *left_out(plan)] if plan.changes else []
    return (
        environment()
        .get_template("plan.html.j2")
        .render(
            summary=report_lines(report)[-1] if report else summary_line(plan),
            undone=report_lines(report)[:-1] if report else [],
            counts=[(action.symbol, action.value, count) for action in Action if (count := plan.count(action))],
            gone=entries([change for change in plan.changes if is_destructive(change)]),
            rest=entries([change for change in plan.changes if not is_destructive(change)]),
            drift=entries(plan.drift),
            facts=[plain(line) for line in [*lost(plan.changes), *facts]],
            unmanaged=counted(plan),
            **shared,
        )
    )


def _drift(result: Result, shared: Mapping[str, Any]) -> str:
    template = environment().get_template("drift.html.j2")
    return template.render(
        summary=drift_line(result.stack, len(result.drift), result.baseline),
        baseline=result.baseline,
        drift=entries(result.drift),
        foreign=[tuple(map(plain, row)) for row in result.objects],
        **shared,
    )
