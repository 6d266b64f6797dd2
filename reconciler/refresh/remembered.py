"""The account as it is remembered, for a plan that asks nothing of it: what is recorded is there, as recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.model import Live, Recorded, Snapshot, Stack, Status
from reconciler.ownership.unseen import presumed
from reconciler.provider import Drivers
from reconciler.refresh.lists import listing
from reconciler.refresh.looking import AccountLook
from reconciler.refresh.wanted import Wanted, kinds_to_list

__all__ = ["remembered"]


async def remembered(
    drivers: Drivers, stack: Stack, wanted: Wanted, recorded: Sequence[Recorded], look: AccountLook
) -> Snapshot:
    """What is kept of objects of others, what is recorded of ours, and what is in stores of our own."""
    kinds = kinds_to_list(drivers.kinds, wanted)
    found: dict[str, dict[str, Live]] = {}
    for kind in kinds:
        driver = drivers[kind.__name__]
        found[kind.__name__] = await listing(driver, None) if kind.stored else _kept(kind.__name__, look)
    stored = {kind.__name__ for kind in kinds if kind.stored}
    rows = [row for row in recorded if row.kind not in stored and row.kind in found]
    snapshot = presumed(stack, kinds, recorded, rows, Snapshot(found, requests=drivers.http.sent))
    ours = {(row.kind, row.id) for row in rows}
    by_kind = {
        kind: {id: replace(it, status=Status.READY) if (kind, id) in ours else it for id, it in lives.items()}
        for kind, lives in snapshot.by_kind.items()
    }
    parents = {
        kind.__name__: frozenset(by_kind.get(kind.parent.__name__, ())) for kind in kinds if kind.parent is not None
    }
    return replace(snapshot, by_kind=by_kind, parents=parents)


def _kept(kind: str, look: AccountLook) -> dict[str, Live]:
    kept = look.kept
    if kept is None:
        return {}
    return {
        id: live
        for list_id, lives in kept.lists.items()
        for id, live in lives.items()
        if list_id[0] == kind and id not in kept.bare.get(list_id, ())
    }
