"""The steps: what becomes of each, and those that change what is there.

Every write is announced in the journal before it is sent; see `make` for what must not happen twice, and `remove`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, assert_never

from reconciler.apply.bulk import BulkMaker
from reconciler.apply.fill import said, to_send
from reconciler.apply.make import Maker, leaving
from reconciler.apply.remove import Remover
from reconciler.apply.run import Detached, Passed, Run
from reconciler.apply.wait import Waiting
from reconciler.diff import applied, changed_by_others, filled
from reconciler.errors import BecameFailed, NotReady
from reconciler.kind import Kind
from reconciler.model import (
    BulkCreate,
    Change,
    Create,
    Delete,
    Fill,
    Forget,
    Link,
    Record,
    Recorded,
    Rename,
    Step,
    StepId,
    Touched,
    Unlink,
    Update,
    Wait,
)
from reconciler.provider import Patch
from reconciler.state import Close, Open, Put, Write

__all__ = ["Writer", "without"]

InPlace = BulkCreate | Update | Fill | Rename | Link | Unlink | Delete | Record | Forget
"""Steps that are one request, or several of one object."""


class Writer:
    """Does one step at a time; many may be under way side by side."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.waiting = Waiting(run)
        self.remover = Remover(run)
        self.maker = Maker(run, self.remover)
        self.bulk = BulkMaker(self.maker)
        self.members_left: dict[str, set[StepId]] = {}
        for step in run.plan.steps:
            if isinstance(step, Link | Unlink):
                self.members_left.setdefault(step.address, set()).add(step.id)

    def end(self) -> None:
        """No step is done any more: what was looked at for those that might have come is let go."""
        self.maker.finder.cancel()

    async def do(self, step: Step) -> None:
        """Do the step. Raises a ReconcilerError; Failures when it is about several addresses; Stopped when it was not
        begun."""
        kind = self.run.kinds[step.kind]
        match step:
            case Create():
                await self.maker.create(kind, step)
            case Wait():
                await self._wait(kind, step.address)
            case _:
                async with self.run.places.place(step.kind):
                    await self._do(kind, step)

    async def _do(self, kind: type[Kind], step: InPlace) -> None:
        """What has its place from beginning to end."""
        match step:
            case BulkCreate():
                await self.bulk.make(kind, step)
            case Update() | Fill():
                await (self._fill(kind, step) if isinstance(step, Fill) else self._update(kind, step))
            case Rename():
                await self._rename(kind, step)
            case Link() | Unlink():
                await self._members(kind, step)
            case Delete():
                await self.remover.delete(kind, step)
            case Record():
                await self._record(self.run.changes[step.address])
            case Forget():
                await self.remover.forget(kind, step)
            case _:
                assert_never(step)

    async def _wait(self, kind: type[Kind], address: str) -> None:
        """Wait until it is ready, and note how often it was not to be; or that it is awaited from now on."""
        id, row, parent_id = self.run.ids[address], self.run.rows.get(address), self.run.parent_id(address)
        row = row if row and row.id == id else None
        self.run.places.made(kind.__name__, id)
        try:
            await self.waiting.ready(kind.__name__, parent_id, id, address)
        except BecameFailed:
            await self._seen(id, row, row.failures + 1 if row else 0)
            raise
        except (Detached, NotReady, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is None or not task.cancelling():  # told to stop in good order, at the most
                await self.run.journal.write(*self.run.awaited(kind, address, id, parent_id))
            raise
        finally:
            self.run.places.ended(kind.__name__, id)
        await self._seen(id, row, 0)

    async def _seen(self, id: str, row: Recorded | None, failures: int) -> None:
        """It is awaited no longer; and so often it has failed in a row."""
        writes: list[Write] = []
        if row and row.failures != failures:
            self.run.rows[row.address] = counted = replace(row, failures=failures)
            writes.append(Put(counted))
        if (awaited := self.run.ledger.waits.pop(id, None)) is not None:
            writes.append(Close(awaited.op))
        await self.run.journal.write(*writes)

    async def _update(self, kind: type[Kind], step: Update) -> None:
        op = await self._changed(kind, step)
        await self._record(self.run.changes[step.address], op)

    async def _fill(self, kind: type[Kind], step: Fill) -> None:
        """Send the values that are known now, unless the object has them. Raises Passed for those that are not."""
        address, op = step.address, None
        found = await said(self.run, step)
        if fields := to_send(self.run, kind, step, found.values):
            id, parent_id = self.run.ids[address], self.run.parent_id(address)
            op = await self._changed(kind, Update(address, step.kind, id, parent_id, fields))
        declared = self.run.filled.get(address, self.run.stack.resources[address])
        self.run.filled[address] = filled(declared, found.values)
        await self._record(self.run.changes[address], op)
        if found.lacking:
            raise Passed("; ".join(f"{path} {why}" for path, why in found.lacking.items()), wrote=op is not None)

    async def _rename(self, kind: type[Kind], step: Rename) -> None:
        """Recorded where it stands, under its name of now, so that nobody takes that for somebody else's doing."""
        op = await self._changed(kind, step)
        address, row = step.address, self.run.rows.get(step.address)
        renamed: list[Write] = []
        if row and row.id == step.object_id:
            self.run.rows[address] = replace(row, fields={**row.fields, **step.fields})
            was = self.run.changes[address].previous_address or address
            renamed = [Put(replace(self.run.rows[address], address=was))]
        await self.run.journal.write(*renamed, Close(op))

    async def _changed(self, kind: type[Kind], step: Update | Rename) -> str:
        """Announce and send new values; the op of what is open until what follows from them is recorded."""
        address, id = step.address, step.object_id
        fields = self.run.resolved(kind, step.fields)
        operation = self.run.operation(step.verb, kind, address, Touched(tuple(sorted(step.fields))))
        await self.run.journal.write(Open(operation))
        self.run.touched.add(id)
        patch = Patch(id, fields, step.parent_id, self.run.stamp(address))
        await self.run.sent(operation, self.run.drivers[kind.__name__].update(patch))
        return operation.op

    async def _members(self, kind: type[Kind], step: Link | Unlink) -> None:
        op = None
        for name, members in (step.added if isinstance(step, Link) else step.removed).items():
            op = await self._set_changed(kind, step, name, members, op)
        self.members_left[step.address].discard(step.id)
        await self._record(self.run.changes[step.address], op)

    async def _set_changed(
        self, kind: type[Kind], step: Link | Unlink, name: str, members: Sequence[str], before: str | None
    ) -> str:
        """Announce and send what changes in one set, closing what was announced of the one before."""
        ids = self.run.resolved(kind, {name: [*members]})[name]
        operation = self.run.operation(step.verb, kind, step.address, Touched((name,)))
        await self.run.journal.write(*([Close(before)] if before else []), Open(operation))
        self.run.touched.add(step.object_id)
        driver = self.run.drivers[kind.__name__]
        call = driver.link if isinstance(step, Link) else driver.unlink
        await self.run.sent(operation, call(step.object_id, step.parent_id, kind.specs[name], ids))
        return operation.op

    async def _record(self, change: Change, op: str | None = None) -> None:
        """Note what was applied; members only when they are all as they shall be."""
        address = change.address
        kind = self.run.kinds[change.kind]
        id, row = self.run.ids[address], self.run.rows.get(address)
        live = self.run.snapshot.get(change.kind, id)
        declared = self.run.filled.get(address, self.run.stack.resources[address])
        fields = dict(applied(kind, declared, row, live))
        if self.members_left.get(address):
            for name, spec in kind.specs.items():
                if spec.members:
                    fields.pop(name, None)
                    fields |= {name: row.fields[name]} if row and name in row.fields else {}
        writes: list[Write] = []
        if row and (change.previous_address or row.id != id):
            writes += leaving(change, row)
        before = row if row and row.id == id else None
        failures, facts = before.failures if before else 0, before.facts if before else {}
        parent_id = before.parent_id if before else change.parent_id
        if live is None or not changed_by_others(kind, live, before):  # else what we made is what was noted of it
            facts = {**await self.run.noted(kind, id, parent_id), **_of_old(kind, facts)}
        made = Recorded(address, change.kind, id, fields, parent_id, change.protect, failures=failures, facts=facts)
        await self.run.journal.write(*writes, Put(made), *([Close(op)] if op else []))
        self.run.rows[address] = made


def _of_old(kind: type[Kind], facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a change in place does not change: when it was made, which is no proof of what is in it."""
    return {name: facts[name] for name in kind.noted if name in facts and name not in kind.proofs}


def without(row: Recorded, names: Sequence[str]) -> Recorded:
    """The row as if these fields had never been applied."""
    return replace(row, fields={name: value for name, value in row.fields.items() if name not in names})
