"""Making objects: announce, call, record; one or many in a call, and never one twice.

What is announced is durable before the call; the id is recorded in the transaction that closes it. What stays unclear
stays open: the next run looks it up.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from reconciler.apply.attempts import AGREE, FAILURES, UNFIT, failures_of
from reconciler.apply.find import Finder, Present
from reconciler.apply.places import Stopped
from reconciler.apply.record import made as recorded
from reconciler.apply.remove import Remover
from reconciler.apply.run import Detached, Run
from reconciler.apply.tasks import Tasks
from reconciler.diff import TRIED_TWICE, without_laters
from reconciler.errors import ApiError, AtLimit, Conflict, MediaError, NotYet, RateLimited, Rejected, StalePlan, Unclear
from reconciler.kind import Kind
from reconciler.model import (
    MAKING,
    Action,
    Change,
    Create,
    Live,
    Operation,
    Recorded,
    Signature,
    Verb,
    parent_of,
)
from reconciler.provider import Done, Driver, Exists, Failed, Keep, Lost, Progress, Running, Want
from reconciler.state import Drop, Write

__all__ = ["LOOKS_AFTER_A_REFUSAL", "Maker", "is_clear", "leaving"]

LOOKS_AFTER_A_REFUSAL = 2
"""How often what a clear refusal may be about is looked for."""


class Maker:
    """Creates one by one; `bulk` those that one call makes."""

    def __init__(self, run: Run, remover: Remover) -> None:
        self.run, self.remover = run, remover
        self.finder = Finder(run.drivers, run.snapshot, run.clock, run.limits)
        self.tasks = Tasks(run)
        self._present_by_kind: dict[str, Present] = {}
        self._turns = defaultdict[tuple[str, str], asyncio.Lock](asyncio.Lock)
        self._few: dict[tuple[str, str | None], tuple[list[Live] | None, list[Live]]] = {}
        """kind and parent → the last look at it, and what of it may be others'"""
        self._looked_s: dict[str, float] = {}
        """op → when it was looked whether something stands in its way"""
        self._full: dict[str, str] = {}
        """kind → why the API takes no more of it for now, where nobody is to wait for that"""

    async def create(self, kind: type[Kind], step: Create) -> None:
        """Make one, or go on with what an earlier run has begun for it."""
        address = step.address
        self._must_have_room(kind)
        parent_id = self.run.parent_id(address)
        lives_in = parent_id or self.run.parent_of_input(kind, step.fields)
        want = Want(address, self.run.resolved(kind, step.fields), lives_in, self.run.stamp(address))
        operation = self.operation(kind, want)
        self._looked_s[operation.op] = self.run.clock.now()
        if rivals := await self.rivals(kind, parent_id, {address: operation}):
            raise StalePlan([*rivals.values()])
        ledger, flying = self.run.ledger, self.run.claims.in_flight.get(address)
        begun = ledger.making(flying.id) if flying else self._working(kind, operation)
        if begun:  # the same operation, told by what it will be by now: its address, stamp and fields may be others
            operation = replace(operation, op=begun.op, id=begun.id, handle=begun.handle)
        if begun or not self.run.drivers[kind.__name__].traits.in_turn:
            await ledger.open(operation)
        id = await self._exactly_once(operation, partial(self._sent, kind, want, operation))
        # With which fields another run has begun a task is not known: what came of it is compared when it is read.
        unknown = begun and begun.id is None and not kind.made_of_refs
        sent = self._only_identity(kind, step.fields) if unknown else None
        await self.made(address, id, parent_id, operation, sent)

    def _working(self, kind: type[Kind], operation: Operation) -> Operation | None:
        return self.run.ledger.working(kind.__name__, operation.address, operation.identity, anywhere=kind.made_of_refs)

    def _only_identity(self, kind: type[Kind], fields: Mapping[str, Any]) -> dict[str, Any]:
        spec = kind.field_with(lambda field: field.identity)
        return {spec.name: fields[spec.name]} if spec and spec.name in fields else {}

    async def _sent(self, kind: type[Kind], want: Want, operation: Operation) -> str:
        """Begin it, or go on where it is, until the object is there whole; its id."""
        driver, ledger, op = self.run.drivers[kind.__name__], self.run.ledger, operation.op
        keep = partial(ledger.keep, op)
        begun, fetched = ledger.is_begun(op), False
        progress = self._so_far(op) if begun else await self._started(driver, want, operation, keep)
        while not isinstance(progress, Done):
            await keep(progress)
            match progress:
                case Exists():
                    async with self.run.places.place(kind.__name__):
                        fetched, progress = True, await self.run.doing.finish(driver, want, ledger[op], keep)
                case Running(_, told):
                    progress = await self._worked_on(kind, op, told, begun=begun)
                case Failed(why) if kind.paid:
                    if not begun or not self._may_be_retried(ledger[op], fetched=fetched):
                        raise Rejected(await self._failed_again(ledger[op], why, begun=begun, fetched=fetched))
                    failures = failures_of(ledger[op])
                    await ledger.begin_anew(op)
                    progress, begun = await self._started(driver, want, operation, keep), False
                    await keep(Running({FAILURES: failures}))
                case Failed(why, again_s):
                    if ledger.is_begun(op):  # it came to nothing: there is nothing to go on with
                        await ledger.begin_anew(op)
                    raise NotYet(why, retry_after_s=again_s) if again_s else Rejected(why)
                case Lost(why):
                    await self._give_up(kind, ledger[op])
                    if not begun:
                        raise ApiError(f"{why}; run again to begin anew")
                    progress, begun = await self._started(driver, want, operation, keep), False
        return progress.id

    async def _worked_on(self, kind: type[Kind], op: str, told: str, *, begun: bool) -> Progress:
        """What became of it when the server has done its work. Detached where nobody is to wait: at once of what this
        run has begun, after one look of what an earlier one has."""
        if self.run.limits.detached and not begun:
            raise Detached(f"begun{f' ({told})' if told else ''}, and not ready yet", wrote=True)
        self.run.places.made(kind.__name__, op)
        try:
            with self.run.idle():
                return await self.tasks.ended(kind.__name__, op)
        finally:
            self.run.places.ended(kind.__name__, op)

    def _may_be_retried(self, operation: Operation, *, fetched: bool) -> bool:
        """What failed is made once more by the next run, and then only when that is agreed to: it is paid each time.
        What was made and cannot be used would be as useless again."""
        return self.run.retry_failed or (not fetched and failures_of(operation) < TRIED_TWICE)

    async def _failed_again(self, operation: Operation, why: str, *, begun: bool, fetched: bool) -> str:
        """What to say of it; that it failed, or that what came of it cannot be used, is kept with what it began."""
        failures = failures_of(operation) + (not begun and not fetched)
        known: dict[str, Any] = {UNFIT: why} if fetched else {FAILURES: failures}
        await self.run.ledger.keep(operation.op, Running(known))
        often = f" ({failures} times as it is declared)" if failures > 1 else ""
        rest = "the next run makes it once more" if failures == 1 and not fetched else AGREE
        return f"{why}{often}; {rest}"

    async def _started(self, driver: Driver, want: Want, operation: Operation, keep: Keep) -> Progress:
        if driver.traits.in_turn:
            # Its task may carry nothing that tells whose it is. So the next one is announced when this one is known:
            # of two announced tasks whose answers were lost nobody could say which is which.
            async with self._turns[driver.kind.__name__, driver.turn(want.fields)]:
                if not self.run.ledger.has(operation.op):
                    await self.run.ledger.open(operation)
                return await self._begun(driver, want, operation, keep)
        progress = await self._begun(driver, want, operation, keep)
        if isinstance(progress, Done | Exists):
            self.must_be_new(driver.kind, progress.id)
        return progress

    async def _begun(self, driver: Driver, want: Want, operation: Operation, keep: Keep) -> Progress:
        """Sent, as soon as there is a place. What waited long for one is looked at once more: somebody may have made
        the same meanwhile. What was announced and never sent is nothing that the next run has to look for."""
        looked_s = self._looked_s.pop(operation.op, None)  # only of what was not sent yet
        try:
            async with self.run.places.place(driver.kind.__name__):
                self._must_have_room(driver.kind)
                if looked_s is not None and self.run.clock.now() - looked_s > self.run.limits.fresh_s:
                    await self._still_alone(driver.kind, operation)
                return await self.run.doing.start(driver, want, operation, keep)
        except (Stopped, StalePlan, Detached):
            if looked_s is not None:
                await self._nothing_made(operation)
            raise

    async def _still_alone(self, kind: type[Kind], operation: Operation) -> None:
        parent_id = self.run.parent_id(operation.address)
        if rivals := await self.rivals(kind, parent_id, {operation.address: operation}):
            raise StalePlan([*rivals.values()])

    def _so_far(self, op: str) -> Progress:
        operation = self.run.ledger[op]
        handle = operation.handle or {}
        return Exists(operation.id, handle) if operation.id else Running(handle)

    async def _give_up(self, kind: type[Kind], operation: Operation) -> None:
        """Nobody can go on with it: what is there of it goes, announced like any delete, and it begins anew."""
        closed: list[Write] = []
        if operation.id is not None and not kind.stored:  # what is in a store stays until the new one is whole
            closed = await self.remover.send_delete(kind, operation.address, operation.id, operation.parent_id)
        await self.run.ledger.begin_anew(operation.op, *closed)

    async def rivals(
        self, kind: type[Kind], parent_id: str | None, operations: Mapping[str, Operation]
    ) -> dict[str, str]:
        """address → what stands in its way: made since the survey, by another run or by hand. One look at the newest
        objects serves all that are made in the same moment. Where the parent is of this run nobody else has been."""
        parent = parent_of(next(iter(operations), ""))
        if not operations or (parent and self.run.ids[parent] in self.run.touched and self._is_new(parent)):
            return {}
        lives = self._strangers((kind.__name__, parent_id), await self.finder.lately(kind, parent_id))
        return {
            address: f"{address}: {kind.__name__} {live.id} was made for it since the plan; run again"
            for address, operation in operations.items()
            for live in lives
            if isinstance(sought := operation.signature, Signature) and sought.is_rival(live)
        }

    def _strangers(self, of: tuple[str, str | None], lives: list[Live]) -> list[Live]:
        """Those of a look that were not there before and are not ours. All creates share a look, and most of what it
        shows is theirs: that is left out once, and not for each of them."""
        looked, some = self._few.get(of, (None, []))
        touched = self.run.touched
        if looked is not lives:
            before = self.run.snapshot.by_kind.get(of[0], {})
            some = [it for it in lives if it.id not in before and it.id not in touched and it.id not in self._known]
            self._few[of] = lives, some
        return [it for it in some if it.id not in touched]

    def _is_new(self, address: str) -> bool:
        return address in self.run.changes and self.run.changes[address].action in MAKING

    @cached_property
    def _known(self) -> frozenset[str]:
        """Ids that are ours whatever lists show: recorded, hidden, or of uploads under way."""
        rows = (row.id for row in self.run.all_rows())
        return self.run.hidden | frozenset(rows) | self.run.ledger.ids()

    async def _exactly_once(self, operation: Operation, send: Callable[[], Awaitable[str]]) -> str:
        """Send until the object is known to exist, looking before each repetition."""
        tries, since_s = 0, self.run.clock.now()
        while True:
            try:
                return await send()
            except (Unclear, RateLimited) as error:
                last: ApiError = error
            except MediaError:  # a file that is not sent to its end makes nothing
                await self._nothing_made(operation)
                raise
            except ApiError as error:
                if await self._waits_for_room(operation, error, tries):
                    continue
                if not self._may_be_there(operation, error, tries):
                    await self._given_up(operation, tries)
                    raise
                last = error
            tries += 1
            if found := await self._look(operation, last):
                return found.id
            if is_clear(last):
                await self._nothing_made(operation)
                raise last
            if not self.goes_on(last, tries, since_s):
                raise last
            self._say_doubt(operation)

    async def _waits_for_room(self, operation: Operation, error: ApiError, tries: int) -> bool:
        """Whether nothing was made only because of what is being worked on: it is sent again when that is less. Raises
        Detached where nobody is to wait for that."""
        if not isinstance(error, AtLimit):
            return False
        if self.run.limits.detached and self.run.ledger.is_at_work(operation.kind):
            self._full[operation.kind] = f"waits until the API takes more of them ({error})"
            await self._given_up(operation, tries)
            raise Detached(self._full[operation.kind]) from error
        if not self.run.places.is_crowded(operation.kind, error):
            return False
        if tries == 0:
            self._looked_s[operation.op] = self.run.clock.now()
        return True

    def _must_have_room(self, kind: type[Kind]) -> None:
        """Raises Detached when the API is known to take no more of it until a later run."""
        if why := self._full.get(kind.__name__):
            raise Detached(why)

    async def _given_up(self, operation: Operation, tries: int) -> None:
        """Nothing was made, unless an attempt before has made it after all: then the next run looks once more."""
        if tries == 0:
            await self._nothing_made(operation)

    def _say_doubt(self, operation: Operation) -> None:
        if doubt := self.run.drivers[operation.kind].doubt(operation.address):
            self.run.said[operation.address] = doubt

    async def _nothing_made(self, operation: Operation) -> None:
        """Unless it is begun: then something of it is there, and the next run goes on with it."""
        if not self.run.ledger.is_begun(operation.op):
            await self.run.ledger.close(operation.op)

    def _may_be_there(self, operation: Operation, error: ApiError, tries: int) -> bool:
        """Whether a refusal may be about what this very create has made: in an attempt before, whose answer was lost,
        or in this one, which a proxy has delivered twice."""
        again = tries > 0 and isinstance(error, Rejected | Conflict)
        return again or (isinstance(error, Conflict) and self.run.kinds[operation.kind].unique)

    def goes_on(self, error: ApiError, tries: int, since_s: float) -> bool:
        """Whether it is sent once more after this, so many tries, and that since then."""
        limits = self.run.limits
        patient = isinstance(error, RateLimited) and self.run.clock.now() - since_s < limits.patient_s
        return tries < limits.tries or patient

    async def _look(self, operation: Operation, error: ApiError) -> Live | None:
        if error.retry_after_s:
            await self.run.clock.sleep(error.retry_after_s)
        found = await self.finder.found(operation, looks=LOOKS_AFTER_A_REFUSAL if is_clear(error) else None)
        if isinstance(found, Running):  # it was begun, whatever the answer said: it is gone on with
            await self.run.ledger.keep(operation.op, found)
            return None
        if found is None or not self.run.drivers[found.kind].is_partial(found):
            return found
        if self.run.ledger.making(found.id) is None:
            # Begun, and the answer that says how to go on is lost: nobody can finish it. Another is made.
            kind = self.run.kinds[operation.kind]
            closed = await self.remover.send_delete(kind, operation.address, found.id, found.parent_id)
            await self.run.journal.write(*closed)
        return None

    def must_be_new(self, kind: type[Kind], id: str) -> None:
        """A create that is answered with the id of what was there before made something else, or nothing: whose that
        object may be, it is not what was asked for."""
        known = id in self.run.touched or self.run.snapshot.get(kind.__name__, id) is not None
        if known:
            raise Unclear(f"the answer to a create has the id of another {kind.__name__}, {id}")

    async def made(
        self,
        address: str,
        id: str,
        parent_id: str | None,
        operation: Operation,
        sent: Mapping[str, Any] | None = None,
    ) -> None:
        """The object exists: one transaction records it with what was `sent`, deposes the old one and concludes the
        operation."""
        name = self.run.changes[address].kind
        if not self.run.kinds[name].asynchronous:
            return await self._recorded(address, id, parent_id, operation, sent)
        self.run.places.made(name, id)
        try:
            return await self._recorded(address, id, parent_id, operation, sent)
        except BaseException:  # nobody waits for it then
            self.run.places.ended(name, id)
            raise

    async def _recorded(
        self, address: str, id: str, parent_id: str | None, operation: Operation, sent: Mapping[str, Any] | None
    ) -> None:
        change, old = self.run.changes[address], self.run.rows.get(address)
        kind = self.run.kinds[change.kind]
        fields = without_laters(change.fields if sent is None else sent, {})
        failures, facts = self._failures(change), await self.run.noted(kind, id, parent_id)
        row = Recorded(address, change.kind, id, fields, parent_id, change.protect, failures=failures, facts=facts)
        stays = change.action is Action.REPLACE and change.id is not None and not kind.stored
        if stays and old is None:
            old = Recorded(address, change.kind, str(change.id), {}, change.parent_id)
        at = change.previous_address or address
        writes = recorded(operation, row, old, at, stays=stays)
        # A list may lag behind what was made; the manifest of a store does not.
        lags = () if kind.stored else (self.run.journal.made_now(id),)
        # Noted with the object itself: a run that dies before it has looked leaves nothing that nobody waits for.
        detached = self.run.limits.detached and kind.asynchronous and not kind.stored
        waits = self.run.awaited(kind, address, id, parent_id) if detached else ()
        await self.run.journal.write(*writes, *lags, *waits)
        self.run.ledger.closed(operation.op)
        self.run.ids[address] = id
        self.run.rows[address] = row
        self.run.touched.add(id)

    def _failures(self, change: Change) -> int:
        """How often the same has failed before: what is made anew for nothing but that goes on counting."""
        old = self.run.rows.get(change.address)
        return max(1, old.failures if old else 0) if change.replace_paths == ("status",) else 0

    def _present(self, kind: type[Kind]) -> Present:
        name = kind.__name__
        if name not in self._present_by_kind:
            self._present_by_kind[name] = Present(self.run.snapshot.by_kind.get(name, {}).values())
        return self._present_by_kind[name]

    def operation(self, kind: type[Kind], want: Want) -> Operation:
        """What is about to be sent, and by what its object can be told from all that is there."""
        driver = self.run.drivers[kind.__name__]
        signature = driver.signature(want)
        spec = kind.field_with(lambda field: field.identity)
        identity = want.fields.get(spec.name) if spec else None
        return self.run.operation(
            Verb.CREATE, kind, want.address, signature.but(self._present(kind).like(signature)), identity
        )


def is_clear(error: ApiError) -> bool:
    """Whether it says that nothing was done, and that repeating it would not help for now."""
    return isinstance(error, Rejected | Conflict) or (isinstance(error, RateLimited) and error.resumes is not None)


def leaving(change: Change, row: Recorded) -> list[Write]:
    """The row goes from where it stands: from the old address, when the resource was moved."""
    return [Drop(change.previous_address or change.address, row.id)]
