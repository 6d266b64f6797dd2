"""Desired against recorded against live, one address after the other: what changes, and what drifted. Pure.

Only declared fields are compared. Kinds come in the order in which they refer to each other, so that whoever refers to
a replaced object knows it: a reference to it is a difference even though its address is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

from reconciler.kind import Field, Kind, Update, canonical
from reconciler.model import Action, Change, Delta, Live, Recorded, Resource, Source, Stack, Stamp, Status, parent_of
from reconciler.ownership import Claims, content_of, same

__all__ = ["Difference", "diff", "field_deltas"]

NEW_ID = " (new)"


@dataclass(slots=True)
class Difference:
    """All changes, parents first, and all drift."""

    changes: dict[str, Change] = default(default_factory=dict)
    drift: list[Change] = default(default_factory=list)
    refreshed: dict[str, Recorded] = default(default_factory=dict)
    """Rows that are to be written though nothing changes: live is as desired, and recorded is behind."""


def diff(stack: Stack, kinds: Sequence[type[Kind]], claims: Claims) -> Difference:
    """What would make live as desired, and how live differs from what was last applied."""
    result = Difference()
    for kind in kinds:
        one = _Diff(stack, kind, claims, result.changes)
        for address, resource in stack.resources.items():
            if resource.kind == kind.__name__ and (change := one.change(address, resource)):
                result.changes[address] = change
    by_name = {kind.__name__: kind for kind in kinds}
    _leavers(claims, result)
    result.drift = list(_drift(by_name, stack, claims))
    result.refreshed = dict(_refreshed(stack, claims, result.changes))
    return result


class _Diff:
    """One kind against the changes known so far."""

    def __init__(self, stack: Stack, kind: type[Kind], claims: Claims, changes: Mapping[str, Change]) -> None:
        self.stack, self.kind, self.claims, self.changes = stack, kind, claims, changes
        self.stamped = kind.field_with(lambda field: field.stamped)

    def change(self, address: str, resource: Resource) -> Change | None:
        """The change of one address; None when there is nothing to do."""
        if resource.external:
            return None
        live, row = self.claims.live.get(address), self.claims.rows.get(address)
        if live is None:
            reason = "it is gone from the account" if row else "new"
            return self._make(address, resource, Action.CREATE, reason, deltas=tuple(self._initial(resource)))
        deltas = tuple(self._deltas(address, resource, live, row))
        forcing = tuple(dict.fromkeys(delta.path for delta in deltas if self._forces(delta)))
        if parent := self._replaced_parent(address):
            return self._make(address, resource, Action.REPLACE, f"{parent} is replaced", deltas, ("parent",), live)
        if live.status is Status.FAILED:
            failed = Delta("status", "failed", "ready", Source.DRIFT)
            return self._make(address, resource, Action.REPLACE, "it failed", (*deltas, failed), ("status",), live)
        if forcing:
            reason = f"{', '.join(forcing)} cannot be changed in place"
            return self._make(address, resource, Action.REPLACE, reason, deltas, forcing, live)
        return self._in_place(address, resource, live, deltas)

    def _in_place(self, address: str, resource: Resource, live: Live, deltas: tuple[Delta, ...]) -> Change | None:
        if address in self.claims.adopted:
            return self._make(address, resource, Action.ADOPT, "it is in the account and nobody's", deltas, (), live)
        if (old := self.claims.moved.get(address)) is not None:
            return self._make(address, resource, Action.MOVE, f"it was {old}", deltas, (), live, previous=old)
        deltas = (*deltas, *self._stamp_delta(address, live))
        if not deltas:
            return None
        return self._make(address, resource, Action.UPDATE, _why(self.changes, deltas), deltas, (), live)

    def _make(
        self,
        address: str,
        resource: Resource,
        action: Action,
        reason: str,
        deltas: tuple[Delta, ...] = (),
        replace_paths: tuple[str, ...] = (),
        live: Live | None = None,
        *,
        previous: str | None = None,
    ) -> Change:
        return Change(
            address=address,
            kind=resource.kind,
            action=action,
            reason=reason,
            deltas=deltas,
            replace_paths=replace_paths,
            id=live.id if live else None,
            previous_address=previous or self.claims.moved.get(address),
            fields=resource.fields,
            parent_id=live.parent_id if live else None,
            facts=live.facts if live else {},
            protect=resource.protect,
        )

    def _initial(self, resource: Resource) -> Iterator[Delta]:
        for name, value in resource.fields.items():
            if name not in self.kind.specs or self.kind.specs[name].identity:
                continue
            yield Delta(name, None, value)

    def _deltas(self, address: str, resource: Resource, live: Live, row: Recorded | None) -> Iterator[Delta]:
        recorded = row.fields if row and row.id == live.id else {}
        for name, field in self.kind.specs.items():
            if name not in resource.fields or field.source or _ignored(resource.ignore, name):
                continue
            if field.identity:
                was = content_of(live, row)
                if was is not None and was != resource.fields[name]:
                    yield Delta(name, was, resource.fields[name], Source.PENDING, recorded.get(name))
            elif field.ref:
                yield from self._ref_delta(name, field, resource.fields[name], live, recorded.get(name))
            else:
                want, have = resource.fields[name], live.fields.get(name)
                for delta in field_deltas(field, recorded.get(name), want, have, known=name in recorded):
                    if not _ignored(resource.ignore, delta.path):
                        yield delta

    def _ref_delta(self, name: str, field: Field, value: Any, live: Live, recorded: Any) -> Iterator[Delta]:
        assert field.ref is not None
        many = field.many
        want = [self._meant(address) for address in (value if many else [value])]
        raw = live.fields.get(name)
        ids = list(raw or []) if many else [raw]
        have = [self.claims.addresses.get((field.ref, str(id)), id) for id in ids]
        if set(want) == set(have):
            return
        before, after = (sorted(map(str, have)), sorted(want)) if many else (have[0], want[0])
        known = recorded is not None
        was = sorted(recorded) if many and known else recorded
        pending = not known or was != (sorted(value) if many else value)
        replaced = any(NEW_ID in address for address in want)
        yield Delta(name, before, after, _source(pending or replaced, known and was != before), was)

    def _meant(self, address: str) -> str:
        """The address, marked when its object will be another one than now."""
        change = self.changes.get(address)
        remade = change is not None and change.action in (Action.CREATE, Action.REPLACE)
        return address + NEW_ID if remade else address

    def _forces(self, delta: Delta) -> bool:
        field = self.kind.specs.get(delta.path.partition(".")[0].partition("[")[0])
        return field is not None and field.update is Update.REPLACE

    def _replaced_parent(self, address: str) -> str | None:
        parent = parent_of(address)
        change = self.changes.get(parent) if parent else None
        return parent if change and change.action in (Action.CREATE, Action.REPLACE) else None

    def _stamp_delta(self, address: str, live: Live) -> Iterator[Delta]:
        if not self.stack.stamps or self.stamped is None or not live.detailed:
            return
        want = stamp_for(self.stack, address, content_of(live, self.claims.rows.get(address)))
        if live.stamp != want:
            yield Delta("stamp", _shown(live.stamp), _shown(want), Source.DRIFT)


def stamp_for(stack: Stack, address: str, content: str | None) -> Stamp | None:
    """The marks that the object of an address carries; None when the stack wants no stamps."""
    return Stamp(stack.name, address, content) if stack.stamps else None


def _shown(stamp: Stamp | None) -> str | None:
    return f"{stamp.stack}:{stamp.key}" + (f" {stamp.content[:12]}" if stamp.content else "") if stamp else None


def _why(changes: Mapping[str, Change], deltas: Sequence[Delta]) -> str:
    new = [item.removesuffix(NEW_ID) for delta in deltas for item in _words(delta.after) if item.endswith(NEW_ID)]
    if replaced := [address for address in new if changes[address].action is Action.REPLACE]:
        return f"{', '.join(replaced)} is replaced"
    sources = {delta.source for delta in deltas}
    if sources == {Source.DRIFT}:
        return "changed behind git's back"
    return "changed in git" if sources == {Source.PENDING} else "changed in git and behind its back"


def _words(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _source(pending: bool, drift: bool) -> Source:
    if pending and drift:
        return Source.BOTH
    return Source.DRIFT if drift else Source.PENDING


def field_deltas(field: Field, recorded: Any, want: Any, have: Any, *, known: bool) -> Iterator[Delta]:
    """Where two values of a field differ, map key by map key; `known` says whether `recorded` means anything."""
    if same(field, want, have):
        return
    if isinstance(want, Mapping) or isinstance(have, Mapping):
        yield from _map_deltas(field, recorded or {}, want or {}, have or {}, known=known)
        return
    pending, drift = _moved(field, recorded, want, have, known=known)
    if field.part and isinstance(want, list) and isinstance(have, list):
        yield from _part_deltas(field, want, have, _source(pending, drift), recorded)
        return
    yield Delta(field.name, have, want, _source(pending, drift), recorded)


def _map_deltas(
    field: Field, recorded: Mapping[str, Any], want: Mapping[str, Any], have: Mapping[str, Any], *, known: bool
) -> Iterator[Delta]:
    for key in sorted(want.keys() | have.keys()):
        was, wanted, found = recorded.get(key), want.get(key), have.get(key)
        if not same(field, wanted, found):
            pending, drift = _moved(field, was, wanted, found, known=known)
            yield Delta(f"{field.name}.{key}", found, wanted, _source(pending, drift), was)


def _moved(field: Field, recorded: Any, want: Any, have: Any, *, known: bool) -> tuple[bool, bool]:
    """Whether git changed it, and whether somebody else did."""
    if not known:
        return True, False
    return not same(field, recorded, want), not same(field, recorded, have)


def _part_deltas(field: Field, want: list[Any], have: list[Any], source: Source, recorded: Any) -> Iterator[Delta]:
    """Nested lists: say which inner value differs, where both sides have the same shape."""
    from deepdiff import DeepDiff  # heavy, and rarely needed

    left, right = canonical(field, have), canonical(field, want)
    found = DeepDiff(left, right, ignore_numeric_type_changes=True, ignore_order=field.unordered, view="tree")
    changed = list(found.get("values_changed", []))
    if set(found) != {"values_changed"}:
        yield Delta(field.name, have, want, source, recorded)
        return
    for item in changed:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in item.path(output_format="list"))
        yield Delta(field.name + path, item.t1, item.t2, source)


def _ignored(ignore: Sequence[str], path: str) -> bool:
    return any(path == ignored or path.startswith(ignored + ".") for ignored in ignore)


def _leavers(claims: Claims, result: Difference) -> None:
    """What is ours and no longer declared: deleted, or let go."""
    for address, row in sorted(claims.forgotten.items()):
        result.changes[address] = _leaver(claims, address, row, Action.FORGET, "under `removed:`")
    for address, row in sorted(claims.orphans.items()):
        result.changes[address] = _leaver(claims, address, row, Action.DELETE, "no longer declared")
    for row in sorted(claims.leftovers, key=lambda row: (row.address, row.id)):
        name = old_name(row)
        result.changes[name] = _leaver(claims, name, row, Action.DELETE, "left over from a replacement")


def old_name(row: Recorded) -> str:
    """How the old object of a replacement is shown and recorded beside the new one at the same address."""
    return f"{row.address}@{row.id}"


def _leaver(claims: Claims, address: str, row: Recorded, action: Action, reason: str) -> Change:
    return Change(
        address=address,
        kind=row.kind,
        action=action,
        reason=reason,
        id=row.id,
        parent_id=row.parent_id,
        protect=row.protect,
        fields=row.fields,
    )


def _drift(kinds: Mapping[str, type[Kind]], stack: Stack, claims: Claims) -> Iterator[Change]:
    """Live against what was last applied, whatever git says by now."""
    for address, row in sorted(claims.rows.items()):
        live = claims.live.get(address)
        if live is None:
            yield Change(address, row.kind, Action.DELETE, "it is gone from the account", id=row.id)
            continue
        if row.id != live.id:
            continue
        resource = stack.resources.get(address)
        deltas = tuple(_drifted(kinds[row.kind], claims, row, live, resource.ignore if resource else ()))
        if deltas:
            yield Change(address, row.kind, Action.UPDATE, "changed behind git's back", deltas, id=row.id)
    for row in sorted(claims.gone, key=lambda row: row.address):
        if not row.deposed:
            yield Change(row.address, row.kind, Action.DELETE, "it is gone from the account", id=row.id)


def _drifted(kind: type[Kind], claims: Claims, row: Recorded, live: Live, ignore: Sequence[str]) -> Iterator[Delta]:
    for name, was in row.fields.items():
        field = kind.specs.get(name)
        if field is None or field.source or field.identity or (field.detail and not live.detailed):
            continue
        have = live.fields.get(name)
        if field.ref:
            ids = list(have or []) if field.many else [have]
            known = [claims.addresses.get((field.ref, str(id)), id) for id in ids]
            have, was = (sorted(map(str, known)), sorted(was)) if field.many else (known[0], was)
        for delta in field_deltas(field, was, have, was, known=True):
            if not _ignored(ignore, delta.path):
                yield Delta(delta.path, delta.before, delta.after, Source.DRIFT, delta.before)


def _refreshed(stack: Stack, claims: Claims, changes: Mapping[str, Change]) -> Iterator[tuple[str, Recorded]]:
    """Declared, there, nothing to do: what is recorded must say so too (adopted by stamp, or mended by hand)."""
    for address, resource in stack.resources.items():
        live = claims.live.get(address)
        if live is None or address in changes or resource.external:
            continue
        row = Recorded(address, resource.kind, live.id, resource.fields, live.parent_id, resource.protect)
        if claims.rows.get(address) != row:
            yield address, row
