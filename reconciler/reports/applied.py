"""How an apply went: what failed and what was skipped, what was done by kind, then a line of counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.model import AWAITED, MAKING, Action, Outcome, Output, Plan, Report
from reconciler.provider import kinds_of
from reconciler.redact import plain
from reconciler.reports.style import styled
from reconciler.reports.traffic import duration
from reconciler.reports.values import count_of

__all__ = ["report_lines", "report_text"]

DONE = {
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.REPLACE: "replaced",
    Action.DELETE: "deleted",
    Action.MOVE: "moved",
    Action.ADOPT: "adopted",
    Action.FORGET: "let go of",
}
MOST_IDS = 10
MOST_AWAITED = 10
ON = "`reconciler wait` looks until it is ready; the next apply goes on."


def report_text(report: Report, plan: Plan, outputs: Iterable[Output] = ()) -> str:
    """The same, in colour, with what was done of the plan. `outputs` are what the stack names for others."""
    *lines, last = report_lines(report)
    for number, outcome in enumerate(_told(report)):
        colour = "red" if outcome.result == "failed" else "yellow"
        lines[number] = f"{styled(outcome.result, fg=colour)}{lines[number].removeprefix(outcome.result)}"
    bad = report.interrupted or report.failed
    return "\n".join([*lines, *_done(report, plan, outputs), styled(last, fg="red" if bad else "green")])


def _done(report: Report, plan: Plan, outputs: Iterable[Output]) -> Iterator[str]:
    """`Created 3 assets and 1 index, deleted 2 entities; took 4 min 02 s.`, and the ids that others need: of what is
    named for them, and of new objects in which others live."""
    kinds, kind_at = kinds_of(plan.provider).by_name, {change.address: change.kind for change in plan.changes}
    done = [it for it in report.outcomes if it.result == "done" and it.address in kind_at]
    counts = Counter((it.action, kind_at[it.address]) for it in done)
    words = []
    for action, word in DONE.items():
        if told := [kinds[kind].counted(count) for (its, kind), count in counts.items() if its is action]:
            words.append(f"{word} {' and '.join(', '.join(told).rsplit(', ', 1))}")
    if words:
        what = ", ".join(words)
        took = f"; took {_short(report.seconds)}" if report.seconds else ""
        yield f"{what[0].upper()}{what[1:]}{took}."
    named = {output.address for output in outputs}
    holds = {kind.parent.__name__ for kind in kinds.values() if kind.parent is not None}
    new = [it for it in done if it.id and it.action in (*MAKING, Action.ADOPT)]
    needed = [it for it in new if it.address in named or kind_at[it.address] in holds]
    width = max((len(plain(it.address)) for it in needed[:MOST_IDS]), default=0)
    yield from (f"  {plain(it.address):<{width}}  {plain(it.id)}" for it in needed[:MOST_IDS])
    if len(needed) > MOST_IDS:
        yield f"  and {len(needed) - MOST_IDS} more: see `reconciler output`"


def _short(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def report_lines(report: Report) -> list[str]:
    """What was not done, a line each, and how much was."""
    awaited, told = report.awaited, _told(report)
    lines = [_outcome(outcome) for outcome in told]
    if len(awaited) > MOST_AWAITED:
        lines.append(f"awaited {len(awaited) - MOST_AWAITED} more: see `reconciler wait --timeout 0`")
    done = sum(outcome.result == "done" for outcome in report.outcomes)
    if report.interrupted:
        last = f"Interrupted: {_counts(report, done)}. What was in flight is recorded; run again to go on."
    elif report.failed:
        last = f"Applied in part: {_counts(report, done)}. The next run goes on where this one stopped."
    else:
        last = f"Applied: {count_of(done, 'object')}, {count_of(report.writes, 'write')}"
        last += f"; {len(awaited)} awaited. {ON}" if awaited else "."
    return [*lines, last]


def _told(report: Report) -> list[Outcome]:
    """What was not done, one by one; of much that is awaited only some."""
    some = {it.address for it in report.awaited[:MOST_AWAITED]}
    return [it for it in report.outcomes if it.result not in ("done", AWAITED) or it.address in some]


def _counts(report: Report, done: int) -> str:
    begun = sum(outcome.result == "begun" for outcome in report.outcomes)
    failed = [outcome for outcome in report.outcomes if outcome.result == "failed"]
    awaited = len(report.awaited)
    skipped = len(report.outcomes) - done - begun - awaited - len(failed)
    half = sum(outcome.wrote for outcome in failed)
    return (
        f"{done} done, {f'{begun} begun, ' if begun else ''}{f'{awaited} awaited, ' if awaited else ''}"
        f"{len(failed)} failed{f' ({half} of them half way)' if half else ''}, {skipped} skipped"
    )


def _outcome(outcome: Outcome) -> str:
    return f"{outcome.result} {plain(outcome.address)}: {plain(outcome.message)}"
