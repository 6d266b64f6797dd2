"""Changes in the order in which they can be done, with what that costs. Pure.

The order, worked out once:
- made before: what something refers to, and what it lives in; an asset must also be ready before it is used;
- a replaced object is made first and deleted last, when all that used the old one uses the new one. Only where the API
  would take old and new for the same (an asset in an index) the old one goes first;
- a replaced object with a name that is unique is renamed aside first, so that the new one can have the name;
- members are added before others are taken away, so that a set is never empty;
- deleted before: what lives in it and what refers to it. What the API deletes together with its parent costs no call.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

from reconciler.diff import Difference
from reconciler.errors import Invalid, Problem
from reconciler.kind import Field, Kind, Update
from reconciler.model import Action, Change, Plan, Snapshot, Stack, Status, Step, Verb, parent_of
from reconciler.ownership import Claims

__all__ = ["aside_name", "make_plan", "order"]

MADE = (Action.CREATE, Action.REPLACE)


def make_plan(
    stack: Stack, kinds: Sequence[type[Kind]], claims: Claims, difference: Difference, snapshot: Snapshot
) -> Plan:
    """The whole plan. Raises Invalid when steps wait for each other in a circle, naming them."""
    steps = _Steps(stack, kinds, claims, difference.changes, snapshot).all()
    return Plan(
        stack=stack.name,
        provider=stack.provider,
        changes=tuple(sorted(difference.changes.values(), key=lambda change: change.address)),
        steps=order(steps),
        drift=tuple(difference.drift),
        estimate=_estimate(steps, difference.changes.values(), snapshot),
        unmanaged={kind: len(lives) for kind, lives in sorted(claims.foreign.items())},
        containers=frozenset(kind.parent.__name__ for kind in kinds if kind.parent),
    )


def order(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, each after all it needs; among equals by name, so that the same plan always reads the same."""
    by_id = {step.id: step for step in steps}
    graph = TopologicalSorter({step.id: [need for need in step.needs if need in by_id] for step in steps})
    try:
        graph.prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise Invalid([Problem("", 0, 0, "", f"these wait for each other in a circle: {circle}")]) from error
    result: list[Step] = []
    while graph.is_active():
        ready = sorted(graph.get_ready())
        result += [by_id[id] for id in ready]
        graph.done(*ready)
    return tuple(result)


def aside_name(name: str, id: str) -> str:
    """What a replaced object is called until it is deleted."""
    return f"{name}~replaced-{id[-6:]}"


