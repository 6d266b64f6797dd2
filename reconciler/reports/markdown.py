"""Plans and drift as Markdown for a comment on a pull request: what is destroyed first, the rest folded away.

A comment holds 65,536 characters. What does not fit is left out from the least to the most important: fields of what is
not destroyed, then the middle of its list, then fields of what is. Of what is destroyed each address stays, if need
be without anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from reconciler.model import Change, Plan
from reconciler.redact import plain
from reconciler.reports.estimate import cost_lines
from reconciler.reports.text import drift_line, summary_line
from reconciler.reports.view import Entry, entries, environment, is_destructive, left_out

__all__ = ["LIMIT", "code", "drift_markdown", "fenced", "plan_markdown"]

LIMIT = 65_000
"""Characters, with some to spare for what a bot puts around it."""
FENCE = re.compile(r"`{3,}")
MARKS = {"+": "+", "-": "-", "-/+": "-", "~": "!"}
"""What makes GitHub colour a line of a `diff`; the others stay plain."""


def plan_markdown(plan: Plan, *, limit: int = LIMIT) -> str:
    """The plan; at most `limit` characters, unless the addresses of what is destroyed alone are more."""
    gone = entries([change for change in plan.changes if is_destructive(change)])
    rest = entries([change for change in plan.changes if not is_destructive(change)])
    facts = [*cost_lines(plan.estimate), *left_out(plan)] if plan.changes else []
    template = environment().get_template("plan.md.j2")
    text = ""
    for some_gone, some_rest, dropped in _smaller(gone, rest):
        text = template.render(
            stack=code(plan.stack),
            summary=summary_line(replace(plan, stack=code(plan.stack))),
            notes=fenced([plain(str(note)) for note in plan.diagnostics]),
            gone=fenced(_lines(some_gone), "diff"),
            gone_count=len(gone),
            rest=fenced(_lines(some_rest, dropped), "diff"),
            rest_count=len(rest),
            facts=fenced([plain(line) for line in facts]),
            cut=some_gone != gone or some_rest != rest,
        )
        if len(text) <= limit:
            break
    return text


def drift_markdown(
    stack: str,
    drift: Sequence[Change],
    foreign: Sequence[tuple[str, str, str]] = (),
    *,
    baseline: str = "recorded",
    limit: int = LIMIT,
) -> str:
    """What was changed outside git; foreign objects if they were asked for."""
    template = environment().get_template("drift.md.j2")
    unmanaged = [plain(f"{kind} {id}  {name}") for kind, id, name in foreign]
    changed, text = entries(drift), ""
    for _, some, dropped in _smaller([], changed):
        text = template.render(
            stack=code(stack),
            summary=drift_line(code(stack), len(drift), baseline),
            baseline=baseline,
            count=len(drift),
            changed=fenced(_lines(some, dropped), "diff"),
            foreign=fenced(unmanaged),
            foreign_count=len(foreign),
            cut=some != changed,
        )
        if len(text) <= limit:
            break
        unmanaged = _middle(unmanaged, 50)
    return text


def _smaller(gone: list[Entry], rest: list[Entry]) -> Iterator[tuple[list[Entry], list[Entry], int]]:
    """(destroyed, others, how many of the others are left out), ever less."""
    yield gone, rest, 0
    short = [replace(entry, rows=()) for entry in rest]
    yield gone, short, 0
    for most in (1000, 300, 100, 30, 10):
        yield gone, *_cut(short, most)
    bare = [replace(entry, rows=()) for entry in gone]
    for most in (300, 30, 10):
        yield bare, *_cut(short, most)
    yield [replace(entry, rows=(), reason="") for entry in gone], *_cut(short, 2)


def _cut(some: list[Entry], most: int) -> tuple[list[Entry], int]:
    """At most so many, of the beginning and the end, and how many that leaves out."""
    if len(some) <= most:
        return some, 0
    half = most // 2
    return [*some[:half], *some[-half:]], len(some) - 2 * half


def _middle(lines: list[str], most: int) -> list[str]:
    if len(lines) <= most:
        return lines
    return [*lines[: most // 2], f"… {len(lines) - most} more …", *lines[-most // 2 :]]


def _lines(some: Sequence[Entry], dropped: int = 0) -> list[str]:
    """Lines of a `diff`, each marked with what happens to its address."""
    blocks = [list(_block(entry)) for entry in some]
    if dropped:
        blocks.insert(len(blocks) // 2, [f"  … {dropped} more …"])
    return [line for block in blocks for line in block]


def _block(entry: Entry) -> Iterator[str]:
    mark = MARKS.get(entry.symbol, " ")
    why = f"  # {entry.reason}" if entry.reason else ""
    word = "" if entry.symbol in ("+", "-") else f"{entry.action} "
    yield f"{mark} {word}{entry.address}{why}"
    for row in entry.rows:
        note = f"  # {row.note}" if row.note else ""
        yield (
            f"{mark}     {row.path}: {row.before} → {row.after}{note}"
            if row.before
            else f"{mark}     {row.path}: {row.after}"
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
