"""Progress of long work: bars on a terminal; elsewhere a line for each thing done, and now and then one for uploads."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from reconciler.model import (
    BytesSent,
    Event,
    Paused,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    StillWaiting,
)
from reconciler.redact import plain
from reconciler.reports.traffic import Traffic, amount, duration

__all__ = ["lines", "paused", "progress"]

LINE_EVERY_S = 30.0
"""How often a log that nobody watches is told about uploads."""


@contextmanager
def progress(
    steps: int, *, upload_bytes: int = 0, quiet: bool = False, now: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Event], None]]:
    """Give what is to be called with each event; all of it goes to standard error."""
    if quiet or not steps:
        yield lambda _: None
    elif sys.stderr.isatty() and not os.environ.get("CI"):
        with _bars(steps, upload_bytes) as show:
            yield show
    else:
        yield lines(steps, upload_bytes, now, _to_standard_error)


def _to_standard_error(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def lines(
    steps: int, upload_bytes: int, now: Callable[[], float], write: Callable[[str], None]
) -> Callable[[Event], None]:
    """What a log gets: no more than a line in 30 seconds about bytes."""
    done, last_s = 0, now()
    traffic = Traffic(upload_bytes, now)

    def show(event: Event) -> None:
        nonlocal done, last_s
        match event:
            case StepDone():
                done += 1
                write(f"[{done}/{steps}] {event.verb} {plain(event.address)}")
            case StepFailed() | StepSkipped():
                write(not_done(event))
            case Paused():
                write(paused(event))
            case BytesSent():
                traffic.see(event.address, event.done, event.total)
                if now() - last_s >= LINE_EVERY_S:
                    last_s = now()
                    write(_line(traffic))

    return show


def paused(event: Paused) -> str:
    """That nothing goes on for a while, and why."""
    return f"{event.message}, going on in {duration(event.seconds)}"


def not_done(event: StepFailed | StepSkipped) -> str:
    """Which address, and why."""
    word = "failed" if isinstance(event, StepFailed) else "skipped"
    return f"{word}: {plain(event.address)}: {plain(event.message)}"


def _line(traffic: Traffic) -> str:
    whole = traffic.all
    share = 100 * whole.done // whole.total if whole.total else 100
    return (
        f"[{share:3} %] {amount(whole.done)} of {amount(whole.total)} sent, {amount(whole.bytes_per_s)}/s, "
        f"{duration(whole.left_s)} left, {traffic.under_way} files under way"
    )


@contextmanager
def _bars(steps: int, upload_bytes: int) -> Iterator[Callable[[Event], None]]:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    text = TextColumn("{task.description}", markup=False)
    work = Progress(SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), text, console=console)
    bytes_columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), text)
    uploads = Progress(*bytes_columns, console=console)
    with Live(Group(work, uploads), console=console, transient=True, refresh_per_second=5):
        yield _Bars(console, work, uploads, steps, upload_bytes).show


class _Bars:
    """One bar for the steps, one for each file that is being sent, one for all of them."""

    def __init__(self, console: Any, work: Any, uploads: Any, steps: int, upload_bytes: int) -> None:
        self.console, self.work, self.uploads = console, work, uploads
        self.steps = work.add_task("", total=steps)
        self.traffic = Traffic(upload_bytes, time.monotonic)
        self.tasks: dict[str, Any] = {}

    def show(self, event: Event) -> None:
        match event:
            case StepStarted(verb=verb) if verb != "wait":  # those are told together, by how many are left
                self.work.update(self.steps, description=f"{verb} {plain(event.address)}")
            case StillWaiting(waiting=waiting) if waiting:
                self.work.update(self.steps, description=f"waiting until {waiting} are ready")
            case Paused():
                self.console.print(paused(event), highlight=False, markup=False)
            case BytesSent():
                self._upload(event)
            case StepDone():
                self.work.advance(self.steps)
            case StepFailed() | StepSkipped():
                self.console.print(not_done(event), highlight=False, markup=False)

    def _upload(self, event: BytesSent) -> None:
        self.traffic.see(event.address, event.done, event.total)
        if "" not in self.tasks:
            self.tasks[""] = self.uploads.add_task("all files", total=self.traffic.all.total)
        if event.address not in self.tasks:
            self.tasks[event.address] = self.uploads.add_task(plain(event.address), total=event.total)
        self.uploads.update(self.tasks[event.address], completed=event.done)
        if event.done >= event.total:
            self.uploads.update(self.tasks[event.address], visible=False)
        self.uploads.update(self.tasks[""], completed=self.traffic.all.done, total=self.traffic.all.total)
