"""Whose an object is, as its stamp says, or the stamps of what lives in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from functools import cached_property

from reconciler.kinds import Kinds
from reconciler.model import Live, Recorded, Snapshot, Stack, Stamp

__all__ = ["STAMPED_BY", "Owners", "Standing", "agreed", "is_of", "standing", "whose"]


class Standing(IntEnum):
    """What a stamp proves, the surest first."""

    OURS = 0
    """It has the id that our state knows."""
    UNNUMBERED = 1
    """It has our name and no id: made by an older version, ours by its name."""
    CLAIMED = 2
    """It has our name and an id that our state does not know: ours before the state was lost, or another stack's."""
    FOREIGN = 3
    """It has another name."""


def standing(stack: Stack, stamp: Stamp) -> Standing:
    """What a stamp proves to a stack; the names that it had before count."""
    if stamp.stack != stack.name and stamp.stack not in stack.former:
        return Standing.FOREIGN
    if stamp.stack_id is None:
        return Standing.UNNUMBERED
    return Standing.OURS if stamp.stack_id == stack.id else Standing.CLAIMED


def is_of(stack: Stack, stamp: Stamp | None) -> bool:
    """Whether a stamp is this stack's beyond doubt."""
    return stamp is not None and standing(stack, stamp) <= Standing.UNNUMBERED


STAMPED_BY = "reconciler_id"
"""In the fields of a recorded object: the id of another stack of our name under which it was taken, or is to go."""


def agreed(row: Recorded | None, live: Live) -> bool:
    """Whether it is recorded that an object is meant though another stack of our name has stamped it."""
    return (
        row is not None
        and row.id == live.id
        and live.stamp is not None
        and live.stamp.stack_id is not None
        and row.fields.get(STAMPED_BY) == live.stamp.stack_id
    )


def whose(stamp: Stamp) -> str:
    """The stack that a stamp names, so that two of one name can be told apart."""
    return f"{stamp.stack}#{stamp.stack_id}" if stamp.stack_id else stamp.stack


class Owners:
    """Who has stamped an object, or what lives in it."""

    def __init__(self, stack: Stack, kinds: Kinds, snapshot: Snapshot) -> None:
        self._stack, self._kinds, self._snapshot = stack, kinds, snapshot

    @cached_property
    def _below(self) -> dict[tuple[str, str], set[Stamp]]:
        """(kind, id) of a parent → stamps of what lives in it, with the parent's address instead of their own."""
        below: dict[tuple[str, str], set[Stamp]] = {}
        for kind in self._kinds:
            if kind.parent is None:
                continue
            for child in self._snapshot.by_kind.get(kind.__name__, {}).values():
                if child.stamp and child.parent_id:
                    said = Stamp(child.stamp.stack, _above(child.stamp.key), None, child.stamp.stack_id)
                    below.setdefault((kind.parent.__name__, child.parent_id), set()).add(said)
        return below

    def stamps(self, live: Live) -> Iterable[Stamp]:
        """Its own, or those of what lives in it."""
        # An index or a collection has no place for a stamp: what lives in it speaks for it.
        return (live.stamp,) if live.stamp else self._below.get((live.kind, live.id), ())

    def of(self, live: Live) -> set[str]:
        """Names of stacks; empty when it is unmanaged."""
        return {stamp.stack for stamp in self.stamps(live)}

    def standing(self, live: Live) -> Standing | None:
        """The most that its stamps prove; None when it is unmanaged."""
        return min((standing(self._stack, stamp) for stamp in self.stamps(live)), default=None)

    def other_id(self, live: Live) -> str | None:
        """The id under which an object is claimed that is not ours beyond doubt."""
        if self.standing(live) is not Standing.CLAIMED:
            return None
        ids = (it.stack_id for it in self.stamps(live) if standing(self._stack, it) is Standing.CLAIMED)
        # Any of them would do; the smallest, so that a plan reads the same twice.
        return min(id for id in ids if id)

    def mark(self, live: Live) -> str | None:
        """The address that an object of a stack of our name carries: by its own stamp, or by those of all in it."""
        said = {(standing(self._stack, stamp) is not Standing.FOREIGN, stamp.key) for stamp in self.stamps(live)}
        # Children that contradict each other prove nothing: two stacks may have put things into one index.
        if len(said) != 1:
            return None
        ((ours, address),) = said
        return address if ours and address else None


def _above(address: str) -> str:
    return address.rpartition("/")[0].rpartition("/")[0]
