"""The pipeline as calls: load, read, claim, compare, plan; and apply.

    async with Session(stack, provider, state) as session:
        plan = (await session.survey()).plan
        report = await session.apply(plan)

A `Session` is one run over one stack. Nothing here prints; nothing here decides what a plan does.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import astuple, dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, TypeVar

from reconciler import guards
from reconciler.apply import (
    Finder,
    Journal,
    Ledger,
    Limits,
    Run,
    Walk,
    inspected,
    lengths,
    problem_at,
    readdressed,
    unfinished,
)
from reconciler.apply.recover import adopting, after, recover
from reconciler.diff import Difference, diff
from reconciler.errors import ApiError, Invalid, Problem, Refused, StateError
from reconciler.estimate import Means, estimated
from reconciler.estimate import problems as wrong_prices
from reconciler.fetch import Wanted, fetch, read_whole
from reconciler.guards import Consent
from reconciler.http import Clock, SystemClock
from reconciler.identify import as_now, identified
from reconciler.kind import Kind, canonical
from reconciler.kinds import Kinds
from reconciler.model import Action, Event, Intent, Live, Plan, Recorded, Report, Snapshot, Stack
from reconciler.ownership import Belonging, Claims, belonging, claim
from reconciler.ownership.rebuild import known_as, said_of
from reconciler.ownership.unseen import hidden, presumed, told
from reconciler.plan import make_plan
from reconciler.plan.facts import leaving, used
from reconciler.plan.subset import EVERYTHING, Subset
from reconciler.planfile import Origin, Saved, check
from reconciler.redact import Secret, unmask
from reconciler.rest import Rest
from reconciler.state import Close, Drop, Identity, Put, Seen, State, Write
from reconciler.upload import Files, Sending
from reconciler.uses import uses

T = TypeVar("T")

__all__ = ["Event", "Limits", "Session", "Survey"]


@dataclass(frozen=True, slots=True)
class Survey:
    """One look at everything: what was read, who is who, what differs, what to do about it."""

    stack: Stack
    snapshot: Snapshot
    claims: Claims
    difference: Difference
    plan: Plan
    recovered: tuple[Write, ...] = ()
    """What an interrupted run had done, to be recorded before anything else."""
    unresolved: tuple[Intent, ...] = ()
    """Creates of an interrupted run of which nothing is to be seen yet."""
    belonging: Belonging = field(default_factory=Belonging)
    unshown: frozenset[str] = frozenset()
    """Ids of what was made a moment ago and is in the snapshot though no read showed it."""
    hidden: frozenset[str] = frozenset()
    """Ids of objects that were seen and are not in the snapshot: half made, or deleted."""


@dataclass
class Session:
    """One run over one stack."""

    stack: Stack
    provider: Rest
    state: State
    clock: Clock = field(default_factory=SystemClock)
    limits: Limits = field(default_factory=Limits)
    consent: Consent = field(default_factory=Consent)
    resolve: Callable[[str], str] = str
    """Fills a template of `${env.NAME}` in, for what was recorded masked."""
    account: str = ""
    """Which account this is, for saved plans; see `planfile.account_of`."""
    subset: Subset = EVERYTHING
    """What of the stack is planned."""
    sending: Sending | None = None
    """How files are hashed and sent; made when it is left out."""
    whole: bool = True
    """Whether this run is about all of the stack: consent then means all that has its name."""
    said: Sequence[Problem] = ()
    """What else is to be said with each plan, of where it is made."""
    place: str = ""
    """The file that names the stack, or "." for its directory."""
    alone: bool = False
    """Whether the state is that of this directory alone, so that another stack in its place is this one renamed."""

    def __post_init__(self) -> None:
        if self.sending is None:
            self.sending = Sending(Files(self.stack.root), clock=self.clock)
        self.provider.sending = self.sending
        self.provider.http.before_write = self.state.proven
        self.state.places = {kind.__name__: "/".join(kind.section_path()) for kind in self.provider.kinds}
        self.files = self.sending.files

    async def survey(self, *, destroy: bool = False, everything: bool = False, inspect: bool = True) -> Survey:
        """Read what is needed and plan. `destroy` plans for a stack that declares nothing; `inspect` looks into new
        files, and raises Invalid with all that the API would refuse."""
        if problems := [*guards.problems(self.stack), *wrong_prices(self.stack, self.provider.tariff)]:
            raise Invalid(problems)
        identity = self.state.identity()
        stack = known_as(identity, _bare(self.stack) if destroy else self.stack)
        stack = _agreeing(stack, self.consent)
        recorded = [self._unmasked(row) for row in self.state.recorded()]
        intents = self.state.intents()
        if not recorded and not intents:
            self._was_it_renamed()
        wanted = Wanted(
            resources=stack.resources,
            recorded=recorded,
            intents=intents,
            stacks=(stack.name, *stack.former),
            everything=everything,
            stateless=stack.stamps and (identity is None or identity.rebuild),
            marks=stack.stamps and identity is not None and identity.rebuild and bool(identity.former),
        )
        async with _meanwhile(identified(stack, self.files)) as hashing:
            snapshot = await fetch(self.provider, wanted)
            stack = await hashing
        snapshot = as_now(stack, snapshot)
        behind = hidden(recorded, self.state.unseen(), snapshot)
        snapshot = presumed(stack, self.provider.kinds, recorded, behind, snapshot)
        young = frozenset(row.id for row in behind)
        belongs = self.belonging(identity, recorded, len(intents), snapshot)
        if not recorded and not intents:
            stack = self._going_on(stack, snapshot)
        begun = await unfinished(self.provider, stack, snapshot, recorded, intents, self.state.uploads())
        snapshot, recorded = begun.snapshot, after(recorded, begun.writes)
        recovered, unresolved, notes = recover(recorded, begun.intents, snapshot)
        recorded = after(recorded, recovered)
        recovered = [*begun.writes, *recovered]
        claims = claim(stack, self.provider.kinds, recorded, snapshot)
        if unread := _moved_unread(stack, self.provider.kinds, claims):
            snapshot = await read_whole(self.provider, snapshot, unread)
            claims = claim(stack, self.provider.kinds, recorded, snapshot)
        if claims.problems:
            raise Invalid([problem_at(stack, address, text) for address, text in claims.problems])
        notes = [*begun.notes, *notes, *self._warning(), *told(behind), *self.said, *said_of(stack, claims, belongs)]
        difference = diff(stack, self.provider.kinds, claims)
        plan = make_plan(stack, self.provider.kinds, claims, difference, snapshot, self.subset)
        if inspect and (going := leaving(plan)):
            plan = used(plan, claims, (await uses(self.provider, going, snapshot)).users)
            snapshot = replace(snapshot, requests=self.provider.http.sent)
        fingerprints = _fingerprints(plan, snapshot, self.provider.kinds)
        notes += plan.diagnostics
        if inspect:
            notes += await inspected(self.provider, stack, plan)
        means = self._means(plan, await lengths(self.provider, stack, plan) if inspect else {})
        estimate, warnings = estimated(plan, stack, claims, snapshot, self.provider.tariff, means)
        notes += warnings
        plan = replace(plan, diagnostics=tuple(notes), fingerprints=fingerprints, estimate=estimate)
        opened = (tuple(recovered), tuple(unresolved))
        return Survey(stack, snapshot, claims, difference, plan, *opened, belongs, young, frozenset(begun.hidden))

    def refusals(self, survey: Survey) -> list[str]:
        """What the guards say against the plan."""
        owned = len(survey.claims.rows) + len(survey.claims.orphans) + len(survey.claims.displaced)
        claims, belongs = survey.claims, survey.belonging
        return [
            *guards.all_gone(belongs, self.consent),
            *guards.refusals(survey.plan, survey.stack, owned, self.consent, claims.unproven),
        ]

    def confirm(self, saved: Saved, survey: Survey) -> tuple[str, ...]:
        """Addresses of a saved plan that are done already; the survey's plan does the rest of it and nothing else.

        Raises StalePlan, naming what moved. A row that is behind what is there says that somebody else did it.
        """
        others = {*survey.difference.refreshed, *(row.address for row in survey.claims.gone)}
        here = Origin(account=self.account, stack_digest=self.stack.digest)
        return check(saved, survey.plan, here, by_others=others)

    async def settle(self, survey: Survey) -> None:
        """Under the lock, before anything is planned for good: record what an interrupted run made, and look up what
        is still unclear, so that no intent stays open. What was found counts at once: the next list may lag."""
        finder = Finder(self.provider, survey.snapshot, self.clock, self.limits)
        found = await asyncio.gather(*(finder.find(intent) for intent in survey.unresolved))
        rows = {row.address: row for row in survey.claims.rows.values()}
        writes: list[Write] = list(survey.recovered)
        for intent, live in zip(survey.unresolved, found, strict=True):
            writes += adopting(intent, live, rows.get(intent.address)) if live else [Close(intent.op)]
        if writes:
            await self.state.aside(partial(self.state.identify, id=survey.stack.id))
        await self.state.aside(partial(self.state.commit, *writes))

    async def apply(
        self,
        survey: Survey,
        *,
        command: str,
        on_event: Callable[[Event], None] = lambda _: None,
        on_start: Callable[[Walk], None] = lambda _: None,
    ) -> Report:
        """Do what the plan says. The caller holds the lock. Raises Refused; failures of single steps are reported."""
        if reasons := self.refusals(survey):
            raise Refused(reasons)
        if survey.claims.unproven and not survey.plan.changes and not self.consent.adopt:
            return Report("", (), requests=self.provider.http.sent)  # as it should be, and not known to be ours
        id = survey.stack.id or self._of_what_goes(survey)
        known = await self.state.aside(partial(self.state.identify, account=self.account, id=id, place=self.place))
        run_id = await self.state.aside(partial(self.state.start_run, command))
        stack = replace(survey.stack, id=known.id)
        result, on_wait = "failed", self.provider.http.on_wait
        self.provider.http.on_wait = lambda seconds, why: on_event(
            Event("pause", "", message=why, total=round(seconds))
        )
        try:
            kinds = self.provider.kinds
            moves = readdressed(survey.plan, survey.claims, kinds, survey.difference.refreshed)
            unseen = self.state.unseen() - survey.unshown
            seen = [Seen(id) for id in sorted(unseen & survey.snapshot.ids)] if unseen else []
            await self.state.aside(partial(self.state.commit, *_housekeeping(survey), *moves, *seen))
            journal = Journal(self.state)
            ledger = Ledger(journal, self.state.uploads())
            if self.sending:
                self.sending.begin(ledger, lambda address, done, total: on_event(_sent(address, done, total)))
            run = Run(
                id=run_id,
                stack=stack,
                provider=self.provider,
                journal=journal,
                plan=survey.plan,
                claims=survey.claims,
                snapshot=survey.snapshot,
                clock=self.clock,
                limits=self.limits,
                on_event=on_event,
                ledger=ledger,
                hidden=survey.hidden,
                unshown=survey.unshown,
            )
            walk = Walk(run)
            on_start(walk)
            report = await walk.go()
            result = "interrupted" if report.interrupted else "failed" if report.failed else "done"
            if not report.interrupted:
                await self._sight(run)
            if known.rebuild and self.whole and result == "done" and not survey.plan.left_out:
                await self.state.aside(self.state.complete)
            return report
        except asyncio.CancelledError:
            self.state.wait_at_most(0)  # nobody waits for a database that hangs any more
            raise
        finally:
            self.provider.http.on_wait = on_wait
            with suppress(StateError):  # how a run ended is for people; all that it did is recorded
                await self.state.aside(partial(self.state.end_run, run_id, result))

    async def _sight(self, run: Run) -> None:
        """Note what of the new objects is to be seen, so that the next read which lacks one of them means something:
        what was waited for was seen; the others are looked for once, in the newest page of their list."""
        unseen = self.state.unseen()
        rows = [row for row in run.rows.values() if row.id in unseen]
        seen = {row.id for row in rows if run.kinds[row.kind].asynchronous and row.address not in run.bad}
        lists = {(row.kind, row.parent_id) for row in rows if row.id not in seen}
        with suppress(ApiError):  # a look only: the next run looks again
            for name, parent_id in sorted(lists, key=str):
                page = await self.provider.page(run.kinds[name], parent_id, 1, run.kinds[name].newest)
                seen |= {live.id for live in page.objects}
        await self.state.aside(partial(self.state.commit, *(Seen(id) for id in sorted(seen & unseen))))

    def belonging(
        self, identity: Identity | None, recorded: Sequence[Recorded], unfinished: int, snapshot: Snapshot
    ) -> Belonging:
        """What of the recorded is in the account. Raises Refused when it is another account than the state's."""
        noted = identity.account if identity else None
        found = belonging(noted, self.account, recorded, unfinished + len(self.state.uploads()), snapshot)
        if found.refusal:
            raise Refused([found.refusal])
        return found

    def _was_it_renamed(self) -> None:
        """Nothing is known of a stack of this name; Refused if something is of one that was declared in its place."""
        if not self.alone or not (others := self.state.neighbours(self.place)):
            return
        new = self.stack.name
        told = " and ".join(f"{count} objects of a stack {old!r}" for old, count in others.items())
        ways = " or ".join(f"`reconciler state rename {old} {new}`" for old in others)
        raise Refused(
            [
                f"the state here knows {told}, and nothing of {new!r}. If that is the same stack under a new name, say "
                f"so with {ways}; nothing is made anew then. If it is another one, give it a state of its own (--state)"
            ]
        )

    def _going_on(self, stack: Stack, snapshot: Snapshot) -> Stack:
        """Of a stack of which nothing is recorded: under the id that all its objects carry, if it is agreed that they
        are ours. Objects of several ids are of several stacks: then none is taken for this one's."""
        ids = snapshot.stack_ids(stack.name)
        agreed = self.consent.adopt and self.whole and len(ids) == 1
        return replace(stack, id=next(iter(ids))) if agreed else stack

    def _of_what_goes(self, survey: Survey) -> str | None:
        """The id of what is agreed to be deleted as ours, so that a run that is cut short is taken up by the next."""
        ids = survey.snapshot.stack_ids(survey.stack.name)
        goes = survey.claims.orphans or survey.claims.leftovers
        return next(iter(ids)) if goes and len(ids) == 1 else None

    def _means(self, plan: Plan, durations: Mapping[str, float]) -> Means:
        """What is known of files and of the pace, for the estimate."""
        kinds = self.provider.kinds
        sizes: dict[str, int] = {}
        chunks = 0
        for change in plan.changes:
            if change.action in (Action.CREATE, Action.REPLACE):
                size = self.provider.size_of(kinds[change.kind], change.fields)
                if size is not None:
                    sizes[change.address] = size
                    chunks += self.provider.chunk_requests(kinds[change.kind], change.fields, size)
        return Means(
            sizes=sizes,
            durations=durations,
            chunk_requests=chunks,
            poll_s=self.limits.poll_s,
            poll_max_s=self.limits.poll_max_s,
            page_size=self.provider.page_size,
            rate_per_s=self.provider.http.rate_per_s,
        )

    def _warning(self) -> list[Problem]:
        """Said to who does without stamps: then nothing but the state tells what is ours."""
        if self.stack.stamps:
            return []
        risk = "nothing is known to be ours" if not self.state.exists else "keep the state safe: nothing replaces it"
        return [Problem("", 0, 0, "", f"`stamps: false`, so only the state tells what is ours; {risk}", "note")]

    def _unmasked(self, row: Recorded) -> Recorded:
        fields = dict(unmask(row.fields, self.resolve))
        # No mapping is a secret: an earlier version kept a user's own key `$env` as if it were one.
        kind = next((kind for kind in self.provider.kinds if kind.__name__ == row.kind), None)
        for spec in kind.specs.values() if kind else ():
            if spec.shape is dict and isinstance(value := fields.get(spec.name), Secret):
                fields[spec.name] = {"$env": value.template}
        return replace(row, fields=fields)


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Do the work beside the block; when the block fails, the work is given up."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _agreeing(stack: Stack, consent: Consent) -> Stack:
    """The stack with `replace: allow` where whoever runs this has agreed to it."""
    agreed = {a for a in stack.resources for pattern in consent.replace if fnmatchcase(a, pattern)}
    if not agreed:
        return stack
    resources = {a: replace(it, replace=it.replace or a in agreed) for a, it in stack.resources.items()}
    return replace(stack, resources=resources)


