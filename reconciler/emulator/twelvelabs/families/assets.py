"""Assets: files in the account, their metadata, and who uses them."""

from __future__ import annotations

import json
from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.media import MediaFacts, examine, kind_of, mime_of
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.core.walks import StatusWalk
from reconciler.emulator.twelvelabs import metadata
from reconciler.emulator.twelvelabs.call import ApiCall, where
from reconciler.emulator.twelvelabs.families import entities
from reconciler.emulator.twelvelabs.problems import invalid, missing
from reconciler.emulator.twelvelabs.sources import behind
from reconciler.emulator.twelvelabs.wire import SentForm

__all__ = ["FAMILY", "detail", "fate_of", "new", "summary"]

KIND = "asset"
TYPES = ("video", "audio", "image", "document")
# By way of `seq`, so that the ids are looked up one by one instead of the account's assets being gone through.
BY_ID = "seq IN (SELECT seq FROM objects WHERE id IN (SELECT value FROM json_each(?)))"

# -- state


def new(
    call: ApiCall,
    media: MediaFacts,
    *,
    method: str,
    filename: str,
    hls: bool,
    thumbnail: bool,
    user_metadata: dict[str, Any],
    fate: str = "",
    source: str = "",
) -> Obj:
    """An asset that is being processed; a file that is broken, or of no use to the vendor, ends `failed`."""
    kind, fate = kind_of(media.mime), fate or fate_of(media)
    at_once = kind == "image" and not fate and call.options.early_images == "ready"
    doc = {
        "method": method,
        "hls": hls and kind in ("video", "audio"),
        "thumbnail": thumbnail,
        "user_metadata": user_metadata,
        "media": media.as_json(),
        "source": source,
    }
    return call.store.insert(
        KIND,
        doc,
        name=filename,
        type=kind,
        status="ready" if at_once else call.walker.start(KIND),
        walking=not at_once,
        fate=fate,
    )


def fate_of(media: MediaFacts) -> str:
    """How it ends, if no fault decides: a file that cannot be read is refused later, and not at once."""
    return "" if kind_of(media.mime) and not media.broken else "failed"


def _delete(call: ApiCall, asset: Obj) -> None:
    """Entities lose the asset without a word; what was indexed keeps an id that leads nowhere."""
    # The prose of entities: an asset that is deleted is unlinked without a word.
    for entity in call.store.select(Selection("entity", linked_to=asset.seq)):
        entities.without(call, entity, [asset])
    call.store.delete(asset)


# -- wire


def summary(asset: Obj) -> dict[str, Any]:
    """The answer to a create."""
    shown = {
        "_id": asset.id,
        "method": asset.doc["method"],
        "status": asset.status,
        "filename": asset.name,
        "file_type": asset.doc["media"]["mime"],
        "created_at": rfc3339(asset.created_at),
    }
    if asset.doc["user_metadata"]:
        shown["user_metadata"] = asset.doc["user_metadata"]
    return shown


def detail(asset: Obj) -> dict[str, Any]:
    """What retrieve shows, and every row of a list too."""
    media, ready = asset.doc["media"], asset.status == "ready"
    shown = summary(asset)
    for name, key in (("hls", "manifest_url"), ("thumbnail", "representative_url")):
        if asset.doc[name]:
            done = {key: f"https://media.emulator.invalid/{asset.id}/{name}"} if ready else {}
            shown[name] = {"status": _side_status(asset), **done}
    if ready:
        shown["size"] = media["size"]
        if media["duration"] is not None:
            shown["duration"] = media["duration"]
        shown["technical_metadata"] = _technical(media)
    if asset.status == "failed":
        shown["error"] = {"message": _reason(media)}
    return shown


def _reason(media: dict[str, Any]) -> str:
    if media["broken"]:
        return f"The file is broken: {media['broken']}."
    return "The file could not be processed." if kind_of(media["mime"]) else f"{media['mime']} is not supported."


def _side_status(asset: Obj) -> str:
    return {"ready": "ready", "failed": "error"}.get(asset.status, "processing")


def _technical(media: dict[str, Any]) -> dict[str, Any]:
    kind = kind_of(media["mime"])
    prefix = "image" if kind == "image" else "video"
    found = {
        "file_size_bytes": media["size"],
        "file_mime_type": media["mime"],
        f"{prefix}_width": media["width"],
        f"{prefix}_height": media["height"],
        "video_fps": media["fps"],
        f"{kind}_duration_seconds": media["duration"],
    }
    return {name: value for name, value in found.items() if value is not None}


def _sent_metadata(form: SentForm) -> dict[str, Any]:
    values = form.json("user_metadata")
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise invalid("The user_metadata parameter must be a JSON-encoded object.")
    return metadata.replaced(metadata.checked(values))


# -- routes


