"""A part of a plan: `--target` and `--exclude`, with what the part needs. Pure.

A pattern (a glob over addresses) means what it matches and all that lives in it.
- What a chosen change refers to or lives in comes along if it changes too; what follows from a chosen replacement
  comes along as well. Each is named.
- What needs something left out cannot be done without it, so it is left out too, and named.
- A delete is planned only if it is chosen itself; if something outside still uses the object, it stays. That is said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import translate
from functools import cached_property

from reconciler.errors import Invalid, Problem
from reconciler.frozen import dataclass
from reconciler.kinds import Kinds
from reconciler.later import Later, laters_in
from reconciler.lazily import difflib
from reconciler.model import MAKING, Action, Change, Snapshot, Stack, parent_of
from reconciler.ownership import Claims, declared_address
from reconciler.plan.names import NameTrades

__all__ = ["EVERYTHING", "Targeting"]

LEAVING = (Action.DELETE, Action.REPLACE)


@dataclass(frozen=True)
class Targeting:
    """What was asked for. Without patterns: everything."""

    target: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether nothing was asked for in particular."""
        return not (self.target or self.exclude)

    def has(self, address: str) -> bool:
        """Whether an address was asked for, by itself."""
        if self.is_everything:
            return True
        address = _as_asked(address)
        chosen = not self.target or self._targets.match(address) is not None
        return chosen and not (self.exclude and self._excludes.match(address))

    def of(
        self,
        changes: Mapping[str, Change],
        stack: Stack,
        kinds: Kinds,
        claims: Claims,
        snapshot: Snapshot,
    ) -> tuple[Mapping[str, Change], tuple[Problem, ...]]:
        """The changes to plan, and notes of what came along or stayed out. Raises Invalid for patterns that match
        nothing: most likely they are mistyped."""
        if self.is_everything:
            return changes, ()
        if problems := self.idle({*stack.resources, *(a.partition("@")[0] for a in changes), *claims.rows}):
            raise Invalid(problems)
        return _Choice(self, changes, kinds, claims, snapshot).made()

    def idle(self, known: Iterable[str]) -> list[Problem]:
        """Patterns that match none of the addresses."""
        return [] if self.is_everything else list(self._idle(list(known)))

    @cached_property
    def _targets(self) -> re.Pattern[str]:
        return _pattern(self.target)

    @cached_property
    def _excludes(self) -> re.Pattern[str]:
        return _pattern(self.exclude)

    def _idle(self, known: Collection[str]) -> Iterator[Problem]:
        for option, patterns in (("--target", self.target), ("--exclude", self.exclude)):
            for pattern in patterns:
                matches = _pattern([pattern]).match
                if not any(matches(address) for address in known):
                    near = difflib.get_close_matches(pattern, known, n=1)
                    hint = f"; did you mean {near[0]}?" if near else ""
                    yield Problem("", 0, 0, "", f"{option} {pattern} matches no address of the stack{hint}")


EVERYTHING = Targeting()


def _as_asked(address: str) -> str:
    """What people ask for by: the address where it is declared, of what was replaced there and of what is to be too."""
    return declared_address(address.partition("@")[0])


def _pattern(globs: Iterable[str]) -> re.Pattern[str]:
    """One that matches what any of the globs means, and all that lives in it."""
    return re.compile("|".join(f"(?:{translate(form)})" for glob in globs for form in (glob, f"{glob.rstrip('/')}/*")))


