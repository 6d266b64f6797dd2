"""Plans, drift and results as text that a reviewer can read in a pull request: 80 columns, with or without colour."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from reconciler.model import Action, Change, Delta, Outcome, Plan, Report, Secret, Source, parent_of
from reconciler.reports.estimate import cost_lines, effort_lines
from reconciler.reports.json import hides_before

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
COLUMNS = 80
"""Lines are not longer, but for what cannot be cut: an address, a value under --whole."""
WIDTH = 60
"""Longest value shown whole; longer ones are cut in the middle."""
HIDDEN = "(not shown)"


def plan_text(plan: Plan, *, whole: bool = False, verbose: bool = False) -> str:
    """The plan: a block for each change, what lives in something under it, then the line that scripts parse.

    `whole` shows long values uncut. Colour is in it; `click.echo` takes it out where there is no terminal.
    """
    lines: list[str] = []
    for note in plan.diagnostics:
        lines += [click.style(line, fg="cyan") for line in _wrapped(str(note), 0)] + [""]
    lines += _tree(plan.changes, whole)
    if plan.left_out and plan.changes:
        lines += [f"{plan.left_out} more outside of what was chosen.", ""]
    if plan.changes and (costs := cost_lines(plan.estimate)):
        lines += [*costs, ""]
    if verbose:
        lines += [*_unmanaged(plan), ""] if plan.unmanaged else []
        lines += [*effort_lines(plan.estimate), ""] if plan.changes else []
        lines += [*_legend(plan), ""] if plan.changes else []
    return "\n".join([*lines, summary_line(plan)])


def summary_line(plan: Plan) -> str:
    """The last line of a plan, for people and scripts: its form is part of the interface."""
    if not plan.changes:
        return _nothing(plan)
    words = [f"{plan.count(action)} to {action.value}" for action in ALWAYS]
    words += [f"{n} to {action.value}" for action in Action if action not in ALWAYS and (n := plan.count(action))]
    return f"Plan: {', '.join(words)}."


def _nothing(plan: Plan) -> str:
    if plan.left_out:
        return f"No changes in the chosen part of {plan.stack}; {plan.left_out} outside of it."
    return f"No changes. {plan.stack} is in sync."


def drift_text(stack: str, drift: Sequence[Change], foreign: Sequence[tuple[str, str, str]] = ()) -> str:
    """What was changed behind git's back, and foreign objects if they were asked for; the last line says how much."""
    lines = _tree([_plain(change) for change in drift], whole=False)
    if foreign:
        lines += ["Not managed by this stack:", *(f"  {kind} {id}  {name}" for kind, id, name in foreign), ""]
    if not drift:
        return "\n".join([*lines, f"No drift. {stack} is as it was last applied."])
    return "\n".join([*lines, f"Drift: {len(drift)} {_objects(len(drift))} changed behind git's back."])


def _plain(change: Change) -> Change:
    """Without a word on each line that it is drift: all of it is."""
    return replace(change, deltas=tuple(replace(delta, source=Source.PENDING) for delta in change.deltas))


def report_text(report: Report) -> str:
    """How an apply went: what failed and what was skipped, then a line of counts."""
    lines = [_outcome(outcome) for outcome in report.outcomes if outcome.result != "done"]
    done = sum(outcome.result == "done" for outcome in report.outcomes)
    begun = sum(outcome.result == "begun" for outcome in report.outcomes)
    failed = [outcome for outcome in report.outcomes if outcome.result == "failed"]
    skipped = len(report.outcomes) - done - begun - len(failed)
    half = sum(outcome.wrote for outcome in failed)
    counts = (
        f"{done} done, {f'{begun} begun, ' if begun else ''}"
        f"{len(failed)} failed{f' ({half} of them half way)' if half else ''}, {skipped} skipped"
    )
    if report.interrupted:
        lines.append(
            click.style(f"Interrupted: {counts}. What was in flight is recorded; run again to go on.", fg="red")
        )
    elif report.failed:
        lines.append(click.style(f"Applied in part: {counts}. The next run goes on where this one stopped.", fg="red"))
    else:
        lines.append(
            click.style(
                f"Applied: {done} {_objects(done)}, {report.writes} write{'s' * (report.writes != 1)}.", fg="green"
            )
        )
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
        text = "(not set)" if value is None else json.dumps(value)
    if whole or len(text) <= WIDTH:
        return text
    half = WIDTH // 2 - 1
    return f"{text[:half]}…{text[-half:]}"


def _is_word(item: Any) -> bool:
    return isinstance(item, str) and not isinstance(item, Secret) and WORD.fullmatch(item) is not None


def _tree(changes: Sequence[Change], whole: bool) -> list[str]:
    """Blocks with empty lines between; the changes come in the order of a tree, parents first."""
    by_address = {change.address: change for change in changes}
    below: dict[str, list[Change]] = {}
    tops: dict[str, Change | None] = {}
    for change in changes:
        parent = parent_of(change.address)
        if parent is None:
            tops[change.address] = change
        else:
            tops.setdefault(parent, by_address.get(parent))
            below.setdefault(parent, []).append(change)
    lines: list[str] = []
    for address in tops:
        lines += _block(address, tops[address], below.get(address, ()), whole)
        lines.append("")
    return lines


