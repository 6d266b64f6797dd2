"""What several addresses are to have and is made once: the others copy it, and so come after. Pure.

What is there already is copied before it is made anew as something else. Of what nobody has yet the first address
makes it. Both say only who comes after whom; what is copied is found when it is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.kinds import Kinds
from reconciler.model import MAKING, Action, Change, Live

__all__ = ["after_whom", "copies"]


Same = tuple[str, str]
"""(kind, what it is)"""


def copies(changes: Iterable[Change], name: str) -> set[str]:
    """Addresses that copy what another one of these changes makes. `name` is the field that says what it is."""
    seen, found = set[Same](), set[str]()
    for change in sorted(changes, key=lambda change: change.address):
        if (same := _wanted(change, name)) is not None:
            found |= {change.address} if same in seen else set()
            seen.add(same)
    return found


def after_whom(kinds: Kinds, changes: Mapping[str, Change], live: Mapping[str, Live]) -> dict[str, list[str]]:
    """address → the addresses that are made before it, of what is kept in a store.

    Who makes anew what stands comes after the new addresses that copy it, and those wait for no other: so nobody
    waits for himself.
    """
    names = {kind.__name__: kind.identity_name for kind in kinds if kind.stored and kind.identity_name}
    wanting: dict[Same, list[Change]] = {}
    for change in sorted(changes.values(), key=lambda change: change.address):
        if (name := names.get(change.kind)) and (same := _wanted(change, name)) is not None:
            wanting.setdefault(same, []).append(change)
    standing = _standing(changes, live, names)
    found: dict[str, list[str]] = {}
    for same, several in wanting.items():
        if (holders := standing.get(same)) is None:
            found |= {later.address: [*found.get(later.address, ()), several[0].address] for later in several[1:]}
            continue
        new = [it.address for it in several if it.action is Action.CREATE]
        found |= {holder: [*found.get(holder, ()), *new] for holder in holders if new}
    return found


def _standing(
    changes: Mapping[str, Change], live: Mapping[str, Live], names: Mapping[str, str]
) -> dict[Same, list[str]]:
    """What there is → the addresses that make it anew as something else. What is mended, as the same, is no source."""
    found: dict[Same, list[str]] = {}
    for address, it in live.items():
        if it.kind not in names or it.in_flight is not None or not (it.stamp and it.stamp.content):
            continue
        same, change = (it.kind, it.stamp.content), changes.get(address)
        if change is None or change.action is not Action.REPLACE:
            found.setdefault(same, [])
        elif _wanted(change, names[it.kind]) != same:
            found.setdefault(same, []).append(address)
    return found


def _wanted(change: Change, name: str) -> Same | None:
    what = change.fields.get(name) if change.action in MAKING else None
    return None if what is None else (change.kind, str(what))
