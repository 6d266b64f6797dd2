"""What the account has other than it was left: against what was recorded, else against what is declared. Pure."""

from __future__ import annotations

from reconciler.diff import Difference
from reconciler.model import Action, Change, Delta, Source
from reconciler.ownership import Claims

__all__ = ["drift_from"]


def drift_from(claims: Claims, difference: Difference) -> tuple[str, list[Change]]:
    """(what live was compared with, how it differs): `recorded`, or `declared` where nothing is recorded at all.

    An address of which nothing is recorded is compared with what is declared; that it is not there is drift only when
    nothing else is recorded either: else it is still to be made.
    """
    loose = [_flipped(change) for address, change in difference.changes.items() if address not in claims.rows]
    if not claims.recorded:
        return "declared", [change for change in loose if change]
    known = [change for change in loose if change and change.action is Action.UPDATE]
    return "recorded", [*difference.drift, *(it for it in known if it.address not in claims.adopted)]


def _flipped(change: Change) -> Change | None:
    """What a change would mend, told as how the account differs from what is declared; None when it does not."""
    if change.action is Action.CREATE:
        return Change(change.address, change.kind, Action.DELETE, "it is declared, and not in the account")
    if change.action is Action.DELETE:
        reason = "it carries this stack's mark, and is not declared"
        return Change(change.address, change.kind, Action.CREATE, reason, id=change.id)
    deltas = tuple(Delta(it.path, it.after, it.before, Source.DRIFT) for it in change.deltas)
    if change.action is Action.FORGET or not deltas:
        return None
    return Change(change.address, change.kind, Action.UPDATE, "it is not as it is declared", deltas, id=change.id)
