"""plan, apply, drift, destroy, show."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from reconciler.cli.applying import Manner, carried_out, spread_over
from reconciler.cli.completing import complete
from reconciler.cli.formats import FORMATS, form_of, look_for, rendered
from reconciler.cli.looping import awaited
from reconciler.cli.observing import observed
from reconciler.cli.options import (
    FORMAT,
    formatted,
    online,
    options_of,
    project_at,
    refreshed,
    targets,
    told_of_a_holder,
    told_of_a_pause,
)
from reconciler.cli.outputs import write_file
from reconciler.cli.pages import paged
from reconciler.cli.telling import Telling, reporting
from reconciler.cli.uploads import STDOUT, uploading

if TYPE_CHECKING:
    from reconciler.engine import Planning
    from reconciler.engine.planning import Drift
    from reconciler.plan.guards import Consent
    from reconciler.project import Project
    from reconciler.reports.result import Result

__all__ = ["apply", "destroy", "drift", "plan", "show"]

PATH = click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
OUT = click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Save the plan, for `apply FILE` and `show FILE`.",
)


ANY_FORMAT = formatted(*FORMATS)
REPLACE = click.option(
    "--replace",
    metavar="ADDRESS",
    multiple=True,
    shell_complete=complete,
    help="Make this anew though nothing of it changed; the guards ask as for any replacement.",
)
SPREAD = click.option(
    "--spread",
    metavar="ADDRESS",
    help="Share uploads and the fetching of results with the workers of this Dask scheduler (tcp://host:8786).",
)
SPREAD_FILES = click.option(
    "--spread", metavar="ADDRESS", help="Have files read by the workers of this Dask scheduler (tcp://host:8786)."
)
WHOLE = click.option("--whole", is_flag=True, help="Show long values uncut.")
VERBOSE = click.option(
    "-v", "--verbose", is_flag=True, help="Also each of many that are alike, what is not managed, what was spent."
)
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
    click.option("--retry-failed", is_flag=True, help="Agree to paying once more for results that failed twice."),
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
@refreshed("full", "delta", "none")
@REPLACE
@consenting
@ANY_FORMAT
@VERBOSE
@WHOLE
@click.option("--destroy", "destroying", is_flag=True, help="Plan to delete everything.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
@OUT
@SPREAD_FILES
@reporting
@observed
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
    reconciler plan --refresh=delta     with few requests, when little has changed
    reconciler plan --report plan.md --report plan.html
    """
    if out and out.suffix.lower() != ".json":
        report = f"a report is written with --report {out.name}" if form_of(out.name) else f"call it {out.stem}.json"
        raise click.UsageError(f"-o saves the plan for `apply FILE`, as JSON, and not as {out.name}: {report}")
    if out and options["refresh"] == "none":
        raise click.UsageError("what --refresh=none shows cannot be applied, so it is not saved; leave one of both out")
    telling = Telling.of(path, options, whole=whole, verbose=verbose)

    async def run() -> Planning:
        from reconciler.cli.refreshing import refreshing

        async with project, spread_over(project, options.get("spread"), files_only=True), refreshing(project):
            return await project.plan(destroy=destroying, **_asked(options))

    with telling.errors():
        project = project_at(path, options)
        planning = awaited(run())
    result = paged(telling.planned(planning), project, telling.forms(form))
    click.echo(rendered(form, _shown(result, form), look_for(whole, verbose, options.get("limit"))))
    if refused := planning.refusals:
        telling.refuse(result, refused)
    telling.write(result)
    if out:
        from reconciler.project.saved import text_of

        write_file(out, text_of(project, planning, out), private=True)
        if form == "text":
            click.echo(f"Saved in {out}. To do exactly this: reconciler apply {out}", err=True)
    return 2 if detailed_exitcode and (planning.plan.changes or planning.plan.stuck) else 0


def _shown(result: Result, form: str) -> Result:
    """On a terminal refusals are told as errors, after the plan, and not twice."""
    return replace(result, refusals=()) if form == "text" else result


@click.command()
@PATH
@online
@targets
@refreshed("full", "delta")
@REPLACE
@uploading
@consenting
@FORMAT
@VERBOSE
@WHOLE
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@click.option("--check", is_flag=True, help="Run the checks of the stack when all is done; exit with 8 if one fails.")
@click.option("--no-wait", is_flag=True, help="Start all that can be, and leave what is not ready to a later run.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 9 when nothing failed and something is awaited.")
@SPREAD
@reporting
@observed
def apply(path: Path, form: str, verbose: bool, whole: bool, auto_approve: bool, check: bool, **options: Any) -> int:
    """Make the account as the stack says: show the plan, ask, do it.

    PATH may be a plan that `plan -o` saved: then exactly that is done, without asking, or nothing if what it rests on
    has moved (exit code 6). Applying it again does nothing.

    Ctrl-C once ends what is in flight and records it; twice stops at once. Run again to go on either way.

    \b
    reconciler apply                    the stack in this directory
    reconciler apply --auto-approve     without asking, as in CI
    reconciler apply --check            and then whether searches find what they should
    reconciler apply --no-wait          start it; `reconciler wait` and the next apply go on
    reconciler apply plan.json          exactly what was planned
    """
    from reconciler.project.saved import is_plan

    saved, events = is_plan(path), options.get("json_events")
    if events == STDOUT and not auto_approve and not saved:
        raise click.UsageError("events on standard output leave no place to ask: give --auto-approve, or a FILE")
    telling = Telling.of(path, options, whole=whole, verbose=verbose)

    def planned() -> Awaitable[Planning]:
        return project.plan(**_asked(options))

    with telling.errors():
        project = _of_a_saved_plan(path, options) if saved else project_at(path, options)
        told = replace(telling, path=project.path)
        left = {"no_wait": bool(options.get("no_wait")), "detailed": bool(options.get("detailed_exitcode"))}
        manner = Manner(
            form, look_for(whole, verbose), auto_approve, events, check, told, **left, spread=options.get("spread")
        )
        return carried_out(project, planned, f"reconciler apply {path}", manner)


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
    project = project_at(path, options)

    def planned() -> Awaitable[Planning]:
        return project.plan(destroy=True, **_asked(options))

    manner = Manner(form, look_for(whole, verbose), auto_approve)
    return carried_out(project, planned, f"reconciler destroy {path}", manner)


