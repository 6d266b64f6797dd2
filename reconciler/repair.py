"""When the state does not say what is: made anew from the account, told whose it is, or which of two objects stays.

Nothing in the account is changed here; what follows from it is for the next plan.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from reconciler.engine import Session
from reconciler.engine.stages import in_this_account, legible
from reconciler.errors import Invalid, StateError
from reconciler.identify import as_now, identified
from reconciler.model import Operation, Recorded
from reconciler.ownership import Belonging, belonging, claim
from reconciler.ownership.duplicates import Twins, resolved, twins
from reconciler.ownership.rebuild import chosen_id, known_as, rebuilt
from reconciler.refresh import Wanted, refresh
from reconciler.state import Clear, Open, Put

__all__ = ["accept", "duplicates", "rebuild"]


async def rebuild(session: Session, id: str | None = None) -> list[Recorded]:
    """Make the state anew from what the account says: stamps and natural keys. The caller holds the lock.

    What was recorded before is forgotten first, open operations too: whatever they made shows by its stamp. `id` says
    which of several stacks of this name it is. Raises Refused when that is not clear, and for another account.
    """
    state, drivers = session.state, session.drivers
    prior = legible(state)  # damaged rows are what a rebuild is for
    stack = known_as(prior.identity, await identified(session.stack, session.kinds, session.files))
    wanted = Wanted(stack.resources, prior.recorded, stacks=(stack.name, *stack.former), everything=True)
    snapshot = as_now(stack, session.kinds, await refresh(drivers, wanted))
    in_this_account(prior, session.kinds, session.account, snapshot)
    stack = replace(stack, id=chosen_id(stack, snapshot, id))
    claims = claim(stack, drivers.kinds, (), snapshot)
    if claims.problems:
        raise Invalid([stack.problem(address, text) for address, text in claims.problems])
    # What is not made to its end is no row: the next survey sees what is to become of it.
    objects = {id: live for lives in snapshot.by_kind.values() for id, live in lives.items()}
    rows = [
        row
        for row in rebuilt(stack, drivers.kinds, claims)
        if not (row.id in objects and drivers[objects[row.id].kind].is_partial(objects[row.id]))
    ]
    begun = [Open(it) for it in prior.operations if it.handle is not None and await _is_legible(session, it)]
    await _identify(session, stack.id)
    await state.aside(partial(state.commit, Clear(), *begun, *(Put(row) for row in rows)))
    await state.aside(state.complete)
    return rows


async def _is_legible(session: Session, operation: Operation) -> bool:
    """Whether its driver can make something of its handle: what is damaged is forgotten with all else."""
    try:
        await session.drivers[operation.kind].look([operation])
    except (StateError, KeyError):
        return False
    return True


async def accept(session: Session) -> Belonging:
    """Note that the state is of this account, whatever it knows; says what of the recorded is in it."""
    recorded = session.state.recorded()
    snapshot = await refresh(session.drivers, Wanted({}, recorded))
    await _identify(session, None)
    return belonging(None, session.account, recorded, 0, snapshot)


async def duplicates(session: Session, keep: Collection[str] = ()) -> list[Twins]:
    """Addresses for which more than one object was made. `keep` says which stay: recorded as if they had been applied,
    the others as old objects that the next plan deletes. The caller holds the lock then."""
    planning = await session.plan(everything=True, inspect=False)
    kinds = session.kinds
    found = twins(planning.stack, kinds, planning.claims, planning.snapshot)
    if found and keep:
        rows = resolved(found, keep, kinds, planning.claims)
        await _identify(session, planning.stack.id)
        await session.state.aside(partial(session.state.commit, *(Put(row) for row in rows)))
    return found


async def _identify(session: Session, id: str | None) -> None:
    state = session.state
    await state.aside(partial(state.identify, account=session.account, id=id, place=session.place))
