"""Which report makes which format; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.engine import Survey
    from reconciler.model import Plan, Stack

__all__ = ["DRIFT_FORMATS", "PLAN_FORMATS", "drift_as", "plan_as"]

PLAN_FORMATS = ["text", "json", "markdown", "html"]
DRIFT_FORMATS = [*PLAN_FORMATS, "junit", "sarif"]


def plan_as(form: str, plan: Plan, *, whole: bool, verbose: bool) -> str:
    """The plan; `whole` and `verbose` are for text."""
    match form:
        case "json":
            from reconciler.reports import json

            return json.dumps(json.plan_json(plan))
        case "markdown":
            from reconciler.reports.markdown import plan_markdown

            return plan_markdown(plan)
        case "html":
            from reconciler.reports.html import plan_html

            return plan_html(plan)
        case _:
            from reconciler.reports.text import plan_text

            return plan_text(plan, whole=whole, verbose=verbose)


def drift_as(form: str, stack: Stack, survey: Survey, foreign: Sequence[tuple[str, str, str]]) -> str:
    """What was changed behind git's back."""
    drift = survey.plan.drift
    match form:
        case "json":
            from reconciler.reports import json

            return json.dumps(json.drift_json(stack.name, stack.provider, drift, foreign))
        case "markdown":
            from reconciler.reports.markdown import drift_markdown

            return drift_markdown(stack.name, drift, foreign)
        case "html":
            from reconciler.reports.html import drift_html

            return drift_html(stack.name, stack.provider, drift, foreign)
        case "junit":
            from reconciler.reports.junit import drift_junit

            return drift_junit(stack.name, drift, survey.claims.rows)
        case "sarif":
            from reconciler.reports import json
            from reconciler.reports.sarif import drift_sarif

            return json.dumps(drift_sarif(stack.name, drift, stack.where, frozenset(stack.resources)))
        case _:
            from reconciler.reports.text import drift_text

            return drift_text(stack.name, drift, foreign)
