"""The tables, and how an older schema becomes this one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from reconciler.errors import StateError

__all__ = [
    "CURRENT",
    "MIGRATIONS",
    "Migration",
    "intents",
    "locks",
    "new_id",
    "prepare",
    "refuse_newer",
    "resources",
    "runs",
    "schema",
    "stacks",
    "unseen",
    "uploads",
    "version_of",
]

_metadata = sa.MetaData()
# Byte order on both: a range of addresses is then all that is below one, and lists come in the same order.
_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _column(name: str, kind: Any = _Text, *, key: bool = False, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=key, nullable=null)


def _columns(names: str, kind: Any = _Text) -> list[sa.Column[Any]]:
    return [_column(name, kind) for name in names.split()]


schema = sa.Table("reconciler_schema", _metadata, _column("version", sa.Integer))

resources = sa.Table(
    "reconciler_resources",
    _metadata,
    _column("stack", key=True),
    _column("address", key=True),
    _column("id", key=True),
    *_columns("kind fields"),
    _column("parent_id", null=True),
    *_columns("protect deposed", sa.Boolean),
    sa.Column("failures", _Big, nullable=False, server_default="0"),
)
sa.Index(
    "reconciler_resources_current",
    resources.c.stack,
    resources.c.address,
    unique=True,
    sqlite_where=sa.text("NOT deposed"),
    postgresql_where=sa.text("NOT deposed"),
)

intents = sa.Table(
    "reconciler_intents",
    _metadata,
    sa.Column("seq", _Big, sa.Identity(), primary_key=True),
    *_columns("stack op run address kind verb digest look_for"),
    sa.UniqueConstraint("stack", "op"),
)

uploads = sa.Table(
    "reconciler_uploads",
    _metadata,
    _column("stack", key=True),
    _column("upload_id", key=True),
    *_columns("asset_id address content path"),
    *_columns("size_bytes mtime_ns chunk_size total_chunks", _Big),
    *_columns("headers proofs expires_at"),
)

runs = sa.Table(
    "reconciler_runs",
    _metadata,
    _column("stack", key=True),
    _column("run", key=True),
    *_columns("command who host"),
    _column("pid", _Big),
    _column("started"),
    _column("ended", null=True),
    _column("result", null=True),
)

locks = sa.Table(
    "reconciler_locks",
    _metadata,
    _column("stack", key=True),
    *_columns("who host"),
    _column("pid", _Big),
    *_columns("since command"),
    sa.Column("token", _Big, nullable=False, server_default="0"),
)
"""Who holds a stack; nobody, while `who` is empty. The token rises each time that the lock is taken, or taken away."""

stacks = sa.Table(
    "reconciler_stacks",
    _metadata,
    _column("stack", key=True),
    _column("id"),
    _column("account", null=True),
    _column("place", null=True),
    _column("former"),
    _column("rebuild", sa.Boolean),
)
"""Who a stack is beyond its name: see `state.identity`."""

unseen = sa.Table(
    "reconciler_unseen",
    _metadata,
    _column("stack", key=True),
    _column("id", key=True),
    _column("since"),
)
"""Objects that were made and that no read has shown yet."""


def new_id() -> str:
    """A stack's random id."""
    return secrets.token_hex(8)


def _identities(connection: sa.Connection) -> None:
    """2: each stack has an id and an account. Of which account an older state is, the next apply finds out.

    A stack of which no run ended whole may own more than is recorded.
    """
    _metadata.create_all(connection, tables=[stacks, unseen])
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


Migration = Callable[[sa.Connection], None]
MIGRATIONS: tuple[Migration, ...] = (_identities, _tokens, _failures)
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
        _metadata.create_all(connection)
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
