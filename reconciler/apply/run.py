"""What all parts of one apply share: the account, the state, the ids known by now, and what went wrong."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field
from typing import TYPE_CHECKING, Any

from reconciler.apply.doing import Doing, Here
from reconciler.apply.journal import Journal
from reconciler.apply.ledger import Ledger
from reconciler.apply.places import Places
from reconciler.errors import ApiError, ReconcilerError
from reconciler.frozen import dataclass
from reconciler.kind import Kind
from reconciler.kinds import Kinds
from reconciler.model import (
    Change,
    Event,
    Narrowed,
    Operation,
    Plan,
    Recorded,
    Resource,
    Snapshot,
    Stack,
    Stamp,
    Target,
    Trace,
    Verb,
    parent_of,
)
from reconciler.ownership import Claims
from reconciler.provider import Drivers
from reconciler.state import Close, Open, Write

if TYPE_CHECKING:
    from reconciler.http import Clock

TOLD_EVERY_S = 30.0
"""How often it is told at most that less of a kind goes on at a time."""

__all__ = ["Detached", "Failures", "Limits", "Passed", "Run"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once, how long, how often."""

    parallelism: int = 8
    """How many writes are under way at once at most."""
    poll_s: float | None = None
    """First pause between looks at what is not ready; None: as the driver says."""
    wait_s: float = 3600.0
    """How long one object may take to become ready."""
    looks: int = 6
    """How many looks, with growing pauses, prove that an unclear create made nothing."""
    tries: int = 8
    """How often a create is sent in all, each time after such a proof."""
    fresh_s: float = 2.0
    """How old a look at the newest objects may be, right before another one is made."""
    patient_s: float = 600.0
    """How long a create is sent again that is answered by nothing but 429."""
    detached: bool = False
    """Whether what is not ready when it is looked at once is left to a later run."""


class Passed(ReconcilerError):
    """A step was done but for a part of it, which waits for something that is not there; the text says which. `wrote`:
    whether something of it was sent."""

    def __init__(self, text: str, *, wrote: bool) -> None:
        self.wrote = wrote
        super().__init__(text)


class Detached(ReconcilerError):
    """The API is at work on it, and this run is not to wait for that. `wrote`: whether this run has begun it."""

    def __init__(self, text: str, *, wrote: bool = False) -> None:
        self.wrote = wrote
        super().__init__(text)


class Failures(ReconcilerError):
    """Some addresses of a step failed, the others are done."""

    def __init__(self, by_address: Mapping[str, str]) -> None:
        self.by_address = dict(by_address)
        super().__init__("; ".join(f"{address}: {why}" for address, why in by_address.items()))


