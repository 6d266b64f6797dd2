"""Whatever a run has to say as Markdown, for a comment on a pull request: what stands in the way first, then what is
destroyed, the rest folded away.

A comment holds 65,536 characters, elsewhere more or less. `fit` says what is told of the changes, and all that is left
out is counted. Everything that others have written stands in code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from reconciler.model import Action
from reconciler.redact import plain
from reconciler.reports.applied import report_lines
from reconciler.reports.estimate import cost_lines
from reconciler.reports.fit import FittedPart, Level, fields_left_out, filled, left_out_of, part_of
from reconciler.reports.groups import Group
from reconciler.reports.losses import lost
from reconciler.reports.result import Result
from reconciler.reports.text import drift_line, summary_line
from reconciler.reports.values import cut
from reconciler.reports.view import Entry, entries, is_destructive, left_out

__all__ = ["LIMIT", "SMALLEST", "as_markdown", "code", "fenced"]

LIMIT = 65_000
"""Characters, with some to spare for what a bot puts around it."""
SMALLEST = 2_000
"""In less there is no room for the head."""
HEAD = 3_000
"""So many are kept for the head and the counts, however few they need: a plan of more changes never tells less."""
SHARE = 10
"""A list in the head gets at most a tenth of the room."""
OPEN = 20
"""So many lines are shown without a click."""
OUTSIDE = "Changed outside git"
SIDES = "As it was last applied → as it is now. What of it the plan mends stands above."
FENCE = re.compile(r"`{3,}")
MARKS = {"+": "+", "-": "-", "-/+": "-", "~": "!"}
"""What makes GitHub colour a line of a `diff`; the others stay plain."""

Section = tuple[str, FittedPart]


def as_markdown(result: Result, *, limit: int = LIMIT) -> str:
    """The whole of it, or as much as fits into `limit` characters, of which there must be `SMALLEST`."""
    limit = max(limit, SMALLEST)
    head = "\n\n".join(_head(result, limit // SHARE))
    sections = _sections(result)
    room = limit - max(len(head), min(HEAD, limit // 3)) - 200 * (len(sections) + 1)
    while True:
        rest = max(room, 0)
        for _, part in sections:  # drift comes after what would be done about it
            rest = filled([part], rest)
        text = "\n\n".join([head, *_shown(sections, result), *_counts(sections, result, limit // SHARE)]) + "\n"
        if len(text) <= limit or room <= 0:
            return text
        room -= len(text) - limit


def _head(result: Result, room: int) -> Iterator[str]:
    """What must be read whatever else is cut."""
    what = {"drift": "Drift of", "apply": "Apply of", "error": "No result for"}.get(result.kind, "Plan for")
    yield f"### {what} {code(cut(result.stack or result.path or 'the stack', 200))}"
    yield f"**{_state(result)}**"
    if result.kind != "drift" and result.changes:
        yield "\n".join(_table(result))
    if result.refusals:
        yield _listed("Refused", result.refusals, room)
    if result.report is not None and result.report.failed:
        yield _listed("Not done", report_lines(result.report)[:-1], room)
    elif result.report is not None and result.report.awaited:
        yield _listed("Awaited", report_lines(result.report)[:-1], room)
    if result.consents:
        yield _listed("Agreed to", result.consents, room)
    if losses := lost(result.changes):
        yield _listed("Goes along", losses, room)
    facts = [*cost_lines(result.estimate), *left_out(result.plan)] if result.changes else []
    if facts:
        yield fenced(_some(facts, room))
    if result.diagnostics:
        yield fenced(_some([str(note) for note in result.diagnostics], room))


def _state(result: Result) -> str:
    named = replace(result.plan, stack=code(cut(result.stack, 200)))
    if result.kind == "error":
        return f"Failed: {plain(result.reason) or 'error'}."
    if result.kind == "drift":
        return drift_line(named.stack, len(result.drift), result.baseline)
    if result.refusals:
        return f"Refused by a guard: nothing is done. {summary_line(named)}"
    return report_lines(result.report)[-1] if result.report is not None else summary_line(named)


def _table(result: Result) -> Iterator[str]:
    """How many of each kind, a column for each action that there is."""
    counts = result.by_kind()
    actions = [action for action in Action if any(action in row for row in counts.values())]
    yield f"| | {' | '.join(action.value for action in actions)} |"
    yield f"| --- |{' ---: |' * len(actions)}"
    for kind, row in counts.items():
        yield f"| {code(cut(kind, 60)).replace('|', '')} | {' | '.join(str(row.get(it, '')) for it in actions)} |"


def _sections(result: Result) -> list[Section]:
    if result.kind == "drift":
        sections = [("", part_of(result.drift, _lines))]
    else:
        gone = [change for change in result.changes if is_destructive(change)]
        rest = [change for change in result.changes if not is_destructive(change)]
        sections = [
            (f"Deleted or replaced: {len(gone)}", part_of(gone, _lines)),
            (f"{'All else' if gone else 'Changes'}: {len(rest)}", part_of(rest, _lines)),
            (f"{OUTSIDE}: {len(result.drift)}", part_of(result.drift, _lines)),
        ]
    return [(title, part) for title, part in sections if part.groups]


def _shown(sections: Sequence[Section], result: Result) -> Iterator[str]:
    first = True
    for title, part in sections:
        lines = part.lines()
        opened = first and (result.kind == "drift" or len(lines) <= OPEN)
        first = False
        block = fenced(lines, "diff")
        if not title:
            side = "declared" if result.baseline == "declared" else "applied"
            yield f"Left: as it was {side}; right: as it is now. (baseline: {result.baseline})\n\n{block}"
        elif title.startswith("Deleted") and opened:
            yield f"#### {title}\n\n{block}"
        else:
            block = f"{SIDES}\n\n{block}" if title.startswith(OUTSIDE) else block
            yield f"<details{' open' if opened else ''}><summary>{title}</summary>\n\n{block}\n\n</details>"
    if result.objects:
        lines = _some([f"{kind} {id}  {name}" for kind, id, name in result.objects], LIMIT // SHARE)
        count = len(result.objects)
        yield f"<details><summary>Not managed by this stack: {count}</summary>\n\n{fenced(lines)}\n\n</details>"


def _counts(sections: Sequence[Section], result: Result, room: int) -> Iterator[str]:
    """Exactly what is not there, and where it is."""
    drift = [part for title, part in sections if not title or title.startswith(OUTSIDE)]
    planned = [part for _, part in sections if part not in drift]
    lines = [
        *left_out_of(planned, lambda action: f"to {action.value}"),
        *left_out_of(drift, lambda action: f"{'gone' if action is Action.DELETE else 'changed'} outside git"),
    ]
    if not lines:
        return
    yield "\n".join(f"- {line}" for line in lines)
    if fields := fields_left_out(planned):
        yield fenced(_some([f"{count} × {name}" for name, count in fields.items()], room))
    where = "`reconciler drift`" if result.kind == "drift" else "`reconciler show` of the saved plan, or an HTML page,"
    yield f"_Not all of it fits into a comment: {where} shows the rest._"


def _listed(title: str, lines: Sequence[str], room: int) -> str:
    return f"#### {title}\n\n{fenced(_some(lines, room))}"


def _some(lines: Sequence[str], room: int) -> list[str]:
    """As many lines as fit, each cut to what is left for it, and how many more there are."""
    kept: list[str] = []
    for line in lines:
        line = cut(plain(line), max(room // 2, 200))
        if kept and sum(map(len, kept)) + len(kept) + len(line) > room:
            return [*kept, f"… {len(lines) - len(kept)} more …"]
        kept.append(line)
    return kept


def _lines(group: Group, level: Level) -> list[str]:
    """Lines of a `diff`, each marked with what happens to its address."""
    (entry,) = entries([group.first])
    return list(_block(entry, group, whole=level is Level.FIELDS))


def _block(entry: Entry, group: Group, *, whole: bool) -> Iterator[str]:
    mark = MARKS.get(entry.symbol, " ")
    why = f"  # {entry.reason}" if entry.reason and whole else ""
    word = "" if entry.symbol in ("+", "-") else f"{entry.action} "
    yield f"{mark} {word}{plain(group.title)}{why}"
    if group.examples:
        yield f"{mark}     # {plain(group.examples)}"
    for row in entry.rows if whole else ():
        note = f"  # {row.note}" if row.note else ""
        yield (
            f"{mark}     {row.path}: {row.before} → {row.after}{note}"
            if row.before
            else f"{mark}     {row.path}: {row.after}{note}"
        )


def code(text: str) -> str:
    """A name as code: no mention, no link, nothing that begins or ends anything."""
    text = plain(text)
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"


def fenced(lines: Sequence[str], language: str = "") -> str:
    """The lines as code, which nothing in them can end; '' for none."""
    if not lines:
        return ""
    text = "\n".join(lines)
    longest = max((len(found) for found in FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
