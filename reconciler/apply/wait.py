"""Waiting until objects are ready: one look at a list serves all that wait for something in it. When the next look is
the `Cadence` says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from reconciler.apply.cadence import Cadence
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
    """All that waits in one run. Looks go out in rounds."""

    def __init__(self, run: Looking) -> None:
        self._run = run
        self._waiting: dict[tuple[str, str | None], dict[str, _Wait]] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._ready = 0
        """How many became ready"""
        self._cadence = Cadence(run.limits.poll_s, learns=not run.limits.detached)
        self._looked_s = self._until_s = float("-inf")
        """When the last round was, and when the next one will be."""
        self._news = asyncio.Event()
        """That something is due before that."""
        self.polls = 0

    async def ready(self, kind: str, parent_id: str | None, id: str, address: str) -> Live:
        """The object when it is ready. Raises BecameFailed, NotReady after the limit, or what the API says; Detached
        after one look, where nobody is to wait."""
        if self._closed:  # a step that was started before the run was told to stop, and comes here after it
            raise asyncio.CancelledError
        wait = _Wait(address, asyncio.get_running_loop().create_future(), self._run.clock.now())
        self._waiting.setdefault((kind, parent_id), {})[id] = wait
        first_s = self._cadence.began(kind, id, wait.since_s)
        if max(first_s, self._looked_s + self._apart_s()) < self._until_s:
            self._news.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._rounds())
        try:
            return await wait.future
        finally:
            self._waiting.get((kind, parent_id), {}).pop(id, None)
            self._cadence.ended(kind, id)

    def cancel(self) -> None:
        """Stop waiting for anything; what is not ready now is left as it is."""
        self._closed = True
        for waits in self._waiting.values():
            for wait in waits.values():
                wait.future.cancel()

    async def _rounds(self) -> None:
        try:
            while any(self._waiting.values()):
                self._looked_s = self._run.clock.now()
                await self._round()
                await asyncio.sleep(0)  # whoever waited takes itself out of the list
                if any(self._waiting.values()):
                    await self._pause()
        except BaseException as error:  # nobody awaits this task: whoever waits has to hear of it, or waits for ever
            for (name, parent_id), waits in self._waiting.items():
                self._fail_all(name, parent_id, list(waits), error)
            if isinstance(error, asyncio.CancelledError):
                raise

    def _apart_s(self) -> float:
        """How far apart rounds are at the least: as suits the most impatient of the kinds that are waited for."""
        kinds = {kind for (kind, _), waits in self._waiting.items() if waits}
        return min((self._cadence.apart_s(it, self._run.drivers[it].traits) for it in kinds), default=0.0)

    async def _pause(self) -> None:
        """Until something is due."""
        while (due_s := self._cadence.next_s()) is not None:
            self._news.clear()
            self._until_s = max(due_s, self._looked_s + self._apart_s())
            sleeping = asyncio.create_task(self._run.clock.sleep(max(self._until_s - self._run.clock.now(), 0.0)))
            news = asyncio.create_task(self._news.wait())
            try:
                await asyncio.wait((sleeping, news), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleeping.cancel()
                news.cancel()
            if sleeping.done():
                sleeping.result()
                return

    async def _round(self) -> None:
        groups = [(key, due) for key, waits in self._waiting.items() if (due := self._due(key[0], list(waits)))]
        before = self._ready
        await asyncio.gather(*(self._look(*key, ids) for key, ids in groups))
        left = sum(map(len, self._waiting.values()))
        self._run.on_event(StillWaiting(self._ready - before, left))

    def _due(self, kind: str, ids: list[str]) -> list[str]:
        """What is to be looked at; all of a list that is looked at anyhow."""
        traits = self._run.drivers[kind].traits
        due = self._cadence.due(kind, ids, self._run.clock.now(), traits)
        return due if traits.poll_by_id or not due else ids

    async def _look(self, name: str, parent_id: str | None, ids: list[str]) -> None:
        """One look at one list, and what it means for each that waits."""
        self.polls += 1
        answered = True
        try:
            lives: Mapping[str, Live] = await self._run.drivers[name].poll(ids, parent_id)
        except Unauthorised as error:
            self._fail_all(name, parent_id, ids, error)
            return
        except ApiError as error:
            lives, answered = {}, False
            if error.status and error.status < 500 and (error.status != 429 or _is_over(error)):
                self._fail_all(name, parent_id, ids, error)
                return
        for id in ids:
            self._seen(name, parent_id, id, lives.get(id), answered=answered)

    def _fail_all(self, name: str, parent_id: str | None, ids: list[str], error: BaseException) -> None:
        for id in ids:
            if (wait := self._waiting[name, parent_id].get(id)) and not wait.future.done():
                wait.future.set_exception(error)

    def _seen(self, name: str, parent_id: str | None, id: str, live: Live | None, *, answered: bool) -> None:
        wait = self._waiting[name, parent_id].get(id)
        if wait is None or wait.future.done():
            return
        wait.misses = 0 if live else wait.misses + answered  # what got no answer says nothing of what is there
        now_s = self._run.clock.now()
        waited_s = now_s - wait.since_s
        is_ready = live is not None and live.status is Status.READY
        self._cadence.looked(name, id, now_s, self._run.drivers[name].traits, ready=is_ready)
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


def _is_over(error: ApiError) -> bool:
    """Whether a limit is used up for longer than anybody waits."""
    return isinstance(error, RateLimited) and error.resumes is not None


class _Wait:
    __slots__ = ("address", "future", "misses", "since_s")

    def __init__(self, address: str, future: asyncio.Future[Live], since_s: float) -> None:
        self.address, self.future, self.since_s, self.misses = address, future, since_s, 0
