"""Logical names out of the names that people gave: short, unique, the same in each export. Pure."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["Names", "slug"]

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
LONGEST = 60


def slug(name: str) -> str:
    """`LeBron James` → `lebron-james`; '' when nothing of it can stand in a key."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._]+", "-", letters)[:LONGEST].strip("-._")


class Names:
    """Hands out addresses; each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take_as_it_is(self, prefix: str, address: str) -> bool:
        """Whether exactly this address could be had, and stands where it should."""
        fits = address.startswith(prefix) and KEY.fullmatch(address[len(prefix) :]) is not None
        if not fits or address in self._taken:
            return False
        self._taken.add(address)
        return True

    def take(self, prefix: str, wish: str, kind: str) -> str:
        """The address with the key that is wished for, or the next that is free: `final-2`."""
        key = wish if KEY.fullmatch(wish) and wish.lower() == wish else slug(wish) or kind.lower()
        address, number = prefix + key, 1
        while address in self._taken:
            number += 1
            address = f"{prefix}{key}-{number}"
        self._taken.add(address)
        return address
