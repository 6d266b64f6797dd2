"""Who takes a unique name that another object still has, and how it becomes free in time. Pure.

What is unique is the natural key of a kind that says so: an index's name, an asset in an index. Whoever takes a key
waits until its holder has let go of it: was renamed, was renamed because it goes later, or is deleted. Names that
go round in a circle need one of them renamed for a moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from reconciler.frozen import dataclass
from reconciler.kind import Kind, Updating
from reconciler.kinds import Kinds
from reconciler.model import MAKING, Action, Change, Live, Snapshot, parent_of
from reconciler.ownership import Claims

__all__ = ["NameTrades", "can_rename"]

KEPT = (Action.UPDATE, Action.MOVE, Action.ADOPT)

Key = tuple[str, str | None, tuple[Any, ...]]


def can_rename(kind: type[Kind]) -> bool:
    """Whether the natural key of a unique kind can be changed in place."""
    return kind.specs[kind.natural_key[0]].update is Updating.WHOLE


@dataclass(frozen=True, slots=True)
class Taken:
    """A key that a change takes: who holds it now, and the change by which it lets go (None: it keeps it)."""

    taker: Change
    holder: Live
    freed_by: Change | None


class NameTrades:
    """All that is taken from somebody else in one set of changes."""

    def __init__(self, kinds: Kinds, claims: Claims, changes: Mapping[str, Change], snapshot: Snapshot) -> None:
        self._kinds = {kind.__name__: kind for kind in kinds if kind.unique and kind.natural_key}
        self._claims, self._changes, self._snapshot = claims, changes, snapshot
        self.taken: dict[str, Taken] = {taken.taker.address: taken for taken in self._all()}
        """address of who takes → what"""
        self.leaving: frozenset[str] = frozenset(
            taken.freed_by.address for taken in self.taken.values() if taken.freed_by
        )
        """Addresses of changes whose object's key somebody else takes."""

    def word(self, live: Live) -> str:
        """What its unique key is called."""
        return " and ".join(self._kinds[live.kind].natural_key)

    def takes_its_own(self, change: Change) -> bool:
        """Whether a replacement has the key of the object that it replaces, which cannot give it up but by going."""
        live = self._snapshot.get(change.kind, change.id)
        return live is not None and self._wanted(change) == self._held(self._kinds[change.kind], live)

    @cached_property
    def turned(self) -> frozenset[str]:
        """One address of each circle of renames: to be renamed, so that the others have room."""
        chosen: set[str] = set()
        seen: set[str] = set()
        # Each rename waits for at most one other, so every path ends, or comes round once; `seen` is shared by all
        # starts, so no circle is found twice.
        for start in sorted(self.taken):
            path: list[str] = []
            now: str | None = start
            while now is not None and now not in seen:
                seen.add(now)
                path.append(now)
                now = self._renames_after(now)
            if now in path:
                chosen.add(min(path[path.index(now) :]))
        return frozenset(chosen)

    def _renames_after(self, address: str) -> str | None:
        """The rename in place that a rename in place waits for."""
        taken = self.taken.get(address)
        if taken is None or taken.freed_by is None or taken.taker.action not in KEPT:
            return None
        return taken.freed_by.address if taken.freed_by.action in KEPT else None

    def _all(self) -> Iterator[Taken]:
        for change in self._changes.values():
            key = self._wanted(change) if change.kind in self._kinds else None
            holder = self._holders.get(key) if key else None
            if holder is not None and holder.id != change.id:
                yield Taken(change, holder, self._freed_by(holder))

    def _freed_by(self, holder: Live) -> Change | None:
        change = self._by_object.get((holder.kind, holder.id))
        # What is let go of loses our mark and keeps its name ("rename: a name that stays with what is let go of is told
        # as well").
        if change is None or change.action is Action.FORGET:
            return None
        return None if change.action in KEPT and self._wanted(change) is None else change

    @cached_property
    def _by_object(self) -> dict[tuple[str, str], Change]:
        return {(c.kind, c.id): c for c in self._changes.values() if c.kind in self._kinds and c.id}

    @cached_property
    def _holders(self) -> dict[Key, Live]:
        kinds = self._kinds.values()
        return {
            self._held(kind, live): live
            for kind in kinds
            for live in self._snapshot.by_kind.get(kind.__name__, {}).values()
        }

    def _held(self, kind: type[Kind], live: Live) -> Key:
        return live.kind, live.parent_id, tuple(live.fields.get(name) for name in kind.natural_key)

    def _wanted(self, change: Change) -> Key | None:
        """The key that a change gives its object; None when it gives none, or one that nobody can have yet."""
        kind = self._kinds[change.kind]
        parent = parent_of(change.address)
        if change.action in KEPT:
            paths = {delta.path for delta in change.deltas}
            if not paths & set(kind.natural_key):
                return None
        elif change.action not in MAKING or (parent and self._is_made(parent)):
            return None  # in a parent that is made anew nobody has a name yet
        values = []
        for name in kind.natural_key:
            value = change.fields.get(name)
            if kind.specs[name].ref and value is not None:
                value = None if self._is_made(str(value)) else self._claims.id_of(str(value))
            if value is None:
                return None
            values.append(value)
        return change.kind, self._claims.id_of(parent) if parent else None, tuple(values)

    def _is_made(self, address: str) -> bool:
        change = self._changes.get(address)
        return change is not None and change.action in MAKING
