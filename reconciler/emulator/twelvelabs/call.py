"""A request to this vendor: how its body, its query and its lists are read and written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from reconciler.emulator.core.endpoints import Arrival, Reply
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.core.synthetic import transcript
from reconciler.emulator.twelvelabs.options import Options
from reconciler.emulator.twelvelabs.problems import gone, invalid, malformed_id, not_allowed
from reconciler.emulator.twelvelabs.wire import Fields, Query, SentForm, parse_json

__all__ = ["HEX_ID", "ApiCall", "page_info", "where"]

HEX_ID = re.compile(r"[0-9a-fA-F]{24}")


@dataclass(slots=True)
class ApiCall(Arrival):
    """One request, read."""

    options: Options
    query: Query = field(init=False)

    def __post_init__(self) -> None:
        self.query = Query(self.params)

    def finished(self) -> None:
        """A parameter that nobody read is one that the endpoint does not have."""
        self.query.done()

    def json(self) -> Fields:
        """The body as an object, to be read field by field."""
        return Fields(parse_json(self.raw()))

    def form(self) -> SentForm:
        """The body as a form, to be read part by part."""
        assert isinstance(self.body, FormData)
        return SentForm(self.body)

    def find(self, kind: str, object_id: str, *, parent: Obj | None = None, status: int = 400, prefix: str = "") -> Obj:
        """The object, its status as the clock has it; if it is not there, `status` is what the contract answers.

        `prefix` is that of kinds whose ids are UUIDs, as `ks_`; other ids are 24 hex digits.
        """
        # Before it is looked up: an id that cannot be one is told apart from one that leads nowhere (chosen).
        if not (object_id.startswith(prefix) if prefix else HEX_ID.fullmatch(object_id)):
            raise malformed_id(f"{kind}_id", object_id)
        found = self.store.get(kind, object_id, parent=parent.seq if parent else None)
        if found is None:
            raise self.lost(kind, object_id, status)
        return self.walker.up_to_now(self.store, found)

    def lost(self, kind: str, object_id: str, status: int) -> ApiProblem:
        """What is said of an object that is not in this account."""
        # 403 `read_not_allowed` is what clients saw for an object of another account; gone is another answer.
        return not_allowed(object_id) if self.elsewhere(object_id) else gone(kind, object_id, status)

    def page(self, chosen: Selection, show: Callable[[Obj], Mapping[str, Any]]) -> Reply:
        """A list page in the vendor's envelope."""
        page, limit = self.query.page()
        self.query.done()
        rows, total = self.listed(chosen, page, limit)
        data = [show(obj) for obj in rows]
        return Reply(200, {"data": self.tweaked(data), "page_info": page_info(page, limit, total)})

    def said_in(self, filename: str) -> list[dict[str, Any]]:
        """The transcript of a file; a side-file that cannot be read is told to whoever asks."""
        try:
            return transcript(self.options.transcripts, filename)
        except ValueError as error:
            raise invalid(str(error)) from error


def page_info(page: int, limit: int, total: int) -> dict[str, int]:
    """Where a list stands; no pages at all where there are no rows, which is chosen."""
    return {
        "limit_per_page": limit,
        "page": page,
        "total_page": -(-total // limit),
        "total_results": max(total, 0),
    }


def where(*conditions: tuple[str, tuple[object, ...]] | None) -> tuple[tuple[str, tuple[object, ...]], ...]:
    """The conditions that are there; a filter that was not asked for is None."""
    return tuple(condition for condition in conditions if condition is not None)
