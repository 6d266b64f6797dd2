"""The driver of what is made from media: begun as a task of the platform, fetched when it is done, kept in a store.

What there is of it is what the store's manifest says; a task is an operation, worth something as long as the platform
keeps it. A provider derives one class a kind, and says how a task is begun, how tasks are listed, and what rows come
of one (`TaskDriver`).

Exactly once: the operation is on disk before the task is sent, its id before anything else is done. A task whose
answer was lost is looked for by the mark that it carries, if it carries one; else it is taken only if exactly one task
that nobody knows names the input. So tasks of one way are begun one after the other, and run side by side.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from reconciler.derived.adoption import SAYS, SLACK, WAY, Adoption, Task, way_of_lost
from reconciler.derived.had import StillHad, is_expired
from reconciler.derived.ids import another, plain, way_of
from reconciler.derived.kept import KeptSets, now, source_of, store_for
from reconciler.errors import NotFound, StoreError, Unclear
from reconciler.lazily import asyncio
from reconciler.model import Operation, Recorded, Signature, Stamp
from reconciler.model.operation import EVER
from reconciler.provider import (
    Done,
    Exists,
    ExistsWhen,
    Failed,
    Hands,
    Keep,
    Lost,
    Progress,
    Running,
    Traits,
    Want,
)

__all__ = ["Task", "TaskDriver", "way_of"]

HANDLE = "task"


class TaskDriver(KeptSets):
    """Raises StoreError for what is wrong with the store."""

    traits: Traits = Traits(exists=ExistsWhen.FINISHED, in_turn=True)
    kept_for_s: float | None = None
    """How long the platform keeps a task; None: for good, or nobody knows."""
    dim: int | None = None
    """How long its vectors are, if they are known before; None for texts."""

    def __init__(self, hands: Hands) -> None:
        super().__init__(hands)
        self._beginning = defaultdict[str, asyncio.Lock](asyncio.Lock)
        """way → held while a task of it is begun: tasks of another way are never taken for one of it."""
        self._known: set[str] = set()
        """Ids of tasks of which this run knows whose they are."""
        self._had = StillHad()
        self._lost = Adoption(self)

    # What a provider says

    @abstractmethod
    async def begin(self, want: Want, mark: str) -> str:
        """Send the task; its id."""

    @abstractmethod
    def tasks(self, way: str = "") -> AsyncIterator[Sequence[Task]]:
        """The platform's tasks of one way, newest first, page by page."""

    @abstractmethod
    async def task(self, id: str) -> tuple[Task, Any]:
        """One task, and all that the platform says of it. NotFound when it is not kept any more."""

    @abstractmethod
    def made(self, want: Want, answer: Any) -> tuple[list[dict[str, Any]], int | None] | Failed:
        """The rows of a task that is ready, and how long their vectors are; or why they cannot be used."""

    def mark(self, address: str, identity: str) -> str:
        """What a task is to be known by; "" where the platform takes no mark."""
        return ""

    async def called(self, input_id: str, way: str = "") -> str:
        """What a task of this way will say that it is made of."""
        return ""

    async def length(self, input_id: str, way: str = "") -> float | None:
        """How many seconds of media an input has, if that is known."""
        return None

    def says(self, want: Want) -> Mapping[str, Any]:
        """What a task of it will say of how it is made (`Task.says`)."""
        return {}

    def doubt(self, address: str) -> str:
        """Why what was lost there may be billed twice, if it is made again."""
        return self._lost.doubts.get(address, "")

    def way(self, fields: Mapping[str, Any]) -> str:
        """Which of its ways something is made by, where there are several; ids of what one makes begin with it and a
        colon (`way_of`). "" is the usual one."""
        return ""

    def turn(self, fields: Mapping[str, Any]) -> str:
        """Its way: of two lost tasks of different ways anybody can say which is which."""
        return self.way(fields)

    def at_once(self, id: str) -> bool:
        """Whether this is no task of the platform: what has this id is made, or read, when it is fetched."""
        return False

    def is_paid_again(self, id: str) -> bool:
        """Whether to fetch what has this id once more is to make it once more."""
        return False

    def not_kept(self, id: str) -> str:
        """How what is no task of the platform comes again when it is gone from the store."""
        return "it is made again"

    async def fetched(self, want: Want, id: str) -> tuple[Task, Any]:
        """What was made, of a task that may be done. NotFound when it is not kept any more."""
        return await self.task(id)

    def dim_of(self, want: Want) -> int | None:
        """How long the vectors of this one will be, if that is known before."""
        return self.dim

    # Making

    def signature(self, want: Want) -> Signature:
        """Its stamp as the manifest will have it, and the input by which its task may be told; those that are young
        enough to be meant, and are known, are not."""
        stamp = Stamp(self.shelf.stack, want.address, self._identity(want), self.shelf.id or None)
        young = (datetime.now(UTC) - SLACK).isoformat(timespec="microseconds")
        known = frozenset(id for id, made_at in self._kept.items() if made_at >= young)
        told = {WAY: self.way(want.fields), SAYS: dict(self.says(want))}
        natural = {**self._inputs(want), **{name: value for name, value in told.items() if value}}
        return Signature(natural=natural, stamp=stamp, listed=True, known=known)

    def _identity(self, want: Want) -> str:
        return str(want.fields[self.kind.identity_name])

    def _inputs(self, want: Want) -> dict[str, Any]:
        return {ref.name: want.fields[ref.name] for ref in self.kind.refs() if ref.name in want.fields}

    async def start(self, want: Want, keep: Keep) -> Progress:
        """A copy, if the same was made elsewhere in the stack; else a task, begun when no other is being begun."""
        async with self._beginning[self.way(want.fields)]:
            if copied := await self._copied(want):
                return Done(copied)
            if had := self._had.take(self._identity(want)):
                fetching = Exists(had, {HANDLE: had}, f"fetched again from task {plain(had)}")
                await keep(fetching)
                return fetching
            model = str(want.fields.get("model", ""))
            if wrong := await self.shelf.wrong({model: self.dim_of(want)}, want.address, store_for(want.fields)):
                raise StoreError(*wrong)
            try:
                task = await self.begin(want, self.mark(want.address, self._identity(want)))
            except Unclear:
                self._lost.doubtful[want.address] = self.way(want.fields), self._source(want)
                raise
            self._known.add(task)
            self._lost.doubtful.pop(want.address, None)
            progress: Progress = Running({HANDLE: task}, f"task {task}")
            if self.at_once(task):
                progress = Exists(task, {HANDLE: task})
            await keep(progress)  # before the next one: of two whose answers were lost nobody could say which is whose
            return progress

    async def _copied(self, want: Want) -> str | None:
        """The id of a copy of what was made under this identity elsewhere; None if nothing was."""
        identity = self._identity(want)
        for made in (await self._mine()).values():
            if made.identity == identity and made.address != want.address and made.task not in self._had.unsound:
                task = another(made.task)
                if await self.shelf.copy(made, want.address, self._source(want), task, now(), store_for(want.fields)):
                    return task
        return None

    async def again(self, rows: Sequence[Recorded]) -> Mapping[str, Progress]:
        """A task that lives gives its result once more, whatever became of what was kept of it."""
        self._had.unsound |= {row.id for row in rows}
        tasks = {plain(row.id) for row in rows if not is_expired(row, self.kept_for_s)}
        seen = await self._listed({task for task in tasks if not self.at_once(task)}, ())
        found: dict[str, Progress] = {}
        for row in rows:
            when, task = str(row.facts.get("made_at", "")), plain(row.id)
            if self.at_once(task):
                found[row.id] = Lost(self.not_kept(task))
                continue
            stands = Lost("") if is_expired(row, self.kept_for_s) else await self._stands(task, seen.get(task), when)
            if isinstance(stands, Exists):
                self._had.add(str(row.fields.get(self.kind.identity_name)), row.id)
                found[row.id] = Exists(row.id, stands.handle, f"fetched again from task {task}, free")
            else:
                found[row.id] = Lost(self._expired(task, when))
        return found

    async def otherwise(self, rows: Mapping[str, Recorded]) -> Mapping[str, Progress]:
        """A task that lives gives another part of what it has made; under an id of its own, for both are kept until the
        one has taken the other's place."""
        tasks = {it: plain(row.id) for it, row in rows.items() if not is_expired(row, self.kept_for_s)}
        tasks = {identity: task for identity, task in tasks.items() if not self.at_once(task)}
        seen = await self._listed(set(tasks.values()), ())
        found: dict[str, Progress] = {}
        for identity, task in tasks.items():
            stands = await self._stands(task, seen.get(task), "")
            if isinstance(stands, Exists):
                self._had.add(identity, another(task))
                found[identity] = Exists(task, stands.handle, f"read once more from task {task}, free")
        return found

    def _source(self, want: Want) -> str:
        return source_of(self.kind, want.fields)

    async def look(self, operations: Sequence[Operation]) -> dict[str, Progress]:
        """One list for all; what it does not show is asked for by itself."""
        if all(it.handle for it in operations):
            return await self._looked(operations)
        async with AsyncExitStack() as begun:
            # Else a task that is just being begun would be taken for a lost one. In one order, so that two who look do
            # not wait for each other.
            for way in sorted({way_of_lost(it) for it in operations if not it.handle}):
                await begun.enter_async_context(self._beginning[way])
            return await self._looked(operations)

    async def _looked(self, operations: Sequence[Operation]) -> dict[str, Progress]:
        sets = await self.shelf.sets()
        kept = {made.task: made for made in sets.values()}
        made_by = {op.op: op.since.date().isoformat() for op in operations if op.since > EVER}
        by_task = {it.op: str(it.handle[HANDLE]) for it in operations if it.handle and HANDLE in it.handle}
        self._known |= {*by_task.values(), *kept, *map(plain, kept)}
        found: dict[str, Progress] = {op: Done(task) for op, task in by_task.items() if task in kept}
        asked = {op: task for op, task in by_task.items() if op not in found}
        lost = [it for it in operations if it.op not in by_task]
        seen = await self._listed(set(map(plain, asked.values())), lost)
        for op, task in asked.items():
            found[op] = await self._stands(task, seen.get(plain(task)), made_by.get(op, ""))
        for operation in lost:  # nothing is being begun meanwhile
            if (told := await self._lost.task_of(operation, lost, seen, self._known)) is not None:
                self._known.add(told.id)
                self._lost.doubtful.pop(operation.address, None)
                found[operation.op] = Running({HANDLE: told.id}, f"task {told.id}, whose answer was lost, goes on")
        return found

    async def _listed(self, wanted: set[str], lost: Sequence[Operation]) -> dict[str, Task]:
        """The tasks that are asked for, and all that are as young as the lost ones."""
        seen: dict[str, Task] = {}
        for way in sorted({*map(way_of, wanted), *map(way_of_lost, lost)}):
            of_way = {id for id in wanted if way_of(id) == way}
            seen |= await self._listed_of(way, of_way, [it for it in lost if way_of_lost(it) == way])
        return seen

    async def _listed_of(self, way: str, wanted: set[str], lost: Sequence[Operation]) -> dict[str, Task]:
        seen: dict[str, Task] = {}
        since = min((it.since for it in lost), default=None)
        async for page in self.tasks(way):
            seen |= {task.id: task for task in page}
            oldest = min((task.since for task in page if task.since), default=None)
            young = since is not None and (oldest is None or oldest >= since - SLACK)
            if wanted <= seen.keys() and not young:
                break
        return seen

    async def _stands(self, id: str, task: Task | None, when: str) -> Progress:
        if task is None or (task.status == "failed" and not task.why):
            try:
                task, _ = await self.task(plain(id))
            except NotFound:
                return Lost(self._expired(plain(id), when))
        if task.status == "failed":
            return Failed(task.why or f"task {id} failed, and the platform does not say why")
        if task.status == "ready":
            return Exists(id, {HANDLE: id}, task.why or f"task {plain(id)} is done; its result is fetched and kept")
        return Running({HANDLE: id}, f"the platform works on it (task {plain(id)})")

    def _expired(self, task: str, when: str) -> str:
        """`when` it was made, as far as that is known: RFC 3339, or its beginning."""
        kept_s = self.kept_for_s
        if kept_s is None:
            return f"the platform does not know task {task} any more, so it is made again"
        made = f"made {when[:10]}, " if when else ""
        return f"expired on the platform ({made}kept {kept_s / 86400:.0f} days), so it is made again"

    async def finish(self, want: Want, operation: Operation, keep: Keep) -> Progress:
        """Fetch the result and keep it, whole or not at all."""
        id = str((operation.handle or {}).get(HANDLE, operation.id))
        try:
            task, answer = await self.fetched(want, plain(id))
        except NotFound:
            return Lost(self._expired(plain(id), ""))
        if task.status != "ready":
            return await self._stands(id, task, "")
        found = self.made(want, answer)
        if isinstance(found, Failed):
            return found
        records, dim = found
        identity, source, model = self._identity(want), self._source(want), str(want.fields.get("model", ""))
        same = {"stack": self.shelf.stack, "address": want.address, "identity": identity, "asset_id": source}
        from reconciler.results import Made, Rows

        rows = Rows.of(({**record, **same, "model": model} for record in records), dim)
        row = Made(
            stack=self.shelf.stack,
            address=want.address,
            identity=identity,
            digest=rows.digest,
            rows=len(rows),
            dim=dim,
            model=model,
            source=source,
            made_at=now(),
            task=id,
        )
        await self.shelf.keep(row, rows, store_for(want.fields))
        return Done(id)
