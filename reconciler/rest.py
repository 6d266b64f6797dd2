"""A provider for any API that is collections of JSON objects: pages, single objects, creates, updates, deletes.

All that it needs to know of a kind stands in the kind's class; what an API does otherwise, its provider overrides.
It decides nothing and keeps nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from reconciler.errors import NotFound, Rejected, Unclear
from reconciler.kind import Field, Kind, Updating
from reconciler.kinds import Kinds
from reconciler.model import Live, Resource, Stamp, Status
from reconciler.provider import Finding
from reconciler.tariff import Tariff
from reconciler.wire import (
    ANY_ID,
    Unexpected,
    answer_to,
    below,
    fields_of,
    identifier,
    items,
    mapping,
    segment,
    text,
    to_wire,
    whole,
)

if TYPE_CHECKING:
    from reconciler.http import Http

__all__ = ["STAMP_KEYS", "Made", "Page", "Rest", "made_of", "page_counts", "stamp_to_wire"]

NOT_AN_ID = (
    "If the state has an id that never was one of this account, `reconciler state list` shows where, and "
    "`reconciler state rm ADDRESS` forgets it"
)
MOST_PAGES = 20_000
"""Pages of one list: a million objects at 50 a page."""
MOST_IN_PAGE = 1000

STAMP_KEYS = ("reconciler_stack", "reconciler_id", "reconciler_key", "reconciler_sha256")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its objects, how many objects and pages there are in all as the server says."""

    objects: tuple[Live, ...]
    total: int
    pages: int
    limit: int = 0
    """How many objects a page holds that is not the last; 0 when the server does not say it."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a create gave: the new object's id, or why the API refused this one of many."""

    id: str = ""
    refused: str = ""
    again_s: float | None = None
    """When what was refused only came too early: how long to wait before it is sent again."""


