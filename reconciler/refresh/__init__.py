"""The account as it is: what `wanted` asks for is read, every list whole or not at all.

Top-level lists are read side by side, the pages after a list's first too, and the children of several parents. Single
objects are read only for fields that lists leave out, and only where those are declared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.errors import FamilyForbidden
from reconciler.kind import Kind
from reconciler.model import Live, Snapshot
from reconciler.provider import Drivers
from reconciler.refresh.kept import KeptLists, owner_of
from reconciler.refresh.lists import children, newest, together
from reconciler.refresh.looking import AccountLook, Looks
from reconciler.refresh.touched import RestsOn, touched
from reconciler.refresh.users import Uses, uses
from reconciler.refresh.wanted import (
    Wanted,
    ids_to_read,
    kinds_in_hand,
    kinds_to_list,
    may_be_ours,
    not_listed,
    parents_to_list,
)

__all__ = [
    "AccountLook",
    "KeptLists",
    "Looks",
    "RestsOn",
    "Uses",
    "Wanted",
    "newest",
    "owner_of",
    "read_whole",
    "refresh",
    "touched",
    "uses",
]

OF_ALL = "what is this stack's has to be told from marks in all that there is"


async def refresh(drivers: Drivers, wanted: Wanted, look: AccountLook | None = None) -> Snapshot:
    """Read what `wanted` needs, as `look` says; never half of a list. Raises IncompleteListing or an ApiError."""
    look = look or AccountLook()
    if wanted.everything or wanted.stateless or wanted.marks:
        look.give_up(OF_ALL)
    if look.is_delta:
        look.needs = may_be_ours(wanted)
    kinds = kinds_to_list(drivers.kinds, wanted)
    roots = [kind for kind in kinds if kind.parent is None]
    found: dict[str, dict[str, Live]] = {}
    lists = await together(_listed(drivers, kind, wanted, look) for kind in roots)
    for kind, objects in zip(roots, lists, strict=True):
        found[kind.__name__] = objects
    parents: dict[str, frozenset[str]] = {}
    for kind in (kind for kind in kinds if kind.parent is not None):
        ids = parents_to_list(kind, wanted, found)
        inside = await together(children(drivers, kind, id, look.listing) for id in ids)
        there = {id: objects for id, objects in zip(ids, inside, strict=True) if objects is not None}
        for id in set(ids) - there.keys():  # the list of parents lagged behind a delete
            assert kind.parent is not None
            del found[kind.parent.__name__][id]
        parents[kind.__name__] = frozenset(there)
        found[kind.__name__] = {id: live for objects in there.values() for id, live in objects.items()}
    await _read_details(drivers, kinds, wanted, found)
    await _confirm_missing(drivers, wanted, found, parents, look)
    look.found(found, parents)
    return Snapshot(by_kind=found, parents=parents, requests=drivers.http.sent)


async def _listed(drivers: Drivers, kind: type[Kind], wanted: Wanted, look: AccountLook) -> dict[str, Live]:
    """All objects of a kind. Where nothing is recorded, kinds that nobody declares are listed too, for what of ours may
    be left: an account that has no such family has nothing left there."""
    try:
        return await look.listing(drivers[kind.__name__], None, drivers.hands.on_page)
    except FamilyForbidden:
        if wanted.everything or kind.__name__ in kinds_in_hand(wanted):
            raise
        return {}


async def read_whole(drivers: Drivers, snapshot: Snapshot, lives: Sequence[Live]) -> Snapshot:
    """The snapshot with these objects read one by one, for what lists leave out of them."""
    whole = await together(drivers[it.kind].read(it.id, it.parent_id) for it in lives)
    by_kind = {kind: dict(found) for kind, found in snapshot.by_kind.items()}
    for old, live in zip(lives, whole, strict=True):
        by_kind[old.kind].pop(old.id)
        if live is not None:
            by_kind[old.kind][live.id] = live
    return replace(snapshot, by_kind=by_kind, requests=drivers.http.sent)


async def _read_details(
    drivers: Drivers, kinds: Sequence[type[Kind]], wanted: Wanted, found: dict[str, dict[str, Live]]
) -> None:
    """Replace list items by whole objects, where a field that lists leave out is declared or a stamp must be known."""
    for kind in kinds:
        detail = {name for name, field in kind.specs.items() if field.detail}
        if not detail:
            continue
        due = ids_to_read(kind, detail, wanted, found[kind.__name__])
        ids = [id for id in due if not found[kind.__name__][id].detailed]  # else it was read, and not changed since
        lives = await together(drivers[kind.__name__].read(id, found[kind.__name__][id].parent_id) for id in ids)
        for id, live in zip(ids, lives, strict=True):
            if live is None:
                del found[kind.__name__][id]
            else:
                found[kind.__name__][id] = live


async def _confirm_missing(
    drivers: Drivers,
    wanted: Wanted,
    found: dict[str, dict[str, Live]],
    parents: Mapping[str, frozenset[str]],
    look: AccountLook,
) -> None:
    """Ask once more, by id, for what is recorded and not listed: pages may have shifted with the totals the same."""
    missing = [row for row in not_listed(wanted, found, parents) if (row.kind, row.id) not in look.read]
    look.read.update((row.kind, row.id) for row in missing)
    lives = await together(drivers[row.kind].read(row.id, row.parent_id) for row in missing)
    for row, live in zip(missing, lives, strict=True):
        if live is not None:
            found[row.kind][row.id] = live
