"""Addresses that change hands: files renamed onto each other's names, so that what one address means another has. Pure.

An object is known by what cannot be changed in place: its bytes, or a natural key that is fixed. Where exactly one
address wants that and exactly one object of ours is it, and has no address that wants it, they belong together. Of
several with the same nobody guesses which is which: those stay where they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from reconciler.frozen import dataclass
from reconciler.model import Live

__all__ = ["Held", "traded"]


@dataclass(frozen=True, slots=True)
class Held:
    """An object of ours, the address that it is recorded for or stamped with, and what it is known by."""

    address: str
    live: Live
    sign: Hashable


def traded(wanted: Mapping[str, Hashable | None], held: Iterable[Held]) -> dict[str, Held]:
    """address → the object that it gets from another address."""
    supply: dict[Hashable, list[Held]] = {}
    content: set[str] = set()
    for one in held:
        # What is as its address wants it takes no part: a second address of the same bytes must not get it.
        if wanted.get(one.address) == one.sign:
            content.add(one.address)
        else:
            supply.setdefault(one.sign, []).append(one)
    demand: dict[Hashable, list[str]] = {}
    for address, sign in wanted.items():
        if sign in supply and address not in content:
            demand.setdefault(sign, []).append(address)
    return {
        addresses[0]: supply[sign][0]
        for sign, addresses in demand.items()
        if len(addresses) == 1 and len(supply[sign]) == 1
    }
