"""The stack as a worker has it: opened by what its own environment says, and held against what the run says."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.apply.ledger import news
from reconciler.errors import ApiError, ReconcilerError, StateError, Unclear
from reconciler.files import parse_rate
from reconciler.model import Operation
from reconciler.project import Project, open
from reconciler.project.options import STATE_VARIABLE
from reconciler.provider import Exists, Progress, Want
from reconciler.spread.alike import SHARED_STATE, differing, shared
from reconciler.spread.holding import HELD, Holding
from reconciler.spread.progress import Bytes
from reconciler.spread.wire import NOT_BEGUN, came, failed, want_in
from reconciler.state import moment
from reconciler.state.leases import Lease, LeaseLost, Leases, SharedRun

if TYPE_CHECKING:
    from reconciler.state import State

__all__ = ["HELD_BY_OTHERS", "STACK", "Opened", "opened", "project_here"]

T = TypeVar("T")
STACK = "RECONCILER_SPREAD_STACK"
"""Where a worker has the stack; its working directory, when it is not set."""
VARIABLE = "RECONCILER_SPREAD_VAR_"
"""What the variables of the stack are set by, as `--var` does it elsewhere."""
BANDWIDTH = "RECONCILER_SPREAD_BANDWIDTH"
"""How fast a worker may send, as `--bandwidth` says it: that of a run is of its own machine."""
HELD_BY_OTHERS = "it is not there to be taken"


def project_here() -> Project:
    """The stack of this machine, loaded."""
    said = {name.removeprefix(VARIABLE): value for name, value in os.environ.items() if name.startswith(VARIABLE)}
    http, fast = bool(os.environ.get("RECONCILER_ALLOW_HTTP")), os.environ.get(BANDWIDTH)
    try:
        bandwidth = parse_rate(fast) if fast else None
    except ValueError as error:
        raise ReconcilerError(f"{BANDWIDTH}: {error}") from None
    return open(Path(os.environ.get(STACK, ".")), variables=said, allow_http=http, bandwidth=bandwidth)


async def opened(run: str) -> Opened:
    """The stack, if all is as the run has it; ReconcilerError says what is not."""
    if not os.environ.get(STATE_VARIABLE):
        raise ReconcilerError(f"its environment names no state; {SHARED_STATE}")
    project = project_here()
    here = Opened(project)
    try:
        await project.__aenter__()
        await here.begin(run)
    except BaseException:
        await here.close()
        raise
    return here


class Opened:
    """Made by `opened`."""

    run: SharedRun

    def __init__(self, project: Project) -> None:
        self.project = project
        self.busy = 0
        """How many steps are done here."""
        self._mutex = threading.Lock()
        self._tells = False
        self._told = 0
        """How many requests the run knows of."""

    async def begin(self, run: str) -> None:
        """Hold what is here against what the run says."""
        found = await self._ask(lambda state: state.leases.shared(run))
        if found is None:
            raise ReconcilerError(f"the state at {STATE_VARIABLE} knows no such run of {self.project.stack.name!r}")
        self.run = found
        here = await asyncio.to_thread(shared, self.project, run, found.lease_s)
        if wrong := differing(here, found):
            raise ReconcilerError(*wrong)
        identity = await self._ask(lambda state: state.identity())
        hands = self.project.drivers.hands
        if hands.results and identity:
            hands.results.known_as(identity.id, identity.former)
        hands.http.before_write = _proven
        if hands.results:
            hands.results.before_write, hands.results.alone = _held, False

    def tell_bytes(self, telling: Callable[[], Bytes]) -> None:
        """How far files are is told so, from the first time that somebody says how."""
        if not self._tells:
            self._tells, self.project.drivers.hands.sending.on_bytes = True, telling()

    async def close(self) -> None:
        """Let go of all of it."""
        await self.project.__aexit__(None, None, None)

    async def _ask(self, what: Callable[[State], T]) -> T:
        """Ask the state; once more by a new connection, if one is lost: what was written is then written again as it
        was. Whoever is told to go does not take the connection from the others."""
        asked = asyncio.create_task(asyncio.to_thread(self._asked, what))
        asked.add_done_callback(lambda it: it.cancelled() or it.exception())  # also when nobody waits any more
        return await asyncio.shield(asked)

    def _asked(self, what: Callable[[State], T]) -> T:
        state = self.project.state
        try:
            return what(state)
        except LeaseLost:
            raise
        except StateError:
            with self._mutex:
                if self.project.state is state:
                    self.project.close()
                state = self.project.state
            return what(state)

    async def _leased(self, what: Callable[[Leases], T]) -> T:
        return await self._ask(lambda state: what(state.leases))

    async def step(self, address: str, holder: str) -> str:
        """Take what is offered for the address and do it; why not, or "". What came of it is in the state."""
        asked_s = moment()
        lease = await self._leased(lambda leases: leases.take(self.run.run, address, holder))
        if lease is None:
            return HELD_BY_OTHERS
        held = Holding(self.run.lease_s, partial(self._leased, lambda leases: leases.renew(lease)), asked_s)
        self.busy += 1
        try:
            await held.during(self._concluded(lease, held))
        except LeaseLost as lost:
            if held.stopping:
                await self._say(lease, held, {"is": "stopped" if held.writes else NOT_BEGUN})
            return str(lost)
        finally:
            self.busy -= 1
        return ""

    async def _concluded(self, lease: Lease, held: Holding) -> None:
        """Do it, and write what came of it."""
        operation = await self._ask(lambda state: state.operation(lease.op))
        if operation is None:
            raise LeaseLost("what was offered is not announced any more")
        journal = _Kept(self, lease, operation)
        try:
            outcome = came(await self._done(journal, want_in(lease.want), lease.call))
        except StateError:
            raise
        except ReconcilerError as error:
            outcome = failed(error)
        except Exception as error:  # a mistake of ours: whether something was sent is all that is known
            what = f"{type(error).__name__}: {error}"
            outcome = failed(Unclear(what) if held.writes else ApiError(what))
        await self._say(lease, held, outcome)

    async def _say(self, lease: Lease, held: Holding, outcome: Mapping[str, Any]) -> None:
        """Write what came of it, with the requests that it took. Of those that ask nobody minds which step they were
        for: they are counted with the next step that ends here."""
        sent, told = self.project.drivers.http.sent, self._told
        self._told = sent
        said = {**outcome, "writes": held.writes, "requests": max(sent - told, held.writes)}
        await self._leased(lambda leases: leases.commit(lease, said))

    async def _done(self, journal: _Kept, want: Want, call: str) -> Progress:
        driver = self.project.drivers[journal.operation.kind]
        if call == "start":
            progress = await driver.start(want, journal.keep)
            await journal.keep(progress)
            if driver.kind.stored or not isinstance(progress, Exists):
                return progress
        # All parts of a file by whoever has begun it.
        progress = await driver.finish(want, journal.operation, journal.keep)
        await journal.keep(progress)
        return progress


class _Kept:
    """An operation and what becomes known of it, written under the lease."""

    def __init__(self, here: Opened, lease: Lease, operation: Operation) -> None:
        self._here, self._lease, self.operation = here, lease, operation

    async def keep(self, progress: Progress) -> None:
        """As `Ledger.keep`."""
        if (new := news(self.operation, progress)) is None:
            return
        known = {**(self.operation.handle or {}), **new.handle}
        self.operation = replace(self.operation, id=new.id or self.operation.id, handle=known)
        await self._here._leased(lambda leases: leases.commit(self._lease, None, new))


async def _proven() -> None:
    await HELD.get().prove()


async def _held() -> None:
    await HELD.get().must_hold()
