"""What was made, and is gone from where we keep it or is not what it was: asked for once more where it was made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from reconciler.diff import changed_by_others
from reconciler.model import Recorded, Snapshot
from reconciler.provider import Drivers, Progress

__all__ = ["had_again"]


async def had_again(drivers: Drivers, recorded: Sequence[Recorded], snapshot: Snapshot) -> Mapping[str, Progress]:
    """id → what can still be had of it. Of what is there as it was recorded nobody is asked anything."""
    by_kind: dict[str, list[Recorded]] = {}
    stored = {kind.__name__: kind for kind in drivers.kinds if kind.stored}
    for row in recorded:
        if (kind := stored.get(row.kind)) is None or row.deposed:
            continue
        live = snapshot.get(row.kind, row.id)
        if live is None or changed_by_others(kind, live, row):
            by_kind.setdefault(row.kind, []).append(row)
    found = await asyncio.gather(*(drivers[name].again(rows) for name, rows in by_kind.items()))
    return {id: progress for some in found for id, progress in some.items()}
