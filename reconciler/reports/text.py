"""Plans, drift and results as text that a reviewer can read in a pull request, with or without colour: as wide as the
terminal, 80 columns where there is none."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.frozen import dataclass
from reconciler.model import Action, Change, ChangedBy, Delta, Plan, parent_of
from reconciler.redact import plain
from reconciler.reports.applied import report_text
from reconciler.reports.estimate import cost_lines, effort_lines
from reconciler.reports.groups import Group, grouped
from reconciler.reports.losses import foreign_in, goes_along, length, told_along
from reconciler.reports.result import Result
from reconciler.reports.style import styled
from reconciler.reports.values import both, count_of, cut, in_lines, shown
from reconciler.reports.view import counted

__all__ = ["as_text", "counts_of", "drift_line", "summary_line"]

COLOURS = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "magenta",
    Action.DELETE: "red",
    Action.MOVE: "cyan",
    Action.ADOPT: "cyan",
    Action.FORGET: "cyan",
    Action.HOLD: "cyan",
}
ALWAYS = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE)
COLUMNS = 80
"""Lines are not longer, but for what cannot be cut: an address, a value under --whole."""
LONGEST = 400
"""Characters of a value that are shown; of longer ones those that differ."""
WIDTH = 60
"""Characters of a value that is only mentioned."""
COUNTED_FROM = 10
"""So many changes are counted at a glance; of more it is said how many of each kind there are."""
IN_PART = "shown in part: --whole shows all"


@dataclass(frozen=True, slots=True)
class Detail:
    """How it is to look: all of each value, how wide a line may be, each of many that are the same."""

    whole: bool = False
    columns: int = COLUMNS
    verbose: bool = False


def as_text(result: Result, *, whole: bool = False, verbose: bool = False, columns: int = COLUMNS) -> str:
    """Whatever a run has to say; its last line is the one that scripts parse.

    `whole` shows long values uncut, `verbose` each of many changes that are the same. Colour is in it; whoever prints
    takes it out where there is no terminal.
    """
    look = Detail(whole, columns, verbose)
    match result.kind:
        case "drift":
            lines = [*_drifted(result, look), drift_line(result.stack, len(result.drift), result.baseline)]
        case "error":
            lines = [*_notes(result, look), f"No result: {result.reason or 'error'}."]
        case "apply" if result.report is not None:
            lines = [*_planned(result, look), "", report_text(result.report, result.plan)]
        case _:
            lines = _planned(result, look)
    return "\n".join(lines)


def _planned(result: Result, look: Detail) -> list[str]:
    """A block for each change, what lives in something under it; then whatever must not be scrolled away."""
    plan = result.plan
    lines = _tree(plan.changes, look)
    if plan.left_out and plan.changes:
        lines += [f"{plan.left_out} more outside of what was chosen.", ""]
    if look.verbose:
        lines += [*_unmanaged(plan), ""] if plan.unmanaged else []
        lines += [*effort_lines(plan.estimate), ""] if plan.changes else []
        lines += [*_legend(plan), ""] if plan.changes else []
    if len(plan.changes) > COUNTED_FROM:
        lines += [*_by_kind(result), ""]
    if plan.changes and (costs := cost_lines(plan.estimate)):
        lines += [*costs, ""]
    return [*lines, *_notes(result, look), summary_line(plan)]


def _notes(result: Result, look: Detail) -> list[str]:
    """What is wrong or worth saying, what stands in the way, what was agreed to."""
    lines = [styled(line, fg="cyan") for note in result.diagnostics for line in _wrapped(str(note), 0, look)]
    for reason in result.refusals:
        lines += [styled(line, fg="red") for line in _wrapped(f"Refused: {plain(reason)}", 0, look)]
    if result.consents:
        lines += _wrapped(f"Agreed to: {plain(', '.join(result.consents))}", 0, look)
    return [*lines, ""] if lines else []


def _by_kind(result: Result) -> Iterator[str]:
    """How many of each kind: `Asset          1200 to create, 800 to update`."""
    counts = result.by_kind()
    width = max(map(len, counts))
    for kind, actions in counts.items():
        told = ", ".join(f"{actions[action]} to {action.value}" for action in Action if action in actions)
        yield f"{plain(kind):<{width}}  {told}"


def summary_line(plan: Plan) -> str:
    """The last line of a plan, for people and scripts: its form is part of the interface."""
    if not plan.changes:
        return _nothing(plan)
    words = [f"{n} to {action.value}" for action in Action if (n := plan.count(action)) or action in ALWAYS]
    return f"Plan: {', '.join(words)}."


def counts_of(plan: Plan) -> str:
    """What a plan does, by action, without what it does not do."""
    return ", ".join(f"{n} to {action.value}" for action in Action if (n := plan.count(action)))


def _nothing(plan: Plan) -> str:
    if plan.left_out:
        return f"No changes in the chosen part of {plain(plan.stack)}; {plan.left_out} outside of it."
    if plan.stuck:
        stuck = count_of(len(plan.stuck), "object")
        return f"No changes, but {stuck} of {plain(plan.stack)} will not be made again unasked."
    if plan.awaited:
        return f"No changes. {plain(plan.stack)} is in sync; {count_of(len(plan.awaited), 'object')} awaited."
    return f"No changes. {plain(plan.stack)} is in sync."


def _drifted(result: Result, look: Detail) -> list[str]:
    """As it was left → as it is; objects of others if they were asked for."""
    lines = _tree([_plain(change) for change in result.drift], look)
    if any(change.deltas for change in result.drift):
        sides = f"As {'declared' if result.baseline == 'declared' else 'applied'} → as it is now."
        lines = [styled(sides, dim=True), "", *lines]
    if result.objects:
        lines += [
            "Not managed by this stack:",
            *(f"  {kind} {plain(id)}  {plain(name)}" for kind, id, name in result.objects),
            "",
        ]
    return [*lines, *_notes(result, look)]


def drift_line(stack: str, count: int, baseline: str) -> str:
    """The last line of drift, for people and scripts."""
    stack = plain(stack)
    if baseline == "declared":
        what = f"{count_of(count, 'object')} not as declared" if count else "All is as declared"
        return (
            f"{what}. Baseline: declared; nothing is recorded of {stack}, so it is not known what was changed by hand."
        )
    if not count:
        return f"No drift. {stack} is as it was last applied."
    return f"Drift: {count_of(count, 'object')} changed outside git."


def _plain(change: Change) -> Change:
    """Without a word on each line that it is drift: all of it is."""
    return replace(change, deltas=tuple(replace(delta, source=ChangedBy.PENDING) for delta in change.deltas))


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
    for block in _blocks(tops, below, look):
        lines += [*block, ""]
    return lines


def _blocks(
    tops: Mapping[str, Change | None], below: Mapping[str, Sequence[Change]], look: Detail
) -> Iterator[Iterator[str]]:
    """One for each top; those in which nothing is and that are the same are one."""
    bare = [change for address, change in tops.items() if change is not None and address not in below]
    groups = {group.first.address: group for group in grouped(bare, each=look.verbose)}
    joined = {change.address for change in bare} - groups.keys()
    for address, change in tops.items():
        if address in groups and groups[address].examples:
            yield _change(groups[address], look)
        elif address not in joined:
            yield _block(address, change, below.get(address, ()), look)


def _block(address: str, change: Change | None, children: Sequence[Change], look: Detail) -> Iterator[str]:
    """One change and what lives in it. What goes with it says so once, and how long it is."""
    if change is None:
        yield styled(f"    {plain(address)}", dim=True)
    else:
        yield from _change(Group((change,)), look)
        yield from _taken_along(change, children, look)
    for group in grouped(children, each=look.verbose):
        along = change is not None and goes_along(group.first, change)
        yield from _change(group, look, indent=2, along=along)


def _taken_along(change: Change, children: Sequence[Change], look: Detail) -> Iterator[str]:
    if along := [child for child in children if goes_along(child, change)]:
        yield from _comment(told_along(change, along), 6, look)
    if foreign := foreign_in(change):
        yield from _comment(plain(foreign), 6, look)


def _change(group: Group, look: Detail, indent: int = 0, *, along: bool = False) -> Iterator[str]:
    change, address = group.first, plain(group.title)
    mark = f"{' ' * indent}{change.action.symbol:>3}"
    why = length(change) if along else "" if change.reason == "new" else plain(change.reason)
    head = f"{styled(mark, fg=COLOURS[change.action], bold=True)} {styled(address, bold=True)}"
    if why and len(mark) + len(address) + len(why) + 5 <= look.columns:
        yield head + styled(f"  # {why}", dim=True)
    else:
        yield head
        yield from _comment(why, indent + 6, look) if why else ()
    if group.examples:
        yield from _comment(f"{plain(group.examples)}; -v shows each", indent + 6, look)
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
        Action.HOLD: "hold: replaced, and kept for a while",
    }
    for action, word in words.items():
        if plan.count(action):
            yield styled(f"{action.symbol:>3} {word}", dim=True)


def _unmanaged(plan: Plan) -> Iterator[str]:
    yield f"Not managed by this stack, and not touched: {', '.join(counted(plan))}."
