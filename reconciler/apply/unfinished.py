"""Uploads and deletes that an earlier run has left: which uploads go on, which are done after all, which nobody can
finish any more; and what was deleted though lists still show it.

What goes on is taken out of the snapshot: to the plan it is still to be made, and making it continues. What nobody can
finish becomes an old object of its address, which the plan deletes like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.apply.recover import made_by
from reconciler.errors import Problem
from reconciler.kind import Field, Updating
from reconciler.model import Live, Operation, Recorded, Resource, Snapshot, Stack, Target, Verb
from reconciler.ownership import is_of
from reconciler.provider import Drivers
from reconciler.state import Close, Open, Put, Write
from reconciler.upload import Upload
from reconciler.values import same

__all__ = ["Unfinished", "unfinished"]


@dataclass(slots=True)
class Unfinished:
    """The answer."""

    snapshot: Snapshot
    operations: list[Operation]
    """Those that nothing can be gone on with."""
    writes: list[Write] = field(default_factory=list)
    """What is to be recorded before anything else; closes the operations that are left out."""
    notes: list[Problem] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    """Ids that were taken out of the snapshot"""

    def hide(self, live: Live, seen: Live | None = None) -> None:
        """Take an object out of the snapshot, or show it as `seen`."""
        objects = {id: it for id, it in self.snapshot.by_kind[live.kind].items() if id != live.id}
        objects |= {live.id: seen} if seen else {}
        self.hidden |= set() if seen else {live.id}
        self.snapshot = replace(self.snapshot, by_kind={**self.snapshot.by_kind, live.kind: objects})

    def close(self, address: str, live: Live) -> None:
        """What was announced about an object is known by now."""
        made = [it for it in self.operations if it.verb == Verb.CREATE]
        ended = [it for it in made if it.address == address or made_by(it, [live])]
        self.operations = [it for it in self.operations if it not in ended]
        self.writes += [Close(it.op) for it in ended]


async def unfinished(
    drivers: Drivers,
    stack: Stack,
    snapshot: Snapshot,
    recorded: Sequence[Recorded],
    operations: Sequence[Operation],
) -> Unfinished:
    """Look at each upload that was begun, at each partial object of ours of which no upload is known, and at what was
    about to be deleted."""
    result = Unfinished(snapshot, [it for it in operations if it.handle is None])
    begun = [(it, Upload.of(it)) for it in operations if it.handle is not None]
    await _deletes(drivers, result)
    snapshot = result.snapshot
    lives = [_object(snapshot, upload.asset_id) for _, upload in begun]
    statuses = await asyncio.gather(*(_status(drivers, it, live) for (_, it), live in zip(begun, lives, strict=True)))
    rows = {row.address: row for row in recorded if not row.deposed}
    taken: set[str] = set()
    for (operation, upload), live, status in zip(begun, lives, statuses, strict=True):
        if live is None:
            result.writes.append(Close(operation.op))
        elif status == "completed" or not drivers[live.kind].is_partial(live):
            _adopt(result, operation, upload, live, rows.get(upload.address))
        else:
            address = _wanted_at(drivers, stack, upload, live, rows, taken) if status == "active" else None
            if address:
                _go_on(result, operation, upload, live, address, taken)
            else:
                _leave(result, operation, upload, live)
    known = {row.id for row in recorded} | {upload.asset_id for _, upload in begun}
    await _strays(drivers, stack, result, known)
    return result


async def _status(drivers: Drivers, upload: Upload, live: Live | None) -> str:
    """Of an upload, as far as it matters: of one whose object is gone nothing does."""
    return await drivers[live.kind].upload_status(upload.upload_id) if live else "gone"


async def _deletes(drivers: Drivers, result: Unfinished) -> None:
    """What an announced delete took away, with all that lived in it, is not there whatever a late list says. As long
    as one does say so, the operation stays open: or the next list would bring it back."""
    deletes = [it for it in result.operations if it.verb == Verb.DELETE]
    asked = {it.op: it.signature.id for it in deletes if isinstance(it.signature, Target)}
    shown = [live for it in deletes if (live := result.snapshot.get(it.kind, asked.get(it.op)))]
    found = await asyncio.gather(*(drivers[live.kind].read(live.id, live.parent_id) for live in shown))
    for gone in (live for live, now in zip(shown, found, strict=True) if now is None):
        below = [live for objects in result.snapshot.by_kind.values() for live in objects.values()]
        for live in (gone, *(live for live in below if live.parent_id == gone.id)):
            result.hide(live)
        result.operations = [it for it in result.operations if asked.get(it.op) != gone.id]


def _object(snapshot: Snapshot, id: str) -> Live | None:
    return next((objects[id] for objects in snapshot.by_kind.values() if id in objects), None)


def _adopt(result: Unfinished, operation: Operation, upload: Upload, live: Live, old: Recorded | None) -> None:
    """All of it was there when the run ended: it only has to be recorded."""
    if old is None or old.id != live.id:
        result.writes += [Put(replace(old, deposed=True))] if old else []
        result.writes.append(
            Put(Recorded(upload.address, live.kind, live.id, {"content": upload.content}, live.parent_id))
        )
        result.notes.append(_note(upload, f"an interrupted run has sent all of it ({live.id}); it is taken up"))
    result.writes.append(Close(operation.op))
    result.close(upload.address, live)


def _go_on(result: Unfinished, operation: Operation, upload: Upload, live: Live, address: str, taken: set[str]) -> None:
    result.hide(live)
    result.close(upload.address, live)
    taken.add(address)
    if address != upload.address:
        result.writes.append(Open(replace(operation, address=address)))
    there = f"{len(upload.proofs)} of {upload.total_chunks} chunks"
    result.notes.append(_note(upload, f"an interrupted upload goes on: {there} are there", address))


def _leave(result: Unfinished, operation: Operation, upload: Upload, live: Live) -> None:
    _depose(result, upload.address, live, upload.content)
    result.writes.append(Close(operation.op))
    result.notes.append(
        _note(upload, f"an interrupted upload ({live.id}) cannot go on, or is not wanted any more; it is deleted")
    )


def _depose(result: Unfinished, address: str, live: Live, content: str | None) -> None:
    """From now on an old object of the address. Without its stamp in our eyes, or the address would claim it."""
    result.hide(live, replace(live, stamp=None))
    fields = {"content": content} if content else {}
    result.writes.append(Put(Recorded(address, live.kind, live.id, fields, live.parent_id, deposed=True)))
    result.close(address, live)


async def _strays(drivers: Drivers, stack: Stack, result: Unfinished, known: set[str]) -> None:
    """Partial objects of ours without an upload that we know: a run died before it could note how to go on."""
    found = [
        live
        for objects in result.snapshot.by_kind.values()
        for live in objects.values()
        if is_of(stack, live.stamp) and live.id not in known and drivers[live.kind].is_partial(live)
    ]
    kinds = {live.kind for live in found}
    abandoned = frozenset[str]().union(
        *[await drivers[kind].abandoned([live for live in found if live.kind == kind]) for kind in sorted(kinds)]
    )
    for live in found:
        if live.id in abandoned and live.stamp:
            _depose(result, live.stamp.key, live, live.stamp.content)
            text = f"an interrupted run began it ({live.id}) and could not note how to go on; it is deleted"
            result.notes.append(Problem("", 0, 0, live.stamp.key, text, "note"))


def _wanted_at(
    drivers: Drivers,
    stack: Stack,
    upload: Upload,
    live: Live,
    rows: Mapping[str, Recorded],
    taken: set[str],
) -> str | None:
    """The declared address that still wants these bytes as this object: its own, or else one that is new."""
    kind = drivers.kinds[live.kind]
    fixed = [field for field in kind.specs.values() if field.update is Updating.REPLACE and not field.identity]
    fitting = [
        resource.address
        for resource in stack.resources.values()
        if resource.kind == live.kind
        and resource.address not in taken
        and resource.fields.get("content") == upload.content
        and _agree(fixed, resource, live)
    ]
    if upload.address in fitting:
        return upload.address
    return next((address for address in fitting if address not in rows), None)


def _agree(fixed: Iterable[Field], resource: Resource, live: Live) -> bool:
    """Whether nothing is declared that would need another object; what does not show yet is not held against it."""
    declared = ((field, resource.fields[field.name]) for field in fixed if field.name in resource.fields)
    return all(same(field, value, live.fields[field.name]) for field, value in declared if live.fields.get(field.name))


def _note(upload: Upload, text: str, address: str = "") -> Problem:
    return Problem("", 0, 0, address or upload.address, text, "note")
