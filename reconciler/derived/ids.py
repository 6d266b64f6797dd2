"""Ids of results: that of the task which made one; with its way before it, and more behind it if it is a copy."""

from __future__ import annotations

from reconciler.lazily import secrets

__all__ = ["another", "plain", "way_of"]


def way_of(id: str) -> str:
    """By which way something was made."""
    way, colon, _ = id.partition(":")
    return way if colon else ""


def plain(id: str) -> str:
    """The task by which something was made: a copy has its id, and something behind it."""
    return id.partition(".")[0]


def another(id: str) -> str:
    """An id for one more set of the same task."""
    return f"{plain(id)}.{secrets.token_hex(4)}"
