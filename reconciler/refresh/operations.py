"""What became of operations that an earlier run announced and did not conclude, as far as looking tells.

The answer is in terms of objects: what is still being made is a `Live` in flight, what was deleted is not there though
a late list shows it. What follows from that is decided elsewhere (`ownership`, `apply.recover`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.frozen import dataclass
from reconciler.model import Flight, Live, Operation, Recorded, Snapshot, Stack, Target
from reconciler.ownership import is_of
from reconciler.provider import Done, Drivers, Exists, ExistsWhen, Progress

__all__ = ["Looked", "look_at"]

LEFT = "what an interrupted run has begun here ({id}) cannot go on; it is deleted"
UNKNOWN = "an interrupted run began it ({id}) and could not note how to go on; it is deleted"


@dataclass(frozen=True, slots=True)
class Looked:
    """The account with what is in flight marked so, and what was heard of each operation."""

    snapshot: Snapshot
    progress: Mapping[str, Progress]
    """op → what became of it; of what is not in it nothing is to be seen"""
    hidden: frozenset[str]
    """Ids of what was deleted and is taken out of the snapshot"""
    late: frozenset[str]
    """Deletes that were done and that a list does not show yet: open as long as it does not, or the next list would
    bring back what is gone."""


async def look_at(
    drivers: Drivers, stack: Stack, snapshot: Snapshot, recorded: Sequence[Recorded], operations: Sequence[Operation]
) -> Looked:
    """Look at each delete that was announced, at each object that was begun, and at what is half made and of ours."""
    deleted, late = await _deleted(drivers, snapshot, operations)
    objects = {
        kind: {id: live for id, live in lives.items() if id not in deleted} if deleted else lives
        for kind, lives in snapshot.by_kind.items()
    }
    snapshot = replace(snapshot, by_kind=objects)
    progress = await _progress(drivers, snapshot, operations)
    snapshot = await _with_finished(drivers, snapshot, operations, progress)
    flying = _flying(drivers, snapshot, operations, progress)
    known = {row.id for row in recorded} | {it.id for it in operations}
    flying += await _unknown(drivers, stack, snapshot, known)
    return Looked(_showing(snapshot, flying), progress, deleted, late)


async def _deleted(
    drivers: Drivers, snapshot: Snapshot, operations: Sequence[Operation]
) -> tuple[frozenset[str], frozenset[str]]:
    """Ids of what an announced delete took away, with all that lived in it: not there, whatever a late list says. And
    the deletes of which that is so."""
    asked = {it.op: it.signature.id for it in operations if it.verb == "delete" and isinstance(it.signature, Target)}
    shown = [live for it in operations if (live := snapshot.get(it.kind, asked.get(it.op)))]
    found = await asyncio.gather(*(drivers[live.kind].read(live.id, live.parent_id) for live in shown))
    gone = {live.id for live, now in zip(shown, found, strict=True) if now is None}
    if not gone:
        return frozenset(), frozenset()
    below = (live.id for lives in snapshot.by_kind.values() for live in lives.values() if live.parent_id in gone)
    return frozenset(gone).union(below), frozenset(op for op, id in asked.items() if id in gone)


async def _progress(drivers: Drivers, snapshot: Snapshot, operations: Sequence[Operation]) -> dict[str, Progress]:
    """One look a kind. Of what has an object and is not there nothing more has to be known."""
    by_kind: dict[str, list[Operation]] = {}
    for it in operations:
        finished = it.verb == "create" and drivers[it.kind].traits.exists is ExistsWhen.FINISHED
        if (it.handle is not None and (it.id is None or snapshot.get(it.kind, it.id))) or finished:
            by_kind.setdefault(it.kind, []).append(it)
    looks = await asyncio.gather(*(drivers[kind].look(some) for kind, some in by_kind.items()))
    return {op: progress for look in looks for op, progress in look.items()}


async def _with_finished(
    drivers: Drivers, snapshot: Snapshot, operations: Iterable[Operation], progress: Mapping[str, Progress]
) -> Snapshot:
    """With what tasks have made meanwhile and no list shows yet."""
    made = [(it, done.id) for it in operations if isinstance(done := progress.get(it.op), Done)]
    unseen = [(it, id) for it, id in made if snapshot.get(it.kind, id) is None]
    lives = await asyncio.gather(*(drivers[it.kind].read(id, it.parent_id) for it, id in unseen))
    return _showing(snapshot, [live for live in lives if live is not None])


def _flying(
    drivers: Drivers, snapshot: Snapshot, operations: Iterable[Operation], progress: Mapping[str, Progress]
) -> list[Live]:
    """What operations are making, and nobody has finished. What is whole is not in flight, whoever says that nothing is
    known of how it was made."""
    flying = []
    for it in operations:
        if it.handle is None or (live := snapshot.get(it.kind, it.id)) is None:
            continue
        now = progress.get(it.op)
        if isinstance(now, Exists):
            flying.append(replace(live, in_flight=Flight(it.address, it.identity, now.told, goes_on=True)))
        elif not isinstance(now, Done) and drivers[live.kind].is_partial(live):
            told = LEFT.format(id=live.id)
            flying.append(replace(live, in_flight=Flight(it.address, it.identity, told)))
    return flying


async def _unknown(drivers: Drivers, stack: Stack, snapshot: Snapshot, known: set[str | None]) -> list[Live]:
    """Partial objects of ours without an operation that we know: a run died before it could note how to go on."""
    by_kind: dict[str, list[Live]] = {}
    for kind, lives in snapshot.by_kind.items():
        ours = (live for live in lives.values() if live.id not in known and is_of(stack, live.stamp))
        if found := [live for live in ours if drivers[kind].is_partial(live)]:
            by_kind[kind] = found
    looks = await asyncio.gather(*(drivers[kind].unfinished(found) for kind, found in by_kind.items()))
    nobodys = frozenset[str]().union(*looks)
    return [
        replace(live, in_flight=Flight(live.stamp.key, live.stamp.content, UNKNOWN.format(id=live.id)))
        for found in by_kind.values()
        for live in found
        if live.id in nobodys and live.stamp
    ]


def _showing(snapshot: Snapshot, lives: Sequence[Live]) -> Snapshot:
    """The snapshot with these objects as they are here."""
    if not lives:
        return snapshot
    by_kind = {kind: dict(objects) for kind, objects in snapshot.by_kind.items()}
    for live in lives:
        by_kind.setdefault(live.kind, {})[live.id] = live
    return replace(snapshot, by_kind=by_kind)
