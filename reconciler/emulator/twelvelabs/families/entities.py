"""Entities: who or what to look for, shown by a few image assets."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.core.walks import StatusWalk
from reconciler.emulator.twelvelabs import metadata
from reconciler.emulator.twelvelabs.call import ApiCall, where
from reconciler.emulator.twelvelabs.families.entity_collections import NAMED_SORTS, sorting
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.rates import quota
from reconciler.emulator.twelvelabs.readiness import not_ready
from reconciler.emulator.twelvelabs.wire import Fields

__all__ = ["FAMILY", "shown", "without"]

KIND = "entity"

# -- state


def _new(call: ApiCall, collection: Obj, fields: Fields) -> Obj:
    """An entity from what was sent; raises what is wrong with it."""
    name, asset_ids = fields.text("name"), fields.texts("asset_ids", least=1)
    description = fields.maybe_text("description")
    values = metadata.checked(fields.mapping("metadata") or {}, name="metadata", lists=False)
    fields.done()
    assets = _usable(call, asset_ids)
    most = quota(call.options).entities
    if most is not None and call.store.count(Selection(KIND, parent=None)) >= most:
        raise ApiProblem(400, "usage_limit_exceeded", f"Your plan allows {most} entities.")
    entity = call.store.insert(
        KIND,
        {
            "description": description,
            "metadata": metadata.replaced(values),
            "asset_ids": [asset.id for asset in assets],
            "collection_id": collection.id,
        },
        parent=collection.seq,
        name=name,
        status=call.walker.start(KIND),
        walking=True,
        fate=call.fate,
    )
    for asset in assets:
        call.store.link(entity, asset)
    return entity


def _usable(call: ApiCall, asset_ids: list[str]) -> list[Obj]:
    """The assets, each once and in order; all must be there and ready, or images on their way to it."""
    assets = [call.find("asset", asset_id) for asset_id in dict.fromkeys(asset_ids)]
    # The vendor's own example makes an entity of images that it has just sent, and looks at none of them.
    early = call.options.early_images == "accepted"
    for asset in assets:
        if asset.status != "ready" and not (early and asset.type == "image" and asset.status == "processing"):
            raise not_ready(asset)
    return assets


def without(call: ApiCall, entity: Obj, assets: list[Obj]) -> Obj:
    """The entity with these assets unlinked; it may be left with none when an asset is deleted."""
    for asset in assets:
        call.store.unlink(entity, asset)
    gone = {asset.id for asset in assets}
    kept = [asset_id for asset_id in entity.doc["asset_ids"] if asset_id not in gone]
    return call.store.update(entity, doc={**entity.doc, "asset_ids": kept}, updated_at=call.store.moment())


# -- wire


def shown(call: ApiCall, entity: Obj) -> dict[str, Any]:
    """The one shape: lists, retrieve, and the answer to every change."""
    found = {
        "_id": entity.id,
        "entity_collection_id": entity.doc["collection_id"],
        "name": entity.name,
        "description": entity.doc["description"],
        "metadata": entity.doc["metadata"],
        "asset_ids": entity.doc["asset_ids"],
        "status": entity.status,
        "created_at": rfc3339(entity.created_at),
        "updated_at": rfc3339(entity.updated_at),
    }
    return {name: value for name, value in found.items() if value is not None}


# -- routes


def index(call: ApiCall) -> Reply:
    name, status = call.query.text("name"), call.query.one_of("status", ("processing", "ready"), default="")
    chosen = Selection(
        KIND,
        parent=_collection(call).seq,
        where=where(
            ("name = ?", (name,)) if name else None,
            ("status = ?", (status,)) if status else None,
        ),
        **sorting(call.query, NAMED_SORTS),
    )
    return call.page(chosen, lambda obj: shown(call, obj))


def create(call: ApiCall) -> Reply:
    return Reply(201, shown(call, _new(call, _collection(call), call.json())))


def create_many(call: ApiCall) -> Reply:
    """201 even if some, or all, are refused: what was refused is told by its place in the request."""
    collection, fields = _collection(call), call.json()
    wanted = fields.objects("entities")
    fields.done()
    made, refused = [], []
    for position, item in enumerate(wanted):
        try:
            made.append(_new(call, collection, item))
        except ApiProblem as problem:
            name = item.raw.get("name")
            refused.append(
                {
                    "entity_index": position,
                    "entity_name": name if isinstance(name, str) else "",
                    "error_reason": problem.message,
                }
            )
    return Reply(
        201,
        {
            "success_count": len(made),
            "failed_count": len(refused),
            "entities": [{"_id": obj.id, "name": obj.name, "status": obj.status} for obj in made],
            "errors": refused,
        },
    )


def retrieve(call: ApiCall) -> Reply:
    return Reply(200, shown(call, call.look(_entity(call))))


def update(call: ApiCall) -> Reply:
    """Name, description, metadata as a whole; never the assets."""
    entity, fields = _entity(call), call.json()
    doc = dict(entity.doc)
    name = fields.text("name") if "name" in fields else entity.name
    if "description" in fields:
        doc["description"] = fields.maybe_text("description")
    values = fields.mapping("metadata")
    if values is not None:
        doc["metadata"] = metadata.replaced(metadata.checked(values, name="metadata", lists=False))
    fields.done()
    return Reply(200, shown(call, call.store.update(entity, name=name, doc=doc, updated_at=call.store.moment())))


def remove(call: ApiCall) -> Reply:
    call.store.delete(_entity(call))
    return Reply(204)


def add_assets(call: ApiCall) -> Reply:
    """Assets that are there already stay once; a new one makes the entity process again."""
    entity, asset_ids = _entity(call), _asset_ids(call)
    assets = _usable(call, asset_ids)
    fresh = [asset for asset in assets if asset.id not in entity.doc["asset_ids"]]
    for asset in fresh:
        call.store.link(entity, asset)
    doc = {**entity.doc, "asset_ids": entity.doc["asset_ids"] + [asset.id for asset in fresh]}
    return Reply(200, shown(call, _again(call, entity, doc) if fresh else entity))


def remove_assets(call: ApiCall) -> Reply:
    entity, asset_ids = _entity(call), _asset_ids(call)
    stray = [asset_id for asset_id in asset_ids if asset_id not in entity.doc["asset_ids"]]
    if stray:
        raise invalid(f"The asset {stray[0][:64]!r} does not belong to the entity.")
    # The prose says so of this call; a delete of the asset itself may leave an entity with none (chosen).
    if set(asset_ids) == set(entity.doc["asset_ids"]):
        raise invalid("The last asset of an entity cannot be removed.")
    assets = [call.find("asset", asset_id) for asset_id in dict.fromkeys(asset_ids)]
    changed = without(call, entity, assets)
    return Reply(200, shown(call, _again(call, changed, changed.doc)))


def _again(call: ApiCall, entity: Obj, doc: dict[str, Any]) -> Obj:
    return call.walker.restart(call.store, entity, doc=doc, updated_at=call.store.moment())


def _asset_ids(call: ApiCall) -> list[str]:
    fields = call.json()
    asset_ids = fields.texts("asset_ids", least=1)
    fields.done()
    return asset_ids


def _collection(call: ApiCall) -> Obj:
    return call.find("entity_collection", call.path["entity_collection_id"])


def _entity(call: ApiCall) -> Obj:
    return call.find(KIND, call.path["entity_id"], parent=_collection(call))


MANY = "/entity-collections/{entity_collection_id}/entities"
ONE = f"{MANY}/{{entity_id}}"
FAMILY = EndpointFamily(
    name="entities",
    since="2026-07",
    walks={KIND: StatusWalk(("processing",), failed=None)},
    routes=(
        Route("GET", MANY, index),
        Route("POST", MANY, create, body="json"),
        Route("POST", f"{MANY}/bulk", create_many, body="json"),
        Route("GET", ONE, retrieve),
        Route("PATCH", ONE, update, body="json"),
        Route("DELETE", ONE, remove),
        Route("POST", f"{ONE}/assets", add_assets, body="json"),
        Route("DELETE", f"{ONE}/assets", remove_assets, body="json"),
    ),
)
