"""Assets: what was indexed. They are listed by POST, with or without what was found in them."""

from __future__ import annotations

import json
from typing import Any

from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.core.walks import StatusWalk
from reconciler.emulator.mixpeek import filters, kept_features
from reconciler.emulator.mixpeek.bodies import AssetSearch, ListQuery, NewMetadata
from reconciler.emulator.mixpeek.call import MixpeekCall, naive

__all__ = ["FAMILY", "KIND", "all_of", "drop", "seen", "shown"]

KIND = "asset"
FAILED = "The media could not be processed."
SERVERS = ("asset", "preview_url")
"""Keys of the metadata that are the server's own."""

# -- state


def seen(call: MixpeekCall, asset: Obj) -> Obj:
    """The asset as a read shows it: one that has just become DONE has its features from then on."""
    return _with_findings(call, call.look(asset))


def _with_findings(call: MixpeekCall, asset: Obj) -> Obj:
    if asset.status == "FAILED" and "error" not in asset.doc:
        return call.store.update(asset, doc={**asset.doc, "error": FAILED})
    if asset.status != "DONE" or asset.doc["found"]:
        return asset
    if not asset.doc["keeps"]:
        call.store.delete_children(asset, kept_features.FEATURE)
    kept_features.find_in(call, asset)
    return call.store.update(asset, doc={**asset.doc, "found": True})


def all_of(call: MixpeekCall, collection_ids: list[str]) -> list[Obj]:
    """All assets of some collections, the oldest first, each seen."""
    named = ("name IN (SELECT value FROM json_each(?))", (json.dumps(collection_ids),))
    lives = call.store.select(Selection(KIND, where=(named,), descending=False))
    found = [seen(call, asset) if asset.walking else asset for asset in lives]
    return [it for it in found if call.options.listed_early or not it.walking]


def drop(call: MixpeekCall, asset: Obj) -> None:
    """With all that was found in it, and the tasks that made it."""
    for kind in (kept_features.FEATURE, "task"):
        call.store.delete_children(asset, kind)
    call.store.delete(asset)


# -- wire


def shown(asset: Obj) -> dict[str, Any]:
    """One asset: null where there is nothing, and metadata with what the server puts there."""
    done = asset.status == "DONE"
    return {
        "asset_id": asset.id,
        "collection_id": asset.name,
        "status": asset.status,
        "url": f"https://media.emulator.invalid/{asset.id}" if done and asset.doc["saved"] else None,
        "metadata": {"asset": {}, **asset.doc["metadata"], "preview_url": None},
        "error": asset.doc.get("error") if asset.status == "FAILED" else None,
        "modality": asset.type,
        "task_id": asset.doc["task_id"],
        "unique_hash": None,
        "updated_at": naive(asset.updated_at),
        "created_at": naive(asset.created_at),
        "score": None,
    }


# -- routes


def index(call: MixpeekCall) -> Reply:
    """A page of the assets of some collections."""
    return Reply(200, call.page("/assets", _rows(call, call.sent(ListQuery))))


def search(call: MixpeekCall) -> Reply:
    """Those in whose fields a text stands; `*` is any field."""
    query = call.sent(AssetSearch)
    rows = _rows(call, query)
    if query.query is not None:
        keys, value = query.query.key, query.query.value.lower()
        rows = [row for row in rows if any(value in _text_at(row, key).lower() for key in keys)]
    return Reply(200, call.page("/assets/search", rows))


def _rows(call: MixpeekCall, query: ListQuery) -> list[dict[str, Any]]:
    return filters.chosen([shown(asset) for asset in all_of(call, query.collection_ids)], query)


def _text_at(row: dict[str, Any], key: str) -> str:
    found = row if key == "*" else filters.value_at(row, key)
    return found if isinstance(found, str) else json.dumps(found, default=str)


def retrieve(call: MixpeekCall) -> Reply:
    """One, without what was found in it."""
    return Reply(200, shown(seen(call, call.find(KIND, call.path["asset_id"]))))


def with_features(call: MixpeekCall) -> Reply:
    """One, and all that was found in it, without vectors. Before November 2024 in another envelope."""
    asset = seen(call, call.find(KIND, call.path["asset_id"]))
    if call.options.is_newest:
        return Reply(200, _with_features(call, asset))
    found = kept_features.of_asset(call, asset)
    segments = [{name: it.doc["found"].get(name) for name in OLDER} for it in found if it.type == "video"]
    page = call.page(f"/assets/{asset.id}/features", segments)
    return Reply(200, {"video_segments": page["results"], "pagination": page["pagination"]})


OLDER = ("start_time", "end_time", "interval_sec", "transcription", "text", "description", "json_output")


def _with_features(call: MixpeekCall, asset: Obj) -> dict[str, Any]:
    buckets: dict[str, list[dict[str, Any]]] = {name: [] for name in ("video", "image", "text", "audio")}
    for feature in kept_features.of_asset(call, asset):
        buckets[feature.type].append(kept_features.shown(call, feature, asset, in_asset=True))
    return {"asset": shown(asset), "features": buckets}


def merge(call: MixpeekCall) -> Reply:
    """PATCH: the keys that are sent, and no deeper; null is a value like any other (chosen)."""
    return _changed(call, whole=False)


def replace(call: MixpeekCall) -> Reply:
    """PUT: all keys but the server's (chosen)."""
    return _changed(call, whole=True)


def _changed(call: MixpeekCall, *, whole: bool) -> Reply:
    asset, sent = call.find(KIND, call.path["asset_id"]), call.sent(NewMetadata)

    def changed(old: dict[str, Any]) -> dict[str, Any]:
        given = {key: value for key, value in sent.metadata.items() if key not in SERVERS}
        return given if whole else {**old, **given}

    doc = {**asset.doc, "metadata": changed(asset.doc["metadata"])}
    asset = seen(call, call.store.update(asset, doc=doc, updated_at=call.store.moment()))
    if not sent.propagate_features:
        return Reply(200, shown(asset))
    for feature in kept_features.of_asset(call, asset):
        call.store.update(feature, doc={**feature.doc, "metadata": changed(feature.doc["metadata"])})
    return Reply(200, _with_features(call, asset))


def remove(call: MixpeekCall) -> Reply:
    """With its features; what is being processed too (chosen)."""
    asset = call.find(KIND, call.path["asset_id"])
    drop(call, asset)
    return Reply(200, {"message": f"Asset {asset.id} deleted successfully"})


ONE = "/assets/{asset_id}"
FAMILY = EndpointFamily(
    name="assets",
    walks={KIND: StatusWalk(("INITIALIZING", "DOWNLOADING", "UPLOADING", "PROCESSING"), end="DONE", failed="FAILED")},
    routes=(
        Route("POST", "/assets", index, body="json", reads=True),
        Route("POST", "/assets/", index, body="json", reads=True),
        Route("POST", "/assets/search", search, body="json", bucket="search text", reads=True),
        Route("GET", ONE, retrieve),
        Route("PUT", ONE, replace, body="json"),
        Route("PATCH", ONE, merge, body="json"),
        Route("DELETE", ONE, remove),
        Route("GET", f"{ONE}/features", with_features),
    ),
)
