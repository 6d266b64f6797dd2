"""Something that others live in is replaced beside itself: the old one serves until the new one has all that it had.

The new one is planned as a resource of its own: `indexes/catalog~next-1f2e3d4c` and what lives in it, under a working
name, made and recorded like anything else. Meanwhile the old one is left as it is. When all of the new one is there,
and has passed its checks, it moves to the address: its rows get that address and those of the old one become deposed
in one transaction, and only then the two names are traded. The old one is kept as long as it is said, then it goes.

The digest in name and address is of what forces the replacement and of the old object's id, so that every run finds
the same, and what an earlier wish has begun is told from what is wanted now. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta

from reconciler.diff import WISHED, Decider, Difference
from reconciler.errors import Problem
from reconciler.frozen import dataclass
from reconciler.kind import Kind, Updating
from reconciler.kinds import Kinds
from reconciler.model import (
    Action,
    Change,
    Operation,
    Recorded,
    Replacing,
    Resource,
    Snapshot,
    Stack,
    Status,
    is_within,
    ways_up,
)
from reconciler.ownership import (
    Claims,
    declared_address,
    has_deposed_name,
    next_address,
    next_name,
    next_root,
)
from reconciler.plan.names import can_rename
from reconciler.redact import mask
from reconciler.values import steady

__all__ = [
    "Turn",
    "begun",
    "deposing",
    "follows",
    "found",
    "held",
    "kept_until",
    "moving",
    "notes",
    "readers",
    "replacement",
    "shown",
    "turns",
    "with_next",
]

REPLACED_AT, HOLD_S = "replaced_at", "hold_s"
"""Facts of the rows of what was replaced beside."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One replacement that is under way, or about to be."""

    address: str
    next: str
    """The address of what is made to take its place."""
    old_id: str
    replacing: Replacing
    members: Mapping[str, str] = field(default_factory=dict)
    """id of each object that is made in the new one → its address as declared"""
    next_id: str | None = None
    lacking: tuple[str, ...] = ()
    """Addresses, as declared, of what is not there, not ready or not as it shall be."""
    recorded: bool = False
    """Whether the state knows the old one, so that it can be deposed."""

    @property
    def name(self) -> str:
        """What the new one is called meanwhile."""
        return self.next.rpartition("/")[2]

    @property
    def ready(self) -> bool:
        """Whether all of the new one is there."""
        return self.recorded and self.next_id is not None and not self.lacking


def goes_beside(kinds: Kinds, resource: Resource) -> bool:
    """Whether it is replaced so: others live in it, and a name that can be changed says which one it is."""
    kind = kinds[resource.kind]
    named = kind.unique and bool(kind.natural_key) and can_rename(kind) and bool(kinds.children(kind))
    return named and resource.replacing.beside and not resource.external and resource.id is None


def _forcing(kind: type[Kind]) -> list[str]:
    return [name for name, spec in kind.specs.items() if spec.update is Updating.REPLACE]


def _digest(kind: type[Kind], resource: Resource, old_id: str) -> str:
    told = {name: mask(steady(kind.specs[name], resource.fields.get(name))) for name in _forcing(kind)}
    return hashlib.sha256(json.dumps([old_id, told], sort_keys=True, default=str).encode()).hexdigest()[:8]


def _next_of(kinds: Kinds, resource: Resource, old_id: str) -> str:
    return next_address(resource.address, _digest(kinds[resource.kind], resource, old_id))


# What is under way


def begun(stack: Stack, kinds: Kinds, recorded: Sequence[Recorded], operations: Sequence[Operation]) -> dict[str, str]:
    """address → id of its object, where the state knows something of what is wanted in its place."""
    known = (*(row.address for row in recorded), *(it.address for it in operations))
    there = {root for address in known if (root := next_root(address))}
    if not there:
        return {}
    ids = {row.address: row.id for row in recorded if not row.deposed}
    ours = (it for it in stack.resources.values() if it.address in ids and goes_beside(kinds, it))
    return {it.address: ids[it.address] for it in ours if _next_of(kinds, it, ids[it.address]) in there}


def found(stack: Stack, kinds: Kinds, difference: Difference) -> dict[str, str]:
    """address → id of its object, of all that has to be replaced and is replaced so."""
    changes = (it for it in difference.changes.values() if it.action is Action.REPLACE and it.id)
    mine = (
        it for it in changes if "parent" not in it.replace_paths and goes_beside(kinds, stack.resources[it.address])
    )
    return {change.address: str(change.id) for change in mine}