class _Choice:
    """One targeting of one set of changes."""

    def __init__(
        self,
        targeting: Targeting,
        changes: Mapping[str, Change],
        kinds: Kinds,
        claims: Claims,
        snapshot: Snapshot,
    ) -> None:
        self.targeting, self.changes, self.snapshot = targeting, changes, snapshot
        self.named_after = {
            address: taken.freed_by.address
            for address, taken in NameTrades(kinds, claims, changes, snapshot).taken.items()
            if taken.freed_by
        }
        """address → the one whose change frees the name that it takes"""
        self.kinds = kinds
        self.chosen = {address for address in changes if targeting.has(address)}
        self.moves = {str(it.previous_address): it.address for it in changes.values() if it.previous_address}
        """old address → new one"""
        self.needs = {address: frozenset(self._needs(change)) for address, change in changes.items()}
        self.users: dict[str, set[str]] = {}
        for address, needs in self.needs.items():
            for need in needs:
                self.users.setdefault(need, set()).add(address)
        self.blockers = self._blockers()
        self.notes: dict[str, str] = {}

    def made(self) -> tuple[Mapping[str, Change], tuple[Problem, ...]]:
        """The answer: first all that comes along, then less of what that cannot be done without."""
        self._take_along()
        # What falls out may be what something else needs: again, until nothing falls out any more.
        while self._leave_out():
            pass
        notes = (Problem("", 0, 0, address, text, "note") for address, text in sorted(self.notes.items()))
        return {address: change for address, change in self.changes.items() if address in self.chosen}, tuple(notes)

    def _needs(self, change: Change) -> Iterator[str]:
        """Addresses with a change of their own that must be there before this one's object can be as it shall be."""
        if change.action in (Action.DELETE, Action.FORGET, Action.HOLD):
            return
        if change.address in self.named_after:
            yield self.named_after[change.address]
        if (parent := parent_of(change.address)) and parent in self.changes:
            yield parent
        yield from self._traded(change)
        for field in self.kinds[change.kind].refs():
            yield from (used for used in field.named_in(change.fields) if used in self.changes)

    def _waits(self, change: Change) -> list[str]:
        """Results that it is to be given values of, and that this plan does not make."""
        values = laters_in({"": {delta.path: delta.after for delta in change.deltas}, **change.fields})
        return sorted({it.address for it in values if it.address in self.changes} - self.chosen)

    def _traded(self, change: Change) -> Iterator[str]:
        """Addresses change hands together: where the object comes from, and where the old one goes to."""
        for other in (change.previous_address, self.moves.get(change.address)):
            if other and other in self.changes:
                yield other

    def _blockers(self) -> dict[str, set[str]]:
        """address of what goes → addresses whose change makes it free: they refer to its old object, or live in it."""
        going = {(change.kind, change.id): a for a, change in self.changes.items() if change.action in LEAVING}
        blockers: dict[str, set[str]] = {}
        for address, change in self.changes.items():
            live = self.snapshot.get(change.kind, change.id)
            if live is None:
                continue
            kind = self.kinds[change.kind]
            held = [(kind.parent.__name__, live.parent_id)] if kind.parent and change.action in LEAVING else []
            for field in kind.refs():
                held += [(str(field.ref), id) for id in field.named_in(live.fields)]
            for object_ in held:
                if object_ in going:
                    blockers.setdefault(going[object_], set()).add(address)
        return blockers

    def _take_along(self) -> None:
        """What chosen changes need, and what follows from a chosen replacement."""
        todo = sorted(self.chosen)
        while todo:
            address = todo.pop()
            along = dict.fromkeys(self.needs[address], f"is needed by {address}, and comes along")
            if self.changes[address].action is Action.REPLACE:
                # What uses the old object would keep it from going, or lose it without a word.
                users = self.users.get(address, set()) | self.blockers.get(address, set())
                along |= dict.fromkeys(users, f"follows from the replacement of {address}, and comes along")
            for other, why in sorted(along.items()):
                if other not in self.chosen and not self._is_kept_out(other):
                    self.chosen.add(other)
                    self.notes[other] = why
                    todo.append(other)

    def _is_kept_out(self, address: str) -> bool:
        """Excluded by name, or a delete that nobody asked for."""
        # Who asks for one thing has not agreed to lose another ("rename: who would need a delete that was not asked for
        # is left out").
        if self.changes[address].action is Action.DELETE:
            return True
        return bool(self.targeting.exclude) and self.targeting._excludes.match(_as_asked(address)) is not None

    def _leave_out(self) -> bool:
        """Take out what cannot be done without something that is out; whether anything was."""
        dropped = False
        for address in sorted(self.chosen):
            if why := self._why_not(address):
                self.chosen.discard(address)
                self.notes[address] = why
                dropped = True
        return dropped

    def _why_not(self, address: str) -> str:
        change = self.changes[address]
        # What only waits for a value is not asked for by who has not asked for what makes it.
        if waits := self._waits(change):
            if change.action is Action.UPDATE and all(isinstance(delta.after, Later) for delta in change.deltas):
                return f"is left out: it needs {waits[0]}, which is not in this plan"
            self.notes[address] = f"what it takes from {', '.join(waits)} is left as it is: that is not in this plan"
        for need in sorted(self.needs[address] - self.chosen):
            if self.named_after.get(address) == need:
                return f"is left out: {need}, which is not in this plan, still has its name"
            if self.changes[need].action in MAKING or need in self._traded(change):
                return f"is left out: it needs {need}, which is not in this plan"
        if change.action in LEAVING:
            for user in sorted(self.blockers.get(address, set()) - self.chosen):
                return f"is left out: {user}, which is not in this plan, still uses its object"
        return ""
