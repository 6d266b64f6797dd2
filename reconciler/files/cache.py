"""What was found out about files, kept for the next run: in the user's cache, never needed, never in the way.

A cache that is broken, locked, read-only or full costs time and no more: every failure here is silent on purpose.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from reconciler.lazily import sqlite3

__all__ = ["Cache", "cache_path"]

TABLES = """
DROP TABLE IF EXISTS hashes;
CREATE TABLE IF NOT EXISTS files(
  path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS probes(sha256 TEXT PRIMARY KEY, found TEXT NOT NULL) WITHOUT ROWID;
"""
AT_ONCE = 500
"""Rows asked for in one query."""
PATIENCE_S = 2.0
"""How long another run may hold the file before we go on without it."""

Mark = tuple[int, int, int, int, str]
"""size in bytes, modification time and change time in ns, inode, sha256"""


def cache_path(environ: Mapping[str, str] = os.environ) -> Path | None:
    """`$XDG_CACHE_HOME/reconciler/hashes.db`, or under `~/.cache`; None where there is no home."""
    given = Path(environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():  # the XDG specification: a relative path is to be ignored
        return given / "reconciler" / "hashes.db"
    try:
        return Path.home() / ".cache" / "reconciler" / "hashes.db"
    except RuntimeError:
        return None


class Cache:
    """A SQLite file that is opened for each question: a run asks two or three."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def hashes(self, paths: Sequence[str]) -> dict[str, Mark]:
        """path → what it was when it was hashed, for those that were."""
        query = "SELECT path, size, mtime_ns, ctime_ns, inode, sha256 FROM files WHERE path IN"
        rows: list[Any] = self._rows(query, paths)
        return {path: (size, mtime_ns, ctime_ns, inode, sha) for path, size, mtime_ns, ctime_ns, inode, sha in rows}

    def keep_hashes(self, marks: Mapping[str, Mark]) -> None:
        """Remember these."""
        self._keep("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", [(p, *mark) for p, mark in marks.items()])

    def drop_hashes(self, paths: Sequence[str]) -> None:
        """These were wrong."""
        self._keep("DELETE FROM files WHERE path = ?", [(path,) for path in paths])

    def probes(self, contents: Sequence[str]) -> dict[str, str]:
        """sha256 → what was found in such a file."""
        rows: list[Any] = self._rows("SELECT sha256, found FROM probes WHERE sha256 IN", contents)
        return dict(rows)

    def keep_probes(self, found: Mapping[str, str]) -> None:
        """Remember these."""
        self._keep("INSERT OR REPLACE INTO probes VALUES (?, ?)", list(found.items()))

    def _rows(self, query: str, keys: Sequence[str]) -> list[Any]:
        if self._path is None or not keys or not self._path.exists():
            return []
        rows: list[Any] = []
        try:
            with closing(sqlite3.connect(self._path, timeout=PATIENCE_S)) as db:
                for some in _parts(keys):
                    rows += db.execute(f"{query} ({', '.join('?' * len(some))})", some)
        except (sqlite3.Error, OSError, ValueError) as error:
            self._give_up(error)
            return []
        return rows

    def _keep(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if self._path is None or not rows:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=PATIENCE_S)) as db, db:
                db.executescript(TABLES)
                db.executemany(statement, rows)
        except (sqlite3.Error, OSError, ValueError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Go on without; what is no database at all is thrown away, so that the next run has one again."""
        broken = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        path, self._path = self._path, None
        if broken and path is not None:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                return


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]
