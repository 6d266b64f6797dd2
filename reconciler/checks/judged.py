"""Which hits of a search are what was expected. Pure.

A search gives clips; what is expected are assets, or parts of them. So a hit is not right or wrong by its id: it counts
for the best expectation that it fits and that no hit before it has found. Further clips of what is found already are
dropped, for they are neither right nor wrong; what fits nothing is a miss and takes its place in the order.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.frozen import dataclass
from reconciler.model import Expectation, Fit, Match

__all__ = ["Hit", "Judged", "judged"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One of what a search found, in its order."""

    asset: str
    """The name of the asset, or the platform's id of one that is not this stack's."""
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Judged:
    """One query's hits: `order` holds for each that counts the number of what it found, or None for a miss."""

    order: tuple[int | None, ...]
    by_hit: tuple[int | None, ...]
    """For each hit, also those that are dropped, the number of the expectation that it fits best; None for a miss."""
    grades: tuple[int, ...]
    """Of each expectation."""

    @property
    def missed(self) -> tuple[int, ...]:
        """Numbers of the expectations that nothing has found."""
        return tuple(number for number in range(len(self.grades)) if number not in self.order)


def share(match: Match, hit: Hit, expected: Expectation) -> float:
    """How well a hit fits, from 0 to 1; anything of the asset fits an expectation without a time."""
    if hit.asset != expected.asset:
        return 0.0
    if expected.start is None and expected.end is None:
        return 1.0
    start, end = expected.start or 0.0, float("inf") if expected.end is None else expected.end
    common = max(0.0, min(hit.end, end) - max(hit.start, start))
    length = hit.end - hit.start
    if length <= 0:  # a moment is inside, or it is not
        return float(start <= hit.start <= end)
    if match.fit is Fit.COVERED:
        return common / length
    return common / (length + (end - start) - common)


def judged(hits: Sequence[Hit], expected: Sequence[Expectation], match: Match, k: int) -> Judged:
    """The first `k` hits against what is expected. Of two expectations that one hit fits, the one that it fits better
    is meant, then the one with the higher grade, then the one that is declared first."""
    order: list[int | None] = []
    by_hit: list[int | None] = []
    found: set[int] = set()
    for hit in hits[:k]:
        shares = [share(match, hit, it) for it in expected]
        fits = [number for number, share in enumerate(shares) if share >= match.least and share > 0]
        fits.sort(key=lambda number: (-shares[number], -expected[number].grade, number))
        new = next((number for number in fits if number not in found), None)
        by_hit.append(new if new is not None else next(iter(fits), None))
        if new is not None:
            found.add(new)
            order.append(new)
        elif not fits:
            order.append(None)
    return Judged(tuple(order), tuple(by_hit), tuple(it.grade for it in expected))
