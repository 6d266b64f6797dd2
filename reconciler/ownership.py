"""Which live object each address means, and whose every object is. Pure.

An object is ours when it is recorded, or stamped by this stack. In that order an address claims: the object that its
`id:` names, the one recorded for it, the one stamped with it, one of ours that lost its address and has the same
content or natural key (a move), and last one with its natural key that is nobody's (an adoption: needs consent).
What has no place for a stamp is ours if its children carry ours. Everything else is foreign: counted, never touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.kind import Field, Kind, canonical
from reconciler.model import Live, Recorded, Resource, Snapshot, Stack, Stamp, parent_of

__all__ = ["Claims", "claim", "content_of", "identity_field", "row_from", "same"]


@dataclass(slots=True)
class Claims:
    """The answer. Filled by `claim`, read by everybody else."""

    live: dict[str, Live] = field(default_factory=dict)
    """address → its object, for what is declared."""
    rows: dict[str, Recorded] = field(default_factory=dict)
    """address → what was last applied there; after moves under the new address."""
    moved: dict[str, str] = field(default_factory=dict)
    """new address → old address"""
    adopted: set[str] = field(default_factory=set)
    """Addresses whose object is nobody's yet."""
    orphans: dict[str, Recorded] = field(default_factory=dict)
    """Ours and there, but no longer declared."""
    forgotten: dict[str, Recorded] = field(default_factory=dict)
    """Under `removed:`: to be let go and kept."""
    leftovers: list[Recorded] = field(default_factory=list)
    """Old objects of replacements, still there."""
    gone: list[Recorded] = field(default_factory=list)
    """Recorded, neither declared nor there: rows to drop."""
    foreign: dict[str, list[Live]] = field(default_factory=dict)
    addresses: dict[tuple[str, str], str] = field(default_factory=dict)
    """(kind, id) → address, of all that is ours or declared."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """(address, what is wrong and what to do)"""
    taken: set[tuple[str, str]] = field(default_factory=set)

    def take(self, address: str, live: Live) -> None:
        """The object is this address's from now on."""
        self.live[address] = live
        self.taken.add((live.kind, live.id))
        self.addresses[(live.kind, live.id)] = address

    def id_of(self, address: str) -> str | None:
        """The id of what an address means now, None when it is still to be made."""
        live = self.live.get(address)
        return live.id if live else None


def claim(stack: Stack, kinds: Sequence[type[Kind]], recorded: Iterable[Recorded], snapshot: Snapshot) -> Claims:
    """Who is who. Problems (two of one, foreign by stamp, no such id) are collected in the answer, not raised."""
    claims = Claims()
    renames = dict(stack.moved)
    rows: dict[str, Recorded] = {}
    deposed: list[Recorded] = []
    for row in recorded:
        address = renamed(row.address, renames)
        if row.deposed:
            deposed.append(replace(row, address=address))
            continue
        if address != row.address:
            claims.moved[address] = row.address
        rows[address] = replace(row, address=address)
    marked = marks(stack, kinds, snapshot)
    for kind in kinds:
        _Claim(stack, kind, claims, rows, renames, snapshot, marked).run()
    _sort_rest(stack, claims, rows, deposed, snapshot, marked)
    return claims


def renamed(address: str, renames: Mapping[str, str]) -> str:
    """The address after `moved:`; what lives in a moved resource moves along, unless its own move is told."""
    old = max((old for old in renames if address == old or address.startswith(old + "/")), key=len, default=None)
    return address if old is None else renames[old] + address[len(old) :]


