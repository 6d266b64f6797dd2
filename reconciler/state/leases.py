"""Steps of a run that other machines do: what is offered to them, who has taken it until when, and what came of it.

The run that holds the stack's lock offers an operation; a worker takes it, with a token that rises each time that
somebody takes it or takes it away. Whatever the worker writes later names the token, so one whose step was given to
another writes nothing. A lease ends by itself, by the clock of the database, and only its holder makes it longer, as
long as the run lives: until it has ended its holder may still be sending, so nobody else begins before. For PostgreSQL
alone: a file is nothing that machines can share.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from reconciler.errors import StateError
from reconciler.frozen import dataclass
from reconciler.state.database import number_of
from reconciler.state.writes import Write
from reconciler.state.writing import Transaction

__all__ = ["Lease", "LeaseLost", "LeaseSeen", "Leases", "SharedRun"]

_WORDS = {
    "<now>": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)",
    "<alive>": "reconciler_spreads s JOIN reconciler_locks l ON l.stack = s.stack AND l.token = s.token "
    "WHERE s.stack = :stack AND s.run = :run AND EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' "
    "AND granted AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND CAST(classid AS bigint) = :high AND CAST(objid AS bigint) = :low)",
}
"""Milliseconds by the clock of the database; and the run, if whoever began it lives and has the lock as it had then."""


def _sql(text: str) -> sa.TextClause:
    for word, means in _WORDS.items():
        text = text.replace(word, means)
    return sa.text(text)


_BEGIN = _sql(
    "INSERT INTO reconciler_spreads (stack, run, version, declared, media, account, began, token, lease_ms, stopping) "
    "SELECT :stack, :run, :version, :declared, :media, :account, :began, token, :lease_ms, false "
    "FROM reconciler_locks WHERE stack = :stack"
)
_STOP = _sql("UPDATE reconciler_spreads SET stopping = true WHERE stack = :stack")
_OFFER = _sql(
    "INSERT INTO reconciler_leases (stack, op, run, address, call, want, token, holder, until_ms, outcome) "
    "VALUES (:stack, :op, :run, :address, :call, :want, 1, '', 0, NULL) ON CONFLICT (stack, op) DO UPDATE SET "
    "run = excluded.run, address = excluded.address, call = excluded.call, want = excluded.want, "
    "token = reconciler_leases.token + 1, holder = '', until_ms = 0, outcome = NULL "
    "WHERE reconciler_leases.until_ms <= <now>"
)
_WITHDRAW = _sql(
    "WITH old AS (SELECT holder, outcome FROM reconciler_leases WHERE stack = :stack AND op = :op FOR UPDATE) "
    "UPDATE reconciler_leases SET token = token + 1 FROM old WHERE stack = :stack AND op = :op "
    "AND until_ms <= <now> AND old.outcome IS NULL RETURNING old.holder"
)
_SEE = _sql(
    "SELECT holder, until_ms - <now> AS left_ms, outcome FROM reconciler_leases WHERE stack = :stack AND op = :op"
)
_LEFT = _sql("SELECT max(until_ms) - <now> AS left_ms FROM reconciler_leases WHERE stack = :stack")
_OVER = (
    _sql("DELETE FROM reconciler_leases WHERE stack = :stack AND until_ms <= <now>"),
    _sql("DELETE FROM reconciler_spreads WHERE stack = :stack"),
)
_SHARED = _sql("SELECT s.version, s.declared, s.media, s.account, s.lease_ms FROM <alive>")
_TAKE = _sql(
    "UPDATE reconciler_leases SET token = reconciler_leases.token + 1, holder = :holder, "
    "until_ms = <now> + run.lease_ms "
    "FROM (SELECT s.lease_ms, s.token AS lock_token FROM <alive> AND NOT s.stopping) run "
    "WHERE stack = :stack AND reconciler_leases.run = :run AND address = :address AND holder = '' AND outcome IS NULL "
    "RETURNING op, call, want, reconciler_leases.token, run.lock_token"
)
_RENEW = _sql(
    "UPDATE reconciler_leases SET until_ms = <now> + run.lease_ms FROM (SELECT s.lease_ms, s.stopping FROM <alive>) "
    "run WHERE stack = :stack AND op = :op AND reconciler_leases.token = :token AND until_ms > <now> "
    "RETURNING run.stopping"
)
_HELD = _sql("SELECT token FROM reconciler_locks WHERE stack = :stack FOR SHARE")
_MINE = _sql("SELECT op FROM reconciler_leases WHERE stack = :stack AND op = :op AND token = :token FOR UPDATE")
_END = _sql(
    "UPDATE reconciler_leases SET outcome = :outcome, until_ms = 0 WHERE stack = :stack AND op = :op AND token = :token"
)


class LeaseLost(StateError):
    """The step is not this worker's any more, or the run is over or stopping: nothing more is sent for it."""


@dataclass(frozen=True, slots=True)
class SharedRun:
    """What a worker must have in common with a run."""

    run: str
    version: str
    declared: str
    """A digest of what the stack declares."""
    media: str
    """A digest of how large its files are."""
    account: str
    lease_s: float


@dataclass(frozen=True, slots=True)
class Lease:
    """A step that is taken. `want` is what its driver is asked for."""

    op: str
    run: str
    call: str
    want: Mapping[str, Any]
    token: int
    lock_token: int


@dataclass(frozen=True, slots=True)
class LeaseSeen:
    """How an offered step stands: who has taken it ("" for nobody), how long that holds, what came of it."""

    holder: str
    left_s: float
    outcome: Mapping[str, Any] | None


