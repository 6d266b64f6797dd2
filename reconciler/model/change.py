"""What differs at one address, and what a plan does about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum, StrEnum
from typing import Annotated, Any

from reconciler.frozen import dataclass
from reconciler.redact import MASKED

__all__ = ["MAKING", "Action", "Change", "ChangedBy", "Delta"]


class Action(Enum):
    """What a plan does to one address; the value is its word in JSON, `symbol` its mark in text."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    MOVE = "move"
    ADOPT = "adopt"
    FORGET = "forget"
    HOLD = "hold"
    """Something that was replaced gives up its name, and is kept for a while."""

    @property
    def symbol(self) -> str:
        """The mark that reviewers know from Terraform."""
        return _SYMBOLS[self]


MAKING = (Action.CREATE, Action.REPLACE)
"""Of these comes a new object."""

_SYMBOLS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.DELETE: "-",
    Action.MOVE: ">",
    Action.ADOPT: "<=",
    Action.FORGET: "x",
    Action.HOLD: "=",
}


class ChangedBy(StrEnum):
    """Who changed a field: git (pending), somebody else (drift), or both at once."""

    PENDING = "pending"
    DRIFT = "drift"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Delta:
    """One field of one address, before (live) and after (desired); None on either side means that it is not there."""

    path: str
    before: Annotated[Any, MASKED]
    after: Annotated[Any, MASKED]
    source: ChangedBy = ChangedBy.PENDING
    recorded: Annotated[Any, MASKED] = None
    """What was last applied, where git and somebody else changed it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one address, and why. The reason is for people; nothing is decided by it."""

    address: str
    kind: str
    action: Action
    reason: str
    """For people; decide nothing by it."""
    deltas: tuple[Delta, ...] = ()
    replace_paths: tuple[str, ...] = ()
    """Fields that make it a replacement."""
    id: str | None = None
    previous_address: str | None = None
    fields: Annotated[Mapping[str, Any], MASKED] = field(default_factory=dict)
    """What it is to be: the declared fields of a create, update or replace (references as addresses)."""
    parent_id: str | None = None
    """Of the live object: where deletes and updates find it."""
    facts: Annotated[Mapping[str, Any], MASKED] = field(default_factory=dict)
    """What a reviewer wants to know beyond the fields: how long, how large, whose objects go along."""
    protect: bool = False
