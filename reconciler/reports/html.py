"""Plans and drift as one page of HTML: no script, nothing from elsewhere, legible on paper and in the dark."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.model import Action, Change, Plan
from reconciler.redact import plain
from reconciler.reports.estimate import cost_lines, effort_lines
from reconciler.reports.text import drift_line, summary_line
from reconciler.reports.view import counted, entries, environment, is_destructive, left_out

__all__ = ["drift_html", "plan_html"]


def plan_html(plan: Plan) -> str:
    """The whole plan; what is destroyed stands first."""
    facts = [*cost_lines(plan.estimate), *effort_lines(plan.estimate), *left_out(plan)] if plan.changes else []
    return (
        environment()
        .get_template("plan.html.j2")
        .render(
            stack=plain(plan.stack),
            provider=plain(plan.provider),
            summary=summary_line(plan),
            counts=[(action.symbol, action.value, count) for action in Action if (count := plan.count(action))],
            notes=[(plain(note.severity), str(note)) for note in plan.diagnostics],
            gone=entries([change for change in plan.changes if is_destructive(change)]),
            rest=entries([change for change in plan.changes if not is_destructive(change)]),
            drift=entries(plan.drift),
            facts=[plain(line) for line in facts],
            unmanaged=counted(plan),
        )
    )


def drift_html(
    stack: str,
    provider: str,
    drift: Sequence[Change],
    foreign: Sequence[tuple[str, str, str]] = (),
    baseline: str = "recorded",
) -> str:
    """What was changed outside git."""
    template = environment().get_template("drift.html.j2")
    return template.render(
        stack=plain(stack),
        provider=plain(provider),
        summary=drift_line(stack, len(drift), baseline),
        baseline=baseline,
        drift=entries(drift),
        foreign=[tuple(map(plain, row)) for row in foreign],
    )
