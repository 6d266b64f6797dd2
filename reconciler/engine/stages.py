"""The stages between the YAML and the plan, one function each, in the order in which `Session.plan` calls them.

What decides is elsewhere and pure (`ownership`, `diff`, `plan`): here stands what a stage needs
to be asked, and what becomes of the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from reconciler.apply import Limits
from reconciler.apply.attempts import attempts
from reconciler.apply.fill import answer_of, nothing_at
from reconciler.apply.recover import recover
from reconciler.derived.kept import store_for
from reconciler.diff import Attempts, laters
from reconciler.engine.planning import InFlight, Prior, Reading
from reconciler.errors import Invalid, Problem, Refused, first_few
from reconciler.files import Files
from reconciler.identify import as_now, identified, otherwise
from reconciler.kinds import Kinds
from reconciler.later import value_at
from reconciler.model import MAKING, Attempt, Live, Plan, Recorded, Snapshot, Stack
from reconciler.ownership import Belonging, Claims, belonging, claim
from reconciler.ownership.unseen import hidden, presumed
from reconciler.plan import guards
from reconciler.plan.cost import Means
from reconciler.plan.guards import Consent
from reconciler.plan.prices import problems as wrong_prices
from reconciler.provider import Drivers, Exists
from reconciler.redact import Secret, unmask
from reconciler.refresh import AccountLook, Wanted, read_whole, refresh
from reconciler.refresh.again import had_again
from reconciler.refresh.operations import look_at
from reconciler.refresh.remembered import remembered
from reconciler.state import State
from reconciler.tariff import Tariff

__all__ = [
    "declared",
    "in_flight",
    "in_this_account",
    "known",
    "legible",
    "means",
    "owned",
    "refreshed",
    "renamed",
    "stores_are_there",
    "tried",
    "unstamped",
    "valued",
    "wanted",
]

T = TypeVar("T")
FEW = 3
"""So many addresses are named; of more their count is said."""


# load


def declared(stack: Stack, consent: Consent, tariff: Tariff, *, destroy: bool) -> Stack:
    """The stack as it is to be planned: with what was agreed to, and bare of all its own when that is to be deleted."""
    if problems := [*guards.problems(stack), *wrong_prices(stack, tariff)]:
        raise Invalid(problems)
    return _agreeing(_bare(stack) if destroy else stack, consent)


def known(state: State, kinds: Kinds, resolve: Callable[[str], str], look: AccountLook) -> Prior:
    """What the state knows, with secrets filled in that were recorded by the name of their variable. What became of
    operations is not asked by who asks nothing."""
    return Prior(
        identity=state.identity(),
        recorded=[_unmasked(row, kinds, resolve) for row in state.recorded()],
        operations=() if look.is_blind else state.operations(),
        unseen=state.unseen(),
    )


def legible(state: State) -> Prior:
    """The same without the rows that are damaged, for who makes the state anew; what is masked stays so."""
    return Prior(
        identity=state.identity(),
        recorded=state.recorded(legible=True),
        operations=state.operations(legible=True),
        unseen=frozenset(),
    )


def renamed(stack: Stack, others: Mapping[str, int]) -> None:
    """Nothing is known of a stack of this name; Refused if something is of one that was declared in its place."""
    if not others:
        return
    new = stack.name
    told = " and ".join(f"{count} objects of a stack {old!r}" for old, count in others.items())
    ways = " or ".join(f"`reconciler state rename {old} {new}`" for old in others)
    raise Refused(
        [
            f"the state here knows {told}, and nothing of {new!r}. If that is the same stack under a new name, say "
            f"so with {ways}; nothing is made anew then. If it is another one, give it a state of its own (--state)"
        ]
    )


async def stores_are_there(drivers: Drivers, prior: Prior) -> None:
    """Refused if the state knows sets in a store that `results:` names no more and no other store has: they are not
    lost, and would be made again. Nothing is asked of the account for that; nor of a store, unless a name is gone."""
    shelf = drivers.hands.results
    stored = {kind.__name__ for kind in drivers.kinds if kind.stored}
    if shelf is None or not stored:
        return
    rows = [row for row in prior.recorded if row.kind in stored and store_for(row.fields) not in shelf.stores]
    there = {made.task for made in (await shelf.places()).values()} if rows else set()
    gone: dict[str, list[str]] = {}
    for row in rows:
        if row.id not in there:  # else the store only has another name now
            gone.setdefault(store_for(row.fields), []).append(row.address)
    if gone:
        raise Refused([_store_gone(name, sorted(addresses)) for name, addresses in sorted(gone.items())])


def _store_gone(name: str, addresses: Sequence[str]) -> str:
    some = first_few(addresses, FEW)
    return (
        f"`results:` has no store {name!r} any more, and {some} {'is' if len(addresses) == 1 else 'are'} kept there. "
        f"Put it back; then move what is to stay (`into:` another store) or take it out of the stack, apply, and take "
        f"the store out. If it is lost, let go of what was in it with `reconciler state rm ADDRESS`"
    )


def _unmasked(row: Recorded, kinds: Kinds, resolve: Callable[[str], str]) -> Recorded:
    found = unmask(row.fields, resolve)
    if found is row.fields:  # nothing in it was masked
        return row
    fields = dict(found)
    # No mapping is a secret: an earlier version kept a user's own key `$env` as if it were one.
    kind = kinds.by_name.get(row.kind)
    for spec in kind.specs.values() if kind else ():
        if spec.shape is dict and isinstance(value := fields.get(spec.name), Secret):
            fields[spec.name] = {"$env": value.template}
    return replace(row, fields=fields)


def _bare(stack: Stack) -> Stack:
    """The stack without anything of its own. What is external stays known, so as not to be taken for ours."""
    external = {address: resource for address, resource in stack.resources.items() if resource.external}
    return replace(stack, resources=external, moved=(), removed=())


def _agreeing(stack: Stack, consent: Consent) -> Stack:
    """The stack with `replace: allow` where whoever runs this has agreed to it."""
    agreed = {a for a in stack.resources for pattern in consent.replace if fnmatchcase(a, pattern)}
    if not agreed:
        return stack
    resources = {a: replace(it, replace=it.replace or a in agreed) for a, it in stack.resources.items()}
    return replace(stack, resources=resources)


# identify, refresh


def wanted(stack: Stack, prior: Prior, *, everything: bool) -> Wanted:
    """What has to be read of the account for this stack."""
    identity = prior.identity
    return Wanted(
        resources=stack.resources,
        recorded=prior.recorded,
        operations=prior.operations,
        stacks=(stack.name, *stack.former),
        everything=everything,
        stateless=stack.stamps and (identity is None or identity.rebuild),
        marks=stack.stamps and identity is not None and identity.rebuild and bool(identity.former),
    )


async def refreshed(
    drivers: Drivers,
    files: Files,
    stack: Stack,
    wanted: Wanted,
    prior: Prior,
    account: str,
    consent: Consent | None,
    look: AccountLook,
) -> Reading:
    """Hash files while the account is read, as `look` says: neither waits for the other.

    Raises Refused when the account is another one than the state's. With `consent` to adopt, a stack of which nothing
    is recorded goes on under the id that all its objects carry.
    """
    async with _meanwhile(identified(stack, drivers.kinds, files)) as hashing:
        snapshot = await (
            _remembered(drivers, stack, wanted, prior, account, look)
            if look.is_blind
            else refresh(drivers, wanted, look)
        )
        stack = await hashing
    snapshot = as_now(stack, drivers.kinds, snapshot)
    behind = hidden(prior.recorded, prior.unseen, snapshot)
    snapshot = presumed(stack, drivers.kinds, prior.recorded, behind, snapshot)
    belongs = in_this_account(prior, drivers.kinds, account, snapshot)
    if prior.nothing and consent and consent.adopt:
        stack = _going_on(stack, snapshot)
    return Reading(stack, snapshot, behind, belongs)


async def _remembered(
    drivers: Drivers, stack: Stack, wanted: Wanted, prior: Prior, account: str, look: AccountLook
) -> Snapshot:
    """What is taken to be there when nothing is asked. Refused where nothing is known, or only of another account."""
    if wanted.stateless or prior.identity is None:
        raise Refused(["nothing that is recorded says what there is: plan without --refresh=none"])
    if prior.identity.account and account and prior.identity.account != account:
        raise Refused(
            ["the state was made with another key or address: plan without --refresh=none, which asks nothing"]
        )
    return await remembered(drivers, stack, wanted, prior.recorded, look)


def in_this_account(prior: Prior, kinds: Kinds, account: str, snapshot: Snapshot) -> Belonging:
    """What of the recorded is in the account. Raises Refused when it is another account than the state's."""
    noted = prior.identity.account if prior.identity else None
    stored = {kind.__name__ for kind in kinds if kind.stored}
    rows = [row for row in prior.recorded if row.kind not in stored]  # what a store holds is no evidence of an account
    found = belonging(noted, account, rows, len(prior.operations), snapshot)
    if found.refusal:
        raise Refused([found.refusal])
    return found


