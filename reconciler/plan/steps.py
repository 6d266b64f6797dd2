"""The steps of each change, and what they wait for. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from reconciler.kind import Field
from reconciler.kinds import Kinds
from reconciler.model import Action, Change, Snapshot, Stack, Status, Step, Verb, parent_of
from reconciler.ownership import Claims, deposed_name
from reconciler.plan.names import Names, can_rename
from reconciler.plan.sending import batches, changed_fields
from reconciler.plan.subset import EVERYTHING, Subset

__all__ = ["Steps"]

MADE = (Action.CREATE, Action.REPLACE)
LEAVING = (Action.DELETE, Action.REPLACE)


class Steps:
    """Builds the steps of all changes."""

    def __init__(
        self,
        stack: Stack,
        kinds: Kinds,
        claims: Claims,
        changes: Mapping[str, Change],
        snapshot: Snapshot,
        names: Names,
        subset: Subset = EVERYTHING,
    ) -> None:
        self.stack, self.claims, self.changes, self.snapshot, self.subset = stack, claims, changes, snapshot, subset
        self.kinds = kinds
        self.names = names
        self.bulk: dict[str, str] = {}
        """address → id of the bulk step that makes it"""
        self.leaving: dict[tuple[str, str], Change] = {}
        """(kind, id) of an object that goes → its change"""
        self.inside: dict[tuple[str, str], list[Change]] = {}
        """(kind, id) of a parent → changes by which something in it goes"""
        for change in changes.values():
            if change.action in LEAVING and change.id:
                self.leaving[change.kind, change.id] = change
                if (parent := self.kinds[change.kind].parent) and change.parent_id:
                    self.inside.setdefault((parent.__name__, change.parent_id), []).append(change)

    def all(self) -> list[Step]:
        """In no order."""
        bulk = list(self._bulks())
        steps = [step for change in self.changes.values() for step in self._of(change)]
        return [*bulk, *steps, *self._still_waiting({step.id for step in steps})]

    def _of(self, change: Change) -> Iterator[Step]:
        match change.action:
            case Action.CREATE:
                yield from self._creates(change)
            case Action.REPLACE:
                yield from self._replaces(change)
            case Action.DELETE:
                if not self._parent_goes(change):
                    yield from self._deletes(change)
            case Action.FORGET:
                yield self._step(Verb.FORGET, change, writes=int(self._can_be_stamped(change.kind)))
            case Action.UPDATE | Action.MOVE | Action.ADOPT:
                yield from self._updates(change)

    # Making

    def _bulks(self) -> Iterator[Step]:
        """Creates of one kind under one parent, as few calls as the API and distinct names allow."""
        groups: dict[tuple[str, str], list[Change]] = {}
        for change in self.changes.values():
            if change.action in MADE and self.kinds[change.kind].bulk:
                groups.setdefault((change.kind, parent_of(change.address) or ""), []).append(change)
        for (name, _), group in groups.items():
            for batch in batches(self.kinds[name], sorted(group, key=lambda change: change.address)):
                if len(batch) > 1:
                    yield self._bulk(name, batch)

    def _bulk(self, kind: str, batch: Sequence[Change]) -> Step:
        id = f"bulk {batch[0].address} +{len(batch) - 1}"
        self.bulk |= dict.fromkeys((change.address for change in batch), id)
        needs = {need for change in batch for need in self._needs_to_make(change)}
        fields = {change.address: change.fields for change in batch}
        return Step(id, Verb.BULK, kind, tuple(fields), tuple(sorted(needs)), fields)

    def _creates(self, change: Change, extra: Iterable[str] = ()) -> Iterator[Step]:
        if change.address not in self.bulk:
            needs = (*self._needs_to_make(change), *extra)
            yield self._step(Verb.CREATE, change, needs=needs, fields=change.fields, fresh=True)
        if self.kinds[change.kind].asynchronous:
            yield self._step(Verb.WAIT, change, needs=[self._made(change.address)], fresh=True, writes=0)

    def _needs_to_make(self, change: Change) -> list[str]:
        needs = [self._usable(used) for ref in self.kinds[change.kind].refs() for used in _refs(ref, change.fields)]
        if (parent := parent_of(change.address)) and parent in self.changes:
            needs.append(self._made(parent))
        return [need for need in (*needs, self._named_after(change)) if need]

    def _made(self, address: str) -> str:
        """The step after which an address has an object; '' when it has one now."""
        change = self.changes.get(address)
        if change is None or change.action not in MADE:
            return ""
        return self.bulk.get(address, f"create {address}")

    def _usable(self, address: str) -> str:
        """The step after which others may refer to an address; '' when they may now."""
        live = self.claims.live.get(address)
        if self._made(address):
            kind = self.kinds[self.changes[address].kind]
            return f"wait {address}" if kind.asynchronous else self._made(address)
        return f"wait {address}" if live and live.status is Status.PENDING else ""

    def _still_waiting(self, planned: Container[str]) -> Iterator[Step]:
        """What an earlier run made and did not see ready: waited for again, never made again."""
        for address, live in self.claims.live.items():
            if live.status is Status.PENDING and f"wait {address}" not in planned and self.subset.has(address):
                yield Step(f"wait {address}", Verb.WAIT, live.kind, (address,), (), {}, live.id, live.parent_id, 0)

    # Replacing

    def _replaces(self, change: Change) -> Iterator[Step]:
        kind = self.kinds[change.kind]
        gone_with_parent = self._parent_goes(change)
        if self._goes_first(change) and not gone_with_parent:
            drop = self._drop_first(change)
            yield drop
            yield from self._creates(change, [drop.id])
            return
        asides = list(self._asides(change)) if kind.unique and kind.natural_key and can_rename(kind) else []
        yield from asides
        yield from self._creates(change, [step.id for step in asides])
        if not gone_with_parent:
            yield self._drop(change)

    def _goes_first(self, change: Change) -> bool:
        """Whether a new object is to have the key that the old one has, and that cannot give it up but by going."""
        kind = self.kinds[change.kind]
        if not kind.unique or not kind.natural_key or can_rename(kind):
            return False
        return change.address in self.names.leaving or self.names.takes_its_own(change)

    # Names that change hands

    def _named_after(self, change: Change) -> str:
        """The step after which the name that this change gives its object is free; '' when it is free now."""
        taken = self.names.taken.get(change.address)
        if taken is None or taken.freed_by is None:
            return ""
        holder = taken.freed_by
        if holder.action is Action.DELETE and not self._is_renamed_to_go(holder):
            return self._drop_id(holder)
        if holder.action is Action.REPLACE and self._goes_first(holder):
            return self._drop_id(holder)
        if holder.action in LEAVING or holder.address in self.names.turned:
            return f"aside {holder.address}"
        return f"update {holder.address}"

    def _is_renamed_to_go(self, change: Change) -> bool:
        """Whether what is deleted has to be renamed before: its name is taken, and it can go only later."""
        kind = self.kinds[change.kind]
        return change.address in self.names.leaving and can_rename(kind) and bool(self._drop(change).needs)

    def _deletes(self, change: Change) -> Iterator[Step]:
        drop = self._drop(change)
        if change.address in self.names.leaving and self._is_renamed_to_go(change):
            asides = list(self._asides(change))
            yield from asides
            drop = replace(drop, needs=(*drop.needs, *(step.id for step in asides)))
        yield drop

    def _asides(self, change: Change) -> Iterator[Step]:
        """Rename an object to where nobody is in its way, unless an interrupted run has done it."""
        name = self.kinds[change.kind].natural_key[0]
        live = self.snapshot.get(change.kind, change.id)
        now = change.fields.get(name) or (live.fields.get(name) if live else None)
        aside = deposed_name(now if isinstance(now, str) else str(now), change.id or "")
        if live is None or live.fields.get(name) != aside:
            yield self._step(Verb.ASIDE, change, fields={name: aside})

    # Changing

    def _updates(self, change: Change) -> Iterator[Step]:
        kind = self.kinds[change.kind]
        members = [
            field for field in kind.specs.values() if field.members and any(d.path == field.name for d in change.deltas)
        ]
        fields = changed_fields(kind, change, self.stack, self.claims.live[change.address])
        if fields:
            asides = list(self._asides(change)) if change.address in self.names.turned else []
            yield from asides
            needs = [self._named_after(change), *(step.id for step in asides)]
            yield self._step(Verb.UPDATE, change, needs=needs, fields=fields)
        elif change.action is not Action.UPDATE or not members:
            yield self._step(Verb.RECORD, change, writes=0)
        for field in members:
            steps = list(self._member_steps(change, field))
            yield from steps
            if kind.asynchronous:  # a changed set has it looked at anew
                yield self._step(Verb.WAIT, change, needs=[step.id for step in steps], writes=0)

    def _member_steps(self, change: Change, field: Field) -> Iterator[Step]:
        added, removed = self._members(change, field)
        if added:
            needs = [need for need in map(self._usable, added) if need]
            yield self._step(Verb.LINK, change, needs=needs, fields={field.name: added})
        if removed:
            needs = [f"link {change.address}"] if added else []
            yield self._step(Verb.UNLINK, change, needs=needs, fields={field.name: removed})

    def _members(self, change: Change, field: Field) -> tuple[list[str], list[str]]:
        """(addresses to add, ids to take away)"""
        present = set(self.claims.live[change.address].fields.get(field.name) or ())
        wanted = {address: self._kept_id(address) for address in change.fields[field.name]}
        added = [address for address, id in wanted.items() if id is None or id not in present]
        return sorted(added), sorted(present - {id for id in wanted.values() if id})

    def _kept_id(self, address: str) -> str | None:
        return None if self._made(address) else self.claims.id_of(address)

    # Deleting

    def _drop_first(self, change: Change) -> Step:
        """The delete of the old object of a replacement, before the new one can be made."""
        return self._step(Verb.DELETE, change, name=f"{change.address}@{change.id}")

    def _drop(self, change: Change) -> Step:
        """The delete of an object that goes: after all that lives in it or refers to it has gone or let go."""
        kind = self.kinds[change.kind]
        replaced = change.action is Action.REPLACE
        inside = self.inside.get((change.kind, change.id or ""), ())
        needs = [self._usable(change.address) or self._made(change.address)] if replaced else []
        if kind.cascades:
            needs += [self._usable(child.address) for child in inside if child.action is Action.REPLACE]
        else:
            needs += [self._drop_id(child) for child in inside]
        needs += self._freeing.get((change.kind, change.id or ""), [])
        along = [child.address for child in inside if kind.cascades and child.action is Action.DELETE]
        name = f"{change.address}@{change.id}" if replaced else ""
        return self._step(Verb.DELETE, change, needs=needs, along=along, name=name)

    def _parent_goes(self, change: Change) -> Change | None:
        """The change by which the API deletes the old object together with its old parent, if there is one."""
        parent = self.kinds[change.kind].parent
        if parent is None or not parent.cascades:
            return None
        return self.leaving.get((parent.__name__, change.parent_id or ""))

    def _drop_id(self, change: Change) -> str:
        """The step after which a change's old object is gone."""
        gone = self._parent_goes(change) or change
        return f"delete {gone.address}" + (f"@{gone.id}" if gone.action is Action.REPLACE else "")

    @cached_property
    def _freeing(self) -> dict[tuple[str, str], list[str]]:
        """(kind, id) → steps that free an object from all that refers to it now: deletes, unlinks, replacements."""
        freeing: dict[tuple[str, str], list[str]] = {}
        for change in self.changes.values():
            for target, step in self._frees(change):
                freeing.setdefault(target, []).append(step)
        return freeing

    def _frees(self, change: Change) -> Iterator[tuple[tuple[str, str], str]]:
        """(object, step after which this change's object no longer refers to it)"""
        live = self.snapshot.get(change.kind, change.id)
        if live is None:
            return
        for field in self.kinds[change.kind].refs():
            value = live.fields.get(field.name)
            ids: list[Any] = list(value or []) if field.many else [value]
            if change.action in LEAVING:
                step = self._drop_id(change)
            elif field.members and any(delta.path == field.name for delta in change.deltas):
                ids, step = self._members(change, field)[1], f"unlink {change.address}"
            else:
                continue
            for id in ids:
                yield (str(field.ref), str(id)), step

    # Common

    def _can_be_stamped(self, kind: str) -> bool:
        return self.stack.stamps and self.kinds[kind].field_with(lambda field: field.stamped) is not None

    def _step(
        self,
        verb: Verb,
        change: Change,
        *,
        needs: Iterable[str] = (),
        fields: Mapping[str, Any] | None = None,
        name: str = "",
        along: Sequence[str] = (),
        fresh: bool = False,
        writes: int = 1,
    ) -> Step:
        return Step(
            id=f"{verb} {name or change.address}",
            verb=verb,
            kind=change.kind,
            addresses=(change.address, *along),
            needs=tuple(dict.fromkeys(need for need in needs if need)),
            fields=fields or {},
            object_id=None if fresh else change.id,
            parent_id=None if fresh else change.parent_id,
            writes=writes,
        )


def _refs(field: Field, fields: Mapping[str, Any]) -> list[str]:
    value = fields.get(field.name)
    return [] if value is None else list(value) if field.many else [value]
