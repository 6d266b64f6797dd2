"""Showing a plan, asking, doing it: what apply, destroy and import have in common."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, closing, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reconciler.cli.asking import agrees
from reconciler.cli.check import CHECK_FAILED
from reconciler.cli.formats import Look, rendered
from reconciler.cli.looping import awaited
from reconciler.cli.pages import paged
from reconciler.cli.refreshing import refreshing, ticking
from reconciler.cli.signals import locked, stop_on_signals
from reconciler.cli.telling import Telling
from reconciler.cli.uploads import STDOUT, events_to
from reconciler.frozen import dataclass
from reconciler.model import APPLIED_IN_PART, AWAITED, NOT_READY_YET

if TYPE_CHECKING:
    from reconciler.checks import Checked
    from reconciler.engine import Planning
    from reconciler.model import Report
    from reconciler.project import Project

__all__ = ["Manner", "carried_out"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How it is shown and asked for."""

    form: str
    look: Look
    auto_approve: bool
    json_events: str | None = None
    check: bool = False
    """Whether the checks of the stack are run when all was done."""
    telling: Telling | None = None
    """Where reports go."""
    no_wait: bool = False
    """Whether what is not ready is left to a later run."""
    detailed: bool = False
    """Whether the exit code says that something is awaited."""
    spread: str | None = None
    """The scheduler whose workers take part."""

    @property
    def shown_as(self) -> str:
        """The format of plan and report; where events go to standard output nothing else does."""
        return "events" if self.json_events == STDOUT else self.form


def carried_out(project: Project, planned: Callable[[], Awaitable[Planning]], command: str, manner: Manner) -> int:
    """Plan under the lock, show, ask, do; the exit code."""
    if not manner.auto_approve and project.saved is None and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: look at `reconciler plan`, then give --auto-approve")

    async def run() -> tuple[Planning, Report | None, Sequence[Checked]]:
        async with project, spread_over(project, manner.spread):
            async with refreshing(project):
                planning = await planned()
            if project.saved is not None and _already_done(planning, manner.shown_as):
                return planning, None, await _checked(project, manner)
            agreed = await _agreed(project, planning, manner)
            report = await _done(project, agreed, command, manner) if agreed else None
            if any(not it.passes for it in project.gates):
                return planning, report, project.gates
            whole = report is not None and report.exit_code == 0
            if whole and report is not None and report.awaited:
                _say_unchecked(project, manner)
                return planning, report, ()
            return planning, report, await _checked(project, manner) if whole else ()

    with closing(project), locked(project, command):
        planning, report, checked = awaited(run())
    done = report is None and project.saved is not None
    # A check that has kept a replacement back is why that is only begun.
    held_back = any(not it.passes for it in project.gates)
    code = 0 if done else _result(planning, report, checked, manner)
    if checked and manner.telling and manner.telling.observer:
        manner.telling.observer.checked(checked)
    if checked and manner.shown_as == "text":
        from reconciler.reports.checks import checks_text

        click.echo("\n" + checks_text(checked))
    if held_back and code in (0, APPLIED_IN_PART):
        code = CHECK_FAILED
    code = code or (0 if all(it.passes for it in checked) else CHECK_FAILED)
    # Last: a report that cannot be written hides nothing of what was done.
    if manner.telling and (done or report is not None):
        result = manner.telling.planned(planning, report, kind="apply")
        written = manner.telling.tried(paged(result, project, manner.telling.forms(), checked))
        code = code or (0 if written else 1)
    return code


def _say_unchecked(project: Project, manner: Manner) -> None:
    """What searches find before all is ready says nothing of it."""
    if manner.check and project.stack.checks:
        click.echo("Checks: not run, for something is awaited; the apply that finds all ready runs them.", err=True)


def spread_over(
    project: Project, address: str | None, *, files_only: bool = False
) -> AbstractAsyncContextManager[None]:
    """While the block runs, workers of a scheduler take part, if somebody asks for it; or only hash files."""
    if address is None:
        return nullcontext()
    from reconciler.spread import looking, over

    return (looking if files_only else over)(project, address)


async def _checked(project: Project, manner: Manner) -> Sequence[Checked]:
    """The checks of the stack, if they are asked for and it has any."""
    if not manner.check or not project.stack.checks:
        return ()
    click.echo(f"Checks: {project.bill()}", err=True)
    return await project.check()


def _already_done(planning: Planning, form: str) -> bool:
    """Whether nothing of a saved plan is left to do, and say so."""
    from reconciler.reports import json as as_json

    if planning.plan.changes:
        if planning.done:
            click.echo(f"Going on with the plan: {len(planning.done)} of its changes are done already.", err=True)
        return False
    if form == "json":
        click.echo(as_json.dumps(as_json.nothing_json(planning.stack.name)))
    elif form == "text":
        click.echo(f"Nothing to do: {planning.stack.name} is as this plan makes it.")
    return True


async def _agreed(project: Project, planning: Planning, manner: Manner) -> Planning | None:
    """The plan, shown and agreed to, as it still is after somebody has thought about it; None when the answer is no."""
    form = manner.shown_as
    telling = manner.telling or Telling(project.path)
    result = telling.planned(planning, kind="apply")
    reasons = planning.refusals
    if form == "text":  # refusals are told as errors, after the plan, and not twice
        click.echo(rendered(form, replace(result, refusals=()), manner.look))
        if manner.check and project.stack.checks and planning.plan.changes:
            click.echo(f"Checks when that is done: {project.bill()}.")
    if reasons:
        if form == "json":
            click.echo(rendered(form, result, manner.look))
        telling.refuse(paged(result, project, telling.forms()), reasons)
    if not planning.plan.changes or manner.auto_approve or project.saved is not None:
        return planning
    if not agrees(planning, project.account):
        return None
    async with refreshing(project):
        return await project.again(planning)


async def _done(project: Project, planning: Planning, command: str, manner: Manner) -> Report:
    """Apply, telling whoever shows progress and whoever reads events."""
    from reconciler.reports.progress import progress

    plan = planning.plan
    with progress(plan, planning.kinds, quiet=manner.shown_as != "text") as shown:
        async with ticking(shown.tick), events_to(manner.json_events, plan, command, project.clock) as told:
            applying = project.apply(planning, wait=not manner.no_wait)
            stop_on_signals(applying)
            try:
                async for event in applying:
                    shown.show(event)
                    if told:
                        told.happened(event)
            except asyncio.CancelledError:  # the second Ctrl-C
                raise KeyboardInterrupt from None
    return await applying


def _result(planning: Planning, report: Report | None, checked: Sequence[Checked], manner: Manner) -> int:
    from reconciler.reports import json as as_json
    from reconciler.reports.applied import report_text

    form = manner.shown_as
    if report is None:
        click.echo("Nothing was done.")
        return 1
    if form == "json":
        said = as_json.report_json(planning.stack.name, report)
        if checked:
            from reconciler.reports.checks import checks_json

            said["checks"] = checks_json(planning.stack.name, checked)["checks"]
        click.echo(as_json.dumps(said))
    elif form == "text" and (planning.plan.changes or report.failed or report.awaited):
        click.echo("\n" + report_text(report, planning.plan, planning.stack.outputs.values()))
    return NOT_READY_YET if manner.detailed and report.word == AWAITED else report.exit_code
