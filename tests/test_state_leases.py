"""Leases: one holder a step, whatever two workers and a clock do. Against a PostgreSQL of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from reconciler.errors import Locked, StateError
from reconciler.model import Operation, Signature
from reconciler.state import Keep, Open, State
from reconciler.state.leases import Lease, LeaseLost, SharedRun
from tests.support.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

RUN = SharedRun("r1", "1.0", "d", "m", "https://api#1", 60.0)
OP = Operation("op1", "run", "assets/a", "Asset", "create", Signature())
WANT = {"fields": {"file": "a.mp4"}}


@dataclass
class Both:
    """The run that holds the lock, and two workers."""

    url: str
    holds: State
    one: State
    two: State

    def offered(self) -> None:
        self.holds.leases.offer("r1", "assets/a", "op1", "start", WANT)

    def taken(self) -> Lease:
        lease = self.one.leases.take("r1", "assets/a", "tcp://one")
        assert lease is not None
        return lease

    def ends(self) -> None:
        """As when time passes, by the database's clock."""
        path = self.url.rpartition("%3D")[2]
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"UPDATE {path}.reconciler_leases SET until_ms = 1")


@pytest.fixture
def both(postgres_url: str) -> Iterator[Both]:
    with ExitStack() as stack:
        holds, one, two = (State.open(postgres_url, "s") for _ in range(3))
        for state in (holds, one, two):
            stack.callback(state.close)
        stack.enter_context(holds.lock("apply"))
        holds.leases.begin(RUN, "now")
        holds.commit(Open(OP))
        yield Both(postgres_url, holds, one, two)


def test_of_two_workers_that_get_the_same_step_one_takes_it(both: Both) -> None:
    both.offered()

    lease = both.taken()
    assert (lease.op, lease.call, lease.want) == ("op1", "start", WANT)
    assert both.two.leases.take("r1", "assets/a", "tcp://two") is None
    seen = both.holds.leases.seen("op1")
    assert seen.holder == "tcp://one"
    assert 50 < seen.left_s <= 60


def test_while_it_lasts_nobody_else_gets_it_and_what_it_came_to_is_there(both: Both) -> None:
    both.offered()
    lease = both.taken()

    with pytest.raises(StateError, match="another worker has it still"):
        both.offered()
    assert both.holds.leases.withdraw("op1") is None
    both.one.leases.commit(lease, {"is": "done", "id": "a1"}, Keep("op1", {"upload_id": "u"}, "a1"))
    assert both.holds.leases.seen("op1").outcome == {"is": "done", "id": "a1"}
    operation = both.holds.operation("op1")
    assert operation is not None
    assert (operation.id, operation.handle) == ("a1", {"upload_id": "u"})


def test_a_holder_whose_lease_has_ended_can_neither_renew_nor_write_once_it_is_anothers(both: Both) -> None:
    both.offered()
    lease = both.taken()
    both.ends()

    with pytest.raises(LeaseLost):
        both.one.leases.renew(lease)
    assert both.holds.leases.withdraw("op1") == "tcp://one"
    with pytest.raises(LeaseLost, match="given to another worker"):
        both.one.leases.commit(lease, {"is": "done", "id": "late"}, Keep("op1", {"upload_id": "late"}))
    assert both.holds.leases.seen("op1").outcome is None
    assert both.holds.operations()[0].handle is None
    both.offered()
    second = both.two.leases.take("r1", "assets/a", "tcp://two")
    assert second is not None
    assert second.token > lease.token
    with pytest.raises(LeaseLost):
        both.one.leases.renew(lease)


def test_what_nobody_has_taken_is_withdrawn_at_once(both: Both) -> None:
    both.offered()
    assert both.holds.leases.withdraw("op1") == ""
    assert both.holds.leases.seen("op1").holder == ""


def test_a_run_that_stops_gives_nothing_away_and_its_workers_hear_of_it(both: Both) -> None:
    both.offered()
    lease = both.taken()
    assert both.one.leases.renew(lease) is False

    both.holds.leases.stop()
    assert both.one.leases.renew(lease) is True
    both.holds.leases.offer("r1", "assets/b", "op2", "start", WANT)
    assert both.two.leases.take("r1", "assets/b", "tcp://two") is None


def test_when_the_run_is_gone_no_lease_gets_longer_and_the_next_one_waits_for_its_end(both: Both) -> None:
    both.offered()
    lease = both.taken()
    both.holds.close()  # as when its process dies: the lock goes with its session

    with pytest.raises(LeaseLost):
        both.one.leases.renew(lease)
    assert both.one.leases.shared("r1") is None
    both.one.leases.commit(lease, None, Keep("op1", {"upload_id": "u"}))  # what was in flight is still recorded

    told: list[str] = []

    def waiting(what: str) -> None:
        told.append(what)
        both.ends()

    with both.two.lock("apply", waiting=waiting):
        assert told == ["workers of an earlier run may be sending still, for 60 s at most"]
        with pytest.raises(LeaseLost, match="another run has begun"):
            both.one.leases.commit(lease, None, Keep("op1", {"upload_id": "late"}))
        assert both.two.operations()[0].handle == {"upload_id": "u"}


def test_another_run_that_took_the_lock_away_ends_it_too(both: Both) -> None:
    both.offered()
    lease = both.taken()
    both.two.unlock()

    with pytest.raises(LeaseLost):
        both.one.leases.renew(lease)
    with pytest.raises(StateError, match=r"lost|taken"):
        both.offered()


def test_a_state_that_is_a_file_has_none(tmp_path: Path) -> None:
    state = State.open(f"sqlite:///{tmp_path}/state.db", "s")
    with pytest.raises(StateError, match="is a file, which other machines cannot share"):
        _ = state.leases
    with state.lock("apply"), pytest.raises(Locked), state.lock("apply"):
        pass
    state.close()
