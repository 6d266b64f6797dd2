"""What a run does when it is told to stop, and when it wakes after having been stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import click

from reconciler.errors import StateError

__all__ = ["TO_STOP", "interruptible", "locked", "put_back", "stop_on_signals"]

TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPING = "Stopping: what is in flight ends and is recorded. Ctrl-C again stops at once."


class Lockable(Protocol):
    """A state, or a project with one."""

    def lock(self, command: str) -> AbstractContextManager[None]: ...
    def prove_when_woken(self) -> None: ...


@contextmanager
def interruptible() -> Iterator[None]:
    """A request to end the process is as good as Ctrl-C while the block runs: it unwinds. One that whoever started it
    has it ignore (`nohup`) stays ignored."""
    changed = []
    if threading.current_thread() is threading.main_thread():
        changed = [number for number in TO_STOP[1:] if signal.getsignal(number) is signal.SIG_DFL]
    for number in changed:
        signal.signal(number, _as_interrupt)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def put_back() -> Iterator[None]:
    """After the block these signals mean what they meant before: an event loop that was told to hear one leaves the
    system's own way with it behind, which is death."""
    before = {number: signal.getsignal(number) for number in TO_STOP}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _as_interrupt(*_: Any) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a script's `&` has it: that is about Ctrl-C alone
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


@contextmanager
def locked(held: Lockable, command: str) -> Iterator[None]:
    """Hold the stack's lock while the block runs.

    A process that was asleep (SIGSTOP, Ctrl-Z) asks whether it still holds it before it does anything else; when it
    does not, the block is broken off wherever it is, and StateError is raised.
    """
    lost: list[StateError] = []

    def woken(*_: Any) -> None:
        try:
            held.prove_when_woken()
        except StateError as error:
            lost.append(error)
            import logging

            logging.getLogger("asyncio").disabled = True  # it would tell of every task that ends by this
            raise KeyboardInterrupt from None  # what an event loop lets through at once

    with held.lock(command):
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGCONT, woken)
        try:
            yield
        except (KeyboardInterrupt, click.Abort):
            if lost:
                raise lost[0] from None
            raise
        finally:
            signal.signal(signal.SIGCONT, before or signal.SIG_DFL)


class Stoppable(Protocol):
    """What can be ended in good order."""

    def stop(self) -> bool: ...


def stop_on_signals(running: Stoppable, said: str = STOPPING) -> None:
    """Once: end it in good order, and say what that means. Twice, or before there is anything to end: stop at once."""
    import asyncio  # where it runs already: help waits for nothing

    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def interrupt() -> None:
        if running.stop():
            click.echo(f"\n{said}", err=True)
        elif task:
            task.cancel()

    for number in TO_STOP:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, interrupt)
