"""The changes and the steps that make them: what a reviewer reads is what runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Annotated, Any

from reconciler.errors import Problem
from reconciler.frozen import dataclass
from reconciler.model.bounds import Bounds
from reconciler.model.change import Action, Change
from reconciler.model.operation import Operation, Target
from reconciler.model.steps import Step, Verb

__all__ = ["Awaited", "Basis", "Charge", "Cost", "Estimate", "LookedAt", "Plan", "waits_of"]

Count = Annotated[int, Bounds(ge=0, le=10**18)]
Amount = Annotated[float, Bounds(ge=0, le=1e18)]


@dataclass(frozen=True, slots=True)
class Awaited:
    """What was begun, and on which the API is still at work: it costs no write, and what needs it waits."""

    address: str
    kind: str
    id: str | None = None
    """Of its object; null of a task that has made none yet."""
    since: str | None = None
    """Since when the state knows it as awaited; null when it does not."""
    told: str = ""
    """How far it has come, for people, where that is known."""


def waits_of(operations: Iterable[Operation]) -> dict[str, Operation]:
    """Id of an object → the operation that says that it is awaited."""
    waits = (it for it in operations if it.verb == Verb.WAIT)
    return {it.signature.id: it for it in waits if isinstance(it.signature, Target)}


@dataclass(frozen=True, slots=True)
class Charge:
    """What one sort of work costs, as far as it is known."""

    what: str
    """`indexing`, or the section of results: `analyses`."""
    objects: Count = 0
    amount: Amount = 0.0
    at_most: Amount = 0.0
    """So much more at most, for what has only a bound: what a model writes."""
    objects_without_price: Count = 0
    """Of unknown length, or by a price that is not known: they are not, or not wholly, in the amount."""
    unknown: tuple[str, ...] = ()
    """Words of `prices:` that nobody has given a number for."""
    as_of: str | None = None
    source: str = ""
    note: str = ""
    """Why it may be more."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What is known of the money that a plan takes, and by which prices."""

    amount: Amount
    currency: str
    as_of: str | None
    """When the prices were read; null for prices of the stack's own."""
    source: str
    """Who says so."""
    objects_without_price: Count
    """Of unknown length, or of a model whose price is not known: they are not in the amount."""
    at_most: Amount = 0.0
    """So much more at most, for what has only a bound: what a model writes."""
    charges: tuple[Charge, ...] = ()
    """For what, of which it is the sum."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan takes before it runs. What is not known is counted and said, never guessed."""

    writes: Count = 0
    """Requests that change something; exact."""
    polls: Count = 0
    """Expected requests until all is ready."""
    reads_spent: Count = 0
    """Requests that planning took."""
    uploads: Count = 0
    """Files to send."""
    upload_bytes: Count = 0
    chunk_requests: Count = 0
    """Expected besides the writes, for files that are sent in chunks."""
    index_minutes: Amount = 0.0
    """Of media whose length is known."""
    index_objects: Count = 0
    index_objects_of_unknown_length: Count = 0
    derived_objects: Count = 0
    """Results to be made of media."""
    derived_minutes: Amount = 0.0
    """Of media of known length that a model is to see for them, each time that it does."""
    derived_objects_of_unknown_length: Count = 0
    derived_free: Count = 0
    """Results that are had without being made: copied, fetched once more, read from an index."""
    derived_requests: Count = 0
    """Requests at least that read results which are there to be read."""
    derived_by_row: Count = 0
    """Results whose every row is a request of its own: `derived_requests` counts one row of each."""
    derived_updates: Count = 0
    derived_removals: Count = 0
    cost: Cost | None = None
    seconds_at_rate_limit: Amount | None = None
    """How long it takes at least, at the rate that the API allows now; null when it has said nothing."""
    seconds_per_request: Amount | None = None
    """How much longer each request more takes; null when nothing is known of a rate."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan was made of; it must mean the same when the plan is applied."""

    account: str = ""
    """Base URL and a digest of the key; no key."""
    settings: str = ""
    """A digest of what the stack says once for all of its objects: `stamps:`, `results:`."""
    declared: Mapping[str, str] = field(default_factory=dict)
    """Address → a digest of what was declared of it, for all that is changed; "" where nothing was."""
    path: str = ""
    """Of the stack, as it was given."""
    from_here: str = ""
    """The same, from the directory of the plan file."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of `--var`."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Of the file of `--var-file`: the plan needs no other file than the stack's."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What was asked for: `destroy`, `target`, `exclude`."""
    consent: Mapping[str, Any] = field(default_factory=dict)
    """What whoever planned has agreed to: it is part of what was reviewed."""
    gates: Mapping[str, str] = field(default_factory=dict)
    """Address → a digest of how it is replaced, for all that is: what the checks ask that it has to pass, how long the
    old one is kept."""


@dataclass(frozen=True, slots=True)
class LookedAt:
    """How the account was read for a plan."""

    mode: str = "full"
    """`full`: every list whole. `delta`: what differs since the last full sweep, and whole what the plan touches.
    `none`: not at all."""
    full_sweep: str | None = None
    """When everything was read whole last, where that was before this plan and is used by it."""
    why: str = ""
    """Why everything was read whole though less was asked for."""

    @property
    def is_blind(self) -> bool:
        """Whether nobody has looked."""
        return self.mode == "none"


@dataclass(frozen=True, slots=True)
class Plan:
    """What apply would do: complete in itself."""

    stack: str
    provider: str
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    drift: tuple[Change, ...] = ()
    estimate: Estimate = Estimate()
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """Of each object that it touches, as it was: apply refuses what was changed since."""
    diagnostics: tuple[Problem, ...] = ()
    unmanaged: Mapping[str, Count] = field(default_factory=dict)
    """How many foreign objects of each kind were seen."""
    stuck: Mapping[str, str] = field(default_factory=dict)
    """address → why: what has failed again and again, and is not made anew by itself."""
    awaited: tuple[Awaited, ...] = ()
    """What the API still works on, since an earlier run."""
    left_out: Count = 0
    """How many changes are not in it, because only a part was asked for."""
    refresh: LookedAt = LookedAt()
    """How the account was read for it."""

    def count(self, action: Action) -> int:
        """How many changes have this action."""
        return sum(change.action is action for change in self.changes)
