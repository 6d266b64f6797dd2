"""What a run does once its plan is agreed to: record what an interrupted one made, walk the steps, note how it ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.apply import Finder, Journal, Ledger, Run, Walk, readdressed
from reconciler.apply.recover import found_late
from reconciler.engine.planning import Planning
from reconciler.errors import ApiError, Problem, Refused, StateError
from reconciler.model import Action, BytesSent, Event, Paused, Report
from reconciler.state import Close, Drop, Identity, Put, Seen, State, Write

if TYPE_CHECKING:
    from reconciler.engine import Session

__all__ = ["apply", "recover"]

GOING = (Action.DELETE, Action.REPLACE)
Tell = Callable[[Event], None]
Begin = Callable[[Walk], None]


async def recover(session: Session, planning: Planning) -> None:
    """Record what an interrupted run made, and look up what is still unclear. What was found counts at once: the next
    list may lag."""
    state = session.state
    finder = Finder(session.drivers, planning.snapshot, session.clock, session.limits)
    found = await asyncio.gather(*(finder.found(operation) for operation in planning.unresolved))
    rows = {row.address: row for row in planning.claims.rows.values()}
    writes: list[Write] = list(planning.recovered)
    for operation, it in zip(planning.unresolved, found, strict=True):
        doubt = session.drivers[operation.kind].doubt(operation.address) if it is None else ""
        if doubt:
            session.said = (*session.said, Problem("", 0, 0, operation.address, doubt, "warning"))
        writes += found_late(session.kinds, operation, it, rows.get(operation.address))
    if writes:
        await state.aside(partial(state.identify, id=planning.stack.id))
    await state.aside(partial(state.commit, *writes))


async def apply(
    session: Session,
    planning: Planning,
    *,
    command: str,
    on_event: Tell,
    on_start: Callable[[Walk], None],
) -> Report:
    """Do what the plan says, and note all that is known by it."""
    state = session.state
    if reasons := [*_unseen(planning), *planning.refusals]:
        raise Refused(reasons)
    if planning.claims.unproven and not planning.plan.changes and not planning.consent.adopt:
        return Report("", (), requests=session.drivers.http.sent)  # as it should be, and not known to be ours
    id = planning.stack.id or _of_what_goes(planning)
    known = await state.aside(partial(state.identify, account=session.account, id=id, place=session.place))
    async with _noted(session, command) as noted, _pauses_told(session, on_event):
        await _housekeeping(session, planning)
        run = _run(session, planning, noted.id, known, on_event)
        walk = Walk(run)
        on_start(walk)
        since_s = session.clock.now()
        try:
            report = await walk.go()
        finally:
            await run.journal.at_rest()
        report = noted.report = replace(report, seconds=session.clock.now() - since_s)
        noted.result = "failed" if report.failed and not report.interrupted else report.word
        if not report.interrupted:
            await _sight(session, run)
        if known.rebuild and session.whole and not report.interrupted:
            ended_whole = noted.result == "done" and not planning.plan.left_out
            if ended_whole or await state.aside(partial(_all_is_recorded, session, planning, report, known)):
                await state.aside(state.complete)
        return await _with_ids(state, report)


def _all_is_recorded(session: Session, planning: Planning, report: Report, known: Identity) -> bool:
    """Whether whatever carries the stack's name, in lists that were read whole for that, is recorded by now or gone:
    what failed of an apply has left nothing then that is still to be told from marks, and what it began is announced. A
    stack under a new name is another matter: all of it has to carry that first."""
    if known.former:
        return False
    stack = planning.stack
    marked = {
        live.id
        for lives in planning.snapshot.by_kind.values()
        for live in lives.values()
        if live.stamp is not None and live.stamp.stack in (stack.name, *stack.former)
    }
    done = {it.address for it in report.outcomes if it.result == "done"}
    gone = {it.id for it in planning.plan.changes if it.action in GOING and it.address in done}
    return marked <= gone.union(row.id for row in session.state.recorded())


def _unseen(planning: Planning) -> list[str]:
    """Why a plan for which nobody looked is not applied: what it would make may be there, and what it would delete
    may be another thing by now."""
    return ["the plan was made without a look at the account; plan anew"] if planning.plan.refresh.is_blind else []


async def _with_ids(state: State, report: Report) -> Report:
    """The report, each outcome with the id of what is there now; without when the state cannot be read any more."""
    with suppress(StateError):
        ids = await state.aside(state.ids)
        return replace(report, outcomes=tuple(replace(it, id=ids.get(it.address, "")) for it in report.outcomes))
    return report


def _did(report: Report) -> tuple[dict[str, int], int, int]:
    """What is noted of a run: how many addresses by action, or by what became of them; requests; writes."""
    words = (it.action.value if it.result == "done" else it.result for it in report.outcomes)
    return dict(Counter(words)), report.requests, report.writes


class _Noted:
    """A run as the state notes it: how it ended is set by who knows."""

    def __init__(self, id: str) -> None:
        self.id, self.result = id, "failed"
        self.report: Report | None = None


@asynccontextmanager
async def _noted(session: Session, command: str) -> AsyncIterator[_Noted]:
    """Note that a run begins, and how it ended."""
    state = session.state
    noted = _Noted(await state.aside(partial(state.start_run, command)))
    try:
        yield noted
    except asyncio.CancelledError:
        state.wait_at_most(0)  # nobody waits for a database that hangs any more
        raise
    finally:
        with suppress(StateError):  # how a run ended is for people; all that it did is recorded
            did = _did(noted.report) if noted.report else ()
            await state.aside(partial(state.end_run, noted.id, noted.result, *did))


@asynccontextmanager
async def _pauses_told(session: Session, on_event: Tell) -> AsyncIterator[None]:
    """While the block runs, tell of each pause that the API asks for."""
    http = session.drivers.http
    before = http.on_wait
    http.on_wait = lambda seconds, why: on_event(Paused(round(seconds), why))
    try:
        yield
    finally:
        http.on_wait = before


def _run(session: Session, planning: Planning, id: str, known: Identity, on_event: Tell) -> Run:
    """What all parts of this apply share. What is sent from here on is told of."""
    journal = Journal(session.state)
    if session.drivers.hands.results:
        session.drivers.hands.results.known_as(known.id, planning.stack.former)
    ledger = Ledger(journal, session.state.operations())
    session.sending.begin(lambda address, done, total: on_event(BytesSent(address, done, total)))
    return Run(
        id=id,
        stack=replace(planning.stack, id=known.id),
        drivers=session.drivers,
        journal=journal,
        plan=planning.plan,
        claims=planning.claims,
        snapshot=planning.snapshot,
        clock=session.clock,
        limits=session.limits,
        on_event=on_event,
        ledger=ledger,
        hidden=planning.hidden,
        unshown=planning.unshown,
        retry_failed=planning.consent.retry_failed,
        doing=session.doing,
    )


def _of_what_goes(planning: Planning) -> str | None:
    """The id of what is agreed to be deleted as ours, so that a run that is cut short is gone on with by the next."""
    ids = planning.snapshot.stack_ids(planning.stack.name)
    goes = planning.claims.orphans or planning.claims.deposed
    return next(iter(ids)) if goes and len(ids) == 1 else None


async def _housekeeping(session: Session, planning: Planning) -> None:
    """Mend rows that no longer say what is: of what is gone, of what already is as it shall be, of what has another
    address; and note what was seen. All before the first step, which may rest on it."""
    state = session.state
    writes: list[Write] = [*planning.noticed, *(Drop(row.address, row.id) for row in planning.claims.gone)]
    for address, row in planning.difference.refreshed.items():
        old = planning.claims.rows.get(address)
        if old and old.id != row.id:
            writes.append(Drop(address, old.id))
        writes.append(Put(row))
    if session.drivers.hands.results:
        await session.drivers.hands.results.tidy()
    moves = readdressed(planning.plan, planning.claims, session.kinds, planning.difference.refreshed)
    unseen = state.unseen() - planning.unshown
    seen = [Seen(id) for id in sorted(unseen & planning.snapshot.ids)] if unseen else []
    # Deposed before anything else has the address: never are two of one address in the state.
    await state.aside(partial(state.commit, *map(Put, planning.deposing), *writes, *moves, *seen))


async def _sight(session: Session, run: Run) -> None:
    """Note what of the new objects is to be seen, so that the next read which lacks one of them means something: what
    was waited for was seen; the others are looked for once, in the newest page of their list."""
    state = session.state
    unseen = state.unseen()
    rows = [row for row in run.rows.values() if row.id in unseen]
    waited_for = (row for row in rows if run.kinds[row.kind].asynchronous and row.address not in run.bad)
    seen = {row.id for row in waited_for if run.ledger.wait_for(row.id) is None}
    lists = {(row.kind, row.parent_id) for row in rows if row.id not in seen}
    with suppress(ApiError):  # a look only: the next run looks again
        for name, parent_id in sorted(lists, key=str):
            page = await session.drivers[name].page(parent_id, newest=True)
            seen |= {live.id for live in page.objects}
    writes: list[Write] = [Seen(id) for id in sorted(seen & unseen)]
    if run.ledger.waits:  # of what this run has deleted nothing is awaited
        there = frozenset((await state.aside(state.ids)).values())
        writes += [Close(it.op) for id, it in run.ledger.waits.items() if id not in there]
    await state.aside(partial(state.commit, *writes))
