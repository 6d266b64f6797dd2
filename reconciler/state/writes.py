"""The writes that a commit is made of, as values, and what each does to the tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.errors import StateError
from reconciler.model import Intent, Recorded, Upload
from reconciler.redact import mask
from reconciler.state.tables import intents, resources, unseen, uploads

__all__ = [
    "Clear",
    "Close",
    "Drop",
    "DropUpload",
    "Open",
    "Put",
    "PutUpload",
    "Rename",
    "Seen",
    "Unseen",
    "Upload",
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
class Rename:
    """An address and all below it get a new one, open intents and uploads too. StateError when the new one is taken."""

    old_address: str
    new_address: str


@dataclass(frozen=True, slots=True)
class Open:
    """A line in the journal, before the call that it announces."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Close:
    """What came of the intent `op` is known."""

    op: str


@dataclass(frozen=True, slots=True)
class PutUpload:
    """Keep or renew an upload in flight."""

    upload: Upload


@dataclass(frozen=True, slots=True)
class DropUpload:
    """The upload is done, or given up."""

    upload_id: str


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


Write = Clear | Put | Drop | Rename | Open | Close | PutUpload | DropUpload | Unseen | Seen


def write(connection: sa.Connection, stack: str, writes: Iterable[Write]) -> None:
    """Do them in order, neighbours of one type in bulk."""
    for kind, group in _grouped(writes):
        _WRITERS[kind](connection, stack, group)


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
    insert: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table)
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
_CLOSE = intents.delete().where(intents.c.stack == sa.bindparam("of"), intents.c.op == sa.bindparam("its"))
_DROP_UPLOAD = uploads.delete().where(uploads.c.stack == sa.bindparam("of"), uploads.c.upload_id == sa.bindparam("its"))


def _renaming(table: sa.Table) -> Iterator[sa.Update]:
    """All below the address, then the address itself: in one statement neither database would use its index."""
    address = table.c.address
    tail = sa.func.substr(address, sa.bindparam("after", type_=sa.Integer()))
    new = sa.bindparam("new", type_=sa.Text()).concat(tail)
    moved = table.update().where(table.c.stack == sa.bindparam("of")).values(address=new)
    yield moved.where(address >= sa.bindparam("first"), address < sa.bindparam("beyond"))
    yield moved.where(address == sa.bindparam("old"))


_RENAMES = tuple(chain.from_iterable(map(_renaming, (resources, intents, uploads))))


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
            }
            for row in rows
        ],
    )


def _drop(connection: sa.Connection, stack: str, group: list[Drop]) -> None:
    connection.execute(_DROP, [{"of": stack, "at": drop.address, "its": drop.id} for drop in group])
    _seen(connection, stack, group)


def _rename(connection: sa.Connection, stack: str, group: list[Rename]) -> None:
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
    connection.execute(
        upsert(connection.dialect.name, intents, ("stack", "op")),
        [
            {
                "stack": stack,
                "op": intent.op,
                "run": intent.run,
                "address": intent.address,
                "kind": intent.kind,
                "verb": intent.verb,
                "digest": intent.digest,
                "look_for": _dumps(intent.signature.to_json()),
            }
            for intent in (it.intent for it in group)
        ],
    )


def _close(connection: sa.Connection, stack: str, group: list[Close]) -> None:
    connection.execute(_CLOSE, [{"of": stack, "its": close.op} for close in group])


def _put_upload(connection: sa.Connection, stack: str, group: list[PutUpload]) -> None:
    names = Upload.__dataclass_fields__
    rows = [{name: getattr(it.upload, name) for name in names} for it in group]
    packed = [
        {**row, "stack": stack, "headers": _dumps(row["headers"]), "proofs": _dumps(row["proofs"])} for row in rows
    ]
    connection.execute(upsert(connection.dialect.name, uploads, ("stack", "upload_id")), packed)


def _drop_upload(connection: sa.Connection, stack: str, group: list[DropUpload]) -> None:
    connection.execute(_DROP_UPLOAD, [{"of": stack, "its": drop.upload_id} for drop in group])


def _clear(connection: sa.Connection, stack: str, group: list[Clear]) -> None:
    for table in (resources, intents, uploads, unseen):
        connection.execute(table.delete().where(table.c.stack == stack))


def _unseen(connection: sa.Connection, stack: str, group: list[Unseen]) -> None:
    rows = [{"stack": stack, "id": it.id, "since": it.since} for it in group]
    connection.execute(upsert(connection.dialect.name, unseen, ("stack", "id")), rows)


def _seen(connection: sa.Connection, stack: str, group: list[Seen] | list[Drop]) -> None:
    connection.execute(_SEEN, [{"of": stack, "its": it.id} for it in group])


_WRITERS: dict[Any, Callable[[sa.Connection, str, list[Any]], None]] = {
    Clear: _clear,
    Put: _put,
    Drop: _drop,
    Rename: _rename,
    Open: _open,
    Close: _close,
    PutUpload: _put_upload,
    DropUpload: _drop_upload,
    Unseen: _unseen,
    Seen: _seen,
}
