"""Results in PostgreSQL with pgvector: a set and its row of the manifest change in one transaction.

One table a model and dimension, for vectors of two models are not of one space; a view under the plain name for those
who only want to search; one manifest beside them. Rows go in by COPY in PostgreSQL's own binary form.
"""

from __future__ import annotations

import struct
import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from typing import Any, Final

from reconciler.errors import Problem, StoreError, how_to_install
from reconciler.results.contract import Opening, Store, refuse_another
from reconciler.results.pgtables import Tables
from reconciler.results.rows import PLAIN, SECONDS, Made, Rows

__all__ = ["Postgres"]

_MADE: Final = tuple(field.name for field in fields(Made))
_COPY_HEAD, _COPY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
# On disk when it ends; and a process that stands still in the middle keeps others out of its set for no longer.
_AS_IT_WRITES: Final = (
    "SELECT set_config(name, value, true) FROM (VALUES ('idle_in_transaction_session_timeout', '60s'), "
    "('synchronous_commit', 'on')) AS wanted (name, value) "
    "WHERE name <> 'synchronous_commit' OR current_setting(name) = 'off'"
)
_DEFAULTS: Final = {"connect_timeout": "10", "application_name": "reconciler"}


class Postgres(Store):
    """A database; one connection, made when it is first needed and again after it was lost."""

    def __init__(self, opening: Opening) -> None:
        self.shown = opening.shown
        self._url = opening.url.replace("+psycopg://", "://", 1)
        self._hide = opening.without_secrets
        self._tables = Tables(opening.table, opening.naming)
        self._connection: Any = None
        self._mutex = threading.RLock()

    def prepare(self, dims: Mapping[str, int | None], *, make: bool = True) -> Sequence[Problem]:
        """All is looked at before anything is made, in one transaction."""
        try:
            with self._transaction() as connection:
                wrong = self._tables.wrong(connection, dims)
                if make and not wrong:
                    self._tables.make(connection, dims)
        except StoreError as error:
            wrong = [str(error)]
        return [Problem("", 0, 0, "", f"{self.shown}: {what}" if self.shown not in what else what) for what in wrong]

    def list(self, stack: str) -> Sequence[Made]:
        """The manifest's rows."""
        with self._transaction(reading=True) as connection:
            if not self._tables.there(connection):
                return []
            text = "SELECT {made}, {id} FROM {manifest} m WHERE stack = %s ORDER BY address"
            query = self._tables.sql(text, made=_MADE[:-1])
            return [Made(**dict(zip(_MADE, row, strict=True))) for row in connection.execute(query, [stack])]

    def replace(self, made: Made, rows: Rows, *, taken_from: str = "") -> Made:
        """Delete, COPY, and the manifest's row: one transaction, which other writers of this set wait for."""
        with self._transaction() as connection:
            tables = self._tables
            self._hold(connection, made.stack, made.address)
            self._remove(connection, made.stack, made.address, made.stack_id, taken_from)
            table = tables.name(made.model, made.dim)
            names = [tables.naming[column] for column in tables.columns(made.dim)]
            copying = tables.sql("COPY {table} ({names}) FROM STDIN (FORMAT BINARY)", table=table, names=names)
            with connection.cursor() as cursor, cursor.copy(copying) as copy:
                for piece in _binary(rows):
                    copy.write(piece)
            values = [*asdict(made).values(), table]
            into = tables.sql(
                "INSERT INTO {manifest} ({columns}) VALUES ({values})", len(values), columns=(*_MADE, "in_table")
            )
            connection.execute(into, values)
            tables.point_view(connection)
        return made

    def delete(self, stack: str, address: str, stack_id: str = "") -> None:
        """The rows and the manifest's row, in one transaction."""
        with self._transaction() as connection:
            if self._tables.there(connection):
                self._hold(connection, stack, address)
                self._remove(connection, stack, address, stack_id)
                self._tables.point_view(connection)

    def read(self, stack: str, address: str) -> Rows | None:
        """Manifest and rows of one snapshot."""
        with self._transaction(reading=True) as connection:
            tables = self._tables
            if not tables.there(connection):
                return None
            query = tables.sql("SELECT in_table, dim FROM {manifest} WHERE stack = %s AND address = %s")
            if (kept := connection.execute(query, [stack, address]).fetchone()) is None:
                return None
            table, dim = kept
            names = [tables.naming[column] for column in tables.columns(dim)]
            select = tables.sql(
                'SELECT {names} FROM {table} WHERE {stack} = %s AND {address} = %s ORDER BY {key} COLLATE "C"',
                names=names,
                table=table,
                **{column: tables.naming[column] for column in PLAIN[:3]},
            )
            with connection.cursor(binary=True) as cursor:
                found = cursor.execute(select, [stack, address]).fetchall()
        return _rows(found, dim)

    def place(self, made: Made) -> Mapping[str, str]:
        """The database, and the table of the rows."""
        return {"url": self.shown, "table": self._tables.name(made.model, made.dim)}

    def foreign(self) -> int:
        """Rows in our tables of which the manifest knows nothing."""
        with self._transaction(reading=True) as connection:
            return self._tables.foreign(connection)

    def close(self) -> None:
        """Close the connection."""
        with self._mutex:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _hold(self, connection: Any, stack: str, address: str) -> None:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"reconciler {stack}/{address}"])

    def _remove(self, connection: Any, stack: str, address: str, *ids: str) -> None:
        tables = self._tables
        query = tables.sql("SELECT {id} FROM {manifest} m WHERE stack = %s AND address = %s")
        if there := connection.execute(query, [stack, address]).fetchone():
            refuse_another(self.shown, stack, address, there[0], *ids)
        query = tables.sql("DELETE FROM {manifest} WHERE stack = %s AND address = %s")
        connection.execute(query, [stack, address])
        named = {column: tables.naming[column] for column in ("stack", "address")}
        for table in tables.ours(connection):
            query = tables.sql("DELETE FROM {table} WHERE {stack} = %s AND {address} = %s", table=table, **named)
            connection.execute(query, [stack, address])

    @contextmanager
    def _transaction(self, *, reading: bool = False) -> Iterator[Any]:
        """One transaction: durable when it ends; to read, of one snapshot. What the driver says is a StoreError."""
        try:
            import psycopg
        except ModuleNotFoundError as error:
            raise StoreError(f"PostgreSQL is an extra: {how_to_install('pgvector')}") from error
        with self._mutex:
            try:
                connection = self._connected(psycopg)
                with connection.transaction():
                    if reading:
                        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    else:
                        connection.execute(_AS_IT_WRITES)
                    yield connection
            except psycopg.Error as error:
                if self._connection is not None and self._connection.broken:
                    self.close()
                said = " ".join(self._hide(str(error)).split())
                raise StoreError(f"{self.shown}: {said}") from None

    def _connected(self, psycopg: Any) -> Any:
        if self._connection is None or self._connection.closed:
            given = psycopg.conninfo.conninfo_to_dict(self._url)
            # Prepared statements would be lost behind a pooler that gives each transaction another session.
            self._connection = psycopg.connect(**_DEFAULTS | given, autocommit=True, prepare_threshold=None)
            with suppress(AttributeError):
                self._connection.add_notice_handler(lambda notice: None)
        return self._connection


