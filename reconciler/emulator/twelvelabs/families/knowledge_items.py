"""Items of a knowledge store: assets that were added to it. An item never changes."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.core.walks import StatusWalk
from reconciler.emulator.twelvelabs.call import ApiCall, where
from reconciler.emulator.twelvelabs.families.entity_collections import sorting
from reconciler.emulator.twelvelabs.families.knowledge_stores import ITEM, ONE, the_store
from reconciler.emulator.twelvelabs.knowledge_rules import PREFIX_ITEM, user_metadata
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.readiness import not_ready
from reconciler.emulator.twelvelabs.reading import body

__all__ = ["FAMILY", "item", "shown", "system_metadata"]

TYPES = ("video", "image")
STEPS = ("queued", "pending", "processing")
STATUSES = (*STEPS, "ready", "failed")
MOST_PAIRS, MOST_LETTERS = 50, 8192
GIB = 1024**3
MOST_BYTES = {False: {"video": 5 * GIB, "image": 5 * GIB}, True: {"video": 10 * GIB, "image": 32 * 1024**2}}
"""Before and since the newest vintage."""

# -- wire


def system_metadata(found: Obj) -> dict[str, Any]:
    """What is known about the file; no codec is, as nothing is decoded."""
    media = found.doc["media"]
    names = ("duration", "fps", "width", "height", "size") if found.type == "video" else ("width", "height", "size")
    measures = {name: media[name] for name in names if media[name] is not None}
    return {"asset_type": found.type, "filename": found.name, **measures}


def shown(found: Obj) -> dict[str, Any]:
    """The one shape: lists, retrieve, and the answer to a create."""
    return {
        "_id": found.id,
        "asset_type": found.type,
        "asset_id": found.doc["asset_id"],
        "status": found.status,
        "system_metadata": system_metadata(found),
        "metadata": found.doc["metadata"],
        "created_at": rfc3339(found.created_at),
        "updated_at": rfc3339(found.updated_at),
    }


# -- state


def _checked(call: ApiCall, asset: Obj, kind: str | None) -> str:
    """The type of the item: that of its asset, which must be ready, and not too large."""
    if asset.status != "ready":
        raise not_ready(asset)
    # By the asset, whatever is said of it: the parameter is a wish that must be true.
    if asset.type not in TYPES or kind not in (None, asset.type):
        raise invalid(f"The asset {asset.id} is of type {asset.type}; items are {' or '.join(TYPES)}.")
    if asset.type == "image":
        _refuse_images(call)
    most = MOST_BYTES[call.options.since("newest")][asset.type]
    if asset.doc["media"]["size"] > most:
        raise ApiProblem(
            400, "media_filesize_too_large", f"An item of type {asset.type} may have {most} bytes at most."
        )
    return asset.type


def _refuse_images(call: ApiCall) -> None:
    """As two of the vendor's own examples say of the service."""
    if call.options.since("newest") and not call.options.image_items:
        raise ApiProblem(422, "parameter_invalid", "The asset_type parameter is invalid.")


# -- routes


def create(call: ApiCall) -> Reply:
    """The same asset may be added twice; then there are two items."""
    store, fields = the_store(call), body(call)
    asset_id = fields.text("asset_id")
    kind = fields.one_of("asset_type", TYPES) if "asset_type" in fields else None
    values = user_metadata(fields, pairs=MOST_PAIRS, letters=MOST_LETTERS) or {}
    fields.done()
    if kind == "image":
        _refuse_images(call)
    asset = call.find("asset", asset_id)
    made = call.store.insert(
        ITEM,
        {"asset_id": asset.id, "media": asset.doc["media"], "metadata": values},
        parent=store.seq,
        name=asset.name,
        type=_checked(call, asset, kind),
        status=call.walker.start(ITEM),
        walking=True,
        fate=call.fate,
        make_id=PREFIX_ITEM,
    )
    call.store.link(made, asset)
    return Reply(202, shown(made))


def index(call: ApiCall) -> Reply:
    store, statuses = the_store(call), call.query.texts("status")
    if any(status not in STATUSES for status in statuses):
        raise invalid(f"The status parameter must be among {', '.join(STATUSES)}.")
    by_status = (f"status IN ({', '.join('?' * len(statuses))})", tuple(statuses)) if statuses else None
    order = sorting(call.query, ("created_at", "updated_at"))
    return call.page(Selection(ITEM, parent=store.seq, where=where(by_status), **order), shown)


def retrieve(call: ApiCall) -> Reply:
    return Reply(200, shown(call.look(item(call, the_store(call), call.path["item_id"]))))


def remove(call: ApiCall) -> Reply:
    """Collections that it was in have one member less; the asset stays."""
    call.store.delete(item(call, the_store(call), call.path["item_id"]))
    return Reply(204)


def item(call: ApiCall, store: Obj, item_id: str) -> Obj:
    """One of a store; of another store it is as if it were not there."""
    return call.find(ITEM, item_id, parent=store, prefix=PREFIX_ITEM)


MANY = f"{ONE}/items"
FAMILY = EndpointFamily(
    name="knowledge store items",
    since="2026-07",
    walks={ITEM: StatusWalk(STEPS)},
    routes=(
        Route("POST", MANY, create, body="json"),
        Route("GET", MANY, index),
        Route("GET", f"{MANY}/{{item_id}}", retrieve),
        Route("DELETE", f"{MANY}/{{item_id}}", remove),
    ),
)