class Rest:
    """One account behind one `Http`. Methods raise `errors.ApiError`s; `create` raises Unclear when it cannot know."""

    name: ClassVar[str]
    kinds: ClassVar[Kinds]
    page_size: ClassVar[int] = 50
    tariff: ClassVar[Tariff] = Tariff()
    ready: ClassVar[frozenset[str]] = frozenset({"ready"})
    failed: ClassVar[frozenset[str]] = frozenset({"failed"})
    id_form: ClassVar[re.Pattern[str]] = ANY_ID
    """What this API's ids look like, no stricter than is known."""
    sending: Any = None
    """How files are sent in this run (`upload.Sending`), for kinds that have files; the engine says it."""

    def __init__(self, http: Http, *, root: Path) -> None:
        self.http = http
        self.root = root
        """What `file` paths are relative to."""

    # Reading

    async def page(
        self,
        kind: type[Kind],
        parent_id: str | None,
        number: int,
        query: Mapping[str, Any] | None = None,
        path: str = "",
    ) -> Page:
        """Page `number` (from 1) of the objects of a kind, the largest pages that the API gives. `path` is where they
        are listed, if not in their collection."""
        query = {"page": number, "page_limit": self.page_size, **(kind.query if query is None else query)}
        path = path or self._collection(kind, parent_id)
        answer = await self.http.request("GET", path, query=query)
        with answer_to(f"GET {path}"):
            total, pages, limit = page_counts(answer, self.page_size)
            rows = items(answer.get("data"), "data")
            if len(rows) > limit:
                raise Unexpected("data", f"{len(rows)} objects in a page of {limit}")
            objects = tuple(
                self.live(kind, raw, parent_id, detailed=False, where=f"data[{at}]") for at, raw in enumerate(rows)
            )
            return Page(objects, total, pages, limit)

    async def get(self, kind: type[Kind], id: str, parent_id: str | None) -> Live | None:
        """One object with all its fields; None when it is provably not there."""
        path = self.object_path(kind, id, parent_id)
        try:
            raw = await self.http.request("GET", path)
        except NotFound:
            return None
        except Rejected as error:
            if error.status == 400:
                error.args = (f"{str(error).rstrip('.')}. {NOT_AN_ID}",)
            raise
        with answer_to(f"GET {path}"):
            live = self.live(kind, raw, parent_id, detailed=True)
            if live.id != id:
                raise Unexpected("_id", "that of another object than was asked for")
            return live

    async def poll(self, kind: type[Kind], parent_id: str | None, ids: Iterable[str]) -> dict[str, Live]:
        """How these objects stand, with as few requests as the API allows: the newest pages, until all are seen."""
        missing, found, number = set(ids), dict[str, Live](), 1
        while missing:
            page = await self.page(kind, parent_id, number, kind.newest)
            found |= {live.id: live for live in page.objects if live.id in missing}
            missing -= found.keys()
            if number >= page.pages:
                break
            number += 1
        return found

    def live(self, kind: type[Kind], raw: Any, parent_id: str | None, *, detailed: bool, where: str = "") -> Live:
        """One object's JSON as a `Live`: our names, without our stamp. `where` it stands in the answer; raises
        Unexpected when it is not such an object."""
        raw = mapping(raw, where)
        all_read = detailed or not any(field.detail for field in kind.specs.values())
        fields = fields_of(_shown(kind, all_read=all_read), raw, where)
        stamp = None
        if marked := kind.field_with(lambda field: field.stamped):
            stamp, fields = _unstamped(marked.name, fields)
        return Live(
            kind=kind.__name__,
            id=self.id_of(raw, where),
            fields=fields,
            parent_id=parent_id,
            status=self.status(raw, where),
            stamp=stamp,
            detailed=all_read,
            facts=self.facts(raw, where),
        )

    def id_of(self, raw: Any, where: str = "") -> str:
        """An object's id. Raises Unexpected when there is none, or one that no object of this API can have."""
        return id_of(self.http, self.id_form, raw, where)

    def made_of(self, what: str, answer: Any) -> Made:
        """The id out of the answer to a create; Unclear when it has none, for something may have been made."""
        return made_of(self.http, self.id_form, what, answer)

    def status(self, raw: Mapping[str, Any], where: str = "") -> Status:
        """What the API's word means to us; an object without one is ready."""
        if (word := raw.get("status")) is None or text(word, below(where, "status")) in self.ready:
            return Status.READY
        return Status.FAILED if word in self.failed else Status.PENDING

    def facts(self, raw: Mapping[str, Any], where: str = "") -> dict[str, Any]:
        """What is good to know and cannot be declared."""
        return {}

    def name_of(self, kind: type[Kind], fields: Mapping[str, Any]) -> str | None:
        """The file name that an object of these fields will show, for kinds that have bytes."""
        return None

    def size_of(self, kind: type[Kind], fields: Mapping[str, Any]) -> int | None:
        """How many bytes an object of these fields will have, for kinds that have bytes of ours."""
        return None

    async def inspect(self, resources: Mapping[str, Resource], making: Collection[str]) -> list[Finding]:
        """What the API would say of what is declared and shall be made, as far as it can be known beforehand."""
        return []

    async def lengths(self, resources: Mapping[str, Resource], making: Collection[str]) -> dict[str, float]:
        """address → seconds, of media that shall be made and can be looked into here."""
        return {}

    def chunk_requests(self, kind: type[Kind], fields: Mapping[str, Any], size_bytes: int) -> int:
        """How many requests are expected besides the create until all bytes of a file are there."""
        return 0

    # What is made in steps

    def is_partial(self, live: Live) -> bool:
        """Whether this is, or may be, something that whoever was making it has not finished."""
        return False

    async def upload_status(self, upload_id: str) -> str:
        """Of an upload that was begun: `active`, `completed`, or another word for its end."""
        return "gone"

    async def abandoned(self, lives: Sequence[Live]) -> frozenset[str]:
        """Ids of those among partial objects that nobody can finish, when nothing is known of their uploads."""
        return frozenset()

    # Writing

    async def create(
        self,
        kind: type[Kind],
        fields: Mapping[str, Any],
        parent_id: str | None,
        stamp: Stamp | None,
        *,
        address: str = "",
    ) -> Made:
        """Make one object; references in `fields` are ids. Never repeated here: Unclear means that the caller looks.

        `address` is for progress, and for what of a long create must be kept to be continued.
        """
        path = self._collection(kind, parent_id)
        answer = await self.http.request("POST", path, json=self.body(kind, fields, stamp))
        return self.made_of(f"POST {path}", answer)

    async def create_many(
        self, kind: type[Kind], parent_id: str | None, many: Sequence[tuple[Mapping[str, Any], Stamp | None]]
    ) -> list[Made]:
        """Make many in one call; the answers stand in the order of `many`. Natural keys in it must be distinct."""
        if kind.bulk is None:
            raise TypeError(f"{kind.__name__} cannot be made in bulk")
        path, word, _ = kind.bulk
        bodies = [self.body(kind, fields, stamp) for fields, stamp in many]
        answer = await self.http.request("POST", self._collection(kind, parent_id) + path, json={word: bodies})
        return self.made_of_bulk(kind, bodies, answer)

    def made_of_bulk(self, kind: type[Kind], bodies: Sequence[Mapping[str, Any]], answer: Any) -> list[Made]:
        """Match what a bulk create answered to what was sent: an API's own shape."""
        raise TypeError(f"{type(self).__name__} does not say what the answer to a bulk create of {kind.__name__} means")

    async def update(
        self, kind: type[Kind], id: str, parent_id: str | None, fields: Mapping[str, Any], stamp: Stamp | None
    ) -> None:
        """Send the changed `fields` (a merged map: only its changed keys, None for those that go)."""
        method, _, path = kind.update.partition(" ")
        wire = {kind.specs[name].wire: to_wire(kind.specs[name], value) for name, value in fields.items()}
        marked = kind.field_with(lambda field: field.stamped)
        if marked and marked.name in fields:
            wire[marked.wire] = {**fields[marked.name], **stamp_to_wire(stamp)}
        await self.http.request(method, path.replace("{path}", self.object_path(kind, id, parent_id)), json=wire)

    async def unstamp(self, kind: type[Kind], live: Live) -> None:
        """Take our marks off an object that is no longer ours to manage, as it was just read; the rest stays."""
        marked = kind.field_with(lambda field: field.stamped)
        assert marked is not None, f"{kind.__name__} has no place for marks"
        rest = live.fields.get(marked.name) or {}
        value = dict.fromkeys(STAMP_KEYS) if marked.update is Updating.MERGE else rest
        method, _, path = kind.update.partition(" ")
        where = path.replace("{path}", self.object_path(kind, live.id, live.parent_id))
        await self.http.request(method, where, json={marked.wire: value})

    async def link(self, kind: type[Kind], id: str, parent_id: str | None, field: Field, ids: Sequence[str]) -> None:
        """Add members to a set. Repeating it changes nothing."""
        await self._members("POST", kind, id, parent_id, field, ids)

    async def unlink(self, kind: type[Kind], id: str, parent_id: str | None, field: Field, ids: Sequence[str]) -> None:
        """Take members out of a set. The caller sees to it that enough stay."""
        await self._members("DELETE", kind, id, parent_id, field, ids)

    async def delete(self, kind: type[Kind], id: str, parent_id: str | None) -> None:
        """Delete one object; one that is already gone is a success."""
        try:
            await self.http.request("DELETE", self.object_path(kind, id, parent_id))
        except NotFound:
            return

    def body(self, kind: type[Kind], fields: Mapping[str, Any], stamp: Stamp | None) -> dict[str, Any]:
        """The JSON of a create: what is declared, flags always (their defaults differ by vintage), and our stamp."""
        wire: dict[str, Any] = {}
        for name, field in kind.specs.items():
            if field.source or field.identity:
                continue
            if name in fields:
                wire[field.wire] = to_wire(field, fields[name])
            elif isinstance(field.default, bool):
                wire[field.wire] = field.default
            if field.stamped and stamp:
                wire[field.wire] = {**fields.get(name, {}), **stamp_to_wire(stamp)}
        return wire

    async def _members(
        self, method: str, kind: type[Kind], id: str, parent_id: str | None, field: Field, ids: Sequence[str]
    ) -> None:
        assert field.members is not None
        path = self.object_path(kind, id, parent_id) + field.members.path
        await self.http.request(method, path, json={field.wire: list(ids)}, repeatable=True)

    def _collection(self, kind: type[Kind], parent_id: str | None) -> str:
        return kind.path.replace("{parent}", segment(parent_id or ""))

    def object_path(self, kind: type[Kind], id: str, parent_id: str | None) -> str:
        return f"{self._collection(kind, parent_id)}/{segment(id)}"


