"""What each write does to the tables: all of SQL that changes something.

Only who writes imports this. A plan reads, and SQLAlchemy takes longer to import than a small stack to plan.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from itertools import chain
from typing import Any

import sqlalchemy as sa

from reconciler.errors import StateError
from reconciler.redact import mask
from reconciler.state.identifying import change, ensure, rename
from reconciler.state.tables import checks, drifts, handles, locks, operations, resources, runs, told, unseen
from reconciler.state.writes import (
    Clear,
    Close,
    Drop,
    Keep,
    Open,
    Put,
    RenameStack,
    Score,
    Seen,
    Unseen,
    Write,
    grouped,
)

__all__ = ["Transaction", "upsert"]


class Transaction:
    """Writes in one transaction, for one stack."""

    def __init__(self, connection: sa.Connection, stack: str) -> None:
        self.connection = connection
        self._stack = stack

    def write(self, writes: Sequence[Write]) -> None:
        """Do them in order, neighbours of one type in bulk."""
        for kind, group in grouped(writes):
            _WRITERS[kind](self.connection, self._stack, group)

    def tokens(self) -> Sequence[Any]:
        """The token of the lock, which nobody changes until the transaction ends."""
        return self.connection.execute(_TOKEN, {"of": self._stack}).all()

    def ensure(self) -> None:
        """Give the stack an id unless it has one."""
        ensure(self.connection, self._stack)

    def change(self, **values: Any) -> None:
        """Set some of what is known of the stack."""
        change(self.connection, self._stack, **values)

    def rename(self, new: str) -> None:
        """Keep all of the stack under another name."""
        rename(self.connection, self._stack, new)

    def start_run(self, **row: Any) -> None:
        """Note a run."""
        self.connection.execute(runs.insert(), {"stack": self._stack, **row})

    def end_run(self, run: str, **values: Any) -> None:
        """Note what came of it."""
        done = runs.update().where(runs.c.stack == self._stack, runs.c.run == run)
        self.connection.execute(done.values(**values))

    def note_drift(self, **row: Any) -> None:
        """Note what has drifted, in place of what had."""
        self._replace(drifts, ("stack",), row)

    def note_told(self, **row: Any) -> None:
        """Note what one was told of a subject, in place of what was told before."""
        self._replace(told, ("stack", "target", "subject"), row)

    def take_lock(self, **row: Any) -> int:
        """Say who holds the lock; the token under which it does."""
        insert = upsert(self.connection.dialect.name, locks, ("stack",), ("token",)).returning(locks.c.token)
        token: int = self.connection.execute(insert, {"stack": self._stack, **row, "token": 1}).scalar_one()
        return token

    def clear_lock(self, *, only: int | None = None) -> None:
        """Say that nobody holds the lock: if it is still the one with this token, or whoever held it is fenced off."""
        nobody = locks.update().where(locks.c.stack == self._stack).values(who="")
        mine = nobody.where(locks.c.token == only) if only is not None else nobody.values(token=locks.c.token + 1)
        self.connection.execute(mine)

    def _replace(self, table: sa.Table, key: tuple[str, ...], row: Mapping[str, Any]) -> None:
        self.connection.execute(upsert(self.connection.dialect.name, table, key), {"stack": self._stack, **row})


def _dumps(value: Any) -> str:
    return json.dumps(mask(value, keep=True), sort_keys=True, separators=(",", ":"))


@cache
def upsert(dialect: str, table: sa.Table, key: tuple[str, ...], counts: tuple[str, ...] = ()) -> sa.Insert:
    """Insert, or overwrite the row with the same key, except for `counts`, which rise by one there: the two databases
    spell it alike, SQLAlchemy does not."""
    # That of PostgreSQL takes longer to import than a small stack to plan, and who keeps a file needs none of it.
    insert: Any = import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
    rest = [column.name for column in table.c if column.name not in (*key, "seq")]
    risen = {name: table.c[name] + 1 for name in counts}
    made: sa.Insert = insert.on_conflict_do_update(
        index_elements=key, set_={name: insert.excluded[name] for name in rest} | risen
    )
    return made


_TOKEN = sa.select(locks.c.token).where(locks.c.stack == sa.bindparam("of")).with_for_update(read=True)
_this = (resources.c.stack == sa.bindparam("of"), resources.c.address == sa.bindparam("at"))
_its = resources.c.id == sa.bindparam("its")
_DEPOSE_OTHERS = resources.update().where(*_this, sa.not_(_its), ~resources.c.deposed).values(deposed=True)
_DROP = resources.delete().where(*_this, _its)
_SEEN = unseen.delete().where(unseen.c.stack == sa.bindparam("of"), unseen.c.id == sa.bindparam("its"))
_OF_OP = (operations.c.stack == sa.bindparam("of"), operations.c.op == sa.bindparam("its"))
_CLOSES = (
    operations.delete().where(*_OF_OP),
    handles.delete().where(handles.c.stack == sa.bindparam("of"), handles.c.op == sa.bindparam("its")),
)
_IDENTIFIED = operations.update().where(*_OF_OP).values(object_id=sa.bindparam("new"))


def _renaming(table: sa.Table) -> Iterator[sa.Update]:
    """All below the address, then the address itself: in one statement neither database would use its index."""
    address = table.c.address
    tail = sa.func.substr(address, sa.bindparam("after", type_=sa.Integer()))
    new = sa.bindparam("new", type_=sa.Text()).concat(tail)
    moved = table.update().where(table.c.stack == sa.bindparam("of")).values(address=new)
    yield moved.where(address >= sa.bindparam("first"), address < sa.bindparam("beyond"))
    yield moved.where(address == sa.bindparam("old"))


_RENAMES = tuple(chain.from_iterable(map(_renaming, (resources, operations))))


def _put(connection: sa.Connection, stack: str, group: list[Put]) -> None:
    rows = [put.recorded for put in group]
    current = [{"of": stack, "at": row.address, "its": row.id} for row in rows if not row.deposed]
    if current:
        connection.execute(_DEPOSE_OTHERS, current)
    connection.execute(
        upsert(connection.dialect.name, resources, ("stack", "address", "id")),
        [
            {
                "stack": stack,
                "address": row.address,
                "id": row.id,
                "kind": row.kind,
                "fields": _dumps(row.fields),
                "parent_id": row.parent_id,
                "protect": row.protect,
                "deposed": row.deposed,
                "failures": row.failures,
                "facts": _dumps(row.facts),
            }
            for row in rows
        ],
    )


def _drop(connection: sa.Connection, stack: str, group: list[Drop]) -> None:
    connection.execute(_DROP, [{"of": stack, "at": drop.address, "its": drop.id} for drop in group])
    _seen(connection, stack, group)


def _rename(connection: sa.Connection, stack: str, group: list[RenameStack]) -> None:
    rows = [
        {
            "of": stack,
            "old": rename.old_address,
            "new": rename.new_address,
            "first": f"{rename.old_address}/",
            "beyond": f"{rename.old_address}0",  # "0" is what follows "/": below an address is a range
            "after": len(rename.old_address) + 1,
        }
        for rename in group
    ]
    for row in rows:  # one after another: what the first moves, the second may move on
        try:
            for statement in _RENAMES:
                connection.execute(statement, row)
        except sa.exc.IntegrityError as error:
            taken = f"cannot rename {row['old']} to {row['new']}: another object is recorded there already"
            raise StateError(taken) from error


def _open(connection: sa.Connection, stack: str, group: list[Open]) -> None:
    opened = [it.operation for it in group]
    rows = [
        {
            "stack": stack,
            "op": it.op,
            "run": it.run,
            "address": it.address,
            "kind": it.kind,
            "verb": it.verb,
            "identity": it.identity,
            "signature": _dumps(it.signature.to_json()),
            "object_id": it.id,
            "since": it.since.isoformat(timespec="milliseconds"),
        }
        for it in opened
    ]
    connection.execute(upsert(connection.dialect.name, operations, ("stack", "op")), rows)
    _add(connection, stack, {it.op: it.handle for it in opened if it.handle})


def _add(connection: sa.Connection, stack: str, by_op: Mapping[str, Mapping[str, Any]]) -> None:
    """What is new in handles, each name a row."""
    rows = [
        {"stack": stack, "op": op, "name": name, "value": _dumps(value)}
        for op, handle in by_op.items()
        for name, value in handle.items()
    ]
    if rows:
        connection.execute(upsert(connection.dialect.name, handles, ("stack", "op", "name")), rows)


def _keep(connection: sa.Connection, stack: str, group: list[Keep]) -> None:
    named = [{"of": stack, "its": keep.op, "new": keep.id} for keep in group if keep.id is not None]
    if named:
        connection.execute(_IDENTIFIED, named)
    by_op: dict[str, dict[str, Any]] = {}
    for keep in group:
        by_op.setdefault(keep.op, {}).update(keep.handle)
    _add(connection, stack, by_op)


def _close(connection: sa.Connection, stack: str, group: list[Close]) -> None:
    for statement in _CLOSES:
        connection.execute(statement, [{"of": stack, "its": close.op} for close in group])


def _clear(connection: sa.Connection, stack: str, group: list[Clear]) -> None:
    for table in (resources, operations, handles, unseen):
        connection.execute(table.delete().where(table.c.stack == stack))


def _unseen(connection: sa.Connection, stack: str, group: list[Unseen]) -> None:
    rows = [{"stack": stack, "id": it.id, "since": it.since} for it in group]
    connection.execute(upsert(connection.dialect.name, unseen, ("stack", "id")), rows)


def _seen(connection: sa.Connection, stack: str, group: list[Seen] | list[Drop]) -> None:
    connection.execute(_SEEN, [{"of": stack, "its": it.id} for it in group])


def _score(connection: sa.Connection, stack: str, group: list[Score]) -> None:
    for it in group:
        if it.anew:
            connection.execute(checks.delete().where(checks.c.stack == stack, checks.c.address == it.check))
        rows = [
            {
                "stack": stack,
                "address": it.check,
                "query": row.query,
                "measures": _dumps(row.values),
                "at": row.at,
                "container_id": row.container_id,
                "made_of": row.made_of,
            }
            for row in it.scores
        ]
        if rows:
            connection.execute(upsert(connection.dialect.name, checks, ("stack", "address", "query")), rows)


_WRITERS: dict[Any, Callable[[sa.Connection, str, list[Any]], None]] = {
    Score: _score,
    Clear: _clear,
    Put: _put,
    Drop: _drop,
    RenameStack: _rename,
    Open: _open,
    Keep: _keep,
    Close: _close,
    Unseen: _unseen,
    Seen: _seen,
}
