"""What is replaced beside: when all of the new one is there it is checked, takes the old one's place, and what the old
one was goes or is kept.

Each stage is a plan of its own, made under the same lock: a run that ends anywhere is gone on with by the next. What
was agreed to is the replacement, so each stage plans nothing but that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.engine import applying, beside
from reconciler.engine.beside import Turn
from reconciler.errors import first_few
from reconciler.frozen import dataclass
from reconciler.model import AWAITED, Action, Outcome, Report, StepDone, StepFailed, StepStarted, is_within
from reconciler.ownership import declared_address, next_root
from reconciler.plan.targeting import Targeting

if TYPE_CHECKING:
    from reconciler.engine import Planning, Session
    from reconciler.engine.applying import Begin, Tell

__all__ = ["Stages", "halfway", "turned"]

CHECK = "check"
NAMED = 3
INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Stages:
    """How the stages of one apply are run."""

    session: Session
    command: str
    on_event: Tell
    on_start: Begin
    stopping: Callable[[], bool]
    """Whether the run was asked to stop."""


async def turned(stages: Stages, planning: Planning, report: Report) -> Report:
    """What an apply that replaces something beside came to, all of its stages together: one replacement after the
    other, for what becomes of one is not another's business."""
    mine = [it.address for it in planning.turns if stages.session.targeting.has(it.address)]
    why: dict[str, str] = {}
    for address in halfway(planning):
        if not report.interrupted and not report.failed:
            report = await _Turning(stages, address).end(report)
    for address in mine:
        if report.interrupted:
            break
        report, why[address] = await _Turning(stages, address).go(report)
    return _with(report, mine, why)


def halfway(planning: Planning) -> list[str]:
    """Addresses that have their new one, which an interrupted run has left without its name."""
    held = (it.address for it in planning.plan.changes if it.action is Action.HOLD)
    return sorted(address.partition("@")[0] for address in held)


class _Turning:
    """One replacement."""

    def __init__(self, stages: Stages, address: str) -> None:
        self.stages, self.address = stages, address

    def _stage(self, *more: str, promoted: frozenset[str] = frozenset()) -> Session:
        targeting = Targeting((self.address, *more))
        return replace(self.stages.session, promoted=promoted, targeting=targeting, replace={})

    async def go(self, report: Report) -> tuple[Report, str]:
        """The report with what was done more, and why the new one has not taken the place; "" when it has."""
        if (turn := await self._seen(report)) is None:
            return report, ""
        if not turn.ready:
            lacking = first_few(turn.lacking, NAMED)
            return report, f"{turn.name} is not whole yet ({lacking}); the old one serves on"
        if why := await self._failed(turn):
            return report, f"{why}; {turn.name} is kept to be looked at, and the old one serves on"
        stage = self._stage(promoted=frozenset((self.address,)))
        report, why = await self._applied(stage, await self._planned(stage), report)
        if why or report.interrupted:
            return report, why or INTERRUPTED
        return await self.end(report), ""

    async def end(self, report: Report) -> Report:
        """Then what was read of the old one is read of the new one, and the old one goes, unless it is kept for a while
        or something is against it: that the next plan says. A read may lag behind the new names: what is done again
        for that changes nothing, and it is looked at again."""
        session = self.stages.session
        async for _ in self._looks():
            stage = self._stage(*beside.readers(session.stack, session.kinds, self.address))
            planning = await self._planned(stage)
            if planning and planning.plan.estimate.derived_objects:  # unseen, and to be paid: for a later plan
                stage = self._stage()
                planning = await self._planned(stage)
            report, why = await self._applied(stage, planning, report)
            if planning is None or why or report.failed or report.interrupted or not halfway(planning):
                break
        return report

    async def _seen(self, report: Report) -> Turn | None:
        """How far it is, of all that this run has seen ready at the least; None when there is nothing to replace."""
        made = {declared_address(it.address) for it in report.outcomes if it.result == "done"}
        turn: Turn | None = None
        async for _ in self._looks():
            turns = (await self._stage().plan_for_good()).turns
            turn = next((it for it in turns if it.address == self.address), None)
            if turn is None or turn.ready or not made.issuperset(turn.lacking):
                break
        return turn

    async def _looks(self) -> AsyncIterator[int]:
        """As often as may be looked until reads show what this run has done, with pauses."""
        session = self.stages.session
        pause_s = session.drivers[session.stack.resources[self.address].kind].traits.pause_s(session.limits.poll_s)
        for look in range(session.limits.looks):
            if look:
                await session.clock.sleep(pause_s)
            yield look

    async def _planned(self, stage: Session) -> Planning | None:
        """None when the run was asked to stop."""
        return None if self.stages.stopping() else await stage.plan_for_good()

    async def _applied(self, session: Session, planning: Planning | None, report: Report) -> tuple[Report, str]:
        """The report with what this stage does, and why it cannot do it."""
        if planning is None:
            return replace(report, interrupted=True), ""
        if not planning.plan.changes or planning.refusals:
            return report, "; ".join(planning.refusals)
        stages = self.stages
        more = await applying.apply(
            session, planning, command=stages.command, on_event=stages.on_event, on_start=stages.on_start
        )
        return _both(report, more), ""

    async def _failed(self, turn: Turn) -> str:
        """Which checks the new one does not pass, and why; "" when it passes all."""
        if not turn.replacing.checks:
            return ""
        self.stages.on_event(StepStarted(turn.address, CHECK))
        why = await self.stages.session.gate(turn)
        self.stages.on_event(StepFailed(turn.address, why) if why else StepDone(turn.address, CHECK))
        return why


def _both(first: Report, then: Report) -> Report:
    """One report of both. What an address came to last counts; what was done is not undone by that."""
    outcomes = {it.address: it for it in first.outcomes}
    for it in then.outcomes:
        before = outcomes.get(it.address)
        outcomes[it.address] = replace(it, wrote=it.wrote or (before is not None and before.wrote))
    return replace(then, outcomes=tuple(outcomes.values()), seconds=first.seconds + then.seconds)


def _with(report: Report, addresses: Sequence[str], why: Mapping[str, str]) -> Report:
    """The report in which a replacement is done only when the new one has the place."""
    outcomes = {it.address: it for it in report.outcomes}
    for address in addresses:
        if told := why.get(address, INTERRUPTED):
            id = outcomes[address].id if address in outcomes else ""
            result = AWAITED if _only_awaits(outcomes.values(), address) and not report.interrupted else "begun"
            outcomes[address] = Outcome(address, Action.REPLACE, result, told, wrote=True, id=id)
        else:
            outcomes = dict(_replaced(outcomes, address))
    return replace(report, outcomes=tuple(outcomes.values()))


def _only_awaits(outcomes: Iterable[Outcome], root: str) -> bool:
    """Whether all that was made beside an address is done, but for what the API has to make ready and nobody waited
    for."""
    beside = [it for it in outcomes if next_root(it.address) and is_within(declared_address(it.address), root)]
    results = {it.result for it in beside}
    return AWAITED in results and results <= {"done", AWAITED}


def _replaced(outcomes: Mapping[str, Outcome], root: str) -> Iterator[tuple[str, Outcome]]:
    """With one replacement for what was made beside and has moved to where it is declared."""
    for address, outcome in outcomes.items():
        declared = declared_address(address)
        mine = is_within(declared, root)
        if mine and next_root(address):
            continue
        done = mine and "@" not in address and outcome.result == "done"
        yield address, replace(outcome, action=Action.REPLACE) if done else outcome
