"""SQLite: a file, in a directory made for it when needed (0700, file 0600); the locks are files beside it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from reconciler.errors import StateError
from reconciler.state.database import Database, number_of
from reconciler.state.files import Copy, file_at, make, may_write, refuse_links, refuse_tracked

if TYPE_CHECKING:
    import filelock

__all__ = ["SQLiteDatabase"]


class SQLiteDatabase(Database):
    """A file. One that this user may not write is read from a copy."""

    far = False
    _DAMAGED = f"{Database._DAMAGED}; or move it away and run `reconciler state rebuild`"
    _BEGIN = "BEGIN IMMEDIATE"  # a transaction that begins by reading could not wait for another writer
    _HINTS: ClassVar[dict[str, str]] = {
        "file is not a database": "it is another kind of file; move it away, or name another with --state",
        "malformed": f"the file is damaged. {_DAMAGED}",
        "Could not decode": f"the file is damaged. {_DAMAGED}",
        "readonly": "this user may not write it",
        "unable to open": "its directory must be writable for this user",
        "is locked": "another process has been writing it for long",
        "disk is full": "make room",
    }

    def __init__(self, path: str, *, create: bool) -> None:
        self._path = Path(path)
        self._copy: Copy | None = None
        self._lock: filelock.BaseFileLock | None = None
        self._locked_files: dict[str, tuple[int, int]] = {}
        """The lock's file and the database's, as they were when the lock was taken: device and inode."""
        refuse_links(self._path)
        refuse_tracked(self._path)
        if create:
            make(self._path)
        super().__init__(sa.URL.create("sqlite", database=path), create=create)

    def _may_exist(self) -> bool:
        try:
            return self._path.stat().st_size > 0
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StateError(
                f"cannot read the state at {self.shown}: {error.strerror}; run as the user that it belongs to, or name "
                "another with --state"
            ) from error

    def _open(self, *, create: bool) -> None:
        if not create and not may_write(self._path):
            try:
                self._copy = Copy(self._path)
            except OSError as error:
                raise StateError(f"cannot read the state at {self.shown}: {error.strerror}") from error
        super()._open(create=create)
        if self._copy is not None:
            self._why_not_write = f"cannot write the state at {self.shown}: this user may only read it"
        self._whole()

    def _whole(self) -> None:
        """StateError when the file is damaged: what a damaged index hides would be taken for what was never made."""
        if self._connection is not None:
            with self._explained("read"):
                said = self._connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
            if said != "ok":
                raise StateError(f"the state at {self.shown} is damaged ({said}). {self._DAMAGED}")

    def _engine(self) -> sa.Engine:
        engine = sa.create_engine(
            "sqlite://", isolation_level="AUTOCOMMIT", poolclass=sa.pool.StaticPool, hide_parameters=True
        )

        @sa.event.listens_for(engine, "do_connect")
        def _connect(_dialect: Any, _record: Any, _arguments: Any, _options: Any) -> sqlite3.Connection:
            path = self._copy.path if self._copy else self._path
            raw = sqlite3.connect(path, timeout=30, check_same_thread=False)
            for pragma in ("journal_mode = WAL", "synchronous = FULL"):
                raw.execute(f"PRAGMA {pragma}").close()
            return raw

        return engine

    def _keep_others_out(self, connection: sa.Connection) -> None:
        """BEGIN IMMEDIATE has done it."""

    def _lock_of(self, stack: str) -> filelock.BaseFileLock:
        path = Path(f"{self._path}.{number_of(stack):016x}.lock")
        refuse_links(path)
        import filelock  # only who writes takes a lock

        return filelock.FileLock(path, mode=0o600, thread_local=False)

    def acquire(self, stack: str) -> bool:
        """Waits a quarter of a second, since `is_held` of another process takes the lock for an instant."""
        _ = self.connection  # no lock on a state that is not there, or not for this user to write
        if self._why_not_write:
            raise StateError(self._why_not_write)
        from filelock import Timeout

        lock = self._lock_of(stack)
        try:
            lock.acquire(timeout=0.25, poll_interval=0.02)
        except Timeout:
            return False
        except OSError as error:
            raise StateError(f"cannot lock the state at {self.shown}: {error.strerror}: {error.filename}") from error
        self._lock = lock
        self._locked_files = {path: found for path in (lock.lock_file, str(self._path)) if (found := file_at(path))}
        return True

    def wait_at_most(self, seconds: float) -> None:
        """A file does not hang; for another writer it waits no longer than half a minute."""

    def prove(self) -> None:
        """The system takes a file's lock from nobody; but who removes the file lets another run make it anew."""
        for path, was in self._locked_files.items():
            if file_at(path) != was:
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
        from filelock import Timeout

        try:
            lock.acquire(blocking=False)
        except Timeout:
            return True
        except OSError as error:
            raise StateError(f"cannot see who holds the state at {self.shown}: {error.strerror}") from error
        lock.release()
        return False

    def end_holder(self, stack: str) -> bool:
        """The holder is a process, and not ours to end."""
        return False

    def close(self) -> None:
        """Release the lock too."""
        self.release("")
        super().close()
        if self._copy is not None:
            self._copy.close()
