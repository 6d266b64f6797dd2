"""Which schema a database has, and how an older one becomes this one: step by step, in one transaction.

A step knows the tables as they were in its time, so those that are gone are spelled out here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa

from reconciler.errors import StateError
from reconciler.model import Signature, trace_from
from reconciler.model.operation import EVER
from reconciler.state.tables import (
    checks,
    drifts,
    handles,
    leases,
    make,
    new_id,
    operations,
    resources,
    runs,
    schema,
    spreads,
    stacks,
    told,
    unseen,
)

__all__ = ["CURRENT", "MIGRATIONS", "Migration", "prepare", "refuse_newer", "version_of"]


def _identities(connection: sa.Connection) -> None:
    """2: each stack has an id and an account. Of which account an older state is, the next apply finds out.

    A stack of which no run ended whole may own more than is recorded.
    """
    make(connection, [stacks, unseen])
    known = {row.stack for table in (resources, runs) for row in connection.execute(sa.select(table.c.stack))}
    ran = {row.stack for row in connection.execute(sa.select(runs.c.stack))}
    whole = {row.stack for row in connection.execute(sa.select(runs.c.stack).where(runs.c.result == "done"))}
    for stack in sorted(known):
        pending = stack in ran - whole
        row = {"stack": stack, "id": new_id(), "account": None, "place": None, "former": "[]", "rebuild": pending}
        connection.execute(stacks.insert(), row)


def _tokens(connection: sa.Connection) -> None:
    """3: a lock has a fencing token."""
    connection.exec_driver_sql("ALTER TABLE reconciler_locks ADD COLUMN token BIGINT NOT NULL DEFAULT 0")


def _failures(connection: sa.Connection) -> None:
    """4: it is counted how often an object was made and failed."""
    connection.exec_driver_sql("ALTER TABLE reconciler_resources ADD COLUMN failures BIGINT NOT NULL DEFAULT 0")


def _facts(connection: sa.Connection) -> None:
    """6: with an object stands what was known of it when it was made. Of older ones that is not known."""
    connection.exec_driver_sql("ALTER TABLE reconciler_resources ADD COLUMN facts TEXT NOT NULL DEFAULT '{}'")


def _checks(connection: sa.Connection) -> None:
    """7: the baseline of search checks."""
    make(connection, [checks])


def _history(connection: sa.Connection) -> None:
    """8: of a run it is known what it did, and of drift what was there before. Of older runs that is not known."""
    make(connection, [drifts])
    for column in ("requests BIGINT", "writes BIGINT", "counts TEXT"):
        connection.exec_driver_sql(f"ALTER TABLE reconciler_runs ADD COLUMN {column}")


def _told(connection: sa.Connection) -> None:
    """9: what was notified, and to whom. Of an older state that is nothing."""
    make(connection, [told])


def _leases(connection: sa.Connection) -> None:
    """10: steps may be done by other machines."""
    make(connection, [spreads, leases])


def _table(name: str, columns: str) -> Any:
    return sa.table(f"reconciler_{name}", *map(sa.column, columns.split()))


_INTENTS = _table("intents", "seq stack op run address kind verb digest look_for")
_UPLOAD = "upload_id path size_bytes mtime_ns chunk_size total_chunks headers expires_at"
_UPLOADS = _table("uploads", f"stack asset_id address content proofs {_UPLOAD}")
_CHUNK = "chunk:"
"""What a stored chunk is called in an upload's handle, with its number behind it."""


