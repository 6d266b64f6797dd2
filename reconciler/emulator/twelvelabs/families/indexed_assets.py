"""Indexed assets: what of the account's assets can be searched, per index. Also what the videos view is a view of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.core.synthetic import segments as spans
from reconciler.emulator.core.synthetic import vector
from reconciler.emulator.core.walks import StatusWalk
from reconciler.emulator.twelvelabs import metadata
from reconciler.emulator.twelvelabs.call import ApiCall, where
from reconciler.emulator.twelvelabs.families.entity_collections import sorting
from reconciler.emulator.twelvelabs.families.indexes import counted, the_index
from reconciler.emulator.twelvelabs.limits import check_indexable
from reconciler.emulator.twelvelabs.models import models
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.rates import quota
from reconciler.emulator.twelvelabs.readiness import not_ready
from reconciler.emulator.twelvelabs.wire import Query

__all__ = ["FAMILY", "STATUSES", "add", "detail", "drop", "extras", "listed", "merge", "summary"]

KIND = "indexed_asset"
WALK = StatusWalk(("pending", "queued", "indexing"), newer=("pending", "validating", "queued", "indexing"))
STATUSES = (*WALK.newer, "ready", "failed")
EMBEDDINGS = ("visual", "audio", "transcription", "visual-text")
MEASURES = ("duration", "fps", "width", "height", "size")
HAS_METADATA = (
    "EXISTS (SELECT 1 FROM json_each(doc, '$.user_metadata') AS m WHERE m.key = ? AND "
    "(m.type IN ('true', 'false') AND m.type = ? OR m.type IN ('integer', 'real') AND m.atom = ? "
    "OR m.type = 'text' AND m.atom = ?))"
)

# -- state


def add(call: ApiCall, index: Obj, asset: Obj, *, stream: bool, user_metadata: dict[str, Any]) -> Obj:
    """Begin to index a ready asset. Doing it twice makes two, since nothing says that the vendor would refuse."""
    if asset.type not in ("video", "audio"):
        # Seen for images: a 404, with an s that the other not-founds do not have.
        raise ApiProblem(404, "resource_not_exists", f"The asset {asset.id} is no video or audio that can be indexed.")
    if asset.status != "ready":
        raise not_ready(asset)
    if call.options.media_limits:
        check_indexable(asset.doc["media"])
    _check_quota(call, index, asset)
    call.spend("index", "media_minutes", (asset.doc["media"]["duration"] or 0.0) / 60)
    doc = {
        "asset_id": asset.id,
        "media": asset.doc["media"],
        "stream": stream,
        "user_metadata": metadata.replaced(metadata.checked(user_metadata)),
    }
    made = call.store.insert(
        KIND,
        doc,
        parent=index.seq,
        name=asset.name,
        status=call.walker.start(KIND),
        walking=True,
        fate=call.fate,
    )
    call.store.link(made, asset)
    # From the start, failures too: when the vendor counts is not said (chosen).
    counted(call, index, asset.doc["media"]["duration"] or 0.0, by=1)
    return made


def _check_quota(call: ApiCall, index: Obj, asset: Obj) -> None:
    most, shown = quota(call.options), index.doc
    busy = Selection(KIND, parent=None, where=(("walking", ()),))
    if most.indexing is not None and call.store.count(busy) >= most.indexing:
        raise ApiProblem(400, "usage_limit_exceeded", f"Your plan indexes {most.indexing} assets at a time.")
    if most.videos is not None and shown["video_count"] >= most.videos:
        raise ApiProblem(400, "usage_limit_exceeded", f"Your plan has {most.videos} videos an index.")
    seconds = shown["total_duration"] + (asset.doc["media"]["duration"] or 0.0)
    if most.hours is not None and seconds > most.hours * 3600:
        raise ApiProblem(400, "usage_limit_exceeded", f"Your plan has {most.hours:g} hours of video an index.")


def drop(call: ApiCall, index: Obj, indexed: Obj) -> None:
    """Take it out of its index, whose totals follow."""
    counted(call, index, indexed.doc["media"]["duration"] or 0.0, by=-1)
    call.store.delete(indexed)


# -- wire


def summary(indexed: Obj) -> dict[str, Any]:
    """A row of a list: no user metadata, no stream."""
    media = indexed.doc["media"]
    system = {"filename": indexed.name, **{name: media[name] for name in MEASURES}}
    shown = {
        "_id": indexed.id,
        "asset_id": indexed.doc["asset_id"],
        "created_at": rfc3339(indexed.created_at),
        "updated_at": rfc3339(indexed.updated_at),
        "status": indexed.status,
        "system_metadata": {name: value for name, value in system.items() if value is not None},
    }
    if indexed.status == "ready":
        shown["indexed_at"] = rfc3339(indexed.updated_at)
    return shown


def detail(indexed: Obj) -> dict[str, Any]:
    """Retrieve: the row, and what a list leaves out."""
    shown = summary(indexed)
    if indexed.doc["user_metadata"]:
        shown["user_metadata"] = indexed.doc["user_metadata"]
    if indexed.doc["stream"]:
        shown["hls"] = _stream(indexed)
    return shown


def extras(call: ApiCall, indexed: Obj) -> dict[str, Any]:
    """What retrieve adds when it is asked to: embeddings and the transcription."""
    wanted, spoken = call.query.texts("embedding_option"), call.query.flag("transcription")
    call.query.done()
    if not set(wanted) <= set(EMBEDDINGS):
        raise invalid(f"The embedding_option parameter must be among {', '.join(EMBEDDINGS)}.")
    found: dict[str, Any] = {}
    if wanted and indexed.status == "ready":
        model = models(call.options)
        segments = _segments(indexed, wanted, model.dimensions)
        found["embedding"] = {"model_name": model.embed[0], "video_embedding": {"segments": segments}}
    if spoken and indexed.status == "ready":
        found["transcription"] = call.said_in(indexed.name)
    return found


def _segments(indexed: Obj, wanted: list[str], dimensions: int) -> list[dict[str, Any]]:
    media = indexed.doc["media"]
    return [
        {
            "float": vector(f"{media['sha256']}:{option}:{start:g}", dimensions),
            "start_offset_sec": start,
            "end_offset_sec": end,
            "embedding_option": option,
            "embedding_scope": "clip",
        }
        for option in wanted
        for start, end in spans(0.0, media["duration"] or 0.0)
    ]


def _stream(indexed: Obj) -> dict[str, Any]:
    """Upper case here, lower case on assets: as the vendor has it."""
    # Recorded, with nine decimals in the time.
    status = {"ready": "COMPLETE", "failed": "ERROR"}.get(indexed.status, "PROCESSING")
    base = f"https://media.emulator.invalid/{indexed.id}"
    done = {"video_url": f"{base}/stream.m3u8", "thumbnail_urls": [f"{base}/1.jpg"]} if status == "COMPLETE" else {}
    return {"status": status, "updated_at": rfc3339(indexed.updated_at, digits=9), **done}


def filters(query: Query, *, by_status: bool) -> tuple[tuple[str, tuple[object, ...]], ...]:
    """What the list can be asked for; what is left in the query is metadata, at the root or as `user_metadata[key]`."""
    chosen: list[tuple[str, tuple[object, ...]] | None] = []
    if by_status:
        statuses = query.texts("status")
        if any(status not in STATUSES for status in statuses):
            raise invalid(f"The status parameter must be among {', '.join(STATUSES)}.")
        if statuses:
            chosen.append((f"status IN ({', '.join('?' * len(statuses))})", tuple(statuses)))
    filename = query.text("filename")
    chosen.append(("name = ?", (filename,)) if filename else None)
    for name in MEASURES:
        for operator, value in query.bounds(name).items():
            chosen.append((f"json_extract(doc, '$.media.{name}') {operator} ?", (value,)))
    for name in ("created_at", "updated_at"):
        since = query.since(name)
        chosen.append((f"{name} >= ?", (since,)) if since is not None else None)
    return where(*chosen)


def metadata_filters(query: Query) -> tuple[tuple[str, tuple[object, ...]], ...]:
    """Equality on what is left of the query; a value from a URL matches text, number or flag that reads the same."""
    found = []
    for name, value in query.rest().items():
        key = name[len("user_metadata[") : -1] if name.startswith("user_metadata[") and name.endswith("]") else name
        found.append((HAS_METADATA, (key, value, _number(value), value)))
    return tuple(found)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


# -- routes


def create(call: ApiCall) -> Reply:
    index, fields = the_index(call, status=404), call.json()
    asset_id = fields.text("asset_id")
    stream = fields.flag("enable_video_stream", default=False)
    user_metadata = fields.mapping("user_metadata") or {}
    fields.done()
    asset = call.find("asset", asset_id, status=404)
    made = add(call, index, asset, stream=stream, user_metadata=user_metadata)
    return Reply(202, {"_id": made.id, "asset_id": asset.id})


def index(call: ApiCall) -> Reply:
    return listed(call, summary, by_status=True)


def listed(call: ApiCall, row: Callable[[Obj], dict[str, Any]], *, by_status: bool) -> Reply:
    """A page of an index's, as one of the two views shows them."""
    found = the_index(call)
    order = sorting(call.query, ("created_at", "updated_at"))
    call.query.page()
    conditions = filters(call.query, by_status=by_status) + metadata_filters(call.query)
    return call.page(Selection(KIND, parent=found.seq, where=conditions, **order), row)


