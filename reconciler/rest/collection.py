"""The objects of one kind as a collection of JSON: pages, single objects, creates, updates, deletes.

A provider derives one class a kind and says in class attributes where and how; what its API does otherwise it says by
overriding one of the methods. What an API does the same for all kinds stands in a class between.

    class Shelves(Collection):
        kind = Shelf
        path = "/shelves"
        envelope = Envelope(rows="items", next="next_page")
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler.errors import NotFound, Rejected, Unclear
from reconciler.kind import Field, Kind, Updating
from reconciler.model import Live, Recorded, Stamp, Status
from reconciler.provider import AfterUnclear, Cursor, Done, Driver, Hands, Keep, Page, Patch, Progress, Traits, Want
from reconciler.rest.envelope import Counts, Envelope
from reconciler.rest.marks import Marks
from reconciler.values import held
from reconciler.wire import (
    ANY_ID,
    ApiPath,
    Reading,
    Unexpected,
    answer_to,
    below,
    fields_of,
    identifier,
    mapping,
    moment_text,
    readings,
    text,
    to_wire,
)

if TYPE_CHECKING:
    from reconciler.http import Http

__all__ = ["Collection", "id_in"]

NOT_AN_ID = (
    "If the state has an id that never was one of this account, `reconciler state list` shows where, and "
    "`reconciler state rm ADDRESS` forgets it"
)


USUAL_TIME = 40
"""Characters of a point in time that is not looked at twice."""


class Collection(Driver):
    """Raises TypeError, when the class is made, if what it says does not fit its kind."""

    kind: type[Kind]
    traits: Traits = Traits()

    path: str = ""
    """Where objects are listed and made; `{parent}` is the id of what they live in."""
    change: str = "PATCH {path}"
    """Method and path of an update, `{path}` being the object's own; "" if nothing can be updated."""
    bulk_path: str = ""
    """Where many are made at once, under the collection, for kinds with `bulk`."""
    bulk_word: str = ""
    """What the list of them is called there."""
    members: Mapping[str, str] = {}
    """For each field with Members: a path under the object's own; POST adds, DELETE (with a JSON body) removes."""
    cuts: Mapping[str, str] = {}
    """For each field whose Ref is cut: where the API lists who refers to an object, `{id}` being that object's id."""

    envelope: Envelope = Envelope()
    page_word: str = "page"
    size_word: str = "page_size"
    """Query parameters: which page, and how large."""
    oldest_first: Mapping[str, Any] = {}
    """Query parameters by which what is made meanwhile lands on the last page."""
    newest_first: Mapping[str, Any] = {}
    changed_first: Mapping[str, Any] = {}
    """The same for what was changed last; with `tells_changes` in the traits."""
    changed_word: str = ""
    """What an object calls the time at which it was changed last."""

    id_word: str = "id"
    id_form: re.Pattern[str] = ANY_ID
    """What this API's ids look like, no stricter than is known."""
    status_word: str = "status"
    ready: frozenset[str] = frozenset({"ready"})
    failed: frozenset[str] = frozenset({"failed"})
    marks: Marks = Marks()
    all_flags: bool = False
    """Whether a create says every flag, declared or not: where the API's defaults are not known."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.path:
            _check(cls)

    def __init__(self, hands: Hands) -> None:
        self.hands, self.http = hands, hands.http

    # Reading

    async def page(self, parent_id: str | None, cursor: Cursor | None = None, *, newest: bool = False) -> Page:
        """In the order that the class says; pages that are chained begin without a cursor."""
        order = self.newest_first if newest else self.oldest_first
        return await self.page_at(self.collection(parent_id), parent_id, cursor, order)

    async def changed(self, parent_id: str | None, cursor: Cursor | None = None) -> Page:
        """The list in the order that the class says."""
        return await self.page_at(self.collection(parent_id), parent_id, cursor, self.changed_first)

    async def users(self, field: Field, id: str, cursor: Cursor | None = None) -> Page:
        """The list at the path of `cuts`, which is as any other."""
        return await self.page_at(ApiPath.filled(self.cuts[field.name], id=id), None, cursor, {})

    async def page_at(self, path: str, parent_id: str | None, cursor: Cursor | None, query: Mapping[str, Any]) -> Page:
        """A page of the list at a path."""
        cursor = 1 if cursor is None and not self.envelope.next else cursor
        answer = await self.listed(path, {**self.asked(cursor), **query})
        with answer_to(f"GET {path}"):
            return self.page_in(answer, parent_id, cursor)

    def page_in(self, answer: Any, parent_id: str | None, cursor: Cursor | None, *, detailed: bool = False) -> Page:
        """What the answer to a list shows. Raises Unexpected."""
        counts, rows, place = self.counts(answer, cursor), self.envelope.rows_of(answer), self.envelope.rows
        if 0 < counts.limit < len(rows):
            raise Unexpected(place, f"{len(rows)} objects in a page of {counts.limit}")
        lives: list[Live] = []
        try:
            for raw in rows:
                lives.append(self.live(raw, parent_id, detailed=detailed))
        except Unexpected as wrong:  # its place is put together only now that somebody is told
            raise Unexpected(_inside(f"{place}[{len(lives)}]", wrong.where), wrong.wrong) from None
        return Page(tuple(lives), counts.total, counts.after, counts.limit)

    def asked(self, cursor: Cursor | None) -> dict[str, Any]:
        """The query of a page."""
        size = {self.size_word: self.traits.page_size}
        return size if cursor is None else {self.page_word: cursor, **size}

    async def listed(self, path: str, query: Mapping[str, Any]) -> Any:
        """The answer to a list. Where an API lists by POST it is `request(…, reads=True)`: a read all the same."""
        return await self.http.request("GET", path, query=query)

    def counts(self, answer: Any, cursor: Cursor | None) -> Counts:
        """What a page says of the whole list."""
        number = cursor if isinstance(cursor, int) else 1
        return self.envelope.counts_of(answer, self.traits.page_size, number)

    async def read(self, id: str, parent_id: str | None) -> Live | None:
        """A 404 is proof that it is not there; a 400 may mean that the id never was one of this API."""
        path = self.object_path(id, parent_id)
        try:
            raw = await self.http.request("GET", path)
        except NotFound:
            return None
        except Rejected as error:
            if error.status == 400:
                error.args = (f"{str(error).rstrip('.')}. {NOT_AN_ID}",)
            raise
        with answer_to(f"GET {path}"):
            live = self.live(raw, parent_id, detailed=True)
            if live.id != id:
                raise Unexpected(self.id_word, "that of another object than was asked for")
            return live

    def live(self, raw: Any, parent_id: str | None, *, detailed: bool, where: str = "") -> Live:
        """One object's JSON as a `Live`: our names, without our stamp. `where` it stands in the answer; raises
        Unexpected when it is not such an object."""
        raw = mapping(raw, where)
        name, marked, refs, whole, listed = _form(self.kind)
        all_read = detailed or listed is whole
        id, known = self._known(raw, where)
        fields = fields_of(whole if detailed else listed, raw, where)
        stamp = None
        if marked and (stored := fields.get(marked)) is not None:
            like = known.fields.get(marked) if known else None
            stamp, fields[marked] = self.marks.apart(stored, known, like)
        if known is not None:
            for at, was in known.fields.items():
                if (value := fields.get(at)) is not None and value is not was:
                    fields[at] = self._ids_held(value) if at in refs else held(value, was)
        return Live(
            name,
            id,
            fields,
            parent_id,
            self.status(raw, where),
            stamp,
            all_read,
            self.facts(raw, where),
            None,
            _changed_at(raw, self.changed_word, where) if self.changed_word else "",
        )

    def _ids_held(self, ids: Any) -> Any:
        """Ids, each of which is held once with that of the row of the object that it names."""
        recorded = self.hands.recorded
        if type(ids) is str:
            return recorded[ids].id if ids in recorded else ids
        return [recorded[id].id if id in recorded else id for id in ids]

    def _known(self, raw: Mapping[str, Any], where: str) -> tuple[str, Recorded | None]:
        """An object's id, and what is recorded of it. One that is recorded was looked at when it was."""
        id = raw.get(self.id_word)
        if type(id) is str and (known := self.hands.recorded.get(id)) is not None and not self.http.holds_key(id):
            return known.id, known
        return self.id_of(raw, where), None

    def id_of(self, raw: Any, where: str = "") -> str:
        """An object's id. Raises Unexpected when there is none, or one that no object of this API can have."""
        return id_in(self.http, raw, self.id_word, self.id_form, where)

    def status(self, raw: Mapping[str, Any], where: str = "") -> Status:
        """What the API's word means to us; an object without one is ready."""
        word = raw.get(self.status_word)
        if word is None or (type(word) is str and word in self.ready):
            return Status.READY
        return Status.FAILED if text(word, below(where, self.status_word)) in self.failed else Status.PENDING

    def facts(self, raw: Mapping[str, Any], where: str = "") -> dict[str, Any]:
        """What is good to know and cannot be declared: `created_at`, `error`, what the estimate counts."""
        return {}

    # Writing

    async def start(self, want: Want, keep: Keep) -> Progress:
        """A POST to the collection. It is repeatable only where the API makes no second one of the same."""
        path = self.collection(want.parent_id)
        again = self.traits.after_unclear is AfterUnclear.REPEAT
        body = self.body(want.fields, want.stamp)
        return self.made(f"POST {path}", await self.http.request("POST", path, json=body, repeatable=again))

    def made(self, what: str, answer: Any) -> Done:
        """The id out of the answer to a create; Unclear when it has none, for something may have been made."""
        with answer_to(what, Unclear):
            return Done(self.id_of(answer))

    async def start_many(self, parent_id: str | None, wants: Sequence[Want]) -> list[Progress]:
        """One POST; what its answer means is `made_many`. Unclear if that does not say what became of each."""
        path = self.collection(parent_id) + self.bulk_path
        bodies = [self.body(want.fields, want.stamp) for want in wants]
        answer = await self.http.request("POST", path, json={self.bulk_word: bodies} if self.bulk_word else bodies)
        with answer_to(f"POST {path}", Unclear):
            made = self.made_many(bodies, answer)
            if len(made) != len(wants):
                raise Unexpected("", f"{len(made)} answers to {len(wants)} that were sent")
            return made

    def made_many(self, bodies: Sequence[Mapping[str, Any]], answer: Any) -> list[Progress]:
        """What a bulk create answered, for each that was sent: an API's own shape. Raises Unexpected if it does not say
        what became of each."""
        raise NotImplementedError(f"what the answer to a bulk create of {self.kind.__name__} objects means is not said")

    async def update(self, patch: Patch) -> None:
        """All values in one request; the map that carries our stamp never goes without it."""
        specs = self.kind.specs
        wire = {specs[name].wire: to_wire(specs[name], value) for name, value in patch.fields.items()}
        if (marked := self.marked) and marked.name in patch.fields:
            wire[marked.wire] = {**patch.fields[marked.name], **self.marks.of(patch.stamp)}
        await self.send_change(patch.id, patch.parent_id, wire)

    async def unstamp(self, live: Live) -> None:
        """A merged map loses the keys that are ours; of one that is sent whole the rest is sent."""
        marked = self.marked
        assert marked is not None, f"{self.kind.__name__} objects have no place for marks"
        rest = live.fields.get(marked.name) or {}
        value = dict.fromkeys(self.marks.keys) if marked.update is Updating.MERGE else rest
        await self.send_change(live.id, live.parent_id, {marked.wire: value})

    async def send_change(self, id: str, parent_id: str | None, wire: Mapping[str, Any]) -> None:
        """Send new values, as they are on the wire."""
        method, _, path = self.change.partition(" ")
        before, _, after = path.partition("{path}")
        await self.http.request(method, ApiPath(before) + self.object_path(id, parent_id) + after, json=wire)

    async def link(self, id: str, parent_id: str | None, field: Field, ids: Sequence[str]) -> None:
        """A POST to the path of `members`."""
        await self._send_members("POST", id, parent_id, field, ids)

    async def unlink(self, id: str, parent_id: str | None, field: Field, ids: Sequence[str]) -> None:
        """A DELETE to the path of `members`, with a JSON body."""
        await self._send_members("DELETE", id, parent_id, field, ids)

    async def delete(self, id: str, parent_id: str | None) -> None:
        """A 404 says that it is gone, which is what was wanted."""
        try:
            await self.http.request("DELETE", self.object_path(id, parent_id))
        except NotFound:
            return

    def body(self, fields: Mapping[str, Any], stamp: Stamp | None) -> dict[str, Any]:
        """The JSON of a create: what is declared, and our stamp."""
        wire: dict[str, Any] = {}
        for name, field in self.kind.specs.items():
            if field.source or field.identity:
                continue
            if name in fields:
                wire[field.wire] = to_wire(field, fields[name])
            elif self.all_flags and isinstance(field.default, bool):
                wire[field.wire] = field.default
            if field.stamped and stamp:
                wire[field.wire] = {**fields.get(name, {}), **self.marks.of(stamp)}
        return wire

    async def _send_members(
        self, method: str, id: str, parent_id: str | None, field: Field, ids: Sequence[str]
    ) -> None:
        path = self.object_path(id, parent_id) + self.members[field.name]
        await self.http.request(method, path, json={field.wire: list(ids)}, repeatable=True)

    # Where things are

    @property
    def marked(self) -> Field | None:
        """The field that carries our stamp."""
        return _marked(self.kind)

    def collection(self, parent_id: str | None) -> str:
        """The path of the collection."""
        return ApiPath.filled(self.path, parent=parent_id or "")

    def object_path(self, id: str, parent_id: str | None) -> str:
        """The path of one object."""
        return ApiPath(self.collection(parent_id)) / id


