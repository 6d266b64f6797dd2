"""Desired against recorded against live, one address after the other: what changes, and what drifted. Pure.

Only declared fields are compared. Kinds come in the order in which they refer to each other, so that whoever refers to
a replaced object knows it: a reference to it is a difference even though its address is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as default
from typing import Any

from reconciler.kind import Field, Kind, Updating, canonical
from reconciler.kinds import Kinds
from reconciler.model import (
    Action,
    Change,
    Delta,
    Live,
    Recorded,
    Resource,
    Source,
    Stack,
    Stamp,
    Status,
    ignores,
    parent_of,
)
from reconciler.ownership import (
    Claims,
    addresses_of,
    aside_name,
    content_of,
    is_of,
    old_name,
    same,
    was_put_aside,
    whose,
)
from reconciler.redact import hidden, holds_secret, recalled

__all__ = ["Difference", "applied", "diff", "field_deltas"]

NEW_ID = " (new)"
GONE = "it is gone from the account"
LEFT = "left over from a replacement"


@dataclass(slots=True)
class Difference:
    """All changes, parents first, and all drift."""

    changes: dict[str, Change] = default(default_factory=dict)
    drift: list[Change] = default(default_factory=list)
    stuck: dict[str, str] = default(default_factory=dict)
    """address → why: what has failed again and again, and is not made anew by itself"""
    refreshed: dict[str, Recorded] = default(default_factory=dict)
    """Rows that are to be written though nothing changes: live is as desired, and recorded is behind."""


def diff(stack: Stack, kinds: Kinds, claims: Claims) -> Difference:
    """What would make live as desired, and how live differs from what was last applied."""
    result = Difference()
    for kind in kinds:
        one = _Diff(stack, kind, claims, result.changes)
        for address, resource in stack.resources.items():
            if resource.kind == kind.__name__ and (change := one.change(address, resource)):
                result.changes[address] = change
        remade = {address for address, change in result.changes.items() if change.action in REMADE}
        result.stuck |= {address: why for address, why in one.stuck.items() if address not in remade}
    _leavers(claims, result)
    result.drift = list(_drift(kinds, stack, claims, result.changes))
    result.refreshed = dict(_refreshed(kinds, stack, claims, result.changes))
    return result


REMADE = (Action.CREATE, Action.REPLACE)
TRIED_TWICE = 2
"""So often something that fails is made, and paid: once, and once more."""


def _gave_up(address: str, failures: int, live: Live) -> str:
    why = live.facts.get("error") or "the API says no more about it"
    return (
        f"was made {failures} times and failed each time ({why}). It is not made again, for that would be paid again: "
        f"change its content or its options, or agree with --allow-replace {address} or `replace: allow`"
    )


class _Diff:
    """One kind against the changes known so far."""

    def __init__(self, stack: Stack, kind: type[Kind], claims: Claims, changes: Mapping[str, Change]) -> None:
        self.stack, self.kind, self.claims, self.changes = stack, kind, claims, changes
        self.stuck: dict[str, str] = {}
        self.stamped = kind.field_with(lambda field: field.stamped)
        self._unique_name = kind.natural_key[0] if kind.unique and kind.natural_key else ""

    def change(self, address: str, resource: Resource) -> Change | None:
        """The change of one address; None when there is nothing to do."""
        live, row = self.claims.live.get(address), self.claims.rows.get(address)
        if resource.external:
            return self._let_go(address, resource, live, row)
        if live is None:
            reason = GONE if row else "new"
            return self._make(address, resource, Action.CREATE, reason, tuple(self._initial(resource)))
        deltas = tuple(self._deltas(address, resource, live, row))
        if row and self._is_given_up(resource, live, row):
            self.stuck[address] = _gave_up(address, row.failures, live)
        if forced := self._forced(address, live, deltas):
            reason, paths, more = forced
            deltas = tuple(delta for delta in deltas if not self._was_renamed_to_go(delta, live))
            if address in self.claims.adopted and paths == ("parent",):  # goes with its parent, and is not ours
                return self._make(address, resource, Action.CREATE, "new", tuple(self._initial(resource)))
            return self._make(address, resource, Action.REPLACE, reason, (*deltas, *more), paths, live)
        return self._in_place(address, resource, live, (*deltas, *self._protect_delta(resource, row)))

    def _is_given_up(self, resource: Resource, live: Live, row: Recorded) -> bool:
        """Whether it has failed so often that it is not made again by itself."""
        failed = live.status is Status.FAILED and row.id == live.id and row.failures >= TRIED_TWICE
        return failed and not resource.replace

    def _was_renamed_to_go(self, delta: Delta, live: Live) -> bool:
        """Whether a replacement has renamed it, and was interrupted: that is nothing to be mended."""
        return delta.path == self._unique_name and delta.before == aside_name(str(delta.after), live.id)

    def _let_go(self, address: str, resource: Resource, live: Live | None, row: Recorded | None) -> Change | None:
        """What is external is looked up only; what was ours until now is let go of."""
        ours = row is not None or (live is not None and is_of(self.stack, live.stamp))
        if live is None or not ours or (row and row.id != live.id):
            return None
        return self._make(address, resource, Action.FORGET, "it is external now", live=live)

    def _forced(
        self, address: str, live: Live, deltas: Sequence[Delta]
    ) -> tuple[str, tuple[str, ...], tuple[Delta, ...]] | None:
        """Why it must be made anew, if it must: (reason, the paths that force it, deltas that say so)."""
        if parent := parent_of(address):
            change = self.changes.get(parent)
            if change and change.action in (Action.CREATE, Action.REPLACE):
                word = "replaced" if change.action is Action.REPLACE else "made anew"
                return f"{parent} is {word}", ("parent",), ()
            if live.parent_id != self.claims.id_of(parent):
                assert self.kind.parent is not None
                old = self.claims.addresses.get((self.kind.parent.__name__, str(live.parent_id)), live.parent_id)
                moved = Delta("parent", old, parent)
                return f"it is in another {self.kind.parent.__name__}", ("parent",), (moved,)
        forcing = tuple(dict.fromkeys(delta.path for delta in deltas if self._forces(delta)))
        if live.status is Status.FAILED and not (address in self.stuck and not forcing):
            return "it failed", ("status", *forcing), (Delta("status", "failed", "ready", Source.DRIFT),)
        if forcing:
            return _why_replaced(self.changes, [delta for delta in deltas if delta.path in forcing]), forcing, ()
        return None

    def _in_place(self, address: str, resource: Resource, live: Live, deltas: tuple[Delta, ...]) -> Change | None:
        if address in self.claims.adopted:
            return self._make(address, resource, Action.ADOPT, "it is in the account and nobody's", deltas, (), live)
        if (old := self.claims.moved.get(address)) is not None:
            return self._make(address, resource, Action.MOVE, f"it was {old}", deltas, (), live, previous=old)
        deltas = (*deltas, *self._stamp_delta(address, live))
        if not deltas:
            return None
        return self._make(address, resource, Action.UPDATE, _why(self.changes, deltas), deltas, (), live)

    def _protect_delta(self, resource: Resource, row: Recorded | None) -> Iterator[Delta]:
        """The mark is recorded, and taking it away is an apply of its own: so it shows."""
        if row and row.protect is not resource.protect:
            yield Delta("protect", row.protect, resource.protect, Source.PENDING, row.protect)

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
            protect=resource.protect or (action is Action.REPLACE and self._was_protected(address)),
        )

    def _was_protected(self, address: str) -> bool:
        row = self.claims.rows.get(address)
        return row is not None and row.protect

    def _initial(self, resource: Resource) -> Iterator[Delta]:
        for name, field in self.kind.specs.items():
            if name in resource.fields and not field.identity:
                yield Delta(name, None, _steady(field, resource.fields[name]))

    def _deltas(self, address: str, resource: Resource, live: Live, row: Recorded | None) -> Iterator[Delta]:
        recorded = row.fields if row and row.id == live.id else {}
        for name, field in self.kind.specs.items():
            if name not in resource.fields or field.source or self._is_ignored(resource, field):
                continue
            want = resource.fields[name]
            if field.identity:
                was = content_of(live, row)
                if was is not None and was != want:
                    yield Delta(name, was, want, Source.PENDING, recorded.get(name))
            elif field.ref:
                yield from self._ref_delta(name, field, want, live, recorded.get(name))
            elif live.detailed or not field.detail:  # what was not read is not known to differ
                have = live.fields.get(name)
                for delta in field_deltas(field, recorded.get(name), want, have, known=name in recorded):
                    if not ignores(resource.ignore, delta.path):
                        yield delta

    def _is_ignored(self, resource: Resource, field: Field) -> bool:
        """Whether all of a field is; whoever ignores where the bytes come from ignores what they are."""
        if not resource.ignore:
            return False
        sources = [spec.name for spec in self.kind.specs.values() if spec.source] if field.identity else []
        return any(ignores(resource.ignore, name) for name in (field.name, *sources))

    def _ref_delta(self, name: str, field: Field, value: Any, live: Live, recorded: Any) -> Iterator[Delta]:
        assert field.ref is not None
        raw = live.fields.get(name)
        want: Any = sorted(map(self._meant, value)) if field.many else self._meant(value)
        have = addresses_of(field.ref, raw or [] if field.many else raw, self.claims.addresses)
        if want == have:
            return
        known = recorded is not None
        was, meant = self.claims.now(recorded), value
        if field.many:
            was, meant = sorted(was) if known else was, sorted(value)
        replaced = any(NEW_ID in address for address in (want if field.many else [want]))
        yield Delta(name, have, want, _source(not known or was != meant or replaced, known and was != have), was)

    def _meant(self, address: str) -> str:
        """The address, marked when its object will be another one than now."""
        change = self.changes.get(address)
        remade = change is not None and change.action in (Action.CREATE, Action.REPLACE)
        return address + NEW_ID if remade else address

    def _forces(self, delta: Delta) -> bool:
        field = self.kind.specs.get(delta.path.partition(".")[0].partition("[")[0])
        return field is not None and field.update is Updating.REPLACE

    def _stamp_delta(self, address: str, live: Live) -> Iterator[Delta]:
        if not self.stack.stamps or self.stamped is None or not live.detailed:
            return
        want = stamp_for(self.stack, address, content_of(live, self.claims.rows.get(address)))
        if not _same_marks(live.stamp, want):
            renamed = live.stamp is not None and live.stamp.stack in self.stack.former
            yield Delta("stamp", _shown(live.stamp), _shown(want), Source.PENDING if renamed else Source.DRIFT)


def stamp_for(stack: Stack, address: str, content: str | None) -> Stamp | None:
    """The marks that the object of an address carries; None when the stack wants no stamps."""
    return Stamp(stack.name, address, content, stack.id) if stack.stamps else None


def _same_marks(have: Stamp | None, want: Stamp | None) -> bool:
    """Whether a stamp says what it should. One without an id, of an older version, gets it with the next write."""
    if have and want and not (have.stack_id and want.stack_id):
        have, want = replace(have, stack_id=None), replace(want, stack_id=None)
    return have == want


def _shown(stamp: Stamp | None) -> str | None:
    """As people read it: whose, where, and what."""
    if stamp is None:
        return None
    return f"{whose(stamp)}:{stamp.key}" + (f" {stamp.content[:12]}" if stamp.content else "")


def _why(changes: Mapping[str, Change], deltas: Sequence[Delta]) -> str:
    """Why it is updated."""
    if replaced := _replaced(changes, deltas):
        return f"{', '.join(replaced)} is replaced"
    if all(delta.path == "stamp" for delta in deltas):
        renamed = all(delta.source is Source.PENDING for delta in deltas)
        return "the stack was renamed" if renamed else "its stamp is not as it should be"
    sources = {delta.source for delta in deltas}
    if sources == {Source.DRIFT}:
        return "changed behind git's back"
    return "changed in git" if sources == {Source.PENDING} else "changed in git and behind its back"


def _why_replaced(changes: Mapping[str, Change], forcing: Sequence[Delta]) -> str:
    """Why it is replaced: because of what it refers to, or because a field cannot be changed in place."""
    if replaced := _replaced(changes, forcing):
        return f"{', '.join(replaced)} is replaced"
    return f"{', '.join(dict.fromkeys(delta.path for delta in forcing))} cannot be changed in place"


def _replaced(changes: Mapping[str, Change], deltas: Sequence[Delta]) -> list[str]:
    new = [item.removesuffix(NEW_ID) for delta in deltas for item in _words(delta.after) if item.endswith(NEW_ID)]
    return [address for address in new if changes[address].action is Action.REPLACE]


def _words(value: Any) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]


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
    source = _moved(field, recorded, want, have, known=known)
    if field.part and isinstance(want, list) and isinstance(have, list) and not holds_secret([recorded, want]):
        yield from _part_deltas(field, want, have, source, recorded)
        return
    yield Delta(field.name, unshown(_steady(field, have), want, recorded), _steady(field, want), source, recorded)


def unshown(have: Any, *beside: Any) -> Any:
    """A live value; one that must not be shown where what is declared there, or was applied, holds a secret: it may be
    an older one."""
    return hidden(have) if have is not None and holds_secret(beside) else have


def _steady(field: Field, value: Any) -> Any:
    """The value as it is shown: the same whatever the order of keys, and of items where order does not matter."""
    if isinstance(value, Mapping):
        parts = field.part.parts if field.part else {}
        names = list(parts) if parts else sorted(value)
        return {name: _steady(parts.get(name, field), value[name]) for name in names if name in value}
    if isinstance(value, list | tuple):
        items = [_steady(field, item) if isinstance(item, Mapping) else item for item in value]
        return sorted(items, key=repr) if field.unordered else items
    return value


def _map_deltas(
    field: Field, recorded: Mapping[str, Any], want: Mapping[str, Any], have: Mapping[str, Any], *, known: bool
) -> Iterator[Delta]:
    for key in sorted(want.keys() | have.keys()):
        was, wanted, found = recorded.get(key), want.get(key), have.get(key)
        if not same(field, wanted, found):
            source = _moved(field, was, wanted, found, known=known)
            yield Delta(f"{field.name}.{key}", unshown(found, wanted, was), wanted, source, was)


def _moved(field: Field, recorded: Any, want: Any, have: Any, *, known: bool) -> Source:
    """Whether git changed it, or somebody else did, or both. A variable with another value than before is git's."""
    if not known:
        return Source.PENDING
    pending = not same(field, recalled(recorded, want), want)
    return _source(pending, not same(field, recalled(recorded, have), have))


