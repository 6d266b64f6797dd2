"""A step that a worker has: its lease is made longer as long as it is worked on, and before each request.

Nothing is sent when less is left of the lease than a request may take, and what is in flight when it ends is broken
off: until then nobody else begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

from reconciler.errors import StateError
from reconciler.state import moment
from reconciler.state.leases import LeaseLost

__all__ = ["HELD", "Holding"]

T = TypeVar("T")
SPARE = 0.8
"""What of a lease must be left when a request is sent."""
FRESH_S = 0.1
"""How old an answer of the state may be when a request is sent: many chunks share one."""
CUT_OFF = 0.1
"""What of a lease is left when what is in flight is broken off."""
HELD: ContextVar[Holding] = ContextVar("held")
"""The step for which requests are sent here."""


class Holding:
    """One lease of so many seconds. `renew` makes it as long as it was, and says whether the run is stopping."""

    def __init__(self, lease_s: float, renew: Callable[[], Awaitable[bool]], taken_s: float) -> None:
        self._lease_s, self._renew = lease_s, renew
        self._until_s = taken_s + lease_s
        self._heard_s = float("-inf")
        self.writes = 0
        """How many requests may have left that change something."""
        self.stopping = False
        self._is_over = False

    async def prove(self) -> None:
        """To be awaited right before each request that may change something; LeaseLost when none is to be sent."""
        await self.must_hold()
        self.writes += 1

    async def must_hold(self) -> None:
        """The same, before something is written elsewhere than by a request to the API: into a store of results."""
        if moment() - self._heard_s > FRESH_S:
            await self._longer()
        if self.stopping:
            raise LeaseLost("the run is stopping: nothing more is sent")
        if self._until_s - moment() < SPARE * self._lease_s:
            raise LeaseLost("the state answers too slowly for a request to end within its lease: nothing is sent")

    async def _longer(self) -> None:
        asked_s = moment()
        try:
            self.stopping = await self._renew()
        except LeaseLost:
            self._is_over = True
            raise
        self._heard_s, self._until_s = asked_s, asked_s + self._lease_s

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work under the lease. LeaseLost when it ended before the work did."""
        token = HELD.set(self)
        task = asyncio.create_task(work)
        HELD.reset(token)
        try:
            while not (await asyncio.wait({task}, timeout=self._pause_s()))[0]:
                if moment() >= self._until_s - CUT_OFF * self._lease_s:
                    break
                if not self._is_over:
                    await self._tried()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        if task.cancelled():
            raise LeaseLost("the lease ended before the step did")
        return task.result()

    async def _tried(self) -> None:
        try:
            await self._longer()
        except StateError:  # the run is over, or the state is away: what is in flight may end until the lease does
            await asyncio.sleep(0)

    def _pause_s(self) -> float:
        left_s = self._until_s - CUT_OFF * self._lease_s - moment()
        return max(0.0, min(left_s, self._lease_s / 3))
