"""What an object's bytes are, as far as state and stamps tell. Pure."""

from __future__ import annotations

from reconciler.identity import as_now
from reconciler.model import Live, Recorded

__all__ = ["content_of"]


def content_of(live: Live, row: Recorded | None) -> str | None:
    """What an object's bytes are: as recorded when it is the recorded object, else as its stamp says."""
    if row and row.id == live.id and "content" in row.fields:
        content: str | None = row.fields["content"]
        return content and as_now(content, row.fields)
    return live.stamp.content if live.stamp else None
