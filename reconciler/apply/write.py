"""The steps: what becomes of each, and those that change what is there.

Every write is announced in the journal before it is sent; see `make` for what must not happen twice, and `remove`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.apply.make import Maker, leaving
from reconciler.apply.remove import Remover
from reconciler.apply.run import Run
from reconciler.apply.wait import Waiting
from reconciler.diff import applied
from reconciler.errors import BecameFailed
from reconciler.kind import Kind
from reconciler.model import Change, Recorded, Step, Touched, Verb
from reconciler.provider import Patch
from reconciler.state import Close, Open, Put, Write

__all__ = ["Writer", "without"]


class Writer:
    """Does one step at a time; many may be under way side by side."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.waiting = Waiting(run)
        self.remover = Remover(run)
        self.maker = Maker(run, self.remover)
        self.members_left: dict[str, set[str]] = {}
        for step in run.plan.steps:
            if step.verb in (Verb.LINK, Verb.UNLINK):
                self.members_left.setdefault(step.addresses[0], set()).add(step.id)

    async def do(self, step: Step) -> None:
        """Do the step. Raises a ReconcilerError; Failures when it is about several addresses."""
        kind = self.run.kinds[step.kind]
        match step.verb:
            case Verb.CREATE:
                await self.maker.create(kind, step)
            case Verb.BULK:
                await self.maker.bulk(kind, step)
            case Verb.WAIT:
                await self._wait(kind, step)
            case Verb.UPDATE | Verb.ASIDE:
                await self._update(kind, step)
            case Verb.LINK | Verb.UNLINK:
                await self._members(kind, step)
            case Verb.DELETE:
                await self.remover.delete(kind, step)
            case Verb.RECORD:
                await self._record(self.run.changes[step.addresses[0]])
            case Verb.FORGET:
                await self.remover.forget(kind, step)

    async def _wait(self, kind: type[Kind], step: Step) -> None:
        """Wait until it is ready, and note how often it was not to be."""
        address = step.addresses[0]
        id, row = self.run.ids[address], self.run.rows.get(address)
        try:
            await self.waiting.ready(kind.__name__, self.run.parent_id(address), id, address)
        except BecameFailed:
            if row and row.id == id:
                await self._count(row, row.failures + 1)
            raise
        if row and row.id == id and row.failures:
            await self._count(row, 0)

    async def _count(self, row: Recorded, failures: int) -> None:
        self.run.rows[row.address] = counted = replace(row, failures=failures)
        await self.run.journal.write(Put(counted))

    async def _update(self, kind: type[Kind], step: Step) -> None:
        address = step.addresses[0]
        change = self.run.changes[address]
        fields = self.run.resolved(kind, step.fields)
        intent = self.run.intent(step.verb, kind, address, step.fields, Touched(tuple(sorted(step.fields))))
        await self.run.journal.write(Open(intent))
        id = step.object_id or self.run.ids[address]
        self.run.touched.add(id)
        patch = Patch(id, fields, step.parent_id, self.run.stamp(address))
        await self.run.sent(intent, self.run.drivers[kind.__name__].update(patch))
        if step.verb is not Verb.ASIDE:
            await self._record(change, intent.op)
            return
        row = self.run.rows.get(address)
        renamed: list[Write] = []
        if row and row.id == id:  # recorded where it stands, so that nobody takes the name for somebody else's doing
            self.run.rows[address] = replace(row, fields={**row.fields, **step.fields})
            renamed = [Put(replace(self.run.rows[address], address=change.previous_address or address))]
        await self.run.journal.write(*renamed, Close(intent.op))

    async def _members(self, kind: type[Kind], step: Step) -> None:
        address = step.addresses[0]
        ((name, _),) = step.fields.items()
        ids = self.run.resolved(kind, step.fields)[name]
        intent = self.run.intent(step.verb, kind, address, step.fields, Touched(tuple(sorted(step.fields))))
        await self.run.journal.write(Open(intent))
        id = step.object_id or self.run.ids[address]
        self.run.touched.add(id)
        driver = self.run.drivers[kind.__name__]
        call = driver.link if step.verb is Verb.LINK else driver.unlink
        await self.run.sent(intent, call(id, step.parent_id, kind.specs[name], ids))
        self.members_left[address].discard(step.id)
        await self._record(self.run.changes[address], intent.op)

    async def _record(self, change: Change, op: str | None = None) -> None:
        """Note what was applied; members only when they are all as they shall be."""
        address = change.address
        kind = self.run.kinds[change.kind]
        row, live = self.run.rows.get(address), self.run.snapshot.get(change.kind, change.id)
        fields = dict(applied(kind, self.run.stack.resources[address], row, live))
        if self.members_left.get(address):
            for name, spec in kind.specs.items():
                if spec.members:
                    fields.pop(name, None)
                    fields |= {name: row.fields[name]} if row and name in row.fields else {}
        id = self.run.ids[address]
        writes: list[Write] = []
        if row and (change.previous_address or row.id != id):
            writes += leaving(change, row)
        failures = row.failures if row and row.id == id else 0
        made = Recorded(address, change.kind, id, fields, change.parent_id, change.protect, failures=failures)
        await self.run.journal.write(*writes, Put(made), *([Close(op)] if op else []))
        self.run.rows[address] = made


def without(row: Recorded, names: Sequence[str]) -> Recorded:
    """The row as if these fields had never been applied."""
    return replace(row, fields={name: value for name, value in row.fields.items() if name not in names})