def _part_deltas(field: Field, want: list[Any], have: list[Any], source: Source, recorded: Any) -> Iterator[Delta]:
    """Nested lists: say which inner value differs, where both sides have the same shape."""
    from deepdiff import DeepDiff  # heavy, and rarely needed

    left, right = canonical(field, have), canonical(field, want)
    found = DeepDiff(left, right, ignore_numeric_type_changes=True, ignore_order=field.unordered, view="tree")
    changed = list(found.get("values_changed", []))
    if set(found) != {"values_changed"}:
        yield Delta(field.name, _steady(field, have), _steady(field, want), source, recorded)
        return
    for item in changed:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in item.path(output_format="list"))
        yield Delta(field.name + path, item.t1, item.t2, source)


def _leavers(claims: Claims, result: Difference) -> None:
    """What is ours and no longer declared: deleted, or let go."""
    for address, row in sorted(claims.forgotten.items()):
        now = claims.addresses.get((row.kind, row.id), address)
        why = "under `removed:`" if now == address else f"it is external now, as {now}"
        result.changes[address] = _leaver(address, row, Action.FORGET, why)
    for address, row in sorted(claims.orphans.items()):
        result.changes[address] = _leaver(address, row, Action.DELETE, "no longer declared")
    for row in sorted(claims.leftovers, key=lambda row: (row.address, row.id)):
        name = old_name(row)
        unknown = claims.never_made(row.kind, row.id) and not was_put_aside(row)
        why = "it carries the stamp of this address too" if unknown else LEFT
        result.changes[name] = _leaver(name, row, Action.DELETE, why)

    for row in claims.displaced:
        name, by = old_name(row), claims.moved[row.address]
        result.changes[name] = _leaver(
            name, row, Action.DELETE, f"no longer declared; {row.address} is what was {by} until now"
        )


