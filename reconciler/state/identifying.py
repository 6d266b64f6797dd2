"""Giving a stack its id, changing what is known of it, and keeping all of it under another name."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from reconciler.errors import StateError
from reconciler.state.tables import (
    checks,
    drifts,
    handles,
    leases,
    locks,
    new_id,
    operations,
    resources,
    runs,
    spreads,
    stacks,
    told,
    unseen,
)

__all__ = ["change", "ensure", "rename"]


def ensure(connection: sa.Connection, stack: str) -> None:
    """Give the stack an id unless it has one: part of the first transaction that writes anything of it."""
    if connection.scalar(sa.select(stacks.c.id).where(stacks.c.stack == stack)) is None:
        row = {"stack": stack, "id": new_id(), "account": None, "place": None, "former": "[]", "rebuild": True}
        connection.execute(stacks.insert(), row)


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
        spreads,
        leases,
    ):  # of the new name there is nothing but what an empty run has left
        connection.execute(table.delete().where(table.c.stack == new))
    before = connection.scalar(sa.select(stacks.c.former).where(stacks.c.stack == old))
    names = [name for name in (*json.loads(before or "[]"), old) if name != new]
    for table in (stacks, resources, operations, handles, runs, unseen, checks, drifts, told, spreads, leases):
        connection.execute(table.update().where(table.c.stack == old).values(stack=new))
    change(connection, new, former=json.dumps(names), rebuild=True)  # until all of it is marked anew
