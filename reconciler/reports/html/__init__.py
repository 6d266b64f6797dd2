"""Whatever a run has to say as one page of HTML: for reading in a browser, on paper, in the dark, without a script.

What stands in the way comes first, then what is destroyed, then the rest as a tree. The script only hides and shows
what is there; it holds no data, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.frozen import dataclass
from reconciler.model import Action, Change
from reconciler.redact import plain
from reconciler.reports.applied import report_lines
from reconciler.reports.checks import checks_blocks
from reconciler.reports.estimate import cost_lines, effort_lines
from reconciler.reports.html.figures import figures
from reconciler.reports.html.history import bars, past
from reconciler.reports.html.marks import coded
from reconciler.reports.html.picture import picture
from reconciler.reports.html.tree import Block, Branch, Viewing, tree
from reconciler.reports.losses import lost
from reconciler.reports.page import rendered_page
from reconciler.reports.result import Result
from reconciler.reports.text import drift_line, summary_line
from reconciler.reports.view import counted, is_destructive, left_out

__all__ = ["as_html"]

FOLDED_FROM = 60
"""Of more changes than this each is one line until it is opened."""
KINDS = {"plan": "Plan for", "apply": "Apply of", "drift": "Drift of", "error": "No result for"}

MOST = 20_000
"""So many changes are on a page, and no more: a browser takes seconds for it. What is destroyed always is."""
NOTHING: Mapping[str, Any] = {
    name: [] for name in ("undone", "losses", "stuck", "figures", "facts", "table", "baseline", "objects", "unmanaged")
}
"""What a page does not say unless its result does."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """Some of the changes, under a title."""

    id: str
    title: str
    changes: Sequence[Change]
    said: str = ""
    drift: str = ""
    """By what drift was found, of a chapter of it."""


def as_html(result: Result, *, whole: bool = False) -> str:
    """The whole of it; what is destroyed stands first. `whole` shows long values uncut."""
    head: dict[str, Any] = {
        **NOTHING,
        "what": KINDS[result.kind],
        "stack": plain(result.stack or result.path or "the stack"),
        "origin": list(_origin(result)),
        "refusals": [coded(plain(line)) for line in result.refusals],
        "consents": list(map(plain, result.consents)),
        "notes": [(plain(note.severity), coded(str(note))) for note in result.diagnostics],
    }
    if result.kind == "error":
        return rendered_page("error.html.j2", reason=plain(result.reason) or "error", **head)
    body = _drift(result, whole) if result.kind == "drift" else _plan(result, whole)
    beside = {
        "picture": picture(result.addresses, result.needs, result.changes or result.drift),
        "past": list(past(result.runs)),
        "bars": bars(result.runs),
        "checks": checks_blocks(result.checks) if result.checks else [],
    }
    return rendered_page("result.html.j2", **{**head, **body, **beside})


def _origin(result: Result) -> Iterator[tuple[str, str]]:
    """Where it is from."""
    named = (
        ("provider", result.provider),
        ("account", result.account),
        ("path", result.path),
        ("commit", result.commit[:12]),
        ("written", f"{result.at:%Y-%m-%d %H:%M} UTC" if result.at else ""),
        ("reconciler", result.version),
    )
    yield from ((name, plain(value)) for name, value in named if value)


def _plan(result: Result, whole: bool) -> Mapping[str, Any]:
    plan, report = result.plan, result.report
    gone = [change for change in plan.changes if is_destructive(change)]
    rest = [change for change in plan.changes if not is_destructive(change)]
    mended = "As it was last applied, and as it is now. What of it the plan mends stands above."
    chapters = [
        Chapter("gone", "Deleted or replaced", gone),
        Chapter("rest", "All else" if gone else "Changes", rest),
        Chapter("drift", "Changed outside git", plan.drift, mended, "recorded"),
    ]
    facts = [*cost_lines(plan.estimate), *effort_lines(plan.estimate), *left_out(plan)] if plan.changes else []
    return {
        "state": _state_of(result),
        "summary": report_lines(report)[-1] if report else summary_line(plan),
        "undone": list(map(coded, report_lines(report)[:-1])) if report else [],
        "losses": [coded(plain(line)) for line in lost(plan.changes)],
        "stuck": [coded(f"`{plain(address)}`: {plain(why)}") for address, why in plan.stuck.items()],
        "figures": [tuple(map(plain, it)) for it in figures(plan.estimate)] if plan.changes else [],
        "table": _by_kind(result),
        "facts": list(map(plain, facts)),
        "unmanaged": counted(plan),
        **_body(result, chapters, whole),
    }


def _drift(result: Result, whole: bool) -> Mapping[str, Any]:
    side = "As it was declared" if result.baseline == "declared" else "As it was last applied"
    chapter = Chapter("drift", "Changed outside git", result.drift, f"{side}, and as it is now.", result.baseline)
    return {
        "state": "bad" if result.drift else "good",
        "summary": drift_line(result.stack, len(result.drift), result.baseline),
        "baseline": result.baseline,
        "objects": [tuple(map(plain, row)) for row in result.objects],
        **_body(result, [chapter], whole),
    }


def _state_of(result: Result) -> str:
    """How it looks at a glance."""
    if result.refusals or (result.report and (result.report.failed or result.report.interrupted)):
        return "bad"
    if result.report and result.report.awaited:
        return "open"
    return "good" if result.report or not result.changes else "open"


def _by_kind(result: Result) -> Mapping[str, Any]:
    """How many of each kind, a column for each action that there is."""
    counts = result.by_kind()
    actions = [action for action in Action if any(action in row for row in counts.values())]
    rows = [(plain(kind), [row.get(action, "") for action in actions]) for kind, row in counts.items()]
    return {"actions": [action.value for action in actions], "rows": rows}


def _body(result: Result, chapters: Iterable[Chapter], whole: bool) -> Mapping[str, Any]:
    """The changes themselves, and what they can be filtered by."""
    room = MOST
    shown: list[tuple[Chapter, int, list[Branch]]] = []
    for chapter in chapters:
        some = chapter.changes if chapter.id == "gone" else chapter.changes[: max(room, 0)]
        room -= len(some)
        if chapter.changes:
            branches = tree(some, Viewing(result, whole, chapter.drift))
            shown.append((chapter, len(chapter.changes) - len(some), branches))
    blocks = [block for _, _, branches in shown for block in _blocks(branches)]
    count = sum(len(block.places) for block in blocks)
    return {
        "parts": shown,
        "facets": [it for it in _facets(blocks) if any(number < count for _, number in it[2])],
        "searched": count > 1,
        "count": count,
        "folded": count > FOLDED_FROM,
        "most": FOLDED_FROM,
    }


def _facets(blocks: Sequence[Block]) -> Iterator[tuple[str, str, list[tuple[str, int]]]]:
    """What changes can be filtered by, and how many changes each chip is for, in the order of the page."""
    yield "action", "a", _counts((block, (block.choice,)) for block in blocks)
    yield "kind", "k", _counts((block, (block.kind,)) for block in blocks)
    yield "mark", "m", _counts((block, block.marks) for block in blocks)


def _counts(values: Iterable[tuple[Block, Sequence[str]]]) -> list[tuple[str, int]]:
    found: dict[str, int] = {}
    for block, its in values:
        for value in its:
            found[value] = found.get(value, 0) + len(block.places)
    return list(found.items())


def _blocks(branches: Iterable[Branch]) -> Iterator[Block]:
    for branch in branches:
        for block in branch.blocks:
            yield block
            yield from _blocks(block.branches)