@click.command()
@PATH
@online
@targets
@refreshed("full", "delta")
@ANY_FORMAT
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="As --report FILE, and print the last line only; --format says what it is to be.",
)
@reporting
@WHOLE
@click.option("--unmanaged", is_flag=True, help="Also list objects that are not of this stack.")
@click.option("--new", "only_new", is_flag=True, help="Only what the last `drift --new` did not have; remember it.")
@observed
def drift(path: Path, form: str, unmanaged: bool, whole: bool, only_new: bool, out: Path | None, **options: Any) -> int:
    """Show what was changed outside git: live against what was last applied. Exit with 2 if anything was.

    Where no state says what was applied, live is compared with what is declared, and the report says so.

    \b
    reconciler drift
    reconciler drift --unmanaged        also what is in the account and not of this stack
    reconciler drift --new              for a job that is to speak up once, and not each night
    reconciler drift --format sarif -o drift.sarif
    """
    if only_new and (form not in ("text", "json") or out or options.get("reports")):
        raise click.UsageError("--new is told as text or JSON: a file of part of the drift would pass for all of it")
    telling = Telling.of(path, options, whole=whole)

    async def run() -> Drift:
        from reconciler.cli.refreshing import refreshing

        async with project, refreshing(project):
            found = await project.drift(unmanaged=unmanaged, target=options["target"], exclude=options["exclude"])
        if since := found.refresh.full_sweep:
            text = (
                f"Drift as far as it shows in lists; everything was read whole at {since} (--refresh=full does so now)."
            )
            click.echo(text, err=True)
        return found

    if only_new:
        from reconciler.cli.news import told_news

        project = project_at(path, options)
        return told_news(project, awaited(run()), telling, form, look_for(whole))
    if out:
        given = click.get_current_context().get_parameter_source("form") is not ParameterSource.DEFAULT
        as_named = form if given else form_of(out.name) or "text"
        telling = replace(telling, targets=(*telling.targets, (as_named, out)))
    with telling.errors():
        project = project_at(path, options)
        result = telling.drifted(awaited(run()))
    result = paged(result, project, telling.forms(form))
    if out:
        click.echo(rendered("text", result, look_for(False)).rsplit("\n", 1)[-1])
    else:
        click.echo(rendered(form, result, look_for(whole, limit=options.get("limit"))))
    telling.write(result)
    return 2 if result.drift else 0


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@ANY_FORMAT
@VERBOSE
@WHOLE
@reporting
def show(file: Path, form: str, verbose: bool, whole: bool, **options: Any) -> int:
    """Show a saved plan again.

    \b
    reconciler plan -o plan.json
    reconciler show plan.json
    reconciler show plan.json --report plan.md --report gitlab=counts.json
    """
    from reconciler.project.saved import read_plan

    telling = Telling.of(file, options, whole=whole, verbose=verbose)
    with telling.errors():
        result = telling.saved(read_plan(file))
    click.echo(rendered(form, result, look_for(whole, verbose, options.get("limit"))))
    telling.write(result)
    return 0


DECIDED = ("var", "var_file", "target", "exclude", "replace")
"""Options that a saved plan has decided."""


def _of_a_saved_plan(file: Path, given: Mapping[str, Any]) -> Project:
    """Account and state as the options say, and the stack as the plan says."""
    from reconciler.project.saved import saved_project

    if decided := [name for name in DECIDED if given.get(name)]:
        flag = "--" + decided[0].replace("_", "-")
        raise click.UsageError(f"{flag} is settled by the saved plan; plan again to change it")
    project = saved_project(file, options_of(given), on_pause=told_of_a_pause)
    project.on_locked = told_of_a_holder
    click.echo(f"Plan {file}, for the stack in {project.path}.", err=True)
    if observer := given.get("observer"):
        observer.opened(project)
    return project


def _asked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Which part is meant, and what is agreed to."""
    part = {"target": given["target"], "exclude": given["exclude"], "consent": _consent(given)}
    return {**part, "replace": given["replace"]} if given.get("replace") else part


def _consent(given: Mapping[str, Any]) -> Consent:
    from reconciler.plan.guards import Consent

    return Consent(
        adopt=bool(given.get("adopt")),
        replace=frozenset(given.get("allow_replace") or ()),
        deletes=bool(given.get("allow_deletes")),
        foreign=frozenset(given.get("allow_foreign") or ()),
        recreate=bool(given.get("allow_recreate")),
        retry_failed=bool(given.get("retry_failed")),
        cost=bool(given.get("allow_cost")),
    )
