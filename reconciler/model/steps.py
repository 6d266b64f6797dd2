"""What apply does: each step is a value of a class of its own, complete in itself.

A step can be shown, saved, gated and sent as it is: it says what it does with what, and which steps must be done
before. Its id is made of what it does and where, so a need is a step's id, made by the class of that step
(`Wait.id_of("assets/final")`), and never written by hand: a need that no step has is an error of the planner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Annotated, Any, ClassVar, NewType

from reconciler.frozen import dataclass
from reconciler.redact import MASKED

__all__ = [
    "STEPS",
    "BulkCreate",
    "Create",
    "Delete",
    "Fill",
    "Forget",
    "Link",
    "Record",
    "Rename",
    "Step",
    "StepId",
    "Unlink",
    "Update",
    "Verb",
    "Wait",
]

StepId = NewType("StepId", str)
"""What a step does and where: `create assets/final`. Made by `id_of` of its class."""

Fields = Annotated[Mapping[str, Any], MASKED]


class Verb(StrEnum):
    """The word of each class of steps: in ids, in plan files, in events and in the journal."""

    CREATE = "create"
    BULK = "bulk"
    WAIT = "wait"
    UPDATE = "update"
    FILL = "fill"
    RENAME = "rename"
    LINK = "link"
    UNLINK = "unlink"
    DELETE = "delete"
    RECORD = "record"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class _AtOne:
    """A step at one address."""

    verb: ClassVar[Verb]

    address: str
    kind: str
    needs: tuple[StepId, ...] = field(default=(), kw_only=True)
    """Steps that must be done before."""

    @classmethod
    def id_of(cls, address: str) -> StepId:
        """The id of the step of this class at an address."""
        return StepId(f"{cls.verb.value} {address}")

    @property
    def id(self) -> StepId:
        """What the needs of other steps call it."""
        return self.id_of(self.address)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All whose outcome depends on it."""
        return (self.address,)

    @property
    def writes(self) -> int:
        """How many requests that change something it sends."""
        return 1


@dataclass(frozen=True, slots=True)
class _OnObject(_AtOne):
    """A step that does something with an object that exists when the plan is made."""

    object_id: str
    parent_id: str | None


@dataclass(frozen=True, slots=True)
class Create(_AtOne):
    """Make an object. References in `fields` are addresses: their ids may not be known yet."""

    verb = Verb.CREATE
    fields: Fields


@dataclass(frozen=True, slots=True)
class BulkCreate:
    """Make objects of one kind under one parent in one call; `creates` has the fields of each, by address."""

    verb: ClassVar[Verb] = Verb.BULK

    creates: Mapping[str, Fields]
    kind: str
    needs: tuple[StepId, ...] = field(default=(), kw_only=True)

    @classmethod
    def id_of(cls, first: str, number: int) -> StepId:
        """The id of the step that makes so many, the first of which is at this address."""
        return StepId(f"{cls.verb.value} {first} +{number - 1}")

    @property
    def id(self) -> StepId:
        """What the needs of other steps call it."""
        return self.id_of(next(iter(self.creates), ""), len(self.creates))

    @property
    def addresses(self) -> tuple[str, ...]:
        """All that it makes."""
        return tuple(self.creates)

    @property
    def writes(self) -> int:
        """One call for all."""
        return 1


@dataclass(frozen=True, slots=True)
class Wait(_AtOne):
    """See an object become ready, whether this run makes it or an earlier one has."""

    verb = Verb.WAIT

    @property
    def writes(self) -> int:
        """It only reads."""
        return 0


@dataclass(frozen=True, slots=True)
class Update(_OnObject):
    """Change fields of an object in place; `fields` are the changed ones, of merged maps the changed keys."""

    verb = Verb.UPDATE
    fields: Fields


@dataclass(frozen=True, slots=True)
class Fill(_AtOne):
    """Give an object the values that are known only now, for they are those of results; `fields` say of which. What
    could not be made is passed over: its key stays as it is."""

    verb = Verb.FILL
    fields: Fields


@dataclass(frozen=True, slots=True)
class Rename(_OnObject):
    """Give an object's unique name up for another one, so that somebody else can have it."""

    verb = Verb.RENAME
    fields: Fields
    """The field that makes the name, and what it is to be."""


@dataclass(frozen=True, slots=True)
class Link(_OnObject):
    """Add members to sets of an object: their addresses by field, for some may be made by this plan."""

    verb = Verb.LINK
    added: Mapping[str, tuple[str, ...]]

    @property
    def writes(self) -> int:
        """One for each set."""
        return len(self.added)


@dataclass(frozen=True, slots=True)
class Unlink(_OnObject):
    """Take members out of sets of an object: their ids by field, for nothing may be declared for them any more."""

    verb = Verb.UNLINK
    removed: Mapping[str, tuple[str, ...]]

    @property
    def writes(self) -> int:
        """One for each set."""
        return len(self.removed)


@dataclass(frozen=True, slots=True)
class Delete(_OnObject):
    """Delete an object."""

    verb = Verb.DELETE
    along: tuple[str, ...] = ()
    """Addresses of what the API deletes together with it, at no call of its own."""
    deposed: bool = False
    """Whether it is the old object of a replacement: its address has another one then."""

    @classmethod
    def id_of(cls, address: str, deposed_id: str | None = None) -> StepId:
        """The id of the delete at an address; of the old object of a replacement, with that object's id."""
        return StepId(f"{cls.verb.value} {address}" + (f"@{deposed_id}" if deposed_id else ""))

    @property
    def id(self) -> StepId:
        """What the needs of other steps call it."""
        return self.id_of(self.address, self.object_id if self.deposed else None)

    @property
    def addresses(self) -> tuple[str, ...]:
        """With what goes along."""
        return (self.address, *self.along)


@dataclass(frozen=True, slots=True)
class Record(_AtOne):
    """Note what an address is, without a request: it was moved or adopted, and nothing of it has to be changed."""

    verb = Verb.RECORD

    @property
    def writes(self) -> int:
        """It is between us and the state."""
        return 0


@dataclass(frozen=True, slots=True)
class Forget(_OnObject):
    """Let go of an object: drop its row, and take our marks off if it can carry any."""

    verb = Verb.FORGET
    unstamps: bool

    @property
    def writes(self) -> int:
        """One, if there is something to take off."""
        return int(self.unstamps)


Step = Create | BulkCreate | Wait | Update | Fill | Rename | Link | Unlink | Delete | Record | Forget
STEPS = (Create, BulkCreate, Wait, Update, Fill, Rename, Link, Unlink, Delete, Record, Forget)