class _Claim:
    """One kind's objects get their addresses; parents and what is referred to have had their turn."""

    def __init__(
        self,
        stack: Stack,
        kind: type[Kind],
        claims: Claims,
        rows: dict[str, Recorded],
        renames: Mapping[str, str],
        snapshot: Snapshot,
        marked: Mapping[tuple[str, str], Stamp],
    ) -> None:
        self.stack, self.kind, self.claims, self.rows = stack, kind, claims, rows
        self.name = kind.__name__
        self.objects = snapshot.by_kind.get(self.name, {})
        self.snapshot = snapshot
        self.wanted = {address: res for address, res in stack.resources.items() if res.kind == self.name}
        self.stamped: dict[str, list[Live]] = {}
        for live in self.objects.values():
            if mark := marked.get((self.name, live.id)):
                self.stamped.setdefault(renamed(mark.key, renames), []).append(live)

    def run(self) -> None:
        open_ = [address for address, resource in self.wanted.items() if not self._by_identity(address, resource)]
        open_ = [address for address in open_ if not self._by_stamp(address)]
        if open_:
            open_ = self._by_move(open_)
        if open_:
            self._by_nature(open_)

    def _by_identity(self, address: str, resource: Resource) -> bool:
        row = self.rows.get(address)
        if resource.id is not None:
            live = self.objects.get(resource.id)
            if live is None:
                self.claims.problems.append((address, f"there is no {self.name} with id {resource.id} in the account"))
            elif live.stamp and live.stamp.stack != self.stack.name and not resource.external:
                self._refuse_foreign(address, live)
            else:
                self.claims.take(address, live)
                if not resource.external and not self._is_ours(live, row):
                    self.claims.adopted.add(address)
            return True
        if row and (live := self.objects.get(row.id)) and (self.name, row.id) not in self.claims.taken:
            self.claims.take(address, live)
            return True
        return False

    def _is_ours(self, live: Live, row: Recorded | None) -> bool:
        return (row is not None and row.id == live.id) or (live.stamp is not None)

    def _by_stamp(self, address: str) -> bool:
        lives = [live for live in self.stamped.get(address, []) if (self.name, live.id) not in self.claims.taken]
        if not lives:
            return False
        if len(lives) > 1:
            content = self.wanted[address].fields.get("content")
            lives = [live for live in lives if live.stamp and live.stamp.content == content] or lives
        if len(lives) > 1:
            ids = " and ".join(sorted(live.id for live in lives))
            self.claims.problems.append(
                (address, f"{len(lives)} objects carry its stamp ({ids}); delete or re-stamp all but one")
            )
        self.claims.take(address, lives[0])
        return True

    def _by_move(self, open_: list[str]) -> list[str]:
        """Ours without an address now, against declared without an object: the same thing under a new name."""
        homeless: dict[Any, list[tuple[str, Live]]] = {}
        for old, live in self._homeless():
            for sign in self._signs(live.parent_id, live.fields, content_of(live, self.rows.get(old)), live):
                homeless.setdefault(sign, []).append((old, live))
        left = []
        wanted = {address: self._signs_of_wanted(address) for address in open_}
        rivals: dict[Any, int] = {}
        for signs in wanted.values():
            for sign in signs:
                rivals[sign] = rivals.get(sign, 0) + 1
        for address, signs in wanted.items():
            found = next((homeless[sign] for sign in signs if sign in homeless and rivals[sign] == 1), [])
            found = [(old, live) for old, live in found if (self.name, live.id) not in self.claims.taken]
            if len(found) == 1:
                self._move(address, *found[0])
            else:
                left.append(address)
        return left

    def _move(self, address: str, old: str, live: Live) -> None:
        self.claims.take(address, live)
        self.claims.moved[address] = old
        if row := self.rows.pop(old, None):
            self.rows[address] = replace(row, address=address)

    def _homeless(self) -> Iterable[tuple[str, Live]]:
        for address, row in list(self.rows.items()):
            if row.kind == self.name and address not in self.wanted and (live := self.objects.get(row.id)):
                yield address, live
        recorded = {row.id for row in self.rows.values() if row.kind == self.name}
        for address, lives in self.stamped.items():
            for live in lives:
                if address not in self.wanted and live.id not in recorded:
                    yield address, live

    def _signs_of_wanted(self, address: str) -> list[Any]:
        resource = self.wanted[address]
        parent = parent_of(address)
        parent_id = self.claims.id_of(parent) if parent else None
        if parent and parent_id is None:
            return []
        fields = {name: self._to_id(field, resource.fields.get(name)) for name, field in self.kind.specs.items()}
        return self._signs(parent_id, fields, resource.fields.get("content"), None)

    def _to_id(self, field: Field, value: Any) -> Any:
        return self.claims.id_of(value) if field.ref and isinstance(value, str) else value

    def _signs(
        self, parent_id: str | None, fields: Mapping[str, Any], content: str | None, live: Live | None
    ) -> list[Any]:
        signs: list[Any] = []
        if content is not None:
            signs.append((parent_id, "content", content))
        key = tuple(fields.get(name) for name in self.kind.natural_key)
        if key and all(value not in (None, "") for value in key):
            signs.append((parent_id, "key", key))
        return signs

    def _by_nature(self, open_: list[str]) -> None:
        free: dict[Any, list[Live]] = {}
        for live in self.objects.values():
            if (self.name, live.id) not in self.claims.taken:
                for sign in self._signs(live.parent_id, live.fields, None, live):
                    free.setdefault(sign, []).append(live)
        for address in open_:
            for sign in self._signs_of_wanted(address):
                if sign[1] == "key" and sign in free:
                    self._settle(
                        address, [live for live in free[sign] if (self.name, live.id) not in self.claims.taken]
                    )

    def _settle(self, address: str, lives: list[Live]) -> None:
        """One of these may be what the address means: ours by its children, nobody's, or another stack's."""
        ours = [live for live in lives if self.stack.name in self._owners(live)]
        nobodys = [live for live in lives if not self._owners(live)]
        resource = self.wanted[address]
        if resource.external:
            ours, nobodys = [], lives
        if len(ours or nobodys) > 1:
            ids = " and ".join(sorted(live.id for live in ours or nobodys))
            self.claims.problems.append((address, f"several objects have its name ({ids}); say which by `id:`"))
        elif ours:
            self.claims.take(address, ours[0])
        elif nobodys:
            self.claims.take(address, nobodys[0])
            if not resource.external:
                self.claims.adopted.add(address)
        elif lives and self.kind.unique:
            self._refuse_foreign(address, lives[0])

    def _owners(self, live: Live) -> set[str]:
        """Stacks that have stamped this object or what lives in it."""
        if live.stamp:
            return {live.stamp.stack}
        return {
            child.stamp.stack
            for name, objects in self.snapshot.by_kind.items()
            if name != self.name and live.id in self.snapshot.parents.get(name, ())
            for child in objects.values()
            if child.parent_id == live.id and child.stamp
        }

    def _refuse_foreign(self, address: str, live: Live) -> None:
        owner = ", ".join(sorted(self._owners(live)))
        self.claims.problems.append(
            (
                address,
                f"{self.name} {live.id} belongs to the stack {owner!r}; rename yours, or let go of it there first",
            )
        )


