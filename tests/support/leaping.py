"""An event loop on which waiting takes no time: when all wait, its clock leaps to when the first of them goes on.

What is done in threads is waited for as it comes, and takes no time of this clock; nor does what the machine computes.
So hours of an account's limits are tried out in the seconds that the machine is busy, and nothing waits for nothing.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, TypeVar, TypeVarTuple, Unpack

from reconciler.emulator.core.clock import EPOCH

__all__ = ["LeapingClock", "LeapingLoop", "ServerClock", "leaping"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Leaps(selectors.DefaultSelector):
    """Waits for what is real without a limit, or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.beside = 0
        """How much is under way in threads."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None and not self.beside:
            raise RuntimeError("all wait for something that will never come")
        if timeout is None or (timeout > 0 and self.beside):
            return super().select(None)
        found = super().select(0)
        if not found:
            self.now_s += timeout
        return found


class LeapingLoop(asyncio.SelectorEventLoop):
    """Made by `leaping`."""

    def __init__(self) -> None:
        self._leaps = _Leaps()
        super().__init__(self._leaps)

    def time(self) -> float:
        """Seconds of its own clock."""
        return self._leaps.now_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As any loop does; until it is done no time passes."""
        self._leaps.beside += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._done_beside)
        return future

    async def shutdown_default_executor(self, *rest: Any) -> None:
        """In a thread of its own."""
        self._leaps.beside += 1
        await super().shutdown_default_executor(*rest)

    def _done_beside(self, _: asyncio.Future[Any]) -> None:
        self._leaps.beside -= 1


class LeapingClock:
    """The engine's clock: that of the loop it runs on."""

    def now(self) -> float:
        """Seconds of the loop's."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Let others go on for so long."""
        await asyncio.sleep(seconds)


class ServerClock:
    """The emulator's clock, on the same time; it stands still between two loops."""

    def __init__(self) -> None:
        self._ahead_s = EPOCH
        self._last_s = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        with suppress(RuntimeError):
            self._last_s = asyncio.get_running_loop().time()
        return self._ahead_s + self._last_s

    def advance(self, seconds: float) -> None:
        """Go on by so many seconds."""
        self._ahead_s += seconds


def leaping(work: Coroutine[Any, Any, T]) -> T:
    """What the work gives, run to its end on such a loop."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(work)
