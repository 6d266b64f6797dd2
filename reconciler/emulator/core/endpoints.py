"""What a family of endpoints is made of: routes, the request they are given, and the reply they give back.

A vendor's requests are an `Arrival` of its own, which knows how its bodies, queries and lists are read and written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.datastructures import FormData, Headers, QueryParams

from reconciler.emulator.core.options import CoreOptions
from reconciler.emulator.core.store import AccountStore, Obj, Selection
from reconciler.emulator.core.walks import StatusWalk, Walker

__all__ = ["Api", "Arrival", "EndpointFamily", "ListTweaks", "Reply", "Route"]


@dataclass(frozen=True, slots=True)
class Api:
    """One surface of a vendor: where it lives, how a client shows its key, what every answer carries."""

    prefix: str
    key_header: str | None
    """Without one the address itself is the key, as that of a presigned URL is."""
    headers: Mapping[str, str] = field(default_factory=dict)
    key_scheme: str = ""
    """The word before the key, as `Bearer` in `Authorization`."""

    def key_in(self, headers: Headers) -> str:
        """The key that was shown; empty without one."""
        shown = headers.get(self.key_header, "").strip() if self.key_header else ""
        if not self.key_scheme:
            return shown
        scheme, _, key = shown.partition(" ")
        return key.strip() if scheme.lower() == self.key_scheme.lower() else ""


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
    handle: Callable[[Any], Reply]
    """Given the vendor's own kind of `Arrival`."""
    body: Literal["none", "json", "form", "raw"] = "none"
    errors: str = ""
    """The envelope of its problems; empty for the vendor's usual one."""
    bucket: str | None = None
    """The rate-limit bucket, where the vendor marks the endpoint as limited."""
    limited: str = ""
    """The envelope of its 429."""
    reads: bool = False
    """Whether it changes nothing, although it is a POST: some vendors list so."""


@dataclass(frozen=True, slots=True)
class EndpointFamily:
    """A group of endpoints: routes, how the statuses of its kinds move, and tables of its own if one is not enough."""

    name: str
    routes: tuple[Route, ...]
    walks: Mapping[str, StatusWalk] = field(default_factory=dict)
    tables: str = ""
    api: Api | None = None
    """The surface it is on, where that is not the vendor's main one."""
    since: str = ""
    """The first vintage that has it; empty for the very first."""
    set_up: Callable[[AccountStore, Any], None] | None = None
    """What a new account already has; run once on an empty store, and after a reset, with the options."""


@dataclass(slots=True)
class Arrival:
    """One request as it came; and what the handler may touch while it answers."""

    store: AccountStore
    walker: Walker
    options: CoreOptions
    path: Mapping[str, str]
    params: QueryParams
    headers: Headers
    body: bytes | FormData
    base_url: str
    """Scheme, host and port by which the client reached us: where presigned URLs must point."""
    tweaks: ListTweaks = ListTweaks()
    fate: str = ""
    """`failed` or `stuck`, when a fault decided how what this request creates will end."""
    elsewhere: Callable[[str], bool] = lambda _: False
    """Whether another account has an object with this id."""
    spend: Callable[[str, str, float], None] = lambda family, unit, amount: None
    """Take minutes of media, tokens or requests from what the account's plan has for a family; raises the 429."""

    def finished(self) -> None:
        """The handler is through: a vendor that refuses what nobody read does it here, and nothing has happened."""

    def raw(self) -> bytes:
        """The body as bytes; a route that wants a form has none."""
        assert isinstance(self.body, bytes)
        return self.body

    def look(self, obj: Obj) -> Obj:
        """`obj` as this read shows it, having moved it along."""
        return self.walker.look(self.store, obj)

    def listed(self, chosen: Selection, page: int, limit: int) -> tuple[list[Obj], int]:
        """The rows of a page and the total, as faults would have them. Showing an object is a read of it."""
        self._move_before_filter(chosen)
        offset, total = self.shifted(page, limit, self.store.count(chosen))
        rows = [self.look(obj) for obj in self.store.select(chosen, limit=limit, offset=offset)]
        return rows, total

    def shifted(self, page: int, limit: int, total: int) -> tuple[int, int]:
        """Where a page begins and how many rows there are, when a fault lets rows come in or go between two pages."""
        shift = self.tweaks.shift if page > 1 else 0
        return max((page - 1) * limit - shift, 0), total if self.tweaks.keep_total else total + shift

    def tweaked(self, data: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The rows that go out, when a fault lets some be missing or come twice."""
        kept = data[: max(len(data) - self.tweaks.drop, 0)]
        return kept[: self.tweaks.duplicate] + kept

    def _move_before_filter(self, chosen: Selection) -> None:
        """Who polls a list filtered by status must see it change, although unfinished objects are not on the page."""
        if chosen.kind not in self.walker.walks or chosen.parent is None:
            return
        by_status = any(condition.startswith("status ") for condition, _ in chosen.where)
        if by_status or self.walker.speed == "real":
            for obj in self.store.unfinished(chosen.kind, chosen.parent):
                self.look(obj)
