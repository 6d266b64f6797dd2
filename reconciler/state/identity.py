"""Who a stack is beyond its name: its random id, the account that it is of, and the names that it had before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from reconciler.errors import StateError
from reconciler.state.tables import (
    checks,
    drifts,
    handles,
    locks,
    new_id,
    operations,
    resources,
    runs,
    stacks,
    told,
    unseen,
)

__all__ = ["Identity", "change", "ensure", "neighbours_of", "rename"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A stack as its state knows it."""

    id: str
    """Random, made at the first write: it tells this stack from another of the same name."""
    account: str | None = None
    """See `planfile.account_of`; None until something was applied."""
    place: str | None = None
    """The file that names it, or "." for a directory: a stack of another name there is this one renamed."""
    former: tuple[str, ...] = ()
    """Names that the stack had before it was renamed, the latest last."""
    rebuild: bool = False
    """Whether there may be more of ours than is recorded: true until a run has ended whole."""


def ensure(connection: sa.Connection, stack: str) -> None:
    """Give the stack an id unless it has one: part of the first transaction that writes anything of it."""
    if connection.scalar(sa.select(stacks.c.id).where(stacks.c.stack == stack)) is None:
        row = {"stack": stack, "id": new_id(), "account": None, "place": None, "former": "[]", "rebuild": True}
        connection.execute(stacks.insert(), row)


def neighbours_of(stack: str, place: str) -> sa.Select[tuple[str, int]]:
    """Asks for other stacks that were declared in the same place, or nobody knows where, with how many objects."""
    here = sa.or_(stacks.c.place == place, stacks.c.place.is_(None))
    query = sa.select(resources.c.stack, sa.func.count().label("objects"))
    query = query.join(stacks, stacks.c.stack == resources.c.stack).where(resources.c.stack != stack, here)
    return query.group_by(resources.c.stack).order_by(resources.c.stack)


def change(connection: sa.Connection, stack: str, **values: Any) -> None:
    """Set some of what is known of the stack, which has an id by now."""
    if values:
        connection.execute(stacks.update().where(stacks.c.stack == stack).values(**values))


def rename(connection: sa.Connection, old: str, new: str) -> None:
    """All that is kept of a stack is kept under another name. StateError when something is kept under that already."""
    for table in (resources, operations):
        if connection.scalar(sa.select(table.c.stack).where(table.c.stack == new).limit(1)):
            raise StateError(f"the state has a stack {new!r} already, with objects of its own; choose another name")
    ensure(connection, old)
    for table in (
        stacks,
        runs,
        unseen,
        locks,
        handles,
        checks,
        drifts,
        told,
    ):  # of the new name there is nothing but what an empty run has left
        connection.execute(table.delete().where(table.c.stack == new))
    before = connection.scalar(sa.select(stacks.c.former).where(stacks.c.stack == old))
    names = [name for name in (*json.loads(before or "[]"), old) if name != new]
    for table in (stacks, resources, operations, handles, runs, unseen, checks, drifts, told):
        connection.execute(table.update().where(table.c.stack == old).values(stack=new))
    change(connection, new, former=json.dumps(names), rebuild=True)  # until all of it is marked anew
