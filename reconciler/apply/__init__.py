"""Walks the steps of a plan: what can be done side by side is, what waits for a failure is skipped and named.

Ctrl-C once: nothing new is started, what is in flight ends and is recorded. Every write is announced in the journal
before it is sent, so that a run which dies at any moment is continued by the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from reconciler.apply.addresses import readdressed
from reconciler.apply.doing import Doing, Here
from reconciler.apply.due import DueSteps
from reconciler.apply.find import Finder
from reconciler.apply.journal import Journal
from reconciler.apply.ledger import Ledger
from reconciler.apply.places import Stopped
from reconciler.apply.run import Detached, Failures, Limits, Passed, Run
from reconciler.apply.write import Writer
from reconciler.errors import BecameFailed, RateLimited, ReconcilerError, StateError, Unauthorised
from reconciler.frozen import dataclass
from reconciler.later import laters_in
from reconciler.model import (
    APPLIED_IN_PART,
    AWAITED,
    Action,
    BulkCreate,
    Change,
    Create,
    Delete,
    Fill,
    Outcome,
    Report,
    Step,
    StepAwaited,
    StepDone,
    StepFailed,
    StepId,
    StepSkipped,
    StepStarted,
    Wait,
    parent_of,
)
from reconciler.plan.order import by_id

__all__ = [
    "Doing",
    "Finder",
    "Here",
    "Journal",
    "Ledger",
    "Limits",
    "Run",
    "Walk",
    "readdressed",
]


@dataclass(frozen=True, slots=True)
class _Blocked:
    """Why a step is not done, and whether it is left to a later run: then nothing has failed."""

    why: str
    awaited: bool


def _needed_by(steps: Mapping[StepId, Step]) -> dict[StepId, list[StepId]]:
    """Each step, and those that wait for it."""
    found: dict[StepId, list[StepId]] = {}
    for id, step in steps.items():
        for need in step.needs:
            found.setdefault(need, []).append(id)
    return found


class Walk:
    """One walk over the plan of a `Run`. Raises UnknownNeed for a plan that is not whole."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.steps = by_id(run.plan.steps)
        self.writer = Writer(run)
        self.needed_by = _needed_by(self.steps)
        self.unmet = {id: len(step.needs) for id, step in self.steps.items()}
        self.lost: dict[StepId, str] = {}
        """step → why it is not done: what failed, for it or for a step that it waits for"""
        self.detached: set[StepId] = set()
        """Those of them that wait for nothing but the API's own work: a later run does them"""
        self.results: dict[str, Outcome] = {}
        self.written: set[str] = set()
        """Addresses of which something was done"""
        self.codes: set[int] = set()
        """Exit codes of what failed"""
        self.stopping = False
        self.fatal: ReconcilerError | None = None
        self.later = False
        """Whether something was told to come back later than anybody waits"""
        for address, why in run.plan.stuck.items():
            run.bad[address] = why
            self.results[address] = Outcome(address, Action.REPLACE, "failed", why)
            self.codes.add(BecameFailed.exit_code)
        self._due = DueSteps(run, self.steps)
        for id, count in self.unmet.items():
            if count == 0:
                self._due.add(id)
        self._writing = 0
        self._woken = asyncio.Event()
        """That a step has ended, or one that is under way has given its place to another."""
        run.idle = self._idle
        self._tasks: dict[asyncio.Task[None], StepId] = {}
        self._ended = deque[asyncio.Task[None]]()
        """Those that have ended and are not concluded."""

    def stop(self) -> None:
        """Start nothing more; end what is in flight."""
        self.stopping = True
        self.run.drivers.hands.sending.stop()
        self.run.doing.stop()
        self.run.places.close()
        self.writer.waiting.cancel()
        self.writer.maker.tasks.cancel()

    async def go(self) -> Report:
        """Walk to the end. Failures are in the report; only the loss of the state itself is raised."""
        self.run.places.on_room = self._woken.set
        try:
            while self._start() or self._tasks:
                await self._woken.wait()
                self._woken.clear()
                while self._ended:
                    task = self._ended.popleft()
                    self._finish(self._tasks.pop(task), task)
        finally:
            self.writer.end()
            for task in self._tasks:
                task.cancel()
        if isinstance(self.fatal, StateError):
            raise self.fatal
        return Report(
            run=self.run.id,
            outcomes=tuple(self._outcomes()),
            interrupted=self.stopping and self.fatal is None,
            requests=self.run.drivers.http.sent,
            writes=self.run.drivers.http.sent_writes,
            failure_code=self._failure_code(),
        )

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        """Told by each step itself: of thousands that wait, none has to be asked when one of them ends."""
        self._ended.append(task)
        self._woken.set()

    @property
    def _most_begun(self) -> int:
        """How many steps are begun at once: more than there are places, so that what has none yet is announced, and
        what had one is recorded meanwhile, and no place waits for a disk. One after the other where there is one."""
        return 3 * self.run.limits.parallelism - 2

    @contextmanager
    def _idle(self) -> Iterator[None]:
        """What only waits for the server writes nothing: its place is another's meanwhile."""
        self._writing -= 1
        self._woken.set()
        try:
            yield
        finally:
            self._writing += 1

    def _failure_code(self) -> int:
        """What the failures mean, if they all mean the same. Who is told to come back later has begun, at least."""
        if self.later:
            return APPLIED_IN_PART
        return self.codes.pop() if len(self.codes) == 1 else 1

    def _start(self) -> bool:
        """Start what can be started; whether anything is under way."""
        self._due.take_back(self._most_begun)
        while not self.stopping and (id := self._due.pop(room=self._has_room)) is not None:
            step = self.steps[id]
            if blocked := self._why_not(step):
                self._lose(step, blocked)
                continue
            if not self._due.has_turn(id, step):
                continue
            self._writing += not isinstance(step, Wait)
            self.run.on_event(StepStarted(step.addresses[0], step.verb))
            self._tasks[task := asyncio.create_task(self.writer.do(step))] = id
            task.add_done_callback(self._has_ended)
        return bool(self._tasks)

    @property
    def _has_room(self) -> bool:
        """Whether one more step that writes may be begun."""
        return self._writing - self.run.places.held < self._most_begun

    def _why_not(self, step: Step) -> _Blocked | None:
        """Why a step whose needs have all ended cannot be done; None when it can."""
        if isinstance(step, BulkCreate):
            return self._why_not_bulk(step)
        # Values of results that could not be made are passed over; those of the others are written all the same.
        passed = {it.address for it in laters_in(step.fields)} if isinstance(step, Fill) else ()
        needs = (need for need in sorted(step.needs) if self.steps[need].addresses[0] not in passed)
        # What failed first: what waits for that as well is not merely left to a later run.
        lost = sorted((need for need in needs if need in self.lost), key=lambda need: need in self.detached)
        if lost:
            return _Blocked(f"waits for {self.steps[lost[0]].addresses[0]}", awaited=lost[0] in self.detached)
        if isinstance(step, Create) and (used := self._used_and_bad(step.address)):
            return _Blocked(f"waits for {used}", awaited=self._is_awaited(used))
        # A delete is held up by what it needs and not by its address, which may have failed with another object.
        if step.address not in self.run.bad or isinstance(step, Delete):
            return None
        awaited = self._is_awaited(step.address)
        return _Blocked(self.results[step.address].message if awaited else "it failed before", awaited=awaited)

    def _is_awaited(self, address: str) -> bool:
        """Whether nothing is in the way of an address but the API's own work."""
        return address in self.results and self.results[address].result == AWAITED

    def _used_and_bad(self, address: str) -> str | None:
        """What an address lives in or refers to, and can have nothing done with it in this run."""
        used = [parent_of(address) or "", *self._named_by(address)]
        return next((other for other in used if other in self.run.bad), None)

    def _named_by(self, address: str) -> list[str]:
        kind, fields = self.run.kinds[self.run.changes[address].kind], self.run.changes[address].fields
        return [it for ref in kind.refs() for it in ref.named_in(fields)]

    def _why_not_bulk(self, step: BulkCreate) -> _Blocked | None:
        """A bulk create goes on without those that cannot be made; each of them is named."""
        for address in step.addresses:
            unready = (other for other in self._named_by(address) if Wait.id_of(other) in self.detached)
            blocked = self._used_and_bad(address) or next(unready, None)
            if blocked is not None and self._is_awaited(blocked):
                self._leave(address, f"waits for {blocked}", made=False)
            elif blocked is not None:
                self._mark(address, "skipped", f"waits for {blocked}")
        if any(address not in self.run.bad for address in step.addresses):
            return None
        return _Blocked("nothing of it can be made", awaited=all(map(self._is_awaited, step.addresses)))

    def _finish(self, id: StepId, task: asyncio.Task[None]) -> None:
        step = self.steps[id]
        self._writing -= not isinstance(step, Wait)
        self._due.ended(step)
        if task.cancelled():
            self.lost[id] = "interrupted"
            return
        match task.exception():
            case None:
                if step.writes:
                    self.written |= {address for address in step.addresses if address not in self.run.bad}
                self.run.on_event(StepDone(step.addresses[0], step.verb))
            case Stopped():
                self.lost[id] = "interrupted"
                return
            case Failures() as error:
                self.codes.add(error.exit_code)
                self.written |= {it for it in step.addresses if it not in error.by_address and it not in self.run.bad}
                for address, why in error.by_address.items():
                    self._mark(address, "failed", why)
            case Passed() as error:
                self.written |= set(step.addresses) if error.wrote else set()
                self._pass_over(step, str(error))
            case Detached() as error:
                self.written |= set(step.addresses) if error.wrote else set()
                self.lost[id] = str(error)
                self.detached.add(id)
                self._leave(step.addresses[0], str(error), made=isinstance(step, Wait))
            case ReconcilerError() as error:
                self._fail(step, error)
            case error:
                raise error
        # Also after a failure: what needs it is started, finds it lost, and is skipped by name.
        self._release(id)

    def _fail(self, step: Step, error: ReconcilerError) -> None:
        """A step that failed as a whole. Where it means that nothing else can be done, nothing else is begun."""
        self.lost[step.id] = str(error)
        self.codes.add(error.exit_code)
        for address in step.addresses:
            self._mark(address, "failed", str(error))
        if isinstance(error, Unauthorised | StateError):
            self.fatal = error
            self.stop()
        # What is limited otherwise goes on: nothing more is sent of what was told to come back later.
        self.later |= isinstance(error, RateLimited) and error.resumes is not None

    def _lose(self, step: Step, blocked: _Blocked) -> None:
        self.lost[step.id] = blocked.why
        for address in step.addresses:
            if blocked.awaited:
                self._leave(address, blocked.why, made=not isinstance(step, Create | BulkCreate))
            else:
                self._mark(address, "skipped", blocked.why)
        if blocked.awaited:
            self.detached.add(step.id)
        if isinstance(step, Wait):
            self.run.places.ended(step.kind, self.run.ids.get(step.address, ""))
        self._release(step.id)

    def _pass_over(self, step: Step, message: str) -> None:
        """A part of an address is not done; all else goes on with it, for its object is as it was."""
        address, of = step.addresses[0], laters_in(step.fields) if isinstance(step, Fill) else ()
        lacking = [it.address for it in of if it.address in self.run.bad]
        if lacking and all(map(self._is_awaited, lacking)):
            self._leave(address, message, made=True)
        elif address not in self.run.bad:
            self.results[address] = Outcome(address, self.run.changes[address].action, "skipped", message)
            self.run.on_event(StepSkipped(address, message))

    def _leave(self, address: str, message: str, *, made: bool) -> None:
        """A later run goes on with an address, when the API is ready. If nothing is `made` yet, nothing else can be
        done with it in this run; else all goes on that does not need it ready."""
        if address in self.run.bad or address in self.results:
            return
        if not made:
            self.run.bad[address] = message
        action = self.run.changes[address].action if address in self.run.changes else Action.CREATE
        self.results[address] = Outcome(address, action, AWAITED, message)
        self.run.on_event(StepAwaited(address, message))

    def _mark(self, address: str, result: str, message: str) -> None:
        if address in self.run.bad and not self._is_awaited(address):
            return
        self.run.bad[address] = message
        action = self.run.changes[address].action if address in self.run.changes else Action.UPDATE
        self.results[address] = Outcome(address, action, result, message)
        self.run.on_event((StepFailed if result == "failed" else StepSkipped)(address, message))

    def _release(self, id: StepId) -> None:
        for dependant in self.needed_by.get(id, ()):
            self.unmet[dependant] -= 1
            if self.unmet[dependant] == 0:
                self._due.add(dependant)

    def _outcomes(self) -> Iterable[Outcome]:
        unfinished = {address for id in self._left() for address in self.steps[id].addresses}
        under_way = self.run.ledger.under_way()
        for change in self.run.plan.changes:
            address = change.address
            if address in self.results:
                yield self._told(self.results[address])
            elif address in unfinished:
                yield self._told(self._unfinished(change, under_way))
            else:
                yield Outcome(address, change.action, "done", self.run.said.get(address, ""), wrote=True)
        changed = {change.address for change in self.run.plan.changes}
        yield from (self._told(outcome) for address, outcome in self.results.items() if address not in changed)

    def _unfinished(self, change: Change, under_way: Collection[str]) -> Outcome:
        """What this run has not ended: of what was sent the next one makes no second."""
        why = str(self.fatal) if self.fatal else "interrupted"
        if change.address not in under_way:
            return Outcome(change.address, change.action, "skipped", why)
        return Outcome(change.address, change.action, "begun", f"{why}; the next apply goes on with it", wrote=True)

    def _told(self, outcome: Outcome) -> Outcome:
        """As it was: what was skipped after a part of it was done is begun."""
        if outcome.address not in self.written:
            return outcome
        return replace(outcome, wrote=True, result="begun" if outcome.result == "skipped" else outcome.result)

    def _left(self) -> Iterable[StepId]:
        """Steps that never started, or were cancelled."""
        started = {id for id, count in self.unmet.items() if count == 0}.difference(self._due.left())
        return [id for id in self.steps if id not in started or self.lost.get(id) == "interrupted"]
