"""Waiting from outside of an apply: what is awaited is read from the state, looked at, and what was seen is noted."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.engine.awaiting import Pending, looked, pending, record, to_record, unfinished
from reconciler.errors import Invalid, Locked, Refused
from reconciler.model import Event, Waited
from reconciler.plan.targeting import Targeting
from reconciler.planfile import account_of
from reconciler.project import access

if TYPE_CHECKING:
    from reconciler.project import Project
    from reconciler.provider import Drivers

__all__ = ["awaited_of", "waited"]


def awaited_of(project: Project, drivers: Drivers, target: Sequence[str], exclude: Sequence[str]) -> list[Pending]:
    """All that is awaited, or the part of it that is asked for. Invalid for patterns that fit nothing."""
    targeting, found = Targeting(tuple(target), tuple(exclude)), pending(project.state, drivers)
    known = {it.what.address for it in found} | {*unfinished(project.state, drivers)}
    if problems := targeting.idle({*project.stack.resources, *known}):
        raise Invalid(problems)
    return [it for it in found if targeting.has(it.what.address)]


async def waited(
    project: Project,
    drivers: Drivers,
    timeout_s: float | None,
    target: Sequence[str],
    exclude: Sequence[str],
    on_event: Callable[[Event], None],
    stop: asyncio.Event | None,
) -> Waited:
    """Look without the lock, for whoever else wants to work meanwhile, and take it to note what was seen."""
    found = awaited_of(project, drivers, target, exclude)
    targeting = Targeting(tuple(target), tuple(exclude))
    left = tuple(filter(targeting.has, unfinished(project.state, drivers)))
    if not found:
        return Waited(unfinished=left)
    _of_this_account(project, drivers)
    seconds = math.inf if timeout_s is None else timeout_s
    limits, ended = project.limits(), stop or asyncio.Event()
    result = await looked(found, drivers, drivers.hands.clock, limits, on_event, timeout_s=seconds, stop=ended)
    result = replace(result, unfinished=left)
    if not to_record(result):
        return result
    try:
        with project.held("reconciler wait"):
            record(project.state, found, result)
    except Locked as error:  # whoever holds it sees the same, and nothing is lost
        return replace(result, holder=str(error))
    return result


def _of_this_account(project: Project, drivers: Drivers) -> None:
    """Refused where the state is of another account: what is not there would be taken for failed."""
    identity = project.state.identity()
    here = account_of(*access.account(project.stack.provider, project.options))
    if identity is not None and identity.account not in (None, here):
        raise Refused(
            [
                "what is awaited was begun with another key, or at another address, than the one that is given: use "
                "that one, or let `reconciler apply` find out whether it is the same account"
            ]
        )
    if identity is not None and drivers.hands.results is not None:
        drivers.hands.results.known_as(identity.id, identity.former)