class _Steps:
    """Builds the steps of all changes."""

    def __init__(
        self,
        stack: Stack,
        kinds: Sequence[type[Kind]],
        claims: Claims,
        changes: Mapping[str, Change],
        snapshot: Snapshot,
    ) -> None:
        self.stack, self.claims, self.changes, self.snapshot = stack, claims, changes, snapshot
        self.kinds = {kind.__name__: kind for kind in kinds}
        self.bulk: dict[str, str] = {}
        """address → id of the bulk step that makes it"""
        self.users: dict[str, list[str]] = {}
        """address → addresses of declared resources that refer to it"""
        self.children: dict[str, list[str]] = {}
        """address → addresses of what lives in it, declared or ours"""
        for address, resource in stack.resources.items():
            for ref in self.kinds[resource.kind].refs():
                for used in _refs(ref, resource.fields):
                    self.users.setdefault(used, []).append(address)
        for address in (*stack.resources, *(address for address in changes if address not in stack.resources)):
            if parent := parent_of(address):
                self.children.setdefault(parent, []).append(address)

    def all(self) -> list[Step]:
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
            for batch in _batches(self.kinds[name], group):
                if len(batch) > 1:
                    yield self._bulk(name, batch)

    def _bulk(self, kind: str, batch: Sequence[Change]) -> Step:
        id = f"bulk {batch[0].address} +{len(batch) - 1}"
        self.bulk |= dict.fromkeys((change.address for change in batch), id)
        needs = {need for change in batch for need in self._needs_to_make(change)}
        fields = {change.address: change.fields for change in batch}
        return Step(id, Verb.BULK, kind, tuple(fields), tuple(sorted(needs)), fields, None, batch[0].parent_id)

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
        return [need for need in needs if need]

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
            if live.status is Status.PENDING and f"wait {address}" not in planned:
                yield Step(f"wait {address}", Verb.WAIT, live.kind, (address,), (), {}, live.id, live.parent_id, 0)

    # Replacing

    def _replaces(self, change: Change) -> Iterator[Step]:
        kind = self.kinds[change.kind]
        old = f"{change.address}@{change.id}"
        gone_with_parent = self._parent_goes(change)
        if self._same_nature(change) and not gone_with_parent:
            yield self._step(Verb.DELETE, change, name=old)
            yield from self._creates(change, [f"delete {old}"])
            return
        extra = []
        if kind.unique and kind.natural_key and kind.update and self._can_rename(kind):
            extra = [f"aside {change.address}"]
            name = kind.natural_key[0]
            fields = {name: aside_name(str(change.fields[name]), change.id or "")}
            yield self._step(Verb.ASIDE, change, fields=fields)
        yield from self._creates(change, extra)
        if not gone_with_parent:
            needs = self._needs_to_drop(change)
            yield self._step(Verb.DELETE, change, name=old, needs=needs, along=self._along(change))

    def _can_rename(self, kind: type[Kind]) -> bool:
        return kind.specs[kind.natural_key[0]].update is Update.WHOLE

    def _same_nature(self, change: Change) -> bool:
        """Whether old and new would be the same thing to the API: same parent, same unique key that cannot change."""
        kind = self.kinds[change.kind]
        if not kind.unique or self._can_rename(kind):
            return False
        moved = {path.partition(".")[0] for path in change.replace_paths}
        return not moved & {"parent", *kind.natural_key}

    def _parent_goes(self, change: Change) -> Change | None:
        """The change by which the API deletes the old object together with its old parent, if there is one."""
        parent = parent_of(change.address)
        for address in (parent, f"{parent}@{change.parent_id}"):
            above = self.changes.get(address or "")
            if above and above.action in (Action.REPLACE, Action.DELETE) and above.id == change.parent_id:
                return above if self.kinds[above.kind].cascades else None
        return None

    def _needs_to_drop(self, change: Change) -> list[str]:
        """What must be done before the old object of a replacement can go."""
        needs = [self._usable(change.address) or self._made(change.address)]
        for user in self.users.get(change.address, ()):
            needs += self._let_go(user)
        for child in self.children.get(change.address, ()):
            needs.append(self._usable(child) or self._made(child))
        needs += self._gone_users(change.kind, change.id)
        return [need for need in needs if need]

    def _let_go(self, user: str) -> list[str]:
        """Steps after which a user of a replaced object no longer uses the old one."""
        change = self.changes.get(user)
        if change is None or change.action is Action.CREATE:
            return []
        if change.action is Action.REPLACE:
            parent = parent_of(user)
            return [
                f"delete {parent}@{change.parent_id}" if self._parent_goes(change) else f"delete {user}@{change.id}"
            ]
        return [f"unlink {user}"] if self._unlinked(change) else []

    # Changing

    def _updates(self, change: Change) -> Iterator[Step]:
        kind = self.kinds[change.kind]
        fields = self._changed_fields(kind, change)
        if fields:
            yield self._step(Verb.UPDATE, change, fields=fields)
        elif change.action is not Action.UPDATE:
            yield self._step(Verb.RECORD, change, writes=0)
        for name, field in kind.specs.items():
            if field.members and any(delta.path == name for delta in change.deltas):
                steps = list(self._member_steps(change, field))
                yield from steps
                if kind.asynchronous:  # a changed set has it looked at anew
                    yield self._step(Verb.WAIT, change, needs=[step.id for step in steps], writes=0)

    def _changed_fields(self, kind: type[Kind], change: Change) -> dict[str, Any]:
        """What an update sends: whole values, of merged maps the changed keys; our stamp goes with its map."""
        fields: dict[str, Any] = {}
        for delta in change.deltas:
            name, _, key = delta.path.partition(".")
            field = kind.specs.get(name.partition("[")[0])
            if field is None or field.update not in (Update.WHOLE, Update.MERGE):
                continue
            if field.update is Update.MERGE:
                fields.setdefault(field.name, {})[key] = delta.after
            else:
                fields[field.name] = change.fields[field.name]
        marked = kind.field_with(lambda field: field.stamped)
        stamps = change.action is not Action.UPDATE or any(delta.path == "stamp" for delta in change.deltas)
        if marked and stamps and self.stack.stamps and marked.name not in fields:
            live = self.claims.live[change.address].fields.get(marked.name) or {}
            fields[marked.name] = {} if marked.update is Update.MERGE else dict(change.fields.get(marked.name, live))
        return fields

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
        assert field.ref is not None
        present = set(self.claims.live[change.address].fields.get(field.name) or ())
        wanted = {address: self._kept_id(address) for address in change.fields[field.name]}
        added = [address for address, id in wanted.items() if id is None or id not in present]
        return sorted(added), sorted(present - {id for id in wanted.values() if id})

    def _kept_id(self, address: str) -> str | None:
        return None if self._made(address) else self.claims.id_of(address)

    def _unlinked(self, change: Change) -> bool:
        fields = [field for field in self.kinds[change.kind].specs.values() if field.members]
        touched = {delta.path for delta in change.deltas}
        return any(field.name in touched and self._members(change, field)[1] for field in fields)

    # Deleting

    def _deletes(self, change: Change) -> Iterator[Step]:
        if self._parent_goes(change):
            return
        needs = [f"delete {child}" for child in self.children.get(change.address, ()) if self._is_deleted(child)]
        kind = self.kinds[change.kind]
        if kind.cascades:  # an old index goes when all that is made anew from it is ready
            heirs = (other for other in self.changes.values() if other.action is Action.REPLACE)
            needs = [self._usable(heir.address) for heir in heirs if heir.parent_id == change.id]
        needs += self._gone_users(change.kind, change.id)
        yield self._step(Verb.DELETE, change, needs=needs, along=self._along(change))

    def _along(self, change: Change) -> list[str]:
        """Addresses that have no step of their own, because the API deletes them together with this one."""
        if not self.kinds[change.kind].cascades:
            return []
        below = (child for child in self.children.get(change.address, ()) if self._is_deleted(child))
        return [child for child in below if self.changes[child].parent_id == change.id]

    def _is_deleted(self, address: str) -> bool:
        change = self.changes.get(address)
        return change is not None and change.action is Action.DELETE

    def _gone_users(self, kind: str, id: str | None) -> list[str]:
        """Steps that free an object from all that refers to it now: deletes, unlinks, replacements."""
        return self._freeing.get((kind, id or ""), [])

    @cached_property
    def _freeing(self) -> dict[tuple[str, str], list[str]]:
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
            if change.action in (Action.DELETE, Action.REPLACE):
                step = self._drop_step(change)
            elif field.members and any(delta.path == field.name for delta in change.deltas):
                ids, step = self._members(change, field)[1], f"unlink {change.address}"
            else:
                continue
            for id in ids:
                yield (str(field.ref), str(id)), step

    def _drop_step(self, change: Change) -> str:
        """The step that deletes a change's old object."""
        gone = self._parent_goes(change) or change
        return f"delete {gone.address}" + (f"@{gone.id}" if gone.action is Action.REPLACE else "")

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


def _batches(kind: type[Kind], group: Sequence[Change]) -> Iterator[list[Change]]:
    """Batches of at most what one call takes; no natural key twice in one, for answers are matched by it."""
    assert kind.bulk is not None
    batches: list[tuple[list[Change], set[Any]]] = []
    for change in group:
        key = tuple(str(change.fields.get(name)) for name in kind.natural_key)
        for batch, keys in reversed(batches):
            if len(batch) < kind.bulk[2] and key not in keys:
                batch.append(change)
                keys.add(key)
                break
        else:
            batches.append(([change], {key}))
    yield from (batch for batch, _ in batches)


def _estimate(steps: Sequence[Step], changes: Iterable[Change], snapshot: Snapshot) -> dict[str, Any]:
    """What it takes: requests that write, requests already spent on reading."""
    return {"writes": sum(step.writes for step in steps), "reads_spent": snapshot.requests}