def _sort_rest(
    stack: Stack,
    claims: Claims,
    rows: dict[str, Recorded],
    deposed: Sequence[Recorded],
    snapshot: Snapshot,
    marked: Mapping[tuple[str, str], Stamp],
) -> None:
    """What no address claimed: ours to delete or to let go, rows of what is gone, and the foreign."""
    forgotten = set(stack.removed)
    for address, row in rows.items():
        if address in claims.live:
            claims.rows[address] = row
        elif (live := snapshot.get(row.kind, row.id)) is None:
            (claims.rows.__setitem__(address, row) if address in stack.resources else claims.gone.append(row))
        elif (row.kind, row.id) not in claims.taken:
            _leave(claims, address, row, live, forgotten)
    for row in deposed:
        if live := snapshot.get(row.kind, row.id):
            claims.taken.add((row.kind, row.id))
            claims.leftovers.append(replace(row, parent_id=live.parent_id))
        else:
            claims.gone.append(row)
    for kind, objects in snapshot.by_kind.items():
        for live in objects.values():
            if (kind, live.id) in claims.taken:
                continue
            if mark := marked.get((kind, live.id)):
                _stray(stack, claims, replace(live, stamp=mark), forgotten)
            else:
                claims.foreign.setdefault(kind, []).append(live)


