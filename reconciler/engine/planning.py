"""What a run knows, stage by stage: frozen values, each made of the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from reconciler.diff import Difference, drift_from
from reconciler.engine.beside import Turn
from reconciler.errors import Invalid, Problem
from reconciler.frozen import dataclass
from reconciler.kinds import Kinds
from reconciler.model import Action, Change, Live, LookedAt, Operation, Plan, Recorded, Snapshot, Stack
from reconciler.ownership import Belonging, Claims
from reconciler.plan import guards
from reconciler.plan.guards import Consent
from reconciler.plan.targeting import EVERYTHING, Targeting
from reconciler.provider import Progress
from reconciler.state import Identity, Write

__all__ = ["Aim", "Drift", "InFlight", "Planning", "Prior", "Reading"]


@dataclass(frozen=True, slots=True)
class Prior:
    """What the state knows before anything is read."""

    identity: Identity | None
    recorded: Sequence[Recorded]
    operations: Sequence[Operation]
    """What was announced and is not concluded."""
    unseen: frozenset[str]
    """Ids of what was made so short a time ago that a read which lacks it proves nothing."""

    def with_rows(self, rows: Sequence[Recorded]) -> Prior:
        """The same with these rows for those of the same objects."""
        if not rows:
            return self
        known = {(row.address, row.id): row for row in (*self.recorded, *rows)}
        return replace(self, recorded=list(known.values()))

    @property
    def nothing(self) -> bool:
        """Whether nothing was ever recorded, or announced, of this stack."""
        return not (self.recorded or self.operations)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is declared, its files hashed, beside what was read of the account."""

    stack: Stack
    snapshot: Snapshot
    behind: Sequence[Recorded]
    """Rows of what was made a moment ago: in the snapshot, though no read showed it."""
    belonging: Belonging


@dataclass(frozen=True, slots=True)
class InFlight:
    """The same, after a look at every operation that an earlier run began and did not conclude."""

    snapshot: Snapshot
    recorded: Sequence[Recorded]
    writes: tuple[Write, ...]
    """What an interrupted run had done, to be recorded before anything else."""
    unresolved: tuple[Operation, ...]
    """Creates of an interrupted run of which nothing is to be seen yet."""
    noticed: tuple[Write, ...]
    """What is to be recorded, before the first step, of what was awaited and is not any more."""
    hidden: frozenset[str]
    notes: Sequence[Problem]
    progress: Mapping[str, Progress]
    """op → what became of it"""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a plan is to be of: the same is asked again before it is applied."""

    destroy: bool = False
    targeting: Targeting = EVERYTHING
    adopt: tuple[str, str] | None = None
    """(address, id): nothing but this."""
    replace: tuple[tuple[str, str], ...] = ()
    """(address, id) of each object that is to be made anew though nothing of it changed; the id is "" until somebody
    looked. With it the wish is for this object and not for the one that took its place."""


@dataclass(frozen=True, slots=True)
class Planning:
    """One look at everything: what was read, who is who, what differs, what to do about it, and who agreed to what."""

    stack: Stack
    kinds: Kinds
    snapshot: Snapshot
    claims: Claims
    difference: Difference
    plan: Plan
    aim: Aim = field(default_factory=Aim)
    consent: Consent = field(default_factory=Consent)
    done: tuple[str, ...] = ()
    """Of a saved plan: the addresses of it that are done already. The plan does the rest and nothing else."""
    recovered: tuple[Write, ...] = ()
    """What an interrupted run had done, to be recorded before anything else."""
    unresolved: tuple[Operation, ...] = ()
    """Creates of an interrupted run of which nothing is to be seen yet."""
    noticed: tuple[Write, ...] = ()
    """What is to be recorded, before the first step, of what was awaited and is not any more."""
    belonging: Belonging = field(default_factory=Belonging)
    unshown: frozenset[str] = frozenset()
    """Ids of what was made a moment ago and is in the snapshot though no read showed it."""
    hidden: frozenset[str] = frozenset()
    """Ids of objects that were seen and are not in the snapshot: half made, or deleted."""
    turns: tuple[Turn, ...] = ()
    """What is replaced beside, and how far that is."""
    deposing: tuple[Recorded, ...] = ()
    """Rows of what loses its address to what was made beside it."""

    @property
    def is_open(self) -> bool:
        """Whether something of an interrupted run is still to be recorded, or looked up, before this is the plan."""
        return bool(self.recovered or self.unresolved)

    @property
    def refusals(self) -> list[str]:
        """What the guards say against the plan; nothing is done as long as they say anything."""
        owned = len(self.claims.rows) + len(self.claims.orphans) + len(self.claims.displaced)
        return [
            *guards.all_gone(self.belonging, self.consent),
            *guards.refusals(self.plan, self.stack, self.kinds, owned, self.consent, self.claims.unproven),
        ]

    @property
    def takes_all(self) -> bool:
        """Whether nothing would be left of all that the stack has."""
        changes = self.plan.changes
        going = {change.address for change in changes if change.action is Action.DELETE}
        only_so = all(change.action in (Action.DELETE, Action.CREATE) for change in changes)
        return bool(going) and only_so and not self.plan.left_out and going >= self.claims.rows.keys()

    @property
    def foreign(self) -> list[Live]:
        """What was seen in the account and is not of this stack, by kind and id."""
        return [
            live for _, lives in sorted(self.claims.foreign.items()) for live in sorted(lives, key=lambda live: live.id)
        ]


@dataclass(frozen=True, slots=True)
class Drift:
    """What was changed outside git."""

    stack: Stack
    kinds: Kinds
    baseline: str
    """What live was compared with: `recorded`, or `declared` where nothing is recorded at all."""
    changes: tuple[Change, ...]
    compared: tuple[str, ...]
    """Every address of which something was compared."""
    unmanaged: tuple[Live, ...] = ()
    """What was seen in the account and is not of this stack; empty when nobody asked for it."""
    refresh: LookedAt = field(default_factory=LookedAt)

    def only(self, targeting: Targeting) -> Drift:
        """A part of it. Raises Invalid for patterns that fit nothing."""
        if problems := targeting.idle({*self.stack.resources, *self.compared, *(it.address for it in self.changes)}):
            raise Invalid(problems)
        changes = tuple(it for it in self.changes if targeting.has(it.address))
        return replace(self, changes=changes, compared=tuple(filter(targeting.has, self.compared)))

    @classmethod
    def of(cls, planning: Planning, *, unmanaged: bool) -> Drift:
        """As a planning that looked at everything shows it."""
        baseline, changes = drift_from(planning.claims, planning.difference)
        foreign = planning.foreign if unmanaged else ()
        return cls(
            planning.stack,
            planning.kinds,
            baseline,
            tuple(changes),
            tuple(planning.claims.live),
            tuple(foreign),
            planning.plan.refresh,
        )
