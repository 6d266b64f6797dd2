"""The writes that a commit is made of, as values, and what each does to the tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import chain
from typing import Any

import sqlalchemy as sa

from reconciler.errors import StateError
from reconciler.model import CheckScore, Operation, Recorded
from reconciler.redact import mask
from reconciler.state.tables import checks, handles, operations, resources, unseen

__all__ = [
    "Clear",
    "Close",
    "Drop",
    "Keep",
    "Open",
    "Put",
    "RenameStack",
    "Score",
    "Seen",
    "Unseen",
    "Write",
    "upsert",
    "write",
]


@dataclass(frozen=True, slots=True)
class Put:
    """Record an object. Another current one at its address becomes deposed: an id that we made is never forgotten."""

    recorded: Recorded


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget one object, current or deposed."""

    address: str
    id: str


@dataclass(frozen=True, slots=True)
class RenameStack:
    """An address and all below it get a new one, open operations too. StateError when the new one is taken."""

    old_address: str
    new_address: str


@dataclass(frozen=True, slots=True)
class Open:
    """A line in the journal, before the call that it announces; or the same operation anew, with what it is now."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Close:
    """What came of the operation is known."""

    op: str


@dataclass(frozen=True, slots=True)
class Keep:
    """What the API said of an open operation: the object's id, and what is new in its handle; the rest of it stays."""

    op: str
    handle: Mapping[str, Any]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget all that is recorded of the stack and all that is under way, whatever the rows say."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """An object was made just now, and no read has shown it yet."""

    id: str
    since: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A read has shown the object."""

    id: str


@dataclass(frozen=True, slots=True)
class Score:
    """Record the baseline of a check. `anew`: nothing but this is its baseline from now on."""

    check: str
    scores: tuple[CheckScore, ...]
    anew: bool = False


Write = Score | Clear | Put | Drop | RenameStack | Open | Keep | Close | Unseen | Seen


def write(connection: sa.Connection, stack: str, writes: Iterable[Write]) -> None:
    """Do them in order, neighbours of one type in bulk."""
    for kind, group in _grouped(_late_ones_last(list(writes))):
        _WRITERS[kind](connection, stack, group)


def _late_ones_last(writes: Sequence[Write]) -> list[Write]:
    """Closes and notes of what is unseen go to the end, unless something that comes later is about the same.

    Each object that is made is a Put, an Unseen and a Close; of many in one transaction they come by turns, and each
    turn would be a statement of its own (measured: one in six of an apply's).
    """
    early: list[Write] = []
    late: list[Write] = []
    later: set[str] = set()
    cleared = False
    """Something later forgets it all: what comes before must not outlive it"""
    for write in reversed(writes):
        if isinstance(write, Close | Unseen) and _about(write) not in later and not cleared:
            late.append(write)
        else:
            early.append(write)
            later.add(_about(write))
            cleared = cleared or isinstance(write, Clear)
    late.sort(key=lambda write: isinstance(write, Unseen))
    return [*reversed(early), *reversed(late)]


def _about(write: Write) -> str:
    """The operation or the object that a write is about."""
    match write:
        case Open(operation):
            return operation.op
        case Put(recorded):
            return recorded.id
        case Keep(op=about) | Close(op=about) | Drop(id=about) | Seen(id=about) | Unseen(id=about):
            return about
        case Clear() | RenameStack() | Score():
            return ""


def _grouped(writes: Iterable[Write]) -> Iterator[tuple[type[Write], list[Any]]]:
    """Neighbours of one type together, in order; a group never holds the same address twice (see `_put`)."""
    group: list[Any] = []
    seen: set[str] = set()
    for write in writes:
        address = write.recorded.address if isinstance(write, Put) else ""
        if group and (type(write) is not type(group[0]) or address in seen):
            yield type(group[0]), group
            group, seen = [], set()
        group.append(write)
        if address:
            seen.add(address)
    yield type(group[0]), group


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
