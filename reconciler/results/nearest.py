"""The nearest of some sets: every vector is compared, by its cosine, with the one that is asked for.

Nothing is approximated, so the answer is that of the vectors and of no way to search them, and every store has it: its
rows are read once, and held. numpy is imported when there is something to compare.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.errors import StoreError, how_to_install
from reconciler.frozen import dataclass
from reconciler.results.rows import Rows

__all__ = ["Near", "Vectors"]

CLIP: Final = "clip"
DIGITS: Final = 6
"""Of a cosine: further ones are the processor's, and equal vectors would come in its order."""
FARTHEST: Final = -2.0
"""Less than any cosine."""


@dataclass(frozen=True, slots=True)
class Near:
    """Some seconds of what a set was made of; all of it, where rows say no time."""

    address: str
    """The set's."""
    start: float
    end: float
    text: str = ""


class Vectors:
    """Of the sets of one entry, by their addresses. StoreError when numpy is missing."""

    def __init__(self, sets: Mapping[str, Rows]) -> None:
        self._numbers = numbers = _numpy()
        usable = {address: rows for address, rows in sets.items() if rows.dim and len(rows)}
        rows = [(address, row) for address, its in usable.items() for row in _that_count(its)]
        nears = [_near(usable[address], address, row) for address, row in rows]
        self._nears = sorted(set(nears), key=lambda it: (it.address, it.start, it.end, it.text))
        number_of = {near: number for number, near in enumerate(self._nears)}
        self._of = numbers.asarray([number_of[near] for near in nears], dtype="<i8")
        """For each vector the number of its clip, of which there are several: of what is seen and of what is heard."""
        self._options = [usable[address].cells["option"][row] or "" for address, row in rows]
        flat = numbers.frombuffer(b"".join(usable[address].vector(row) for address, row in rows), dtype="<f4")
        self._matrix = _normed(numbers, flat.reshape(len(rows), -1)) if rows else None

    @property
    def options(self) -> list[str]:
        """What of the media there are vectors of; those of texts and images are of nothing."""
        return sorted({*self._options} - {""})

    def nearest(self, vector: Sequence[float], options: Collection[str] = ()) -> Iterator[Near]:
        """Clips, the nearest first; of equal ones by address and time. A clip is as near as the nearest of its vectors.
        `options` are the only ones that count, if any."""
        if self._matrix is None:
            return
        numbers = self._numbers
        cosines = numbers.round(self._matrix @ _normed(numbers, numbers.asarray([vector], dtype="<f4"))[0], DIGITS)
        counts = numbers.asarray([not options or option in options for option in self._options])
        best = numbers.full(len(self._nears), FARTHEST, dtype="<f4")
        numbers.maximum.at(best, self._of[counts], cosines[counts])
        for number in numbers.argsort(-best, kind="stable"):
            if best[number] > FARTHEST:
                yield self._nears[number]


def _near(rows: Rows, address: str, row: int) -> Near:
    cells = rows.cells
    return Near(address, cells["start_sec"][row] or 0.0, cells["end_sec"][row] or 0.0, cells["text"][row] or "")


def _that_count(rows: Rows) -> list[int]:
    """The clips; all rows where there are none: a vector of the whole would compete with those of its parts."""
    clips = [number for number, scope in enumerate(rows.cells["scope"]) if scope == CLIP]
    return clips or list(range(len(rows)))


def _normed(numbers: Any, rows: Any) -> Any:
    """Each of length one; what has no direction stays nothing, and is near to nothing."""
    lengths = numbers.linalg.norm(rows, axis=1, keepdims=True)
    return rows / numbers.where(lengths == 0, 1, lengths)


def _numpy() -> Any:
    try:
        import numpy
    except ImportError as error:
        raise StoreError(f"to search vectors a package is missing: {how_to_install('checks')}") from error
    return numpy
