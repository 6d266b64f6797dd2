"""What an object is made of, as far as state and stamps tell. Pure."""

from __future__ import annotations

from reconciler.kind import Kind
from reconciler.model import Live, Recorded

__all__ = ["identity_of"]


def identity_of(kind: type[Kind], live: Live, row: Recorded | None) -> str | None:
    """The identity of an object: as recorded when it is the recorded object, else as its stamp says.

    The record goes first: people can edit a stamp, and what we sent is known better than what the account says of it.
    """
    if row and row.id == live.id and kind.identity_name in row.fields:
        identity: str | None = row.fields[kind.identity_name]
        # An earlier version may have written it in another way beside the same fields.
        if identity in kind.identities_before(row.fields):
            return kind.identity(row.fields, lambda _: identity)
        return identity
    return live.stamp.content if live.stamp else None
