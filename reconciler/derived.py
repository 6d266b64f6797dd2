"""The driver of what is made from media: begun as a task of the platform, fetched when it is done, kept in a store.

What there is of it is what the store's manifest says; a task is an operation, worth something as long as the platform
keeps it. A provider derives one class a kind, and says how a task is begun, how tasks are listed, and what rows come
of one (`TaskDriver`).

Exactly once: the operation is on disk before the task is sent, its id before anything else is done. A task whose
answer was lost is looked for by the mark that it carries, if it carries one; else it is taken only if exactly one task
that nobody knows names the input. So tasks are begun one after the other, and run side by side.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.errors import NotFound, StoreError, Unclear
from reconciler.kind import Derived, Field
from reconciler.model import Live, Operation, Signature, Stamp
from reconciler.provider import (
    Cursor,
    Done,
    Driver,
    Exists,
    ExistsWhen,
    Failed,
    Hands,
    Keep,
    Lost,
    Page,
    Patch,
    Progress,
    Running,
    Traits,
    Want,
)
from reconciler.results import Made, Rows
from reconciler.results.shelf import Shelf

__all__ = ["Task", "TaskDriver", "way_of"]

HANDLE, WAY = "task", "way"
SLACK = timedelta(minutes=2)
"""How far the platform's clock may be from ours."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task as a list of the platform shows it."""

    id: str
    status: str
    """`running`, `ready` or `failed`."""
    mark: str = ""
    """What we gave it to be known by, where the platform takes that."""
    input: str = ""
    """What it says that it is made of."""
    since: datetime | None = None
    why: str = ""
    """Why it failed, if the list says so."""


