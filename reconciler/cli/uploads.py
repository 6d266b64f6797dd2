"""Options of commands that send files: how many at once, how fast, and which machine is told of it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from reconciler.cli.outputs import opened
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.http import Clock
    from reconciler.model import Plan
    from reconciler.reports.events import Events

__all__ = ["STDOUT", "events_to", "telling_events", "uploading"]

F = TypeVar("F", bound=Callable[..., Any])

STDOUT = "-"


class _Rate(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic in newer versions of click only
    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from reconciler.files import parse_rate

        try:
            return value if isinstance(value, float) else parse_rate(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def telling_events(function: F) -> F:
    """--json-events."""
    return click.option(
        "--json-events",
        metavar="[FILE]",
        is_flag=False,
        flag_value=STDOUT,
        help="Write what happens as JSON, an object a line, to FILE [standard output, which then has nothing else].",
    )(function)


def uploading(function: F) -> F:
    """--upload-parallelism, --bandwidth and --json-events."""
    function = telling_events(function)
    function = click.option(
        "--bandwidth", type=_Rate(), metavar="RATE", help="Most bytes per second for all uploads, such as 50M."
    )(function)
    return click.option(
        "--upload-parallelism",
        type=click.IntRange(1, 64),
        default=8,
        show_default=True,
        help="Files, or chunks of files, sent side by side.",
    )(function)


@asynccontextmanager
async def events_to(target: str | None, plan: Plan, command: str, clock: Clock) -> AsyncIterator[Events | None]:
    """Where events go while the block runs; None where nobody asked for them."""
    if target is None:
        yield None
        return
    from reconciler.cli.streams import Sink
    from reconciler.reports.events import Events, telling

    if target == STDOUT:
        async with telling(Events(_flushed(sys.stdout), plan, clock), command, clock) as events:
            yield events
        return
    try:
        file = os.fdopen(opened(Path(target)), "wb", buffering=0)
    except ReconcilerError as error:
        raise click.UsageError(f"--json-events {error}") from error
    sink = Sink(file.fileno())
    with file:
        stream = io.TextIOWrapper(io.BufferedWriter(sink), encoding="utf-8", errors="reconciler")
        async with telling(Events(_flushed(stream), plan, clock), command, clock) as events:
            yield events
    if sink.lost:
        click.echo(f"Warning: --json-events {target}: {sink.lost}", err=True)


def _flushed(stream: TextIO) -> Callable[[str], None]:
    def write(line: str) -> None:
        stream.write(line)
        stream.flush()

    return write
