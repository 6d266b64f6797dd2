"""Addresses for which more than one object was made, and which of them stays. Pure.

Two checkouts that each keep a state of their own do not know of each other: what both make, they make twice. Nobody but
their people can say which is the right one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from reconciler.errors import Refused
from reconciler.frozen import dataclass
from reconciler.kinds import Kinds
from reconciler.model import Live, Recorded, Snapshot, Stack
from reconciler.ownership.claims import Claims, row_from
from reconciler.ownership.owners import STAMPED_BY, Owners, Standing

__all__ = ["Twins", "listed", "resolved", "twins"]

WAYS = ("recorded", "oldest", "newest")


@dataclass(frozen=True, slots=True)
class Twins:
    """One address, the object that it has here, and all others that carry its stamp."""

    address: str
    here: Live
    others: tuple[Live, ...]

    @property
    def all(self) -> tuple[Live, ...]:
        """The oldest first."""
        return tuple(sorted((self.here, *self.others), key=_age))


def _age(live: Live) -> tuple[str, str]:
    return str(live.facts.get("created_at", "")), live.id


def twins(stack: Stack, kinds: Kinds, claims: Claims, snapshot: Snapshot) -> list[Twins]:
    """All addresses of which the account has more than one object under our name, whatever the id."""
    owners = Owners(stack, kinds, snapshot)
    # The old object of a replacement is no duplicate: the plan deletes it anyway.
    deposed = {(row.kind, row.id) for row in claims.deposed if not claims.never_made(row.kind, row.id)}
    found: dict[tuple[str, str], list[Live]] = {}
    for kind, objects in snapshot.by_kind.items():
        for live in objects.values():
            address = owners.mark(live)
            ours = owners.standing(live) in (Standing.OURS, Standing.UNNUMBERED, Standing.CLAIMED)
            if address and ours and live.in_flight is None and (kind, live.id) not in deposed:
                found.setdefault((kind, address), []).append(live)
    result = []
    for (kind, address), lives in sorted(found.items()):
        here = claims.live.get(address)
        others = [live for live in lives if here is not None and live.id != here.id]
        if here is not None and here.kind == kind and others and not stack.resources[address].external:
            result.append(Twins(address, here, tuple(others)))
    return result


def listed(found: Iterable[Twins]) -> Iterator[str]:
    """For people."""
    for one in found:
        yield f"{one.address}: {len(one.all)} objects"
        for live in one.all:
            made = f", made {live.facts['created_at']}" if "created_at" in live.facts else ""
            whose = f", of the stack id {live.stamp.stack_id}" if live.stamp and live.stamp.stack_id else ""
            yield f"  {live.id}{'  (this one is used here)' if live.id == one.here.id else ''}{made}{whose}"


def resolved(found: Sequence[Twins], keep: Collection[str], kinds: Kinds, claims: Claims) -> list[Recorded]:
    """What is to be recorded so that one of each stays and the others go. Raises Refused if that is not said of all."""
    ids = {live.id for one in found for live in one.all}
    wrong = [word for word in keep if word not in WAYS and word not in ids]
    if wrong:
        raise Refused([f"--keep {word}: no duplicate has this id; say an id, or {', '.join(WAYS)}" for word in wrong])
    rows: list[Recorded] = []
    unsaid: list[str] = []
    for one in found:
        kept = _kept(one, keep)
        if kept is None:
            unsaid.append(f"{one.address}: say which of its objects stays, with one --keep")
            continue
        if kept.id != one.here.id or one.address not in claims.rows:
            rows.append(_meant(row_from(kinds[kept.kind], one.address, kept, claims), kept))
        gone = (live for live in one.all if live.id != kept.id)
        rows += [_meant(Recorded(one.address, it.kind, it.id, {}, it.parent_id, deposed=True), it) for it in gone]
    if unsaid:
        raise Refused(unsaid)
    return rows


def _kept(one: Twins, keep: Collection[str]) -> Live | None:
    named = [live for live in one.all if live.id in keep]
    # Two ids of one address were named: that says nothing.
    if len(named) > 1:
        return None
    if named:
        return named[0]
    choices = {"recorded": one.here, "oldest": one.all[0], "newest": one.all[-1]}
    said = [choices[word] for word in WAYS if word in keep]
    return said[0] if said and all(live.id == said[0].id for live in said) else None


def _meant(row: Recorded, live: Live) -> Recorded:
    """The row, saying that this object is meant whoever has stamped it."""
    id = live.stamp.stack_id if live.stamp else None
    return replace(row, fields={**row.fields, STAMPED_BY: id}) if id else row