def _operations(connection: sa.Connection) -> None:
    """5: what is announced and what is going on is one: an operation, with a handle where there is a way to go on."""
    make(connection, [operations, handles])
    began = {
        (row.stack, row.run): row.started
        for row in connection.execute(sa.select(runs.c.stack, runs.c.run, runs.c.started))
    }
    intents = connection.execute(sa.select(_INTENTS).order_by(_INTENTS.c.seq)).all()
    uploads = connection.execute(sa.select(_UPLOADS)).all()
    by_place: dict[tuple[str, str], list[Any]] = {}
    for it in uploads:
        by_place.setdefault((it.stack, it.address), []).append(it)
    recorded = connection.execute(sa.select(resources.c.address, resources.c.kind)).all()
    kinds = {_sections(row.address): row.kind for row in (*recorded, *intents)}
    for row in intents:
        here = by_place.get((row.stack, row.address), []) if row.verb == "create" else []
        its = here.pop() if here else None
        made = {name: getattr(row, name) for name in ("stack", "op", "run", "address", "kind", "verb")}
        since = began.get((row.stack, row.run), EVER.isoformat())
        _operation(connection, {**made, "signature": _as_now(row.verb, row.look_for), "since": since}, its)
    for upload in chain.from_iterable(by_place.values()):  # its create was concluded: it is known by its id alone
        made = {"stack": upload.stack, "op": new_id(), "run": "?", "address": upload.address, "verb": "create"}
        told = {"kind": kinds.get(_sections(upload.address), ""), "signature": json.dumps(Signature().to_json())}
        _operation(connection, {**made, **told, "since": EVER.isoformat()}, upload)
    for table in ("intents", "uploads"):
        connection.exec_driver_sql(f"DROP TABLE reconciler_{table}")


def _sections(address: str) -> tuple[str, ...]:
    return tuple(str(address).split("/")[::2])


def _as_now(verb: str, look_for: str) -> str:
    """What cannot be read is kept as it is: whoever reads it says what is wrong with it."""
    try:
        return json.dumps(trace_from(verb, json.loads(look_for)).to_json())
    except (ValueError, AttributeError, TypeError):
        return look_for


def _operation(connection: sa.Connection, row: dict[str, Any], upload: Any) -> None:
    known = {"identity": upload.content if upload else None, "object_id": upload.asset_id if upload else None}
    connection.execute(operations.insert(), {**row, **known})
    if upload:
        its = {"stack": row["stack"], "op": row["op"]}
        rows = [{**its, "name": name, "value": value} for name, value in _handle(upload)]
        connection.execute(handles.insert(), rows)


def _handle(upload: Any) -> Iterator[tuple[str, str]]:
    for name in _UPLOAD.split():
        value = getattr(upload, name)
        yield name, value if name == "headers" else json.dumps(value)
    try:
        proofs = dict(json.loads(upload.proofs))
    except (ValueError, TypeError):
        proofs = {"?": upload.proofs}
    yield from ((f"{_CHUNK}{index}", json.dumps(proof)) for index, proof in proofs.items())


Migration = Callable[[sa.Connection], None]
MIGRATIONS: tuple[Migration, ...] = (
    _identities,
    _tokens,
    _failures,
    _operations,
    _facts,
    _checks,
    _history,
    _told,
    _leases,
)
"""How an older schema becomes the next: the first makes 2 of 1. A new database is made whole from the tables above."""
CURRENT = 1 + len(MIGRATIONS)


def version_of(connection: sa.Connection) -> int | None:
    """The schema version of the database; None when it holds no state."""
    if not sa.inspect(connection).has_table(schema.name):
        return None
    found = connection.execute(sa.select(schema.c.version)).all()
    if len(found) != 1 or type(found[0].version) is not int or found[0].version < 1:
        raise StateError(
            "the state is damaged: table reconciler_schema does not say which version it has. Nothing in the account "
            "was touched. Restore a copy of it; or move it away and run `reconciler state rebuild`"
        )
    return int(found[0].version)


def prepare(connection: sa.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the database to the newest schema; to be called in a transaction that keeps others out.

    A newer schema is a StateError: what a newer version wrote is not guessed at.
    """
    newest = 1 + len(migrations)
    found = version_of(connection)
    if found is None:
        make(connection)
        connection.execute(schema.insert(), {"version": newest})
        return
    refuse_newer(found, newest)
    for migrate in migrations[found - 1 :]:
        migrate(connection)
    connection.execute(schema.update().values(version=newest))


def refuse_newer(found: int, newest: int = CURRENT) -> None:
    """StateError when the schema found is beyond the newest that is known here."""
    if found > newest:
        raise StateError(
            f"the state was made by a newer reconciler (schema {found}, this one knows {newest}): "
            "take a newer version of reconciler"
        )