def id_of(http: Http, form: re.Pattern[str], raw: Any, where: str = "") -> str:
    """As `Rest.id_of`, for what is made in more than one request."""
    place = below(where, "_id")
    id = identifier(mapping(raw, where).get("_id"), place, form)
    if http.holds_key(id):  # a server that gives our own key back: it is not to be shown, kept or sent on
        raise Unexpected(place, "what is secret")
    return id


def made_of(http: Http, form: re.Pattern[str], what: str, answer: Any) -> Made:
    """As `Rest.made_of`."""
    with answer_to(what, Unclear):
        return Made(id_of(http, form, answer))


@cache
def _shown(kind: type[Kind], *, all_read: bool) -> Mapping[str, Field]:
    """The fields that an object's JSON shows; those that lists leave out only when it was read by itself."""
    return {
        name: field
        for name, field in kind.specs.items()
        if not (field.source or field.identity or (field.detail and not all_read))
    }


def page_counts(answer: Any, asked: int) -> tuple[int, int, int]:
    """Of a page of a list: how many objects there are in all, how many pages, how many objects in a page (`asked`
    for, unless the server says what it gave). Raises Unexpected when they contradict each other."""
    info = mapping(mapping(answer, "").get("page_info"), "page_info")
    total = whole(info.get("total_results"), "page_info.total_results")
    told = info.get("limit_per_page")
    limit = asked if told is None else whole(told, "page_info.limit_per_page", least=1)
    if limit > MOST_IN_PAGE:
        raise Unexpected("page_info.limit_per_page", f"more than {MOST_IN_PAGE} objects in a page")
    pages = whole(info.get("total_page"), "page_info.total_page")
    if (due := -(-total // limit)) != pages and (due, pages) != (0, 1):
        raise Unexpected("page_info.total_page", f"{total} objects in pages of {limit} are {due} pages, not {pages}")
    if pages > MOST_PAGES:
        raise Unexpected("page_info.total_page", f"more than {MOST_PAGES} pages")
    return total, pages, limit


def stamp_to_wire(stamp: Stamp | None) -> dict[str, str]:
    """Our marks as metadata keys; {} without a stamp."""
    if stamp is None:
        return {}
    values = (stamp.stack, stamp.stack_id, stamp.key, stamp.content)
    return {key: value for key, value in zip(STAMP_KEYS, values, strict=True) if value}


def _unstamped(name: str, fields: dict[str, Any]) -> tuple[Stamp | None, dict[str, Any]]:
    """The stamp found in a map of metadata, and the fields without it."""
    if not isinstance(metadata := fields.get(name), Mapping):
        return None, fields
    if "reconciler_stack" not in metadata:
        return None, fields
    stamp = Stamp(
        stack=str(metadata["reconciler_stack"]),
        key=str(metadata.get("reconciler_key", "")),
        content=metadata.get("reconciler_sha256"),
        stack_id=str(metadata["reconciler_id"]) if metadata.get("reconciler_id") else None,
    )
    rest = {key: value for key, value in metadata.items() if key not in STAMP_KEYS}
    return stamp, {**fields, name: rest}
