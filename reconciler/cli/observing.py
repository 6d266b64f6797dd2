"""--metrics and --notify: how a command ended, as numbers in a file and as messages to who is not there to read it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from reconciler.cli.outputs import write_file
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.watching.ended import Ended
    from reconciler.watching.metrics import Metrics
    from reconciler.watching.notify import Notifier
    from reconciler.watching.observer import StateOf

__all__ = ["is_part", "metrics_in", "notifier_for", "observed", "observing", "warned", "written"]

F = TypeVar("F", bound=Callable[..., Any])

NOTIFY = "RECONCILER_NOTIFY"
LARGEST = 4 << 20
"""Bytes that are read of a file of numbers."""


def observing(function: F) -> F:
    """The options --metrics and --notify."""
    function = click.option(
        "--notify",
        metavar="URL",
        multiple=True,
        envvar=NOTIFY,
        help=f"Tell this address (Apprise's, as slack://…) when it is not as it was before. Better: {NOTIFY}.",
    )(function)
    return click.option(
        "--metrics",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_writable,
        help="Write numbers for Prometheus into FILE, also when it fails; counters there go on.",
    )(function)


def observed(function: F) -> F:
    """`observing`, and the command gets an `observer`, to be told what is found. What comes of telling others changes
    nothing of how the command ends."""

    @wraps(function)
    def told_of(*args: Any, metrics: Path | None, notify: Sequence[str], **given: Any) -> Any:
        if not (metrics or notify):
            return function(*args, **given)
        from reconciler.watching.observer import Observer

        tell = partial(_told, metrics, notifier_for(notify))
        observer = Observer(function.__name__, tell, part=is_part(given))
        command = partial(function, *args, **given, observer=observer)
        broken_off = (KeyboardInterrupt, click.Abort)
        return observer.run(command, broken_off=broken_off, no_run=(click.ClickException,))

    return observing(cast("F", told_of))


def is_part(given: Mapping[str, Any]) -> bool:
    """Whether only a part of the stack is asked for."""
    return bool(given.get("target") or given.get("exclude"))


def _writable(_: click.Context, __: click.Parameter, file: Path | None) -> Path | None:
    """A place that cannot be written to is found before the run: after it nobody would believe its exit code."""
    if file is not None and not os.access(file.parent, os.W_OK):
        raise click.BadParameter(f"{file.parent} is no directory that can be written to")
    return file


def notifier_for(urls: Sequence[str]) -> Notifier | None:
    """Who tells these addresses. ReconcilerError for one that cannot be used."""
    if not urls:
        return None
    from reconciler.watching.notify import Notifier

    return Notifier(urls, warned)


def _told(file: Path | None, notifier: Notifier | None, ended: Ended, state: StateOf) -> None:
    failed = notifier.tell(ended, state) if notifier else 0
    if file is not None:
        metrics = metrics_in(file)
        metrics.record(ended, failed)
        written(file, metrics)


def warned(text: str) -> None:
    """On standard error; whatever it is about has ended nothing."""
    from reconciler.redact import plain, redacted

    click.echo(f"Warning: {plain(redacted(text))}", err=True)


def metrics_in(file: Path | None) -> Metrics:
    """What a file of numbers says; nothing when it is none."""
    from reconciler.watching.metrics import Metrics

    if file is not None:
        with suppress(OSError), file.open("rb") as stream:
            return Metrics.read(stream.read(LARGEST).decode(errors="replace"))
    return Metrics()


def written(file: Path, metrics: Metrics) -> None:
    """The file anew, whole or not at all: whoever collects it reads it at any moment."""
    try:
        write_file(file, str(metrics))
    except ReconcilerError as error:
        warned(f"--metrics: {error}")
