"""watch: a look at drift again and again, told when it is another one; and, if asked for, repaired."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.observing import is_part, metrics_in, notifier_for, observing, written
from reconciler.cli.options import online, project_at, targets
from reconciler.cli.signals import locked, put_back, stop_on_signals
from reconciler.cli.telling import Telling
from reconciler.errors import Locked, ReconcilerError

if TYPE_CHECKING:
    from reconciler.engine import Planning
    from reconciler.engine.planning import Drift
    from reconciler.model import Report
    from reconciler.watching.ended import Ended
    from reconciler.watching.observer import Observer, StateOf
    from reconciler.watching.repair import Repair

__all__ = ["watch"]

SHOWN = 5
"""Addresses in a line."""
SHORTEST_S = 10.0
wait = time.sleep
"""Between two looks; a test waits in another way."""


def _interval(_: click.Context, __: click.Parameter, text: str) -> float:
    from reconciler.watching.rhythm import seconds_of

    seconds = seconds_of(text)
    if seconds is None or seconds < SHORTEST_S:
        raise click.BadParameter(f"{text!r}: write it as 15m, 90s or 1h30m, and not shorter than {SHORTEST_S:g}s")
    return seconds


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@click.option(
    "--interval", metavar="TIME", default="15m", show_default=True, callback=_interval, help="From look to look."
)
@click.option(
    "--repair",
    type=click.Choice(["none", "update", "all"]),
    default="none",
    show_default=True,
    help="What of a drift to repair: nothing, fields that were changed, or objects that were deleted too.",
)
@click.option("--listen", metavar="HOST:PORT", help="Serve /healthz and /metrics there, as 127.0.0.1:9464.")
@click.option("--listen-anywhere", is_flag=True, help="Agree to --listen where other machines reach it.")
@click.option("--rounds", type=click.IntRange(1), metavar="N", help="End after so many looks [never].")
@observing
@online
@targets
def watch(
    path: Path,
    interval: float,
    repair: str,
    listen: str | None,
    listen_anywhere: bool,
    rounds: int | None,
    metrics: Path | None,
    notify: Sequence[str],
    **options: Any,
) -> int:
    """Look for drift again and again, and tell when it is not as it was before.

    Each look reads the stack anew. A stack that is wrong, or an API that does not answer, is told, and the watch goes
    on: after failures the pause is up to four times as long. With --repair what drifted is put right, under the lock
    of the stack and by its guards; nothing is ever deleted, and what is pending in git stays for an apply.

    Ctrl-C or SIGTERM end it: what is in flight ends and is recorded. Exit code 0.

    \b
    reconciler watch --interval 30m --notify slack://…
    reconciler watch --repair update --listen 127.0.0.1:9464
    reconciler watch --rounds 1 --metrics reconciler.prom
    """
    from reconciler.watching.repair import Repair
    from reconciler.watching.rhythm import Rhythm, go_on
    from reconciler.watching.serving import address_of, served

    address = address_of(listen, anywhere=listen_anywhere) if listen else None
    rhythm = Rhythm(interval)
    watching = _Watch(path, options, Repair(repair), metrics, notify, rhythm.interval_s)
    try:
        with served(address, watching.board, time.monotonic) if address else nullcontext() as url:
            if url:
                click.echo(f"Serving {url}/healthz and {url}/metrics.", err=True)
            go_on(watching.look, rhythm, watching.pause, random.random, rounds)
    except KeyboardInterrupt:
        click.echo("Watch ended.", err=True)
    return 0


class _Watch:
    """One watch: what it is of, and what was found last."""

    def __init__(
        self,
        path: Path,
        options: Mapping[str, Any],
        repair: Repair,
        file: Path | None,
        notify: Sequence[str],
        interval_s: float,
    ) -> None:
        from reconciler.watching.serving import Board

        self._path, self._options, self._repair, self._file = path, options, repair, file
        self._notifier = notifier_for(notify)
        self._metrics = metrics_in(file)
        self._interval_s = interval_s
        self._failures = 0
        self._known = "", ""
        """Name and account of the stack when it could be read last."""
        self.board = Board()

    def look(self) -> bool:
        """One round; whether it went well."""
        self.board.due = None
        drift = self._seen()
        well = drift is not None
        if drift is not None and drift.changes and self._repair != "none":
            repaired = self._repaired(tuple(it.address for it in drift.changes))
            well = repaired is not False
            if repaired:
                well = self._seen() is not None  # so that it is proven, and told
        self._failures = 0 if well else self._failures + 1
        self.board.well, self.board.failures = well, self._failures
        self.board.looked_at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        self._numbers()
        return well

    def pause(self, seconds: float, failures: int) -> None:
        """Until the next look."""
        again = f", after {failures} that failed" if failures else ""
        _say(f"next look in {_length(seconds)}{again}")
        self.board.due = time.monotonic() + seconds
        wait(seconds)

    # One look

    def _seen(self) -> Drift | None:
        """What drifted; None when that could not be seen, which was told then."""
        found: list[Drift] = []

        def command(observer: Observer) -> int:
            project = project_at(self._path, {**self._options, "observer": observer})
            self._known = project.stack.name, project.account_shown

            async def run() -> Drift:
                async with project:
                    return await project.drift(target=self._options["target"], exclude=self._options["exclude"])

            drift = asyncio.run(run())
            found.append(drift)
            telling = Telling.of(self._path, {**self._options, "observer": observer})
            telling.seen(telling.drifted(drift))
            _say(_told(drift))
            return 2 if drift.changes else 0

        return found[0] if self._watched("drift", command) and found else None

    def _repaired(self, drifted: tuple[str, ...]) -> bool | None:
        """Whether the repair went well; None when there was nothing to do, or somebody else holds the stack."""
        done: list[Report] = []

        def command(observer: Observer) -> int:
            project = project_at(self._path, {**self._options, "observer": observer})
            telling = Telling.of(self._path, {**self._options, "observer": observer})
            with put_back(), locked(project, f"reconciler watch {self._path} --repair {self._repair}"):
                planning, report = asyncio.run(_repair(project, self._repair, drifted))
            if planning is None or report is None:
                _say("nothing of it may be repaired; look at `reconciler plan`")
                return 0
            done.append(report)
            telling.seen(telling.planned(planning, report, kind="apply"))
            _say(_applied(report))
            if report.interrupted:
                raise KeyboardInterrupt
            return report.exit_code

        try:
            well = self._watched("apply", command)
        except Locked as error:
            _say(f"not repaired: {error}")
            return None
        return well and (True if done else None)

    def _watched(self, name: str, command: Callable[[Observer], int]) -> bool:
        """Whether it came to an end that is not an error. Errors are told; the watch goes on."""
        from reconciler.watching.observer import Observer

        observer = Observer(name, self._tell, part=name == "apply" or is_part(self._options))
        try:
            return observer.run(partial(command, observer)) in (0, 2)
        except Locked:
            raise
        except (ReconcilerError, OSError) as error:
            for line in str(error).splitlines():
                click.echo(f"Error: {line}", err=True)
            return False

    # Telling

    def _tell(self, ended: Ended, state: StateOf) -> None:
        if ended.reason == "interrupted":  # that is how a watch ends
            return
        if not ended.stack:
            ended = ended.of(*self._known)
        failed = self._notifier.tell(ended, state) if self._notifier else 0
        self._metrics.record(ended, failed)

    def _numbers(self) -> None:
        self._metrics.watching(*self._known, interval_s=self._interval_s, failures=self._failures)
        self.board.metrics = str(self._metrics)
        if self._file is not None:
            written(self._file, self._metrics)


async def _repair(project: Any, repair: Repair, drifted: tuple[str, ...]) -> tuple[Planning | None, Report | None]:
    from reconciler.watching.repair import planned_repair

    async with project:
        planning = await planned_repair(project, repair, drifted)
        if planning is None:
            return None, None
        applying = project.apply(planning)
        stop_on_signals(applying)
        try:
            return planning, await applying
        except asyncio.CancelledError:  # the second Ctrl-C
            raise KeyboardInterrupt from None


def _say(text: str) -> None:
    click.echo(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}")


def _told(drift: Drift) -> str:
    found = [it.address for it in drift.changes]
    if not found:
        return f"{drift.stack.name}: in sync"
    more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return f"{drift.stack.name}: drift at {', '.join(found[:SHOWN])}{more}"


def _applied(report: Report) -> str:
    done = sum(it.result == "done" for it in report.outcomes)
    rest = len(report.outcomes) - done
    return f"repaired {done}" + (f", {rest} not" if rest else "")


def _length(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