def retrieve(call: ApiCall) -> Reply:
    indexed = _indexed_asset(call, status=404)
    shown = call.look(indexed)
    return Reply(200, {**detail(shown), **extras(call, shown)})


def update(call: ApiCall) -> Reply:
    """Merges only: there is no call that replaces, or clears."""
    return merge(call, _indexed_asset(call))


def merge(call: ApiCall, indexed: Obj) -> Reply:
    """Lay the sent keys of metadata over what is there."""
    fields = call.json()
    values = metadata.checked(fields.mapping("user_metadata") or {})
    fields.done()
    merged = metadata.merged(indexed.doc["user_metadata"], values)
    call.store.update(indexed, doc={**indexed.doc, "user_metadata": merged})
    return Reply(204)


def remove(call: ApiCall) -> Reply:
    drop(call, the_index(call), _indexed_asset(call))
    return Reply(204)


def _indexed_asset(call: ApiCall, *, status: int = 400) -> Obj:
    return call.find(KIND, call.path["indexed_asset_id"], parent=the_index(call, status=status), status=status)


MANY = "/indexes/{index_id}/indexed-assets"
ONE = f"{MANY}/{{indexed_asset_id}}"
FAMILY = EndpointFamily(
    name="indexed assets",
    since="2026-07",
    walks={KIND: WALK},
    routes=(
        Route("POST", MANY, create, body="json", bucket="indexing"),
        Route("GET", MANY, index),
        Route("GET", ONE, retrieve),
        Route("PATCH", ONE, update, body="json"),
        Route("DELETE", ONE, remove),
    ),
)
