"""The side that has the stack's lock: it offers steps, and learns from the state what came of them.

Whatever happens to a worker, one of three things is known when its lease has ended: nobody had taken the step, and it
is offered again; it says how to go on, and another goes on; or it may have been sent, and it is looked for here like
any create whose answer was lost. So no step is ever sent by two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.apply import Doing
from reconciler.errors import NotUploaded, ReconcilerError, StoreError, Unclear
from reconciler.model import Operation
from reconciler.provider import Done, Driver, Exists, Keep, Progress, Running, Want
from reconciler.spread.wire import NOT_BEGUN, done_by, raised, to_send
from reconciler.state.leases import LeaseSeen, SharedRun

if TYPE_CHECKING:
    from reconciler.apply import Run
    from reconciler.project import Project
    from reconciler.spread.cluster import Cluster

__all__ = ["Spread"]

LOG = logging.getLogger(__name__)
OFFERS = 6
"""How often a step is offered whose workers go away."""
LOOK_S, LONGEST_LOOK_S = 0.05, 1.0


class Spread(Doing):
    """Offers uploads, and results to be fetched and stored. All else is done here."""

    def __init__(self, project: Project, cluster: Cluster, run: SharedRun) -> None:
        self._state, self._drivers, self._cluster, self._shared = project.state, project.drivers, cluster, run
        self._run: Run | None = None
        self._futures: set[Any] = set()
        self._stopping: asyncio.Task[None] | None = None
        self._away_now: set[str] = set()
        """Addresses of what workers do."""
        self._offered = 0
        self._looking: asyncio.Task[None] | None = None
        """A look at what the stores have by now."""

    def begin(self, run: Run) -> None:
        """What is learnt goes into its ledger, and how far files are to who is told of its own."""
        self._run = run
        self._cluster.listen(self._shared.run, self._bytes)

    def _bytes(self, address: str, done: int, total: int) -> None:
        """Of what is there by now an earlier word may come late."""
        if address in self._away_now:
            self._drivers.hands.sending.on_bytes(address, done, total)

    def stop(self) -> None:
        """Workers send nothing more, and what none has taken is taken back."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stopped())

    async def _stopped(self) -> None:
        await self._state.aside(self._state.leases.stop)
        for future in list(self._futures):
            await future.cancel()

    async def start(self, driver: Driver, want: Want, operation: Operation, keep: Keep) -> Progress:
        """By a worker, if there are bytes to send; tasks are begun here, where a lost one is told from others."""
        said = to_send(want) if not driver.kind.stored and driver.size_of(want.fields) is not None else None
        if said is None:
            return await driver.start(want, keep)
        return await self._away(driver, operation, "start", said)

    async def finish(self, driver: Driver, want: Want, operation: Operation, keep: Keep) -> Progress:
        """By a worker."""
        if (said := to_send(want)) is None:
            return await driver.finish(want, operation, keep)
        progress = await self._away(driver, operation, "finish", said)
        if driver.kind.stored and isinstance(progress, Done):
            await self._must_be_kept(driver, want.address, progress.id)
        return progress

    async def _away(self, driver: Driver, operation: Operation, call: str, said: Mapping[str, Any]) -> Progress:
        address, op, leases = operation.address, operation.op, self._state.leases
        why = "workers went away while they did it"
        for _ in range(OFFERS):
            if self._stopping is not None:
                await self._given_back(operation, call)
            await self._state.aside(partial(leases.offer, self._shared.run, address, op, call, said))
            refused = await self._ended(address, op)
            seen = await self._known_for_good(op)
            if seen.outcome is not None:
                return await self._told(operation, call, seen)
            if await self._state.aside(partial(leases.withdraw, op)) == "":  # nobody had it: nothing was sent
                why = refused or why
                continue
            self._cluster.avoid(seen.holder)  # it is dead, or cut off: Dask may not know it for minutes
            begun = await self._learnt(operation)
            if begun is None and call == "start":
                raise Unclear(f"worker {seen.holder} went away while it sent it")
            if call == "start" and begun is not None:
                return begun
        raise NotUploaded(f"{why}; it was offered {OFFERS} times, run again to go on")

    async def _ended(self, address: str, op: str) -> str:
        """Return when a worker has done with it, or whoever has it has let its lease end. What a worker has said that
        did not take it."""
        self._offered += 1
        future = self._cluster.submit(self._shared.run, address, self._offered)
        self._futures.add(future)
        self._away_now.add(address)
        waiting = asyncio.ensure_future(_result(future))
        try:
            while not (await asyncio.wait({waiting}, timeout=min(self._cluster.silent_s, self._shared.lease_s)))[0]:
                seen = await self._state.aside(partial(self._state.leases.seen, op))
                if seen.holder and (seen.outcome is not None or not seen.left_s):
                    return ""
                if not seen.holder and (why := await self._held_up(future)):
                    return why
            holder, why = waiting.result()
            if why:
                self._cluster.avoid(holder)
            return f"worker {holder}: {why}" if why else ""
        finally:
            waiting.cancel()
            self._futures.discard(future)
            self._away_now.discard(address)

    async def _held_up(self, future: Any) -> str:
        """Why nobody takes a step; "" while somebody may. One that waits at a worker which hangs is taken back, and it
        does not matter whether that worker knows: whoever takes it first has it."""
        if not self._cluster.is_there:
            return "the scheduler is gone"
        if not (worker := await self._cluster.held_up_by(future)):
            return ""
        await future.cancel()
        return f"worker {worker}: it says nothing"

    async def _known_for_good(self, op: str) -> LeaseSeen:
        """How it stands when nobody can write for it any more: Dask may have given it up, and its worker not."""
        pause_s = LOOK_S
        while True:
            seen = await self._state.aside(partial(self._state.leases.seen, op))
            if seen.outcome is not None or not seen.left_s:
                return seen
            await asyncio.sleep(min(pause_s, seen.left_s))
            pause_s = min(pause_s * 2, LONGEST_LOOK_S)

    async def _told(self, operation: Operation, call: str, seen: LeaseSeen) -> Progress:
        assert seen.outcome is not None
        begun, what = await self._learnt(operation), seen.outcome["is"]
        http = self._drivers.http
        http.sent += int(seen.outcome["requests"])
        http.sent_writes += int(seen.outcome["writes"])
        if what == "error":
            raise raised(seen.outcome, seen.holder)
        if what in (NOT_BEGUN, "stopped"):
            await self._given_back(operation, call if what == NOT_BEGUN else "finish")
        progress = done_by(seen.outcome) or begun
        if progress is None:
            raise ReconcilerError(f"worker {seen.holder} says that it is begun, and the journal does not say how")
        self._tell(operation)
        return progress

    async def _given_back(self, operation: Operation, call: str) -> None:
        """It was stopped: what was not begun is as if it had never been announced."""
        if call != "start":
            raise NotUploaded("it was stopped; what is there is kept, run again to go on")
        assert self._run is not None
        await self._run.ledger.close(operation.op)
        raise asyncio.CancelledError

    async def _learnt(self, operation: Operation) -> Progress | None:
        """What workers have kept of it, as its driver would have said it."""
        assert self._run is not None
        known = await self._state.aside(partial(self._state.operation, operation.op))
        if known is None or known.handle is None:
            return None
        self._run.ledger.learn(known)
        handle = known.handle or {}
        return Exists(known.id, handle) if known.id else Running(handle)

    def _tell(self, operation: Operation) -> None:
        """All bytes of a file are there."""
        change = self._run.changes.get(operation.address) if self._run else None
        size = self._drivers[operation.kind].size_of(change.fields) if change else None
        if size is not None:
            self._drivers.hands.sending.on_bytes(operation.address, size, size)

    async def _must_be_kept(self, driver: Driver, address: str, id: str) -> None:
        """What a worker has stored is to be seen here, or its store is another one."""
        shelf = self._drivers.hands.results
        assert shelf is not None
        await self._looked()
        made = (await shelf.sets()).get(address)
        if made is None or made.task != id:
            raise StoreError(
                f"a worker has kept it, and the store here does not show it: `results:` of {address} must be a "
                "database, or a directory that all machines share"
            )

    async def _looked(self) -> None:
        """Look at the stores anew; one look serves all that began to wait before it did."""
        before = self._looking
        if before is not None and not before.done():
            await asyncio.wait({before})
        if self._looking is before or self._looking is None:
            self._looking = asyncio.create_task(self._look())
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        shelf = self._drivers.hands.results
        assert shelf is not None
        await shelf.sets(anew=True)


async def _result(future: Any) -> tuple[str, str]:
    """Which worker was asked, and why it does nothing; "" where Dask has lost it, for the state knows more."""
    try:
        holder, why = await future.result()
        return str(holder), str(why)
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
    except Exception as error:  # workers that died one after the other, one that lacks the library, no scheduler
        LOG.info("a step was given up by Dask: %r", error)
    return "", ""
