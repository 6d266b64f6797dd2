"""Operations that are open in this run: announced on disk before they are sent, and whatever is heard of them kept at
once, so that the next run can go on with them from wherever this one ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.model import Operation, waits_of
from reconciler.provider import Exists, Progress, Running
from reconciler.state import Close, Keep, Open, Write

if TYPE_CHECKING:
    from reconciler.apply.journal import Journal

__all__ = ["Ledger"]


class Ledger:
    """Creates that are open, those of an earlier run with what it knew of them."""

    def __init__(self, journal: Journal, operations: Iterable[Operation]) -> None:
        self._journal = journal
        known = list(operations)
        self._by_op = {it.op: _own(it) for it in known if it.handle is not None}
        self.waits = waits_of(known)
        """id of an object → the operation that says that it is awaited"""

    def __getitem__(self, op: str) -> Operation:
        return self._by_op[op]

    def has(self, op: str) -> bool:
        """Whether it is announced."""
        return op in self._by_op

    def making(self, id: str | None) -> Operation | None:
        """The operation that makes this object, and can be gone on with."""
        return next((it for it in self._by_op.values() if id is not None and it.id == id), None)

    def working(self, kind: str, address: str, identity: str | None, *, anywhere: bool = False) -> Operation | None:
        """The operation of an earlier run on which the server works, and that is what is wanted here: there is no
        object yet that could say so. Of what may be `anywhere` the id is that of the task, and the address may have
        changed since: what it is says all."""
        mine = (it for it in self._by_op.values() if it.kind == kind)
        alike = (it for it in mine if anywhere or (it.address == address and it.id is None))
        return next((it for it in alike if it.handle is not None and it.identity == identity), None)

    def ids(self) -> frozenset[str]:
        """Of all that open operations make."""
        return frozenset(it.id for it in self._by_op.values() if it.id is not None)

    def wait_for(self, id: str) -> Operation | None:
        """The operation that says that an object is awaited, by this run or since an earlier one."""
        return self.waits.get(id)

    def is_at_work(self, kind: str) -> bool:
        """Whether the API works on anything of a kind that was begun or made, by this run or an earlier one."""
        begun = (it for it in self._by_op.values() if it.handle is not None)
        return any(it.kind == kind for it in (*self.waits.values(), *begun))

    def is_begun(self, op: str) -> bool:
        """Whether there is something to go on with."""
        return op in self._by_op and self._by_op[op].handle is not None

    def under_way(self) -> frozenset[str]:
        """The addresses of all that was begun, by this run or an earlier one, and can be gone on with."""
        return frozenset(it.address for it in self._by_op.values() if it.handle is not None)

    async def open(self, *operations: Operation) -> None:
        """Announce them; returns when that is on disk."""
        self._by_op |= {it.op: _own(it) for it in operations}
        await self._journal.write(*map(Open, operations))

    async def keep(self, op: str, progress: Progress) -> None:
        """Keep what is new in a handle; returns when it is on disk."""
        operation = self._by_op[op]
        if (new := news(operation, progress)) is None:
            return
        known: dict[str, Any] = operation.handle if isinstance(operation.handle, dict) else {}
        known |= new.handle
        if new.id is not None or operation.handle is None:
            self._by_op[op] = replace(operation, id=new.id or operation.id, handle=known)
        await self._journal.write(new)

    def learn(self, operation: Operation) -> None:
        """What somebody else has kept of it."""
        self._by_op[operation.op] = _own(operation)

    async def begin_anew(self, op: str, *known: Write) -> None:
        """What it began is given up, and it is about to be sent once more. `known` is written with that."""
        self._by_op[op] = replace(self._by_op[op], id=None, handle=None)
        await self._journal.write(*known, Close(op), Open(self._by_op[op]))

    async def close(self, *ops: str) -> None:
        """What came of them is known, and nothing follows from it."""
        self.closed(*ops)
        await self._journal.write(*map(Close, ops))

    def closed(self, *ops: str) -> None:
        """The same, written by whoever says so."""
        for op in ops:
            self._by_op.pop(op, None)


def news(operation: Operation, progress: Progress) -> Keep | None:
    """What of this is not known of the operation yet; None when nothing is."""
    if not isinstance(progress, Running | Exists):
        return None
    known = operation.handle or {}
    new = {name: value for name, value in progress.handle.items() if name not in known or known[name] != value}
    id = progress.id if isinstance(progress, Exists) and progress.id != operation.id else None
    return None if not new and id is None and operation.handle is not None else Keep(operation.op, new, id)


def _own(operation: Operation) -> Operation:
    """With a handle of its own that grows in place: one of thousands of chunks is not copied for each of them."""
    handle: Mapping[str, Any] | None = operation.handle
    return operation if handle is None else replace(operation, handle=dict(handle))
