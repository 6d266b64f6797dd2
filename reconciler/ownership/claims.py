"""The answer to whose every object is, and the names that things had before they were moved. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any

from reconciler.frozen import dataclass
from reconciler.kind import Kind
from reconciler.model import Live, Recorded, ways_up
from reconciler.redact import Secret, without_known

__all__ = [
    "Claims",
    "RecordedIds",
    "Renames",
    "addresses_of",
    "declared_address",
    "deposed_address",
    "deposed_name",
    "has_deposed_name",
    "name_before",
    "next_address",
    "next_name",
    "next_root",
    "row_from",
]


NEXT = "~next-"
"""No key of YAML has a `~`, so nothing that is declared has such an address."""
_NEXT = re.compile(rf"{NEXT}[0-9a-f]{{8}}(?=/|@|$)")


class RecordedIds:
    """(kind, id) of what is recorded, and of what was begun: looked up only when somebody asks."""

    def __init__(self, rows: Sequence[Recorded]) -> None:
        self._rows, self._begun = rows, set[tuple[str, str]]()

    def add(self, kind: str, id: str) -> None:
        """Add what was begun."""
        self._begun.add((kind, id))

    def has(self, kind: str, id: str) -> bool:
        """Whether it is one of them."""
        return (kind, id) in self._recorded or (kind, id) in self._begun

    @cached_property
    def _recorded(self) -> frozenset[tuple[str, str]]:
        return frozenset((row.kind, row.id) for row in self._rows)


class Addresses(Mapping[tuple[str, str], str]):
    """(kind, id) → address, by kind: a pair for each object would be a third of what is kept of it here."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, str]] = {}

    def put(self, kind: str, id: str, address: str) -> None:
        """The address of this object from now on."""
        if (mine := self._of.get(kind)) is None:
            mine = self._of[kind] = {}
        mine[id] = address

    def has(self, kind: str, id: str) -> bool:
        """Whether the object has one."""
        return id in self._of.get(kind, ())

    def __getitem__(self, object_: tuple[str, str]) -> str:
        kind, id = object_
        return self._of[kind][id]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((kind, id) for kind, mine in self._of.items() for id in mine)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))


@dataclass(slots=True)
class Claims:
    """The answer. Filled by `claim`, read by everybody else."""

    live: dict[str, Live] = field(default_factory=dict)
    """address → its object, for what is declared."""
    unchanged: set[str] = field(default_factory=set)
    """Addresses of which nothing differs, as long as what they live in and refer to stays."""
    rows: dict[str, Recorded] = field(default_factory=dict)
    """address → what was last applied there; after moves under the new address."""
    moved: dict[str, str] = field(default_factory=dict)
    """new address → old address"""
    renamed: dict[str, str] = field(default_factory=dict)
    """old address → new address: how recorded references are to be read"""
    adopted: set[str] = field(default_factory=set)
    """Addresses whose object is unmanaged yet."""
    in_flight: dict[str, Live] = field(default_factory=dict)
    """address → what an earlier run has begun for it, and this one is to finish"""
    given_up: dict[str, str] = field(default_factory=dict)
    """address of what was begun and nobody can finish, or wants → why: it is among the deposed"""
    orphans: dict[str, Recorded] = field(default_factory=dict)
    """Ours and there, but no longer declared."""
    forgotten: dict[str, Recorded] = field(default_factory=dict)
    """Under `removed:`, or external now: to be let go and kept."""
    deposed: list[Recorded] = field(default_factory=list)
    """Old objects of replacements, still there."""
    held: list[Recorded] = field(default_factory=list)
    """Of those the ones that were replaced beside and are kept for a while yet: nothing is done to them."""
    to_hold: list[Recorded] = field(default_factory=list)
    """Those of them that have their name still, which the new one is to have."""
    displaced: list[Recorded] = field(default_factory=list)
    """Ours and there, at an address that has got another object from elsewhere: to be deleted."""
    gone: list[Recorded] = field(default_factory=list)
    """Recorded, neither declared nor there: rows to drop."""
    taken_away: dict[str, str] = field(default_factory=dict)
    """address of a row in `gone` → the stack whose stamp its object carries now"""
    known: RecordedIds = field(default_factory=lambda: RecordedIds(()))
    """All that a state of ours has recorded: it made them, or was told to take them."""
    unproven: dict[str, str] = field(default_factory=dict)
    """address → the id in the stamp of its object, which has our name and is not known to be ours"""
    namesakes: dict[str, list[Live]] = field(default_factory=dict)
    """id of another stack of our name → what carries its stamp and is foreign therefore"""
    foreign: dict[str, list[Live]] = field(default_factory=dict)
    addresses: Addresses = field(default_factory=lambda: Addresses())
    """(kind, id) → address, of all that is ours or declared."""
    recorded: bool = False
    """Whether anything was."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """(address, what is wrong and what to do)"""
    begun: set[tuple[str, str]] = field(default_factory=set)
    """(kind, id) of what is still being made for somebody."""

    def take(self, address: str, live: Live) -> None:
        """The object is this address's from now on."""
        self.live[address] = live
        self.addresses.put(live.kind, live.id, address)

    def has_taken(self, kind: str, id: str) -> bool:
        """Whether an object is somebody's already."""
        return self.addresses.has(kind, id) or (kind, id) in self.begun

    def never_made(self, kind: str, id: str | None) -> bool:
        """Whether nothing but a stamp, its own or of what lives in it, says that an object is ours."""
        return id is not None and not self.known.has(kind, id)

    def depose(self, row: Recorded) -> None:
        """The object is the old one of a replacement: nobody else's, and shown under its own name."""
        self.addresses.put(row.kind, row.id, deposed_address(row))

    def displace(self, row: Recorded) -> None:
        """The object loses its address to another, and has no new one."""
        self.depose(row)
        self.displaced.append(row)
        self.renamed[row.address] = deposed_address(row)

    def id_of(self, address: str) -> str | None:
        """The id of what an address means now, None when it is still to be made."""
        live = self.live.get(address)
        return live.id if live else None

    def move(self, address: str, old: str) -> None:
        """What was at one address is at another from now on."""
        self.moved[address] = old
        self.renamed[old] = address

    def now(self, recorded: Any) -> Any:
        """A recorded reference, or list of them, under the addresses of now."""
        if isinstance(recorded, list | tuple):
            return [self.renamed.get(address, address) for address in recorded]
        return self.renamed.get(recorded, recorded)