def id_in(http: Http, raw: Any, word: str, form: re.Pattern[str], where: str = "") -> str:
    """The id of an object, called `word` in its JSON. Raises Unexpected when it has none, or none of this form."""
    place = below(where, word)
    id = identifier(mapping(raw, where).get(word), place, form)
    if http.holds_key(id):  # a server that gives our own key back: it is not to be shown, kept or sent on
        raise Unexpected(place, "what is secret")
    return id


def _check(driver: type[Collection]) -> None:
    """Refuse a class that says what its kind does not, or lacks what its kind needs."""
    kind, where = driver.kind, driver.__name__
    if ("{parent}" in driver.path) is not (kind.parent is not None):
        raise TypeError(f"{where}: path {driver.path!r} and parent {kind.parent} do not fit")
    if driver.traits.tells_changes and not (driver.changed_first and driver.changed_word):
        raise TypeError(f"{where}: its traits say that it tells changes, and nothing says in which words")
    if bool(driver.bulk_path) is not bool(kind.bulk):
        raise TypeError(f"{where}: {kind.__name__} says bulk={kind.bulk}, and bulk_path is {driver.bulk_path!r}")
    for field in kind.specs.values():
        if field.update in (Updating.WHOLE, Updating.MERGE) and not driver.change:
            raise TypeError(
                f"{where}: {kind.__name__}.{field.name} can be updated, but there is no way to; mark it CREATE_ONLY"
            )
        if field.members and field.name not in driver.members:
            raise TypeError(f"{where}: {kind.__name__}.{field.name} has members, and no path says how they change")
        if field.cut and field.name not in driver.cuts:
            raise TypeError(f"{where}: {kind.__name__}.{field.name} is cut, and no path says who refers to an object")


