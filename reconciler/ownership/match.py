"""One kind's objects get their addresses, in the order that `reconciler.ownership` tells. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from reconciler.kind import Field, Kind, Updating
from reconciler.model import Live, Recorded, Resource, Snapshot, Stack, Status, ignores, parent_of
from reconciler.ownership.claims import Claims, Renames, has_deposed_name
from reconciler.ownership.identity import identity_of
from reconciler.ownership.owners import Owners, Standing, agreed, standing
from reconciler.ownership.trades import Held, traded
from reconciler.values import same

__all__ = ["Matching"]


class Matching:
    """One kind; parents and what is referred to have had their turn."""

    def __init__(
        self,
        stack: Stack,
        kind: type[Kind],
        wanted: Mapping[str, Resource],
        claims: Claims,
        rows: dict[str, Recorded],
        renames: Renames,
        snapshot: Snapshot,
        owners: Owners,
    ) -> None:
        self.stack, self.kind, self.claims, self.rows, self.owners = stack, kind, claims, rows, owners
        self.name = kind.__name__
        self.objects = snapshot.by_kind.get(self.name, {})
        self.wanted = wanted
        self.holder = {row.id: address for address, row in rows.items() if row.kind == self.name}
        """id → the address that it is recorded for"""
        self.has_stamps = kind.field_with(lambda field: field.stamped) is not None
        self.stamped = self._stamped(renames)

    def run(self) -> None:
        """Claim what can be claimed, the surest first."""
        # Trades go first: if every address kept what is recorded for it, two files that swapped names would both be
        # uploaded again.
        self._by_trade()
        rest = {address: resource for address, resource in self.wanted.items() if address not in self.claims.live}
        open_ = [address for address, resource in rest.items() if not self._by_identity(address, resource)]
        # Records go before stamps: anybody can copy metadata onto another object, nobody can write into our state.
        open_ = [address for address in open_ if not self._by_stamp(address)]
        if open_:
            open_ = self._by_move(open_)
        if open_:
            self._by_nature(open_)
        if all(resource.external for resource in self.stack.resources.values()):
            return  # nothing is to be made that could need one of them
        for address in open_:
            if self.wanted[address].external and address not in self.claims.live:
                what = f"there is no such {self.name} in the account"
                self.claims.problems.append((address, f"{what}; make it there, or take `external` away"))

    def _stamped(self, renames: Renames) -> dict[str, list[Live]]:
        """address → what carries its stamp. A stamp of a moved address counts where nothing carries the new one."""
        stamped: dict[str, list[Live]] = {}
        for live in self.objects.values():
            if (address := self.owners.mark(live)) and self._is_free(live):
                stamped.setdefault(address, []).append(live)
        for old in list(stamped):
            # Until the move is applied, the stamp says the old address.
            if (new := renames(old)) != old and new not in stamped and new not in self.claims.unchanged:
                stamped[new] = stamped.pop(old)
        return stamped

    def _is_free(self, live: Live) -> bool:
        return not self.claims.has_taken(self.name, live.id)

    def _by_trade(self) -> None:
        """Addresses whose objects change hands do so at once: each gets its new one before any loses its old one."""
        if not self._fixed:
            return
        unchanged = self.claims.unchanged
        content = {it for it, resource in self.wanted.items() if it in unchanged or self._has_its_own(resource)}
        needy = [resource for address, resource in self.wanted.items() if address not in content]
        signs = {it.address: self._signs_of_wanted(it.address) for it in needy if not self._is_bound(it)}
        wanted = {address: found[0] for address, found in signs.items() if found}
        trades = traded(wanted, self._held(content)) if wanted else {}
        old_rows = {it.address: self.rows.pop(it.address) for it in trades.values() if self._is_recorded(it)}
        for address in trades:
            if row := self.rows.pop(address, None):
                self._displace(row)
        for address, it in trades.items():
            self._take(address, it.live)
            self.claims.move(address, it.address)
            if it.address in old_rows:
                self.rows[address] = replace(old_rows[it.address], address=address)

    @cached_property
    def _fixed(self) -> tuple[str, ...]:
        """The fields by which an object is known as long as it lives: its bytes, or a key that cannot be changed."""
        if identity := self.kind.field_with(lambda field: field.identity):
            return (identity.name,)
        key = self.kind.natural_key
        return key if all(self.kind.specs[name].update is Updating.REPLACE for name in key) else ()

    def _has_its_own(self, resource: Resource) -> bool:
        """Whether what is recorded for an address is what it wants: by far the most are, and need no more thought."""
        row = self.rows.get(resource.address)
        live = self.objects.get(row.id) if row else None
        if live is None or live.parent_id != self._parent_id(resource.address):
            return False
        have = {name: live.fields.get(name) for name in self._fixed}
        have[self.kind.identity_name] = identity_of(self.kind, live, row)
        return all(have[name] == self._to_id(self.kind.specs[name], resource.fields.get(name)) for name in self._fixed)

    def _is_bound(self, resource: Resource) -> bool:
        """Whether an address keeps its object whatever it is: by `id:`, or because what it is known by is ignored."""
        if resource.id is not None or resource.external:
            return True
        sources = [spec.name for spec in self.kind.specs.values() if spec.source] if resource.ignore else []
        return any(ignores(resource.ignore, name) for name in (*self._fixed, *sources))

    def _held(self, content: Container[str]) -> Iterator[Held]:
        """Objects of ours whose address has no need of them, if it has one still; and what they are known by."""
        named = {resource.id for resource in self.wanted.values()}
        recorded = [(address, live) for id, address in self.holder.items() if (live := self.objects.get(id))]
        stamped = [(address, live) for address, lives in self.stamped.items() for live in lives]
        for address, live in (*recorded, *(it for it in stamped if it[1].id not in self.holder)):
            resource = self.wanted.get(address)
            stays = address in content or (resource is not None and self._is_bound(resource))
            # What failed is made anew wherever it stands, and what an `id:` names has its address.
            if stays or live.id in named or live.status is Status.FAILED or not self._is_free(live):
                continue
            if live.id not in self.holder and self._is_anothers(live):
                continue
            if signs := self._signs(live.parent_id, live.fields, identity_of(self.kind, live, self.rows.get(address))):
                yield Held(address, live, signs[0])

    def _is_recorded(self, held: Held) -> bool:
        row = self.rows.get(held.address)
        return row is not None and row.id == held.live.id

    def _displace(self, row: Recorded) -> None:
        """Its address has another object now, and nothing that is declared is this one."""
        if live := self.objects.get(row.id):
            self.claims.displace(replace(row, parent_id=live.parent_id))
        else:
            self.claims.gone.append(row)

    def _by_identity(self, address: str, resource: Resource) -> bool:
        if resource.id is not None:
            self._by_id(address, resource, resource.id)
            return True
        row = self.rows.get(address)
        if row and (live := self.objects.get(row.id)) and self._is_free(live):
            self._take(address, live)
            return True
        return False

    def _by_id(self, address: str, resource: Resource, id: str) -> None:
        """Exactly the object that `id:` names."""
        live, holder = self.objects.get(id), self.holder.get(id, address)
        if live is None:
            self.claims.problems.append((address, f"there is no {self.name} with id {id} in the account"))
        elif holder != address and holder in self.wanted:
            self.claims.problems.append((address, f"{self.name} {id} is that of {holder}; one object has one address"))
        # An `id:` agrees to adopt what is unmanaged, not to take what another stack has marked.
        elif live.stamp and standing(self.stack, live.stamp) is Standing.FOREIGN and not resource.external:
            self._refuse_foreign(address, live)
        elif holder != address and not resource.external:
            self._move(address, holder, live)
        else:
            self.claims.take(address, live)
            ours = id in self.holder or self._is_of_our_name(live)
            if not resource.external and not ours:
                self.claims.adopted.add(address)

    def _take(self, address: str, live: Live) -> None:
        """The object is this address's; if another stack of our name may have made it, that is noted. What is recorded
        is another's only if its own stamp says so: anybody may put things into an index of ours."""
        self.claims.take(address, live)
        if self.wanted[address].external or (live.stamp is None and self.claims.known.has(self.name, live.id)):
            return
        if (id := self.owners.other_id(live)) and not agreed(self.rows.get(address), live):
            self.claims.unproven[address] = id

    def _is_of_our_name(self, live: Live) -> bool:
        return self.owners.standing(live) not in (None, Standing.FOREIGN)

    def _by_stamp(self, address: str) -> bool:
        lives = [live for live in self.stamped.get(address, ()) if self._is_free(live)]
        if lives and not self.has_stamps:
            lives = self._of_that_name(address, lives)
        if not lives:
            return False
        chosen = lives[0] if len(lives) == 1 else min(lives, key=lambda live: self._likeness(address, live))
        self._take(address, chosen)
        if (key := self.owners.mark(chosen)) and key != address:
            self.claims.move(address, key)
        return True

    def _likeness(self, address: str, live: Live) -> tuple[Any, ...]:
        """Of several that carry the stamp of an address, as after a replacement that was cut short, the least is meant:
        what is ours for certain and nearest to what is declared; of two that are the same, the older."""
        resource = self.wanted[address]
        declared = {name: spec for name, spec in self.kind.specs.items() if name in resource.fields and not spec.source}
        unlike = [
            not same(spec, self._to_id(spec, resource.fields[name]), live.fields.get(name))
            for name, spec in declared.items()
            if not spec.identity
        ]
        natural = set(self._signs_of_wanted(address)) & set(self._signs(live.parent_id, live.fields, None))
        return (
            self.owners.standing(live),
            live.stamp is not None and live.stamp.content != resource.fields.get(self.kind.identity_name),
            live.parent_id != self._parent_id(address),
            bool(self.kind.natural_key) and not natural,
            has_deposed_name(live),
            sum(unlike),
            live.status is Status.FAILED,
            str(live.facts.get("created_at", "")),
            live.id,
        )

    def _of_that_name(self, address: str, lives: list[Live]) -> list[Live]:
        """Of those whose children carry our stamp the one with the right name; none if something else has the name."""
        signs = self._signs_of_wanted(address)
        exact = [live for live in lives if set(signs) & set(self._signs(live.parent_id, live.fields, None))]
        taken = any(sign in self._free for sign in signs)
        return exact or ([] if taken else lives)

    @cached_property
    def _free(self) -> dict[Any, list[Live]]:
        """Natural key → objects that had no address when it was first asked for."""
        free: dict[Any, list[Live]] = {}
        for live in self.objects.values():
            if self._is_free(live):
                for sign in self._signs(live.parent_id, live.fields, None):
                    free.setdefault(sign, []).append(live)
        return free

    def _parent_id(self, address: str) -> str | None:
        parent = parent_of(address)
        return self.claims.id_of(parent) if parent else None

    def _by_move(self, open_: list[str]) -> list[str]:
        """Ours without an address now, against declared without an object: the same thing under a new name."""
        orphans: dict[Any, list[tuple[str, Live]]] = {}
        for old, live in self._orphans():
            for sign in self._signs(live.parent_id, live.fields, identity_of(self.kind, live, self.rows.get(old))):
                orphans.setdefault(sign, []).append((old, live))
        left = []
        wanted = {address: self._signs_of_wanted(address) for address in open_}
        rivals: dict[Any, int] = {}
        for signs in wanted.values():
            for sign in signs:
                rivals[sign] = rivals.get(sign, 0) + 1
        for address, signs in wanted.items():
            # Where two addresses could have been it nobody guesses: a wrong guess puts a video under a wrong name.
            found = next((orphans[sign] for sign in signs if sign in orphans and rivals[sign] == 1), [])
            found = [(old, live) for old, live in found if self._is_free(live)]
            if len(found) == 1 and not self.wanted[address].external:
                self._move(address, *found[0])
            else:
                left.append(address)
        return left

    def _move(self, address: str, old: str, live: Live) -> None:
        self._take(address, live)
        self.claims.move(address, old)
        if row := self.rows.pop(old, None):
            self.rows[address] = replace(row, address=address)

    def _orphans(self) -> Iterable[tuple[str, Live]]:
        for id, address in self.holder.items():
            if address not in self.wanted and (live := self.objects.get(id)):
                yield address, live
        for address, lives in self.stamped.items():
            for live in lives:
                if address not in self.wanted and live.id not in self.holder and not self._is_anothers(live):
                    yield address, live

    def _is_anothers(self, live: Live) -> bool:
        """Whether another stack of our name has made it: certain only when we know our own id."""
        return self.stack.id is not None and self.owners.standing(live) is Standing.CLAIMED

    def _signs_of_wanted(self, address: str) -> list[Any]:
        resource = self.wanted[address]
        parent_id = self._parent_id(address)
        # Its parent is still to be made, so nothing that is there can live in it.
        if parent_of(address) and parent_id is None:
            return []
        specs = ((name, self.kind.specs[name]) for name in self.kind.natural_key)
        fields = {name: self._to_id(field, resource.fields.get(name)) for name, field in specs}
        return self._signs(parent_id, fields, resource.fields.get(self.kind.identity_name))

    def _to_id(self, field: Field, value: Any) -> Any:
        if field.ref and isinstance(value, list | tuple):
            return [self.claims.id_of(address) for address in value]
        return self.claims.id_of(value) if field.ref and isinstance(value, str) else value

    def _signs(self, parent_id: str | None, fields: Mapping[str, Any], identity: str | None) -> list[Any]:
        """What an object can be known by: its bytes, its natural key."""
        signs: list[Any] = []
        if identity is not None:
            signs.append((parent_id, "identity", identity))
        key = tuple(fields.get(name) for name in self.kind.natural_key)
        # An empty name names nothing: all objects without one would be the same.
        if key and all(value not in (None, "") for value in key):
            signs.append((parent_id, "key", key))
        return signs

    def _by_nature(self, open_: list[str]) -> None:
        for address in open_:
            for sign in self._signs_of_wanted(address):
                if sign[1] == "key" and sign in self._free:
                    self._choose(address, [live for live in self._free[sign] if self._is_free(live)])

    def _choose(self, address: str, lives: list[Live]) -> None:
        """One of these may be what the address means: ours by its children, unmanaged, or another stack's."""
        ours = [live for live in lives if self._is_of_our_name(live)]
        unmanaged = [live for live in lives if not self.owners.of(live)]
        resource = self.wanted[address]
        # What is only looked up may be anybody's.
        if resource.external:
            ours, unmanaged = [], lives
        if len(ours or unmanaged) > 1:
            ids = " and ".join(sorted(live.id for live in ours or unmanaged))
            self.claims.problems.append((address, f"several objects have its name ({ids}); say which by `id:`"))
        elif ours:
            self._take(address, ours[0])
        elif unmanaged:
            self.claims.take(address, unmanaged[0])
            if not resource.external and not self._was_making(address):
                self.claims.adopted.add(address)
        # The API would refuse the create anyway: better said in the plan than halfway through an apply.
        elif lives and self.kind.unique:
            self._refuse_foreign(address, lives[0])

    def _was_making(self, address: str) -> bool:
        """Whether a run was replacing it: then what has the name is ours, though nothing in it says so yet."""
        return any(map(has_deposed_name, self.stamped.get(address, ())))

    def _refuse_foreign(self, address: str, live: Live) -> None:
        owner = ", ".join(sorted(self.owners.of(live)))
        what = f"{self.name} {live.id} belongs to the stack {owner!r}"
        self.claims.problems.append((address, f"{what}; rename yours, or let go of it there first"))
