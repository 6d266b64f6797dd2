"""Plans, drift and results as text that a reviewer can read in a pull request, with or without colour: as wide as the
terminal, 80 columns where there is none."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.model import Action, Change, ChangedBy, Delta, Outcome, Plan, Report, parent_of
from reconciler.redact import plain
from reconciler.reports.estimate import cost_lines, effort_lines
from reconciler.reports.style import styled
from reconciler.reports.values import both, cut, in_lines, shown
from reconciler.reports.view import counted

__all__ = ["drift_text", "plan_text", "report_text", "summary_line"]

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
COLUMNS = 80
"""Lines are not longer, but for what cannot be cut: an address, a value under --whole."""
LONGEST = 400
"""Characters of a value that are shown; of longer ones those that differ."""
WIDTH = 60
"""Characters of a value that is only mentioned."""
IN_PART = "shown in part: --whole shows all"


@dataclass(frozen=True, slots=True)
class Detail:
    """How it is to look: all of each value, and how wide a line may be."""

    whole: bool = False
    columns: int = COLUMNS


def plan_text(plan: Plan, *, whole: bool = False, verbose: bool = False, columns: int = COLUMNS) -> str:
    """The plan: a block for each change, what lives in something under it, then the line that scripts parse.

    `whole` shows long values uncut. Colour is in it; whoever prints takes it out where there is no terminal.
    """
    look = Detail(whole, columns)
    lines: list[str] = []
    for note in plan.diagnostics:
        lines += [styled(line, fg="cyan") for line in _wrapped(str(note), 0, look)] + [""]
    lines += _tree(plan.changes, look)
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
        return f"No changes in the chosen part of {plain(plan.stack)}; {plan.left_out} outside of it."
    if plan.stuck:
        number = len(plan.stuck)
        return f"No changes, but {number} {_objects(number)} of {plain(plan.stack)} will not be made again unasked."
    return f"No changes. {plain(plan.stack)} is in sync."


def drift_text(
    stack: str,
    drift: Sequence[Change],
    foreign: Sequence[tuple[str, str, str]] = (),
    *,
    baseline: str = "recorded",
    whole: bool = False,
    columns: int = COLUMNS,
) -> str:
    """What was changed outside git: as it was left → as it is. Foreign objects if they were asked for; the last line
    says how much, and what it was compared with when that is not what was last applied."""
    lines = _tree([_plain(change) for change in drift], Detail(whole, columns))
    if any(change.deltas for change in drift):
        sides = f"As {'declared' if baseline == 'declared' else 'applied'} → as it is now."
        lines = [styled(sides, dim=True), "", *lines]
    if foreign:
        lines += [
            "Not managed by this stack:",
            *(f"  {kind} {plain(id)}  {plain(name)}" for kind, id, name in foreign),
            "",
        ]
    return "\n".join([*lines, drift_line(stack, len(drift), baseline)])


def drift_line(stack: str, count: int, baseline: str) -> str:
    """The last line of drift, for people and scripts."""
    stack = plain(stack)
    if baseline == "declared":
        what = f"{count} {_objects(count)} not as declared" if count else "All is as declared"
        return (
            f"{what}. Baseline: declared; nothing is recorded of {stack}, so it is not known what was changed by hand."
        )
    if not count:
        return f"No drift. {stack} is as it was last applied."
    return f"Drift: {count} {_objects(count)} changed outside git."


def _plain(change: Change) -> Change:
    """Without a word on each line that it is drift: all of it is."""
    return replace(change, deltas=tuple(replace(delta, source=ChangedBy.PENDING) for delta in change.deltas))


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
        lines.append(styled(f"Interrupted: {counts}. What was in flight is recorded; run again to go on.", fg="red"))
    elif report.failed:
        lines.append(styled(f"Applied in part: {counts}. The next run goes on where this one stopped.", fg="red"))
    else:
        lines.append(
            styled(f"Applied: {done} {_objects(done)}, {report.writes} write{'s' * (report.writes != 1)}.", fg="green")
        )
    return "\n".join(lines)


def _tree(changes: Sequence[Change], look: Detail) -> list[str]:
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
        lines += _block(address, tops[address], below.get(address, ()), look)
        lines.append("")
    return lines


def _block(address: str, change: Change | None, children: Sequence[Change], look: Detail) -> Iterator[str]:
    """One change and what lives in it. What goes with it says so once, and how long it is."""
    if change is None:
        yield styled(f"    {plain(address)}", dim=True)
    else:
        yield from _change(change, look)
        along = [child for child in children if _goes_along(child, change)]
        if along:
            yield from _comment(_told_of(change, along), 6, look)
        if foreign := change.facts.get("foreign"):
            number = len(foreign)
            what = f"{number} {_objects(number)} in it {'is' if number == 1 else 'are'} not ours and would go too"
            yield from _comment(plain(f"{what}: {', '.join(foreign)}"), 6, look)
    for child in children:
        along_with = change is not None and _goes_along(child, change)
        yield from _change(child, look, indent=2, along=along_with)


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


def _change(change: Change, look: Detail, indent: int = 0, *, along: bool = False) -> Iterator[str]:
    mark = f"{' ' * indent}{change.action.symbol:>3}"
    why = "" if change.reason == "new" or along else plain(change.reason)
    address = plain(change.address)
    if along and _seconds(change):
        why = _span(_seconds(change))
    head = f"{styled(mark, fg=COLOURS[change.action], bold=True)} {styled(address, bold=True)}"
    if why and len(mark) + len(address) + len(why) + 5 <= look.columns:
        yield head + styled(f"  # {why}", dim=True)
    else:
        yield head
        yield from _comment(why, indent + 6, look) if why else ()
    if change.action is Action.CREATE:
        yield from _fields(change, look, indent + 6)
        return
    width = max((len(plain(delta.path)) for delta in change.deltas), default=0)
    for delta in change.deltas:
        yield from _delta(delta, width, look, indent + 6, forces=delta.path in change.replace_paths)


def _fields(change: Change, look: Detail, indent: int) -> Iterator[str]:
    """What a new object is made of; what does not fit on a line has one for each of its items."""
    pairs = [(plain(delta.path), delta.after) for delta in change.deltas if delta.after is not None]
    width, space = max((len(path) for path, _ in pairs), default=0), " " * indent
    for path, value in pairs:
        text = shown(value)
        if look.whole or isinstance(value, str) or len(space) + width + 2 + len(text) <= look.columns:
            yield from _valued(path, width, text if look.whole else cut(text, LONGEST), look, indent)
            yield from _comment(IN_PART, indent + 2, look) if len(text) > LONGEST and not look.whole else ()
        else:
            yield f"{space}{path}"
            yield from (f"{space}  {line}" for line in in_lines(value, LONGEST))


def _valued(path: str, width: int, text: str, look: Detail, indent: int) -> Iterator[str]:
    """A field and its value; a long one from the next line on."""
    line = f"{' ' * indent}{path:<{width}}  {text}"
    if look.whole or len(line) <= look.columns:
        yield line
    else:
        yield f"{' ' * indent}{path}"
        yield from _wrapped(text, indent + 2, look)


def _delta(delta: Delta, width: int, look: Detail, indent: int, *, forces: bool) -> Iterator[str]:
    """One field, on one line if it fits, else before and after on lines of their own."""
    before, after, in_part = both(delta.before, delta.after, sys.maxsize if look.whole else LONGEST)
    notes = [*(["forces replacement"] if forces else []), *_source(delta, look), *([IN_PART] if in_part else [])]
    note, path, space = "; ".join(notes), plain(delta.path), " " * indent
    line = f"{space}{path:<{width}}  {before} → {after}"
    if len(line) > look.columns:
        yield f"{space}{path}"
        if look.whole:
            yield f"{space}  {before}"
            line = f"{space}  → {after}"
        else:
            yield from _wrapped(before, indent + 2, look)
            *most, line = _wrapped(f"→ {after}", indent + 2, look)
            yield from most
    if note and len(line) + len(note) + 4 > look.columns:
        yield line
        yield from _comment(note, indent + 2, look)
    else:
        yield line + (styled(f"  # {note}", dim=True) if note else "")


def _comment(text: str, indent: int, look: Detail) -> Iterator[str]:
    yield from (styled(line, dim=True) for line in _wrapped(f"# {text}", indent, look))


def _wrapped(text: str, indent: int, look: Detail) -> list[str]:
    """Broken at blanks only, and but for those all is kept."""
    lines = [""]
    for piece in re.findall(r" *[^ ]+| +$", text):
        if lines[-1] and indent + len(lines[-1]) + len(piece) > look.columns:
            lines.append(piece.removeprefix(" "))
        else:
            lines[-1] += piece
    return [" " * indent + line for line in lines]


def _source(delta: Delta, look: Detail) -> list[str]:
    if delta.source is ChangedBy.DRIFT:
        return ["drift"]
    if delta.source is ChangedBy.BOTH:
        was = shown(delta.recorded)
        return [f"changed in git and outside git; was {was if look.whole else cut(was, WIDTH)}"]
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
            yield styled(f"{action.symbol:>3} {word}", dim=True)


def _unmanaged(plan: Plan) -> Iterator[str]:
    yield f"Not managed by this stack, and not touched: {', '.join(counted(plan))}."


def _outcome(outcome: Outcome) -> str:
    colour = "red" if outcome.result == "failed" else "yellow"
    return f"{styled(outcome.result, fg=colour)} {plain(outcome.address)}: {plain(outcome.message)}"


def _objects(count: int) -> str:
    return "object" if count == 1 else "objects"
