"""The three things a family of endpoints is made of: routes, the call they are given, and the reply they give back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.datastructures import FormData, Headers, QueryParams

from reconciler.emulator.options import VINTAGES, Options, Vintage
from reconciler.emulator.problems import Envelope, Problem, gone, malformed_id, not_allowed
from reconciler.emulator.store import Obj, Selection, Store
from reconciler.emulator.walks import Walk, Walker
from reconciler.emulator.wire import Fields, Form, Query, parse_json

__all__ = ["TWELVELABS", "Api", "Call", "Family", "ListTweaks", "Reply", "Route"]

HEX_ID = re.compile(r"[0-9a-fA-F]{24}")


@dataclass(frozen=True, slots=True)
class Api:
    """One vendor's surface: where it lives, how a client shows its key, what every answer carries."""

    prefix: str
    key_header: str | None
    headers: Mapping[str, str] = field(default_factory=dict)


TWELVELABS = Api("/v1.3", "x-api-key", {"X-Api-Version": "1.3"})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is bytes: `body` as JSON, or `chunks` that go out piece by piece.

    Chunks are read when the transaction is over, so they must have all that they need.
    """

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterator[bytes] | None = None
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class ListTweaks:
    """What faults do to a page. `shift` > 0: so many rows came in before it; < 0: so many went."""

    drop: int = 0
    duplicate: int = 0
    shift: int = 0
    keep_total: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `path` is under the prefix, its parameters are those of the vendor with `_` for `-`."""

    method: str
    path: str
    handle: Callable[[Call], Reply]
    body: Literal["none", "json", "form", "raw"] = "none"
    errors: Envelope = "flat"
    bucket: str | None = None
    """The rate-limit bucket, where the vendor marks the endpoint as limited."""
    limited: Envelope = "flat"
    """The envelope of its 429; some are documented to have no body at all."""


@dataclass(frozen=True, slots=True)
class Family:
    """A group of endpoints: routes, how the statuses of its kinds move, and tables of its own if one is not enough."""

    name: str
    routes: tuple[Route, ...]
    walks: Mapping[str, Walk] = field(default_factory=dict)
    tables: str = ""
    api: Api = TWELVELABS
    since: Vintage = VINTAGES[0]
    """The first vintage that has it."""
    set_up: Callable[[Store, Options], None] | None = None
    """What a new account already has; run once on an empty store, and after a reset."""


@dataclass(slots=True)
class Call:
    """One request, read; and what the handler may touch while it answers."""

    store: Store
    walker: Walker
    options: Options
    path: Mapping[str, str]
    params: QueryParams
    headers: Headers
    body: bytes | FormData
    base_url: str
    """Scheme, host and port by which the client reached us: where presigned URLs must point."""
    tweaks: ListTweaks = ListTweaks()
    fate: str = ""
    """`failed` or `stuck`, when a fault decided how what this call creates will end."""
    elsewhere: Callable[[str], bool] = lambda _: False
    """Whether another account has an object with this id."""
    spend: Callable[[str, str, float], None] = lambda family, unit, amount: None
    """Take minutes of media, tokens or requests from what the account's plan has for a family; raises the 429."""
    query: Query = field(init=False)

    def __post_init__(self) -> None:
        self.query = Query(self.params)

    def json(self) -> Fields:
        assert isinstance(self.body, bytes)
        return Fields(parse_json(self.body))

    def form(self) -> Form:
        assert isinstance(self.body, FormData)
        return Form(self.body)

    def raw(self) -> bytes:
        assert isinstance(self.body, bytes)
        return self.body

    def find(self, kind: str, object_id: str, *, parent: Obj | None = None, status: int = 400, prefix: str = "") -> Obj:
        """The object, its status as the clock has it; if it is not there, `status` is what the contract answers.

        `prefix` is that of kinds whose ids are UUIDs, as `ks_`; other ids are 24 hex digits.
        """
        if not (object_id.startswith(prefix) if prefix else HEX_ID.fullmatch(object_id)):
            raise malformed_id(f"{kind}_id", object_id)
        found = self.store.get(kind, object_id, parent=parent.seq if parent else None)
        if found is None:
            raise self.lost(kind, object_id, status)
        return self.walker.settle(self.store, found)

    def lost(self, kind: str, object_id: str, status: int) -> Problem:
        """What is said of an object that is not in this account."""
        return not_allowed(object_id) if self.elsewhere(object_id) else gone(kind, object_id, status)

    def look(self, obj: Obj) -> Obj:
        """`obj` as this read shows it, having moved it along."""
        return self.walker.look(self.store, obj)

    def page(self, chosen: Selection, show: Callable[[Obj], Mapping[str, Any]]) -> Reply:
        """A list page in the vendor's envelope. Showing an object is a read of it."""
        page, limit = self.query.page()
        self.query.done()
        self._move_before_filter(chosen)
        shift = self.tweaks.shift if page > 1 else 0
        total = self.store.count(chosen)
        offset = max((page - 1) * limit - shift, 0)
        rows = [self.look(obj) for obj in self.store.select(chosen, limit=limit, offset=offset)]
        if not self.tweaks.keep_total:
            total += shift
        data = [show(obj) for obj in rows]
        return Reply(200, {"data": self._tweaked(data), "page_info": page_info(page, limit, total)})

    def _move_before_filter(self, chosen: Selection) -> None:
        """Who polls a list filtered by status must see it change, although unfinished objects are not on the page."""
        if chosen.kind not in self.walker.walks or chosen.parent is None:
            return
        by_status = any(condition.startswith("status ") for condition, _ in chosen.where)
        if by_status or self.walker.speed == "real":
            for obj in self.store.unfinished(chosen.kind, chosen.parent):
                self.look(obj)

    def _tweaked(self, data: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        kept = data[: max(len(data) - self.tweaks.drop, 0)]
        return kept[: self.tweaks.duplicate] + kept


def page_info(page: int, limit: int, total: int) -> dict[str, int]:
    return {
        "limit_per_page": limit,
        "page": page,
        "total_page": -(-total // limit),
        "total_results": max(total, 0),
    }


def where(*conditions: tuple[str, tuple[object, ...]] | None) -> tuple[tuple[str, tuple[object, ...]], ...]:
    """The conditions that are there; a filter that was not asked for is None."""
    return tuple(condition for condition in conditions if condition is not None)
