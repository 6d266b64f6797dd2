"""What of a drift may be repaired by nobody but a program: never a delete, and nothing that git has not had applied."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.errors import Refused
from reconciler.model import Action, ChangedBy, Plan
from reconciler.model.steps import Verb

if TYPE_CHECKING:
    from reconciler.engine import Planning
    from reconciler.project import Project

__all__ = ["Repair", "planned_repair"]


class Repair(StrEnum):
    """What is repaired."""

    NONE = "none"
    UPDATE = "update"
    """Fields that were changed."""
    ALL = "all"
    """Objects that were deleted, too: they are made anew."""


ALLOWED: Mapping[Repair, tuple[Action, ...]] = {
    Repair.NONE: (),
    Repair.UPDATE: (Action.UPDATE,),
    Repair.ALL: (Action.UPDATE, Action.CREATE),
}
NEVER = (Verb.DELETE, Verb.FORGET)


async def planned_repair(project: Project, repair: Repair, drifted: tuple[str, ...]) -> Planning | None:
    """The plan that repairs what may be of these addresses; None when nothing may be. To be called under the lock.

    What is pending in git stays for an apply, that of a drifted address too: a repair brings back what was, and deploys
    nothing. Raises Refused when a guard is against it, or when it cannot be done without something that it may not do.
    """
    target = tuple(it for it in drifted if it in project.stack.resources)
    if not target or repair is Repair.NONE:
        return None
    planning = await project.plan(target=target)
    chosen = _chosen(planning.plan, repair)
    if not chosen:
        return None
    # What stands behind an @ is an object that was replaced at an address; patterns are of addresses.
    rest = {it.address.partition("@")[0] for it in planning.plan.changes} - {*chosen}
    if rest:
        planning = await project.plan(target=chosen, exclude=sorted(rest))
    if planning.refusals:
        raise Refused(planning.refusals)
    _prove(planning.plan, frozenset(chosen), repair)
    return planning if planning.plan.changes else None


def _chosen(plan: Plan, repair: Repair) -> tuple[str, ...]:
    """What may be repaired of it: an update of nothing but drift, or a new object in the place of one that drift says
    to be gone."""
    drifted = {it.address: it.action for it in plan.drift}
    return tuple(
        it.address
        for it in plan.changes
        if it.action in ALLOWED[repair]
        and it.address in drifted
        and (it.action is Action.CREATE or all(delta.source is ChangedBy.DRIFT for delta in it.deltas))
    )


def _prove(plan: Plan, chosen: frozenset[str], repair: Repair) -> None:
    """Whatever made the plan so: what it holds is looked at once more, before anything of it is done."""
    more = [
        f"{it.action.value} {it.address}"
        for it in plan.changes
        if it.address not in chosen or it.action not in ALLOWED[repair]
    ]
    more += [step.id for step in plan.steps if step.verb in NEVER]
    if more:
        what = ", ".join(more[:5])
        raise Refused([f"the repair needs more than a watch may do ({what}): look at `reconciler plan`, and apply"])
