"""What differs at one address, and what a plan does about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

__all__ = ["Action", "Change", "Delta", "Source"]


class Action(Enum):
    """What a plan does to one address; the value is its word in JSON, `symbol` its mark in text."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    MOVE = "move"
    ADOPT = "adopt"
    FORGET = "forget"

    @property
    def symbol(self) -> str:
        """The mark that reviewers know from Terraform."""
        return _SYMBOLS[self]


_SYMBOLS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.DELETE: "-",
    Action.MOVE: ">",
    Action.ADOPT: "<=",
    Action.FORGET: "x",
}


class Source(StrEnum):
    """Who changed a field: git (pending), somebody else (drift), or both at once."""

    PENDING = "pending"
    DRIFT = "drift"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Delta:
    """One field of one address, before (live) and after (desired); None on either side means that it is not there."""

    path: str
    before: Any
    after: Any
    source: Source = Source.PENDING
    recorded: Any = None


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one address, and why. The reason is for people; nothing is decided by it."""

    address: str
    kind: str
    action: Action
    reason: str
    deltas: tuple[Delta, ...] = ()
    replace_paths: tuple[str, ...] = ()
    id: str | None = None
    previous_address: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What it is to be: the declared fields of a create, update or replace (references as addresses)."""
    parent_id: str | None = None
    """Of the live object: where deletes and updates find it."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False
