"""Only looking: until what the state knows as awaited is ready. Nothing is written to the account.

What is awaited says the journal: objects that a run has left before they were ready, and tasks whose handles it holds;
and the state knows what was made by a run that was killed before it had seen it. What is seen is recorded by the same
words as by an apply, and what came of a task is fetched by the next one. What was only begun, as an upload, nobody can
wait for: an apply goes on with it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from reconciler.apply import Limits
from reconciler.apply.awaited import seen
from reconciler.apply.run import Detached
from reconciler.apply.tasks import Tasks
from reconciler.apply.wait import Waiting
from reconciler.errors import ApiError, BecameFailed, NotReady, RateLimited, Unauthorised
from reconciler.frozen import dataclass
from reconciler.http import Clock
from reconciler.model import (
    AWAITED,
    Awaited,
    Event,
    Operation,
    Recorded,
    Status,
    StepAwaited,
    StepDone,
    StepFailed,
    StepStarted,
    Verb,
    Waited,
    WaitedFor,
    waits_of,
)
from reconciler.plan.awaited import moment_of
from reconciler.provider import Done, Drivers, Exists, ExistsWhen
from reconciler.state import Seen, State, Write

__all__ = ["Pending", "looked", "pending", "record", "unfinished"]

READY, FAILED = "ready", "failed"


@dataclass(frozen=True, slots=True)
class Pending:
    """One thing that is awaited, and the operation that says so; None where only that it was made is known."""

    what: Awaited
    operation: Operation | None = None
    parent_id: str | None = None


def pending(state: State, drivers: Drivers) -> list[Pending]:
    """All that the state knows as awaited, by address. Nothing is asked of the account."""
    operations, unseen = state.operations(), state.unseen_since()
    waits = any(it.verb == Verb.WAIT for it in operations)
    rows = {row.id: row for row in state.recorded()} if waits or unseen else {}
    found = [*_objects(operations, rows), *_made(operations, rows, unseen, drivers), *_tasks(operations, drivers)]
    return sorted(found, key=lambda it: it.what.address)


def unfinished(state: State, drivers: Drivers) -> list[str]:
    """Addresses for which something was announced, or begun, that is not made yet: waiting for it helps nobody, for
    only an apply goes on with it."""
    creates = (it for it in state.operations() if it.verb == Verb.CREATE)
    return sorted({it.address for it in creates if not _is_at_work(it, drivers)})


def _objects(operations: Sequence[Operation], rows: Mapping[str, Recorded]) -> Iterable[Pending]:
    for id, it in waits_of(operations).items():
        if (row := rows.get(id)) is not None:  # where it is now: its address may be another one since
            yield Pending(Awaited(row.address, it.kind, id, moment_of(it.since)), it, row.parent_id)


def _made(
    operations: Sequence[Operation], rows: Mapping[str, Recorded], unseen: Mapping[str, datetime], drivers: Drivers
) -> Iterable[Pending]:
    """What a run has made that was killed before it had seen it: it may be ready or not."""
    known = waits_of(operations)
    for id, since in unseen.items():
        row = rows.get(id)
        if row is None or row.deposed or id in known:
            continue
        kind = drivers[row.kind].kind
        if kind.asynchronous and not kind.stored:
            yield Pending(Awaited(row.address, row.kind, id, moment_of(since)), None, row.parent_id)


def _tasks(operations: Sequence[Operation], drivers: Drivers) -> Iterable[Pending]:
    for it in operations:
        if it.verb == Verb.CREATE and _is_at_work(it, drivers):
            yield Pending(Awaited(it.address, it.kind, None, moment_of(it.since)), it)


def _is_at_work(create: Operation, drivers: Drivers) -> bool:
    """Whether it is a task of which the API has said how it is called."""
    by_task = drivers[create.kind].traits.exists is ExistsWhen.FINISHED
    return by_task and create.handle is not None and create.id is None


@dataclass(frozen=True, slots=True)
class _Eyes:
    """With what is looked, and nothing else done."""

    drivers: Drivers
    clock: Clock
    limits: Limits
    on_event: Callable[[Event], None]
    ledger: Mapping[str, Operation]


async def looked(
    awaited: Sequence[Pending],
    drivers: Drivers,
    clock: Clock,
    limits: Limits,
    on_event: Callable[[Event], None],
    *,
    timeout_s: float,
    stop: asyncio.Event,
) -> Waited:
    """Look until all of it is ready or has failed, or the time is over; at nought once. Raises what makes looking
    useless: a key that is refused, a limit that is used up."""
    sent, since_s = drivers.http.sent, clock.now()
    limits = replace(limits, detached=timeout_s == 0, wait_s=math.inf)
    announced = {it.operation.op: it.operation for it in awaited if it.operation}
    looks = _Looks(_Eyes(drivers, clock, limits, on_event, announced))
    everything: asyncio.Future[list[WaitedFor]] = asyncio.ensure_future(asyncio.gather(*map(looks.one, awaited)))
    over: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait())]
    if 0 < timeout_s < math.inf:
        over.append(asyncio.create_task(clock.sleep(timeout_s)))
    try:
        ends: list[asyncio.Future[Any]] = [everything, *over]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        looks.end()
        outcomes = await everything
    finally:
        everything.cancel()
        for task in over:
            task.cancel()
    interrupted = stop.is_set() and any(it.result == AWAITED for it in outcomes)
    return Waited(tuple(outcomes), interrupted, drivers.http.sent - sent, clock.now() - since_s)


class _Looks:
    def __init__(self, eyes: _Eyes) -> None:
        self._tell, self._waiting, self._tasks = eyes.on_event, Waiting(eyes), Tasks(eyes)

    def end(self) -> None:
        """What is not ready by now is left as it is."""
        self._waiting.cancel()
        self._tasks.cancel()

    async def one(self, it: Pending) -> WaitedFor:
        """What became of one."""
        address = it.what.address
        self._tell(StepStarted(address, Verb.WAIT))
        result, message = await self._seen(it)
        if result == READY:
            self._tell(StepDone(address, Verb.WAIT))
        else:
            self._tell(StepFailed(address, message) if result == FAILED else StepAwaited(address, message))
        return WaitedFor(it.what, result, message)

    async def _seen(self, it: Pending) -> tuple[str, str]:
        try:
            return await self._ended(it)
        except (BecameFailed, NotReady) as error:
            return FAILED, str(error)
        except Detached as error:
            return AWAITED, str(error)
        except ApiError as error:
            if isinstance(error, Unauthorised | RateLimited):
                raise
            return FAILED, str(error)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return AWAITED, "it is not ready yet"

    async def _ended(self, it: Pending) -> tuple[str, str]:
        if it.what.id is not None:
            await self._waiting.ready(it.what.kind, it.parent_id, it.what.id, it.what.address)
            return READY, ""
        assert it.operation is not None  # which is all that is known of what has no id yet
        progress = await self._tasks.ended(it.what.kind, it.operation.op)
        if isinstance(progress, Done | Exists):
            return READY, getattr(progress, "told", "") or "it is made; the next apply fetches it"
        return FAILED, getattr(progress, "why", "") or "it is not to be seen any more"


def record(state: State, awaited: Sequence[Pending], waited: Waited) -> None:
    """Note what was seen, of what is still awaited by now: another run may have gone on meanwhile. The caller holds the
    lock. What came of a task every plan sees by itself."""
    operations = {it.op: it for it in state.operations()}
    rows, unseen = {row.id: row for row in state.recorded()}, state.unseen()
    results = {it.what: it.result for it in waited.outcomes}
    writes: list[Write] = []
    for it in awaited:
        status = {READY: Status.READY, FAILED: Status.FAILED}.get(results.get(it.what, AWAITED))
        if status is None or it.what.id is None or (it.operation and it.operation.op not in operations):
            continue
        writes += seen(it.operation, rows.get(it.what.id), status) if it.operation else []
        writes += [Seen(it.what.id)] if it.what.id in unseen else []
    state.commit(*writes)


def to_record(waited: Waited) -> bool:
    """Whether something of it has to be noted."""
    return any(it.what.id is not None and it.result != AWAITED for it in waited.outcomes)
