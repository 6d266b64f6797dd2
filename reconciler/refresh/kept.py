"""What was read of an account, kept for the next run: a file beside the state, never needed, thrown away at any time.

Without it, or with one that cannot be read, that is of another account, of another version or older than it may be,
everything is read whole. So each failure here costs requests and no more. An object in which something stands that is
known to be secret is kept by its id alone.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import astuple, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from reconciler.decoding import decoded
from reconciler.errors import StateError
from reconciler.frozen import dataclass
from reconciler.kind import Kind
from reconciler.model import Live, Stamp, Status
from reconciler.redact import knows
from reconciler.state.files import make, may_write, refuse_links, refuse_tracked
from reconciler.version import __version__

__all__ = ["Kept", "KeptLists", "ListId", "owner_of"]

FORMAT = 2
TABLES = """
CREATE TABLE IF NOT EXISTS owner(name TEXT NOT NULL, swept TEXT NOT NULL, token INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS lists(kind TEXT NOT NULL, parent TEXT NOT NULL, PRIMARY KEY (kind, parent)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects(
  kind TEXT NOT NULL, parent TEXT NOT NULL, id TEXT NOT NULL, place INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (kind, parent, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unplaced(
  kind TEXT NOT NULL, parent TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (kind, parent)) WITHOUT ROWID;
"""
IN_LIST = "WHERE kind = ? AND parent = ?"
DROP_ALL = f"DELETE FROM objects {IN_LIST}"  # noqa: S608 - no value is in it
DROP = f"DELETE FROM objects {IN_LIST} AND id = ?"  # noqa: S608 - no value is in it
CHANGE = f"UPDATE objects SET body = ? {IN_LIST} AND id = ?"  # noqa: S608 - no value is in it
ENDS = f"SELECT min(place), max(place) FROM objects {IN_LIST}"  # noqa: S608 - no value is in it
AT_ONCE = 200
"""Objects that are looked through for secrets at once."""
PATIENCE_S = 2.0
"""How long another run may hold the file before we go on without it."""
NOT_KEPT = ""
"""The body of an object that holds a secret."""

ListId = tuple[str, str | None]
"""A kind, and the parent in which its objects are."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept: each list in the server's order."""

    swept: datetime
    """When everything was read whole."""
    lists: Mapping[ListId, Mapping[str, Live]]
    bare: Mapping[ListId, frozenset[str]] = field(default_factory=dict)
    """Ids of what was there and is not kept, as something in it is secret."""
    unplaced: Mapping[ListId, int] = field(default_factory=dict)
    """How many of a list were gone without its being known which: none that was ours."""
    token: int = 0
    """It rises with each write: who has read an older one does not write over a newer."""


def owner_of(account: str, stack: str, kinds: Iterable[type[Kind]]) -> str:
    """Whose lists these are, and who can read them: another account, stack or version makes its own."""
    said = [FORMAT, __version__, account, stack, *((kind.__name__, sorted(kind.specs)) for kind in kinds)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


class KeptLists:
    """The file. It is opened for each question: a run asks two."""

    def __init__(self, path: Path | None, owner: str) -> None:
        self.path, self.owner = path, owner

    def read(self) -> Kept | None:
        """What is kept, if it is this owner's and can be read."""
        if self.path is None or not self.path.exists():
            return None
        try:
            refuse_links(self.path)
            refuse_tracked(self.path)
            with closing(
                sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE_S)
            ) as db:
                return self._read(db)
        except (sqlite3.Error, OSError, ValueError, TypeError, KeyError, StateError):
            return None

    def _read(self, db: sqlite3.Connection) -> Kept | None:
        found = db.execute("SELECT name, swept, token FROM owner").fetchall()
        if len(found) != 1 or found[0][0] != self.owner:
            return None
        lists: dict[ListId, dict[str, Live]] = {
            (kind, parent or None): {} for kind, parent in db.execute("SELECT kind, parent FROM lists")
        }
        bare: dict[ListId, set[str]] = {}
        decode = json.JSONDecoder().decode
        for kind, parent, id, body in db.execute(
            "SELECT kind, parent, id, body FROM objects ORDER BY kind, parent, place"
        ):
            list_id = (kind, parent or None)
            if body == NOT_KEPT:
                bare.setdefault(list_id, set()).add(id)
                lists[list_id][id] = Live(kind, id, {}, list_id[1], detailed=False)
            else:
                lists[list_id][id] = _live(kind, id, list_id[1], decoded(body, decode))
        frozen = {list_id: frozenset(ids) for list_id, ids in bare.items()}
        counts = db.execute("SELECT kind, parent, count FROM unplaced")
        unplaced = {(kind, parent or None): int(count) for kind, parent, count in counts}
        return Kept(datetime.fromisoformat(found[0][1]), lists, frozen, unplaced, int(found[0][2]))

    def write(
        self,
        swept: datetime,
        lists: Mapping[ListId, Mapping[str, Live]],
        before: Kept | None,
        unplaced: Mapping[ListId, int] = MappingProxyType({}),
    ) -> None:
        """Keep these, and of what was kept `before` what is in none of them; with nothing before, only these. Of a list
        so many are gone that stand in it all the same."""
        if before is not None:
            same = {it for it in lists if unplaced.get(it, 0) == before.unplaced.get(it, 0)}
            lists = {it: now for it, now in lists.items() if it not in same or not _are_as(before.lists.get(it), now)}
        if self.path is None or (before is not None and not lists):
            return
        with suppress(sqlite3.Error, OSError, ValueError, TypeError, StateError):
            refuse_tracked(self.path)
            make(self.path)
            if may_write(self.path) and not self._written(swept, lists, before, unplaced):
                make(self.path)
                self._written(swept, lists, before, unplaced)

    def _written(
        self,
        swept: datetime,
        lists: Mapping[ListId, Mapping[str, Live]],
        before: Kept | None,
        unplaced: Mapping[ListId, int],
    ) -> bool:
        """False when what was there is no database at all, and is thrown away."""
        try:
            with closing(sqlite3.connect(self.path or "", timeout=PATIENCE_S)) as db, db:
                db.executescript(TABLES)
                db.execute("BEGIN IMMEDIATE")
                there = db.execute("SELECT name, token FROM owner").fetchall()
                if before is not None and there != [(self.owner, before.token)]:
                    return True  # somebody has written since: what they have seen is newer, or not ours
                if before is None:
                    db.execute("DELETE FROM lists")
                    db.execute("DELETE FROM objects")
                    db.execute("DELETE FROM unplaced")
                token = max((row[1] for row in there), default=0) + 1
                db.execute("DELETE FROM owner")
                db.execute("INSERT INTO owner VALUES (?, ?, ?)", (self.owner, swept.isoformat(), token))
                for list_id, objects in lists.items():
                    _write_list(db, list_id, objects, before.lists.get(list_id, {}) if before else {})
                    count = (list_id[0], list_id[1] or "", unplaced.get(list_id, 0))
                    db.execute("INSERT OR REPLACE INTO unplaced VALUES (?, ?, ?)", count)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) or self.path is None:
                raise
            self.path.unlink(missing_ok=True)
            return False
        return True


def _are_as(before: Mapping[str, Live] | None, now: Mapping[str, Live]) -> bool:
    """Whether a list is the very one that was read from here."""
    if before is None or len(before) != len(now):
        return False
    return all(one is other for one, other in zip(before.values(), now.values(), strict=True))


def _write_list(
    db: sqlite3.Connection, list_id: ListId, objects: Mapping[str, Live], before: Mapping[str, Live]
) -> None:
    """What differs from before. Where the order is another one all of it is written anew."""
    kind, parent = list_id[0], list_id[1] or ""
    db.execute("INSERT OR IGNORE INTO lists VALUES (?, ?)", (kind, parent))
    stay = [id for id in before if id in objects]
    places = _places(list(objects), stay) if stay else None
    if places is None:
        db.execute(DROP_ALL, (kind, parent))
        places, before = {id: at for at, id in enumerate(objects)}, {}
    else:
        gone = [(kind, parent, id) for id in before if id not in objects]
        db.executemany(DROP, gone)
        first, last = db.execute(ENDS, (kind, parent)).fetchone()
        places = {id: (first + at if at < 0 else last + at) for id, at in places.items()}
    new = [live for id, live in objects.items() if id in places and id not in before]
    same = [live for id, live in objects.items() if id in before and live is not before[id]]
    rows = [(body, kind, parent, live.id) for live, body in _bodies(same)]
    db.executemany(CHANGE, rows)
    rows_of_new = [(kind, parent, live.id, places[live.id], body) for live, body in _bodies(new)]
    db.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", rows_of_new)


def _places(now: Sequence[str], stay: Sequence[str]) -> dict[str, int] | None:
    """id → how far before the first (-1, -2, …) or behind the last (1, 2, …) of what stays each new one stands; None
    where what stays is in another order, or something new stands amid it."""
    first = now.index(stay[0])
    last = first + len(stay)
    if list(now[first:last]) != list(stay):
        return None
    before = {id: at - first for at, id in enumerate(now[:first])}
    return before | {id: at + 1 for at, id in enumerate(now[last:])}


def _bodies(lives: Sequence[Live]) -> Iterator[tuple[Live, str]]:
    """Each object as it is kept. Secrets are looked for in many at once: usually there are none."""
    them = iter(lives)
    while some := [(live, _body(live)) for live in islice(them, AT_ONCE)]:
        if knows("\n".join(body for _, body in some)):
            some = [(live, NOT_KEPT if knows(body) else body) for live, body in some]
        yield from some


def _body(live: Live) -> str:
    stamp = astuple(live.stamp) if live.stamp else None
    said = [live.fields, str(live.status), stamp, live.detailed, live.facts, live.changed_at]
    return json.dumps(said, separators=(",", ":"))


def _live(kind: str, id: str, parent_id: str | None, said: Any) -> Live:
    fields, status, stamp, detailed, facts, changed_at = said
    return Live(
        kind,
        id,
        fields,
        parent_id,
        Status(status),
        Stamp(*stamp) if stamp else None,
        bool(detailed),
        facts,
        changed_at=changed_at,
    )
