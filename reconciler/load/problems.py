"""Collects what is wrong; each thing knows the file and the path in it, and gets line and column only at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reconciler.errors import Problem
from reconciler.load.marks import Path
from reconciler.load.sources import Source

__all__ = ["Place", "Problems"]


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a file: a path in its YAML, or, where that is known already, a line and a column."""

    source: Source | None
    path: Path = ()
    on_key: bool = False
    line: int = 0
    column: int = 0

    def find(self) -> tuple[str, int, int]:
        """File as the user would type it, line, column."""
        if self.source is None:
            return "", 0, 0
        if self.line or not self.path:
            return self.source.name, self.line, self.column
        return (self.source.name, *self.source.marks().find(self.path, on_key=self.on_key))

    def __str__(self) -> str:
        file, line, column = self.find()
        return f"{file}:{line}:{column}" if line else file


class Problems:
    """The complaints of one run."""

    def __init__(self) -> None:
        self._found: list[tuple[Place, str | None, str]] = []
        self._muted: set[tuple[str, Path]] = set()

    def __len__(self) -> int:
        return len(self._found)

    def add(self, place: Place, summary: str, *, address: str | None = None) -> None:
        """One more. Without an address it is what the path in the YAML says."""
        if not self._is_muted(place):
            self._found.append((place, address, summary))

    def mute(self, place: Place) -> None:
        """Say no more of this value and what is in it: what is wrong with it was said, and the rest would follow."""
        if place.source is not None:
            self._muted.add((place.source.name, place.path))

    def _is_muted(self, place: Place) -> bool:
        if not self._muted or place.source is None:
            return False
        return any((place.source.name, place.path[:end]) in self._muted for end in range(1, len(place.path) + 1))

    def all(self, address_of: Callable[[Path], str]) -> Iterable[Problem]:
        """Each with its position."""
        for place, address, summary in self._found:
            yield Problem(*place.find(), address_of(place.path) if address is None else address, summary)
