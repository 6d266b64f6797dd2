"""Collects what is wrong; each thing knows the file and the path in it, and gets line and column only at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from reconciler.errors import Problem
from reconciler.frozen import dataclass
from reconciler.load.sources import TextFile
from reconciler.load.wording import did_you_mean
from reconciler.load.yaml.positions import Path

__all__ = ["MOST_PROBLEMS", "Place", "Problems", "dotted"]

MOST_PROBLEMS: Final = 500
"""Nobody reads more; the rest is counted."""
MOST_COMPARED: Final = 20_000
"""Names that wrong ones are compared with, in all of a run; each takes some twenty microseconds."""


def dotted(path: Path) -> str:
    """`models[0].name`."""
    text = "".join(f"[{word}]" if isinstance(word, int) else f".{word}" for word in path)
    return text.removeprefix(".")


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a file: a path in its YAML, or, where that is known already, a line and a column."""

    source: TextFile | None
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
    """The complaints of one run; `more` is how many are not kept."""

    def __init__(self) -> None:
        self._found: list[tuple[Place, str | None, str]] = []
        self._muted: set[tuple[str, Path]] = set()
        self.more = 0
        self._compared = 0

    def __len__(self) -> int:
        return len(self._found) + self.more

    @property
    def full(self) -> bool:
        """Whether more would only be counted: nobody has to find words for it."""
        return len(self._found) >= MOST_PROBLEMS

    def add(self, place: Place, summary: str, *, address: str | None = None) -> None:
        """One more. Without an address it is what the path in the YAML says."""
        # What follows from a problem that was said would only hide it.
        if self._is_muted(place):
            return
        if self.full:
            self.more += 1
        else:
            self._found.append((place, address, summary))

    def hint(self, word: str, known: Iterable[str]) -> str:
        """`; did you mean "lebron-1"?`, as long as it is worth the work: thousands of names may be wrong at once."""
        if self.full or self._compared > MOST_COMPARED:
            return ""
        candidates = list(known)
        self._compared += len(candidates)
        return did_you_mean(word, candidates)

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
