"""What an interrupted run had announced and not concluded, taken up by the next.

A create is looked for in what was read; what it made is adopted. Of a change only this is known: the fields that it was
about are no longer as recorded, so they are taken as unknown and compared with git alone. A delete, or letting go of
something, is planned again as far as it was not done: what is there decides, no row has to be mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.apply.write import without
from reconciler.errors import Invalid, Problem
from reconciler.model import Live, Operation, Recorded, Signature, Snapshot, Touched, Verb
from reconciler.state import Close, Put, Write

__all__ = ["adopting", "after", "made_by", "recover"]


def recover(
    recorded: Sequence[Recorded], operations: Sequence[Operation], snapshot: Snapshot
) -> tuple[list[Write], list[Operation], list[Problem]]:
    """What open operations came to, as far as the snapshot shows it."""
    writes: list[Write] = []
    unresolved: list[Operation] = []
    notes: list[Problem] = []
    rows = {row.address: row for row in recorded if not row.deposed}
    for operation in operations:
        if operation.verb != Verb.CREATE:
            fields = operation.signature.fields if isinstance(operation.signature, Touched) else ()
            if fields and (row := rows.get(operation.address)):
                rows[operation.address] = without(row, fields)
                writes.append(Put(rows[operation.address]))
            writes.append(Close(operation.op))
            continue
        found = made_by(operation, snapshot.by_kind.get(operation.kind, {}).values())
        if len(found) == 1:
            writes += adopting(operation, found[0], rows.get(operation.address))
            notes.append(_note(operation, f"an interrupted run made it ({found[0].id}); it is taken up"))
        elif found:
            ids = " and ".join(sorted(live.id for live in found))
            raise Invalid(
                [Problem("", 0, 0, operation.address, f"{len(found)} were made for it ({ids}); delete all but one")]
            )
        else:
            unresolved.append(operation)
            notes.append(
                _note(operation, "an interrupted run was about to make it; apply looks for it before it makes it")
            )
    return writes, unresolved, notes


def made_by(operation: Operation, lives: Iterable[Live]) -> list[Live]:
    """What of these objects a create may have made."""
    sought = operation.signature
    return [live for live in lives if sought.fits(live)] if isinstance(sought, Signature) else []


def _note(operation: Operation, text: str) -> Problem:
    return Problem("", 0, 0, operation.address, text, "note")


def adopting(operation: Operation, live: Live, old: Recorded | None) -> list[Write]:
    """What is to be recorded when the object that an operation made has been found."""
    writes: list[Write] = [Close(operation.op)]
    if old and old.id == live.id:
        return writes
    if old:
        writes += [Put(replace(old, deposed=True))]
    content = live.stamp.content if live.stamp else None
    fields = {"content": content} if content else {}
    failures = old.failures if old else 0
    return [
        *writes,
        Put(Recorded(operation.address, operation.kind, live.id, fields, live.parent_id, failures=failures)),
    ]


def after(recorded: Sequence[Recorded], writes: Sequence[Write]) -> list[Recorded]:
    """The rows as they will be when these writes are committed."""
    rows = {(row.address, row.id): row for row in recorded}
    for write in writes:
        if isinstance(write, Put):
            rows[write.recorded.address, write.recorded.id] = write.recorded
    return list(rows.values())
