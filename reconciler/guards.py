"""What a plan must not do without consent. Pure: it says what it refuses and which flag would allow it.

Defaults are safe and stand in one table; the stack's `guards:` overrides them. `protect` counts also when the block is
gone from YAML, because the mark is recorded: taking it away is an apply of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from reconciler.model import Action, Change, Plan, Stack

__all__ = ["DEFAULTS", "Consent", "refusals"]

DEFAULTS: Mapping[str, float] = {
    "max_deletes": 10,
    "max_delete_share": 0.3,
    "max_replaces": 10,
}
"""`max_delete_share` counts from 10 owned objects on: of three, one is a third."""

SHARE_FROM = 10


@dataclass(frozen=True, slots=True)
class Consent:
    """What whoever runs this has agreed to."""

    adopt: bool = False
    replace: frozenset[str] = field(default_factory=frozenset)
    """Patterns of addresses that may be replaced though that costs an index."""
    deletes: bool = False
    """Any number of deletes and replaces."""
    empty: bool = False
    """A stack that declares nothing may delete everything: `destroy`."""


def refusals(plan: Plan, stack: Stack, owned: int, consent: Consent) -> list[str]:
    """Everything that trips a guard, a line each; [] when the plan may run. `owned` objects were ours before."""
    limits = {**DEFAULTS, **stack.guards}
    return [
        *_protected(plan),
        *_adoptions(plan, stack, consent),
        *_replacements(plan, stack, consent),
        *_emptied(plan, stack, owned, consent),
        *_too_many(plan, limits, owned, consent),
    ]


def _protected(plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        if change.protect and change.action in (Action.DELETE, Action.REPLACE):
            yield (
                f"{change.address} is protected and would be {change.action.value}d ({change.reason}); "
                "set `protect: false` and apply that first"
            )


def _adoptions(plan: Plan, stack: Stack, consent: Consent) -> Iterator[str]:
    for change in plan.changes:
        if change.action is not Action.ADOPT or consent.adopt:
            continue
        resource = stack.resources.get(change.address)
        if resource is None or resource.id is None:
            yield (
                f"{change.address}: {change.kind} {change.id} has its name and is nobody's; "
                f"take it over with --adopt or `id: {change.id}`, or choose another name"
            )


def _replacements(plan: Plan, stack: Stack, consent: Consent) -> Iterator[str]:
    for change in plan.changes:
        if change.action is not Action.REPLACE or not _costs_an_index(change, plan):
            continue
        resource = stack.resources.get(change.address)
        agreed = any(fnmatchcase(change.address, pattern) for pattern in consent.replace)
        if not agreed and not (resource and resource.replace):
            below = sum(other.address.startswith(change.address + "/") for other in plan.changes)
            yield (
                f"{change.address} would be replaced ({change.reason}), and {below} objects in it made anew; "
                f"agree with --allow-replace {change.address} or `replace: allow`"
            )


def _costs_an_index(change: Change, plan: Plan) -> bool:
    """Whether all that lives in it has to be made again."""
    return "parent" not in change.replace_paths and change.kind in plan.containers


def _emptied(plan: Plan, stack: Stack, owned: int, consent: Consent) -> Iterator[str]:
    if not stack.resources and owned and plan.count(Action.DELETE) and not consent.empty:
        yield (
            f"the stack declares nothing, and all {owned} objects of it would be deleted; "
            "was a file emptied or moved? To delete everything use `reconciler destroy`"
        )


def _too_many(plan: Plan, limits: Mapping[str, Any], owned: int, consent: Consent) -> Iterator[str]:
    if consent.deletes or consent.empty:
        return
    deletes, replaces = _unprompted(plan, Action.DELETE), _unprompted(plan, Action.REPLACE)
    if deletes > limits["max_deletes"]:
        yield f"{deletes} deletes, at most {limits['max_deletes']:g} (guards.max_deletes); agree with --allow-deletes"
    elif owned >= SHARE_FROM and deletes > limits["max_delete_share"] * owned:
        share = 100 * deletes / owned
        yield (
            f"{deletes} of {owned} objects ({share:.0f} %) would be deleted, at most "
            f"{100 * limits['max_delete_share']:g} % (guards.max_delete_share); agree with --allow-deletes"
        )
    if replaces > limits["max_replaces"]:
        most = f"{limits['max_replaces']:g}"
        yield f"{replaces} replaces, at most {most} (guards.max_replaces); agree with --allow-deletes"


def _unprompted(plan: Plan, action: Action) -> int:
    """How many changes have this action for their own sake, not because of what they live in."""
    return sum(change.action is action and "parent" not in change.replace_paths for change in plan.changes)
