"""What happens to one address: nothing, or a change with its reason and its deltas. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.diff.fields import field_deltas, source_of
from reconciler.diff.proofs import CHANGED, CHANGED_IN_STORE, changed_by_others
from reconciler.kind import Field, Kind, Updating
from reconciler.later import UNKNOWN_YET
from reconciler.model import (
    MAKING,
    Action,
    Attempt,
    Change,
    ChangedBy,
    Delta,
    Live,
    Recorded,
    Resource,
    Stack,
    Stamp,
    Status,
    ignores,
    parent_of,
)
from reconciler.ownership import Claims, addresses_of, deposed_name, identity_of, is_of, whose
from reconciler.values import same, steady

__all__ = ["FETCHED", "TRIED_TWICE", "Attempts", "Decider", "gone"]

Attempts = Mapping[tuple[str, str], Attempt]
"""(kind, identity) → what came of the last attempt to make it"""

NEW, NEW_ID = "new", " (new)"
GONE = "it is gone from the account"
GONE_FROM_STORE = "it is gone from the store"
WISHED = "asked for with --replace"
TRIED_TWICE = 2
"""So often something that fails is made, and paid: once, and once more."""
FETCHED = "fetched"
"""The fact of a change whose result is fetched once more, and not made."""


def _gave_up(address: str, failures: int, live: Live) -> str:
    why = live.facts.get("error") or "the API says no more about it"
    return (
        f"was made {failures} times and failed each time ({why}). It is not made again, for that would be paid again: "
        f"change its content or its options, or agree with --allow-replace {address} or `replace: allow`"
    )


def _changed_there(address: str, others: Sequence[Delta], attempt: Attempt | None) -> str:
    what = ", ".join(f"{delta.path} {delta.before} → {delta.after}" for delta in others)
    how = attempt.told if attempt else "it would be made again, and paid again"
    return (
        f"{CHANGED_IN_STORE} ({what}). It is left as it is until you agree, with --allow-replace {address} or "
        f"`replace: allow`: {how}"
    )


def gone(kind: type[Kind]) -> str:
    """What is said of what is recorded and not there."""
    return GONE_FROM_STORE if kind.stored else GONE


class Decider:
    """One kind against the changes known so far."""

    def __init__(
        self,
        stack: Stack,
        kind: type[Kind],
        claims: Claims,
        changes: Mapping[str, Change],
        attempts: Attempts,
        wishes: Mapping[str, str] | None = None,
    ) -> None:
        self.stack, self.kind, self.claims, self.changes, self.attempts = stack, kind, claims, changes, attempts
        self.wishes = wishes or {}
        self.stuck: dict[str, str] = {}
        self.stamped = kind.field_with(lambda field: field.stamped)
        self._refs = tuple(kind.refs())
        self._unique_name = kind.natural_key[0] if kind.unique and kind.natural_key else ""

    def change(self, address: str, resource: Resource) -> Change | None:
        """The change of one address; None when there is nothing to do, or when it is given up."""
        change = self._difference(address, resource)
        if change is None or change.action not in MAKING or (attempt := self._attempt(resource)) is None:
            return change
        if attempt.given_up:
            self.stuck[address] = attempt.told
            return None
        reason = attempt.told if change.reason == NEW else f"{change.reason}; {attempt.told}"
        return replace(change, reason=reason, facts={**change.facts, FETCHED: True} if attempt.free else change.facts)

    def has_cause(self, address: str, resource: Resource) -> bool:
        """Whether something changes at an address of which nothing differs: somebody wishes it, or what it lives in or
        refers to changes."""
        if not self.changes and not self.wishes:
            return False
        if address in self.wishes or parent_of(address) in self.changes:
            return True
        return any(it in self.changes for ref in self._refs for it in ref.named_in(resource.fields))

    def _attempt(self, resource: Resource) -> Attempt | None:
        return self.attempts.get((resource.kind, str(resource.fields.get(self.kind.identity_name))))

    def _difference(self, address: str, resource: Resource) -> Change | None:
        live, row = self.claims.live.get(address), self.claims.rows.get(address)
        # Before anything is compared: what is external is never changed, whatever differs.
        if resource.external:
            return self._let_go(address, resource, live, row)
        if live is None:
            reason = gone(self.kind) if row else NEW
            return self._make(address, resource, Action.CREATE, reason, tuple(self._initial(resource)))
        deltas = tuple(self._deltas(address, resource, live, row))
        if row and self._is_given_up(resource, live, row):
            self.stuck[address] = _gave_up(address, row.failures, live)
        others = changed_by_others(self.kind, live, row)
        if others and not resource.replace:
            self.stuck[address] = _changed_there(address, others, self._attempt(resource))
        if (
            forced := self._forced(address, live, deltas)
            or self._mended(resource, others)
            or self._wished(live, address)
        ):
            reason, paths, more = forced
            deltas = tuple(delta for delta in deltas if not self._was_renamed_to_go(delta, live))
            if address in self.claims.adopted and paths == ("parent",):  # goes with its parent, and is not ours
                return self._make(address, resource, Action.CREATE, NEW, tuple(self._initial(resource)))
            return self._make(address, resource, Action.REPLACE, reason, (*deltas, *more), paths, live)
        return self._in_place(address, resource, live, (*deltas, *self._protect_delta(resource, row)))

    def _is_given_up(self, resource: Resource, live: Live, row: Recorded) -> bool:
        """Whether it has failed so often that it is not made again by itself."""
        failed = live.status is Status.FAILED and row.id == live.id and row.failures >= TRIED_TWICE
        return failed and not resource.replace

    def _was_renamed_to_go(self, delta: Delta, live: Live) -> bool:
        """Whether a replacement has renamed it, and was interrupted: that is nothing to be mended."""
        return delta.path == self._unique_name and delta.before == deposed_name(str(delta.after), live.id)

    def _let_go(self, address: str, resource: Resource, live: Live | None, row: Recorded | None) -> Change | None:
        """What is external is looked up only; what was ours until now is let go of."""
        ours = row is not None or (live is not None and is_of(self.stack, live.stamp))
        if live is None or not ours or (row and row.id != live.id):
            return None
        return self._make(address, resource, Action.FORGET, "it is external now", live=live)

    def _forced(
        self, address: str, live: Live, deltas: Sequence[Delta]
    ) -> tuple[str, tuple[str, ...], tuple[Delta, ...]] | None:
        """Why it must be made anew, if it must: (reason, the paths that force it, deltas that say so)."""
        # The parent first: what lives in it goes with it, whatever else differs.
        if parent := parent_of(address):
            change = self.changes.get(parent)
            if change and change.action in MAKING:
                word = "replaced" if change.action is Action.REPLACE else "made anew"
                return f"{parent} is {word}", ("parent",), ()
            if live.parent_id != self.claims.id_of(parent):
                assert self.kind.parent is not None
                old = self.claims.addresses.get((self.kind.parent.__name__, str(live.parent_id)), live.parent_id)
                moved = Delta("parent", old, parent)
                return f"it is in another {self.kind.parent.__name__}", ("parent",), (moved,)
        forcing = tuple(dict.fromkeys(delta.path for delta in deltas if self._forces(delta)))
        # What has failed again and again is paid for again only when something of it changed.
        if live.status is Status.FAILED and not (address in self.stuck and not forcing):
            return "it failed", ("status", *forcing), (Delta("status", "failed", "ready", ChangedBy.DRIFT),)
        if forcing:
            if self.kind.made_of_refs:
                return _why_made_anew(self.kind, forcing, _replaced(self.changes, deltas)), forcing, ()
            return _why_replaced(self.changes, [delta for delta in deltas if delta.path in forcing]), forcing, ()
        return None

    def _wished(self, live: Live, address: str) -> tuple[str, tuple[str, ...], tuple[Delta, ...]] | None:
        """Why it is made anew though nothing of it changed, if somebody asked for that."""
        if self.wishes.get(address) not in ("", live.id) or address in self.claims.adopted:
            return None
        return WISHED, ("id",), (Delta("id", live.id, UNKNOWN_YET, ChangedBy.PENDING),)

    def _mended(
        self, resource: Resource, others: Sequence[Delta]
    ) -> tuple[str, tuple[str, ...], tuple[Delta, ...]] | None:
        """Why what others have changed is made again, if that is agreed to."""
        if not (others and resource.replace):
            return None
        back = tuple(Delta(it.path, it.after, it.before, ChangedBy.DRIFT) for it in others)
        return CHANGED_IN_STORE if self.kind.stored else CHANGED, tuple(it.path for it in back), back

    def _in_place(self, address: str, resource: Resource, live: Live, deltas: tuple[Delta, ...]) -> Change | None:
        if address in self.claims.adopted:
            return self._make(address, resource, Action.ADOPT, "it is in the account and unmanaged", deltas, (), live)
        if (old := self.claims.moved.get(address)) is not None:
            return self._make(address, resource, Action.MOVE, f"it was {old}", deltas, (), live, previous=old)
        deltas = (*deltas, *self._stamp_delta(address, live))
        if not deltas:
            return None
        return self._make(address, resource, Action.UPDATE, _why(self.changes, deltas), deltas, (), live)

    def _protect_delta(self, resource: Resource, row: Recorded | None) -> Iterator[Delta]:
        """The mark is recorded, and taking it away is an apply of its own: so it shows."""
        if row and row.protect is not resource.protect:
            yield Delta("protect", row.protect, resource.protect, ChangedBy.PENDING, row.protect)

    def _make(
        self,
        address: str,
        resource: Resource,
        action: Action,
        reason: str,
        deltas: tuple[Delta, ...] = (),
        replace_paths: tuple[str, ...] = (),
        live: Live | None = None,
        *,
        previous: str | None = None,
    ) -> Change:
        return Change(
            address=address,
            kind=resource.kind,
            action=action,
            reason=reason,
            deltas=deltas,
            replace_paths=replace_paths,
            id=live.id if live else None,
            previous_address=previous or self.claims.moved.get(address),
            fields=resource.fields,
            parent_id=live.parent_id if live else None,
            facts=live.facts if live else {},
            # Taking `protect` away and replacing in one go would make it worthless: what is recorded counts once more.
            protect=resource.protect or (action is Action.REPLACE and self._was_protected(address)),
        )

    def _was_protected(self, address: str) -> bool:
        row = self.claims.rows.get(address)
        return row is not None and row.protect

    def _initial(self, resource: Resource) -> Iterator[Delta]:
        for name, field in self.kind.specs.items():
            if name in resource.fields and not field.identity:
                yield Delta(name, None, steady(field, resource.fields[name]))

    def _deltas(self, address: str, resource: Resource, live: Live, row: Recorded | None) -> Iterator[Delta]:
        # What was recorded of another object cannot say who changed this one.
        recorded = row.fields if row and row.id == live.id else {}
        for name, field in self.kind.specs.items():
            # Where the bytes come from is no difference: the same bytes at another path change nothing.
            if name not in resource.fields or field.source:
                continue
            if resource.ignore and self._is_ignored(resource, field):
                continue
            want = resource.fields[name]
            if field.identity:
                was = identity_of(self.kind, live, row)
                if was is not None and was != want:
                    whole = Delta(name, was, want, ChangedBy.PENDING, recorded.get(name))
                    yield from list(self._other_ways(resource, recorded)) or [whole]
            elif field.ref:
                yield from self._ref_delta(name, field, want, live, recorded.get(name))
            elif live.detailed or not field.detail:  # what was not read is not known to differ
                have = live.fields.get(name)
                for delta in field_deltas(field, recorded.get(name), want, have, known=name in recorded):
                    if not ignores(resource.ignore, delta.path):
                        yield delta

    def _other_ways(self, resource: Resource, recorded: Mapping[str, Any]) -> Iterator[Delta]:
        """How a result is made otherwise than it was: what a digest does not tell."""
        if not (self.kind.made_of_refs and recorded):
            return
        for name, field in self.kind.specs.items():
            was, want = recorded.get(name), resource.fields.get(name)
            if field.source and not same(field, want, was):
                yield Delta(name, steady(field, was), steady(field, want), ChangedBy.PENDING, was)

    def _is_ignored(self, resource: Resource, field: Field) -> bool:
        """Whether all of a field is; whoever ignores where the bytes come from ignores what they are."""
        sources = [spec.name for spec in self.kind.specs.values() if spec.source] if field.identity else []
        return any(ignores(resource.ignore, name) for name in (field.name, *sources))

    def _ref_delta(self, name: str, field: Field, value: Any, live: Live, recorded: Any) -> Iterator[Delta]:
        assert field.ref is not None
        raw = live.fields.get(name)
        want: Any = sorted(map(self._meant, value)) if field.many else self._meant(value)
        # Compared as addresses: the object of a reference may have been replaced, and its id with it.
        have = addresses_of(field.ref, raw or [] if field.many else raw, self.claims.addresses)
        if want == have:
            return
        known = recorded is not None
        was, meant = self.claims.now(recorded), value
        if field.many:
            was, meant = sorted(was) if known else was, sorted(value)
        replaced = any(NEW_ID in address for address in (want if field.many else [want]))
        yield Delta(
            name, have, want, source_of(pending=not known or was != meant or replaced, drift=known and was != have), was
        )

    def _meant(self, address: str) -> str:
        """The address, marked when its object will be another one than now."""
        change = self.changes.get(address)
        remade = change is not None and change.action in MAKING
        return address + NEW_ID if remade else address

    def _forces(self, delta: Delta) -> bool:
        field = self.kind.specs.get(delta.path.partition(".")[0].partition("[")[0])
        if field is None:
            return False
        return field.update is Updating.REPLACE or (field.source and self.kind.made_of_refs)

    def _stamp_delta(self, address: str, live: Live) -> Iterator[Delta]:
        if not self.stack.stamps or self.stamped is None or not live.detailed:
            return
        want = stamp_for(self.stack, address, identity_of(self.kind, live, self.claims.rows.get(address)))
        if not _same_marks(live.stamp, want):
            # Our former name in it is our own doing and no drift.
            renamed = live.stamp is not None and live.stamp.stack in self.stack.former
            yield Delta("stamp", _shown(live.stamp), _shown(want), ChangedBy.PENDING if renamed else ChangedBy.DRIFT)


def stamp_for(stack: Stack, address: str, content: str | None) -> Stamp | None:
    """The marks that the object of an address carries; None when the stack wants no stamps."""
    return Stamp(stack.name, address, content, stack.id) if stack.stamps else None


def _same_marks(have: Stamp | None, want: Stamp | None) -> bool:
    """Whether a stamp says what it should. One without an id, of an older version, gets it with the next write."""
    if have and want and not (have.stack_id and want.stack_id):
        have, want = replace(have, stack_id=None), replace(want, stack_id=None)
    return have == want


def _shown(stamp: Stamp | None) -> str | None:
    """As people read it: whose, where, and what."""
    if stamp is None:
        return None
    return f"{whose(stamp)}:{stamp.key}" + (f" {stamp.content[:12]}" if stamp.content else "")


def _why(changes: Mapping[str, Change], deltas: Sequence[Delta]) -> str:
    """Why it is updated."""
    if replaced := _replaced(changes, deltas):
        return f"{', '.join(replaced)} is replaced"
    if all(delta.path == "stamp" for delta in deltas):
        renamed = all(delta.source is ChangedBy.PENDING for delta in deltas)
        return "the stack was renamed" if renamed else "its stamp is not as it should be"
    sources = {delta.source for delta in deltas}
    if sources == {ChangedBy.DRIFT}:
        return "changed outside git"
    return "changed in git" if sources == {ChangedBy.PENDING} else "changed in git and outside git"


def _why_replaced(changes: Mapping[str, Change], forcing: Sequence[Delta]) -> str:
    """Why it is replaced: because of what it refers to, or because a field cannot be changed in place."""
    if replaced := _replaced(changes, forcing):
        return f"{', '.join(replaced)} is replaced"
    return f"{', '.join(dict.fromkeys(delta.path for delta in forcing))} cannot be changed in place"


def _why_made_anew(kind: type[Kind], forcing: Sequence[str], replaced: Sequence[str]) -> str:
    """Why a result is made anew: what of how it is made changed, or what it is made of."""
    ways = list(dict.fromkeys(re.split(r"[.\[]", path)[0] for path in forcing))
    if replaced and {*ways} <= {kind.identity_name, *(field.name for field in kind.refs())}:
        return f"{', '.join(replaced)} is replaced"
    if ways == [kind.identity_name]:
        return "what it is made of, or how, is not what it was"
    return f"{' and '.join(', '.join(ways).rsplit(', ', 1))} changed, so it is made anew"


def _replaced(changes: Mapping[str, Change], deltas: Sequence[Delta]) -> list[str]:
    new = [item.removesuffix(NEW_ID) for delta in deltas for item in _words(delta.after) if item.endswith(NEW_ID)]
    return [address for address in new if changes[address].action is Action.REPLACE]


def _words(value: Any) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
