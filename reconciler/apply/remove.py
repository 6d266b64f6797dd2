"""Taking away: deletes, and letting go of what stays.

Like every write these are announced: the operation is durable right before the request, so a run that has lost the
stack to another cannot delete what that one has declared meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.apply.run import Run
from reconciler.errors import Conflict, StalePlan
from reconciler.kind import Kind
from reconciler.model import Delete, Forget, Live, Target, Verb
from reconciler.ownership import is_of
from reconciler.state import Close, Drop, Open, Write

__all__ = ["Remover"]


class Remover:
    """Deletes and unstamps."""

    def __init__(self, run: Run) -> None:
        self.run = run

    async def delete(self, kind: type[Kind], step: Delete) -> None:
        """Look once more whether it is still what was planned to go; then delete it and drop its rows."""
        address, id = step.address, step.object_id
        inside = self.run.kinds.children(kind)
        live = await self.run.drivers[kind.__name__].read(id, step.parent_id)
        if live is not None:
            self._still_ours(address, live)
            if inside:
                await self._nobody_moved_in(inside, address, id)
        there = live is not None or id in self.run.unshown
        closed = await self.send_delete(kind, address, id, step.parent_id) if there else []
        below = [row for row in self.run.all_rows() if row.parent_id == id] if inside else []
        drops = [Drop(address.partition("@")[0], id), *(Drop(row.address, row.id) for row in below)]
        if begun := self.run.ledger.making(id):  # what nobody finishes any more is gone, and all of it is known
            self.run.ledger.closed(begun.op)
            closed.append(Close(begun.op))
        await self.run.journal.write(*drops, *closed)
        if (row := self.run.rows.get(address)) and row.id == id:
            del self.run.rows[address]

    async def send_delete(self, kind: type[Kind], address: str, id: str, parent_id: str | None) -> list[Write]:
        """Announce it and send it. Gives what is to be written together with what follows from it."""
        operation = self.run.operation(Verb.DELETE, kind, address, Target(id, parent_id))
        await self.run.journal.write(Open(operation))
        try:
            await self.run.sent(operation, self.run.drivers[kind.__name__].delete(id, parent_id))
        except Conflict as error:
            raise Conflict(f"{error}. Something that is not in this stack still uses it", status=409) from error
        return [Close(operation.op)]

    def _still_ours(self, address: str, live: Live) -> None:
        planned = self.run.snapshot.get(live.kind, live.id)
        if live.stamp and not is_of(self.run.stack, live.stamp) and not (planned and planned.stamp == live.stamp):
            raise StalePlan([f"{address}: {live.id} now belongs to the stack {live.stamp.stack!r}; not deleted"])
        if planned is None or live.id in self.run.touched or not planned.detailed:
            return
        if dict(planned.fields) != dict(live.fields):
            raise StalePlan([f"{address}: {live.id} was changed since the plan; not deleted, plan again"])

    async def _nobody_moved_in(self, inside: Sequence[type[Kind]], address: str, id: str) -> None:
        """What lives in it and is not ours would be lost: refuse."""
        known = {row.id for row in self.run.all_rows()}
        for child in inside:
            page = await self.run.drivers[child.__name__].page(id, newest=True)
            before = self.run.snapshot.by_kind.get(child.__name__, {})
            since = [live.id for live in page.objects if live.id not in known and live.id not in before]
            if since:
                raise StalePlan([f"{address}: since the plan {', '.join(since)} came into it; not deleted"])

    async def forget(self, kind: type[Kind], step: Forget) -> None:
        """Let go: take our marks off and drop the row."""
        address, id = step.address, step.object_id
        closed: list[Write] = []
        if step.unstamps:
            live = await self.run.drivers[kind.__name__].read(id, step.parent_id)
            if live is not None and live.stamp is not None:
                operation = self.run.operation(Verb.FORGET, kind, address, Target(id, step.parent_id))
                await self.run.journal.write(Open(operation))
                await self.run.sent(operation, self.run.drivers[kind.__name__].unstamp(live))
                closed = [Close(operation.op)]
        await self.run.journal.write(Drop(address, id), *closed)
