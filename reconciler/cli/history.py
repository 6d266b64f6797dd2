"""runs list, show: who changed what when, as the state has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import FORMAT, project_at, recorded
from reconciler.errors import ReconcilerError
from reconciler.redact import plain

if TYPE_CHECKING:
    from reconciler.project import Project
    from reconciler.state import RunRow

__all__ = ["runs"]

UNTOLD = "no end is noted: it goes on, or was killed"


@click.group()
def runs() -> None:
    """Look at the runs that the state knows: who, when, with which command, what came of it.

    \b
    reconciler runs list
    reconciler runs show 20261128T021720Z-1f0c9a3e
    """


@runs.command("list")
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@FORMAT
@click.option("-n", "--last", type=click.IntRange(1), default=20, show_default=True, help="So many, the last first.")
@recorded
def list_(path: Path, form: str, last: int, **options: Any) -> None:
    """List the last runs: their id, when, how long, who, what came of it.

    \b
    reconciler runs list
    reconciler runs list --last 100 --format json
    """
    with closing(project_at(path, options)) as project:
        found = project.state.runs()[:last]
        if form == "json":
            _tell_json(project, {"runs": [_as_json(it) for it in found]})
            return
    for it in found:
        told = it.result or UNTOLD
        did = f"  {_counted(it)}" if it.counts else ""
        click.echo(f"{plain(it.run)}  {_took(it):>8}  {plain(it.who)}@{plain(it.host)}  {plain(told)}{did}")
    if not found:
        click.echo("No run is known: nothing was applied with this state.")


@runs.command()
@click.argument("run")
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@FORMAT
@recorded
def show(run: str, path: Path, form: str, **options: Any) -> None:
    """Show one RUN, by its id or a beginning of it that no other has; `last` is the last one.

    \b
    reconciler runs show last
    """
    with closing(project_at(path, options)) as project:
        it = _named(project.state.runs(), run)
        open_ = [op.address for op in project.state.operations() if op.run == it.run]
        if form == "json":
            _tell_json(project, {**_as_json(it), "open": open_})
            return
    for line in (*_lines(it), *(f"  begun and not concluded  {address}" for address in open_)):
        click.echo(plain(line))


def _lines(it: RunRow) -> Iterator[str]:
    yield it.run
    yield f"  command   {it.command}"
    yield f"  by        {it.who} on {it.host} (pid {it.pid})"
    yield f"  began     {_at(it.started)}"
    yield f"  ended     {_at(it.ended)} ({_took(it)})" if it.ended else f"  ended     {UNTOLD}"
    yield f"  result    {it.result or '-'}"
    if it.requests is not None:
        yield f"  did       {_counted(it) or 'nothing'}"
        yield f"  requests  {it.requests}, {it.writes} of them writes"


def _named(found: list[RunRow], run: str) -> RunRow:
    if run == "last" and found:
        return found[0]
    fitting = [it for it in found if it.run.startswith(run)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ReconcilerError(f"{len(fitting)} runs begin with {run!r}, such as {fitting[0].run} and {fitting[1].run}")
    near = get_close_matches(run, [it.run for it in found], n=1)
    raise ReconcilerError(f"no run {run!r} is known; {f'did you mean {near[0]!r}?' if near else 'see `runs list`'}")


def _took(it: RunRow) -> str:
    if it.ended is None:
        return "-"
    seconds = (it.ended - it.started).total_seconds()
    return f"{seconds:.1f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _counted(it: RunRow) -> str:
    return ", ".join(f"{count} {word}" for word, count in it.counts.items())


def _as_json(it: RunRow) -> dict[str, Any]:
    times = {name: moment and moment.isoformat() for name, moment in (("started", it.started), ("ended", it.ended))}
    return {**asdict(it), **times}


def _tell_json(project: Project, told: dict[str, Any]) -> None:
    from reconciler.reports.json import told_json

    click.echo(told_json(project.stack.name, told))