def _leaver(address: str, row: Recorded, action: Action, reason: str) -> Change:
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


def _drift(kinds: Kinds, stack: Stack, claims: Claims, changes: Mapping[str, Change]) -> Iterator[Change]:
    """Live against what was last applied, whatever git says by now."""
    for address, row in sorted(claims.rows.items()):
        live = claims.live.get(address)
        resource = stack.resources.get(address)
        if live is None:
            yield Change(address, row.kind, Action.DELETE, GONE, id=row.id)
        elif row.id != live.id:
            yield Change(address, row.kind, Action.REPLACE, f"it is another object now ({live.id})", id=row.id)
        elif resource and address not in changes and row.fields == resource.fields:
            continue  # as desired, and that is what was applied
        elif not (resource and resource.external):
            deltas = tuple(_drifted(kinds[row.kind], claims, row, live, resource))
            if deltas:
                yield Change(address, row.kind, Action.UPDATE, "changed behind git's back", deltas, id=row.id)
    for row in sorted(claims.gone, key=lambda row: row.address):
        if not row.deposed:
            owner = claims.taken_away.get(row.address)
            why = f"it belongs to the stack {owner!r} now" if owner else GONE
            yield Change(row.address, row.kind, Action.DELETE, why, id=row.id)


def _drifted(kind: type[Kind], claims: Claims, row: Recorded, live: Live, resource: Resource | None) -> Iterator[Delta]:
    """Each field that is not as it was applied: before it was so, after it is so now."""
    for name, was in row.fields.items():
        field = kind.specs.get(name)
        if field is None or field.source or field.identity or (field.detail and not live.detailed):
            continue
        have = live.fields.get(name)
        if field.ref:
            have = addresses_of(field.ref, have or [] if field.many else have, claims.addresses)
            was = sorted(claims.now(was)) if field.many else claims.now(was)
        declared = resource.fields.get(name) if resource else None
        for delta in field_deltas(field, was, have, recalled(was, have), known=True):
            if not ignores(resource.ignore if resource else (), delta.path):
                yield _sides(delta, was, declared)


