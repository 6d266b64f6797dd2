"""What a reviewer wants to know of a change beyond its fields: how long, how large, who else lives in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.errors import Problem, first_few
from reconciler.kinds import Kinds
from reconciler.model import Action, Change, Live, Plan, Snapshot
from reconciler.ownership import Claims

__all__ = ["leaving", "told", "used"]

NAMED = 5
"""So many of those who lose something are told by name."""
LEAVING = (Action.DELETE, Action.REPLACE)
TAKING = (*LEAVING, Action.MOVE, Action.FORGET)
"""What an object does not come back from by itself: it goes, or loses its address or its marks."""


def told(changes: Mapping[str, Change], kinds: Kinds, claims: Claims, snapshot: Snapshot) -> dict[str, Change]:
    """The changes with the facts of the objects that leave: `foreign` are ids of what is not ours and would go with a
    container, `unseen` is how many in it were not looked at; `never_made` says that no state of ours recorded it, and
    `displaced` that its address has got another object."""
    children: dict[str, list[str]] = {}
    for kind in kinds:
        if kind.parent:
            children.setdefault(kind.parent.__name__, []).append(kind.__name__)
    foreign = _foreign(claims)
    displaced = {row.id for row in claims.displaced}
    result = {address: _by_stamp_alone(change, claims) for address, change in changes.items()}
    for address, change in list(result.items()):
        if change.action in LEAVING and (live := snapshot.get(change.kind, change.id)):
            facts: dict[str, Any] = {**live.facts, **change.facts}
            if ids := foreign.get((change.kind, live.id)):
                facts["foreign"] = sorted(ids)
            # Where nobody looked in, absent means unknown, and its own count is all there is to go by ("an index that
            # goes, and nobody has looked into it").
            seen = all(live.id in snapshot.parents.get(child, ()) for child in children.get(change.kind, ()))
            if not seen and (inside := live.facts.get(kinds[change.kind].counts)):
                facts["unseen"] = inside
            if live.id in displaced:
                facts["displaced"] = True
            if facts != change.facts:
                result[address] = replace(change, facts=facts)
    return result


def _by_stamp_alone(change: Change, claims: Claims) -> Change:
    """With the fact that nothing but a stamp makes its object ours, if it does not merely stay as it is."""
    # What is adopted is agreed to by that; what only stays as it is loses nothing if the stamp is somebody else's.
    if change.action not in TAKING or change.address in claims.adopted:
        return change
    if not claims.never_made(change.kind, change.id):
        return change
    return replace(change, facts={**change.facts, "never_made": True})


def _foreign(claims: Claims) -> dict[tuple[str, str], list[str]]:
    """(kind, id) of a parent → ids of what lives in it and is not ours."""
    outside = [live for lives in claims.foreign.values() for live in lives]
    outside += [claims.live[address] for address in claims.adopted]
    inside: dict[str, list[str]] = {}
    for live in outside:
        if live.parent_id:
            inside.setdefault(live.parent_id, []).append(live.id)
    if not inside:
        return {}
    return {(kind, id): inside[id] for kind, id in claims.addresses if id in inside}


def leaving(plan: Plan) -> list[tuple[str, str]]:
    """(kind, id) of all objects that the plan deletes."""
    return [(change.kind, change.id) for change in plan.changes if change.action in LEAVING and change.id]


def used(plan: Plan, kinds: Kinds, claims: Claims, users: Mapping[tuple[str, str], Sequence[Live] | None]) -> Plan:
    """The plan with the facts of who would lose something without a word: `losers` are named, and told in every format;
    `unknown_users` says that nobody may look. What is ours and lets go of it in the same plan loses nothing."""
    changes = {change.address: change for change in plan.changes}
    told, warnings = [], []
    for change in plan.changes:
        facts = dict(change.facts)
        lives = users.get((change.kind, change.id or ""), ()) if change.action in LEAVING else ()
        if lives is None:
            facts["unknown_users"] = True
        elif losers := sorted(_named(it, kinds, claims) for it in lives if not _lets_go(it, change, claims, changes)):
            facts["losers"] = losers
            warnings.append(_warning(change.address, losers))
        told.append(replace(change, facts=facts))
    return replace(plan, changes=tuple(told), diagnostics=(*plan.diagnostics, *warnings))


def _warning(address: str, losers: Sequence[str]) -> Problem:
    number = len(losers)
    what = "1 object loses it" if number == 1 else f"{number} objects lose it"
    return Problem("", 0, 0, address, f"{what} without a word when it goes: {first_few(losers, NAMED)}", "warning")


def _lets_go(live: Live, going: Change, claims: Claims, changes: Mapping[str, Change]) -> bool:
    """Whether the plan deletes it, or changes the field by which it refers to what goes."""
    change = changes.get(claims.addresses.get((live.kind, live.id), ""))
    if change is None or change.id != live.id:
        return False
    if change.action in LEAVING:
        return True
    values = (live.fields.get(delta.path) for delta in change.deltas)
    return any(going.id in value if isinstance(value, list) else going.id == value for value in values)


def _named(live: Live, kinds: Kinds, claims: Claims) -> str:
    """Which object, and whose."""
    address = claims.addresses.get((live.kind, live.id))
    whose = address or (f"of the stack {live.stamp.stack!r}" if live.stamp else "unmanaged")
    name = kinds[live.kind].called(live.fields)
    return f"{live.kind} {live.id}{f' {name!r}' if name else ''} ({whose})"