def create(call: ApiCall) -> Reply:
    form = call.form()
    method = form.text("method")
    if method not in ("direct", "url"):
        raise invalid("The method parameter must be direct or url.")
    file, url, filename = form.file("file"), form.maybe_text("url"), form.maybe_text("filename")
    # The defaults turned with the SDK 1.3.6; the multipart call kept the old ones.
    default = call.options.since("newest")
    hls = form.flag("enable_hls", default=default)
    thumbnail = form.flag("enable_thumbnail", default=default)
    user_metadata = _sent_metadata(form)
    form.done()
    if method == "direct":
        if file is None:
            raise missing("file")
        filename = filename or file.filename or "upload"
        media = examine(file.file, filename, mime_of(file.filename, file.content_type))
        check_size(media.mime, media.size, call.options.max_direct_bytes, call)
    else:
        if url is None:
            raise missing("url")
        # No download: the emulator must work where there is no network, and never reach into one that there is.
        last, media = behind(url, "url", "video")
        filename = filename or last
    asset = new(
        call,
        media,
        method=method,
        filename=filename,
        hls=hls,
        thumbnail=thumbnail,
        user_metadata=user_metadata,
        fate=call.fate,
        source=url or "",
    )
    return Reply(201, summary(asset))


def check_size(mime: str, size: int, most: int, call: ApiCall) -> None:
    """The limits of the prose; images have one of their own."""
    if size == 0:
        raise invalid("The file is empty.")
    image = kind_of(mime) == "image"
    if image and size > call.options.max_image_bytes:
        raise ApiProblem(
            400, "media_filesize_too_large", f"Images may have {call.options.max_image_bytes} bytes at most."
        )
    if size > most:
        kind = "audio" if kind_of(mime) == "audio" else "video"
        raise ApiProblem(400, f"{kind}_filesize_too_large", f"The file may have {most} bytes at most.")


def index(call: ApiCall) -> Reply:
    ids, types = call.query.texts("asset_ids"), call.query.texts("asset_types")
    filename = call.query.text("filename")
    if any(kind not in TYPES for kind in types):
        raise invalid(f"The asset_types parameter must be among {', '.join(TYPES)}.")
    chosen = Selection(
        KIND,
        where=where(
            (BY_ID, (json.dumps(ids),)) if ids else None,
            (f"type IN ({', '.join('?' * len(types))})", tuple(types)) if types else None,
            ("instr(lower(name), lower(?))", (filename,)) if filename else None,
        ),
    )
    return call.page(chosen, detail)


def retrieve(call: ApiCall) -> Reply:
    return Reply(200, detail(call.look(_asset(call))))


def remove(call: ApiCall) -> Reply:
    asset, force = _asset(call, status=400), call.query.flag("force")
    call.query.done()
    # 409 is the contract's; its code is nowhere, so a client may not rely on it.
    if not force and call.store.count(Selection("indexed_asset", linked_to=asset.seq)):
        raise ApiProblem(409, "asset_in_use", "The asset is indexed; delete its indexed assets first, or use force.")
    _delete(call, asset)
    return Reply(204)


def merge_metadata(call: ApiCall) -> Reply:
    asset, values = _asset(call), _metadata_body(call)
    return _store_metadata(call, asset, metadata.merged(asset.doc["user_metadata"], values))


def replace_metadata(call: ApiCall) -> Reply:
    asset, values = _asset(call), _metadata_body(call)
    return _store_metadata(call, asset, metadata.replaced(values))


def clear_metadata(call: ApiCall) -> Reply:
    return _store_metadata(call, _asset(call), {})


def _metadata_body(call: ApiCall) -> dict[str, Any]:
    fields = call.json()
    values = fields.mapping("user_metadata", required=True)
    fields.done()
    return metadata.checked(values or {})


def _store_metadata(call: ApiCall, asset: Obj, values: dict[str, Any]) -> Reply:
    call.store.update(asset, doc={**asset.doc, "user_metadata": values})
    return Reply(204)


def indexed_assets(call: ApiCall) -> Reply:
    """Where the asset is indexed, newest first."""

    def show(obj: Obj) -> dict[str, Any]:
        owner = call.store.at(obj.parent)
        assert owner is not None, "an index takes its indexed assets with it"
        return {"_id": obj.id, "index": {"_id": owner.id, "name": owner.name}}

    return call.page(Selection("indexed_asset", linked_to=_asset(call, status=400).seq), show)


def in_entities(call: ApiCall) -> Reply:
    return call.page(Selection("entity", linked_to=_asset(call, status=400).seq), lambda obj: entities.shown(call, obj))


def _asset(call: ApiCall, *, status: int = 404) -> Obj:
    return call.find(KIND, call.path["asset_id"], status=status)


ONE = "/assets/{asset_id}"
FAMILY = EndpointFamily(
    name="assets",
    since="2026-07",
    walks={KIND: StatusWalk(("processing",))},
    routes=(
        Route("POST", "/assets", create, body="form", bucket="assets"),
        Route("GET", "/assets", index),
        Route("GET", ONE, retrieve),
        Route("DELETE", ONE, remove),
        Route("PATCH", f"{ONE}/user-metadata", merge_metadata, body="json"),
        Route("PUT", f"{ONE}/user-metadata", replace_metadata, body="json"),
        Route("DELETE", f"{ONE}/user-metadata", clear_metadata),
        Route("GET", f"{ONE}/indexed-assets", indexed_assets),
        Route("GET", f"{ONE}/entities", in_entities),
    ),
)
