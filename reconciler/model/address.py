"""An address: the path of a resource in the YAML, which every message, plan and state row shows."""

from __future__ import annotations

__all__ = ["key_of", "parent_of"]


def parent_of(address: str) -> str | None:
    """The address of what this one lives in: `indexes/catalog` for `indexes/catalog/assets/final`, else None."""
    parts = address.rsplit("/", 2)
    return parts[0] if len(parts) == 3 else None


def key_of(address: str) -> str:
    """The last word of an address: the logical name."""
    return address.rsplit("/", 1)[1]
