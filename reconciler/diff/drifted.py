"""What drifted, as a set that can be held against that of another day: which addresses, and which fields of each.

Values are not in it: who is told of a set wants to hear when something else drifts, not when the same drifts on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from reconciler.model import Change

__all__ = ["digest_of", "drift_set", "parts_of"]

LENGTH = 16


def drift_set(changes: Iterable[Change]) -> dict[str, tuple[str, ...]]:
    """Address → what of it drifted."""
    return {it.address: parts_of((delta.path for delta in it.deltas), it.action.value) for it in changes}


def parts_of(paths: Iterable[str], action: str) -> tuple[str, ...]:
    """What of one address drifted; that it is gone, or was made anew, counts as a field of its own."""
    return (*sorted(set(paths)), f"({action})")


def digest_of(drifted: Mapping[str, Sequence[str]]) -> str:
    """Names a set; '' for the empty one."""
    if not drifted:
        return ""
    said = json.dumps({address: sorted(parts) for address, parts in drifted.items()}, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:LENGTH]