def with_next(stack: Stack, kinds: Kinds, old_ids: Mapping[str, str], there: Callable[[str], bool]) -> Stack:
    """The stack with what is made beside the objects of these addresses, which are left as they are. `there` says
    whether an address has an object: what is new is made in the new one only."""
    if not old_ids:
        return stack
    named = {it for resource in stack.resources.values() for it in _references(kinds, resource)}
    resources: dict[str, Resource] = {}
    for address, resource in stack.resources.items():
        root = next((it for it in ways_up(address) if it in old_ids), None)
        if root is None:
            resources[address] = resource
            continue
        beside = _next_of(kinds, stack.resources[root], old_ids[root])
        if address == root:
            kind = kinds[resource.kind]
            resources[address] = replace(resource, ignore=(*resource.ignore, *_forcing(kind)))
        elif there(address) or address in named:
            resources[address] = resource
        if not resource.external:
            made = _moved_to(kinds, resource, root, beside)
            resources[made.address] = made
    return replace(stack, resources=resources, where=_as_declared(stack.where))


def _as_declared(where: Callable[..., tuple[str, int, int]]) -> Callable[..., tuple[str, int, int]]:
    def found_at(address: str, *path: str) -> tuple[str, int, int]:
        return where(declared_address(address), *path)

    return found_at


def _moved_to(kinds: Kinds, resource: Resource, root: str, beside: str) -> Resource:
    """The same at its address beside, with what it refers to there."""
    kind, fields = kinds[resource.kind], dict(resource.fields)
    if resource.address == root:
        name = kind.natural_key[0]
        fields[name] = next_name(fields[name], beside[-8:])
    for ref in kind.refs():
        value = fields.get(ref.name)
        if isinstance(value, str):
            fields[ref.name] = _below(value, root, beside)
        elif isinstance(value, list | tuple):
            fields[ref.name] = [_below(it, root, beside) for it in value]
    # Nothing of it is anybody's yet: it may go as it came, and is not replaced beside itself.
    return replace(
        resource,
        address=_below(resource.address, root, beside),
        fields=fields,
        protect=False,
        id=None,
        replacing=Replacing(beside=False),
    )


def _below(address: str, root: str, beside: str) -> str:
    return beside + address[len(root) :] if is_within(address, root) else address


def _references(kinds: Kinds, resource: Resource) -> Iterator[str]:
    for ref in kinds[resource.kind].refs():
        yield from ref.named_in(resource.fields)


def readers(stack: Stack, kinds: Kinds, address: str) -> list[str]:
    """Addresses of what refers to the object of an address, or to what lives in it, and lives elsewhere."""
    outside = (it for it in stack.resources.values() if not is_within(it.address, address))
    return [it.address for it in outside if any(is_within(used, address) for used in _references(kinds, it))]


# How far it is


def turns(
    stack: Stack, kinds: Kinds, claims: Claims, difference: Difference, old_ids: Mapping[str, str]
) -> tuple[Turn, ...]:
    """Each replacement, with what of it is there. `stack` has what is made beside."""
    return tuple(_turn(stack, kinds, claims, difference, address, id) for address, id in sorted(old_ids.items()))


def _turn(stack: Stack, kinds: Kinds, claims: Claims, difference: Difference, address: str, old_id: str) -> Turn:
    resource = stack.resources[address]
    root = _next_of(kinds, resource, old_id)
    inside = [it for it in stack.resources if is_within(it, root)]
    lacking = [it for it in inside if not _whole(claims, difference, it)]
    members = {claims.live[it].id: declared_address(it) for it in inside if it != root and it in claims.live}
    row = claims.rows.get(address)
    return Turn(
        address,
        root,
        old_id,
        resource.replacing,
        members,
        claims.id_of(root),
        tuple(map(declared_address, lacking)),
        recorded=row is not None and row.id == old_id,
    )


def _whole(claims: Claims, difference: Difference, address: str) -> bool:
    live = claims.live.get(address)
    if live is None or live.status is not Status.READY or address not in claims.rows:
        return False
    return address not in difference.changes and address not in difference.stuck


def follows(stack: Stack, kinds: Kinds, turns: Iterable[Turn]) -> int:
    """How many writes it takes for what was made to take the place: two names, the marks of what lives in it, which say
    the address, and the end of the old one, unless that is kept."""
    writes = 0
    for turn in turns:
        inside = (kinds[it.kind] for address, it in stack.resources.items() if is_within(address, turn.next))
        marked = sum(kind.field_with(lambda field: field.stamped) is not None for kind in inside) if stack.stamps else 0
        writes += 2 + marked + (not turn.replacing.hold_s)
    return writes


