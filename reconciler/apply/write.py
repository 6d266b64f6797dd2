"""The steps, one method each: intent, call, record.

Before a call that must not happen twice its intent is durable; after it the id is recorded in the transaction that
closes the intent. A clear refusal closes it too. What stays unclear stays open: the next run looks it up.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.apply.find import Finder, Present, look_for
from reconciler.apply.run import Run, digest
from reconciler.apply.wait import Waiting
from reconciler.errors import ApiError, Conflict, MediaError, RateLimited, ReconcilerError, Rejected, StalePlan, Unclear
from reconciler.kind import Kind
from reconciler.model import Action, Change, Intent, Live, Recorded, Stamp, Step, Verb, parent_of
from reconciler.rest import Made
from reconciler.state import Close, Drop, Open, Put, Write

__all__ = ["Failures", "Writer"]


class Failures(ReconcilerError):
    """Some addresses of a step failed, the others are done."""

    def __init__(self, by_address: Mapping[str, str]) -> None:
        self.by_address = dict(by_address)
        super().__init__("; ".join(f"{address}: {why}" for address, why in by_address.items()))


class Writer:
    """Does one step at a time; many may be under way side by side."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.waiting = Waiting(run)
        self.finder = Finder(run.provider, run.snapshot, run.clock, run.limits)
        self.present: dict[str, Present] = {}
        self.members_left: dict[str, set[str]] = {}
        for step in run.plan.steps:
            if step.verb in (Verb.LINK, Verb.UNLINK):
                self.members_left.setdefault(step.addresses[0], set()).add(step.id)

    async def do(self, step: Step) -> None:
        """Do the step. Raises a ReconcilerError; Failures when it is about several addresses."""
        kind = self.run.kinds[step.kind]
        match step.verb:
            case Verb.CREATE:
                await self._create(kind, step)
            case Verb.BULK:
                await self._bulk(kind, step)
            case Verb.WAIT:
                await self._wait(kind, step)
            case Verb.UPDATE | Verb.ASIDE:
                await self._update(kind, step)
            case Verb.LINK | Verb.UNLINK:
                await self._members(kind, step)
            case Verb.DELETE:
                await self._delete(kind, step)
            case Verb.RECORD:
                await self._record(self.run.changes[step.addresses[0]])
            case Verb.FORGET:
                await self._forget(kind, step)

    # Making

    async def _create(self, kind: type[Kind], step: Step) -> None:
        address = step.addresses[0]
        wanted = self.run.resolved(kind, self.run.changes[address].fields)
        parent_id, stamp = self._parent_id(address), self.run.stamp(address)
        intent = self._intent(kind, address, wanted, parent_id, stamp)
        await self.run.journal.write(Open(intent))

        async def send() -> str:
            made = await self.run.provider.create(kind, wanted, parent_id, stamp, address=address)
            return made.id

        await self._made(address, await self._exactly_once(intent, send), parent_id, intent.op)

    async def _exactly_once(self, intent: Intent, send: Any) -> str:
        """Send until the object is known to exist, looking before each repetition."""
        sent_before = False
        for _ in range(self.run.limits.tries):
            try:
                return str(await send())
            except (Unclear, RateLimited) as error:
                last: ApiError = error
            except MediaError:  # a file that is not sent to its end makes nothing
                await self.run.journal.write(Close(intent.op))
                raise
            except ApiError as error:
                if not (sent_before and isinstance(error, Rejected | Conflict)):
                    await self.run.journal.write(Close(intent.op))
                    raise
                last = error  # refused for what an unclear attempt has made, perhaps: look
            sent_before = True
            if found := await self._look(intent, last):
                return found.id
            if isinstance(last, Rejected | Conflict):
                await self.run.journal.write(Close(intent.op))
                raise last
        raise last

    async def _look(self, intent: Intent, error: ApiError) -> Live | None:
        if error.retry_after_s:
            await self.run.clock.sleep(error.retry_after_s)
        found = await self.finder.find(intent)
        if found is None or not self.run.provider.is_partial(found):
            return found
        if self.run.ledger.making(found.id) is None:
            # Begun, and the answer that says how to go on is lost: nobody can finish it. Another is made.
            await self.run.provider.delete(self.run.kinds[intent.kind], found.id, found.parent_id)
        return None

    async def _made(self, address: str, id: str, parent_id: str | None, op: str) -> None:
        """The object exists: one transaction records it, deposes the old one and closes the intent."""
        change = self.run.changes[address]
        row = Recorded(address, change.kind, id, change.fields, parent_id, change.protect)
        done = self.run.ledger.made(id)
        await self.run.journal.write(*self._deposing(change), Put(row), Close(op), *done)
        self.run.ids[address] = id
        self.run.rows[address] = row
        self.run.touched.add(id)

    def _deposing(self, change: Change) -> list[Write]:
        """What becomes of the row of the old object when the new one takes its place."""
        old = self.run.rows.get(change.address)
        if change.action is Action.REPLACE and change.id:
            row = old or Recorded(change.address, change.kind, change.id, {}, change.parent_id)
            return [*self._leaving(change, row), Put(replace(row, address=change.address, deposed=True))]
        return self._leaving(change, old) if old else []

    def _leaving(self, change: Change, row: Recorded) -> list[Write]:
        """The row goes from where it stands: from the old address, when the resource was moved."""
        return [Drop(change.previous_address or change.address, row.id)]

    async def _bulk(self, kind: type[Kind], step: Step) -> None:
        """Many in one call. Each has an intent of its own; those whose answer is unclear are looked up one by one."""
        todo = [address for address in step.addresses if address not in self.run.bad]
        parent_id = self._parent_id(step.addresses[0])
        wanted = {address: self.run.resolved(kind, self.run.changes[address].fields) for address in todo}
        intents = {
            address: self._intent(kind, address, wanted[address], parent_id, self.run.stamp(address))
            for address in todo
        }
        await self.run.journal.write(*(Open(intent) for intent in intents.values()))
        refused: dict[str, str] = {}
        for _ in range(self.run.limits.tries):
            many = [(wanted[address], self.run.stamp(address)) for address in todo]
            try:
                answers = await self.run.provider.create_many(kind, parent_id, many)
            except (Unclear, RateLimited) as error:
                last: ApiError = error
                todo = await self._look_up_all(kind, todo, parent_id, intents, error)
            except ApiError:
                await self.run.journal.write(*(Close(intents[address].op) for address in todo))
                raise
            else:
                refused |= await self._made_many(todo, answers, parent_id, intents)
                todo = []
            if not todo:
                break
        else:
            refused |= dict.fromkeys(todo, str(last))
        if refused:
            raise Failures(refused)

    async def _made_many(
        self, todo: Sequence[str], answers: Sequence[Made], parent_id: str | None, intents: Mapping[str, Intent]
    ) -> dict[str, str]:
        """Record what a bulk call made, all in one transaction; why it refused the others."""
        writes, refused = [], {}
        for address, made in zip(todo, answers, strict=True):
            if made.id:
                writes.append(self._made(address, made.id, parent_id, intents[address].op))
            else:
                refused[address] = made.refused
        closes = [Close(intents[address].op) for address in refused]
        await asyncio.gather(*writes, self.run.journal.write(*closes))
        return refused

    async def _look_up_all(
        self,
        kind: type[Kind],
        todo: Sequence[str],
        parent_id: str | None,
        intents: Mapping[str, Intent],
        error: ApiError,
    ) -> list[str]:
        """After an unclear bulk call: record those that exist; the addresses of those that do not."""
        if error.retry_after_s:
            await self.run.clock.sleep(error.retry_after_s)
        found = await asyncio.gather(*(self.finder.find(intents[address]) for address in todo))
        missing = []
        for address, live in zip(todo, found, strict=True):
            if live is None:
                missing.append(address)
            else:
                await self._made(address, live.id, parent_id, intents[address].op)
        return missing

    async def _wait(self, kind: type[Kind], step: Step) -> None:
        address = step.addresses[0]
        await self.waiting.ready(kind.__name__, self._parent_id(address), self.run.ids[address], address)

    # Changing

    async def _update(self, kind: type[Kind], step: Step) -> None:
        address = step.addresses[0]
        change = self.run.changes[address]
        fields = self.run.resolved(kind, step.fields)
        intent = self._intent(kind, address, step.fields, step.parent_id, None, step.verb)
        await self.run.journal.write(Open(intent))
        id = step.object_id or self.run.ids[address]
        self.run.touched.add(id)
        await self._send_or_close(
            intent, self.run.provider.update(kind, id, step.parent_id, fields, self.run.stamp(address))
        )
        if step.verb is Verb.ASIDE:
            await self.run.journal.write(Close(intent.op))
        else:
            await self._record(change, intent.op)

    async def _members(self, kind: type[Kind], step: Step) -> None:
        address = step.addresses[0]
        ((name, _),) = step.fields.items()
        ids = self.run.resolved(kind, step.fields)[name]
        intent = self._intent(kind, address, step.fields, step.parent_id, None, step.verb)
        await self.run.journal.write(Open(intent))
        id = step.object_id or self.run.ids[address]
        self.run.touched.add(id)
        call = self.run.provider.link if step.verb is Verb.LINK else self.run.provider.unlink
        await self._send_or_close(intent, call(kind, id, step.parent_id, kind.specs[name], ids))
        self.members_left[address].discard(step.id)
        await self._record(self.run.changes[address], intent.op)

    async def _send_or_close(self, intent: Intent, call: Any) -> None:
        """Await a write that may be repeated; a clear refusal closes its intent."""
        try:
            await call
        except ApiError as error:
            if error.status and error.status < 500:
                await self.run.journal.write(Close(intent.op))
            raise

    async def _record(self, change: Change, op: str | None = None) -> None:
        """Note what was applied; members only when they are all as they shall be."""
        address = change.address
        kind = self.run.kinds[change.kind]
        fields = dict(change.fields)
        row = self.run.rows.get(address)
        if self.members_left.get(address):
            for name, spec in kind.specs.items():
                if spec.members:
                    fields.pop(name, None)
                    fields |= {name: row.fields[name]} if row and name in row.fields else {}
        id = self.run.ids[address]
        writes: list[Write] = []
        if row and (change.previous_address or row.id != id):
            writes += self._leaving(change, row)
        made = Recorded(address, change.kind, id, fields, change.parent_id, change.protect)
        await self.run.journal.write(*writes, Put(made), *([Close(op)] if op else []))
        self.run.rows[address] = made

    # Removing

    async def _delete(self, kind: type[Kind], step: Step) -> None:
        """Look once more whether it is still what was planned to go; then delete it and drop its rows."""
        address, id = step.addresses[0], step.object_id or ""
        inside = [child for child in self.run.provider.kinds if child.parent is kind]
        live = await self.run.provider.get(kind, id, step.parent_id)
        if live is not None:
            self._still_ours(address, live)
            if inside:
                await self._nobody_moved_in(inside, address, id)
            try:
                await self.run.provider.delete(kind, id, step.parent_id)
            except Conflict as error:
                raise Conflict(f"{error}. Something that is not in this stack still uses it", status=409) from error
        below = [row for row in self._all_rows() if row.parent_id == id] if inside else []
        drops = [Drop(address.partition("@")[0], id), *(Drop(row.address, row.id) for row in below)]
        await self.run.journal.write(*drops)
        if (row := self.run.rows.get(address)) and row.id == id:
            del self.run.rows[address]

    def _all_rows(self) -> list[Recorded]:
        claims = self.run.claims
        return [*claims.rows.values(), *claims.orphans.values(), *claims.leftovers, *self.run.rows.values()]

    def _still_ours(self, address: str, live: Live) -> None:
        planned = self.run.snapshot.get(live.kind, live.id)
        if live.stamp and live.stamp.stack != self.run.stack.name:
            raise StalePlan([f"{address}: {live.id} now belongs to the stack {live.stamp.stack!r}; not deleted"])
        if planned is None or live.id in self.run.touched or not planned.detailed:
            return
        if dict(planned.fields) != dict(live.fields):
            raise StalePlan([f"{address}: {live.id} was changed since the plan; not deleted, plan again"])

    async def _nobody_moved_in(self, inside: Sequence[type[Kind]], address: str, id: str) -> None:
        """What lives in it and is not ours would be lost: refuse."""
        known = {row.id for row in self._all_rows()}
        for child in inside:
            page = await self.run.provider.page(child, id, 1, child.newest)
            before = self.run.snapshot.by_kind.get(child.__name__, {})
            strangers = [live.id for live in page.objects if live.id not in known and live.id not in before]
            if strangers:
                raise StalePlan([f"{address}: since the plan {', '.join(strangers)} came into it; not deleted"])

    async def _forget(self, kind: type[Kind], step: Step) -> None:
        """Let go: take our marks off and drop the row."""
        if self.run.stack.stamps and step.object_id:
            await self.run.provider.unstamp(kind, step.object_id, step.parent_id)
        await self.run.journal.write(Drop(step.addresses[0], step.object_id or ""))

    # Common

    def _parent_id(self, address: str) -> str | None:
        parent = parent_of(address)
        return self.run.ids[parent] if parent else None

    def _present(self, kind: type[Kind]) -> Present:
        name = kind.__name__
        if name not in self.present:
            self.present[name] = Present(self.run.snapshot.by_kind.get(name, {}).values())
        return self.present[name]

    def _intent(
        self,
        kind: type[Kind],
        address: str,
        fields: Mapping[str, Any],
        parent_id: str | None,
        stamp: Stamp | None,
        verb: Verb = Verb.CREATE,
    ) -> Intent:
        if verb is Verb.CREATE:
            present = self._present(kind)
            provider = self.run.provider
            name, size = provider.name_of(kind, fields), provider.size_of(kind, fields)
            sought = look_for(kind, fields, parent_id, stamp, present, name, size)
        else:
            sought = {"fields": sorted(fields)}
        op = secrets.token_hex(8)
        return Intent(op, self.run.id, address, kind.__name__, verb, digest(verb, kind.__name__, fields), sought)


def without(row: Recorded, names: Sequence[str]) -> Recorded:
    """The row as if these fields had never been applied."""
    return replace(row, fields={name: value for name, value in row.fields.items() if name not in names})