def _going_on(stack: Stack, snapshot: Snapshot) -> Stack:
    """Under the id that all objects of the stack carry, as it is agreed that they are ours. Objects of several ids are
    of several stacks: then none is taken for this one's."""
    ids = snapshot.stack_ids(stack.name)
    return replace(stack, id=next(iter(ids))) if len(ids) == 1 else stack


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Do the work beside the block; when the block fails, the work is given up."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# operations in flight


async def in_flight(drivers: Drivers, read: Reading, prior: Prior) -> InFlight:
    """What became of each operation that an earlier run announced and did not conclude."""
    looked = await look_at(drivers, read.stack, read.snapshot, prior.recorded, prior.operations)
    rows = prior.recorded if prior.operations else ()  # where nothing was begun, what is recorded stays as it is
    recovered = recover(read.stack, drivers.kinds, rows, prior.operations, looked)
    return InFlight(
        snapshot=looked.snapshot,
        recorded=recovered.recorded if prior.operations else prior.recorded,
        writes=tuple(recovered.writes),
        unresolved=tuple(recovered.unresolved),
        noticed=tuple(recovered.noticed),
        hidden=looked.hidden,
        notes=recovered.notes,
        progress=looked.progress,
    )


async def tried(
    drivers: Drivers, stack: Stack, prior: Prior, begun: InFlight, look: AccountLook, *, retry: bool
) -> Attempts:
    """What came of earlier attempts to make what is declared; who made it is asked only of what is gone or changed, or
    declared otherwise."""
    if look.is_blind:
        return {}
    had = await had_again(drivers, begun.recorded, begun.snapshot)
    found = attempts(drivers.kinds, begun.recorded, had, prior.operations, begun.progress, retry=retry)
    for kind, rows in otherwise(stack, drivers.kinds, begun.recorded).items():
        for identity, progress in (await drivers[kind].otherwise(rows)).items():
            if isinstance(progress, Exists):
                found.setdefault((kind, identity), Attempt(progress.told, free=True))
    return found


