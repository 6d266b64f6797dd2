"""A request to this vendor: how its body, its query and its pages are read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import QueryParams

from reconciler.emulator.core.endpoints import Arrival
from reconciler.emulator.core.jsontext import parsed
from reconciler.emulator.core.store import AccountStore, Obj
from reconciler.emulator.mixpeek.options import MixpeekOptions
from reconciler.emulator.mixpeek.problems import Unprocessable, lost

__all__ = ["MixpeekCall", "naive", "new_id", "zoned"]

Sent = TypeVar("Sent", bound=BaseModel)
MOST_IN_PAGE, USUAL_PAGE = 100, 10


@dataclass(slots=True)
class MixpeekCall(Arrival):
    """One request, read."""

    options: MixpeekOptions

    def sent(self, model: type[Sent]) -> Sent:
        """The body, held against what it may be."""
        try:
            return model.model_validate(parsed(self.raw() or b"null"))
        except ValidationError as error:
            raise Unprocessable(
                [
                    {"loc": ["body", *_place(each["loc"])], "msg": each["msg"], "type": each["type"]}
                    for each in error.errors(include_url=False, include_context=False, include_input=False)
                ]
            ) from error
        except ValueError as error:
            raise Unprocessable([{"loc": ["body"], "msg": str(error), "type": "json_invalid"}]) from error

    def number(self, name: str, usual: int, most: int) -> int:
        """A whole number of the query, from 1."""
        given = self.params.get(name)
        if given is None or given == "":
            return usual
        if not (given.isascii() and given.isdigit() and len(given) < 10 and 1 <= int(given) <= most):
            message = f"Input should be a whole number from 1 to {most}"
            raise Unprocessable([{"loc": ["query", name], "msg": message, "type": "int_parsing"}])
        return int(given)

    def flag(self, name: str) -> bool:
        """A flag of the query, off by default."""
        given = self.params.get(name, "false").lower()
        if given not in ("true", "false", "1", "0"):
            message = "Input should be a valid boolean"
            raise Unprocessable([{"loc": ["query", name], "msg": message, "type": "bool_parsing"}])
        return given in ("true", "1")

    def find(self, kind: str, object_id: str) -> Obj:
        """An object by its id, or 404."""
        found = self.store.get(kind, object_id)
        if found is None:
            raise lost(kind, object_id)
        return found

    def page(self, path: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """A numbered page of all these rows, as faults would have it."""
        number, size = self.number("page", 1, 10**6), self.number("page_size", USUAL_PAGE, MOST_IN_PAGE)
        start, total = self.shifted(number, size, len(rows))
        pages = -(-total // size)
        return {
            "results": self.tweaked(list(rows[start : start + size])),
            "pagination": {
                "total": total,
                "page": number,
                "page_size": size,
                "total_pages": pages,
                "next_page": self._link(path, number + 1, size) if number < pages else None,
                "previous_page": self._link(path, number - 1, size) if number > 1 else None,
            },
        }

    def _link(self, path: str, number: int, size: int) -> str:
        query = QueryParams({"page": str(number), "page_size": str(size)})
        return f"{self.base_url}{path}?{query}"


def _place(loc: Sequence[int | str]) -> list[int | str]:
    """Where it is, without the names of models that pydantic puts into the place of a union."""
    return [step for step in loc if step not in ("FilterCondition", "ListFilter")]


def new_id(store: AccountStore) -> str:
    """A UUID (v4) that follows from the seed and the next number."""
    token = store.token(store.next(), 32)
    return f"{token[:8]}-{token[8:12]}-4{token[13:16]}-{'89ab'[int(token[16], 16) % 4]}{token[17:20]}-{token[20:]}"


def naive(seconds: float) -> str:
    """A time as assets show it: in milliseconds, written with six digits, and of no zone."""
    when = datetime.fromtimestamp(round(seconds, 3), UTC).replace(tzinfo=None)
    return when.isoformat(timespec="microseconds")


def zoned(seconds: float) -> str:
    """A time as features show it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
