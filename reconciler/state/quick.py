"""A state in a file that is only read, with what comes with Python: where nothing about it is odd.

SQLAlchemy takes longer to import than a small stack to plan, and a plan writes nothing. Whatever is odd (another
schema, damage, a file that this user may not write, an error of SQLite) is left to `SQLiteDatabase`, which explains it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.state.files import may_write, refuse_links, refuse_tracked

__all__ = ["SCHEMA", "NotQuick", "Quick", "quick"]

SCHEMA: Final = 10
"""The newest version, as `migrations.CURRENT` says it: one that is behind costs the quick way, and no more."""


class NotQuick(Exception):
    """It has to be read with all care, from the beginning."""


class Quick:
    """Reads a file, or one that is not there: nothing."""

    def __init__(self, connection: sqlite3.Connection | None) -> None:
        self._connection = connection

    def each(self, query: str, given: Mapping[str, Any]) -> Iterator[Any]:
        """Rows one by one, so that no table is in memory twice; NotQuick when that cannot be done in this way."""
        if self._connection is not None:
            try:
                yield from self._connection.execute(query, given)
            except sqlite3.Error as error:
                raise NotQuick from error

    def close(self) -> None:
        """Let go of the file; again is fine."""
        if self._connection is not None:
            self._connection.close()


def quick(path: Path) -> Quick | None:
    """To read the state at a path; None where that needs more care. StateError for a link, and for what git tracks."""
    refuse_links(path)
    refuse_tracked(path)
    try:
        if not path.stat().st_size:
            return Quick(None)
    except FileNotFoundError:
        return Quick(None)
    except OSError:
        return None
    return _opened(path) if may_write(path) else None


def _opened(path: Path) -> Quick | None:
    try:
        raw = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
    except sqlite3.Error:
        return None
    try:
        raw.execute("PRAGMA query_only = ON").close()
        version = raw.execute("SELECT version FROM reconciler_schema").fetchall()
        # What a damaged index hides would be taken for what was never made.
        whole = version == [(SCHEMA,)] and raw.execute("PRAGMA integrity_check(1)").fetchall() == [("ok",)]
    except sqlite3.Error:
        whole = False
    if whole:
        return Quick(raw)
    raw.close()
    return None
