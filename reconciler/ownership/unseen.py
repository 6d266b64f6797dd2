"""What was made a moment ago and is not shown by any read yet: there all the same. Pure.

Reads may lag behind writes, lists as well as answers by id. What is concluded from such an answer would be made again,
with every run, and the first one would be nobody's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.errors import Problem
from reconciler.kind import Kind
from reconciler.model import Live, Recorded, Snapshot, Stack, Stamp, Status

__all__ = ["hidden", "presumed", "told"]


def hidden(recorded: Sequence[Recorded], unseen: Collection[str], snapshot: Snapshot) -> list[Recorded]:
    """Rows of what was made a moment ago and is not in what was read."""
    return [row for row in recorded if row.id in unseen and snapshot.get(row.kind, row.id) is None]


def presumed(
    stack: Stack,
    kinds: Sequence[type[Kind]],
    recorded: Sequence[Recorded],
    rows: Sequence[Recorded],
    snapshot: Snapshot,
) -> Snapshot:
    """The snapshot with these rows as objects: as they were made."""
    if not rows:
        return snapshot
    by_name = {kind.__name__: kind for kind in kinds}
    ids = {row.address: row.id for row in recorded if not row.deposed}
    by_kind = {kind: dict(objects) for kind, objects in snapshot.by_kind.items()}
    for row in rows:
        by_kind.setdefault(row.kind, {})[row.id] = _as_made(stack, by_name[row.kind], row, ids)
    return replace(snapshot, by_kind=by_kind)


def _as_made(stack: Stack, kind: type[Kind], row: Recorded, ids: Mapping[str, str]) -> Live:
    fields = {}
    for name, spec in kind.specs.items():
        if spec.source or spec.identity or name not in row.fields:
            continue
        value = row.fields[name]
        if spec.ref:
            value = [ids.get(it, it) for it in value] if spec.many else ids.get(value, value)
        fields[name] = value
    marked = stack.stamps and kind.field_with(lambda spec: spec.stamped)
    stamp = Stamp(stack.name, row.address, row.fields.get(kind.identity_name), stack.id) if marked else None
    # Nobody has seen it ready: what needs it waits, and the wait is what sees it.
    status = Status.PENDING if kind.asynchronous else Status.READY
    return Live(row.kind, row.id, fields, row.parent_id, status, stamp)


def told(rows: Sequence[Recorded]) -> Iterator[Problem]:
    """For whoever reads the plan."""
    for row in rows:
        text = f"{row.kind} {row.id} was made a moment ago and no read shows it yet; it is taken to be there"
        yield Problem("", 0, 0, row.address, text, "note")
