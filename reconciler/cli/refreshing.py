"""While a plan is made: how far it is, on standard error."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.project import Project

__all__ = ["TICK_S", "refreshing", "ticking"]

TICK_S = 1.0


@asynccontextmanager
async def refreshing(project: Project) -> AsyncIterator[None]:
    """Tell of what `project`, which is open, reads in the block, and of each pause."""
    from reconciler.reports.progress import is_watched, paused, to_standard_error
    from reconciler.reports.refreshing import Refreshing
    from reconciler.reports.statusline import StatusLine

    columns = shutil.get_terminal_size().columns
    line = StatusLine(to_standard_error, time.monotonic, in_place=is_watched(), columns=columns)
    shown = Refreshing(line, lambda: project.requests, time.monotonic)
    before = project.on_pause
    project.on_page, project.on_pause = shown.page, lambda event: line.say(paused(event))
    try:
        async with ticking(shown.tick):
            yield
    finally:
        line.clear()
        project.on_pause = before


@asynccontextmanager
async def ticking(tick: Callable[[], object]) -> AsyncIterator[None]:
    """Call it every second while the block runs, whatever happens in it."""

    async def go() -> None:
        while True:
            tick()
            await asyncio.sleep(TICK_S)

    task = asyncio.create_task(go())
    try:
        yield
    finally:
        task.cancel()
