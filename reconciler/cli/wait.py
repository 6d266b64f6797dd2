"""wait: look until what an earlier run has started is ready, and do nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.looping import awaited
from reconciler.cli.observing import observed
from reconciler.cli.options import FORMAT, looking_online, project_at, targets
from reconciler.cli.refreshing import ticking
from reconciler.cli.signals import stop_on_signals
from reconciler.cli.uploads import STDOUT, events_to, telling_events

if TYPE_CHECKING:
    from reconciler.model import Event, Paused, Waited
    from reconciler.project import Project

__all__ = ["wait"]

HOUR_S = 3600.0


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@looking_online
@targets
@FORMAT
@telling_events
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=HOUR_S,
    metavar="SECONDS",
    help="Look for so long; 0 looks once [3600].",
)
@observed
def wait(path: Path, form: str, timeout: float, **options: Any) -> int:
    """Look until what an earlier run has started is ready: `apply --no-wait`, or one that was interrupted or killed.

    Only what the state knows is looked at, and nothing in the account is changed; the next apply goes on with what
    waited for it. From any machine that has the same state. Ctrl-C ends it and keeps what was seen.

    Exit with 0 when all is ready, 7 when something has failed (the next apply makes it once more, or says why not), 9
    when the time is over, or something was begun that only an apply goes on with.

    \b
    reconciler wait                     for an hour at most
    reconciler wait --timeout 0         how it stands
    reconciler wait --target 'indexes/catalog/*'
    """
    project = project_at(path, options)
    events = options.get("json_events")
    shown_as = "events" if events == STDOUT else form

    async def run() -> Waited:
        async with project:
            return await _looked(project, options, timeout, f"reconciler wait {path}", quiet=shown_as != "text")

    result = awaited(run())
    if observer := options.get("observer"):
        observer.waited(result)
    _told(project, result, shown_as)
    return result.exit_code


async def _looked(project: Project, options: dict[str, Any], timeout_s: float, command: str, *, quiet: bool) -> Waited:
    """What became of what was awaited; told of meanwhile."""
    from reconciler.model import Plan, Wait
    from reconciler.provider import kinds_of
    from reconciler.reports.progress import paused, progress, to_standard_error
    from reconciler.reports.waited import awaited_line

    part = {"target": options["target"], "exclude": options["exclude"]}
    pending, stop = project.awaited(**part), _Stop()
    if pending and not quiet:
        click.echo(awaited_line(pending), err=True)
    steps = tuple(Wait(it.address, it.kind) for it in pending)
    plan = Plan(project.stack.name, project.stack.provider, (), steps)
    with progress(plan, kinds_of(project.stack.provider), quiet=quiet) as shown:
        async with ticking(shown.tick), events_to(options["json_events"], plan, command, project.clock) as told:

            def happened(event: Event) -> None:
                shown.show(event)
                if told:
                    told.happened(event)

            def pauses(event: Paused) -> None:
                if not quiet:
                    to_standard_error(f"{paused(event)}\n")
                if told:
                    told.happened(event)

            project.on_pause = pauses
            stop_on_signals(stop, "Stopping: what was seen until now is recorded. Ctrl-C again stops at once.")
            try:
                result = await project.wait(timeout=timeout_s, on_event=happened, stop=stop.asked, **part)
            except asyncio.CancelledError:  # the second Ctrl-C
                raise KeyboardInterrupt from None
            if told:
                told.waited(result)
    return result


class _Stop:
    """What Ctrl-C asks to stop."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def stop(self) -> bool:
        """False when it was asked already."""
        if self.asked.is_set():
            return False
        self.asked.set()
        return True


def _told(project: Project, result: Waited, form: str) -> None:
    from reconciler.reports.waited import waited_json, waited_text

    if result.holder:
        click.echo(f"Not recorded, for {result.holder}; every plan sees it again.", err=True)
    if form == "events":
        return
    click.echo((waited_json if form == "json" else waited_text)(project.stack.name, result))
