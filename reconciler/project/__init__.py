"""The one door: a stack with its account and its state, and what can be done with them.

    async with reconciler.open("archive/", emulator=True) as project:
        planning = await project.plan()
        report = await project.apply(planning)

The command line is one user of it, a notebook another. What is opened for a run stands in
`reconciler.project.door`. What is heavy is imported where it is used, for `import reconciler` is what every short
script begins with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import replace as with_
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.project import access
from reconciler.project.door import Door
from reconciler.project.options import ProjectOptions

if TYPE_CHECKING:
    import asyncio

    from reconciler.checking import Bill
    from reconciler.checks import Checked
    from reconciler.engine import Planning, Session
    from reconciler.engine.beside import Turn
    from reconciler.engine.planning import Aim, Drift
    from reconciler.export import Exported
    from reconciler.model import Awaited, Event, Recorded, Report, Waited
    from reconciler.ownership import Belonging
    from reconciler.ownership.duplicates import Twins
    from reconciler.plan.guards import Consent
    from reconciler.project.applying import Applying, Begun, Start, Tell
    from reconciler.project.fetching import Fetched
    from reconciler.project.news import News
    from reconciler.project.outputs import Told
    from reconciler.searching import Searching

__all__ = ["Project", "ProjectOptions", "open"]

STOPPING_S = 5.0
"""How long a database may be silent once an apply was asked to stop."""


def open(path: str | Path = ".", **options: Any) -> Project:
    """The project of a stack's directory or file; `options` are those of `ProjectOptions`. Raises Invalid with every
    problem of the stack."""
    chosen = ProjectOptions(**options)
    where = Path(path)
    return Project(access.load_stack(where, chosen), chosen, path=where)


class Project(Door):
    """One stack, its account and its state. To be entered (`async with`) before anything that asks the account."""

    def _session(self, consent: Consent | None = None, aim: Aim | None = None) -> Session:
        from reconciler.apply import Here
        from reconciler.engine import Session
        from reconciler.load import expand
        from reconciler.plan.guards import Consent
        from reconciler.plan.targeting import EVERYTHING
        from reconciler.planfile import account_of

        drivers, options = self._opened(), self.options
        here = options.shared_state is None and isinstance(options.emulator, bool)
        account = account_of(*access.account(self.stack.provider, options))
        return Session(
            stack=self.stack,
            drivers=drivers,
            state=self._opened_state(may_write=self._command is not None),
            clock=drivers.hands.clock,
            limits=self.limits(),
            consent=consent or Consent(),
            targeting=aim.targeting if aim else EVERYTHING,
            replace=dict(aim.replace) if aim else {},
            whole=aim is None or aim.adopt is None,  # what is agreed to for one address is agreed to for no other
            resolve=partial(expand, environment=access.environment(options.allow_env)),
            account=account,
            looking=access.looking(self.stack, options, account, drivers.kinds),
            said=tuple(access.said_of_the_place(options)),
            gate=self._gate,
            doing=self.doing or Here(),
            place=self.path.name if self.path.is_file() else ".",
            alone=here and not self.stack.varies,
        )

    # Planning

    async def plan(
        self,
        *,
        target: Sequence[str] = (),
        exclude: Sequence[str] = (),
        destroy: bool = False,
        consent: Consent | None = None,
        replace: Sequence[str] = (),
    ) -> Planning:
        """What would change. Nothing is changed; what the guards say against it is in `Planning.refusals`.

        `consent` is to what guards refuse, and may change what is planned: whoever adopts what carries the stack's
        name has less to make. `replace` are addresses that are made anew though nothing of them changed.
        """
        from reconciler.engine.planning import Aim
        from reconciler.plan.guards import Consent
        from reconciler.plan.targeting import Targeting

        consent = with_(consent or Consent(), empty=destroy)  # who asks for it agrees that nothing is left
        aim = Aim(destroy, Targeting(tuple(target), tuple(exclude)), replace=tuple((it, "") for it in replace))
        if self.saved is not None:  # it says what was asked and agreed to; more may be agreed to
            from reconciler.project.saved import agreed_before, aim_before

            aim, consent = aim_before(self.saved), agreed_before(self.saved, consent)
        return await self._planned(aim, consent)

    async def adopt(self, address: str, id: str) -> Planning:
        """A plan that does nothing but take the object `id` of the account over as `address`."""
        from reconciler.engine.planning import Aim
        from reconciler.plan.guards import Consent

        return await self._planned(Aim(adopt=(address, id)), Consent(adopt=True))

    async def again(self, planning: Planning, consent: Consent | None = None) -> Planning:
        """The same plan anew, after somebody has thought about it. Raises StalePlan with what moved meanwhile."""
        from reconciler.errors import Invalid, StalePlan
        from reconciler.planfile.moved import moved

        try:
            fresh = await self._planned(planning.aim, consent or planning.consent)
        except Invalid as error:
            raise StalePlan([f"this is wrong since the plan: {problem}" for problem in error.problems]) from error
        if lines := moved(planning.plan, fresh.plan, fresh.kinds):
            raise StalePlan([f"{line}; look at the plan again" for line in lines])
        return fresh

    async def _planned(self, aim: Aim, consent: Consent | None) -> Planning:
        session = self._session(consent, aim)
        held = self._command is not None
        if aim.adopt is not None:
            from reconciler.adopt import adopted

            if held and session.is_open:
                await session.plan_for_good()
            planning = await adopted(session, *aim.adopt)
        else:
            planning = await (session.plan_for_good if held else session.plan)(destroy=aim.destroy)
        if self.saved is not None:
            from reconciler.planfile import sealing_key

            key = sealing_key(*access.account(self.stack.provider, self.options))
            planning = with_(planning, done=session.confirm(self.saved, planning, key))
        if planning.turns:
            from reconciler.project.checking import with_gates

            planning = with_gates(self, planning)
        if held:
            self._fresh = planning
        return planning

    async def _gate(self, turn: Turn) -> str:
        from reconciler.project.checking import gate

        return await gate(self, turn)

    async def drift(self, *, unmanaged: bool = False, target: Sequence[str] = (), exclude: Sequence[str] = ()) -> Drift:
        """What was changed outside git. `unmanaged` also lists what is in the account and not of this stack. Everything
        is read whole, whatever the stack says, unless the options say `refresh="delta"`."""
        from reconciler.engine.planning import Drift
        from reconciler.errors import ReconcilerError
        from reconciler.model import ReadMode
        from reconciler.plan.targeting import Targeting

        if self.options.refresh == "none":
            raise ReconcilerError(
                "what was changed outside git is not known without a look: drift needs another `refresh`"
            )
        session = self._session()
        if self.options.refresh is None:  # some drift leaves no trace: only who asks for less gets less
            session.looking = with_(session.looking, mode=ReadMode.FULL)
        planning = await session.plan(everything=unmanaged, inspect=False)
        return Drift.of(planning, unmanaged=unmanaged).only(Targeting(tuple(target), tuple(exclude)))

    def news(self, drift: Drift) -> News:
        """What of a drift was not there when this was last asked; what is there now is noted for the next time."""
        from reconciler.project.news import news

        return news(self, drift)

    async def outputs(self, asked: Sequence[str] = ()) -> Told:
        """Ids and facts of addresses (globs too) or of names under `outputs:`, as the state has them: no request."""
        from reconciler.project.outputs import told

        return await told(self, asked)

    async def searching(self) -> Searching:
        """To search what the stack has made. ReconcilerError where the provider cannot be searched."""
        from reconciler.project.checking import searching

        return await searching(self, self._opened())

    def bill(self, names: Sequence[str] = ()) -> Bill:
        """What it costs to run checks once: those of these names (globs), or all."""
        from reconciler.checking import bill_of, chosen
        from reconciler.provider import provider

        checks, its = chosen(self.stack, names), provider(self.stack.provider)
        assert its.searches is not None, "checks are declared only of what can be searched"
        return bill_of(checks, self.stack, its.tariff, its.searches)

    async def check(self, names: Sequence[str] = (), *, record: bool = False) -> list[Checked]:
        """Run checks: those of these names (globs), or all. The first run of each that passes is kept as its baseline,
        or this one, whatever it found, if it is to be `record`ed."""
        from reconciler.project.checking import check

        return await check(self, names, record=record)

    def save(self, planning: Planning, file: str | Path) -> None:
        """Write a plan file, for whoever is to apply it with this account's key: `reconciler.open_saved`, or the
        command line. It is for its owner's eyes, and no link is followed."""
        from reconciler.project.saved import text_of

        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(file, flags, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text_of(self, planning, Path(file)))

    # Writing

    def apply(
        self, planning: Planning, *, consent: Consent | None = None, command: str = "", wait: bool = True
    ) -> Applying:
        """Do what the plan says: iterate for the events, or await for the report. Without `wait`, what is not ready is
        left to a later apply, and is awaited in the report.

        Takes the lock, unless it is held already, and looks again: StalePlan, naming what moved since. Refused when a
        guard is against it and `consent`, or that of the plan, does not agree. What fails is in the report.
        """
        from reconciler.project.applying import Applying

        said = command or f"reconciler.open({str(self.path)!r}).apply"
        start: Start = partial(self._apply, planning, consent, said, wait)
        return Applying(start, lambda: self.state.wait_at_most(STOPPING_S))

    async def _apply(
        self, planning: Planning, consent: Consent | None, command: str, wait: bool, tell: Tell, begun: Begun
    ) -> Report:
        with self.held(command):
            if planning is not self._fresh or consent not in (None, planning.consent):
                planning = await self.again(planning, consent)
            session = self._session(planning.consent, planning.aim)
            session.limits = with_(session.limits, detached=not wait)
            return await session.apply(planning, command=self._command or command, on_event=tell, on_start=begun)

    def awaited(self, *, target: Sequence[str] = (), exclude: Sequence[str] = ()) -> tuple[Awaited, ...]:
        """What the state knows to be still at work at the API, since an earlier run: no request."""
        from reconciler.project.waiting import awaited_of

        return tuple(it.what for it in awaited_of(self, self._opened(), target, exclude))

    async def wait(
        self,
        *,
        timeout: float | None = None,
        target: Sequence[str] = (),
        exclude: Sequence[str] = (),
        on_event: Callable[[Event], None] = lambda _: None,
        stop: asyncio.Event | None = None,
    ) -> Waited:
        """Look until what the state knows as awaited is ready, or has failed; for so many seconds, at nought once.
        `stop` ends it before. Nothing in the account is changed; what was seen is recorded, under the lock."""
        from reconciler.project.waiting import waited

        return await waited(self, self._opened(), timeout, target, exclude, on_event, stop)

    async def destroy(self, *, consent: Consent | None = None) -> Report:
        """Delete everything that the stack has made, and nothing else: a plan like any other, and applied."""
        return await self.apply(await self.plan(destroy=True, consent=consent))

    async def export(self, out: str | Path, *, name: str | None = None, target: Sequence[str] = ()) -> Exported:
        """Write the account as a new stack into a new directory, and change nothing."""
        from reconciler.project.exporting import export

        drivers, root = self._opened(), self.stack.root
        return await export(drivers, self.options, root, Path(out), name=name, target=target)

    async def fetch_results(self, addresses: Sequence[str] = ()) -> list[Fetched]:
        """Fetch results again from where they were made, and keep them: names or globs of addresses, or all. Nothing
        is made, and nothing is paid; each says what became of it."""
        from reconciler.project.fetching import fetched_again

        with self.held("reconciler.fetch_results"):
            return await fetched_again(self._session(), await self.plan(), addresses)

    # Repairing the state; nothing in the account is changed

    async def rebuild(self, id: str | None = None) -> list[Recorded]:
        """Make the state anew from the account: by the marks that objects carry, and by names."""
        from reconciler.repair import rebuild

        with self.held("reconciler.rebuild"):
            return await rebuild(self._session(), id)

    async def accept(self) -> Belonging:
        """Say that the state belongs to this account: after a change of the key, or of the API's address."""
        from reconciler.repair import accept

        with self.held("reconciler.accept"):
            return await accept(self._session())

    async def duplicates(self, keep: Collection[str] = ()) -> list[Twins]:
        """Objects that were made twice for one address; `keep` says which stay, the next plan deletes the others."""
        from reconciler.repair import duplicates

        with self.held("reconciler.duplicates") if keep else nullcontext():
            return await duplicates(self._session(), keep)
