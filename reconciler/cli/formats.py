"""Which report makes which format; each is imported when it is asked for."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.engine.planning import Drift
    from reconciler.model import Plan

__all__ = ["DRIFT_FORMATS", "PLAN_FORMATS", "Look", "drift_as", "look_for", "plan_as"]

COLUMNS = 80
PLAN_FORMATS = ["text", "json", "markdown", "html"]
DRIFT_FORMATS = [*PLAN_FORMATS, "junit", "sarif"]


@dataclass(frozen=True, slots=True)
class Look:
    """How text is to look: all of each value, all that is known, and how wide a line may be."""

    whole: bool = False
    verbose: bool = False
    columns: int = COLUMNS


def look_for(whole: bool, verbose: bool = False, out: bool = False) -> Look:
    """As wide as the terminal, when it goes to one."""
    wide = not out and sys.stdout.isatty()
    return Look(whole, verbose, max(shutil.get_terminal_size((COLUMNS, 24)).columns, COLUMNS) if wide else COLUMNS)


def plan_as(form: str, plan: Plan, look: Look) -> str:
    """The plan."""
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

            return plan_text(plan, whole=look.whole, verbose=look.verbose, columns=look.columns)


def drift_as(form: str, drift: Drift, look: Look) -> str:
    """What was changed outside git."""
    stack, changes, baseline = drift.stack, drift.changes, drift.baseline
    unmanaged = [(live.kind, live.id, drift.kinds[live.kind].called(live.fields)) for live in drift.unmanaged]
    match form:
        case "json":
            from reconciler.reports import json

            return json.dumps(json.drift_json(stack.name, stack.provider, changes, unmanaged, baseline))
        case "markdown":
            from reconciler.reports.markdown import drift_markdown

            return drift_markdown(stack.name, changes, unmanaged, baseline=baseline)
        case "html":
            from reconciler.reports.html import drift_html

            return drift_html(stack.name, stack.provider, changes, unmanaged, baseline)
        case "junit":
            from reconciler.reports.junit import drift_junit

            return drift_junit(stack.name, changes, drift.compared, baseline)
        case "sarif":
            from reconciler.reports import json
            from reconciler.reports.sarif import drift_sarif

            return json.dumps(drift_sarif(stack.name, changes, stack.where, frozenset(stack.resources), baseline))
        case _:
            from reconciler.reports.text import drift_text

            whole, columns = look.whole, look.columns
            return drift_text(stack.name, changes, unmanaged, baseline=baseline, whole=whole, columns=columns)
