"""What has to be read of an account, worked out from what is declared and recorded. Pure.

Lists come first and single objects only where a list leaves out what is declared; children of a parent only where they
may matter. Each question here is one less that is asked of the API.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from reconciler.frozen import dataclass
from reconciler.kind import Kind
from reconciler.kinds import Kinds
from reconciler.model import Live, Operation, Recorded, Resource, parent_of

__all__ = ["Wanted", "ids_to_read", "kinds_in_hand", "kinds_to_list", "may_be_ours", "not_listed", "parents_to_list"]

Found = Mapping[str, Mapping[str, Live]]
"""kind → id → object, as far as it was read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run has to know of the account."""

    resources: Mapping[str, Resource]
    recorded: Sequence[Recorded]
    operations: Sequence[Operation] = ()
    stacks: Collection[str] = ()
    """Names of the stack, now and before."""
    everything: bool = False
    """Read all children of all parents: to rebuild a state, to export, to list what is unmanaged."""
    stateless: bool = False
    """More may be ours than is recorded: it must be told from stamps."""
    marks: bool = False
    """Read every stamp of ours: the stack was renamed, and they say its old name."""


def kinds_in_hand(wanted: Wanted) -> set[str]:
    """Names of kinds of which something is declared, recorded or under way."""
    names = {resource.kind for resource in wanted.resources.values()} | {row.kind for row in wanted.recorded}
    return names | {it.kind for it in wanted.operations}


def kinds_to_list(kinds: Kinds, wanted: Wanted) -> list[type[Kind]]:
    """Kinds that are declared, recorded or referred to, with their parents; all of them when nothing is recorded."""
    if wanted.everything or wanted.stateless:
        return list(kinds)
    names = kinds_in_hand(wanted)
    for kind in kinds:
        if kind.__name__ in names and kind.parent:
            names.add(kind.parent.__name__)
    return [kind for kind in kinds if kind.__name__ in names]


def parents_to_list(kind: type[Kind], wanted: Wanted, found: Found) -> list[str]:
    """Ids of the parents whose children matter: ours, those that a declared parent may mean; without state, all."""
    assert kind.parent is not None
    candidates = found.get(kind.parent.__name__, {})
    if wanted.everything or (wanted.stateless and _could_be_ours(kind, wanted, found)):
        return list(candidates)
    recorded = {row.id for row in wanted.recorded} | {row.parent_id for row in wanted.recorded}
    recorded |= {it.parent_id for it in wanted.operations}
    given = {resource.id for resource in wanted.resources.values()}
    names = {
        tuple(repr(resource.fields.get(name)) for name in kind.parent.natural_key)
        for resource in wanted.resources.values()
        if resource.kind == kind.parent.__name__
    }
    return [
        id
        for id, live in candidates.items()
        if id in recorded
        or id in given
        or tuple(repr(live.fields.get(name)) for name in kind.parent.natural_key) in names
    ]


def _could_be_ours(kind: type[Kind], wanted: Wanted, found: Found) -> bool:
    """Whether objects of ours may sit under a parent that nobody declares: not if what they refer to is not ours."""
    referred = [field.ref for field in kind.refs() if field.ref]
    return not referred or any(
        live.stamp and live.stamp.stack in wanted.stacks for name in referred for live in found.get(name, {}).values()
    )


def ids_to_read(kind: type[Kind], detail: set[str], wanted: Wanted, objects: Mapping[str, Live]) -> list[str]:
    """Ids of the listed objects of a kind that must be read one by one, for the fields (`detail`) that lists leave
    out: where one of those is declared or was recorded, or where it is not known yet whose the object is."""
    rows = {row.id: row for row in wanted.recorded if row.kind == kind.__name__}
    if wanted.everything:
        return list(objects)
    known = {row.address for row in rows.values() if not row.deposed}
    fresh = {
        parent_of(address)
        for address, resource in wanted.resources.items()
        if resource.kind == kind.__name__ and address not in known
    }
    ids = []
    for id in objects:
        row = rows.get(id)
        if row is None:
            needed = bool(fresh) or wanted.stateless
        else:
            resource = wanted.resources.get(row.address)
            needed = (
                wanted.marks
                or not detail.isdisjoint(row.fields)
                or (resource is not None and not detail.isdisjoint(resource.fields))
            )
        if needed:
            ids.append(id)
    return ids


def may_be_ours(wanted: Wanted) -> Callable[[Live], bool]:
    """Whether an object is one that is recorded, named by its id, or marked as the stack's."""
    ids = {row.id for row in wanted.recorded} | {row.parent_id for row in wanted.recorded}
    ids |= {resource.id for resource in wanted.resources.values()} | {it.parent_id for it in wanted.operations}
    stacks = frozenset(wanted.stacks)
    return lambda live: live.id in ids or (live.stamp is not None and live.stamp.stack in stacks)


def not_listed(wanted: Wanted, found: Found, parents: Mapping[str, Collection[str]]) -> Iterator[Recorded]:
    """What is recorded and stands in none of the lists where it should: pages may have shifted with the totals the
    same, so that it is to be asked for once more."""
    for row in wanted.recorded:
        listed = row.kind in found and (row.parent_id is None or row.parent_id in parents[row.kind])
        if listed and row.id not in found[row.kind]:
            yield row
