"""Waiting until objects are ready: one look at a list serves all that wait for something in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from reconciler.apply.run import Detached, Limits
from reconciler.errors import ApiError, BecameFailed, NotReady, RateLimited, Unauthorised
from reconciler.model import Event, Live, Status, StillWaiting
from reconciler.provider import Drivers

if TYPE_CHECKING:
    from reconciler.http import Clock

__all__ = ["Looking", "Waiting"]

MISSES = 8
"""How many looks in a row may fail to show an object that was made, before it counts as lost."""


class Looking(Protocol):
    """With what is looked: an apply, or a run that does nothing else."""

    @property
    def drivers(self) -> Drivers:
        """Of the kinds that are looked at."""

    @property
    def clock(self) -> Clock:
        """By which is waited."""

    @property
    def limits(self) -> Limits:
        """How often, and how long."""

    @property
    def on_event(self) -> Callable[[Event], None]:
        """Who is told of each look."""


class Waiting:
    """All that waits in one run. Looks go out in rounds, with pauses that grow while nothing becomes ready."""

    def __init__(self, run: Looking) -> None:
        self._run = run
        self._waiting: dict[tuple[str, str | None], dict[str, _Wait]] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._ready = 0
        """How many became ready"""
        self.polls = 0

    async def ready(self, kind: str, parent_id: str | None, id: str, address: str) -> Live:
        """The object when it is ready. Raises BecameFailed, NotReady after the limit, or what the API says; Detached
        after one look, where nobody is to wait."""
        if self._closed:  # a step that was started before the run was told to stop, and comes here after it
            raise asyncio.CancelledError
        wait = _Wait(address, asyncio.get_running_loop().create_future(), self._run.clock.now())
        self._waiting.setdefault((kind, parent_id), {})[id] = wait
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._rounds())
        try:
            return await wait.future
        finally:
            self._waiting.get((kind, parent_id), {}).pop(id, None)

    def cancel(self) -> None:
        """Stop waiting for anything; what is not ready now is left as it is."""
        self._closed = True
        for waits in self._waiting.values():
            for wait in waits.values():
                wait.future.cancel()

    async def _rounds(self) -> None:
        pause_s, _ = self._pauses()
        try:
            while any(self._waiting.values()):
                progress = await self._round()
                first_s, longest_s = self._pauses()
                pause_s = first_s if progress else min(pause_s * 1.5, longest_s)
                if any(self._waiting.values()):
                    await self._run.clock.sleep(pause_s)
        except BaseException as error:  # nobody awaits this task: whoever waits has to hear of it, or waits for ever
            for (name, parent_id), waits in self._waiting.items():
                self._fail_all(name, parent_id, list(waits), error)
            if isinstance(error, asyncio.CancelledError):
                raise

    def _pauses(self) -> tuple[float, float]:
        """The first pause and the longest that suit the most impatient of the kinds that are waited for."""
        kinds = {kind for kind, _ in self._waiting}
        traits = [self._run.drivers[kind].traits for kind in kinds]
        return min(it.pause_s(self._run.limits.poll_s) for it in traits), min(it.poll_max_s for it in traits)

    async def _round(self) -> bool:
        groups, before = [(key, list(waits)) for key, waits in self._waiting.items() if waits], self._ready
        results = await asyncio.gather(*(self._look(*key, ids) for key, ids in groups))
        left = sum(map(len, self._waiting.values()))
        self._run.on_event(StillWaiting(self._ready - before, left))
        return any(results)

    async def _look(self, name: str, parent_id: str | None, ids: list[str]) -> int:
        """One look at one list; how many waits it ended."""
        self.polls += 1
        answered = True
        try:
            lives: Mapping[str, Live] = await self._run.drivers[name].poll(ids, parent_id)
        except Unauthorised as error:
            self._fail_all(name, parent_id, ids, error)
            return len(ids)
        except ApiError as error:
            lives, answered = {}, False
            if error.status and error.status < 500 and (error.status != 429 or _is_over(error)):
                self._fail_all(name, parent_id, ids, error)
                return len(ids)
        return sum([self._ended(name, parent_id, id, lives.get(id), answered=answered) for id in ids])

    def _fail_all(self, name: str, parent_id: str | None, ids: list[str], error: BaseException) -> None:
        for id in ids:
            if (wait := self._waiting[name, parent_id].get(id)) and not wait.future.done():
                wait.future.set_exception(error)

    def _ended(self, name: str, parent_id: str | None, id: str, live: Live | None, *, answered: bool) -> bool:
        wait = self._waiting[name, parent_id].get(id)
        if wait is None or wait.future.done():
            return False
        wait.misses = 0 if live else wait.misses + answered  # what got no answer says nothing of what is there
        waited_s = self._run.clock.now() - wait.since_s
        if live and live.status is Status.READY:
            wait.future.set_result(live)
            self._ready += 1
        elif live and live.status is Status.FAILED:
            why = live.facts.get("error") or "the API says no more about it"
            wait.future.set_exception(BecameFailed(f"{name} {id} ended as failed: {why}"))
        elif self._run.limits.detached:
            wait.future.set_exception(Detached(f"{name} {id} is not ready yet"))
        elif wait.misses >= MISSES:
            wait.future.set_exception(NotReady(f"{name} {id} was made, but no list shows it; run again to look anew"))
        elif waited_s > self._run.limits.wait_s:
            wait.future.set_exception(
                NotReady(f"{name} {id} is not ready after {waited_s:.0f} s; run again to go on waiting")
            )
        return wait.future.done()


def _is_over(error: ApiError) -> bool:
    """Whether a limit is used up for longer than anybody waits."""
    return isinstance(error, RateLimited) and error.resumes is not None


class _Wait:
    __slots__ = ("address", "future", "misses", "since_s")

    def __init__(self, address: str, future: asyncio.Future[Live], since_s: float) -> None:
        self.address, self.future, self.since_s, self.misses = address, future, since_s, 0
