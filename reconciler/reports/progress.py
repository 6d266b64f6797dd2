"""Progress of long work: a bar on a terminal, a plain line for each thing done elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from reconciler.model import Event

__all__ = ["progress"]


@contextmanager
def progress(steps: int, *, quiet: bool = False) -> Iterator[Callable[[Event], None]]:
    """Give what is to be called with each event; all of it goes to standard error."""
    if quiet or not steps:
        yield lambda _: None
    elif sys.stderr.isatty() and not os.environ.get("CI"):
        with _bar(steps) as show:
            yield show
    else:
        yield _lines(steps)


def _lines(steps: int) -> Callable[[Event], None]:
    done = 0

    def show(event: Event) -> None:
        nonlocal done
        if event.kind == "done":
            done += 1
            click.echo(f"[{done}/{steps}] {event.verb} {event.address}", err=True)
        elif event.kind in ("failed", "skipped"):
            click.echo(f"{event.kind}: {event.address}: {event.message}", err=True)

    return show


@contextmanager
def _bar(steps: int) -> Iterator[Callable[[Event], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=steps)

        def show(event: Event) -> None:
            if event.kind == "start" and event.verb != "wait":
                bar.update(task, description=f"{event.verb} {event.address}")
            elif event.kind == "waiting" and event.total:
                bar.update(task, description=f"waiting until {event.total} are ready")
            elif event.kind == "done":
                bar.advance(task)
            elif event.kind in ("failed", "skipped"):
                bar.console.print(f"{event.kind}: {event.address}: {event.message}", highlight=False, markup=False)

        yield show
