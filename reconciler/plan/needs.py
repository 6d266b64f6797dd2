"""What a step waits for: after which step something is there, is ready, has let go, is gone. Pure.

None of these makes a step. They only say which one it will be, so that the steps of two changes can wait for each other
whichever is built first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from reconciler.kind import Field
from reconciler.kinds import Kinds
from reconciler.model import (
    MAKING,
    Action,
    BulkCreate,
    Change,
    Create,
    Delete,
    Rename,
    Snapshot,
    Status,
    StepId,
    Unlink,
    Update,
    Wait,
    parent_of,
)
from reconciler.ownership import Claims
from reconciler.plan.names import NameTrades, can_rename
from reconciler.plan.once import after_whom
from reconciler.plan.sending import batches

__all__ = ["Needs", "at", "present"]

LEAVING = (Action.DELETE, Action.REPLACE)

Object = tuple[str, str]
"""(kind, id)"""


class Needs:
    """What the changes of one plan mean to each other."""

    def __init__(
        self, kinds: Kinds, claims: Claims, changes: Mapping[str, Change], snapshot: Snapshot, names: NameTrades
    ) -> None:
        self.kinds, self.claims, self.changes, self.snapshot, self.names = kinds, claims, changes, snapshot, names
        self.leaving: dict[Object, Change] = {}
        """object that goes → its change"""
        self.inside: dict[Object, list[Change]] = {}
        """parent → changes by which something in it goes"""
        for change in changes.values():
            if change.action in LEAVING and change.id:
                self.leaving[change.kind, change.id] = change
                if (parent := self.kinds[change.kind].parent) and change.parent_id:
                    self.inside.setdefault((parent.__name__, change.parent_id), []).append(change)

    # Something is there

    @cached_property
    def together(self) -> tuple[tuple[Change, ...], ...]:
        """Creates of one kind under one parent, as few calls as the API and distinct names allow."""
        groups: dict[tuple[str, str], list[Change]] = {}
        for change in self.changes.values():
            if change.action in MAKING and self.kinds[change.kind].bulk:
                groups.setdefault((change.kind, parent_of(change.address) or ""), []).append(change)
        found = [
            batch
            for (name, _), group in groups.items()
            for batch in batches(self.kinds[name], sorted(group, key=lambda change: change.address))
        ]
        return tuple(tuple(batch) for batch in found if len(batch) > 1)

    @cached_property
    def in_bulk(self) -> Mapping[str, StepId]:
        """address → the bulk create that makes it."""
        ids = ((batch, BulkCreate.id_of(batch[0].address, len(batch))) for batch in self.together)
        return {change.address: id for batch, id in ids for change in batch}

    def made(self, address: str) -> StepId | None:
        """The step after which an address has an object; None when it has one now."""
        change = self.changes.get(address)
        if change is None or change.action not in MAKING:
            return None
        return self.in_bulk.get(address) or Create.id_of(address)

    def usable(self, address: str) -> StepId | None:
        """The step after which others may refer to an address; None when they may now.

        Made is not enough: the API refuses to index an asset that is still being taken in ("create: an asset is ready
        before it is indexed").
        """
        if made := self.made(address):
            return Wait.id_of(address) if self.kinds[self.changes[address].kind].asynchronous else made
        live = self.claims.live.get(address)
        return Wait.id_of(address) if live and live.status is Status.PENDING else None

    def to_make(self, change: Change) -> tuple[StepId, ...]:
        """What must be done before its object can be made: what it refers to is usable, what it lives in is there,
        nobody else has its name, and who is to make it first has made it."""
        used = (self.usable(it) for ref in self.kinds[change.kind].refs() for it in ref.named_in(change.fields))
        parent = parent_of(change.address)
        before = (self.made(address) for address in self._once.get(change.address, ()))
        return present(*used, self.made(parent) if parent else None, self.name_free(change), *before)

    @cached_property
    def movers(self) -> Mapping[str, str]:
        """address → where to what a store has there moves."""
        moves = (it for it in self.changes.values() if it.action is Action.MOVE and self.kinds[it.kind].stored)
        return {it.previous_address: it.address for it in moves if it.previous_address}

    @cached_property
    def _once(self) -> Mapping[str, list[str]]:
        return after_whom(self.kinds, self.changes, self.claims.live)

    # A name is free

    def name_free(self, change: Change) -> StepId | None:
        """The step after which the name that this change gives its object is free; None when it is free now."""
        taken = self.names.taken.get(change.address)
        if taken is None or taken.freed_by is None:
            return None
        holder = taken.freed_by
        if holder.action is Action.DELETE and not self.is_renamed_to_go(holder):
            return self.gone(holder)
        if holder.action is Action.REPLACE and self.goes_first(holder):
            return self.gone(holder)
        if holder.action in (*LEAVING, Action.HOLD) or holder.address in self.names.turned:
            return Rename.id_of(holder.address)
        return Update.id_of(holder.address)

    def parent_named(self, change: Change) -> StepId | None:
        """The step after which what it lives in has its name. What comes to an address with its parent waits for that:
        the parent is to be without its name for the time of one request, whatever lives in it."""
        parent = self.changes.get(parent_of(change.address) or "")
        if change.action is not Action.MOVE or parent is None or parent.action is not Action.MOVE:
            return None
        return Update.id_of(parent.address) if parent.address in self.names.taken else None

    def goes_first(self, change: Change) -> bool:
        """Whether a new object is to have the key that the old one has, and that cannot give it up but by going."""
        kind = self.kinds[change.kind]
        if not kind.unique or not kind.natural_key or can_rename(kind):
            return False
        return change.address in self.names.leaving or self.names.takes_its_own(change)

    def is_renamed_to_go(self, change: Change) -> bool:
        """Whether what is deleted has to be renamed before: its name is taken, and it can go only later ("rename: what
        can go only later gives up its name first")."""
        kind = self.kinds[change.kind]
        return change.address in self.names.leaving and can_rename(kind) and bool(self.to_drop(change))

    def takes_its_place(self, change: Change) -> bool:
        """Whether its new object takes the place of the old one, so that nothing of that is left to go."""
        return self.kinds[change.kind].stored

    # Something is gone

    def gone(self, change: Change) -> StepId:
        """The step after which a change's old object is gone."""
        going = self.parent_goes(change) or change
        if going.action is Action.REPLACE and self.takes_its_place(going):
            return Create.id_of(going.address)
        return Delete.id_of(going.address, going.id if going.action is Action.REPLACE else None)

    def parent_goes(self, change: Change) -> Change | None:
        """The change by which the API deletes the old object together with its old parent, if there is one."""
        parent = self.kinds[change.kind].parent
        if parent is None or not parent.cascades:
            return None
        return self.leaving.get((parent.__name__, change.parent_id or ""))

    def to_drop(self, change: Change) -> tuple[StepId, ...]:
        """What must be done before its old object can go: the new one is usable, all that lives in it or refers to it
        has gone or let go, and what was moved out of it is usable where it is now."""
        replaced = change.action is Action.REPLACE
        inside = self.inside.get((change.kind, change.id or ""), ())
        needs = [self.usable(change.address) or self.made(change.address)] if replaced else []
        if self.kinds[change.kind].cascades:
            needs += [self.usable(child.address) for child in inside if child.action is Action.REPLACE]
        else:  # what becomes of the children is promised nowhere ("delete: a collection goes after its entities")
            needs += [self.gone(child) for child in inside]
        return present(*needs, *self._freeing.get((change.kind, change.id or ""), ()))

    @cached_property
    def _freeing(self) -> dict[Object, list[StepId]]:
        """object → steps that free it from all that refers to it now: deletes, unlinks, replacements."""
        freeing: dict[Object, list[StepId]] = {}
        for change in self.changes.values():
            for target, step in self._frees(change):
                freeing.setdefault(target, []).append(step)
        return freeing

    def _frees(self, change: Change) -> Iterator[tuple[Object, StepId]]:
        """(object, step after which this change's object no longer refers to it)."""
        live = self.snapshot.get(change.kind, change.id)
        if live is None:
            return
        for field in self.kinds[change.kind].refs():
            if change.action in LEAVING:
                ids: Iterable[Any] = field.named_in(live.fields)
                step = self.gone(change)
            elif field.members and any(delta.path == field.name for delta in change.deltas):
                ids, step = self.members(change, field)[1], Unlink.id_of(change.address)
            elif any(delta.path == field.name for delta in change.deltas):
                ids, step = field.named_in(live.fields), Update.id_of(change.address)
            else:
                continue
            for id in ids:
                yield (str(field.ref), str(id)), step

    # Sets

    def members(self, change: Change, field: Field) -> tuple[list[str], list[str]]:
        """(addresses to add, ids to take away)."""
        present = set(self.claims.live[change.address].fields.get(field.name) or ())
        wanted = {address: self._kept_id(address) for address in change.fields[field.name]}
        added = [address for address, id in wanted.items() if id is None or id not in present]
        return sorted(added), sorted(present - {id for id in wanted.values() if id})

    def _kept_id(self, address: str) -> str | None:
        return None if self.made(address) else self.claims.id_of(address)


def at(change: Change) -> tuple[str, str, str, str | None]:
    """Address, kind, id and parent's id of the object that a change finds there."""
    assert change.id is not None, f"{change.address}: there is no object to {change.action.value}"
    return change.address, change.kind, change.id, change.parent_id


def present(*needs: StepId | None) -> tuple[StepId, ...]:
    """Those that there are, each once."""
    return tuple(dict.fromkeys(need for need in needs if need))
