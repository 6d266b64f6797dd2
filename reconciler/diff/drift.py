"""What somebody changed outside git: live against what was recorded, else against what is declared. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.diff.decide import gone
from reconciler.diff.fields import field_deltas, unshown
from reconciler.diff.proofs import CHANGED, CHANGED_IN_STORE, changed_by_others
from reconciler.kind import Kind
from reconciler.kinds import Kinds
from reconciler.later import Later
from reconciler.model import Action, Change, ChangedBy, Delta, Live, Recorded, Resource, Stack, ignores
from reconciler.ownership import Claims, addresses_of
from reconciler.redact import holds_secret, recalled

__all__ = ["against_recorded", "flipped"]


def against_recorded(kinds: Kinds, stack: Stack, claims: Claims, changes: Mapping[str, Change]) -> Iterator[Change]:
    """Live against what was last applied, whatever git says by now."""
    for address in sorted(claims.rows.keys() - claims.unchanged):
        row = claims.rows[address]
        live = claims.live.get(address)
        resource = stack.resources.get(address)
        if live is None:
            yield Change(address, row.kind, Action.DELETE, gone(kinds[row.kind]), id=row.id)
        elif row.id != live.id:
            yield Change(address, row.kind, Action.REPLACE, f"it is another object now ({live.id})", id=row.id)
        elif others := changed_by_others(kinds[row.kind], live, row):
            why = CHANGED_IN_STORE if kinds[row.kind].stored else CHANGED
            yield Change(address, row.kind, Action.UPDATE, why, others, id=row.id)
        elif resource and address not in changes and row.fields == resource.fields:
            continue  # as desired, and that is what was applied
        elif not (resource and resource.external):
            deltas = tuple(_drifted(kinds[row.kind], claims, row, live, resource))
            if deltas:
                yield Change(address, row.kind, Action.UPDATE, CHANGED, deltas, id=row.id)
    for row in sorted(claims.gone, key=lambda row: row.address):
        if not row.deposed:
            owner = claims.taken_away.get(row.address)
            why = f"it belongs to the stack {owner!r} now" if owner else gone(kinds[row.kind])
            yield Change(row.address, row.kind, Action.DELETE, why, id=row.id)


def _drifted(kind: type[Kind], claims: Claims, row: Recorded, live: Live, resource: Resource | None) -> Iterator[Delta]:
    """Each field that is not as it was applied: before it was so, after it is so now."""
    for name, was in row.fields.items():
        field = kind.specs.get(name)
        # A field that the kind has no longer, or a note of ours beside the fields: nobody could compare it.
        if field is None or field.source or field.identity or (field.detail and not live.detailed):
            continue
        have = live.fields.get(name)
        if field.ref:
            # Recorded references are addresses, and things were moved since: both sides under the addresses of now.
            have = addresses_of(field.ref, have or [] if field.many else have, claims.addresses)
            was = sorted(claims.now(was)) if field.many else claims.now(was)
        declared = resource.fields.get(name) if resource else None
        for delta in field_deltas(field, was, have, recalled(was, have), known=True):
            if not ignores(resource.ignore if resource else (), delta.path):
                yield _sides(delta, was, declared)


def _sides(delta: Delta, was: Any, declared: Any) -> Delta:
    """A difference of live and recorded. A live value is not shown where a secret was applied or is declared."""
    key = delta.path.partition(".")[2]
    applied_here, declared_here = (it.get(key) if isinstance(it, Mapping) else it for it in (was, declared))
    before = applied_here if holds_secret(applied_here) else delta.before
    return Delta(delta.path, before, unshown(delta.after, applied_here, declared_here), ChangedBy.DRIFT)


def flipped(change: Change) -> Change | None:
    """What a change would mend, told as how the account differs from what is declared; None when it does not."""
    if change.action is Action.CREATE:
        return Change(change.address, change.kind, Action.DELETE, "it is declared, and not in the account")
    # Nothing is recorded, so by its stamp alone it is ours: seen from git it is one object too many.
    if change.action is Action.DELETE:
        reason = "it carries this stack's mark, and is not declared"
        return Change(change.address, change.kind, Action.CREATE, reason, id=change.id)
    known = (it for it in change.deltas if not isinstance(it.after, Later))  # nobody knows yet what it should be
    deltas = tuple(Delta(it.path, it.after, it.before, ChangedBy.DRIFT) for it in known)
    if change.action is Action.FORGET or not deltas:
        return None
    return Change(change.address, change.kind, Action.UPDATE, "it is not as it is declared", deltas, id=change.id)
