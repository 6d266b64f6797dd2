"""The writes that a commit is made of, as values, and the order in which they are done; see `writing`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.frozen import dataclass
from reconciler.model import CheckScore, Operation, Recorded

__all__ = [
    "Clear",
    "Close",
    "Drop",
    "Keep",
    "Open",
    "Put",
    "RenameStack",
    "Score",
    "Seen",
    "Unseen",
    "Write",
    "grouped",
]


@dataclass(frozen=True, slots=True)
class Put:
    """Record an object. Another current one at its address becomes deposed: an id that we made is never forgotten."""

    recorded: Recorded


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget one object, current or deposed."""

    address: str
    id: str


@dataclass(frozen=True, slots=True)
class RenameStack:
    """An address and all below it get a new one, open operations too. StateError when the new one is taken."""

    old_address: str
    new_address: str


@dataclass(frozen=True, slots=True)
class Open:
    """A line in the journal, before the call that it announces; or the same operation anew, with what it is now."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Close:
    """What came of the operation is known."""

    op: str


@dataclass(frozen=True, slots=True)
class Keep:
    """What the API said of an open operation: the object's id, and what is new in its handle; the rest of it stays."""

    op: str
    handle: Mapping[str, Any]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget all that is recorded of the stack and all that is under way, whatever the rows say."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """An object was made just now, and no read has shown it yet."""

    id: str
    since: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A read has shown the object."""

    id: str


@dataclass(frozen=True, slots=True)
class Score:
    """Record the baseline of a check. `anew`: nothing but this is its baseline from now on."""

    check: str
    scores: tuple[CheckScore, ...]
    anew: bool = False


Write = Score | Clear | Put | Drop | RenameStack | Open | Keep | Close | Unseen | Seen


def _late_ones_last(writes: Sequence[Write]) -> list[Write]:
    """Closes and notes of what is unseen go to the end, unless something that comes later is about the same.

    Each object that is made is a Put, an Unseen and a Close; of many in one transaction they come by turns, and each
    turn would be a statement of its own (measured: one in six of an apply's).
    """
    early: list[Write] = []
    late: list[Write] = []
    later: set[str] = set()
    cleared = False
    """Something later forgets it all: what comes before must not outlive it"""
    for write in reversed(writes):
        if isinstance(write, Close | Unseen) and _about(write) not in later and not cleared:
            late.append(write)
        else:
            early.append(write)
            later.add(_about(write))
            cleared = cleared or isinstance(write, Clear)
    late.sort(key=lambda write: isinstance(write, Unseen))
    return [*reversed(early), *reversed(late)]


def _about(write: Write) -> str:
    """The operation or the object that a write is about."""
    match write:
        case Open(operation):
            return operation.op
        case Put(recorded):
            return recorded.id
        case Keep(op=about) | Close(op=about) | Drop(id=about) | Seen(id=about) | Unseen(id=about):
            return about
        case Clear() | RenameStack() | Score():
            return ""


def grouped(writes: Sequence[Write]) -> Iterator[tuple[type[Write], list[Any]]]:
    """Neighbours of one type together, in order; a group never holds the same address twice (see `writing`)."""
    group: list[Any] = []
    seen: set[str] = set()
    for write in _late_ones_last(writes):
        address = write.recorded.address if isinstance(write, Put) else ""
        if group and (type(write) is not type(group[0]) or address in seen):
            yield type(group[0]), group
            group, seen = [], set()
        group.append(write)
        if address:
            seen.add(address)
    yield type(group[0]), group
