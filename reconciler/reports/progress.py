"""Progress of long work: bars on a terminal; elsewhere a line for each thing done, and when none was done for long,
how things stand. All of it goes to standard error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from reconciler.kinds import Kinds
from reconciler.model import (
    BytesSent,
    Event,
    Narrowed,
    Paused,
    Plan,
    StepAwaited,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    Verb,
)
from reconciler.redact import plain
from reconciler.reports.statusline import StatusLine
from reconciler.reports.traffic import duration
from reconciler.reports.underway import UnderWay

__all__ = ["Lines", "Shown", "is_watched", "paused", "progress", "to_standard_error"]


class Shown(Protocol):
    """Who shows an apply."""

    def show(self, event: Event) -> None:
        """What happens."""

    def tick(self) -> None:
        """A second has passed, whatever happened in it."""


@contextmanager
def progress(
    plan: Plan, kinds: Kinds, *, quiet: bool = False, now: Callable[[], float] = time.monotonic
) -> Iterator[Shown]:
    """Who is to be told of each event, and of each second."""
    going_on = UnderWay(plan, kinds, now)
    if quiet or not plan.steps:
        yield _Nobody()
    elif is_watched():
        with _bars(going_on) as shown:
            yield shown
    else:
        yield Lines(going_on, StatusLine(to_standard_error, now, in_place=False))


def is_watched() -> bool:
    """Whether somebody sits at a terminal and sees what is drawn over."""
    return sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def to_standard_error(text: str) -> None:
    """Write it at once."""
    sys.stderr.write(text)
    sys.stderr.flush()


class _Nobody:
    def show(self, event: Event) -> None: ...
    def tick(self) -> None: ...


class Lines:
    """What a log gets."""

    def __init__(self, going_on: UnderWay, line: StatusLine) -> None:
        self._going_on, self._line = going_on, line

    def show(self, event: Event) -> None:
        """A line for what was done, for what was not, and for each pause."""
        self._going_on.happened(event)
        match event:
            case StepDone(address, verb):
                self._line.say(f"{self._count} {'ready' if verb == Verb.WAIT else verb} {plain(address)}")
            case StepFailed() | StepSkipped() | StepAwaited():
                self._line.say(not_done(event))
            case Paused():
                self._line.say(paused(event))
            case Narrowed():
                self._line.say(self._going_on.narrowed(event))
            case _:
                self.tick()

    def tick(self) -> None:
        """A line when there was none for half a minute."""
        if self._line.is_due:
            self._line.show(f"{self._count} {self._going_on.told()}")

    @property
    def _count(self) -> str:
        # What takes the place of what it was made beside has stages of its own, planned when it comes to them.
        return f"[{self._going_on.done}/{max(self._going_on.steps, self._going_on.done)}]"


def paused(event: Paused) -> str:
    """That nothing goes on for a while, and why; or what is worth knowing of that."""
    if not event.seconds:
        return f"note: {plain(event.message)}"
    return f"waiting {duration(event.seconds)}: {plain(event.message)}"


def not_done(event: StepFailed | StepSkipped | StepAwaited) -> str:
    """Which address, and why."""
    word = {StepFailed: "failed", StepSkipped: "skipped", StepAwaited: "awaited"}[type(event)]
    return f"{word}: {plain(event.address)}: {plain(event.message)}"


@contextmanager
def _bars(going_on: UnderWay) -> Iterator[Shown]:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    text = TextColumn("{task.description}", markup=False)
    work = Progress(SpinnerColumn(), BarColumn(bar_width=20), MofNCompleteColumn(), text, console=console)
    bytes_columns = (BarColumn(bar_width=20), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), text)
    uploads = Progress(*bytes_columns, console=console)
    with Live(Group(work, uploads), console=console, transient=True, refresh_per_second=5):
        yield _Bars(going_on, console, work, uploads)


class _Bars:
    """One bar for the steps, one for each file that is being sent, one for all of them."""

    def __init__(self, going_on: UnderWay, console: Any, work: Any, uploads: Any) -> None:
        self.going_on, self.console, self.work, self.uploads = going_on, console, work, uploads
        self.steps = work.add_task("", total=going_on.steps)
        self.tasks: dict[str, Any] = {}

    def show(self, event: Event) -> None:
        self.going_on.happened(event)
        match event:
            case StepStarted():
                self.tick()
            case StepDone():
                self.work.advance(self.steps)
                self.tick()
            case Paused():
                self._print(paused(event))
            case Narrowed():
                self._print(self.going_on.narrowed(event))
            case BytesSent():
                self._upload(event)
            case StepFailed() | StepSkipped() | StepAwaited():
                self._print(not_done(event))

    def tick(self) -> None:
        self.work.update(self.steps, description=self.going_on.told())

    def _print(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False)

    def _upload(self, event: BytesSent) -> None:
        whole = self.going_on.traffic.all
        if "" not in self.tasks:
            self.tasks[""] = self.uploads.add_task("all files", total=whole.total)
        if event.address not in self.tasks:
            self.tasks[event.address] = self.uploads.add_task(plain(event.address), total=event.total)
        self.uploads.update(self.tasks[event.address], completed=event.done)
        if event.done >= event.total:
            self.uploads.update(self.tasks[event.address], visible=False)
        self.uploads.update(self.tasks[""], completed=whole.done, total=whole.total)
