"""Rows get the addresses of now before anything else is done: all of a plan's moves in one transaction.

Moves may be a circle, and each step writes alone: one after the other would leave two objects at one address for a
while, and a run that is killed there would forget whose the first is. What is recorded of references follows along.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.kinds import Kinds
from reconciler.model import Plan, Recorded
from reconciler.ownership import Claims, deposed_address
from reconciler.state import Drop, Put, Write

__all__ = ["readdressed"]


def readdressed(plan: Plan, claims: Claims, kinds: Kinds, but: Container[str] = ()) -> tuple[Write, ...]:
    """First what goes from the old addresses, then what comes to the new ones. Rows of `but` are written anyway."""
    moved = {change.address: str(change.previous_address) for change in plan.changes if change.previous_address}
    if not moved:
        return ()
    now = {old: new for new, old in moved.items()}
    now |= {row.address: deposed_address(row) for row in claims.displaced if row.address in moved}
    rows = {address: row for address, row in claims.rows.items() if address not in but}
    drops = [Drop(old, rows[new].id) for new, old in moved.items() if new in rows]
    return (*drops, *(Put(row) for row in _rows(rows, moved, now, kinds)))


def _rows(
    rows: Mapping[str, Recorded], moved: Container[str], now: Mapping[str, str], kinds: Kinds
) -> Iterator[Recorded]:
    for address, row in rows.items():
        refs = {field.name: row.fields[field.name] for field in kinds[row.kind].refs() if field.name in row.fields}
        here = {name: _renamed(value, now) for name, value in refs.items()}
        if address in moved or here != refs:
            yield replace(row, fields={**row.fields, **here})


def _renamed(value: Any, now: Mapping[str, str]) -> Any:
    if isinstance(value, list | tuple):
        return [now.get(address, address) for address in value]
    return now.get(value, value)
