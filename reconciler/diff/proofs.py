"""Whether what is in an object is what was in it when it was recorded, where no field says that. Pure."""

from __future__ import annotations

from typing import Any

from reconciler.kind import Kind
from reconciler.model import ChangedBy, Delta, Live, Recorded

__all__ = ["CHANGED", "CHANGED_IN_STORE", "changed_by_others"]

CHANGED, CHANGED_IN_STORE = "changed outside git", "changed in the store"
SHOWN = 12
"""So much of a digest is enough to tell two apart."""


def changed_by_others(kind: type[Kind], live: Live, row: Recorded | None) -> tuple[Delta, ...]:
    """What proves that it is another, each before → now. What was not recorded, by an older version, proves nothing."""
    if not kind.proofs or row is None or row.id != live.id:
        return ()
    both = [name for name in kind.proofs if name in row.facts and name in live.facts]
    return tuple(
        Delta(name, _shown(row.facts[name]), _shown(live.facts[name]), ChangedBy.DRIFT)
        for name in both
        if row.facts[name] != live.facts[name]
    )


def _shown(value: Any) -> Any:
    return value[:SHOWN] if isinstance(value, str) else value
