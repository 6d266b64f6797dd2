"""Desired against recorded against live, one address after the other: what changes, and what drifted. Pure.

Only declared fields are compared. Kinds come in the order in which they refer to each other, so that whoever refers to
a replaced object knows it: a reference to it is a difference even though its address is the same.

`laters` says which values of results are known; `fields` compares values and says who changed them; `proofs` tells what
no field says; `decide` makes a change of what differs at an address; `orphans` adds what is no longer declared; `drift`
compares with what was recorded; `recorded` says what is to be recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field as default

from reconciler.diff.decide import FETCHED, TRIED_TWICE, WISHED, Attempts, Decider
from reconciler.diff.drift import against_recorded, flipped
from reconciler.diff.laters import NOTE, filled, without_laters
from reconciler.diff.orphans import orphans
from reconciler.diff.proofs import changed_by_others
from reconciler.diff.recorded import applied, refreshed
from reconciler.frozen import dataclass
from reconciler.kinds import Kinds
from reconciler.model import MAKING, Action, Change, Recorded, Stack, by_kind
from reconciler.ownership import Claims

__all__ = [
    "FETCHED",
    "NOTE",
    "TRIED_TWICE",
    "WISHED",
    "Attempts",
    "Decider",
    "Difference",
    "applied",
    "changed_by_others",
    "diff",
    "drift_from",
    "filled",
    "without_laters",
]


@dataclass(slots=True)
class Difference:
    """All changes, parents first, and all drift."""

    changes: dict[str, Change] = default(default_factory=dict)
    drift: list[Change] = default(default_factory=list)
    stuck: dict[str, str] = default(default_factory=dict)
    """address → why: what has failed again and again, and is not made anew by itself"""
    refreshed: dict[str, Recorded] = default(default_factory=dict)
    """Rows that are to be written though nothing changes: live is as desired, and recorded is behind."""


def diff(
    stack: Stack,
    kinds: Kinds,
    claims: Claims,
    attempts: Attempts | None = None,
    wishes: Mapping[str, str] | None = None,
) -> Difference:
    """What would make live as desired, and how live differs from what was last applied. `attempts` are those of
    earlier runs to make what is declared and not there; `wishes` are addresses to be replaced whatever differs, each
    with the id that it is about, or "" for any."""
    result, resources = Difference(), by_kind(stack.resources.values())
    for kind in kinds:
        one = Decider(stack, kind, claims, result.changes, attempts or {}, wishes or {})
        for resource in resources.get(kind.__name__, ()):
            address = resource.address
            if address in claims.unchanged and not one.has_cause(address, resource):
                continue
            if change := one.change(address, resource):
                result.changes[address] = change
        remade = {address for address, change in result.changes.items() if change.action in MAKING}
        result.stuck |= {address: why for address, why in one.stuck.items() if address not in remade}
    result.changes |= orphans(claims)
    result.drift = list(against_recorded(kinds, stack, claims, result.changes))
    result.refreshed = dict(refreshed(kinds, stack, claims, result.changes))
    return result


def drift_from(claims: Claims, difference: Difference) -> tuple[str, list[Change]]:
    """(what live was compared with, how it differs): `recorded`, or `declared` where nothing is recorded at all.

    An address of which nothing is recorded is compared with what is declared; that it is not there is drift only when
    nothing else is recorded either: else it is still to be made.
    """
    loose = [flipped(change) for address, change in difference.changes.items() if address not in claims.rows]
    if not claims.recorded:
        return "declared", [change for change in loose if change]
    known = [change for change in loose if change and change.action is Action.UPDATE]
    return "recorded", [*difference.drift, *(it for it in known if it.address not in claims.adopted)]
