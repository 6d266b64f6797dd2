"""What the two databases have in common: how a state is opened and written, and what a driver's errors mean.

A database is one connection. `transaction` is durable when it ends. What a driver raises comes out as StateError,
without the password of the URL. One whose connection is lost stays lost: its lock went with it.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

import sqlalchemy as sa

from reconciler.errors import StateError
from reconciler.state.files import file_of
from reconciler.state.migrations import CURRENT, prepare, refuse_newer, version_of

__all__ = ["Database", "connect", "number_of"]

_FORMS = "sqlite:////path/state.db or postgresql+psycopg://user@host/database"


def connect(url: str, *, create: bool) -> Database:
    """The store at the URL, with the newest schema; see `State.open`."""
    if path := file_of(url):
        from reconciler.state.sqlite import SQLiteDatabase

        return SQLiteDatabase(path, create=create)
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise StateError(f"the address of the state is not a valid URL; it is like {_FORMS}") from error
    match parsed.drivername:
        case "postgresql+psycopg" | "postgresql" | "postgres":
            from reconciler.state.postgres import PostgresDatabase

            return PostgresDatabase(parsed.set(drivername="postgresql+psycopg"), create=create)
        case _:
            shown = parsed.set(query={}).render_as_string(hide_password=True)
            raise StateError(f"{shown}: no state can be kept there; its address is like {_FORMS}")


def number_of(stack: str) -> int:
    """What a stack's lock is called: 63 bits of the sha256 of its name."""
    return int.from_bytes(hashlib.sha256(stack.encode()).digest()[:8]) >> 1


class Database(ABC):
    """One connection to a state database; `absent` when there is none there and none was to be made."""

    _BEGIN: ClassVar[str]
    _HINTS: ClassVar[dict[str, str]]
    """part of a driver's message → what to do"""
    _DAMAGED: ClassVar[str] = "Nothing in the account was touched. Restore a copy of it"
    """What is safe and what to do when the database itself is damaged."""
    far: ClassVar[bool]
    """Whether the database answers over a network: who has other work should not sit and wait for it."""

    def __init__(self, url: sa.URL, *, create: bool) -> None:
        self._url = url
        self.shown = url.set(query={}).render_as_string(hide_password=True) if self.far else f"{url.database}"
        self._connection: sa.Connection | None = None
        self._why_not_write = ""
        self._why_none = f"there is no state at {self.shown} yet: an apply makes it"
        if create or self._may_exist():
            try:
                self._open(create=create)
            except BaseException:
                self.close()
                raise

    def _open(self, *, create: bool) -> None:
        with self._explained("open"):
            self._connection = self._engine().connect()
            found = version_of(self._connection)
        if found is None and not create:
            self._connection.close()
            self._connection = None
        elif found != CURRENT:
            refuse_newer(found or 0)
            with self.transaction() as connection:
                self._keep_others_out(connection)
                prepare(connection)

    @property
    def absent(self) -> bool:
        """Whether there is no database to read."""
        return self._connection is None and self._why_none.startswith("there is no state")

    @property
    def connection(self) -> sa.Connection:
        """The connection; StateError, saying why, when there is none."""
        if self._connection is None:
            raise StateError(self._why_none)
        return self._connection

    def read(self, query: str, given: Mapping[str, Any]) -> Sequence[Any]:
        """All rows; none when the store is absent."""
        if self.absent:
            return []
        with self._explained("read"):
            return self.connection.execute(sa.text(query), given).all()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """All that the block writes, on disk when it ends, or nothing when it raises."""
        connection = self.connection
        if self._why_not_write:
            raise StateError(self._why_not_write)
        with self._explained("write"):
            connection.exec_driver_sql(self._BEGIN)
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                with suppress(sa.exc.SQLAlchemyError):  # a connection that is lost cannot be rolled back either
                    connection.exec_driver_sql("ROLLBACK")
                raise

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            said = " ".join(str(error.orig).split())
            for secret in (self._url.password, self._url.query.get("password")):
                said = said.replace(str(secret), "***") if secret else said
            hint = next((hint for part, hint in self._HINTS.items() if part in said), "")
            if error.connection_invalidated:
                hint = "the connection is lost, and any lock with it; run again"
                self._give_up(f"the connection to the state at {self.shown} was lost: run again")
            raise StateError(f"cannot {doing} the state at {self.shown}: {said}{hint and ': ' + hint}") from error
        except UnicodeError as error:  # the driver quotes what it found
            raise StateError(
                f"the state at {self.shown} is damaged: it holds what is not text. {self._DAMAGED}"
            ) from error
        except sa.exc.SQLAlchemyError as error:  # what was lost under a statement, seen by the next
            self._give_up(f"the connection to the state at {self.shown} was lost: run again")
            raise StateError(self._why_none) from error

    def _give_up(self, why: str) -> None:
        if self._connection is not None:
            connection, self._connection, self._why_none = self._connection, None, why
            with suppress(sa.exc.SQLAlchemyError):
                connection.close()
                connection.engine.dispose()

    def close(self) -> None:
        """Let go of the connection; again is fine."""
        self._give_up(f"the state at {self.shown} is closed")

    @abstractmethod
    def wait_at_most(self, seconds: float) -> None:
        """From any thread: from here on a database that hangs is waited for no longer than this."""

    @abstractmethod
    def prove(self) -> None:
        """StateError, saying what happened, when it can be seen without a statement that a lock held here is lost."""

    @abstractmethod
    def _may_exist(self) -> bool:
        """False when it is certain, without connecting, that nothing is there."""

    @abstractmethod
    def _engine(self) -> sa.Engine:
        """An engine in autocommit mode (transactions are spelled out here), with room for one connection."""

    @abstractmethod
    def _keep_others_out(self, connection: sa.Connection) -> None:
        """In a transaction: wait until nobody else changes the schema."""

    @abstractmethod
    def acquire(self, stack: str) -> bool:
        """Take the lock of a stack, which nobody in this process holds through this store; False when it is held."""

    @abstractmethod
    def release(self, stack: str) -> None:
        """Give the lock back."""

    @abstractmethod
    def is_held(self, stack: str) -> bool:
        """Whether a living process holds the lock."""

    @abstractmethod
    def end_holder(self, stack: str) -> bool:
        """End the session that holds the lock; False when that is not for us to do."""
