"""What is ours and not declared: orphans, the deposed, and what is let go of. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model import Action, Change, Recorded
from reconciler.ownership import Claims, deposed_address, has_deposed_name

__all__ = ["orphans"]

LEFT = "deposed by a replacement"


def orphans(claims: Claims) -> dict[str, Change]:
    """address → what happens to it: deleted, or let go of and kept."""
    return {change.address: change for change in (*_forgotten(claims), *_held(claims), *_deleted(claims))}


def _forgotten(claims: Claims) -> Iterator[Change]:
    for address, row in sorted(claims.forgotten.items()):
        now = claims.addresses.get((row.kind, row.id), address)
        why = "under `removed:`" if now == address else f"it is external now, as {now}"
        yield _change(address, row, Action.FORGET, why)


def _held(claims: Claims) -> Iterator[Change]:
    for row in sorted(claims.to_hold, key=lambda row: (row.address, row.id)):
        yield _change(deposed_address(row), row, Action.HOLD, f"{row.address} is another one now, and has its name")


def _deleted(claims: Claims) -> Iterator[Change]:
    for address, row in sorted(claims.orphans.items()):
        yield _change(address, row, Action.DELETE, "no longer declared")
    # Sorted: several old objects of one address may be left, and each plan must read the same.
    for row in sorted(claims.deposed, key=lambda row: (row.address, row.id)):
        unknown = claims.never_made(row.kind, row.id) and not has_deposed_name(row)
        why = "it carries the stamp of this address too" if unknown else LEFT
        yield _change(deposed_address(row), row, Action.DELETE, why)
    for row in claims.displaced:
        why = f"no longer declared; {row.address} is what was {claims.moved[row.address]} until now"
        yield _change(deposed_address(row), row, Action.DELETE, why)


def _change(address: str, row: Recorded, action: Action, reason: str) -> Change:
    return Change(
        address=address,
        kind=row.kind,
        action=action,
        reason=reason,
        id=row.id,
        parent_id=row.parent_id,
        protect=row.protect,
        fields=row.fields,
    )