def _inside(place: str, where: str) -> str:
    """The place in the answer of what is at a place in one of its objects."""
    return f"{place}{'.' if where and not where.startswith('[') else ''}{where}"


def _changed_at(raw: Mapping[str, Any], word: str, where: str) -> str:
    """When it was changed last, as the API writes it."""
    said = raw.get(word)
    if type(said) is str and len(said) < USUAL_TIME and said.isprintable():
        return said
    return "" if said is None else moment_text(said, below(where, word))


@cache
def _marked(kind: type[Kind]) -> Field | None:
    return kind.field_with(lambda field: field.stamped)


Form: TypeAlias = tuple[str, str, frozenset[str], Sequence[Reading], Sequence[Reading]]


@cache
def _form(kind: type[Kind]) -> Form:
    """Its name, the field with our marks or "", those that refer to others, and what the JSON of an object shows: read
    by itself, and in a list; the same twice where lists leave nothing out."""
    shown = [field for field in kind.specs.values() if not (field.source or field.identity)]
    whole, marked = readings(shown), _marked(kind)
    short = [field for field in shown if not field.detail]
    refs = frozenset(field.name for field in shown if field.ref)
    listed = whole if len(short) == len(shown) else readings(short)
    return kind.__name__, marked.name if marked else "", refs, whole, listed
