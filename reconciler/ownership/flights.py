"""What is still being made gets its address like any other object: whoever is declared and wants exactly that. Pure.

It is none's object yet: to the plan it is still to be made, and making it goes on with it. What nobody can finish, or
wants any more, is an old object of its address, which the plan deletes like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reconciler.kind import Field, Kind, Updating
from reconciler.kinds import Kinds
from reconciler.model import Flight, Live, Recorded, Resource, Snapshot, Stack
from reconciler.ownership.claims import Claims, Renames
from reconciler.values import same

__all__ = ["assign"]

UNWANTED = "what an interrupted run has begun here ({id}) is not wanted any more; it is deleted"


def assign(
    stack: Stack, kinds: Kinds, claims: Claims, rows: Collection[str], renames: Renames, snapshot: Snapshot
) -> None:
    """Into the claims: for which address each goes on, or that it goes. `rows` are addresses that have an object."""
    for kind in kinds:
        flying = [live for live in snapshot.by_kind.get(kind.__name__, {}).values() if live.in_flight is not None]
        resources = [it for it in stack.resources.values() if it.kind == kind.__name__] if flying else []
        for live in flying:
            assert live.in_flight is not None
            address = _wanted_at(kind, resources, claims, rows, renames, live, live.in_flight)
            claims.known.add(live.kind, live.id)
            if address is None:
                _give_up(kind, claims, live, live.in_flight)
            else:
                claims.in_flight[address] = live
                claims.begun.add((live.kind, live.id))


def _give_up(kind: type[Kind], claims: Claims, live: Live, flight: Flight) -> None:
    spec = kind.field_with(lambda field: field.identity)
    fields = {spec.name: flight.identity} if spec and flight.identity else {}
    row = Recorded(flight.address, live.kind, live.id, fields, live.parent_id, deposed=True)
    claims.depose(row)
    claims.deposed.append(row)
    claims.given_up[flight.address] = UNWANTED.format(id=live.id) if flight.goes_on else flight.told


def _wanted_at(
    kind: type[Kind],
    resources: Sequence[Resource],
    claims: Claims,
    rows: Collection[str],
    renames: Renames,
    live: Live,
    flight: Flight,
) -> str | None:
    """The declared address that still wants this as this object: its own, or else one that is new."""
    if not flight.goes_on:
        return None
    fixed = [field for field in kind.specs.values() if field.update is Updating.REPLACE and not field.identity]
    spec = kind.field_with(lambda field: field.identity)
    fitting = [
        resource.address
        for resource in resources
        if resource.address not in claims.in_flight
        and (spec is None or resource.fields.get(spec.name) == flight.identity)
        and _agree(fixed, resource, live)
    ]
    own = renames(flight.address)
    if own in fitting:
        return own
    if spec is None:  # nothing says that another address wants the same
        return None
    return next((address for address in fitting if address not in rows), None)


def _agree(fixed: Sequence[Field], resource: Resource, live: Live) -> bool:
    """Whether nothing is declared that would need another object; what does not show yet is not held against it."""
    declared = ((field, resource.fields[field.name]) for field in fixed if field.name in resource.fields)
    return all(same(field, value, live.fields[field.name]) for field, value in declared if live.fields.get(field.name))
