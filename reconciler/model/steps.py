"""What apply does, one thing after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Step", "Verb"]


class Verb(StrEnum):
    """What one step does."""

    CREATE = "create"
    BULK = "bulk"
    WAIT = "wait"
    UPDATE = "update"
    ASIDE = "aside"
    LINK = "link"
    UNLINK = "unlink"
    DELETE = "delete"
    RECORD = "record"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that apply does; it starts when all that it `needs` is done.

    `addresses` has one element but for a bulk create. `fields` is what is sent: the whole of a create, the changed
    fields of an update, the added or removed references of a link or unlink. `id` is the object of a write to
    something that exists. `writes` is how many requests that change something it sends.
    """

    id: str
    verb: Verb
    kind: str
    addresses: tuple[str, ...]
    needs: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    object_id: str | None = None
    parent_id: str | None = None
    writes: int = 1
