"""How an apply went: what failed and what was skipped, then a line of counts."""

from __future__ import annotations

from reconciler.model import Outcome, Report
from reconciler.redact import plain
from reconciler.reports.style import styled
from reconciler.reports.values import count_of

__all__ = ["report_lines", "report_text"]


def report_text(report: Report) -> str:
    """The same, in colour."""
    outcomes = [outcome for outcome in report.outcomes if outcome.result != "done"]
    *lines, last = report_lines(report)
    for number, outcome in enumerate(outcomes):
        colour = "red" if outcome.result == "failed" else "yellow"
        lines[number] = f"{styled(outcome.result, fg=colour)}{lines[number].removeprefix(outcome.result)}"
    bad = report.interrupted or report.failed
    return "\n".join([*lines, styled(last, fg="red" if bad else "green")])


def report_lines(report: Report) -> list[str]:
    """What was not done, a line each, and how much was."""
    lines = [_outcome(outcome) for outcome in report.outcomes if outcome.result != "done"]
    done = sum(outcome.result == "done" for outcome in report.outcomes)
    if report.interrupted:
        last = f"Interrupted: {_counts(report, done)}. What was in flight is recorded; run again to go on."
    elif report.failed:
        last = f"Applied in part: {_counts(report, done)}. The next run goes on where this one stopped."
    else:
        last = f"Applied: {count_of(done, 'object')}, {count_of(report.writes, 'write')}."
    return [*lines, last]


def _counts(report: Report, done: int) -> str:
    begun = sum(outcome.result == "begun" for outcome in report.outcomes)
    failed = [outcome for outcome in report.outcomes if outcome.result == "failed"]
    skipped = len(report.outcomes) - done - begun - len(failed)
    half = sum(outcome.wrote for outcome in failed)
    return (
        f"{done} done, {f'{begun} begun, ' if begun else ''}"
        f"{len(failed)} failed{f' ({half} of them half way)' if half else ''}, {skipped} skipped"
    )


def _outcome(outcome: Outcome) -> str:
    return f"{outcome.result} {plain(outcome.address)}: {plain(outcome.message)}"
