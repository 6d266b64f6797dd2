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
from reconciler.model import Intent, Live, Recorded, Signature, Snapshot, Touched, Verb
from reconciler.state import Close, Put, Write

__all__ = ["adopting", "after", "made_by", "recover"]


def recover(
    recorded: Sequence[Recorded], intents: Sequence[Intent], snapshot: Snapshot
) -> tuple[list[Write], list[Intent], list[Problem]]:
    """What open intents came to, as far as the snapshot shows it."""
    writes: list[Write] = []
    unresolved: list[Intent] = []
    notes: list[Problem] = []
    rows = {row.address: row for row in recorded if not row.deposed}
    for intent in intents:
        if intent.verb != Verb.CREATE:
            fields = intent.signature.fields if isinstance(intent.signature, Touched) else ()
            if fields and (row := rows.get(intent.address)):
                rows[intent.address] = without(row, fields)
                writes.append(Put(rows[intent.address]))
            writes.append(Close(intent.op))
            continue
        found = made_by(intent, snapshot.by_kind.get(intent.kind, {}).values())
        if len(found) == 1:
            writes += adopting(intent, found[0], rows.get(intent.address))
            notes.append(_note(intent, f"an interrupted run made it ({found[0].id}); it is taken up"))
        elif found:
            ids = " and ".join(sorted(live.id for live in found))
            raise Invalid(
                [Problem("", 0, 0, intent.address, f"{len(found)} were made for it ({ids}); delete all but one")]
            )
        else:
            unresolved.append(intent)
            notes.append(
                _note(intent, "an interrupted run was about to make it; apply looks for it before it makes it")
            )
    return writes, unresolved, notes


def made_by(intent: Intent, lives: Iterable[Live]) -> list[Live]:
    """What of these objects a create may have made."""
    sought = intent.signature
    return [live for live in lives if sought.fits(live)] if isinstance(sought, Signature) else []


def _note(intent: Intent, text: str) -> Problem:
    return Problem("", 0, 0, intent.address, text, "note")


def adopting(intent: Intent, live: Live, old: Recorded | None) -> list[Write]:
    """What is to be recorded when the object that an intent made has been found."""
    writes: list[Write] = [Close(intent.op)]
    if old and old.id == live.id:
        return writes
    if old:
        writes += [Put(replace(old, deposed=True))]
    content = live.stamp.content if live.stamp else None
    fields = {"content": content} if content else {}
    failures = old.failures if old else 0
    return [*writes, Put(Recorded(intent.address, intent.kind, live.id, fields, live.parent_id, failures=failures))]


def after(recorded: Sequence[Recorded], writes: Sequence[Write]) -> list[Recorded]:
    """The rows as they will be when these writes are committed."""
    rows = {(row.address, row.id): row for row in recorded}
    for write in writes:
        if isinstance(write, Put):
            rows[write.recorded.address, write.recorded.id] = write.recorded
    return list(rows.values())
