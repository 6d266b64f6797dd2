"""State: objects in SQLite, and nothing about what they mean.

One table for every kind: what can be asked for is a column, the rest is a JSON document. Lists come out of indexes in
order; nothing is sorted in Python. Without a file the same code runs on an in-memory database.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from reconciler.emulator.core.clock import ManualClock, SettableClock

__all__ = ["AccountStore", "Obj", "Selection"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects(
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL UNIQUE, parent INTEGER NOT NULL,
  name TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
  walking INTEGER NOT NULL, reads INTEGER NOT NULL, since REAL NOT NULL, fate TEXT NOT NULL,
  created_at REAL NOT NULL, updated_at REAL NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_order ON objects(kind, parent);
CREATE INDEX IF NOT EXISTS objects_name ON objects(kind, parent, name);
CREATE INDEX IF NOT EXISTS objects_type ON objects(kind, parent, type);
CREATE INDEX IF NOT EXISTS objects_updated ON objects(kind, parent, updated_at);
CREATE INDEX IF NOT EXISTS objects_walking ON objects(kind, parent) WHERE walking;
CREATE TABLE IF NOT EXISTS links(
  target INTEGER NOT NULL, kind TEXT NOT NULL, source INTEGER NOT NULL, PRIMARY KEY(target, kind, source)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS links_source ON links(source);
"""
COLUMNS = "seq, kind, id, parent, name, type, status, walking, reads, since, fate, created_at, updated_at, doc"
_encoded = json.JSONEncoder(ensure_ascii=False).encode
ORDER = {"created_at": "seq", "updated_at": "updated_at", "name": "name"}

Sort = Literal["created_at", "updated_at", "name"]