def _block(address: str, change: Change | None, children: Sequence[Change], whole: bool) -> Iterator[str]:
    """One change and what lives in it. What goes with it says so once, and how long it is."""
    if change is None:
        yield click.style(f"    {address}", dim=True)
    else:
        yield from _change(change, whole)
        along = [child for child in children if _goes_along(child, change)]
        if along:
            yield from _comment(_told_of(change, along), 6)
        if foreign := change.facts.get("foreign"):
            number = len(foreign)
            what = f"{number} {_objects(number)} in it {'is' if number == 1 else 'are'} not ours and would go too"
            yield from _comment(f"{what}: {', '.join(foreign)}", 6)
    for child in children:
        along_with = change is not None and _goes_along(child, change)
        yield from _change(child, whole, indent=2, along=along_with)


def _goes_along(child: Change, parent: Change) -> bool:
    """Whether a child changes for no other reason than that its parent goes."""
    if parent.action is Action.REPLACE:
        return child.action is Action.REPLACE and child.replace_paths == ("parent",) and child.parent_id == parent.id
    return parent.action is Action.DELETE and child.action is Action.DELETE


def _told_of(parent: Change, along: Sequence[Change]) -> str:
    number = len(along)
    words = " ".join(re.findall("[A-Z][a-z]*", along[0].kind)).lower()
    who = f"{number} {words} goes with it" if number == 1 else f"{number} {_plural(words)} go with it"
    if not (seconds := sum(_seconds(child) for child in along)):
        return who
    lost = "lost" if parent.action is Action.DELETE else "to index again"
    return f"{who}: {_span(seconds)} of video {lost}"


def _plural(words: str) -> str:
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _seconds(change: Change) -> float:
    value = change.facts.get("duration")
    return float(value) if isinstance(value, int | float) else 0.0


def _span(seconds: float) -> str:
    """A length as people say it: `42 s`, `12.5 min`, `1.50 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.2f} h"


def _change(change: Change, whole: bool, indent: int = 0, *, along: bool = False) -> Iterator[str]:
    mark = f"{' ' * indent}{change.action.symbol:>3}"
    why = "" if change.reason == "new" or along else change.reason
    if along and _seconds(change):
        why = _span(_seconds(change))
    head = f"{click.style(mark, fg=COLOURS[change.action], bold=True)} {click.style(change.address, bold=True)}"
    if why and len(mark) + len(change.address) + len(why) + 5 <= COLUMNS:
        yield head + click.style(f"  # {why}", dim=True)
    else:
        yield head
        yield from _comment(why, indent + 6) if why else ()
    if change.action is Action.CREATE:
        yield from _fields(change, whole, indent + 6)
        return
    width = max((len(delta.path) for delta in change.deltas), default=0)
    for delta in change.deltas:
        yield from _delta(delta, width, whole, indent + 6, forces=delta.path in change.replace_paths)


def _fields(change: Change, whole: bool, indent: int) -> Iterator[str]:
    """What a new object is made of."""
    pairs = [(delta.path, shown(delta.after, whole=whole)) for delta in change.deltas if delta.after is not None]
    width = max((len(path) for path, _ in pairs), default=0)
    for path, text in pairs:
        yield f"{' ' * indent}{path:<{width}}  {text}"


def _delta(delta: Delta, width: int, whole: bool, indent: int, *, forces: bool) -> Iterator[str]:
    """One field, on one line if it fits, else before and after on a line each."""
    before = HIDDEN if hides_before(delta) else shown(delta.before, whole=whole)
    after = shown(delta.after, whole=whole)
    notes = "; ".join([*(["forces replacement"] if forces else []), *_source(delta, whole)])
    space = " " * indent
    line = f"{space}{delta.path:<{width}}  {before} → {after}"
    if len(line) > COLUMNS:
        yield from (f"{space}{delta.path}", f"{space}  {before}")
        line = f"{space}  → {after}"
    if notes and len(line) + len(notes) + 4 > COLUMNS:
        yield line
        yield from _comment(notes, indent + 2)
    else:
        yield line + (click.style(f"  # {notes}", dim=True) if notes else "")


def _comment(text: str, indent: int) -> Iterator[str]:
    yield from (click.style(line, dim=True) for line in _wrapped(f"# {text}", indent))


def _wrapped(text: str, indent: int) -> list[str]:
    space = " " * indent
    return textwrap.wrap(
        text, COLUMNS, initial_indent=space, subsequent_indent=space, break_long_words=False, break_on_hyphens=False
    )


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


def _outcome(outcome: Outcome) -> str:
    colour = "red" if outcome.result == "failed" else "yellow"
    return f"{click.style(outcome.result, fg=colour)} {outcome.address}: {outcome.message}"


def _objects(count: int) -> str:
    return "object" if count == 1 else "objects"
