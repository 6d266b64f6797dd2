"""What became of a write whose answer did not come: it is looked for by stamp or natural key, never just repeated.

One found is adopted, two are an error that names both, none after several looks with growing pauses (lists may lag
behind writes) means that nothing was made. The next run resolves what this one could not, with the same code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.apply.run import Limits
from reconciler.errors import Ambiguous
from reconciler.kind import Kind
from reconciler.model import Live, Operation, Signature, Snapshot, Stamp
from reconciler.model.operation import Digest
from reconciler.provider import Done, Drivers, ExistsWhen, Running
from reconciler.refresh import newest

if TYPE_CHECKING:
    from reconciler.http import Clock

__all__ = ["Finder", "Present"]

PAUSES = (0.0, 0.3, 0.7, 1.5, 3.0, 5.0, 8.0)
"""Before each look, in units of the first pause between looks at what is not ready."""


class Present:
    """The objects of one kind that were there before, by what they can be told by: so that no create reads them all."""

    def __init__(self, lives: Iterable[Live]) -> None:
        self._lives = list(lives)
        self._by_stamp: dict[Stamp, list[Live]] = {}
        self._by_nature: dict[tuple[str, ...], dict[Any, list[Live]]] = {}
        for live in self._lives:
            if live.stamp:
                self._by_stamp.setdefault(live.stamp, []).append(live)

    def like(self, sought: Signature) -> list[Live]:
        """All that may fit, and some that do not: `Signature.but` has the last word."""
        stamped = self._by_stamp.get(sought.stamp, []) if sought.stamp else []
        values = list(sought.natural.values())
        if any(isinstance(value, Digest) for value in values):  # what is kept of a secret cannot be looked up
            return [*stamped, *self._lives]
        return [*stamped, *self._named(tuple(sought.natural)).get(_nature(sought.parent_id, values), [])]

    def _named(self, names: tuple[str, ...]) -> dict[Any, list[Live]]:
        if names not in self._by_nature:
            found = self._by_nature[names] = {}
            for live in self._lives if names else ():
                key = _nature(live.parent_id, (live.fields.get(name) for name in names))
                found.setdefault(key, []).append(live)
        return self._by_nature[names]


def _nature(parent_id: str | None, values: Iterable[Any]) -> tuple[Any, ...]:
    return (parent_id, *map(repr, values))


class Finder:
    """Looks into lists, newest first, down to what was there before the run; many seekers share one look."""

    def __init__(self, drivers: Drivers, snapshot: Snapshot, clock: Clock, limits: Limits) -> None:
        self._drivers, self._snapshot, self._clock, self._limits = drivers, snapshot, clock, limits
        self._under_way: dict[tuple[str, str | None], asyncio.Task[list[Live]]] = {}
        self._looking: dict[tuple[str, str | None], asyncio.Task[list[Live]]] = {}
        """Looks at what came lately"""
        self._last: dict[tuple[str, str | None], tuple[float, list[Live]]] = {}
        self._seen: dict[tuple[str, str | None], set[str]] = {}
        """Ids that a look has shown: what is older than one of a page of these was seen as well"""
        self._kinds = drivers.kinds

    async def find(self, operation: Operation, looks: int | None = None) -> Live | None:
        """The object that was made, or None when provably none was. Ambiguous when there are two. `looks` is how often
        to look, if not as often as it takes to prove it."""
        kind, sought = self._kinds[operation.kind], operation.signature
        assert isinstance(sought, Signature), "only what is made is looked for"
        pause_s = self._drivers[operation.kind].traits.pause_s(self._limits.poll_s)
        for look in range(looks or self._limits.looks):
            await self._clock.sleep(pause_s * PAUSES[min(look, len(PAUSES) - 1)])
            found = [live for live in await self._newest(kind, sought.parent_id) if sought.fits(live)]
            if len(found) > 1:
                ids = " and ".join(sorted(live.id for live in found))
                what = f"{len(found)} objects were made for it ({ids}); delete all but one"
                raise Ambiguous(f"{operation.address}: {what}")
            if found:
                return found[0]
        return None

    async def found(self, operation: Operation, looks: int | None = None) -> Live | Running | None:
        """The same; or, where an object exists only when a task of the server has finished, the task that makes it."""
        if (live := await self.find(operation, looks)) is not None:
            return live
        driver = self._drivers[operation.kind]
        if driver.traits.exists is not ExistsWhen.FINISHED:
            return None
        progress = (await driver.look([operation])).get(operation.op)
        if isinstance(progress, Done):
            return await driver.read(progress.id, operation.parent_id)
        return progress if isinstance(progress, Running) else None

    async def lately(self, kind: type[Kind], parent_id: str | None) -> list[Live]:
        """What came since the last look, or since the survey, and some that are older: one list serves all that ask
        within a moment. It is looked anew before that is over, so that who makes many waits for a look only once."""
        key = (kind.__name__, parent_id)
        since_s, lives = self._last.get(key, (float("-inf"), []))
        age_s = self._clock.now() - since_s
        if age_s < self._limits.fresh_s / 2:
            return lives
        task = self._looking.get(key)
        if task is None:
            task = self._looking[key] = asyncio.create_task(self._look_lately(kind, parent_id))
            task.add_done_callback(partial(self._has_looked, key))
        return lives if age_s < self._limits.fresh_s else await asyncio.shield(task)

    async def _look_lately(self, kind: type[Kind], parent_id: str | None) -> list[Live]:
        key, began_s = (kind.__name__, parent_id), self._clock.now()
        lives = await self._newest(kind, parent_id)
        self._last[key] = (began_s, lives)
        self._seen.setdefault(key, set()).update(live.id for live in lives)
        return lives

    def _has_looked(self, key: tuple[str, str | None], task: asyncio.Task[list[Live]]) -> None:
        """A look that failed, and that nobody waited for, is made once more when somebody does."""
        del self._looking[key]
        if not task.cancelled():
            task.exception()

    def cancel(self) -> None:
        """Nobody makes anything any more."""
        for task in self._looking.values():
            task.cancel()

    async def _newest(self, kind: type[Kind], parent_id: str | None) -> list[Live]:
        key = (kind.__name__, parent_id)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._look(kind, parent_id))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def _look(self, kind: type[Kind], parent_id: str | None) -> list[Live]:
        known = self._snapshot.by_kind.get(kind.__name__, {}).keys() | self._seen.get((kind.__name__, parent_id), set())
        return await newest(self._drivers[kind.__name__], parent_id, known)
