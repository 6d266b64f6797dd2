"""When two values mean the same, and what an object's bytes are. Pure."""

from __future__ import annotations

from typing import Any

from reconciler.identity import as_now
from reconciler.kind import Field, canonical
from reconciler.model import Live, Recorded

__all__ = ["content_of", "same"]


def content_of(live: Live, row: Recorded | None) -> str | None:
    """What an object's bytes are: as recorded when it is the recorded object, else as its stamp says."""
    if row and row.id == live.id and "content" in row.fields:
        content: str | None = row.fields["content"]
        return content and as_now(content, row.fields)
    return live.stamp.content if live.stamp else None


def same(field: Field, left: Any, right: Any) -> bool:
    """Whether two values of a field mean the same: 5 is 5.0 but not True, nothing is as good as empty."""
    if type(left) is str and type(right) is str:  # by far the most
        return left == right
    left, right = canonical(field, left), canonical(field, right)
    return _equal(left, right) or (_blank(left) and _blank(right))


def _blank(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)