def _sides(delta: Delta, was: Any, declared: Any) -> Delta:
    """A difference of live and recorded. A live value is not shown where a secret was applied or is declared."""
    key = delta.path.partition(".")[2]
    applied_here, declared_here = (it.get(key) if isinstance(it, Mapping) else it for it in (was, declared))
    before = applied_here if holds_secret(applied_here) else delta.before
    return Delta(delta.path, before, unshown(delta.after, applied_here, declared_here), Source.DRIFT)


def _refreshed(
    kinds: Kinds, stack: Stack, claims: Claims, changes: Mapping[str, Change]
) -> Iterator[tuple[str, Recorded]]:
    """Declared, there, nothing to do: what is recorded must say so too (adopted by stamp, or mended by hand)."""
    for address, resource in stack.resources.items():
        live = claims.live.get(address)
        if live is None or address in changes or resource.external:
            continue
        fields = applied(kinds[resource.kind], resource, claims.rows.get(address), live)
        old = claims.rows.get(address)
        failures = old.failures if old and old.id == live.id and live.status is Status.FAILED else 0
        row = Recorded(address, resource.kind, live.id, fields, live.parent_id, resource.protect, failures=failures)
        if old != row:
            yield address, row


def applied(kind: type[Kind], resource: Resource, row: Recorded | None, live: Live | None) -> Mapping[str, Any]:
    """What is to be recorded of an object that is as declared now. What is ignored was not applied: it stays as it was
    recorded before, or is as it was found."""
    if not resource.ignore:
        return resource.fields
    before = row.fields if row and (live is None or row.id == live.id) else live.fields if live else {}
    fields: dict[str, Any] = {}
    for name, value in resource.fields.items():
        field, was = kind.specs.get(name), before.get(name)
        usable = was is not None and (before is not (live.fields if live else None) or not (field and field.ref))
        if ignores(resource.ignore, name):
            fields |= {name: was} if usable else {}
        elif isinstance(value, Mapping):
            old = was if isinstance(was, Mapping) else {}
            sent = {key: item for key, item in value.items() if not ignores(resource.ignore, f"{name}.{key}")}
            kept = {key: item for key, item in old.items() if ignores(resource.ignore, f"{name}.{key}")}
            fields[name] = {**kept, **sent}
        else:
            fields[name] = value
    return fields
