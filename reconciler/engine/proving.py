"""A plan that rests on nothing that is only known from before: made anew until all that it touches was read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from reconciler.engine.planning import Planning
from reconciler.errors import Invalid, Problem, Refused
from reconciler.model import LookedAt, ReadMode
from reconciler.provider import Drivers
from reconciler.refresh import AccountLook, Looks, RestsOn, touched

__all__ = ["BLIND", "proved"]

BLIND = (
    "nothing was asked of the account (--refresh=none): this is what git has changed since the last apply, as far as "
    "that can be told, and it cannot be applied"
)
DOUBTFUL = "by what is known from before the stack could not be planned"


async def proved(looking: Looks, drivers: Drivers, plan: Callable[[AccountLook], Awaitable[Planning]]) -> Planning:
    """The plan, made of one look at the account, with a word on how that looked."""
    look = looking.begin()
    while True:
        try:
            planning = await plan(look)
        except (Invalid, Refused) as error:
            if look.is_delta:  # what is wrong may be so no longer
                look.give_up(DOUBTFUL)
                continue
            if look.is_blind and isinstance(error, Invalid):
                raise Invalid([*error.problems, Problem("", 0, 0, "", BLIND)]) from error
            raise
        if not (look.is_delta and await look.prove(drivers, _rests_on(planning, look))):
            break
    look.keep(drivers)
    said = LookedAt(look.mode.value, look.swept.isoformat(timespec="seconds") if look.swept else None, look.why)
    notes = [Problem("", 0, 0, "", text, "note")] if (text := _told(look)) else []
    plan_said = replace(planning.plan, refresh=said, diagnostics=(*notes, *planning.plan.diagnostics))
    return replace(planning, plan=plan_said)


def _rests_on(planning: Planning, look: AccountLook) -> RestsOn:
    """What the plan touches; and what its addresses mean, where it may be gone."""
    needs = touched(planning.plan, planning.stack, planning.kinds, planning.claims, planning.difference)
    return replace(needs, objects=needs.objects | look.doubts(planning.claims.live.values()))


def _told(look: AccountLook) -> str:
    """For whoever reads the plan; nothing of what is usual."""
    if look.mode is ReadMode.NONE:
        return BLIND
    if look.mode is ReadMode.DELTA and look.swept:
        gone = f"; which {look.unplaced} objects of others are gone was not looked for" if look.unplaced else ""
        return (
            f"the account was read by what differs since the full sweep of {look.swept:%Y-%m-%d %H:%M} UTC, and whole "
            f"where something is planned{gone}; what leaves no trace in lists shows in the next full sweep "
            "(--refresh=full)"
        )
    return f"everything was read whole: {look.why}" if look.why else ""