def _binary(rows: Rows) -> Iterator[bytes]:
    """Rows as COPY takes them: each field with its length before it, all in network byte order."""
    floats = array("f", rows.vectors)
    floats.byteswap()  # `Rows` is little-endian on every machine
    swapped, size = memoryview(floats.tobytes()), 4 * (rows.dim or 0)
    count = struct.pack("!h", len(PLAIN) + (rows.dim is not None))
    before = struct.pack("!ihh", 4 + size, rows.dim or 0, 0)
    columns = [[_field(column, value) for value in rows.cells[column]] for column in PLAIN]
    piece = [_COPY_HEAD]
    for number, cells in enumerate(zip(*columns, strict=True)):
        piece += [count, *cells]
        if rows.dim is not None:
            piece += [before, swapped[number * size : (number + 1) * size].tobytes()]
        if number % 500 == 499:
            yield b"".join(piece)
            piece = []
    yield b"".join((*piece, _COPY_END))


def _field(column: str, value: Any) -> bytes:
    if value is None:
        return b"\xff\xff\xff\xff"
    data = struct.pack("!d", value) if column in SECONDS else value.encode()
    return struct.pack("!i", len(data)) + data


def _rows(found: Sequence[Sequence[Any]], dim: int | None) -> Rows:
    columns = [*zip(*found, strict=True)] if found else [()] * len(PLAIN)
    cells = {column: tuple(values) for column, values in zip(PLAIN, columns, strict=False)}
    if dim is None:
        return Rows(cells)
    floats = array("f", b"".join(bytes(row[-1])[4:] for row in found))
    floats.byteswap()
    return Rows(cells, floats.tobytes(), dim)