def _bare(stack: Stack) -> Stack:
    """The stack without anything of its own. What is external stays known, so as not to be taken for ours."""
    external = {address: resource for address, resource in stack.resources.items() if resource.external}
    return replace(stack, resources=external, moved=(), removed=())


def _moved_unread(stack: Stack, kinds: Kinds, claims: Claims) -> list[Live]:
    """Objects of which more is declared at their new address than was at the old one, and than was read."""
    detail = {kind.__name__: {name for name, field in kind.specs.items() if field.detail} for kind in kinds}
    moved = ((claims.live[address], stack.resources[address]) for address in claims.moved if address in claims.live)
    return [live for live, it in moved if not live.detailed and detail[it.kind] & set(it.fields)]


def _sent(address: str, done: int, total: int) -> Event:
    return Event("upload", address, "create", done=done, total=total)


def _housekeeping(survey: Survey) -> list[Write]:
    """Rows that no longer say what is: of what is gone, and of what already is as it shall be."""
    writes: list[Write] = [Drop(row.address, row.id) for row in survey.claims.gone]
    for address, row in survey.difference.refreshed.items():
        old = survey.claims.rows.get(address)
        if old and old.id != row.id:
            writes.append(Drop(address, old.id))
        writes.append(Put(row))
    return writes


def _fingerprints(plan: Plan, snapshot: Snapshot, kinds: Kinds) -> dict[str, str]:
    """address → a digest of the live object that the plan was made on, for all that it touches."""
    return {
        change.address: fingerprint(kinds[live.kind], live)
        if (live := snapshot.get(change.kind, change.id))
        else "absent"
        for change in plan.changes
    }


def fingerprint(kind: type[Kind], live: Live) -> str:
    """A digest of what an object is, as far as it can be declared. That it becomes ready is no change."""
    stamp = astuple(live.stamp) if live.stamp else None
    fields = {name: canonical(kind.specs[name], value) for name, value in live.fields.items()}
    text = json.dumps([live.id, live.parent_id, fields, stamp], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
