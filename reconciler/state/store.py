"""The two databases: how each is opened, made durable and locked, and what its errors mean.

A store is one connection. `transaction` is durable when it ends. What a driver raises comes out as StateError,
without the password of the URL. A store whose connection is lost stays lost: its lock went with it.
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import filelock
import sqlalchemy as sa

from reconciler.errors import StateError
from reconciler.state.tables import CURRENT, prepare, refuse_newer, version_of

__all__ = ["Store", "connect", "number_of"]

_FORMS = "sqlite:////path/state.db or postgresql+psycopg://user@host/database"


def connect(url: str, *, create: bool) -> Store:
    """The store at the URL, with the newest schema; see `State.open`."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise StateError(f"the address of the state is no URL; it is like {_FORMS}") from error
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite" if parsed.database not in (None, "", ":memory:"):
            return SQLiteStore(parsed, create=create)
        case "postgresql+psycopg" | "postgresql" | "postgres":
            from reconciler.state.postgres import PostgresStore

            return PostgresStore(parsed.set(drivername="postgresql+psycopg"), create=create)
        case _:
            shown = parsed.set(query={}).render_as_string(hide_password=True)
            raise StateError(f"{shown}: no state can be kept there; its address is like {_FORMS}")


def number_of(stack: str) -> int:
    """What a stack's lock is called: 63 bits of the sha256 of its name."""
    return int.from_bytes(hashlib.sha256(stack.encode()).digest()[:8]) >> 1


class Store(ABC):
    """One connection to a state database; `absent` when there is none there and none was to be made."""

    _BEGIN: ClassVar[str]
    _HINTS: ClassVar[dict[str, str]]
    """part of a driver's message → what to do"""
    far: ClassVar[bool]
    """Whether the database answers over a network: who has other work should not sit and wait for it."""

    def __init__(self, url: sa.URL, *, create: bool) -> None:
        self._url = url
        self.shown = url.set(query={}).render_as_string(hide_password=True)
        self._connection: sa.Connection | None = None
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

    def read(self, query: sa.Select[*tuple[Any, ...]]) -> Sequence[Any]:
        """All rows; none when the store is absent."""
        if self.absent:
            return []
        with self._explained("read"):
            return self.connection.execute(query).all()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """All that the block writes, on disk when it ends, or nothing when it raises."""
        connection = self.connection
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


class SQLiteStore(Store):
    """A file, in a directory made for it when needed (0700, file 0600); the locks are files beside it."""

    far = False
    _BEGIN = "BEGIN IMMEDIATE"  # a transaction that begins by reading could not wait for another writer
    _HINTS: ClassVar[dict[str, str]] = {
        "file is not a database": "it is another kind of file; move it away, or name another with --state",
        "malformed": "the file is damaged; restore it, or move it away and rebuild the state from the account",
        "readonly": "this user may not write it",
        "unable to open": "its directory must be writable for this user",
        "is locked": "another process has been writing it for long",
        "disk is full": "make room",
    }

    def __init__(self, url: sa.URL, *, create: bool) -> None:
        self._path = Path(str(url.database))
        self._lock: filelock.BaseFileLock | None = None
        self._locked_files: dict[str, tuple[int, int]] = {}
        """The lock's file and the database's, as they were when the lock was taken: device and inode."""
        if create:
            self._make_file(url)
        super().__init__(url, create=create)

    def _make_file(self, url: sa.URL) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            ignore = self._path.parent / ".gitignore"
            if self._path.parent.name == ".reconciler" and not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise StateError(f"cannot make the state at {url}: {error.strerror}: {error.filename}") from error

    def _may_exist(self) -> bool:
        return self._path.exists() and self._path.stat().st_size > 0

    def _engine(self) -> sa.Engine:
        engine = sa.create_engine(
            self._url,
            isolation_level="AUTOCOMMIT",
            poolclass=sa.pool.StaticPool,
            hide_parameters=True,
            connect_args={"check_same_thread": False, "timeout": 30},
        )

        @sa.event.listens_for(engine, "connect")
        def _durable(raw: Any, _record: Any) -> None:
            for pragma in ("journal_mode = WAL", "synchronous = FULL"):
                raw.execute(f"PRAGMA {pragma}").close()

        return engine

    def _keep_others_out(self, connection: sa.Connection) -> None:
        """BEGIN IMMEDIATE has done it."""

    def _lock_of(self, stack: str) -> filelock.BaseFileLock:
        path = f"{self._path}.{number_of(stack):016x}.lock"
        return filelock.FileLock(path, mode=0o600, thread_local=False)

    def acquire(self, stack: str) -> bool:
        """Waits a quarter of a second, since `is_held` of another process takes the lock for an instant."""
        _ = self.connection  # no lock on a state that is not there
        lock = self._lock_of(stack)
        try:
            lock.acquire(timeout=0.25, poll_interval=0.02)
        except filelock.Timeout:
            return False
        except OSError as error:
            raise StateError(f"cannot lock the state at {self.shown}: {error.strerror}: {error.filename}") from error
        self._lock = lock
        self._locked_files = {path: found for path in (lock.lock_file, str(self._path)) if (found := _file_at(path))}
        return True

    def wait_at_most(self, seconds: float) -> None:
        """A file does not hang; for another writer it waits no longer than half a minute."""

    def prove(self) -> None:
        """The system takes a file's lock from nobody; but who removes the file lets another run make it anew."""
        for path, was in self._locked_files.items():
            if _file_at(path) != was:
                raise StateError(
                    f"{path} was removed or replaced while this run was going, so it no longer holds the stack; "
                    "nothing more is written: run again"
                )

    def release(self, stack: str) -> None:
        """Also done by `close`, and by the system when the process ends."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def is_held(self, stack: str) -> bool:
        """Tries to take the lock, if anybody ever has."""
        lock = self._lock_of(stack)
        if not Path(lock.lock_file).exists():
            return False
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return True
        lock.release()
        return False

    def end_holder(self, stack: str) -> bool:
        """The holder is a process, and not ours to end."""
        return False

    def close(self) -> None:
        """Release the lock too."""
        self.release("")
        super().close()


def _file_at(path: str) -> tuple[int, int] | None:
    """Which file is at a path: device and inode; None when there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - before every write: twice as fast as Path's
    except OSError:
        return None
    return found.st_dev, found.st_ino
