"""What is gone of a list, found by places: halving over the pages of an order that nobody can change, as far as needed.

Where a known object stands as many places further up as there are objects missing, all of them are before it. In a
stretch where nothing is needed it is enough to know how many are gone; where few are needed they are asked for by
their ids, if that is fewer requests. A page says one bit of an object that is gone, so k of them in n pages take about
k·log2(n/k) requests, and no way to ask for pages takes fewer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Collection, Container, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise

from reconciler.frozen import dataclass
from reconciler.model import Live

__all__ = ["Gone", "Halving"]

ReadPages = Callable[[Collection[int]], Awaitable[Mapping[int, Sequence[Live]] | None]]
"""Objects of each of these pages; None when they do not hold together."""
ReadIds = Callable[[Collection[str]], Awaitable[Mapping[str, Live]]]
"""Those of these objects that are there."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What is not there any more."""

    missing: frozenset[str]
    doubtful: frozenset[str] = frozenset()
    """Of these some more are gone, and it was not asked which: nobody needs them."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What is between two places of which it is known what stands there."""

    low: int
    high: int
    """Places in the list."""
    before: int
    after: int
    """Places of the same two in what was expected."""

    @property
    def gone(self) -> int:
        """How many that were expected are not there; below nothing when there are too many."""
        return (self.after - self.before) - (self.high - self.low)

    @property
    def is_open(self) -> bool:
        """Whether some are gone and some are there."""
        return self.gone > 0 and self.high - self.low > 1

    @property
    def key(self) -> tuple[int, int]:
        return self.before, self.after


class Halving:
    """One list in which something is gone: `ids` is what was expected, in its order, `total` how many there are.

    `needed` are those of which it must be known, `others` those of which it need not; the rest is known to be there.
    """

    def __init__(
        self,
        ids: Sequence[str],
        total: int,
        limit: int,
        needed: Container[str],
        others: Container[str],
        requests: Callable[[int], int],
    ) -> None:
        self.requests = 0
        self._ids, self._limit, self._requests_for = ids, limit, requests
        self._places = {id: at for at, id in enumerate(ids)}
        self._found = {-1: -1, total: len(ids)}  # place in the list → place in what was expected
        self._is_needed, self._is_other = needed, others
        self._needed = list(accumulate((id in needed for id in ids), initial=0))  # how many of the first n are
        self._others = list(accumulate((id in others for id in ids), initial=0))
        self._asked = dict[tuple[int, int], frozenset[str]]()
        """Stretches of which all that is needed was asked for, with what of it is gone."""

    async def run(self, pages: ReadPages, by_id: ReadIds, most: int) -> Gone | None:
        """None when the places do not tell, or not with so many requests."""
        while todo := [it for it in self._stretches() if self._is_unclear(it)]:
            ask = [it for it in todo if self._requests_for(self._count(it)) <= self._by_halving(it)]
            numbers = {self._middle(it) for it in todo if it not in ask}
            self.requests += len(numbers) + sum(self._requests_for(self._count(it)) for it in ask)
            if self.requests > most:
                return None
            wanted = {it.key: [id for id in self._of(it) if id in self._is_needed] for it in ask}
            there = await by_id([id for ids in wanted.values() for id in ids]) if wanted else {}
            self._asked |= {key: frozenset(ids) - there.keys() for key, ids in wanted.items()}
            read = await pages(numbers) if numbers else {}
            if read is None or not self._take(read):
                return None
        return self._result()

    def _take(self, read: Mapping[int, Sequence[Live]]) -> bool:
        """Note where what was read stands; whether all stand in the order in which they are expected."""
        for number, objects in read.items():
            if any(live.id not in self._places for live in objects):
                return False
            first = (number - 1) * self._limit
            self._found |= {first + at: self._places[live.id] for at, live in enumerate(objects)}
        return all(it.gone >= 0 for it in self._stretches())

    def _result(self) -> Gone | None:
        missing, doubtful = set[str](), set[str]()
        for it in self._stretches():
            inside = set(self._of(it)) if it.gone else set()
            if not it.is_open:
                missing |= inside
                continue
            asked = self._asked.get(it.key, frozenset())
            if len(asked) > it.gone:
                return None
            missing |= asked
            if len(asked) < it.gone:
                doubtful |= {id for id in inside if id in self._is_other}
        return Gone(frozenset(missing), frozenset(doubtful))

    # Stretches

    def _stretches(self) -> Iterator[_Stretch]:
        for (low, before), (high, after) in pairwise(sorted(self._found.items())):
            if after - before > 1 or high - low > 1 or after < before:
                yield _Stretch(low, high, before, after)

    def _is_unclear(self, it: _Stretch) -> bool:
        return it.is_open and self._count(it) > 0 and it.key not in self._asked

    def _of(self, it: _Stretch) -> Sequence[str]:
        return self._ids[it.before + 1 : it.after]

    def _count(self, it: _Stretch) -> int:
        """How many in it are needed."""
        return self._needed[it.after] - self._needed[it.before + 1]

    def _by_halving(self, it: _Stretch) -> int:
        """How many pages have to be read to find all that are gone in it, at about the most."""
        pages = -(-(it.high - it.low - 1) // self._limit)
        return min(pages, it.gone * max(pages // it.gone, 1).bit_length())

    def _middle(self, it: _Stretch) -> int:
        """The page in the middle of what is not needed, as others delete that; of all, where everything is needed."""
        first, end = it.before + 1, it.after
        at = (first + end) // 2
        if others := self._others[end] - self._others[first]:
            half = self._others[first] + others // 2
            at = first + bisect_right(range(first, end), half, key=lambda n: self._others[n + 1])
        place = it.low + 1 + (at - first) * (it.high - it.low - 1) // (end - first)
        return place // self._limit + 1
