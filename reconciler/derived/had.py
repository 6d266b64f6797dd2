"""Results that are gone from the store, or were changed there, and that the platform has yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.derived.ids import another
from reconciler.model import Recorded

__all__ = ["StillHad", "is_expired"]


class StillHad:
    """What can be fetched again, in one run."""

    def __init__(self) -> None:
        self._ids: dict[str, list[str]] = {}
        """identity → ids of what was made of it"""
        self.unsound: set[str] = set()
        """Ids of sets that others have changed: nothing is copied from them"""

    def add(self, identity: str, id: str) -> None:
        """The task by which this was made lives."""
        self._ids.setdefault(identity, []).append(id)

    def take(self, identity: str) -> str | None:
        """The id under which the result of a task that lives is kept once more; None when none is known."""
        if not (ids := self._ids.get(identity)):
            return None
        id = ids[0]
        # What is declared anew and is the same needs no other task either, only an id of its own.
        ids[:] = ids[1:] or [another(id)]
        return id


def is_expired(row: Recorded, kept_s: float | None) -> bool:
    """Whether nobody has to be asked: it was made longer ago than the platform keeps a task, and a day more."""
    made_at = row.facts.get("made_at")
    if kept_s is None or not isinstance(made_at, str):
        return False
    oldest = datetime.now(UTC) - timedelta(seconds=kept_s, days=1)
    return made_at < oldest.isoformat(timespec="microseconds")