class Leases:
    """Those of one stack. `changing` is a transaction; `writing` one of whoever holds the stack's lock."""

    def __init__(
        self,
        stack: str,
        changing: Callable[[], AbstractContextManager[Transaction]],
        writing: Callable[[], AbstractContextManager[Transaction]],
    ) -> None:
        self._stack, self._changing, self._writing = stack, changing, writing
        high, low = divmod(number_of(stack), 1 << 32)
        self._its = {"stack": stack, "high": high, "low": low}

    # For the run that holds the lock

    def begin(self, run: SharedRun, began: str) -> None:
        """From now on workers may ask for steps of it. What an earlier run has left is over: see `until_over`."""
        row = {
            "stack": self._stack,
            "run": run.run,
            "version": run.version,
            "declared": run.declared,
            "media": run.media,
            "account": run.account,
            "began": began,
            "lease_ms": round(run.lease_s * 1000),
        }
        with self._writing() as transaction:
            for statement in _OVER:
                transaction.connection.execute(statement, {"stack": self._stack})
            transaction.connection.execute(_BEGIN, row)

    def stop(self) -> None:
        """Workers send nothing more."""
        with self._writing() as transaction:
            transaction.connection.execute(_STOP, {"stack": self._stack})

    def over(self) -> None:
        """Nobody may take anything any more; what somebody may be sending still is kept until it has ended."""
        with self._writing() as transaction:
            for statement in _OVER:
                transaction.connection.execute(statement, {"stack": self._stack})

    def offer(self, run: str, address: str, op: str, call: str, want: Mapping[str, Any]) -> None:
        """Anybody may do it, once: who has had it before writes nothing more. StateError while its lease lasts."""
        row = {"stack": self._stack, "op": op, "run": run, "address": address, "call": call, "want": json.dumps(want)}
        with self._writing() as transaction:
            if transaction.connection.execute(_OFFER, row).rowcount != 1:
                raise StateError(f"{address}: another worker has it still")

    def withdraw(self, op: str) -> str | None:
        """Nobody may take it any more, nor write for it: who had it ("" for nobody). None when somebody has it still,
        or has said what came of it."""
        with self._writing() as transaction:
            found = transaction.connection.execute(_WITHDRAW, {"stack": self._stack, "op": op}).one_or_none()
        return None if found is None else str(found.holder)

    def seen(self, op: str) -> LeaseSeen:
        """How it stands."""
        with self._changing() as transaction:
            row = transaction.connection.execute(_SEE, {"stack": self._stack, "op": op}).one_or_none()
        if row is None:
            return LeaseSeen("", 0.0, None)
        outcome = json.loads(row.outcome) if row.outcome else None
        return LeaseSeen(row.holder, max(0.0, row.left_ms / 1000), outcome)

    def left_s(self) -> float:
        """How long somebody may be sending still for this stack: who has just taken its lock waits for so long."""
        with self._changing() as transaction:
            left = transaction.connection.execute(_LEFT, {"stack": self._stack}).scalar()
        return max(0.0, (left or 0) / 1000)

    def until_over(self, waiting: Callable[[str], object]) -> None:
        """Return when no worker of an earlier run can be sending any more: none of them can make its lease longer."""
        told = False
        while (left_s := self.left_s()) > 0:
            if not told:
                told = True
                waiting(f"workers of an earlier run may be sending still, for {left_s:.0f} s at most")
            time.sleep(min(left_s, 1.0))

    # For workers

    def shared(self, run: str) -> SharedRun | None:
        """The run, while whoever began it lives and has the lock."""
        with self._changing() as transaction:
            row = transaction.connection.execute(_SHARED, {**self._its, "run": run}).one_or_none()
        return SharedRun(run, row.version, row.declared, row.media, row.account, row.lease_ms / 1000) if row else None

    def take(self, run: str, address: str, holder: str) -> Lease | None:
        """The step, if it is there to be taken: each is, once."""
        asked = {**self._its, "run": run, "address": address, "holder": holder}
        with self._changing() as transaction:
            row = transaction.connection.execute(_TAKE, asked).one_or_none()
        return Lease(row.op, run, row.call, json.loads(row.want), row.token, row.lock_token) if row else None

    def renew(self, lease: Lease) -> bool:
        """Make it as long as it was; whether the run is stopping, so that nothing more is to be sent. LeaseLost when it
        has ended, is another's, or the run is over."""
        asked = {**self._its, "run": lease.run, "op": lease.op, "token": lease.token}
        with self._changing() as transaction:
            row = transaction.connection.execute(_RENEW, asked).one_or_none()
        if row is None:
            raise LeaseLost("the lease of this step has ended, or its run is over: nothing more is sent for it")
        return bool(row.stopping)

    def commit(self, lease: Lease, outcome: Mapping[str, Any] | None, *writes: Write) -> None:
        """Write what was learnt, and what came of it in the end, in one transaction; LeaseLost when it is another's by
        now, or another run has the lock."""
        its = {"stack": self._stack, "op": lease.op, "token": lease.token}
        with self._changing() as transaction:
            held = transaction.connection.execute(_HELD, its).scalar()
            if held != lease.lock_token or transaction.connection.execute(_MINE, its).one_or_none() is None:
                raise LeaseLost("this step was given to another worker, or another run has begun: nothing is written")
            if outcome is not None:
                transaction.connection.execute(_END, {**its, "outcome": json.dumps(outcome)})
            if writes:
                transaction.write(writes)