def marks(stack: Stack, kinds: Sequence[type[Kind]], snapshot: Snapshot) -> dict[tuple[str, str], Stamp]:
    """(kind, id) → our stamp on it; what has no place for one has the address that the stamps of its children say."""
    found = {
        (name, live.id): live.stamp
        for name, objects in snapshot.by_kind.items()
        for live in objects.values()
        if live.stamp and live.stamp.stack == stack.name
    }
    for kind in (kind for kind in kinds if kind.parent is not None):
        owners: dict[str, set[tuple[str, str]]] = {}
        for live in snapshot.by_kind.get(kind.__name__, {}).values():
            if live.parent_id and live.stamp:
                owners.setdefault(live.parent_id, set()).add((live.stamp.stack, parent_of(live.stamp.key) or ""))
        assert kind.parent is not None
        for id, signs in owners.items():
            (owner, address), *others = sorted(signs)
            if owner == stack.name and not others and snapshot.get(kind.parent.__name__, id):
                found.setdefault((kind.parent.__name__, id), Stamp(owner, address))
    return found


def _leave(claims: Claims, address: str, row: Recorded, live: Live, forgotten: set[str]) -> None:
    claims.taken.add((row.kind, row.id))
    claims.addresses[(row.kind, row.id)] = address
    keep = any(address == old or address.startswith(old + "/") for old in forgotten)
    (claims.forgotten if keep else claims.orphans)[address] = replace(row, parent_id=live.parent_id)


def _stray(stack: Stack, claims: Claims, live: Live, forgotten: set[str]) -> None:
    """Stamped by us, in no row: of a run whose state is lost. A second one of a declared address is an old version."""
    assert live.stamp is not None
    row = Recorded(live.stamp.key, live.kind, live.id, live.fields, live.parent_id)
    if row.address in stack.resources or row.address in claims.orphans:
        claims.taken.add((live.kind, live.id))
        claims.leftovers.append(replace(row, deposed=True))
    else:
        _leave(claims, row.address, row, live, forgotten)


def row_from(kind: type[Kind], address: str, live: Live, claims: Claims) -> Recorded:
    """What would have been recorded if exactly this object had been applied at the address."""
    fields: dict[str, Any] = {}
    for name, spec in kind.specs.items():
        value = live.fields.get(name)
        if spec.ref and value is not None:
            ids = list(value) if spec.many else [value]
            known = [claims.addresses.get((spec.ref, id), id) for id in ids]
            value = sorted(known) if spec.many else known[0]
        if value is not None:
            fields[name] = value
    if live.stamp and live.stamp.content:
        fields["content"] = live.stamp.content
    return Recorded(address, live.kind, live.id, fields, live.parent_id)


def identity_field(kind: type[Kind]) -> Field | None:
    """The field that says what the bytes are, for kinds that have bytes."""
    return kind.field_with(lambda field: field.identity)


def content_of(live: Live, row: Recorded | None) -> str | None:
    """What an object's bytes are: as recorded when it is the recorded object, else as its stamp says."""
    if row and row.id == live.id and "content" in row.fields:
        content: str | None = row.fields["content"]
        return content
    return live.stamp.content if live.stamp else None


def same(field: Field, left: Any, right: Any) -> bool:
    """Whether two values of a field mean the same: 5 is 5.0 but not True, nothing is as good as empty."""
    left, right = canonical(field, left), canonical(field, right)
    return _equal(left, right) or (_blank(left) and _blank(right))


def _blank(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)
