"""wait: look until what an earlier run has started is ready, and do nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.looping import awaited
from reconciler.cli.options import FORMAT, online, project_at, targets
from reconciler.cli.refreshing import ticking
from reconciler.cli.signals import stop_on_signals

if TYPE_CHECKING:
    from reconciler.model import Awaited, Waited
    from reconciler.project import Project

__all__ = ["wait"]

HOUR_S = 3600.0


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@online
@targets
@FORMAT
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=HOUR_S,
    metavar="SECONDS",
    help="Look for so long; 0 looks once [3600].",
)
def wait(path: Path, form: str, timeout: float, **options: Any) -> int:
    """Look until what an earlier run has started is ready: `apply --no-wait`, or one that was interrupted.

    Only what the state knows is looked at, and nothing in the account is changed; the next apply goes on with what
    waited for it. From any machine that has the same state. Ctrl-C ends it and keeps what was seen.

    Exit with 0 when all is ready, 7 when something has failed (the next apply makes it once more, or says why not), 9
    when the time is over.

    \b
    reconciler wait                     for an hour at most
    reconciler wait --timeout 0         how it stands
    reconciler wait --target 'indexes/catalog/*'
    """
    project = project_at(path, options)

    async def run() -> tuple[Sequence[Awaited], Waited]:
        async with project:
            return await _looked(project, options, timeout, quiet=form != "text")

    pending, result = awaited(run())
    _told(project, pending, result, form)
    return result.exit_code


async def _looked(
    project: Project, options: dict[str, Any], timeout_s: float, *, quiet: bool
) -> tuple[Sequence[Awaited], Waited]:
    """What was awaited, and what became of it; told of meanwhile."""
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
    project.on_pause = lambda event: None if quiet else to_standard_error(f"{paused(event)}\n")
    with progress(plan, kinds_of(project.stack.provider), quiet=quiet) as shown:
        async with ticking(shown.tick):
            stop_on_signals(stop, "Stopping: what was seen until now is recorded. Ctrl-C again stops at once.")
            try:
                result = await project.wait(timeout=timeout_s, on_event=shown.show, stop=stop.asked, **part)
            except asyncio.CancelledError:  # the second Ctrl-C
                raise KeyboardInterrupt from None
    return pending, result


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


def _told(project: Project, pending: Sequence[Awaited], result: Waited, form: str) -> None:
    from reconciler.reports.waited import waited_json, waited_text

    if result.holder:
        click.echo(f"Not recorded, for {result.holder}; every plan sees it again.", err=True)
    click.echo((waited_json if form == "json" else waited_text)(project.stack.name, result))
