"""Which live object each address means, and whose every object is. Pure.

An object is ours when it is recorded, or stamped by this stack. In that order an address claims: the object that its
`id:` names, the one recorded for it, the one stamped with it, one of ours that lost its address and has the same
content or natural key (a move), and last one with its natural key that is unmanaged (an adoption: needs consent).
What has no place for a stamp is ours if its children carry ours. Everything else is foreign: counted, never touched.

A stamp with our name and an id that our state does not know proves nothing: another stack may have the name. What is
declared is found by it, and what is not declared is listed; that either is touched needs consent (docs/decisions).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.kinds import Kinds
from reconciler.model import Live, Recorded, Snapshot, Stack, by_kind
from reconciler.ownership.account import Belonging, belonging
from reconciler.ownership.claims import (
    Claims,
    RecordedIds,
    Renames,
    addresses_of,
    declared_address,
    deposed_address,
    deposed_name,
    has_deposed_name,
    next_address,
    next_name,
    next_root,
    row_from,
)
from reconciler.ownership.flights import assign
from reconciler.ownership.identity import identity_of
from reconciler.ownership.letting_go import LettingGo
from reconciler.ownership.match import Matching
from reconciler.ownership.owners import Owners, Standing, agreed, is_of, standing, whose
from reconciler.ownership.unchanged import claim_unchanged
from reconciler.redact import without_known

__all__ = [
    "Belonging",
    "Claims",
    "Standing",
    "addresses_of",
    "belonging",
    "claim",
    "declared_address",
    "deposed_address",
    "deposed_name",
    "has_deposed_name",
    "identity_of",
    "is_of",
    "next_address",
    "next_name",
    "next_root",
    "row_from",
    "standing",
    "whose",
]


def claim(stack: Stack, kinds: Kinds, recorded: Iterable[Recorded], snapshot: Snapshot) -> Claims:
    """Who is who. Problems (two of one, foreign by stamp, no such id) are collected in the answer, not raised."""
    recorded = list(recorded)
    claims = Claims(known=RecordedIds(recorded), recorded=bool(recorded))
    renames = Renames(stack.moved, stack.resources)
    rows: dict[str, Recorded] = {}
    deposed: list[Recorded] = []
    for row in recorded:
        if row.deposed:
            deposed.append(row)
            claims.depose(row)
        else:
            rows[row.address] = row
    # Renamed first: whether a row is still declared is asked under its address of now.
    _rename(rows, renames, claims)
    _let_go_of_taken(stack, rows, claims, snapshot)
    assign(stack, kinds, claims, rows, renames, snapshot)
    wanted = by_kind(stack.resources.values())
    claim_unchanged(stack, kinds, wanted, claims, rows, snapshot)
    owners = Owners(stack, kinds, snapshot)
    for kind in kinds:
        # In the order of references: what a natural key refers to must have its id when the key is compared.
        mine = wanted.get(kind.__name__, ())
        if any(it.address not in claims.unchanged for it in mine):
            by_address = {it.address: it for it in mine}
            Matching(stack, kind, by_address, claims, rows, renames, snapshot, owners).run()
    _Rest(stack, claims, snapshot, owners).sort(rows, deposed)
    return claims


def _rename(rows: dict[str, Recorded], renames: Renames, claims: Claims) -> None:
    """Rows under the addresses of now. An address that has a row of its own is not moved to."""
    if not renames:
        return
    for old in list(rows):
        new = renames(old)
        if new != old and new not in rows:
            rows[new] = replace(rows.pop(old), address=new)
            claims.move(new, old)


def _let_go_of_taken(stack: Stack, rows: dict[str, Recorded], claims: Claims, snapshot: Snapshot) -> None:
    """A recorded object that carries another stack's stamp by now is that stack's: said if it is still declared.

    Of one of our own name that is said by `claims.unproven`: it can be had back by consent.
    """
    for address, row in list(rows.items()):
        live = snapshot.get(row.kind, row.id)
        # Without a stamp nothing is taken away: people strip metadata, and what is recorded stays ours.
        if live is None or live.stamp is None or is_of(stack, live.stamp) or agreed(row, live):
            continue
        resource = stack.resources.get(address)
        if resource is None:
            claims.gone.append(replace(rows.pop(address), address=claims.moved.get(address, address)))
            claims.taken_away[address] = whose(live.stamp)
        elif not resource.external and standing(stack, live.stamp) is Standing.FOREIGN:
            claims.problems.append(
                (address, f"{row.kind} {row.id} carries the stamp of {_other(live)} now; {WHAT_TO_DO}")
            )


WHAT_TO_DO = "take the stamp off it, or let go of it here (`removed:`)"


def _other(live: Live) -> str:
    assert live.stamp is not None
    return f"the stack {whose(live.stamp)!r}"


class _Rest:
    """What no address claimed: ours to delete or to let go, rows of what is gone, and the foreign."""

    def __init__(self, stack: Stack, claims: Claims, snapshot: Snapshot, owners: Owners) -> None:
        self.stack, self.claims, self.snapshot, self.owners = stack, claims, snapshot, owners
        self.letting_go = LettingGo(stack.removed)

    def sort(self, rows: Mapping[str, Recorded], deposed: Iterable[Recorded]) -> None:
        """Put each into one of the lists of the claims."""
        # Rows before objects: what a row is about is taken, and only what is left can be foreign.
        for address, row in rows.items():
            if address not in self.claims.unchanged:
                self._row(address, row)
        for row in deposed:
            live = self.snapshot.get(row.kind, row.id)
            if live and not self._was_taken(row, live):
                self.claims.deposed.append(replace(row, parent_id=live.parent_id))
            else:
                self.claims.gone.append(row)
        for kind, objects in self.snapshot.by_kind.items():
            for live in objects.values():
                if not self.claims.has_taken(kind, live.id):
                    self._unclaimed(kind, live)
        claims = self.claims
        claims.problems += self.letting_go.problems(claims.orphans)

    def _was_taken(self, row: Recorded, live: Live) -> bool:
        """Whether an old object carries another's stamp now: not that with which it was recorded."""
        return live.stamp is not None and not is_of(self.stack, live.stamp) and not agreed(row, live)

    def _row(self, address: str, row: Recorded) -> None:
        claims = self.claims
        live = self.snapshot.get(row.kind, row.id)
        claimed = claims.live.get(address)
        if claimed is not None or (live is None and address in self.stack.resources):
            claims.rows[address] = row
            # By `id:`, or after a replacement that was cut short, the address means another one: this is the old one.
            if live and claimed and claimed.id != live.id and not claims.has_taken(row.kind, row.id):
                claims.depose(row)
                claims.deposed.append(replace(row, parent_id=live.parent_id, deposed=True))
        elif live is None:
            # Asked for its effect: the entry under `removed:` that means this one has done what it is for.
            self.letting_go.has(address)
            claims.gone.append(row)
        elif not claims.has_taken(row.kind, row.id):
            self._leave(address, row, live)
        elif self._is_external(claims.addresses.get((row.kind, row.id), "")):
            claims.forgotten[address] = replace(row, parent_id=live.parent_id)

    def _is_external(self, address: str) -> bool:
        return address in self.stack.resources and self.stack.resources[address].external

    def _leave(self, address: str, row: Recorded, live: Live) -> None:
        claims = self.claims
        claims.addresses.put(row.kind, row.id, address)
        keep = self.letting_go.has(address)
        (claims.forgotten if keep else claims.orphans)[address] = replace(row, parent_id=live.parent_id)

    def _unclaimed(self, kind: str, live: Live) -> None:
        id = self.owners.other_id(live)
        # Without an id of our own the state was lost, and what has our name may well be ours.
        if id and self.stack.id:
            self.claims.namesakes.setdefault(id, []).append(live)
        if (address := self.owners.mark(live)) and not (id and self.stack.id):
            self._stray(address, live)
        else:
            self.claims.foreign.setdefault(kind, []).append(live)

    def _stray(self, address: str, live: Live) -> None:
        """Marked by us, in no row: of a run whose state is lost. A second one of an address is an old version."""
        claims = self.claims
        row = Recorded(address, live.kind, live.id, without_known(live.fields), live.parent_id)
        # An interrupted replacement leaves two of one address; the one that no address claimed is the old one.
        if address in self.stack.resources or address in claims.orphans:
            claims.depose(row)
            claims.deposed.append(replace(row, deposed=True))
        else:
            self._leave(address, row, live)
