"""Search of a knowledge store: clips of its videos and its images, together in one order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import Any

from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.twelvelabs import kept_results
from reconciler.emulator.twelvelabs.call import ApiCall, where
from reconciler.emulator.twelvelabs.corpus import Sought, candidates
from reconciler.emulator.twelvelabs.families.knowledge_items import TYPES, system_metadata
from reconciler.emulator.twelvelabs.families.knowledge_stores import ITEM, ONE, SEARCH, the_store
from reconciler.emulator.twelvelabs.kept_results import Expired, Unknown
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.ranking import Likeness, Piece, rank
from reconciler.emulator.twelvelabs.reading import Body, body

__all__ = ["FAMILY", "ready_items"]

MODALITIES = ("visual", "audio")
MOST_RESULTS = 10_000


@dataclass(frozen=True, slots=True)
class _StoreResults:
    """What was found, as it is kept between two pages. A row is all that is shown of one item."""

    rows: list[list[list[Any]]]
    limit: int
    options: dict[str, Any]
    with_metadata: bool

    def as_json(self) -> dict[str, Any]:
        """Without `asdict`, which would copy every row."""
        return {field.name: getattr(self, field.name) for field in fields_of(self)}


# -- wire: the request


def _one_or_many(fields: Body, name: str, allowed: Sequence[str] | None) -> list[str] | None:
    """A condition as `{"eq": x}` or `{"in": [x, y]}`."""
    part = fields.maybe_section(name)
    if part is None:
        return None
    if ("eq" in part) == ("in" in part):
        raise invalid(f"{part.where} must have one of eq and in.")
    found = [part.text("eq")] if "eq" in part else part.texts("in", least=1)
    part.done()
    if allowed is not None and not set(found) <= set(allowed):
        raise invalid(f"{part.where} must be among {', '.join(allowed)}.")
    return found


def _filter(fields: Body) -> tuple[list[str], list[str] | None]:
    """The types to look for, and the items, if only some are meant."""
    part = fields.maybe_section("filter")
    if part is None:
        return list(TYPES), None
    types, ids = _one_or_many(part, "asset_type", TYPES), _one_or_many(part, "item_id", None)
    part.done()
    return types or list(TYPES), ids


def _modalities(call: ApiCall, fields: Body) -> list[str]:
    """Without any, visual: so says the contract; the service itself insists on them."""
    part = fields.section("search_options") if call.options.since("newest") else fields.maybe_section("search_options")
    video = part.maybe_section("video") if part else None
    if part is not None:
        part.done()
    if video is None:
        return list(MODALITIES[:1])
    video.texts("modalities", least=1)
    found = video.choices("modalities", MODALITIES, MODALITIES[:1])
    video.done()
    return found


# -- state


def _search(call: ApiCall, store: Obj, fields: Body) -> _StoreResults:
    query = fields.section("query")
    asked = Sought()
    asked.add(query.text("text"))
    query.done()
    (types, ids), modalities = _filter(fields), _modalities(call, fields)
    group = fields.choice("group_by", ("none", "item"), "none") == "item"
    limit = fields.whole("page_size", least=1, most=50) or 10
    with_metadata = fields.flag("include_metadata", default=False)
    fields.done()
    clips = _found(call, ready_items(call, store, types, ids), asked.words, modalities)
    options = {"video": {"modalities": modalities}} if "video" in types else {}
    return _StoreResults(_rows(clips[:MOST_RESULTS], group=group), limit, options, with_metadata)


def ready_items(call: ApiCall, store: Obj, types: Sequence[str], ids: list[str] | None) -> list[Obj]:
    """What can be found in a store; `ids` narrows it."""
    for unfinished in call.store.unfinished(ITEM, store.seq):
        call.walker.up_to_now(call.store, unfinished)
    conditions = where(
        ("status = 'ready'", ()),
        (f"type IN ({', '.join('?' * len(types))})", tuple(types)),
        ("id IN (SELECT value FROM json_each(?))", (json.dumps(ids),)) if ids is not None else None,
    )
    return call.store.select(Selection(ITEM, parent=store.seq, where=conditions))


def _found(call: ApiCall, pool: list[Obj], words: list[str], modalities: list[str]) -> list[Piece]:
    """Videos by the modalities asked for, where speech is part of audio; images always by what they show."""
    options = [option for one in modalities for option in (("audio", "transcription") if one == "audio" else (one,))]
    found = []
    for kind, by in (("video", options), ("image", ["visual"])):
        some = [obj for obj in pool if obj.type == kind]
        found += rank(candidates(call, some, (), "metadata"), Likeness(words, by))
    return sorted(found, key=lambda clip: (-clip.score, -clip.seq, clip.start))


def _rows(clips: list[Piece], *, group: bool) -> list[list[list[Any]]]:
    rows: dict[int, list[list[Any]]] = {}
    for position, clip in enumerate(clips):
        heard = "transcription" in clip.matched
        matched = [one for one in MODALITIES if one in clip.matched or (one == "audio" and heard)]
        row = [clip.seq, clip.start, clip.end, clip.transcription, matched]
        rows.setdefault(clip.seq if group else position, []).append(row)
    return list(rows.values())


# -- wire: the answer


def _match(row: list[Any]) -> dict[str, Any]:
    _, start, end, text, matched = row
    shown = {"start_sec": start, "end_sec": end, "modalities": matched}
    return {**shown, **({"transcription": text} if text else {})}


def _hit(found: Obj, position: int, row: list[list[Any]], *, with_metadata: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"asset_type": found.type, "rank": position, "item_id": found.id}
    if found.type == "video":
        shown["matches"] = [_match(clip) for clip in row]
    if with_metadata:
        names = ("duration", "width", "height", "size")
        system = {name: value for name, value in system_metadata(found).items() if name in names}
        shown["metadata"] = {"system": system, "user": found.doc["metadata"]}
    return shown


def _page(call: ApiCall, results: _StoreResults, kept: Obj | None, page: int) -> Reply:
    first = (page - 1) * results.limit
    data = [
        _hit(found, position, row, with_metadata=results.with_metadata)
        for position, row in enumerate(results.rows[first : first + results.limit], first + 1)
        if (found := call.store.at(row[0][0])) is not None
    ]
    shown: dict[str, Any] = {"data": data, "effective_search_options": results.options}
    if kept and first + results.limit < len(results.rows):
        shown["next_page_token"] = kept_results.token(kept, page + 1)
    return Reply(200, shown)


# -- routes


def search(call: ApiCall) -> Reply:
    """With a token, the next page of an earlier search, and whatever else was sent is passed over."""
    store, fields = the_store(call, status=404), body(call)
    sent = fields.maybe_text("page_token")
    if sent is not None:
        kept, page = _opened(call, store, sent)
        return _page(call, _StoreResults(**kept.doc), kept, page)
    results = _search(call, store, fields)
    more = len(results.rows) > results.limit
    return _page(call, results, kept_results.keep(call, SEARCH, results.as_json(), parent=store) if more else None, 1)


def _opened(call: ApiCall, store: Obj, sent: str) -> tuple[Obj, int]:
    try:
        kept, page = kept_results.opened(call, SEARCH, sent)
    except Unknown as error:
        raise invalid("The page_token parameter is not valid.") from error
    except Expired as error:
        raise ApiProblem(410, "page_token_expired", "The page token has expired; search again.") from error
    if kept.parent != store.seq:
        raise invalid("The page_token parameter is not valid.")
    return kept, page


FAMILY = EndpointFamily(
    name="knowledge store search",
    since="2026-07",
    routes=(Route("POST", f"{ONE}/search", search, body="json", bucket="search", limited="empty"),),
)