@dataclass(frozen=True, slots=True)
class Obj:
    """One object of the account. `seq` orders objects by creation and is what others point at; `id` is for the wire."""

    seq: int
    kind: str
    id: str
    parent: int
    name: str
    type: str
    status: str
    walking: bool
    """Whether the status still moves by reads or by time."""
    reads: int
    """How many reads have seen the present status."""
    since: float
    """When the present status began."""
    fate: str
    """`failed`: ends so; `stuck`: never ends; `held`: waits for something; empty: the usual way."""
    created_at: float
    updated_at: float
    doc: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects a list is about. `where` holds SQL conditions over the columns, each with its values."""

    kind: str
    parent: int | None = 0
    where: tuple[tuple[str, tuple[object, ...]], ...] = ()
    sort: Sort = "created_at"
    descending: bool = True
    linked_to: int | None = None
    """Only those that point at this object; any parent then."""

    def sql(self) -> tuple[str, list[object]]:
        # `+` keeps SQLite from walking a whole kind where the few rows that are linked can be looked up.
        """The condition, and the values in it."""
        conditions = ["+kind = ?" if self.linked_to is not None else "kind = ?"]
        all_values: list[object] = [self.kind]
        if self.linked_to is not None:
            conditions.append("seq IN (SELECT source FROM links WHERE target = ? AND kind = ?)")
            all_values += [self.linked_to, self.kind]
        elif self.parent is not None:
            conditions.append("parent = ?")
            all_values.append(self.parent)
        for condition, more in self.where:
            conditions.append(condition)
            all_values += more
        return " AND ".join(conditions), all_values


@dataclass(slots=True)
class AccountStore:
    """Objects, links between them, and the counter that ids come from. One request, one transaction."""

    path: Path | None
    clock: SettableClock | None
    seed: int
    tables: str = ""
    account: str = ""
    """Whose it is, where there are several: then their ids are never the same."""
    db: sqlite3.Connection = field(init=False)
    lock: threading.RLock = field(init=False, default_factory=threading.RLock)
    _count: int = field(init=False, default=0)
    _touched: bool = field(init=False, default=False)
    _own_clock: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        # Requests are handled on one event loop, but a test may steer from another thread; `lock` serialises them.
        self.db = sqlite3.connect(self.path or ":memory:", isolation_level=None, check_same_thread=False, timeout=30)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute(
            "PRAGMA synchronous = NORMAL"
        )  # survives a killed process; a power cut may cost the last writes
        self.db.executescript(SCHEMA + self.tables)
        self.seed = int(self.meta("seed", self.seed))
        self._own_clock = self.clock is None
        if self.clock is None:
            self.clock = ManualClock(tick_s=0.001)
        self._recall()

    # -- transactions, counter, time

    @contextmanager
    def transaction(self, *, keep: bool = True) -> Iterator[None]:
        """All or nothing; with `keep=False` nothing in any case. The counter and the time are part of it.

        The lock is taken at once, and the counter read again: a file may be open in another process too.
        """
        with self.lock:
            # At once, not at the first write: two processes on one file would else read the same counter.
            self.db.execute("BEGIN IMMEDIATE")
            self._recall()
            # The counter is part of the transaction: a request that is refused uses up no id, and two runs stay
            # equal.
            count, self._touched = self._count, False
            try:
                yield
                if keep and (self._touched or self._count != count):
                    self.remember(count=self._count, seed=self.seed, now=self.now())
                self.db.execute("COMMIT" if keep else "ROLLBACK")
                self._count = self._count if keep else count
            except BaseException:
                self.db.execute("ROLLBACK")
                self._count = count
                raise

    def _recall(self) -> None:
        """Counter and time as they were last kept; a clock of our own never goes back."""
        self._count = int(self.meta("count", 0))
        # A clock of our own goes on from where it was kept: a restart must not make objects that are older than
        # others.
        if self._own_clock and self.clock is not None:
            self.clock.advance(max(float(self.meta("now", 0)) - self.clock.now(), 0.0))

    def now(self) -> float:
        """The time in whole milliseconds: what goes out as text comes back, in a filter, as the same number."""
        assert self.clock is not None
        return round(self.clock.now(), 3)

    def meta(self, key: str, default: object) -> Any:
        """A fact about the account as a whole."""
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else row[0]

    def remember(self, **values: object) -> None:
        """Facts about the account as a whole, kept with it."""
        self.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def next(self) -> int:
        """The next number."""
        self._count += 1
        return self._count

    def moment(self) -> float:
        """The time of a write: later than that of the last one, when the clock is ours."""
        if isinstance(self.clock, ManualClock):
            self.clock.advance(self.clock.tick_s)
        self._touched = True
        return self.now()

    def token(self, number: int, length: int = 24) -> str:
        """Hex digits that follow from the seed and a number only, so that two equal runs make equal ids."""
        whose = f"{self.account}:" if self.account else ""
        return hashlib.sha256(f"{self.seed}:{whose}{number}".encode()).hexdigest()[:length]

    # -- objects

    def insert(self, kind: str, doc: dict[str, Any], **more: Any) -> Obj:
        """A new object, as `new` makes it, that is there."""
        made = self.new(kind, doc, **more)
        self.insert_all([made])
        return made

    def insert_all(self, made: Iterable[Obj]) -> None:
        """Objects of `new`: many at once cost a tenth of as many alone."""
        self.db.executemany(f"INSERT INTO objects({COLUMNS}) VALUES ({_marks(14)})", map(_values, made))  # noqa: S608

    def new(
        self,
        kind: str,
        doc: dict[str, Any],
        *,
        parent: int = 0,
        name: str = "",
        type: str = "",
        status: str = "",
        walking: bool = False,
        fate: str = "",
        make_id: str = "",
        id: str = "",
    ) -> Obj:
        """An object with the next id and the next time, not yet in any list.

        `make_id` is a prefix that asks for a UUIDv7 instead of 24 hex digits.
        `id` is for what shares the id of another on the wire: here ids are unique, so it has a prefix of its kind.
        """
        seq, now = self.next(), self.moment()
        return Obj(
            seq=seq,
            kind=kind,
            id=id or (self.uuid7(make_id, seq) if make_id else self.token(seq)),
            parent=parent,
            name=name,
            type=type,
            status=status,
            walking=walking,
            reads=0,
            since=now,
            fate=fate,
            created_at=now,
            updated_at=now,
            doc=doc,
        )

    def uuid7(self, prefix: str, seq: int) -> str:
        """An id that begins with the time, and goes on with what follows from a number."""
        millis, noise = f"{int(self.now() * 1000):012x}"[-12:], self.token(seq, 19)
        return f"{prefix}{millis[:8]}-{millis[8:]}-7{noise[:3]}-{'89ab'[int(noise[3], 16) % 4]}{noise[4:7]}-{noise[7:]}"

    def update(self, obj: Obj, **changes: Any) -> Obj:
        """Write `obj` with `changes`; `updated_at` is the caller's to change, since kinds differ in what moves it."""
        new = replace(obj, **changes)
        columns = ", ".join(f"{name} = ?" for name in COLUMNS.split(", ")[1:])
        self.db.execute(f"UPDATE objects SET {columns} WHERE seq = ?", (*_values(new)[1:], new.seq))  # noqa: S608
        return new

    def delete(self, obj: Obj) -> None:
        """Remove it and every link from and to it; what was below it is the caller's to remove."""
        self.db.execute("DELETE FROM links WHERE target = ?", (obj.seq,))
        self.db.execute("DELETE FROM links WHERE source = ?", (obj.seq,))
        self.db.execute("DELETE FROM objects WHERE seq = ?", (obj.seq,))

    def delete_children(self, obj: Obj, kind: str) -> None:
        """Remove all of a kind that is below it, and every link from and to them."""
        below = "SELECT seq FROM objects WHERE kind = ? AND parent = ?"
        for column in ("source", "target"):
            self.db.execute(f"DELETE FROM links WHERE {column} IN ({below})", (kind, obj.seq))  # noqa: S608
        self.db.execute("DELETE FROM objects WHERE kind = ? AND parent = ?", (kind, obj.seq))

    def get(self, kind: str, object_id: str, *, parent: int | None = None) -> Obj | None:
        """By the id that is on the wire; None if it is of another kind, or below another parent."""
        row = self.db.execute(f"SELECT {COLUMNS} FROM objects WHERE id = ?", (object_id,)).fetchone()  # noqa: S608
        obj = None if row is None else _obj(row)
        return obj if obj and obj.kind == kind and parent in (None, obj.parent) else None

    def has(self, object_id: str) -> bool:
        """Whether there is anything with this id."""
        return self.db.execute("SELECT 1 FROM objects WHERE id = ?", (object_id,)).fetchone() is not None

    def at(self, seq: int) -> Obj | None:
        """By number; None if it is gone."""
        row = self.db.execute(f"SELECT {COLUMNS} FROM objects WHERE seq = ?", (seq,)).fetchone()  # noqa: S608
        return None if row is None else _obj(row)

    # -- lists

    def count(self, chosen: Selection) -> int:
        """How many a list is about, whatever its page."""
        where, values = chosen.sql()
        found = self.db.execute(f"SELECT count(*) FROM objects WHERE {where}", values).fetchone()  # noqa: S608
        return int(found[0])

    def select(self, chosen: Selection, *, limit: int = -1, offset: int = 0) -> list[Obj]:
        """A page in order. Rows are skipped in the index and only the page's documents are read."""
        where, values = chosen.sql()
        way = "DESC" if chosen.descending else "ASC"
        order = f"{ORDER[chosen.sort]} {way}" + ("" if chosen.sort == "created_at" else f", seq {way}")
        inner = f"SELECT seq FROM objects WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
        picked = [row[0] for row in self.db.execute(inner, [*values, limit, offset])]
        return self._at_all(picked)

    def _at_all(self, picked: Sequence[int]) -> list[Obj]:
        rows = self.db.execute(
            f"SELECT {COLUMNS} FROM objects WHERE seq IN (SELECT value FROM json_each(?))",  # noqa: S608
            (json.dumps(picked),),
        )
        found = {row[0]: _obj(row) for row in rows}
        return [found[seq] for seq in picked]

    def unfinished(self, kind: str, parent: int) -> list[Obj]:
        """Those whose status still moves."""
        query = f"SELECT {COLUMNS} FROM objects WHERE kind = ? AND parent = ? AND walking"  # noqa: S608
        return [_obj(row) for row in self.db.execute(query, (kind, parent))]

    # -- links

    def link(self, source: Obj, target: Obj) -> None:
        """`source` points at `target`; asked from the other side by `Selection.linked_to`."""
        self.link_all([(source, target)])

    def link_all(self, pairs: Iterable[tuple[Obj, Obj]]) -> None:
        """The same for many pairs of source and target."""
        rows = ((target.seq, source.kind, source.seq) for source, target in pairs)
        self.db.executemany("INSERT OR IGNORE INTO links VALUES (?, ?, ?)", rows)

    def unlink(self, source: Obj, target: Obj) -> None:
        """No longer point at it; nothing happens if it did not."""
        self.db.execute(
            "DELETE FROM links WHERE target = ? AND kind = ? AND source = ?", (target.seq, source.kind, source.seq)
        )

    # -- the whole

    def snapshot(self) -> AccountStore:
        """A copy in memory, as of now: what a replica that lags behind would answer from."""
        copy = AccountStore(None, ManualClock(self.now()), self.seed, self.tables, self.account)
        with self.lock:
            self.db.backup(copy.db)
        copy._count = self._count
        return copy

    def clear(self) -> None:
        """Forget everything but the time; the next id is the first one again."""
        with self.transaction():
            names = [row[0] for row in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                self.db.execute(f"DELETE FROM {name}")  # noqa: S608
            self._count = 0

    def close(self) -> None:
        """Let go of the database."""
        self.db.close()


def _marks(number: int) -> str:
    return ", ".join("?" * number)


def _values(obj: Obj) -> tuple[object, ...]:
    return (
        obj.seq,
        obj.kind,
        obj.id,
        obj.parent,
        obj.name,
        obj.type,
        obj.status,
        obj.walking,
        obj.reads,
        obj.since,
        obj.fate,
        obj.created_at,
        obj.updated_at,
        _encoded(obj.doc),
    )


def _obj(row: tuple[Any, ...]) -> Obj:
    values: dict[str, Any] = dict(zip(Obj.__slots__, row, strict=True))
    return Obj(**{**values, "walking": bool(values["walking"]), "doc": json.loads(values["doc"])})
