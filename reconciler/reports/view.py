"""Changes as plain rows of text, for the formats that are pages: nothing in them is secret, nothing is decided."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.frozen import dataclass
from reconciler.model import Action, Change, ChangedBy, Delta, Plan
from reconciler.provider import kinds_of
from reconciler.redact import plain
from reconciler.reports.values import both, cut, shown

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Entry", "Row", "counted", "entries", "environment", "is_destructive", "left_out", "told"]

LONGEST = 400
"""Characters of a value on a page; of longer ones those that differ."""
DESTRUCTIVE = (Action.DELETE, Action.REPLACE)


def counted(plan: Plan) -> list[str]:
    """How many objects of each kind are left alone: `2 assets`, `1 entity collection`."""
    # A saved plan may be shown where its provider is not installed: then a kind's name is all there is of it.
    try:
        kinds = kinds_of(plan.provider).by_name if plan.unmanaged else {}
    except (KeyError, TypeError):
        kinds = {}
    known = ((kinds.get(name), name, count) for name, count in plan.unmanaged.items())
    return [plain(kind.counted(count) if kind else f"{count} {name}") for kind, name, count in known]


@dataclass(frozen=True, slots=True)
class Row:
    """One field."""

    path: str
    before: str
    after: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One address."""

    symbol: str
    action: str
    address: str
    kind: str
    reason: str
    rows: tuple[Row, ...]


def is_destructive(change: Change) -> bool:
    """Whether an object goes."""
    return change.action in DESTRUCTIVE


def entries(changes: Sequence[Change]) -> list[Entry]:
    """The changes, in their order."""
    return [
        Entry(
            symbol=change.action.symbol,
            action=change.action.value,
            address=plain(change.address),
            kind=plain(change.kind),
            reason="" if change.reason == "new" else plain(change.reason),
            rows=tuple(_row(change, delta) for delta in change.deltas),
        )
        for change in changes
    ]


def told(row: Row, baseline: str) -> str:
    """A field that drifted, in one line that says which side is which."""
    word = "declared" if baseline == "declared" else "applied"
    return f"{row.path}: {word} {row.before}, now {row.after}"


def left_out(plan: Plan) -> list[str]:
    """What a reader must know of a plan of a part: that there is more."""
    return [f"{plan.left_out} more outside of what was chosen."] if plan.left_out else []


@cache
def environment() -> Environment:
    """The templates beside this module. What goes into a page of HTML is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _row(change: Change, delta: Delta) -> Row:
    before, after, in_part = both(delta.before, delta.after, LONGEST)
    notes = ["forces replacement"] if delta.path in change.replace_paths else []
    if delta.source is ChangedBy.DRIFT:
        notes.append("drift")
    elif delta.source is ChangedBy.BOTH:
        notes.append(f"changed in git and outside git; was {cut(shown(delta.recorded), LONGEST)}")
    if in_part:
        notes.append("shown in part")
    return Row(plain(delta.path), "" if change.action is Action.CREATE else before, after, "; ".join(notes))
