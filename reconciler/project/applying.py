"""An apply under way, from outside: its events as they happen, and its report."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from reconciler.model import Event, Report, RunEnded

if TYPE_CHECKING:
    from reconciler.apply import Walk

__all__ = ["Applying", "Begun", "Start", "Tell"]

Tell = Callable[[Event], None]
Begun = Callable[["Walk"], None]
Start = Callable[[Tell, Begun], Coroutine[Any, Any, Report]]


class Applying(AsyncIterator[Event]):
    """An apply that is under way: iterate for its events, or await for its report.

        async for event in applying: …
        report = await applying

    The last event is a RunEnded, with the report. It begins with the first of either. Whoever stops iterating and goes
    away breaks it off, as a second Ctrl-C would: what was announced is found again by the next run. `stop` ends it in
    good order.
    """

    def __init__(self, start: Start, stopping: Callable[[], None] = lambda: None) -> None:
        self._start, self._stopping = start, stopping
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._task: asyncio.Task[Report] | None = None
        self._walk: Walk | None = None
        self.report: Report | None = None
        """How it went; None until it ended."""

    def stop(self) -> bool:
        """Start nothing more; what is in flight ends and is recorded. To be called in the loop that runs it.

        False when there is nothing to stop so: no step was started yet, or it is stopping already.
        """
        if self._walk is None or self._walk.stopping:
            return False
        self._stopping()
        self._walk.stop()
        return True

    async def __anext__(self) -> Event:
        if self.report is not None:
            raise StopAsyncIteration
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            event = await self._events.get()
        except asyncio.CancelledError:  # whoever waited is told to go: nobody is left to hear how it ends
            await self.aclose()
            raise
        if event is not None:
            return event
        self._events.put_nowait(None)  # whoever asks again hears of the same error
        self.report = await self._task
        return RunEnded(self.report)

    async def aclose(self) -> None:
        """Break it off, and return when it has let go of everything."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> Report:
        try:
            return await self._start(self._events.put_nowait, self._begun)
        finally:
            self._events.put_nowait(None)  # errors are raised where it is iterated

    def _begun(self, walk: Walk) -> None:
        self._walk = walk

    def __await__(self) -> Generator[Any, None, Report]:
        return self._ended().__await__()

    async def _ended(self) -> Report:
        async for _ in self:
            pass
        assert self.report is not None
        return self.report
