"""What has to be known beyond doubt before a plan is believed: what it would touch, and what that rests on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.diff import Difference
from reconciler.frozen import dataclass
from reconciler.kinds import Kinds
from reconciler.model import MAKING, Action, Change, Plan, Stack, parent_of
from reconciler.ownership import Claims

__all__ = ["RestsOn", "touched"]

LISTED: Sequence[Action] = (*MAKING, Action.ADOPT)
"""What is made, or taken over, must not be there already: only a whole list says that it is not."""
GOING: Sequence[Action] = (Action.DELETE, Action.REPLACE)
"""With what goes all that is in it may go."""


@dataclass(frozen=True, slots=True)
class RestsOn:
    """What a plan rests on."""

    lists: frozenset[tuple[str, str | None]]
    """(kind, id of the parent) of what must be read whole."""
    objects: frozenset[tuple[str, str]]
    """(kind, id) of what must have been read now."""
    by_id: frozenset[tuple[str, str]]
    """Those of them that go, and are asked for by themselves, whatever a list says."""


def touched(plan: Plan, stack: Stack, kinds: Kinds, claims: Claims, difference: Difference) -> RestsOn:
    """The objects that are changed, that they refer to and that they are in; and the lists in which something is made,
    gets another name, or goes with all that is in it. Drift counts, and rows that would only be recorded anew: what is
    told and what is noted must be so too."""
    changes = {it.address: it for it in (*plan.drift, *difference.drift)} | dict(difference.changes)
    changes |= {it.address: it for it in plan.changes}
    lists: set[tuple[str, str | None]] = set()
    objects: set[tuple[str, str]] = set()
    going: set[tuple[str, str]] = set()
    for change in changes.values():
        lists.update(_lists(change, kinds, claims))
        if change.id:
            objects.add((change.kind, change.id))
            going.update([(change.kind, change.id)] if change.action in GOING else [])
    for address in {*changes, *difference.refreshed, *difference.stuck}:
        objects.update(_objects(address, stack, kinds, claims))
    return RestsOn(frozenset(lists), frozenset(objects), frozenset(going))


def _objects(address: str, stack: Stack, kinds: Kinds, claims: Claims) -> Iterator[tuple[str, str]]:
    """What stands at an address, what it is in, and all that is referred to there."""
    resource = stack.resources.get(address)
    named = [address, parent_of(address) or ""]
    if resource is not None:
        named += [it for field in kinds[resource.kind].refs() for it in field.named_in(resource.fields)]
    for it in named:
        if live := claims.live.get(it):
            yield live.kind, live.id
        if row := claims.rows.get(it):
            yield row.kind, row.id


def _lists(change: Change, kinds: Kinds, claims: Claims) -> Iterator[tuple[str, str | None]]:
    kind = kinds[change.kind]
    named = change.action is Action.UPDATE and any(it.path.split(".")[0] in kind.natural_key for it in change.deltas)
    if change.action in LISTED or named:
        parent = claims.live.get(parent_of(change.address) or "")
        if kind.parent is None or parent is not None:
            yield kind.__name__, parent.id if parent is not None else None
    if change.action in GOING and change.id:
        yield from ((child.__name__, change.id) for child in kinds.children(kind))