@dataclass
class Run:
    """One apply."""

    id: str
    stack: Stack
    drivers: Drivers
    journal: Journal
    plan: Plan
    claims: Claims
    snapshot: Snapshot
    clock: Clock
    limits: Limits
    on_event: Callable[[Event], None]
    ledger: Ledger
    hidden: frozenset[str] = frozenset()
    """Ids of what was deleted and lists may show still; the snapshot does not."""
    unshown: frozenset[str] = frozenset()
    """Ids of what was made a moment ago and no read shows yet: that it is not found proves nothing."""
    retry_failed: bool = False
    """Whether it is agreed to pay once more for what has failed twice."""
    doing: Doing = field(default_factory=Here)
    """Who sends what a create needs."""
    places: Places = field(init=False)
    kinds: Kinds = field(init=False)
    changes: Mapping[str, Change] = field(init=False)
    ids: dict[str, str] = field(init=False)
    """address → the id of its object now"""
    rows: dict[str, Recorded] = field(init=False)
    said: dict[str, str] = field(default_factory=dict)
    """address → what is to be known of it though it is done"""
    bad: dict[str, str] = field(default_factory=dict)
    """address → why nothing more can be done with it in this run"""
    idle: Callable[[], AbstractContextManager[None]] = nullcontext
    """While the block runs, the server works on something and we do not: another step may have the place."""
    filled: dict[str, Resource] = field(default_factory=dict)
    """address → what is declared there, with the values that became known in this run"""
    touched: set[str] = field(default_factory=set)
    """Ids of objects that this run has written to: they may differ from what was planned on."""

    def __post_init__(self) -> None:
        self.places = Places(self.limits.parallelism, self._narrowed)
        self._told_s: dict[str, float] = {}
        self.kinds = self.drivers.kinds
        self.changes = {change.address: change for change in self.plan.changes}
        self.ids = {address: live.id for address, live in self.claims.live.items()}
        self.rows = dict(self.claims.rows)
        self.doing.begin(self)

    def _narrowed(self, kind: str, at_a_time: int, why: str) -> None:
        now_s = self.clock.now()
        if now_s - self._told_s.get(kind, float("-inf")) >= TOLD_EVERY_S:
            self._told_s[kind] = now_s
            self.on_event(Narrowed(kind, at_a_time, why))

    async def noted(self, kind: type[Kind], id: str, parent_id: str | None) -> dict[str, Any]:
        """What of an object that was just made or changed is recorded with it beside its fields."""
        if not kind.noted:
            return {}
        live = await self.drivers[kind.__name__].read(id, parent_id)
        return kind.to_note(live.facts) if live else {}

    def stamp(self, address: str) -> Stamp | None:
        """The marks for what is at an address."""
        if not self.stack.stamps:
            return None
        change, row = self.changes.get(address), self.rows.get(address)
        known = change or row
        name = self.kinds[known.kind].identity_name if known else ""
        content = (change.fields.get(name) if change else None) or (row.fields.get(name) if row else None)
        live = self.claims.live.get(address)
        if content is None and live and live.stamp:
            content = live.stamp.content
        return Stamp(self.stack.name, address, content, self.stack.id)

    def resolved(self, kind: type[Kind], fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields with ids for addresses; ids of live objects (to be unlinked) stay."""
        result = dict(fields)
        for ref in kind.refs():
            if ref.name in result:
                value = result[ref.name]
                result[ref.name] = [self.ids.get(a, a) for a in value] if ref.many else self.ids.get(value, value)
        return result

    def parent_of_input(self, kind: type[Kind], fields: Mapping[str, Any]) -> str | None:
        """The id of what the input of a result lives in, if that is a child of something."""
        inputs = (fields[field.name] for field in kind.refs() if field.each and field.name in fields)
        return next((self.parent_id(address) for address in inputs), None)

    def parent_id(self, address: str) -> str | None:
        """The id of what an address lives in."""
        parent = parent_of(address)
        return self.ids[parent] if parent else None

    def all_rows(self) -> list[Recorded]:
        """What is known to be ours."""
        claims = self.claims
        leaving = (*claims.orphans.values(), *claims.deposed, *claims.displaced)
        return [*claims.rows.values(), *leaving, *self.rows.values()]

    def operation(
        self, verb: Verb, kind: type[Kind], address: str, signature: Trace, identity: str | None = None
    ) -> Operation:
        """What is about to be sent: to be opened in the journal right before."""
        op, now = secrets.token_hex(8), self.journal.now()
        return Operation(op, self.id, address, kind.__name__, verb, signature, identity=identity, since=now)

    def awaited(self, kind: type[Kind], address: str, id: str, parent_id: str | None) -> list[Write]:
        """What to write of an object that is not ready yet and is left to a later run; nothing where that is known."""
        if self.ledger.wait_for(id) is not None:
            return []
        operation = self.operation(Verb.WAIT, kind, address, Target(id, parent_id))
        self.ledger.waits[id] = operation
        return [Open(operation)]

    async def sent(self, operation: Operation, call: Awaitable[None]) -> None:
        """Await an announced write that may be repeated; a clear refusal closes its operation."""
        try:
            await call
        except ApiError as error:
            if error.status and error.status < 500:
                await self.journal.write(Close(operation.op))
            raise
