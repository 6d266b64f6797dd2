"""How much a plan changes, as GitLab's merge requests show it (`artifacts:reports:terraform`)."""

from __future__ import annotations

from reconciler.model import Action
from reconciler.reports.result import Result

__all__ = ["as_gitlab"]

SHOWN_AS = {
    "create": (Action.CREATE, Action.REPLACE),
    "update": (Action.UPDATE, Action.MOVE, Action.ADOPT, Action.FORGET, Action.HOLD),
    "delete": (Action.DELETE, Action.REPLACE),
}
"""What is replaced is made and deleted, as Terraform counts it. The widget knows three words and no more."""


def as_gitlab(result: Result) -> dict[str, int]:
    """The three counts; none where there is no result, which the widget shows as a report that failed."""
    if result.kind == "error":
        return {}
    changes = result.drift if result.kind == "drift" else result.changes
    return {word: sum(change.action in actions for change in changes) for word, actions in SHOWN_AS.items()}
