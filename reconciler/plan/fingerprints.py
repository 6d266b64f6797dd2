"""What a plan rests on: a digest of each object that it touches, so that a later apply sees what moved. Pure.

Computed here and not beside the saved plan, for an apply that asks first compares two plans in the same way.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple

from reconciler.kind import Kind
from reconciler.kinds import Kinds
from reconciler.model import Live, Plan, Snapshot
from reconciler.values import canonical

__all__ = ["fingerprint", "fingerprints"]


def fingerprints(plan: Plan, snapshot: Snapshot, kinds: Kinds) -> dict[str, str]:
    """address → a digest of the live object that the plan was made on, for all that it touches."""
    return {
        change.address: fingerprint(kinds[live.kind], live)
        if (live := snapshot.get(change.kind, change.id))
        else "absent"
        for change in plan.changes
    }


def fingerprint(kind: type[Kind], live: Live) -> str:
    """A digest of what an object is, as far as it can be declared. That it becomes ready is no change."""
    stamp = astuple(live.stamp) if live.stamp else None
    fields = {name: canonical(kind.specs[name], value) for name, value in live.fields.items()}
    text = json.dumps([live.id, live.parent_id, fields, stamp], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
