"""What a reviewer wants to know of a change beyond its fields: how long, how large, who else lives in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.kind import Kind
from reconciler.model import Action, Change, Snapshot
from reconciler.ownership import Claims

__all__ = ["told"]

LEAVING = (Action.DELETE, Action.REPLACE)
TAKING = (*LEAVING, Action.MOVE, Action.FORGET)
"""What an object does not come back from by itself: it goes, or loses its address or its marks."""


def told(
    changes: Mapping[str, Change], kinds: Sequence[type[Kind]], claims: Claims, snapshot: Snapshot
) -> dict[str, Change]:
    """The changes with the facts of the objects that leave: `foreign` are ids of what is not ours and would go with a
    container, `unseen` is how many in it were not looked at; `never_made` says that no state of ours recorded it, and
    `displaced` that its address has got another object."""
    children: dict[str, list[str]] = {}
    for kind in kinds:
        if kind.parent:
            children.setdefault(kind.parent.__name__, []).append(kind.__name__)
    foreign = _foreign(claims)
    result = {address: _by_stamp_alone(change, claims) for address, change in changes.items()}
    for address, change in list(result.items()):
        if change.action in LEAVING and (live := snapshot.get(change.kind, change.id)):
            facts: dict[str, Any] = {**live.facts, **change.facts}
            if ids := foreign.get((change.kind, live.id)):
                facts["foreign"] = sorted(ids)
            seen = all(live.id in snapshot.parents.get(child, ()) for child in children.get(change.kind, ()))
            if not seen and live.facts.get("video_count"):
                facts["unseen"] = live.facts["video_count"]
            if any(row.id == live.id for row in claims.displaced):
                facts["displaced"] = True
            if facts != change.facts:
                result[address] = replace(change, facts=facts)
    return result


def _by_stamp_alone(change: Change, claims: Claims) -> Change:
    """With the fact that nothing but a stamp makes its object ours, if it does not merely stay as it is."""
    if change.action not in TAKING or change.address in claims.adopted:
        return change
    if not claims.never_made(change.kind, change.id):
        return change
    return replace(change, facts={**change.facts, "never_made": True})


def _foreign(claims: Claims) -> dict[tuple[str, str], list[str]]:
    """(kind, id) of a parent → ids of what lives in it and is not ours."""
    strangers = [live for lives in claims.foreign.values() for live in lives]
    strangers += [claims.live[address] for address in claims.adopted]
    inside: dict[str, list[str]] = {}
    for live in strangers:
        if live.parent_id:
            inside.setdefault(live.parent_id, []).append(live.id)
    if not inside:
        return {}
    return {(kind, id): inside[id] for kind, id in claims.addresses if id in inside}
