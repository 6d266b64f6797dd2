"""The tables of a state; how an older schema becomes this one stands in `migrations`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

__all__ = [
    "checks",
    "drifts",
    "handles",
    "leases",
    "locks",
    "make",
    "new_id",
    "operations",
    "resources",
    "runs",
    "schema",
    "spreads",
    "stacks",
    "told",
    "unseen",
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
    sa.Column("facts", _Text, nullable=False, server_default="{}"),
)
# Spelled out: SQLAlchemy's own word for a part of a table would import the dialect of PostgreSQL into every run.
_CURRENT = "CREATE UNIQUE INDEX reconciler_resources_current ON reconciler_resources (stack, address) WHERE NOT deposed"
sa.event.listen(resources, "after_create", sa.DDL(_CURRENT))  # type: ignore[no-untyped-call]

operations = sa.Table(
    "reconciler_operations",
    _metadata,
    sa.Column("seq", _Big, sa.Identity(), primary_key=True),
    *_columns("stack op run address kind verb"),
    _column("identity", null=True),
    _column("signature"),
    _column("object_id", null=True),
    _column("since"),
    sa.UniqueConstraint("stack", "op"),
)

handles = sa.Table(
    "reconciler_handles",
    _metadata,
    _column("stack", key=True),
    _column("op", key=True),
    _column("name", key=True),
    _column("value"),
    sqlite_with_rowid=False,
)
"""What an operation's handle says, a row for each name: so that what is learnt on the way, as of each chunk of a file,
is written alone and not with all that was known before. Without row ids SQLite writes one page for it, and not two."""

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
    _column("requests", _Big, null=True),
    _column("writes", _Big, null=True),
    _column("counts", null=True),
)
"""Who ran when, and what came of it; `counts` is JSON: action or result → how many addresses."""

drifts = sa.Table(
    "reconciler_drifts",
    _metadata,
    _column("stack", key=True),
    *_columns("at digest addresses"),
)
"""What `drift --new` found last: when, a digest of it all, and as JSON address → the paths that had drifted."""

told = sa.Table(
    "reconciler_told",
    _metadata,
    _column("stack", key=True),
    _column("target", key=True),
    _column("subject", key=True),
    *_columns("at digest what"),
)
"""What each who is notified was told last of a subject, as `drift`: `what` is JSON: what is wrong → which parts."""

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

checks = sa.Table(
    "reconciler_checks",
    _metadata,
    _column("stack", key=True),
    _column("address", key=True),
    _column("query", key=True),
    *_columns("measures at container_id made_of"),
)
"""The baseline of search checks, a row for each query: see `model.CheckScore`."""


spreads = sa.Table(
    "reconciler_spreads",
    _metadata,
    _column("stack", key=True),
    _column("run", key=True),
    *_columns("version declared media account began"),
    sa.Column("token", _Big, nullable=False),
    sa.Column("lease_ms", _Big, nullable=False),
    sa.Column("stopping", sa.Boolean, nullable=False),
)
"""Runs that have steps done by other machines: what those must have in common with it. `token` is that of the lock."""

leases = sa.Table(
    "reconciler_leases",
    _metadata,
    _column("stack", key=True),
    _column("op", key=True),
    *_columns("run address call want"),
    sa.Column("token", _Big, nullable=False),
    _column("holder"),
    sa.Column("until_ms", _Big, nullable=False),
    _column("outcome", null=True),
)
"""Operations that are offered to other machines, and who has taken them until when, by the database's clock: see
`state.leases`."""


def make(connection: sa.Connection, tables: Sequence[sa.Table] | None = None) -> None:
    """Make these tables, or all."""
    _metadata.create_all(connection, tables=tables)


def new_id() -> str:
    """A random one, of a stack or an operation."""
    return secrets.token_hex(8)
