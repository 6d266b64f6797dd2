"""Where things stand in the answer to a list: its rows, how many there are, and which pages follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.frozen import dataclass
from reconciler.provider import Cursor
from reconciler.wire import Unexpected, below, items, mapping, text, whole

__all__ = ["MOST_IN_PAGE", "MOST_PAGES", "Counts", "Envelope"]

MOST_PAGES = 20_000
"""Pages of one list: a million objects at 50 a page."""
MOST_IN_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Counts:
    """What a page says of the whole list."""

    total: int | None
    """Objects in all."""
    limit: int
    """Objects in a page that is not the last; 0 where pages may be of any length."""
    after: Sequence[Cursor]
    """The pages that follow."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Places in an answer, a dot before each step down; "" where an API says nothing of the kind.

    An API that numbers its pages says how many objects there are (`total`). One that chains them says which page is
    `next`. One that does neither answers with the whole list; with `rows=""` that list is all of the answer.
    """

    rows: str = "data"
    total: str = ""
    limit: str = ""
    pages: str = ""
    next: str = ""

    def rows_of(self, answer: Any) -> list[Any]:
        """The objects of a page. Where nothing else says that there are none, a list that is not there is no empty
        one: what a list lacks is taken for gone."""
        found = _at(answer, self.rows)
        if found is None and not self.total:
            raise Unexpected(self.rows, "null came where a list is due")
        return items(found, self.rows)

    def counts_of(self, answer: Any, asked: int, number: int = 1) -> Counts:
        """What page `number` says of the list, of which `asked` objects a page were asked for. Raises Unexpected when
        its figures contradict each other."""
        total = whole(_at(answer, self.total), self.total) if self.total else None
        told = _at(answer, self.limit) if self.limit else None
        limit = asked if told is None else whole(told, self.limit, least=1)
        if limit > MOST_IN_PAGE:
            raise Unexpected(self.limit, f"more than {MOST_IN_PAGE} objects in a page")
        if self.next or total is None:
            following = _at(answer, self.next) if self.next else None
            after = () if following is None else (_cursor(following, self.next),)
            return Counts(total, 0 if told is None else limit, after)
        return Counts(total, limit, range(number + 1, self._pages(answer, total, limit) + 1))

    def _pages(self, answer: Any, total: int, limit: int) -> int:
        """How many pages there are: as they say, which must be what follows from the other figures."""
        due = -(-total // limit)
        place = self.pages or self.total
        pages = whole(_at(answer, self.pages), self.pages) if self.pages else due
        if due != pages and (due, pages) != (0, 1):
            raise Unexpected(place, f"{total} objects in pages of {limit} are {due} pages, not {pages}")
        if pages > MOST_PAGES:
            raise Unexpected(place, f"more than {MOST_PAGES} pages")
        return pages


def _at(answer: Any, path: str) -> Any:
    """What stands at a place; None if nothing does."""
    place = ""
    for name in path.split(".") if path else ():
        answer, place = mapping(answer, place).get(name), below(place, name)
    return answer


def _cursor(value: Any, where: str) -> Cursor:
    return value if isinstance(value, int) and not isinstance(value, bool) else text(value, where)
