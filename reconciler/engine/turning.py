"""What is replaced beside: when all of the new one is there it is checked, takes the old one's place, and what the old
one was goes or is kept.

Each stage is a plan of its own, made under the same lock: a run that ends anywhere is gone on with by the next. What
was agreed to is the replacement, so each stage plans nothing but that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.engine import applying
from reconciler.engine.beside import Turn
from reconciler.model import Action, Outcome, Report, StepDone, StepFailed, StepStarted
from reconciler.plan.targeting import Targeting

if TYPE_CHECKING:
    from reconciler.engine import Planning, Session
    from reconciler.engine.applying import Begin, Tell

__all__ = ["turned"]

CHECK = "check"
NAMED = 3


async def turned(
    session: Session, planning: Planning, report: Report, *, command: str, on_event: Tell, on_start: Begin
) -> Report:
    """What an apply that replaces something beside came to, all of its stages together."""
    return await _Turning(session, planning, command, on_event, on_start).go(report)


class _Turning:
    def __init__(self, session: Session, planning: Planning, command: str, on_event: Tell, on_start: Begin) -> None:
        self.session, self.planning = session, planning
        self.command, self.on_event, self.on_start = command, on_event, on_start

    async def go(self, report: Report) -> Report:
        """One after the other: what becomes of one is not another's business."""
        mine = [it.address for it in self.planning.turns if self.session.targeting.has(it.address)]
        why: dict[str, str] = {}
        for address in mine:
            if report.interrupted:
                break
            report, why[address] = await self._one(address, report)
        return _with(report, mine, why)

    def _stage(self, address: str, promoted: frozenset[str] = frozenset()) -> Session:
        return replace(self.session, promoted=promoted, targeting=Targeting((address,)), replace={})

    async def _one(self, address: str, report: Report) -> tuple[Report, str]:
        """The report with what was done more, and why the new one has not taken the place; "" when it has."""
        turns = (await self._stage(address).plan_for_good()).turns
        turn = next((it for it in turns if it.address == address), None)
        if turn is None:
            return report, ""
        if not turn.ready:
            lacking = ", ".join(turn.lacking[:NAMED])
            more = f" and {len(turn.lacking) - NAMED} more" if turn.lacking[NAMED:] else ""
            return report, f"{turn.name} is not whole yet ({lacking}{more}); the old one serves on"
        if why := await self._failed(turn):
            return report, f"{why}; {turn.name} is kept to be looked at, and the old one serves on"
        report = await self._applied(self._stage(address, frozenset((address,))), report)
        if report.interrupted:
            return report, "interrupted"
        # Then the old one goes, unless it is kept for a while.
        return await self._applied(self._stage(address), report), ""

    async def _applied(self, session: Session, report: Report) -> Report:
        planning = await session.plan_for_good()
        if not planning.plan.changes:
            return report
        more = await applying.apply(
            session, planning, command=self.command, on_event=self.on_event, on_start=self.on_start
        )
        return _both(report, more)

    async def _failed(self, turn: Turn) -> str:
        """Which checks the new one does not pass, and why; "" when it passes all."""
        if not turn.replacing.checks:
            return ""
        self.on_event(StepStarted(turn.address, CHECK))
        why = await self.session.gate(turn)
        self.on_event(StepFailed(turn.address, why) if why else StepDone(turn.address, CHECK))
        return why


def _both(first: Report, then: Report) -> Report:
    """One report of both. What an address came to last counts; what was done is not undone by that."""
    outcomes = {it.address: it for it in first.outcomes}
    for it in then.outcomes:
        before = outcomes.get(it.address)
        outcomes[it.address] = replace(it, wrote=it.wrote or (before is not None and before.wrote))
    return replace(then, outcomes=tuple(outcomes.values()))


def _with(report: Report, addresses: Sequence[str], why: Mapping[str, str]) -> Report:
    """The report in which a replacement is done only when the new one has the place."""
    outcomes = {it.address: it for it in report.outcomes}
    for address in addresses:
        id = outcomes[address].id if address in outcomes else ""
        if told := why.get(address, "interrupted"):
            outcomes[address] = Outcome(address, Action.REPLACE, "begun", told, wrote=True, id=id)
        elif address in outcomes and outcomes[address].result == "done":
            outcomes[address] = replace(outcomes[address], action=Action.REPLACE)
    return replace(report, outcomes=tuple(outcomes.values()))
