"""Asking whether a plan is to be done: by what it would do, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reconciler.engine import Planning

__all__ = ["agrees"]


def agrees(planning: Planning, account: str) -> bool:
    """Ask somebody at a terminal. Who would delete all that a stack has types its name: `y` is typed too soon."""
    from reconciler.model import Action
    from reconciler.redact import plain
    from reconciler.reports.text import counts_of
    from reconciler.reports.values import count_of

    plan = planning.plan
    stack = plain(plan.stack)
    what = f"{stack} ({plan.provider}, {plain(account)}): {counts_of(plan)}"
    if not planning.takes_all:
        return click.confirm(f"\n{what}.\nDo this?", default=False)
    click.echo(f"\n{what}. All that it has would be gone: {count_of(plan.count(Action.DELETE), 'object')}.")
    return bool(click.prompt("The name of the stack, to do it", default="", show_default=False) == plan.stack)
