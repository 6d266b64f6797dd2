"""What we own, what we were about to do, who ran when, and the lock: SQLite or PostgreSQL, one schema, one code.

It keeps and gives back; what a row means for a plan is decided elsewhere. Every table is keyed by the stack, so
several stacks share a database without seeing each other. `State.commit` is the only way to write, and each call is
one transaction that is on disk when it returns. No secret is ever written: field values pass `redact.mask`.

The lock dies with its holder. On SQLite it is a lock on a file beside the database, which the system drops with the
process. On PostgreSQL it is an advisory lock of the very session that writes: whoever loses the session loses the
lock *and* the means to write, so two runs cannot both believe that they hold the stack. (A pooler that hands out
another session for each transaction breaks this; connect to the server itself.) `State.prove` says whether it is still
held, and is asked before each write to the account.

What it says is read in `reading`; what changes it stands in `writing`.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.errors import Locked, StateError
from reconciler.state.files import file_of
from reconciler.state.history import KnownDrift, LastTold, RunRow, drift_row, told_row
from reconciler.state.holders import Holder, Unlocked
from reconciler.state.identity import Identity
from reconciler.state.quick import Quick, quick
from reconciler.state.reading import StateRows, stamped
from reconciler.state.writes import (
    Clear,
    Close,
    Drop,
    Keep,
    Open,
    Put,
    RenameStack,
    Score,
    Seen,
    Unseen,
    Write,
)

if TYPE_CHECKING:
    from reconciler.state.database import Database
    from reconciler.state.leases import Leases
    from reconciler.state.writing import Transaction

T = TypeVar("T")

FIRST_LOOK_S, LONGEST_LOOK_S = 0.25, 2.0
"""How long there is between two tries to take a lock that another run has: at first, and at most."""
FRESH_S = 0.1
"""How old a proof of the lock may be when a write is sent: less than another run needs to begin."""

__all__ = [
    "Clear",
    "Close",
    "Drop",
    "Holder",
    "Identity",
    "Keep",
    "KnownDrift",
    "LastTold",
    "Open",
    "Put",
    "RenameStack",
    "RunRow",
    "Score",
    "Seen",
    "State",
    "Unlocked",
    "Unseen",
    "Write",
    "moment",
]


def _now() -> datetime:
    return datetime.now(UTC)


class State(StateRows):
    """The state of one stack; made by `open`, usable from any thread, one call at a time."""

    def __init__(
        self, stack: str, opening: Callable[[], Database], now: Callable[[], datetime], only_read: Quick | None
    ) -> None:
        super().__init__(stack, opening, now, only_read)
        self.busy = False
        """Whether whoever uses this has other work while a file is written: see `committed`."""
        self._locked = False
        self._token = 0
        """Of the lock that is held: see `tables.locks`."""
        self._identified = False

    @classmethod
    def open(cls, url: str, stack: str, *, create: bool = True, now: Callable[[], datetime] = _now) -> State:
        """Open the state at `url` (`sqlite:////…/state.db` or `postgresql+psycopg://…`), brought to the newest schema.

        `create=False` makes nothing: where there is no state yet it reads as empty, and writing is a StateError.
        StateError also for a newer schema, a file that is no database, a server that does not answer.
        """

        def opened() -> Database:
            from reconciler.state.database import connect

            return connect(url, create=create)

        path = None if create else file_of(url)
        return cls(stack, opened, now, quick(Path(path)) if path else None)

    def identify(self, *, account: str | None = None, id: str | None = None, place: str | None = None) -> Identity:
        """Who the stack is, noting account and place; and the id, when it goes on under one that is known already."""
        given = {name: value for name, value in (("account", account), ("id", id), ("place", place)) if value}
        with self._writing() as transaction:
            transaction.change(**given)
        found = self.identity()
        assert found is not None
        return found

    def complete(self, *, whole: bool = True) -> None:
        """All that is ours is recorded, says who calls: nothing else is looked for any more; `whole=False`: it is."""
        with self._writing() as transaction:
            transaction.change(rebuild=not whole)

    def rename(self, new: str) -> None:
        """Keep all of this stack under a new name, and remember the old one.

        StateError when the new name has objects of its own. The caller holds the lock.
        """
        with self._writing() as transaction:
            transaction.rename(new)

    @property
    def is_shared(self) -> bool:
        """Whether other machines can reach it."""
        return self._store.far

    @cached_property
    def leases(self) -> Leases:
        """What workers on other machines do for it; StateError where they cannot reach it."""
        from reconciler.state.leases import Leases

        if not self._store.far:
            raise StateError(f"the state at {self._store.shown} is a file, which other machines cannot share")
        return Leases(self._stack, self._changing, self._writing)

    def made_now(self, id: str) -> Unseen:
        """What to write with an object that was made just now."""
        return Unseen(id, stamped(self._now()))

    def now(self) -> datetime:
        """For what is announced."""
        return self._now()

    def commit(self, *writes: Write) -> None:
        """Do all the writes, in order, in one transaction that is on disk when this returns; or none of them."""
        if not writes:
            return
        with self._writing() as transaction:
            transaction.write(writes)

    async def committed(self, *writes: Write) -> None:
        """`commit`, without holding up the event loop where others need it meanwhile: a disk that is asked to have
        something for good takes a millisecond, or as long as a request."""
        call = partial(self.commit, *writes)
        await (asyncio.to_thread(call) if self.busy and not self._store.far else self.aside(call))

    def start_run(self, command: str) -> str:
        """Note that a run begins; gives its id, which sorts by time."""
        now = self._now()
        run = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        with self._writing() as transaction:
            transaction.start_run(run=run, command=command, started=stamped(now), **_who())
        return run

    def end_run(
        self, run: str, result: str, counts: Mapping[str, int] | None = None, requests: int = 0, writes: int = 0
    ) -> None:
        """Note how a run ended, in a word; and what it did, where that is known."""
        did: dict[str, Any] = {}
        if counts is not None:
            did = {"counts": json.dumps(counts, sort_keys=True), "requests": requests, "writes": writes}
        with self._writing() as transaction:
            transaction.end_run(run, ended=stamped(self._now()), result=result, **did)

    def note_drift(self, addresses: Mapping[str, Sequence[str]]) -> None:
        """Note what has drifted, for whoever asks next what is new: address → paths."""
        with self._writing() as transaction:
            transaction.note_drift(at=stamped(self._now()), **drift_row(addresses))

    def note_told(self, target: str, subject: str, items: Mapping[str, Sequence[str]]) -> None:
        """Note what a target was told of a subject: what is wrong → which parts of it; nothing when all is well."""
        with self._writing() as transaction:
            transaction.note_told(target=target, subject=subject, at=stamped(self._now()), **told_row(items))

    @contextmanager
    def lock(
        self, command: str, wait_s: float = 0.0, waiting: Callable[[str], object] = lambda _: None
    ) -> Iterator[None]:
        """Hold the stack while the block runs; Locked, naming the holder, when another does (or this one already).

        It is waited for, for as long as `wait_s`; `waiting` is told who holds it, and again when that is another one.
        """
        until, pause_s, told = moment() + wait_s, FIRST_LOOK_S, ""
        while (refusal := self._refused_lock()) is not None:
            if self._locked or (left_s := until - moment()) <= 0:
                raise Locked(refusal + (f"; waited {wait_s:g} s" if wait_s and not self._locked else ""))
            if refusal != told:
                waiting(told := refusal)
            time.sleep(min(pause_s, left_s))
            pause_s = min(pause_s * 2, LONGEST_LOOK_S)
        try:
            self._take(command)
            if self._store.far:
                self.leases.until_over(waiting)
            yield
        finally:
            self._locked = False
            with suppress(StateError):  # a connection that is gone took the lock with it; the mark is only for people
                self._clear_mark(only=self._token)
            self._store.release(self._stack)

    def _refused_lock(self) -> str | None:
        """Take the lock, or say who has it."""
        with self._using():
            if self._locked or not self._store.acquire(self._stack):
                return self._refusal(self._mark())
            self._locked = True
        return None

    def prove(self) -> None:
        """To be called right before each write to the account: StateError, saying what happened, when the lock is lost.

        Free on SQLite, where it does not wait for what is being written either; one statement on PostgreSQL. Without a
        lock there is nothing to prove.
        """
        if not self._store.far:
            if self._locked:
                self._store.prove()
            return
        with self._using():
            if self._locked:
                self._store.prove()
                self._fence(self._rows("token", "locks"))

    def prove_when_woken(self) -> None:
        """`prove`, for a signal handler: it may have interrupted a call of its own thread, which will then hear itself
        that the lock is lost."""
        if self._user != threading.get_ident():
            self.prove()

    async def proven(self) -> None:
        """`prove`, without holding up the event loop; at once again when the answer grew old before it was heard here,
        as it does when the process is stopped or its machine paused."""

        def proven_at() -> float:
            self.prove()
            return moment()

        proven = await self.aside(proven_at)
        if moment() - proven > FRESH_S:
            self.prove()

    async def aside(self, call: Callable[[], T]) -> T:
        """Give what the call gives, without holding up the event loop where the database is far, or hangs. Once who
        waits for it is cancelled, nobody waits for a database that hangs any more."""
        if not self._far:
            return call()
        try:
            return await asyncio.to_thread(call)
        except asyncio.CancelledError:
            self._store.wait_at_most(0)
            raise

    def wait_at_most(self, seconds: float) -> None:
        """From any thread: the run was asked to stop, so a database that hangs is waited for no longer than this."""
        if self._far:
            self._store.wait_at_most(seconds)

    def holder(self) -> Holder | None:
        """Who holds the stack now; None when nobody does, whatever mark a dead run has left."""
        with self._using():
            return self._mark() if self._locked or self._store.is_held(self._stack) else None

    def unlock(self) -> Unlocked:
        """Clear what a dead run has left. A living one: on PostgreSQL its session is ended, on SQLite this is Locked.

        The run whose session was ended cannot write any more: its next commit is a StateError.
        """
        with self._using():
            mark = self._mark()
            held = self._locked or self._store.is_held(self._stack)
            if self._locked or (held and not self._store.end_holder(self._stack)):
                raise Locked(self._refusal(mark) + "; nothing but its own process can release it: end that one")
            self._clear_mark()
        return Unlocked(mark, ended_session=held)

    def close(self) -> None:
        """Let go of the database, and of the lock if it is held."""
        self._is_closed = True
        self._leave_quick()
        if self._opened is not None:
            self._opened.close()

    @contextmanager
    def _writing(self) -> Iterator[Transaction]:
        """A transaction that writes something of the stack: the first of all gives it its id. While the lock is held
        here it names the token, so that a run whose lock was taken away writes nothing."""
        with self._changing() as transaction:
            if self._locked:
                self._fence(transaction.tokens())
            if not self._identified:
                transaction.ensure()
            yield transaction
        self._identified = True

    @contextmanager
    def _changing(self) -> Iterator[Transaction]:
        """A transaction."""
        with self._using(), self._store.transaction() as connection:
            from reconciler.state.writing import Transaction

            yield Transaction(connection, self._stack)

    def _mark(self) -> Holder | None:
        rows = self._rows("who, host, pid, since, command", "locks", "AND who <> ''")
        with suppress(TypeError, ValueError):  # a mark is for people: one that is damaged says nothing
            return next((Holder(w, h, p, datetime.fromisoformat(s), command) for w, h, p, s, command in rows), None)
        return None

    def _fence(self, found: Sequence[Any]) -> None:
        if [token for (token,) in found] != [self._token]:
            raise StateError(
                f"the lock of stack {self._stack!r} was taken from this run, which writes nothing more; run again, "
                "when nobody else does"
            )

    def _take(self, command: str) -> None:
        """Say who holds the lock, under the next token."""
        with self._changing() as transaction:
            self._token = transaction.take_lock(since=stamped(self._now()), command=command, **_who())

    def _clear_mark(self, *, only: int | None = None) -> None:
        """Say that nobody holds the lock: if it is still the one with this token, or whoever held it is fenced off."""
        with self._changing() as transaction:
            transaction.clear_lock(only=only)

    def _refusal(self, mark: Holder | None) -> str:
        by = str(mark) if mark else "a run that has not yet said who it is"
        return f"stack {self._stack!r} is locked by {by}"


def moment() -> float:
    """Seconds that also pass while the machine sleeps, where the system counts those."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _who() -> dict[str, Any]:
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # a container whose user id has no name
        who = f"uid {os.getuid()}"
    return {"who": who, "host": socket.gethostname(), "pid": os.getpid()}