class TaskDriver(Driver):
    """Raises StoreError for what is wrong with the store."""

    kind: type[Derived]
    traits: Traits = Traits(exists=ExistsWhen.FINISHED, in_turn=True)
    kept_for_s: float | None = None
    """How long the platform keeps a task; None: for good, or nobody knows."""
    dim: int | None = None
    """How long its vectors are, if they are known before; None for texts."""

    def __init__(self, hands: Hands) -> None:
        self.hands, self.http = hands, hands.http
        self._beginning = asyncio.Lock()
        self._known: set[str] = set()
        """Ids of tasks of which this run knows whose they are."""
        self._kept: dict[str, str] = {}
        """id → when it was made, of all sets that this run has seen: also of those that are replaced by now"""
        self._doubtful: dict[str, tuple[str, str]] = {}
        """address → its way and the id of the input, of creates whose answer was lost in this run"""

    @property
    def shelf(self) -> Shelf:
        """Where the results of this stack are kept."""
        if self.hands.results is None:
            raise StoreError("there is no store for results here")
        return self.hands.results

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

    def way(self, want: Want) -> str:
        """Which of its ways something is made by, where there are several; ids of what one makes begin with it and a
        colon (`way_of`). "" is the usual one."""
        return ""

    # Reading: the manifest

    async def page(self, parent_id: str | None, cursor: Cursor | None = None, *, newest: bool = False) -> Page:
        """All sets of this kind, by the manifest; as this run knows it, when only the newest are asked for."""
        sets = await self.shelf.sets(anew=not newest)
        self._kept |= {made.task: made.made_at for made in sets.values()}
        lives = tuple(map(self._live, (await self._mine()).values()))
        return Page(lives, total=len(lives))

    async def read(self, id: str, parent_id: str | None) -> Live | None:
        """One set, by the manifest."""
        made = await self._set(id)
        return None if made is None else self._live(made)

    async def _mine(self) -> dict[str, Made]:
        """id → set, of this kind. Of one that a killed run was moving there are two: the older one is meant, and it is
        moved once more."""
        found: dict[str, Made] = {}
        for made in (await self.shelf.sets()).values():
            if made.address.partition("/")[0] == self.kind.section:
                other = found.get(made.task)
                found[made.task] = made if other is None or made.made_at < other.made_at else other
        return found

    def _live(self, made: Made) -> Live:
        inputs = {ref.name: made.source for ref in self.kind.refs()}
        facts = {"rows": made.rows, "dim": made.dim, "made_at": made.made_at, "model": made.model}
        stamp = Stamp(made.stack, made.address, made.identity)
        return Live(self.kind.__name__, made.task, inputs, stamp=stamp, facts=facts)

    async def _set(self, id: str) -> Made | None:
        return (await self._mine()).get(id)

    # Making

    def signature(self, want: Want) -> Signature:
        """Its stamp as the manifest will have it, and the input by which its task may be told; those that are young
        enough to be meant, and are known, are not."""
        stamp = Stamp(self.shelf.stack, want.address, self._identity(want))
        young = (datetime.now(UTC) - SLACK).isoformat(timespec="microseconds")
        known = frozenset(id for id, made_at in self._kept.items() if made_at >= young)
        natural = {**self._inputs(want), **({WAY: way} if (way := self.way(want)) else {})}
        return Signature(natural=natural, stamp=stamp, listed=True, known=known)

    def _identity(self, want: Want) -> str:
        return str(want.fields[self.kind.identity_name])

    def _inputs(self, want: Want) -> dict[str, Any]:
        return {ref.name: want.fields.get(ref.name) for ref in self.kind.refs()}

    async def start(self, want: Want, keep: Keep) -> Progress:
        """A copy, if the same was made elsewhere in the stack; else a task, begun when no other is being begun."""
        async with self._beginning:
            if copied := await self._copied(want):
                return Done(copied)
            if wrong := await self.shelf.wrong({str(want.fields.get("model", "")): self.dim}):
                raise StoreError(*wrong)
            try:
                task = await self.begin(want, self.mark(want.address, self._identity(want)))
            except Unclear:
                self._doubtful[want.address] = self.way(want), self._source(want)
                raise
            self._known.add(task)
            self._doubtful.pop(want.address, None)
            progress = Running({HANDLE: task}, f"task {task}")
            await keep(progress)  # before the next one: of two whose answers were lost nobody could say which is whose
            return progress

    async def _copied(self, want: Want) -> str | None:
        """The id of a copy of what was made under this identity elsewhere; None if nothing was."""
        identity = self._identity(want)
        for made in (await self._mine()).values():
            if made.identity == identity and made.address != want.address:
                task = f"{made.task.partition('.')[0]}.{secrets.token_hex(4)}"
                if await self.shelf.copy(made, want.address, self._source(want), task, _now()):
                    return task
        return None

    def _source(self, want: Want) -> str:
        return next((str(id) for id in self._inputs(want).values() if id), "")

    async def look(self, operations: Sequence[Operation]) -> dict[str, Progress]:
        """One list for all; what it does not show is asked for by itself."""
        if all(it.handle for it in operations):
            return await self._looked(operations)
        async with self._beginning:  # else a task that is just being begun would be taken for a lost one
            return await self._looked(operations)

    async def _looked(self, operations: Sequence[Operation]) -> dict[str, Progress]:
        sets = await self.shelf.sets()
        kept = {made.task: made for made in sets.values()}
        by_task = {it.op: str(it.handle[HANDLE]) for it in operations if it.handle and HANDLE in it.handle}
        self._known |= {*by_task.values(), *kept}
        found: dict[str, Progress] = {op: Done(task) for op, task in by_task.items() if task in kept}
        asked = {op: task for op, task in by_task.items() if op not in found}
        lost = [it for it in operations if it.op not in by_task]
        seen = await self._listed(set(asked.values()), lost)
        for op, task in asked.items():
            found[op] = await self._stands(task, seen.get(task))
        for operation in lost:  # nothing is being begun meanwhile
            if (told := await self._told(operation, lost, seen)) is not None:
                self._known.add(told.id)
                self._doubtful.pop(operation.address, None)
                found[operation.op] = Running({HANDLE: told.id}, f"task {told.id}, whose answer was lost, goes on")
        return found

    async def _listed(self, wanted: set[str], lost: Sequence[Operation]) -> dict[str, Task]:
        """The tasks that are asked for, and all that are as young as the lost ones."""
        seen: dict[str, Task] = {}
        for way in sorted({*map(way_of, wanted), *map(_way_of_lost, lost)}):
            of_way = {id for id in wanted if way_of(id) == way}
            seen |= await self._listed_of(way, of_way, [it for it in lost if _way_of_lost(it) == way])
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

    async def _stands(self, id: str, task: Task | None) -> Progress:
        if task is None or (task.status == "failed" and not task.why):
            try:
                task, _ = await self.task(id)
            except NotFound:
                return Lost(self._expired(id))
        if task.status == "failed":
            return Failed(task.why or f"task {id} failed, and the platform does not say why")
        if task.status == "ready":
            return Exists(id, {HANDLE: id}, f"task {id} is done; its result is fetched and kept")
        return Running({HANDLE: id}, f"the platform works on it (task {id})")

    def _expired(self, id: str) -> str:
        kept_s = self.kept_for_s
        days = f", which keeps them for {kept_s / 86400:.0f} days" if kept_s else ""
        return f"task {id} is not known to the platform any more{days}: it is made anew"

    async def _told(self, operation: Operation, lost: Sequence[Operation], seen: Mapping[str, Task]) -> Task | None:
        """The task of a create whose answer was lost: by our mark, else the only one that nobody knows and that names
        the input. Of two that may be meant neither is taken: rows of another input would be worse than
        a second bill."""
        if mark := self.mark(operation.address, operation.identity or ""):
            return next((task for task in seen.values() if task.mark == mark and task.id not in self._known), None)
        wanted, way = await self._name(operation), _way_of_lost(operation)
        others = [await self._name(it) for it in lost if it is not operation and _way_of_lost(it) == way]
        doubtful = (it for address, it in self._doubtful.items() if address != operation.address)
        others += [await self.called(id, way) for other, id in doubtful if other == way]
        if not wanted or wanted in others:
            return None
        since, known = operation.since - SLACK, self._known | getattr(operation.signature, "known", frozenset())
        alike = [
            task
            for task in seen.values()
            if task.input == wanted and way_of(task.id) == way and task.id not in known
            if task.since is None or task.since >= since
        ]
        return alike[0] if len(alike) == 1 else None

    async def _name(self, operation: Operation) -> str:
        signature = operation.signature
        natural = signature.natural if isinstance(signature, Signature) else {}
        inputs = (natural.get(ref.name) for ref in self.kind.refs())
        return await self.called(str(next(filter(None, inputs), "")), _way_of_lost(operation))

    async def finish(self, want: Want, operation: Operation, keep: Keep) -> Progress:
        """Fetch the result and keep it, whole or not at all."""
        id = str((operation.handle or {}).get(HANDLE, operation.id))
        try:
            task, answer = await self.task(id)
        except NotFound:
            return Lost(self._expired(id))
        if task.status != "ready":
            return await self._stands(id, task)
        found = self.made(want, answer)
        if isinstance(found, Failed):
            return found
        records, dim = found
        identity, source, model = self._identity(want), self._source(want), str(want.fields.get("model", ""))
        same = {"stack": self.shelf.stack, "address": want.address, "identity": identity, "asset_id": source}
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
            made_at=_now(),
            task=id,
        )
        await self.shelf.keep(row, rows)
        return Done(id)

    # Writing: the store alone

    async def update(self, patch: Patch) -> None:
        """Of the same content: another address, or another id of the same input. Nothing is made."""
        made = await self._set(patch.id)
        if made is None:
            raise NotFound(f"no result {patch.id} is kept")
        address = patch.stamp.key if patch.stamp else made.address
        source = next((str(patch.fields[it.name]) for it in self.kind.refs() if it.name in patch.fields), made.source)
        if (self.shelf.stack, address, source) != (made.stack, made.address, made.source):
            await self.shelf.copy(made, address, source, made.task, _now())
        if made.stack != self.shelf.stack:
            await self.shelf.remove(made.address, made.stack)
        await self._remove(made.task, but=address)

    async def delete(self, id: str, parent_id: str | None) -> None:
        """Out of the store; what another has taken the place of is gone already."""
        if await self._set(id) is not None:
            await self._remove(id)

    async def _remove(self, task: str, *, but: str = "") -> None:
        """All that is kept of a task, but for what is at one address: a killed run may have left two."""
        for made in [*(await self.shelf.sets()).values()]:
            if made.task == task and made.address != but:
                await self.shelf.remove(made.address, made.stack)

    # What results have none of

    async def users(self, field: Field, id: str, cursor: Cursor | None = None) -> Page:
        """Nobody loses one without a word."""
        return Page(())

    async def start_many(self, parent_id: str | None, wants: Sequence[Want]) -> list[Progress]:
        """Tasks are begun one by one."""
        raise TypeError(f"{self.kind.__name__} is not made in bulk")

    async def link(self, id: str, parent_id: str | None, field: Field, ids: Sequence[str]) -> None:
        """They have no members."""
        raise TypeError(f"{self.kind.__name__} has no members")

    async def unlink(self, id: str, parent_id: str | None, field: Field, ids: Sequence[str]) -> None:
        """They have no members."""
        raise TypeError(f"{self.kind.__name__} has no members")

    async def unstamp(self, live: Live) -> None:
        """They are nobody's but the stack's."""
        raise TypeError(f"{self.kind.__name__} is not let go of")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def way_of(id: str) -> str:
    """By which way something was made, by its id."""
    way, colon, _ = id.partition(":")
    return way if colon else ""


def _way_of_lost(operation: Operation) -> str:
    signature = operation.signature
    return str(signature.natural.get(WAY, "")) if isinstance(signature, Signature) else ""
