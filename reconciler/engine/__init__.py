"""One run over one stack: the stages of the pipeline by name, in the order in which they are done.

    session = Session(stack, drivers, state)
    planning = await session.plan()
    report = await session.apply(planning, command="…")

Nothing here prints; nothing here decides what a plan does. Who opens state, account and files is `project`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import field, replace
from functools import partial

from reconciler.apply import Doing, Here, Limits, Walk
from reconciler.apply.recover import told as on_its_way
from reconciler.diff import Attempts, Difference, diff
from reconciler.engine import applying, beside, turning
from reconciler.engine.beside import Turn
from reconciler.engine.planning import Aim, InFlight, Planning, Prior
from reconciler.engine.proving import proved
from reconciler.engine.stages import (
    declared,
    in_flight,
    known,
    means,
    owned,
    refreshed,
    renamed,
    stores_are_there,
    tried,
    unstamped,
    valued,
    wanted,
)
from reconciler.engine.wishes import as_seen, wished_for
from reconciler.errors import Invalid, Problem
from reconciler.frozen import dataclass
from reconciler.http import Clock, SystemClock
from reconciler.kinds import Kinds
from reconciler.model import Awaited, Basis, Change, Event, Plan, Recorded, Report, Snapshot, Stack
from reconciler.ownership import Claims
from reconciler.ownership.rebuild import known_as, said_of
from reconciler.ownership.unseen import told
from reconciler.plan import make_plan, with_changes
from reconciler.plan.awaited import awaited
from reconciler.plan.cost import estimated
from reconciler.plan.facts import leaving, used
from reconciler.plan.facts import told as facts_of
from reconciler.plan.fingerprints import fingerprints
from reconciler.plan.guards import Consent
from reconciler.plan.targeting import EVERYTHING, Targeting
from reconciler.planfile import Saved, wishes
from reconciler.preflight import inspected, lengths
from reconciler.provider import Drivers
from reconciler.refresh import AccountLook, Looks, uses
from reconciler.state import State

__all__ = ["Limits", "Planning", "Session"]


@dataclass(frozen=True, slots=True)
class _Looked:
    """Who is who, and what differs."""

    stack: Stack
    snapshot: Snapshot
    claims: Claims
    difference: Difference
    silent: Sequence[Problem]
    """Notes on what results do not say."""
    turns: tuple[Turn, ...] = ()


async def _nobody_checks(turn: Turn) -> str:
    return f"nothing here can run {', '.join(turn.replacing.checks)}"


def _but(wishes: Mapping[str, str], addresses: Container[str]) -> dict[str, str]:
    return {address: id for address, id in wishes.items() if address not in addresses}


@dataclass
class Session:
    """One run over one stack."""

    stack: Stack
    drivers: Drivers
    state: State
    clock: Clock = field(default_factory=SystemClock)
    limits: Limits = field(default_factory=Limits)
    consent: Consent = field(default_factory=Consent)
    resolve: Callable[[str], str] = str
    """Fills a template of `${env.NAME}` in, for what was recorded masked."""
    account: str = ""
    """Which account this is, for saved plans; see `planfile.account_of`."""
    targeting: Targeting = EVERYTHING
    """What of the stack is planned."""
    replace: Mapping[str, str] = field(default_factory=dict)
    """Address → id of what is to be made anew though nothing of it changed; "" for whatever is there."""
    whole: bool = True
    """Whether this run is about all of the stack: consent then means all that has its name."""
    said: Sequence[Problem] = ()
    """What else is to be said with each plan, of where it is made."""
    place: str = ""
    """The file that names the stack, or "." for its directory."""
    gate: Callable[[Turn], Awaitable[str]] = _nobody_checks
    """Runs the checks of what was made beside something: says which failed, and why; "" when it may take the place."""
    promoted: frozenset[str] = frozenset()
    """Addresses whose place is taken, in this run, by what was made beside them."""
    looking: Looks = field(default_factory=Looks)
    """How the account is read."""
    doing: Doing = field(default_factory=Here)
    """Who sends what creates need."""
    alone: bool = False
    """Whether the state is that of this directory alone, so that another stack in its place is this one renamed."""

    def __post_init__(self) -> None:
        self.sending = self.drivers.hands.sending
        self.drivers.http.before_write = self.state.proven
        if self.drivers.hands.results is not None:
            self.drivers.hands.results.before_write = self.state.proven
        self.state.places = {kind.__name__: "/".join(kind.section_path()) for kind in self.kinds}
        self.state.declared = self.stack.resources
        self.files = self.sending.files

    @property
    def kinds(self) -> Kinds:
        """What can be declared."""
        return self.drivers.kinds

    async def plan(self, *, destroy: bool = False, everything: bool = False, inspect: bool = True) -> Planning:
        """Read what is needed and plan. `destroy` plans for a stack that declares nothing; `everything` also lists what
        is not of this stack; `inspect` looks into new files, and raises Invalid with all that the API would refuse."""
        looking = Looks() if destroy or everything else self.looking
        plan = partial(self._plan, destroy=destroy, everything=everything, inspect=inspect)
        return await proved(looking, self.drivers, plan)

    async def _plan(self, look: AccountLook, *, destroy: bool, everything: bool, inspect: bool) -> Planning:
        drivers, kinds, tariff = self.drivers, self.kinds, self.drivers.provider.tariff
        # load
        stack = declared(self.stack, self.consent, tariff, destroy=destroy)
        prior = known(self.state, kinds, self.resolve, look)
        drivers.hands.recorded.update({row.id: row for row in prior.recorded})
        stack = known_as(prior.identity, stack)
        self._go_on_as(stack)
        if prior.nothing and self.alone:
            renamed(stack, self.state.neighbours(self.place))
        await stores_are_there(drivers, prior)
        declared_so, wishes = stack, wished_for(stack, kinds, self.replace)
        # replaced beside
        stack, prior, under_way, deposing = self._beside(stack, prior)
        # identify, refresh
        need, agreed = wanted(stack, prior, everything=everything), self.consent if self.whole else None
        read = await refreshed(drivers, self.files, stack, need, prior, self.account, agreed, look)
        drivers.hands.recorded.clear()
        self._go_on_as(read.stack)  # whoever adopts goes on under the id that all of it carries
        # operations in flight
        begun = await in_flight(drivers, read, prior)
        # ownership, diff
        known_attempts = await tried(drivers, read.stack, prior, begun, look, retry=self.consent.retry_failed)
        looked = await self._differing(read.stack, begun, known_attempts, wishes, under_way)
        stack, snapshot, claims, difference = looked.stack, looked.snapshot, looked.claims, looked.difference
        # steps
        plan = self._stepped(looked, awaited(looked.claims, self.targeting, prior.operations, begun.progress))
        plan = self._with_turns(plan, looked, declared_so, wishes)
        # preflight
        notes = [*begun.notes, *on_its_way(claims), *unstamped(self.stack, self.state), *told(read.behind)]
        notes += [*self.said, *looked.silent, *said_of(stack, claims, read.belonging), *beside.notes(claims, kinds)]
        if inspect and not look.is_blind:
            plan, snapshot = await self._who_uses(plan, claims, snapshot, look)
        notes += plan.diagnostics
        if inspect:
            notes += await inspected(drivers, stack, plan)
        seconds = await lengths(drivers, stack, plan) if inspect else {}
        # cost
        estimate, warnings = estimated(
            plan, stack, claims, snapshot, tariff, means(drivers, plan, self.limits, seconds, self._follow(looked))
        )
        if inspect and (errors := [it for it in warnings if it.severity == "error"]):
            raise Invalid(errors)
        touched = fingerprints(plan, snapshot, kinds)
        plan = replace(plan, diagnostics=(*notes, *warnings), fingerprints=touched, estimate=estimate)
        return Planning(  # its guards are asked by `Planning.refusals`
            stack=stack,
            kinds=kinds,
            snapshot=snapshot,
            claims=claims,
            difference=difference,
            plan=plan,
            aim=Aim(destroy, self.targeting, replace=as_seen(self.replace, claims)),
            consent=self.consent,
            recovered=begun.writes,
            unresolved=begun.unresolved,
            noticed=begun.noticed,
            belonging=read.belonging,
            unshown=frozenset(row.id for row in read.behind),
            hidden=begun.hidden,
            turns=looked.turns,
            deposing=tuple(deposing),
        )

    def _go_on_as(self, stack: Stack) -> None:
        """What is kept of results is that of the stack of this id."""
        if self.drivers.hands.results:
            self.drivers.hands.results.known_as(stack.id, stack.former)

    def _beside(self, stack: Stack, prior: Prior) -> tuple[Stack, Prior, dict[str, str], list[Recorded]]:
        """The stack with what an earlier run has begun beside something, or with what takes the place of that; what is
        known then; address → id of the old object; and the rows that are deposed by it."""
        deposing = beside.deposing(stack, prior.recorded, self.promoted, self.state.now())
        stack = beside.moving(stack, self.kinds, prior.recorded, self.promoted)
        prior = prior.with_rows(deposing)
        under_way = beside.begun(stack, self.kinds, prior.recorded, prior.operations)
        there = {row.address for row in prior.recorded if not row.deposed}
        return beside.with_next(stack, self.kinds, under_way, there.__contains__), prior, under_way, deposing

    async def _differing(
        self, stack: Stack, begun: InFlight, attempts: Attempts, wishes: Mapping[str, str], under_way: Mapping[str, str]
    ) -> _Looked:
        """Which object each address means, and what differs: once more, when something has to be replaced beside."""
        looked = await self._look(stack, begun, attempts, _but(wishes, under_way))
        if fresh := beside.found(looked.stack, self.kinds, looked.difference):
            under_way = {**under_way, **fresh}
            stack = beside.with_next(stack, self.kinds, fresh, looked.claims.live.__contains__)
            looked = await self._look(stack, begun, attempts, _but(wishes, under_way))
        turns = beside.turns(looked.stack, self.kinds, looked.claims, looked.difference, under_way)
        return replace(looked, turns=turns)

    async def _look(self, stack: Stack, begun: InFlight, attempts: Attempts, wishes: Mapping[str, str]) -> _Looked:
        snapshot, claims = await owned(self.drivers, stack, begun)
        claims = beside.held(stack, self.kinds, claims, snapshot, self.state.now())
        stack, silent = await valued(self.drivers, stack, claims, attempts)
        return _Looked(stack, snapshot, claims, diff(stack, self.kinds, claims, attempts, wishes), silent)

    def _stepped(self, looked: _Looked, pending: Sequence[Awaited]) -> Plan:
        targeting, difference = self.targeting, looked.difference
        return make_plan(
            looked.stack, self.kinds, looked.claims, difference, looked.snapshot, targeting, tuple(pending)
        )

    def _follow(self, looked: _Looked) -> int:
        return beside.follows(looked.stack, self.kinds, looked.turns)

    def _with_turns(self, plan: Plan, looked: _Looked, declared: Stack, wishes: Mapping[str, str]) -> Plan:
        """The plan with each replacement that is done beside, for whoever reviews it and for the guards: what it takes
        is planned as what is made beside."""
        changes: dict[str, Change] = {}
        for turn in looked.turns:
            if self.targeting.has(turn.address):
                resource = replace(
                    declared.resources[turn.address], replace=looked.stack.resources[turn.address].replace
                )
                change = beside.replacement(looked.stack, self.kinds, looked.claims, turn, resource, wishes)
                changes[turn.address] = beside.shown(turn, change)
        if not changes:
            return plan
        changes = facts_of(changes, self.kinds, looked.claims, looked.snapshot)
        return with_changes(plan, changes)

    @property
    def is_open(self) -> bool:
        """Whether an earlier run began something and did not conclude it."""
        return bool(self.state.operations())

    async def plan_for_good(self, *, destroy: bool = False) -> Planning:
        """A plan on which nothing is open any more of an interrupted run. The caller holds the lock."""
        planning = await self.plan(destroy=destroy)
        while (
            planning.is_open
        ):  # a task may end between two looks; each round concludes something, so they come to an end
            await self.recover(planning)
            planning = await self.plan(destroy=destroy)
        return planning

    async def _who_uses(
        self, plan: Plan, claims: Claims, snapshot: Snapshot, look: AccountLook
    ) -> tuple[Plan, Snapshot]:
        """The plan with the facts of who would lose something by a delete; nobody is asked when nothing is deleted."""
        if not (going := leaving(plan)):
            return plan, snapshot
        plan = used(plan, self.kinds, claims, (await uses(self.drivers, going, look.proven(snapshot))).users)
        return plan, replace(snapshot, requests=self.drivers.http.sent)

    def confirm(self, saved: Saved, planning: Planning, key: bytes) -> tuple[str, ...]:
        """Addresses of a saved plan that are done already; this plan does the rest of it and nothing else. `key` is
        the one that seals plans for this account.

        Raises StalePlan, naming what moved. A row that is behind what is there says that somebody else did it.
        """
        others = {*planning.difference.refreshed, *(row.address for row in planning.claims.gone)}
        declared = wishes.of_each(self.stack, self.kinds, saved.plan, key, destroy=planning.aim.destroy)
        gates = wishes.gates_of(self.stack, saved.plan, key)
        here = Basis(account=self.account, settings=wishes.of_all(self.stack, key), declared=declared, gates=gates)
        from reconciler.planfile.moved import check  # by an apply of a saved plan, and no other run

        return check(saved, planning.plan, here, self.kinds, by_others=others)

    async def recover(self, planning: Planning) -> None:
        """Under the lock, before anything is planned for good: record what an interrupted run made, and look up what
        is still unclear, so that no operation stays open."""
        await applying.recover(self, planning)

    async def apply(
        self,
        planning: Planning,
        *,
        command: str,
        on_event: Callable[[Event], None] = lambda _: None,
        on_start: Callable[[Walk], None] = lambda _: None,
    ) -> Report:
        """Do what the plan says. The caller holds the lock. Raises Refused; failures of single steps are reported."""
        walks: list[Walk] = []

        def begun(walk: Walk) -> None:
            walks.append(walk)
            on_start(walk)

        report = await applying.apply(self, planning, command=command, on_event=on_event, on_start=begun)
        if not walks or not (planning.turns or turning.halfway(planning)):
            return report
        stages = turning.Stages(self, command, on_event, begun, lambda: walks[-1].stopping)
        return await turning.turned(stages, planning, report)
