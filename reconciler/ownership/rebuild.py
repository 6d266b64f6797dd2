"""A stack of which little or nothing is recorded: under which id it goes on, and what there is to be said. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from reconciler.errors import Problem, Refused
from reconciler.kinds import Kinds
from reconciler.model import Recorded, Snapshot, Stack
from reconciler.ownership.account import Belonging
from reconciler.ownership.claims import Claims, name_before, row_from
from reconciler.redact import as_declared

__all__ = ["chosen_id", "known_as", "rebuilt", "said_of"]


class _Identity(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def former(self) -> tuple[str, ...]: ...


def known_as(identity: _Identity | None, stack: Stack) -> Stack:
    """The stack with what its state knows of it."""
    return replace(stack, id=identity.id, former=identity.former) if identity else stack


def chosen_id(stack: Stack, snapshot: Snapshot, given: str | None) -> str | None:
    """The id of the objects that are this stack's, when its state is to be made anew from them. Raises Refused when
    several stacks have the name and nobody says which is meant."""
    ids = {id for name in (stack.name, *stack.former) for id in snapshot.stack_ids(name)}
    if given is not None and given not in ids:
        known = f"there are {', '.join(sorted(ids))}" if ids else "none has any id"
        raise Refused([f"no object of a stack {stack.name!r} carries the id {given}; {known}"])
    # What carries our own id decides; an id of ours that nothing carries is that of a state which was begun anew.
    if given is not None or stack.id in ids or not ids:
        return given or stack.id
    if len(ids) > 1:
        raise Refused(
            [f"objects of {len(ids)} stacks of the name {stack.name!r} are in the account; say which is this one's: "]
            + [f"  --id {id}: {_some_of(snapshot, id)}" for id in sorted(ids)]
        )
    return next(iter(ids))


def _some_of(snapshot: Snapshot, id: str) -> str:
    stamps = (live.stamp for objects in snapshot.by_kind.values() for live in objects.values() if live.stamp)
    keys = sorted(stamp.key for stamp in stamps if stamp.stack_id == id)
    return f"{len(keys)} objects, such as {', '.join(keys[:3])}"


def rebuilt(stack: Stack, kinds: Kinds, claims: Claims) -> list[Recorded]:
    """What would be recorded if all that is found had been applied."""
    rows = []
    for address, live in claims.live.items():
        resource = stack.resources[address]
        if not resource.external and address not in claims.adopted:
            row = row_from(kinds[live.kind], claims.moved.get(address, address), live, claims)
            fields = as_declared(row.fields, resource.fields)
            rows.append(replace(row, protect=resource.protect, fields=fields))
    return [*rows, *claims.orphans.values(), *claims.forgotten.values(), *claims.deposed, *claims.displaced]


def said_of(stack: Stack, claims: Claims, belongs: Belonging) -> Iterator[Problem]:
    """What whoever reads a plan should know of whose the objects are."""
    if belongs.note:
        yield Problem("", 0, 0, "", belongs.note, "note")
    if claims.unproven:
        ids = " and ".join(sorted(set(claims.unproven.values())))
        known = f"this one's is {stack.id}" if stack.id else "this state knows nothing of it"
        text = (
            f"{_count(len(claims.unproven))} found by the stamp of a stack {stack.name!r} with the id {ids}, and "
            f"{known}; a change needs --adopt{'' if stack.id else ', or `reconciler state rebuild` first'}"
        )
        yield Problem("", 0, 0, "", text, "note")
    for id, lives in sorted(claims.namesakes.items()):
        text = (
            f"{_count(len(lives))} of another stack {stack.name!r}, or of another state of this one (id {id}; this "
            f"one's is {stack.id}), and left alone; choose another name, or see `reconciler state duplicates`"
        )
        yield Problem("", 0, 0, "", text, "warning")
    yield from _perhaps_deposed(stack, claims)


def _perhaps_deposed(stack: Stack, claims: Claims) -> Iterator[Problem]:
    """What has the name that a replaced object of ours gets, and nothing else that says whose it is."""
    # A run was killed in a replacement, the state was lost, and nothing that carries a stamp lives in it any more.
    # A name proves nothing: it is told, never deleted.
    for live in (live for lives in claims.foreign.values() for live in lives):
        if (name := name_before(live)) is None:
            continue
        alike = (it for it in stack.resources.values() if it.kind == live.kind and name in it.fields.values())
        if (resource := next(alike, None)) is not None:
            text = (
                f"{live.kind} {live.id} has the name that is given to what is replaced here, and nothing else says "
                "that it is this stack's: delete it by hand if it is"
            )
            yield Problem("", 0, 0, resource.address, text, "warning")


def _count(number: int) -> str:
    return f"{number} object{'s are' if number != 1 else ' is'}"
