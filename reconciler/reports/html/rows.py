"""Fields of a change as rows of a table: two sides of each, three where git and somebody else have both changed it."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.frozen import dataclass
from reconciler.model import Action, Change, ChangedBy, Delta
from reconciler.redact import plain
from reconciler.reports.html.marks import Marked, marked, unmarked
from reconciler.reports.values import both, cut, shown

__all__ = ["Cells", "Column", "cells_of", "columns_of"]

LONGEST = 400
"""Characters of a value; of longer ones those that differ."""
WHOLE = 10**9
NOT_TOLD = "not told"
"""In the column of what was last applied, where nobody knows it."""
WAS, NOW, SAID = ("applied", "last applied"), ("live", "live now"), ("declared", "declared")
"""Columns: the class of their cells, and what stands above them."""

Column = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Cells:
    """One field."""

    path: str
    values: tuple[tuple[str, Marked], ...]
    """(class of the column, what stands in it), as many as there are columns."""
    notes: tuple[str, ...] = ()


def columns_of(change: Change, drift: str = "") -> tuple[Column, ...]:
    """Of a plan what is live and what is declared, of a new object that alone. `drift` is what drift was found by:
    `recorded` or `declared`; then the right side is what is live."""
    if drift:
        return (SAID if drift == "declared" else WAS, NOW)
    if change.action is Action.CREATE:
        return (SAID,)
    return (WAS, NOW, SAID) if any(delta.source is ChangedBy.BOTH for delta in change.deltas) else (NOW, SAID)


def cells_of(
    change: Change, columns: tuple[Column, ...], *, whole: bool = False, drift: bool = False
) -> Iterator[Cells]:
    """The fields that differ."""
    for delta in change.deltas:
        most = WHOLE if whole else LONGEST
        left, right, in_part = both(delta.before, delta.after, most)
        sides: tuple[Marked, ...] = marked(left, right)
        if len(columns) == 1:
            sides = (unmarked(right),)
        elif len(columns) > len(sides):
            sides = (unmarked(_was(delta, left, right, most)), *sides)
        named = tuple(zip((name for name, _ in columns), sides, strict=True))
        yield Cells(plain(delta.path), named, tuple(_notes(change, delta, in_part, drift)))


def _was(delta: Delta, left: str, right: str, most: int) -> str:
    """What was last applied. What only somebody else changed was applied as it is declared."""
    if delta.source is ChangedBy.DRIFT:
        return right
    if delta.recorded is None and "[" in delta.path:  # of an inner value nothing is recorded by itself
        return NOT_TOLD
    if delta.source is ChangedBy.PENDING:
        return left if delta.before is None or delta.recorded is not None else NOT_TOLD
    return cut(shown(delta.recorded), most)


def _notes(change: Change, delta: Delta, in_part: bool, drift: bool) -> Iterator[str]:
    """What is to be said of one field; all of drift was changed outside git."""
    if delta.path in change.replace_paths:
        yield "forces replacement"
    if delta.source is ChangedBy.DRIFT and not drift:
        yield "changed outside git"
    elif delta.source is ChangedBy.BOTH:
        yield "changed in git and outside git"
    if in_part:
        yield "shown in part"
