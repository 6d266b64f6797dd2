"""Adopting one object that exists: a plan like any other, narrowed to a single address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from reconciler.engine import Planning, Session
from reconciler.engine.planning import Aim
from reconciler.errors import Invalid, Problem, Refused
from reconciler.model import Action, Estimate, Plan, Recorded, Stack

__all__ = ["adopted"]

IN_PLACE = (Action.ADOPT, Action.UPDATE, Action.MOVE)


async def adopted(session: Session, address: str, id: str) -> Planning:
    """A planning whose plan does nothing but adopt the object `id` as `address`; no changes if it is that already.

    Raises Invalid when the address or the object cannot be used, Refused when adopting it needs more than itself.
    """
    _check(session.stack, session.state.recorded(), address, id)
    resource = session.stack.resources[address]
    session.stack = replace(
        session.stack,
        resources={**session.stack.resources, address: replace(resource, id=id)},
    )
    session.whole = False  # what is agreed to is this one object
    planning = await session.plan()
    difference = replace(planning.difference, refreshed={})
    claims, aim = replace(planning.claims, gone=[]), Aim(adopt=(address, id))
    return replace(planning, plan=_narrowed(planning.plan, address), difference=difference, claims=claims, aim=aim)


def _check(stack: Stack, recorded: Sequence[Recorded], address: str, id: str) -> None:
    """Whether the address is free for the object."""
    resource = stack.resources.get(address)
    if resource is None:
        near = get_close_matches(address, stack.resources, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise Invalid([Problem("", 0, 0, address, f"is not declared{hint or '; declare it in YAML first'}")])
    wrong = ""
    if resource.external:
        wrong = "is external: it is looked up and never managed; take `external` away first"
    elif resource.id not in (None, id):
        wrong = f"has `id: {resource.id}` in YAML, not {id}"
    elif other := next((row for row in recorded if row.address == address and not row.deposed and row.id != id), None):
        wrong = f"is {other.id} already; let go of that first (`reconciler state rm {address}`)"
    if wrong:
        raise Invalid([Problem(*stack.where(address), address, wrong)])


def _narrowed(plan: Plan, address: str) -> Plan:
    """The plan with this address only. Raises Refused when that alone cannot be done."""
    changes = tuple(change for change in plan.changes if change.address == address)
    if any(change.action not in IN_PLACE for change in changes):
        raise Refused([f"{change.address} would be {change.action.value}d ({change.reason})" for change in changes])
    steps = tuple(step for step in plan.steps if step.addresses == (address,)) if changes else ()
    kept = {step.id for step in steps}
    others = {step.id: step.addresses[0] for step in plan.steps if step.id not in kept}
    if needs := sorted({others[need] for step in steps for need in step.needs if need not in kept}):
        raise Refused([f"{address} needs {', '.join(needs)} first; apply that, or adopt it before"])
    return replace(
        plan,
        changes=changes,
        steps=steps,
        drift=(),
        fingerprints={key: value for key, value in plan.fingerprints.items() if key == address},
        estimate=Estimate(
            writes=sum(step.writes for step in steps),
            reads_spent=plan.estimate.reads_spent,
            seconds_at_rate_limit=plan.estimate.seconds_at_rate_limit,
        ),
    )
