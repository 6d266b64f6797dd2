"""Changes in the order in which they can be done, with what that costs. Pure.

The order, worked out once (and case by case in docs/order.md):
- made before: what something refers to, and what it lives in; an asset must also be ready before it is used;
- a replaced object is made first and deleted last, when all that used the old one uses the new one. Only where the API
  would take old and new for the same (an asset in an index) the old one goes first;
- a replaced object with a name that is unique is renamed first, so that the new one can have the name;
- whoever takes a unique name waits until its holder was renamed, or is gone; in a circle one is renamed first;
- members are added before others are taken away, so that a set is never empty;
- deleted before: what lives in it and what refers to it. What the API deletes together with its parent costs no call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from reconciler.diff import Difference
from reconciler.errors import Invalid, Problem
from reconciler.kinds import Kinds
from reconciler.model import Action, Awaited, Change, Estimate, Plan, Snapshot, Stack
from reconciler.ownership import Claims, deposed_name
from reconciler.plan.awaited import told_of
from reconciler.plan.facts import told
from reconciler.plan.names import NameTrades
from reconciler.plan.needs import Needs
from reconciler.plan.order import by_path, order
from reconciler.plan.steps import steps_of
from reconciler.plan.targeting import EVERYTHING, Targeting

__all__ = ["deposed_name", "make_plan", "order", "with_changes"]


def make_plan(
    stack: Stack,
    kinds: Kinds,
    claims: Claims,
    difference: Difference,
    snapshot: Snapshot,
    targeting: Targeting = EVERYTHING,
    awaited: tuple[Awaited, ...] = (),
) -> Plan:
    """The whole plan, or the part of it that is asked for, and what is `awaited` of it.

    Raises Invalid: with what cannot be planned, or when steps wait for each other in a circle."""
    chosen, notes = targeting.of(difference.changes, stack, kinds, claims, snapshot)
    changes = told(chosen, kinds, claims, snapshot)
    names = NameTrades(kinds, claims, changes, snapshot)
    if problems := [*_problems(stack, claims, changes.values()), *_kept_names(stack, claims, names)]:
        raise Invalid(problems)
    stuck = {address: why for address, why in difference.stuck.items() if targeting.has(address)}
    steps = steps_of(stack, Needs(kinds, claims, changes, snapshot, names), targeting)
    return Plan(
        stack=stack.name,
        provider=stack.provider,
        changes=_as_tree(changes.values()),
        steps=order(steps),
        drift=_as_tree(change for change in difference.drift if targeting.has(change.address)),
        estimate=Estimate(writes=sum(step.writes for step in steps), reads_spent=snapshot.requests),
        diagnostics=(*notes, *told_of(awaited), *_stuck(stack, stuck)),
        stuck=stuck,
        awaited=awaited,
        unmanaged={kind: len(lives) for kind, lives in sorted(claims.foreign.items())},
        left_out=len(difference.changes) - len(changes),
    )


def with_changes(plan: Plan, changes: Mapping[str, Change]) -> Plan:
    """The plan with changes that have no steps of their own, in place of what else is told of their addresses."""
    others = (change for change in plan.changes if change.address not in changes)
    return replace(plan, changes=_as_tree([*others, *changes.values()]))


def _as_tree(changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(sorted(changes, key=lambda change: by_path(change.address)))


def _problems(stack: Stack, claims: Claims, changes: Iterable[Change]) -> Iterator[Problem]:
    """What nobody can agree to: to replace what is not ours, or the very object that `id:` names."""
    for change in changes:
        resource = stack.resources.get(change.address)
        if change.action is not Action.REPLACE or resource is None:
            continue
        if resource.id is not None:
            text = (
                f"`id: {resource.id}` means exactly this object, but it would have to be replaced ({change.reason}); "
                "take `id` away to let it be"
            )
        elif change.address in claims.adopted:
            text = (
                f"{change.kind} {change.id} has its name, is unmanaged and would have to be replaced "
                f"({change.reason}); delete it by hand, or choose another name"
            )
        else:
            continue
        yield Problem(*stack.where(change.address), change.address, text)


def _kept_names(stack: Stack, claims: Claims, names: NameTrades) -> Iterator[Problem]:
    """What is unique and is taken from something that keeps it: the API would refuse it, so it is said before."""
    for address, taken in sorted(names.taken.items()):
        if taken.freed_by is None:
            holder = taken.holder
            whose = claims.addresses.get((holder.kind, holder.id), "not of this stack")
            text = f"{holder.kind} {holder.id} ({whose}) has its {names.word(holder)} and keeps it; choose another"
            yield Problem(*stack.where(address), address, text)


def _stuck(stack: Stack, stuck: Mapping[str, str]) -> Iterator[Problem]:
    for address, why in sorted(stuck.items()):
        yield Problem(*stack.where(address), address, why, "warning")