def shown(turn: Turn, change: Change) -> Change:
    """The replacement as a reviewer reads it: what becomes of the old one, and what that waits for."""
    inside = [it for it in turn.lacking if it != turn.address]
    whole = len(set(turn.members.values()) - set(inside))
    all_of_it = f"all of the {whole} in it" if not inside else f"{whole} of {whole + len(inside)} in it"
    how = f"made beside it as {turn.name}" + (f", {all_of_it} ready" if turn.next_id else "")
    checks = ", ".join(f"checks/{name}" for name in turn.replacing.checks)
    verb = "passes" if len(turn.replacing.checks) == 1 else "pass"
    then = f"takes its place when {f'{checks} {verb}' if checks else 'all of it is ready'}"
    hold = f"; the old one is kept {turn.replacing.hold} then" if turn.replacing.hold_s else ""
    return replace(change, reason=f"{change.reason}; {how}, {then}{hold}")


def replacement(
    stack: Stack, kinds: Kinds, claims: Claims, turn: Turn, resource: Resource, wishes: Mapping[str, str]
) -> Change:
    """Why the object has to be replaced, as if nothing were made beside it. `resource` is what is declared of it."""
    change = Decider(stack, kinds[resource.kind], claims, {}, {}, wishes).change(turn.address, resource)
    if change is not None and change.action is Action.REPLACE:
        return change
    live = claims.live[turn.address]  # an earlier run was asked for it
    return Change(
        turn.address, resource.kind, Action.REPLACE, WISHED, id=live.id, fields=resource.fields, facts=live.facts
    )


# The change of places


def moving(stack: Stack, kinds: Kinds, recorded: Iterable[Recorded], addresses: Collection[str]) -> Stack:
    """The stack in which what was made beside these addresses is what they mean."""
    if not addresses:
        return stack
    ids = {row.address: row.id for row in recorded if not row.deposed}
    moves = tuple(
        (_next_of(kinds, stack.resources[it], ids[it]), it) for it in addresses if it in ids and it in stack.resources
    )
    return replace(stack, moved=(*stack.moved, *moves))


def deposing(stack: Stack, recorded: Sequence[Recorded], addresses: Iterable[str], at: datetime) -> list[Recorded]:
    """The rows that those of the old objects become, and of all that lives in them."""
    turned: list[Recorded] = []
    for address in addresses:
        resource = stack.resources.get(address)
        mine = [row for row in recorded if not row.deposed and is_within(row.address, address)]
        facts = {REPLACED_AT: at.isoformat(), HOLD_S: resource.replacing.hold_s if resource else 0}
        turned += [replace(row, deposed=True, facts={**row.facts, **facts}) for row in mine]
    return turned


# What is kept for a while


def held(stack: Stack, kinds: Kinds, claims: Claims, snapshot: Snapshot, now: datetime) -> Claims:
    """The claims in which what was replaced and is to be kept yet does not go: as long as something is declared there.
    What still has its name gives that up first, however long it is kept: there is always one of that name but for the
    moment between two requests."""
    going, kept_on, to_hold = list[Recorded](), list[Recorded](), list[Recorded]()
    named = {row.id for row in claims.deposed if _has_its_name(kinds, row, snapshot)}
    for row in claims.deposed:
        if REPLACED_AT not in row.facts or row.address not in stack.resources:
            going.append(row)
        elif row.id in named:
            to_hold.append(row)
        elif row.parent_id in named or now < kept(row):
            kept_on.append(row)
        else:
            going.append(row)
    return replace(claims, deposed=going, held=kept_on, to_hold=to_hold)


def _has_its_name(kinds: Kinds, row: Recorded, snapshot: Snapshot) -> bool:
    kind, live = kinds[row.kind], snapshot.get(row.kind, row.id)
    beside = REPLACED_AT in row.facts and kind.unique and bool(kind.natural_key) and can_rename(kind)
    return beside and live is not None and not has_deposed_name(live)


def kept(row: Recorded) -> datetime:
    """Until when it is."""
    return datetime.fromisoformat(str(row.facts[REPLACED_AT])) + timedelta(seconds=float(row.facts[HOLD_S]))


def kept_until(row: Recorded) -> datetime | None:
    """Until when what was replaced is kept; None for what goes with the next apply."""
    return kept(row) if row.facts.get(HOLD_S) else None


def notes(claims: Claims, kinds: Kinds) -> Iterator[Problem]:
    """What is said of what is kept."""
    for row in claims.held:
        if kinds.children(kinds[row.kind]):
            until = kept(row).strftime("%Y-%m-%d %H:%M UTC")
            text = f"{row.kind} {row.id} was replaced, and is kept until {until}; an apply after that deletes it"
            yield Problem("", 0, 0, row.address, text, "note")
