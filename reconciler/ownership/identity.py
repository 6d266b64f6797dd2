"""What an object is made of, as far as state and stamps tell. Pure."""

from __future__ import annotations

from reconciler.identity import as_now
from reconciler.kind import Kind
from reconciler.model import Live, Recorded

__all__ = ["identity_of"]


def identity_of(kind: type[Kind], live: Live, row: Recorded | None) -> str | None:
    """The identity of an object: as recorded when it is the recorded object, else as its stamp says.

    The record goes first: people can edit a stamp, and what we sent is known better than what the account says of it.
    """
    if row and row.id == live.id and kind.identity_name in row.fields:
        identity: str | None = row.fields[kind.identity_name]
        return identity and as_now(identity, row.fields)
    return live.stamp.content if live.stamp else None
