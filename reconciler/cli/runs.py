"""plan, apply, drift, destroy, show."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.cli.formats import DRIFT_FORMATS, PLAN_FORMATS, Look, drift_as, look_for, plan_as
from reconciler.cli.options import Settings, load_stack, online, open_session, open_state, settings, targets
from reconciler.cli.outputs import write_file
from reconciler.cli.saved import agreed_before, believed, is_plan, read_plan, settings_of, write_plan
from reconciler.cli.signals import locked, stop_on_signals
from reconciler.cli.uploads import STDOUT, events_to, uploading
from reconciler.errors import Refused

if TYPE_CHECKING:
    from reconciler.engine import Planning, Session
    from reconciler.model import Event, Report, Stack
    from reconciler.plan.guards import Consent
    from reconciler.planfile import Saved

__all__ = ["apply", "confirmed", "destroy", "drift", "plan", "result", "show"]

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
OUT = click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Save the plan, for `apply FILE` and `show FILE`.",
)


def _format(choices: list[str]) -> Callable[[F], F]:
    return click.option("--format", "form", type=click.Choice(choices), default="text", show_default=True)


FORMAT, PLAN_FORMAT, DRIFT_FORMAT = _format(["text", "json"]), _format(PLAN_FORMATS), _format(DRIFT_FORMATS)
REPORTS = {".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown", ".txt": "text"}
"""Ends of the names of files in which nobody looks for a plan to apply."""
WHOLE = click.option("--whole", is_flag=True, help="Show long values uncut.")
VERBOSE = click.option("-v", "--verbose", is_flag=True, help="Also what is not managed here, and what was spent.")
FOREIGN = click.option(
    "--allow-foreign",
    metavar="ADDRESS",
    multiple=True,
    help="Agree to this going though somebody else's objects are in it, or lose it (globs).",
)
DELETES = click.option(
    "--allow-deletes",
    is_flag=True,
    help="Agree to more deletes than the guards allow, and to those of what only a stamp says to be ours.",
)
CONSENT = [
    click.option("--adopt", is_flag=True, help="Take over what has the right name, or our stamp of a lost state."),
    click.option("--allow-replace", metavar="ADDRESS", multiple=True, help="Agree to replacing this (globs)."),
    DELETES,
    click.option("--allow-recreate", is_flag=True, help="Agree to making all anew when nothing recorded is there."),
    click.option("--allow-cost", is_flag=True, help="Agree to more minutes, bytes and money than the guards allow."),
    FOREIGN,
]


def consenting(function: Any) -> Any:
    """The flags that agree to what guards refuse."""
    for option in reversed(CONSENT):
        function = option(function)
    return function


@click.command()
@PATH
@online
@targets
@consenting
@PLAN_FORMAT
@VERBOSE
@WHOLE
@click.option("--destroy", "destroying", is_flag=True, help="Plan to delete everything.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
@OUT
def plan(
    path: Path,
    form: str,
    verbose: bool,
    whole: bool,
    destroying: bool,
    detailed_exitcode: bool,
    out: Path | None,
    **options: Any,
) -> int:
    """Show what would change in the account, and change nothing.

    \b
    reconciler plan                     the stack in this directory
    reconciler plan --emulator          against the built-in fake of the API
    reconciler plan --format json       for programs
    reconciler plan -o plan.json        to be applied as it is: reconciler apply plan.json
    """
    if out and out.suffix.lower() in REPORTS:
        what = "-o saves the plan for `apply FILE`; for a report write standard output into a file"
        raise click.UsageError(f"{what}: reconciler plan --format {REPORTS[out.suffix.lower()]} > {out.name}")
    chosen = settings(path, options)
    stack = load_stack(path, chosen.variables, chosen.var_file, chosen.allow_env)
    agreed = _consent(options, destroying)

    async def run() -> Planning:
        state = open_state(stack, chosen, create=False)
        try:
            async with open_session(stack, state, chosen, agreed) as session:
                return await session.plan(destroy=destroying)
        finally:
            state.close()

    planning = asyncio.run(run())
    click.echo(plan_as(form, planning.plan, look_for(whole, verbose)))
    if refused := planning.refusals:
        raise Refused(refused)
    if out:
        asked = {"destroy": destroying, "target": chosen.target, "exclude": chosen.exclude}
        write_plan(out, planning.plan, stack.digest, chosen, agreed, asked)
    return 2 if detailed_exitcode and (planning.plan.changes or planning.plan.stuck) else 0


@click.command()
@PATH
@online
@targets
@uploading
@consenting
@FORMAT
@VERBOSE
@WHOLE
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
def apply(path: Path, form: str, verbose: bool, whole: bool, auto_approve: bool, **options: Any) -> int:
    """Make the account as the stack says: show the plan, ask, do it.

    PATH may be a plan that `plan -o` saved: then exactly that is done, without asking, or nothing if what it rests on
    has moved (exit code 6). Applying it again does nothing.

    Ctrl-C once ends what is in flight and records it; twice stops at once. Run again to go on either way.

    \b
    reconciler apply                    the stack in this directory
    reconciler apply --auto-approve     without asking, as in CI
    reconciler apply plan.json          exactly what was planned
    """
    chosen = settings(path, options)
    if chosen.json_events == STDOUT:
        if not auto_approve and not is_plan(path):
            raise click.UsageError("events on standard output leave no place to ask: give --auto-approve, or a FILE")
        form = "events"
    if is_plan(path):
        saved = read_plan(path)
        believed(saved, chosen)
        chosen = settings_of(saved, path, chosen, options)
        consent = agreed_before(saved, _consent(options))
        stack = load_stack(chosen.path, chosen.variables, chosen.var_file, chosen.allow_env)
        destroying = bool(saved.origin.options.get("destroy"))
        look = look_for(whole, verbose)
        return _apply(stack, chosen, consent, form, look, True, destroying=destroying, saved=saved, name=path)
    stack = load_stack(path, chosen.variables, chosen.var_file, chosen.allow_env)
    return _apply(stack, chosen, _consent(options), form, look_for(whole, verbose), auto_approve, destroying=False)


@click.command()
@PATH
@online
@targets
@FOREIGN
@DELETES
@FORMAT
@VERBOSE
@WHOLE
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
def destroy(path: Path, form: str, verbose: bool, whole: bool, auto_approve: bool, **options: Any) -> int:
    """Delete everything that the stack has made, and nothing else. What is protected stops it.

    \b
    reconciler plan --destroy           what would be deleted
    reconciler destroy
    """
    chosen = settings(path, options)
    stack = load_stack(path, chosen.variables, chosen.var_file, chosen.allow_env)
    return _apply(stack, chosen, _consent(options, True), form, look_for(whole, verbose), auto_approve, destroying=True)


@click.command()
@PATH
@online
@DRIFT_FORMAT
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report into FILE, and print its last line only.",
)
@WHOLE
@click.option("--unmanaged", is_flag=True, help="Also list objects that are not of this stack.")
def drift(path: Path, form: str, unmanaged: bool, whole: bool, out: Path | None, **options: Any) -> int:
    """Show what was changed outside git: live against what was last applied. Exit with 2 if anything was.

    Where no state says what was applied, live is compared with what is declared, and the report says so.

    \b
    reconciler drift
    reconciler drift --unmanaged        also what is in the account and not of this stack
    reconciler drift --format sarif -o drift.sarif
    """
    from reconciler.diff import drift_from

    chosen = settings(path, options)
    stack = load_stack(path, chosen.variables, chosen.var_file, chosen.allow_env)

    async def run() -> Planning:
        state = open_state(stack, chosen, create=False)
        try:
            async with open_session(stack, state, chosen) as session:
                return await session.plan(everything=unmanaged, inspect=False)
        finally:
            state.close()

    planning = asyncio.run(run())
    foreign = _foreign(planning) if unmanaged else []
    found = drift_from(planning.claims, planning.difference)
    said = drift_as(form, stack, found, planning.claims.live, foreign, look_for(whole, out=out is not None))
    if out:
        write_file(out, click.unstyle(said))
        said = drift_as("text", stack, found, (), (), look_for(False)).rsplit("\n", 1)[-1]
    click.echo(said)
    return 2 if found[1] else 0


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@PLAN_FORMAT
@VERBOSE
@WHOLE
def show(file: Path, form: str, verbose: bool, whole: bool) -> int:
    """Show a saved plan again.

    \b
    reconciler plan -o plan.json
    reconciler show plan.json
    """
    click.echo(plan_as(form, read_plan(file).plan, look_for(whole, verbose)))
    return 0


def _consent(options: Mapping[str, Any], destroying: bool = False) -> Consent:
    from reconciler.plan.guards import Consent

    return Consent(
        adopt=bool(options.get("adopt")),
        replace=frozenset(options.get("allow_replace") or ()),
        deletes=bool(options.get("allow_deletes")),
        empty=destroying,
        foreign=frozenset(options.get("allow_foreign") or ()),
        recreate=bool(options.get("allow_recreate")),
        cost=bool(options.get("allow_cost")),
    )


def _foreign(planning: Planning) -> list[tuple[str, str, str]]:
    from reconciler.provider import kinds_of

    kinds = kinds_of(planning.stack.provider)
    return [(live.kind, live.id, kinds[live.kind].called(live.fields)) for live in planning.foreign]


def _apply(
    stack: Stack,
    chosen: Settings,
    consent: Consent,
    form: str,
    look: Look,
    auto_approve: bool,
    *,
    destroying: bool,
    saved: Saved | None = None,
    name: Path | None = None,
) -> int:
    """Apply a stack, or the plan of it that was `saved` in the file `name`."""
    if not auto_approve and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: look at `reconciler plan`, then give --auto-approve")
    state = open_state(stack, chosen, create=True)
    command = f"reconciler {'destroy' if destroying and not saved else 'apply'} {name or chosen.path}"
    try:
        with locked(state, command):

            async def run() -> tuple[Planning, Report | None]:
                async with open_session(stack, state, chosen, consent) as session:
                    planning = await session.plan_for_good(destroy=destroying)
                    if saved and _already_done(session, saved, planning, form):
                        return planning, None
                    again = partial(session.plan, destroy=destroying)
                    events = chosen.json_events
                    return planning, await confirmed(
                        session, planning, again, form, look, auto_approve, command, events
                    )

            planning, report = asyncio.run(run())
    finally:
        state.close()
    if saved and report is None:
        return 0
    return result(stack, planning, report, form)


def _already_done(session: Session, saved: Saved, planning: Planning, form: str) -> bool:
    """Whether nothing of a saved plan is left to do, and say so. Raises StalePlan when it no longer fits."""
    from reconciler.reports import json as as_json

    done = session.confirm(saved, planning)
    if planning.plan.changes:
        if done:
            click.echo(f"Going on with the plan: {len(done)} of its changes are done already.", err=True)
        return False
    if form == "json":
        click.echo(as_json.dumps(as_json.nothing_json(saved.plan.stack)))
    elif form == "text":
        click.echo(f"Nothing to do: {saved.plan.stack} is as this plan makes it.")
    return True


async def confirmed(
    session: Session,
    planning: Planning,
    again: Callable[[], Awaitable[Planning]],
    form: str,
    look: Look,
    auto_approve: bool,
    command: str,
    json_events: str | None = None,
) -> Report | None:
    """Show, check, ask, look again, do. None when the answer was no."""
    from reconciler.model import RunEnded
    from reconciler.reports.progress import progress

    if form == "text":
        click.echo(plan_as(form, planning.plan, look))
    if reasons := planning.refusals:
        if form == "json":
            click.echo(plan_as(form, planning.plan, look))
        raise Refused(reasons)
    if planning.plan.changes and not auto_approve:
        if not click.confirm("\nDo this?", default=False):
            return None
        planning = await _unmoved(planning, again)
    plan, size = planning.plan, planning.plan.estimate.upload_bytes
    with progress(len(plan.steps), upload_bytes=size, quiet=form != "text") as show:
        async with events_to(json_events, plan, command, session.clock) as told:

            def on_event(event: Event) -> None:
                show(event)
                if told:
                    told.happened(event)

            try:
                report = await session.apply(
                    planning, command=command, on_event=on_event, on_start=partial(stop_on_signals, session.state)
                )
            except asyncio.CancelledError:  # the second Ctrl-C
                raise KeyboardInterrupt from None
            if told:
                told.happened(RunEnded(report))
            return report


async def _unmoved(planning: Planning, again: Callable[[], Awaitable[Planning]]) -> Planning:
    """The same planning anew, after somebody has thought about its plan. Raises StalePlan with what moved meanwhile."""
    from reconciler.errors import Invalid, StalePlan
    from reconciler.planfile import moved

    try:
        fresh = await again()
    except Invalid as error:
        raise StalePlan([f"this is wrong since the plan: {problem}" for problem in error.problems]) from error
    if lines := moved(planning.plan, fresh.plan):
        raise StalePlan([f"{line}; look at the plan again" for line in lines])
    return fresh


def result(stack: Stack, planning: Planning, report: Report | None, form: str) -> int:
    from reconciler.reports import json as as_json
    from reconciler.reports import text

    if report is None:
        click.echo("Nothing was done.")
        return 1
    if form == "json":
        click.echo(as_json.dumps(as_json.report_json(stack.name, report)))
    elif form == "text" and (planning.plan.changes or report.failed):
        click.echo("\n" + text.report_text(report))
    return report.exit_code
