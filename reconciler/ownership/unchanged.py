"""What nobody has to think about: declared, recorded and there alike, and marked as it should be. Pure.

By far the most objects of a plan are that. Each of them is looked at here once, against what would make anybody think:
whose it is, which address it has, whether something of it differs. What passes has its address and differs in nothing,
as long as what it lives in and refers to stays; all else is told by the rules of `match` and `diff`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from reconciler.kind import Field, Kind
from reconciler.kinds import Kinds
from reconciler.model import Live, Recorded, Resource, Snapshot, Stack, Status, parent_of
from reconciler.ownership.claims import Claims
from reconciler.values import held, same

__all__ = ["claim_unchanged"]


def claim_unchanged(
    stack: Stack,
    kinds: Kinds,
    wanted: Mapping[str, Sequence[Resource]],
    claims: Claims,
    rows: Mapping[str, Recorded],
    snapshot: Snapshot,
) -> None:
    """Into the claims: all that is unchanged. `wanted` are the declared by kind, `rows` those of addresses of now."""
    doubtful = _in_doubt(stack, rows.values())
    for kind in kinds:  # parents, and what is referred to, first
        objects = snapshot.by_kind.get(kind.__name__)
        # What proves by more than its fields that it is the same is looked at by who knows the proofs.
        if objects and not kind.proofs:
            _Unchanged(stack, kind, claims, doubtful).run(wanted.get(kind.__name__, ()), rows, objects)


def _in_doubt(stack: Stack, rows: Collection[Recorded]) -> set[str]:
    """Ids that more than one address may mean."""
    doubtful = {resource.id for resource in stack.resources.values() if resource.id is not None}
    if len({row.id for row in rows}) < len(rows):  # seldom, and to count takes longer
        doubtful |= {id for id, count in Counter(row.id for row in rows).items() if count > 1}
    return doubtful


class _Unchanged:
    """Those of one kind."""

    def __init__(self, stack: Stack, kind: type[Kind], claims: Claims, doubtful: Collection[str]) -> None:
        self.stack, self.kind, self.claims, self.doubtful = stack, kind, claims, doubtful
        self.must_be_marked = stack.stamps and kind.field_with(lambda field: field.stamped) is not None
        self.specs, self.marked = kind.specs, kind.identity_name
        self.not_compared = {name for name, field in kind.specs.items() if field.source or field.identity}

    def run(self, wanted: Iterable[Resource], rows: Mapping[str, Recorded], objects: Mapping[str, Live]) -> None:
        """Claim what is unchanged."""
        claims, name, usual = self.claims, self.kind.__name__, not self.kind.noted
        for resource in wanted:
            if (row := rows.get(resource.address)) is None or (live := objects.get(row.id)) is None:
                continue
            if resource.ignore or resource.laters or resource.external or resource.id is not None:
                continue
            if live.status is not Status.READY or live.in_flight is not None or live.id in self.doubtful:
                continue
            if row.kind != name or row.protect is not resource.protect or row.failures or not (row.facts or usual):
                continue
            address = resource.address
            if address in claims.moved or address in claims.in_flight or claims.has_taken(name, live.id):
                continue
            if self._is_in_place(address, row, live) and self._is_alike(resource.fields, row.fields, live):
                claims.unchanged.add(address)
                claims.rows[address] = row
                claims.take(address, live)

    def _is_in_place(self, address: str, row: Recorded, live: Live) -> bool:
        """Whether it lives where it should, and carries our marks or none where it can carry none."""
        if live.parent_id != row.parent_id:
            return False
        if self.kind.parent is not None and live.parent_id != self.claims.id_of(parent_of(address) or ""):
            return False
        if (stamp := live.stamp) is None:
            return not (self.must_be_marked and live.detailed)
        if stamp.key != address or stamp.stack != self.stack.name or stamp.stack_id not in (None, self.stack.id):
            return False
        return not self.marked or stamp.content == row.fields.get(self.marked)

    def _is_alike(self, want: Mapping[str, Any], was: Mapping[str, Any], live: Live) -> bool:
        """Whether what is declared is what was recorded, and what is there."""
        if len(want) != len(was):
            return False
        have = live.fields
        for name, value in want.items():
            recorded = was.get(name)
            if recorded is not value and held(recorded, value) is not value:
                return False
            if name in self.not_compared or (there := have.get(name)) is value:
                continue
            field = self.specs[name]
            if field.ref is not None:
                if not self._refers(field, value, there):
                    return False
            elif (live.detailed or not field.detail) and not same(field, value, there):
                return False  # what was not read is not known to differ
        return True

    def _refers(self, field: Field, value: Any, have: Any) -> bool:
        """Whether the ids that are there are those of what is declared, all of it unchanged."""
        id_of = self.claims.id_of
        if not field.many:
            return have is not None and id_of(value) == have
        ids = list(map(id_of, value))
        return None not in ids and (ids == have or sorted(map(str, ids)) == sorted(map(str, have or ())))
