"""Many objects in one call. Each is announced by itself; those whose answer is unclear are looked up one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import field

from reconciler.apply.make import LOOKS_AFTER_A_REFUSAL, Maker, is_clear
from reconciler.apply.run import Failures
from reconciler.errors import ApiError, NotYet, RateLimited, Rejected, Unclear
from reconciler.frozen import dataclass
from reconciler.kind import Kind
from reconciler.model import BulkCreate, Operation
from reconciler.provider import Done, Failed, Progress, Want
from reconciler.state import Close, Open

__all__ = ["BulkMaker"]


@dataclass
class _Batch:
    """What one step makes, and how far it has come."""

    kind: type[Kind]
    parent_id: str | None
    wants: dict[str, Want]
    operations: dict[str, Operation]
    todo: list[str]
    """Addresses that are still to be made."""
    since_s: float
    refused: dict[str, str] = field(default_factory=dict)
    """address → why it is not made"""
    tries: int = 0


class BulkMaker:
    """Creates of kinds that one call makes many of."""

    def __init__(self, maker: Maker) -> None:
        self.maker, self.run = maker, maker.run

    async def make(self, kind: type[Kind], step: BulkCreate) -> None:
        """Send until each is made or refused. Raises Failures for those that are refused."""
        batch = await self._announced(kind, step)
        while batch.todo:
            try:
                answers = await self._sent(batch)
            except (Unclear, RateLimited) as error:
                await self._unclear(batch, error)
            except ApiError:
                if batch.tries == 0:
                    await self._close(batch, batch.todo)
                raise
            else:
                await self._answered(batch, answers)
        if batch.refused:
            raise Failures(batch.refused)

    async def _announced(self, kind: type[Kind], step: BulkCreate) -> _Batch:
        parent_id = self.run.parent_id(step.addresses[0])
        todo = [address for address in step.addresses if address not in self.run.bad]
        fields = {address: self.run.resolved(kind, step.creates[address]) for address in todo}
        wants = {it: Want(it, fields[it], parent_id, self.run.stamp(it)) for it in todo}
        operations = {address: self.maker.operation(kind, want) for address, want in wants.items()}
        refused = await self.maker.rivals(kind, parent_id, operations)
        todo = [address for address in todo if address not in refused]
        await self.run.journal.write(*(Open(operations[address]) for address in todo))
        return _Batch(kind, parent_id, wants, operations, todo, self.run.clock.now(), dict(refused))

    async def _sent(self, batch: _Batch) -> Sequence[Progress]:
        wants = [batch.wants[address] for address in batch.todo]
        answers = await self.run.drivers[batch.kind.__name__].start_many(batch.parent_id, wants)
        for answer in answers:
            if isinstance(answer, Done):
                self.maker.must_be_new(batch.kind, answer.id)
        return answers

    async def _unclear(self, batch: _Batch, error: ApiError) -> None:
        """Those that are found are recorded, and the others sent again unless nothing would come of it."""
        batch.tries += 1
        sent, batch.todo = batch.todo, await self._not_found(batch, error)
        if is_clear(error):
            await self._close(batch, batch.todo)
            if batch.todo == sent:
                raise error
        if is_clear(error) or not self.maker.goes_on(error, batch.tries, batch.since_s):
            batch.refused |= dict.fromkeys(batch.todo, str(error))
            batch.todo = []

    async def _not_found(self, batch: _Batch, error: ApiError) -> list[str]:
        if error.retry_after_s:
            await self.run.clock.sleep(error.retry_after_s)
        looks = LOOKS_AFTER_A_REFUSAL if is_clear(error) else None
        operations = [batch.operations[address] for address in batch.todo]
        found = await asyncio.gather(*(self.maker.finder.find(it, looks=looks) for it in operations))
        missing = []
        for address, live in zip(batch.todo, found, strict=True):
            if live is None:
                missing.append(address)
            else:
                await self.maker.made(address, live.id, batch.parent_id, batch.operations[address])
        return missing

    async def _answered(self, batch: _Batch, answers: Sequence[Progress]) -> None:
        """All that was made is recorded in one transaction; what came only too early is sent again."""
        writes, early, refused = [], dict[str, Failed](), dict[str, str]()
        for address, answer in zip(batch.todo, answers, strict=True):
            if not isinstance(answer, Failed):
                operation = batch.operations[address]
                writes.append(self.maker.made(address, _made_by(answer), batch.parent_id, operation))
            elif answer.again_s:
                early[address] = answer
            else:
                refused[address] = answer.why
        await asyncio.gather(*writes, self._close(batch, refused))
        batch.refused |= refused
        batch.tries, batch.todo = batch.tries + 1, list(early)
        if early and not self.maker.goes_on(NotYet(""), batch.tries, batch.since_s):
            batch.refused |= {address: failed.why for address, failed in early.items()}
            await self._close(batch, early)
            batch.todo = []
        elif early:
            await self.run.clock.sleep(max(failed.again_s or 0.0 for failed in early.values()))

    async def _close(self, batch: _Batch, addresses: Iterable[str]) -> None:
        await self.run.journal.write(*(Close(batch.operations[address].op) for address in addresses))


def _made_by(progress: Progress) -> str:
    """The id of what a create has made. Raises Rejected when it was refused."""
    match progress:
        case Done(id):
            return id
        case Failed(why):
            raise Rejected(why)
        case _:
            raise Unclear(f"the create is {type(progress).__name__.lower()}, and nothing made it go on")