# ownership


async def owned(drivers: Drivers, stack: Stack, begun: InFlight) -> tuple[Snapshot, Claims]:
    """Which object each address means. Raises Invalid with every address that cannot be told.

    Who is who has to be known before it is known of which objects more must be read: what moved may declare more at
    its new address than the old one did.
    """
    snapshot = begun.snapshot
    claims = claim(stack, drivers.kinds, begun.recorded, snapshot)
    if unread := _moved_unread(stack, drivers.kinds, claims):
        snapshot = await read_whole(drivers, snapshot, unread)
        claims = claim(stack, drivers.kinds, begun.recorded, snapshot)
    if claims.problems:
        raise Invalid([stack.problem(address, text) for address, text in claims.problems])
    return snapshot, claims


def _moved_unread(stack: Stack, kinds: Kinds, claims: Claims) -> list[Live]:
    """Objects of which more is declared at their new address than was at the old one, and than was read."""
    detail = {kind.__name__: {name for name, field in kind.specs.items() if field.detail} for kind in kinds}
    moved = ((claims.live[address], stack.resources[address]) for address in claims.moved if address in claims.live)
    return [live for live, it in moved if not live.detailed and detail[it.kind] & set(it.fields)]


# values of results


async def valued(drivers: Drivers, stack: Stack, claims: Claims, attempts: Attempts) -> tuple[Stack, list[Problem]]:
    """The stack with the values of results that stand in their places, and notes on what a result does not say. Only
    what is not known from the state is read."""
    if not any(resource.laters for resource in stack.resources.values()):
        return stack, []
    about = laters.known(stack, drivers.kinds, claims, attempts)
    answers: dict[str, Any] = {}
    for later, live in about.unread.items():
        if later.address not in answers:
            kept_at = live.stamp.key if live.stamp else later.address
            answers[later.address] = await answer_of(drivers, stack.resources[later.address], live.id, kept_at)
    read = {later: value_at(answers[later.address], later.pointer) for later in about.unread}
    notes = [
        stack.problem(later.address, f"{nothing_at(later)}, so what is to have it stays as it is", severity="warning")
        for later, value in read.items()
        if value is None
    ]
    return laters.resolved(stack, claims, about, read), notes


# cost


def means(drivers: Drivers, plan: Plan, limits: Limits, durations: Mapping[str, float], follows: int) -> Means:
    """What is known of files and of the pace, for the estimate; `follows` are writes after all steps."""
    sizes: dict[str, int] = {}
    chunks = 0
    for change in plan.changes:
        if change.action in MAKING and drivers.kinds[change.kind].identity_name:
            driver = drivers[change.kind]
            size = driver.size_of(change.fields)
            if size is not None:
                sizes[change.address] = size
                chunks += driver.chunk_requests(change.fields, size)
    return Means(
        sizes=sizes,
        durations=durations,
        chunk_requests=chunks,
        results={kind.__name__: kind.section for kind in drivers.kinds if kind.stored},
        traits={kind: driver.traits for kind, driver in drivers.items()},
        poll_s=limits.poll_s,
        follows=follows,
        rate_per_s=drivers.http.rate_per_s,
    )


def unstamped(stack: Stack, state: State) -> list[Problem]:
    """Said to who does without stamps: then nothing but the state tells what is ours."""
    if stack.stamps:
        return []
    risk = "nothing is known to be ours" if not state.exists else "keep the state safe: nothing replaces it"
    return [Problem("", 0, 0, "", f"`stamps: false`, so only the state tells what is ours; {risk}", "note")]
