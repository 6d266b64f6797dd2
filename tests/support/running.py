"""Runs the engine on a stack and an emulator, in this process: load, survey, apply, as the command line would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import httpx

from reconciler.cli.looping import awaited
from reconciler.emulator import Emulator, transport
from reconciler.emulator.twelvelabs import app
from reconciler.engine import Limits, Planning, Session
from reconciler.files import Files, Sending
from reconciler.http import Clock, Http
from reconciler.load import load
from reconciler.model import Report
from reconciler.plan.guards import Consent
from reconciler.provider import Drivers, Hands, Provider, provider
from reconciler.refresh import Looks
from reconciler.results import Rows, open_store
from reconciler.results.shelf import Shelf
from reconciler.state import State
from tests.support.files import lay_out

T = TypeVar("T")

AGREED = Consent(adopt=True, replace=frozenset({"*"}), deletes=True, cost=True)


class Killed(BaseException):
    """Ends a run on the spot: nothing that handles errors handles it."""


class NoTime:
    """A clock on which sleeping takes no time."""

    def __init__(self) -> None:
        self.slept_s = 0.0

    def now(self) -> float:
        return self.slept_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        await asyncio.sleep(0)


def drivers_of(
    chosen: Provider, http: Http, root: Path = Path(), clock: Clock | None = None, shelf: Shelf | None = None
) -> Drivers:
    """All drivers of a provider on one account."""
    clock = clock or NoTime()
    return Drivers(chosen, Hands(http, Sending(Files(root), clock=clock), clock, root, shelf or Shelf("none", root)))


class Manual:
    """A clock that moves when somebody sleeps on it."""

    def __init__(self) -> None:
        self.time_s = 0.0

    def now(self) -> float:
        """What it shows."""
        return self.time_s

    async def sleep(self, seconds: float) -> None:
        """Be there at once."""
        self.time_s += seconds


@dataclass
class Bench:
    """One directory with a stack, one account, one state."""

    directory: Path
    emulator: Emulator = field(default_factory=app)
    state_name: str = "state.db"
    limits: Limits = field(default_factory=lambda: Limits(poll_s=0.01))
    endpoint: str | None = None
    """Served: over a socket. None: in process."""
    environ: Mapping[str, str] = field(default_factory=dict)
    through: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] | None = None
    """What stands between us and the account."""
    state_url: str | None = None
    """Where the state is, if not in a file beside the stack."""
    account: str = ""
    """Which account it is, as the state knows it."""
    clock: Callable[[], Clock] = NoTime
    """By what a run waits."""
    looking: Looks = field(default_factory=Looks)
    """How the account is read."""

    def write(self, files: Mapping[str, str | bytes]) -> None:
        lay_out(self.directory, files)

    @asynccontextmanager
    async def session(self, consent: Consent = AGREED) -> AsyncIterator[Session]:
        stack = load(self.directory, environ=self.environ)
        beside = f"sqlite:///{self.directory}/.reconciler/{self.state_name}"
        state = State.open(self.state_url or beside, stack.name)
        chosen = provider(stack.provider)
        clock = self.clock()
        inner = None if self.endpoint else transport(self.emulator)
        if inner and self.through:
            inner = self.through(inner)
        url = self.endpoint or f"http://emulator{self.emulator.vendor.api.prefix}"
        try:
            async with Http(url, headers=chosen.access.headers("key"), transport=inner, clock=clock) as http:
                drivers = drivers_of(chosen, http, stack.root, clock, Shelf(stack.name, stack.root, stack.results))
                yield Session(
                    stack, drivers, state, clock, self.limits, consent, account=self.account, looking=self.looking
                )
        finally:
            state.close()

    def survey(self, *, destroy: bool = False, everything: bool = False) -> Planning:
        """What `plan` sees."""
        return self.run(lambda session: session.plan(destroy=destroy, everything=everything))

    def apply(self, consent: Consent = AGREED, *, destroy: bool = False) -> Report:
        """What `apply` does, without asking."""

        async def go(session: Session) -> Report:
            with session.state.lock("test"):
                return await session.apply(await session.plan_for_good(destroy=destroy), command="test")

        return self.run(go, replace(consent, empty=destroy))

    def run(self, call: Callable[[Session], Awaitable[T]], consent: Consent = AGREED) -> T:
        async def go() -> T:
            async with self.session(consent) as session:
                return await call(session)

        return awaited(go())

    def names(self, kind: str) -> list[str]:
        """The names of all objects of a kind in the account, sorted."""
        rows = self.emulator.store.db.execute("SELECT name FROM objects WHERE kind = ?", (kind,))
        return sorted(row[0] or "" for row in rows)

    def counts(self) -> dict[str, int]:
        """How many objects of each kind are in the account; what was begun to be sent is none."""
        rows = self.emulator.store.db.execute("SELECT kind, count(*) FROM objects GROUP BY kind")
        return {kind: count for kind, count in rows if kind != "upload"}


def done(bench: Bench, consent: Consent = AGREED, *, destroy: bool = False) -> None:
    """An apply in which nothing fails."""
    report = bench.apply(consent, destroy=destroy)
    assert not report.failed, [outcome for outcome in report.outcomes if outcome.result != "done"]


def rows_of(bench: Bench, address: str) -> Rows:
    """The rows of a result that is kept in the bench's directory."""
    rows = open_store("results", root=bench.directory).read("s", address)
    assert rows is not None
    return rows
