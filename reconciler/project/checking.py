"""Searches and checks of a project: what is recorded is read before they run, and what checks found is kept if due."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.checking import chosen, run_checks, to_record
from reconciler.errors import Locked, ReconcilerError
from reconciler.searching import Searching
from reconciler.state import Score

if TYPE_CHECKING:
    from reconciler.checks import Checked
    from reconciler.engine import Planning
    from reconciler.engine.beside import Turn
    from reconciler.project import Project
    from reconciler.provider import Drivers

__all__ = ["check", "gate", "searching", "with_gates"]


async def searching(project: Project, drivers: Drivers) -> Searching:
    """To search what the stack has made, by the ids that its state has."""
    provider = drivers.provider
    if provider.searches is None:
        raise ReconcilerError(f"{provider.name} cannot be searched from here")
    ids = {row.address: row.id for row in project.state.recorded() if not row.deposed}
    if not ids:  # nothing is recorded here: whose what is, is found out as for a plan
        ids = {address: live.id for address, live in (await project.plan()).claims.live.items()}
    shelf, identity = drivers.hands.results, project.state.identity()
    if shelf is not None and identity is not None:
        shelf.known_as(identity.id, identity.former)
    return Searching(project.stack, provider.kinds, provider.searches(drivers.hands), ids, shelf)


async def _check_beside(project: Project, turn: Turn) -> list[Checked]:
    """Check what was made to take the place of something, against the baseline of that: one that there is none of yet
    is what the old one does now. A baseline is left as it is, whatever the new one does."""
    checks = chosen(project.stack, [f"checks/{name}" for name in turn.replacing.checks])
    asked = await project.searching()
    rows, recorded = project.state.recorded(), project.state.baselines()
    if unknown := [it for it in checks if not any(row.check == it.address for row in recorded)]:
        at = project.state.now().isoformat(timespec="seconds")
        before = await run_checks(asked, unknown, recorded=recorded, rows=rows)
        scores = [(it.check.address, to_record(it, recorded, rows, at, anew=False)) for it in before]
        project.state.commit(*(Score(address, found, anew=False) for address, found in scores if found))
        recorded = project.state.baselines()
    return await run_checks(asked, checks, recorded=recorded, container_id=turn.next_id, members=turn.members)


async def gate(project: Project, turn: Turn) -> str:
    """Why what was made beside something does not take its place; "" when it does."""
    outcomes = await _check_beside(project, turn)
    project.gates += outcomes
    failed = (it for it in outcomes if not it.passes)
    return "; ".join(f"{it.check.address} failed ({', '.join(it.verdict.failures)})" for it in failed)


def with_gates(project: Project, planning: Planning) -> Planning:
    """The planning, whose plan says what the checks cost that have to pass before something is replaced."""
    said = []
    for turn in planning.turns:
        if turn.replacing.checks and planning.aim.targeting.has(turn.address):
            names = [f"checks/{name}" for name in turn.replacing.checks]
            text = f"before it is replaced: {', '.join(names)}, {project.bill(names)}"
            said.append(project.stack.problem(turn.address, text, severity="note"))
    return replace(planning, plan=replace(planning.plan, diagnostics=(*planning.plan.diagnostics, *said)))


async def check(project: Project, names: Sequence[str], *, record: bool) -> list[Checked]:
    """Run the checks of these names, or all, and keep baselines. Nothing is held while they run: only who has
    something to keep takes the lock, for as long as that takes."""
    checks = chosen(project.stack, names)
    asked = await project.searching()
    recorded, rows = project.state.baselines(), project.state.recorded()
    outcomes = await run_checks(asked, checks, recorded=recorded, rows=rows)
    at = project.state.now().isoformat(timespec="seconds")
    kept = [
        Score(it.check.address, scores, anew=record)
        for it in outcomes
        if (scores := to_record(it, recorded, rows, at, anew=record))
    ]
    if not kept:
        return outcomes
    try:
        with nullcontext() if project.is_locked else project.lock("reconciler check"):
            project.state.commit(*kept)
    except Locked as error:
        if record:
            raise
        told = f"the baseline was not recorded: {error}"
        return [replace(it, notes=(*it.notes, told)) for it in outcomes]
    return outcomes
