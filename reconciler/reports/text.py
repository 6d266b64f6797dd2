"""Plans, drift and results as text that a reviewer can read in a pull request: 80 columns, with or without colour."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from reconciler.model import Action, Change, Delta, Outcome, Plan, Report, Secret, Source

__all__ = ["drift_text", "plan_text", "report_text", "shown", "summary_line"]

COLOURS = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "magenta",
    Action.DELETE: "red",
    Action.MOVE: "cyan",
    Action.ADOPT: "cyan",
    Action.FORGET: "cyan",
}
ALWAYS = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE)
WORD = re.compile(r"[A-Za-z0-9/._-]+( \(new\))?")
WIDTH = 60
"""Longest value shown whole; longer ones are cut in the middle."""


def plan_text(plan: Plan, *, whole: bool = False, verbose: bool = False) -> str:
    """The plan: a block for each change, then what it takes, then the line that scripts parse.

    `whole` shows long values uncut. Colour is in it; `click.echo` takes it out where there is no terminal.
    """
    lines: list[str] = []
    for note in plan.diagnostics:
        lines += [click.style(str(note), fg="cyan"), ""]
    for change in plan.changes:
        lines += [*_change(change, whole), ""]
    if verbose:
        lines += [*_unmanaged(plan), ""] if plan.unmanaged else []
        lines += [_estimate(plan.estimate), ""] if plan.changes else []
    if any(change.action is not Action.CREATE for change in plan.changes):
        lines += [*_legend(plan), ""]
    return "\n".join([*lines, summary_line(plan)])


def summary_line(plan: Plan) -> str:
    """The last line of a plan, for people and scripts: its form is part of the interface."""
    if not plan.changes:
        return f"No changes. {plan.stack} is in sync."
    words = [f"{plan.count(action)} to {action.value}" for action in ALWAYS]
    words += [f"{n} to {action.value}" for action in Action if action not in ALWAYS and (n := plan.count(action))]
    return f"Plan: {', '.join(words)}."


def drift_text(stack: str, drift: Sequence[Change], foreign: Sequence[tuple[str, str, str]] = ()) -> str:
    """What was changed behind git's back, and foreign objects if they were asked for; the last line says how much."""
    lines: list[str] = []
    for change in drift:
        lines += [*_change(change, whole=False), ""]
    if foreign:
        lines += ["Not managed by this stack:", *(f"  {kind} {id}  {name}" for kind, id, name in foreign), ""]
    if not drift:
        return "\n".join([*lines, f"No drift. {stack} is as it was last applied."])
    return "\n".join([*lines, f"Drift: {len(drift)} {_objects(len(drift))} changed behind git's back."])


def report_text(report: Report) -> str:
    """How an apply went: what failed and what was skipped, then a line of counts."""
    lines = [_outcome(outcome) for outcome in report.outcomes if outcome.result != "done"]
    done = sum(outcome.result == "done" for outcome in report.outcomes)
    failed = sum(outcome.result == "failed" for outcome in report.outcomes)
    skipped = len(report.outcomes) - done - failed
    counts = f"{done} done, {failed} failed, {skipped} skipped"
    if report.interrupted:
        lines.append(
            click.style(f"Interrupted: {counts}. What was in flight is recorded; run again to go on.", fg="red")
        )
    elif report.failed:
        lines.append(click.style(f"Applied in part: {counts}. The next run goes on where this one stopped.", fg="red"))
    else:
        lines.append(click.style(f"Applied: {done} {_objects(done)}, {report.writes} writes.", fg="green"))
    return "\n".join(lines)


def shown(value: Any, *, whole: bool = False) -> str:
    """A value as it would stand in YAML's flow style; long ones cut in the middle, secrets never."""
    if isinstance(value, Secret):
        return "(from the environment)"
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key}: {shown(item, whole=True)}" for key, item in value.items()) + "}"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(item if _is_word(item) else shown(item, whole=True) for item in value) + "]"
    else:
        text = "null" if value is None else json.dumps(value)
    if whole or len(text) <= WIDTH:
        return text
    half = WIDTH // 2 - 1
    return f"{text[:half]}…{text[-half:]}"


def _is_word(item: Any) -> bool:
    return isinstance(item, str) and not isinstance(item, Secret) and WORD.fullmatch(item) is not None


def _change(change: Change, whole: bool) -> Iterator[str]:
    mark = click.style(f"{change.action.symbol:>3}", fg=COLOURS[change.action], bold=True)
    why = "" if change.reason == "new" else click.style(f"  # {change.reason}", dim=True)
    yield f"{mark} {click.style(change.address, bold=True)}{why}"
    if change.action is Action.CREATE:
        pairs = [(delta.path, shown(delta.after, whole=whole)) for delta in change.deltas if delta.after is not None]
        width = max((len(path) for path, _ in pairs), default=0)
        yield from (f"      {path:<{width}}  {text}" for path, text in pairs)
        return
    width = max((len(delta.path) for delta in change.deltas), default=0)
    for delta in change.deltas:
        yield from _delta(delta, width, whole, forces=delta.path in change.replace_paths)


def _delta(delta: Delta, width: int, whole: bool, *, forces: bool) -> Iterator[str]:
    secret = isinstance(delta.after, Secret)
    before = "(not shown)" if secret else shown(delta.before, whole=whole)
    after = shown(delta.after, whole=whole)
    notes = [*(["forces replacement"] if forces else []), *_source(delta, whole)]
    note = click.style(f"  # {'; '.join(notes)}", dim=True) if notes else ""
    line = f"      {delta.path:<{width}}  {before} → {after}"
    if len(line) > 80:
        yield f"      {delta.path}"
        yield f"        {before}"
        yield f"        → {after}{note}"
    else:
        yield line + note


def _source(delta: Delta, whole: bool) -> list[str]:
    if delta.source is Source.DRIFT:
        return ["drift"]
    if delta.source is Source.BOTH:
        return [f"changed in git and behind its back; was {shown(delta.recorded, whole=whole)}"]
    return []


def _legend(plan: Plan) -> Iterator[str]:
    words = {
        Action.CREATE: "create",
        Action.UPDATE: "update in place",
        Action.REPLACE: "replace: made anew, then the old one deleted",
        Action.DELETE: "delete",
        Action.MOVE: "move: another address for the same object",
        Action.ADOPT: "adopt: from now on managed here",
        Action.FORGET: "forget: no longer managed here, and kept",
    }
    for action, word in words.items():
        if plan.count(action):
            yield click.style(f"{action.symbol:>3} {word}", dim=True)


def _unmanaged(plan: Plan) -> Iterator[str]:
    counts = ", ".join(f"{count} {kind}" for kind, count in plan.unmanaged.items())
    yield f"Not managed by this stack, and not touched: {counts}."


def _estimate(estimate: Mapping[str, Any]) -> str:
    return f"{estimate['writes']} writes to send; {estimate['reads_spent']} requests were sent to plan."


def _outcome(outcome: Outcome) -> str:
    colour = "red" if outcome.result == "failed" else "yellow"
    return f"{click.style(outcome.result, fg=colour)} {outcome.address}: {outcome.message}"


def _objects(count: int) -> str:
    return "object" if count == 1 else "objects"