class Renames:
    """`moved:` as a function. What lives in a moved resource moves along, unless its own move is told."""

    def __init__(self, moved: Iterable[tuple[str, str]], declared: Container[str]) -> None:
        self._new, self._declared = dict(moved), declared

    def __bool__(self) -> bool:
        return bool(self._new)

    def __call__(self, address: str) -> str:
        """The address of now; the same when it was not moved, or when nothing is declared where it went.

        A move into a moved parent may be told by the parent's old name or its new one: so moves are followed on, each
        at most once, until they come to something declared.
        """
        now, used = address, set[str]()
        while now not in self._declared:
            old = next((part for part in ways_up(now) if part in self._new and part not in used), None)
            if old is None:
                return address
            used.add(old)
            now = self._new[old] + now[len(old) :]
        return now


def deposed_name(name: str, id: str) -> str:
    """What a replaced object with a unique name is called until it is deleted. As secret as the name is."""
    # Made of the id, so that the next run knows it without a state (docs/decisions/rename-aside.md).
    suffix = f"~replaced-{id[-6:]}"
    return Secret(name + suffix, name.template + suffix) if isinstance(name, Secret) else f"{name}{suffix}"


def name_before(live: Live | Recorded) -> str | None:
    """What an object was called before we renamed it, to replace it; None if we did not."""
    # People use `~` in names too: only with the end of the object's own id is it our doing.
    for name in live.fields.values():
        if isinstance(name, str) and "~" in name and name == deposed_name(before := name.rpartition("~")[0], live.id):
            return before
    return None


def has_deposed_name(live: Live | Recorded) -> bool:
    """Whether we renamed it, to replace it."""
    return name_before(live) is not None


def next_name(name: str, digest: str) -> str:
    """What an object is called that is made beside the one whose place it shall take. As secret as the name is."""
    suffix = f"{NEXT}{digest}"
    return Secret(name + suffix, name.template + suffix) if isinstance(name, Secret) else f"{name}{suffix}"


def next_address(address: str, digest: str) -> str:
    """Where what is made beside the object of an address is recorded, until it takes the place of that."""
    return f"{address}{NEXT}{digest}"


def declared_address(address: str) -> str:
    """What YAML calls it: what is made to take the place of something is declared there."""
    return _NEXT.sub("", address)


def next_root(address: str) -> str:
    """The address of what is made beside something, of that itself or of what lives in it; "" for any other."""
    found = _NEXT.search(address) if NEXT in address else None  # of nearly all there is nothing to look for
    return address[: found.end()] if found else ""


def deposed_address(row: Recorded) -> str:
    """How the old object of a replacement is shown and recorded beside the new one at the same address."""
    return f"{row.address}@{row.id}"


def row_from(kind: type[Kind], address: str, live: Live, claims: Claims) -> Recorded:
    """What would have been recorded if exactly this object had been applied at the address."""
    fields: dict[str, Any] = {}
    for name, spec in kind.specs.items():
        value = live.fields.get(name)
        if value is not None:
            # What is in the account may hold a secret that somebody put there by hand; the state must not.
            fields[name] = addresses_of(spec.ref, value, claims.addresses) if spec.ref else without_known(value)
    if kind.identity_name and live.stamp and live.stamp.content:
        fields[kind.identity_name] = live.stamp.content
    return Recorded(address, live.kind, live.id, fields, live.parent_id)


def addresses_of(kind: str, ids: Any, addresses: Mapping[tuple[str, str], str]) -> Any:
    """A live reference, or list of them, as addresses (lists sorted); what has no address stays an id."""
    if isinstance(ids, list | tuple):
        return sorted(addresses.get((kind, str(id)), str(id)) for id in ids)
    return addresses.get((kind, str(ids)), ids)
