"""Waiting for what the server works on and has no object for yet: one look serves all tasks of a kind."""

from __future__ import annotations

import asyncio
from typing import Protocol

from reconciler.apply.run import Detached
from reconciler.apply.wait import Looking
from reconciler.errors import ApiError, NotReady, RateLimited, Unauthorised
from reconciler.model import Operation
from reconciler.provider import Progress, Running

__all__ = ["Tasks"]

GROWTH = 1.5


class Announced(Protocol):
    """Where an operation stands in the journal, with its handle of now."""

    def __getitem__(self, op: str, /) -> Operation: ...


class LookingForTasks(Looking, Protocol):
    """The same, with what it knows of each task."""

    @property
    def ledger(self) -> Announced:
        """What was announced, with what was heard of it."""


class Tasks:
    """All operations of one run that the server works on. Looks go out in rounds, with pauses that grow."""

    def __init__(self, run: LookingForTasks) -> None:
        self._run = run
        self._waiting: dict[str, dict[str, tuple[asyncio.Future[Progress], float]]] = {}
        """kind → op → who waits for it, since when"""
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def ended(self, kind: str, op: str) -> Progress:
        """What became of the operation, once that is not that the server works on it. NotReady after the limit: the
        next run goes on waiting."""
        if self._closed:
            raise asyncio.CancelledError
        future: asyncio.Future[Progress] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(kind, {})[op] = (future, self._run.clock.now())
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._rounds())
        try:
            return await future
        finally:
            self._waiting[kind].pop(op, None)

    def cancel(self) -> None:
        """Wait for nothing any more; the server works on, and the handles are kept."""
        self._closed = True
        for waits in self._waiting.values():
            for future, _ in waits.values():
                future.cancel()

    async def _rounds(self) -> None:
        pause_s = 0.0
        try:
            while any(self._waiting.values()):
                ended = [await self._look(kind) for kind, waits in list(self._waiting.items()) if waits]
                waited_for = [self._run.drivers[kind].traits for kind, waits in self._waiting.items() if waits]
                if waited_for:  # at the pace of the most impatient of them
                    first_s = min(it.pause_s(self._run.limits.poll_s) for it in waited_for)
                    longer_s = min(pause_s * GROWTH, min(it.poll_max_s for it in waited_for))
                    pause_s = first_s if any(ended) else max(first_s, longer_s)
                    await self._run.clock.sleep(pause_s)
        except BaseException as error:  # nobody awaits this task: whoever waits has to hear of it, or waits for ever
            for kind in self._waiting:
                self._fail(kind, error)
            if isinstance(error, asyncio.CancelledError):
                raise

    async def _look(self, kind: str) -> bool:
        """One look at all tasks of a kind; whether it ended any."""
        operations = [self._run.ledger[op] for op in self._waiting[kind]]
        try:
            seen = await self._run.drivers[kind].look(operations)
        except Unauthorised as error:
            self._fail(kind, error)
            return True
        except ApiError as error:
            if error.status and error.status < 500 and not isinstance(error, RateLimited):
                self._fail(kind, error)
                return True
            seen = {}
        for operation in operations:
            self._tell(kind, operation.op, seen.get(operation.op))
        await asyncio.sleep(0)  # whoever waited takes itself out of the list
        return any(not isinstance(progress, Running) for progress in seen.values())

    def _tell(self, kind: str, op: str, progress: Progress | None) -> None:
        if (wait := self._waiting[kind].get(op)) is None or wait[0].done():
            return
        future, since_s = wait
        waited_s = self._run.clock.now() - since_s
        if progress is not None and not isinstance(progress, Running):
            future.set_result(progress)
        elif self._run.limits.detached:
            future.set_exception(Detached(progress.told if progress and progress.told else "it is not ready yet"))
        elif waited_s > self._run.limits.wait_s:
            what = f"the server works on it for {waited_s:.0f} s already; run again to go on waiting"
            future.set_exception(NotReady(what))

    def _fail(self, kind: str, error: BaseException) -> None:
        for future, _ in self._waiting[kind].values():
            if not future.done():
                future.set_exception(error)
