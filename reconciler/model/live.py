"""What the API has, and what we last applied. A reference is an id in `Live`, and an address in `Recorded`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from reconciler.frozen import dataclass

__all__ = ["Attempt", "Flight", "Live", "Recorded", "Snapshot", "Stamp", "Status"]


@dataclass(frozen=True, slots=True)
class Stamp:
    """Our marks in an object's metadata: whose it is, which address, and what its bytes are (assets)."""

    stack: str
    key: str
    content: str | None = None
    stack_id: str | None = None
    """Tells two stacks of one name apart; None in marks of older versions."""


class Status(StrEnum):
    """Where an object stands in its life, whatever words its API has for it."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Flight:
    """That an object was begun and is not made to its end."""

    address: str
    """What it was begun for."""
    identity: str | None = None
    """What it will be."""
    told: str = ""
    """How far it has come, or why nobody can finish it: for people."""
    goes_on: bool = False
    """Whether the next run can finish it."""


@dataclass(frozen=True, slots=True)
class Live:
    """One object as the API has it. `detailed` says whether the fields that lists leave out were read."""

    kind: str
    id: str
    fields: Mapping[str, Any]
    parent_id: str | None = None
    status: Status = Status.READY
    stamp: Stamp | None = None
    detailed: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the server knows and nobody declares: seconds of duration, size in bytes, created_at."""
    in_flight: Flight | None = None
    """Of what is still being made."""
    changed_at: str = ""
    """When it was changed last, in the API's words; "" where the API does not say."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that was read of an account in one run; each list in it was proven whole."""

    by_kind: Mapping[str, Mapping[str, Live]] = field(default_factory=dict)
    """kind → id → object"""
    parents: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """kind → ids of the parents whose children were listed: elsewhere, absent means unknown."""
    requests: int = 0

    def get(self, kind: str, id: str | None) -> Live | None:
        """The object, or None when the account has none such."""
        return self.by_kind.get(kind, {}).get(id) if id else None

    @property
    def ids(self) -> frozenset[str]:
        """Of all objects."""
        return frozenset(id for objects in self.by_kind.values() for id in objects)

    def stack_ids(self, stack: str) -> frozenset[str]:
        """The ids in the stamps of a stack of this name: of several stacks, if there are several of the name."""
        stamps = (live.stamp for objects in self.by_kind.values() for live in objects.values() if live.stamp)
        return frozenset(stamp.stack_id for stamp in stamps if stamp.stack == stack and stamp.stack_id)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What we last applied at an address. `deposed`: the old object of a replacement, still to be deleted."""

    address: str
    kind: str
    id: str
    fields: Mapping[str, Any]
    parent_id: str | None = None
    protect: bool = False
    deposed: bool = False
    failures: int = 0
    """How often in a row what is here was made and ended as failed."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What was known of it then and nobody declares (`Kind.noted`); nothing, in states of older versions."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an earlier attempt to make what is declared came to, and so what making it means now."""

    told: str
    """For people: why it is made, or is not."""
    free: bool = False
    """Whether the server has it still, so that it is fetched and not paid again."""
    given_up: bool = False
    """Whether it is made again only when somebody agrees."""
