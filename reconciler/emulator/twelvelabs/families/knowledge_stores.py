"""Knowledge stores: a name, how what comes in is enriched, and the items in them."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.families.entity_collections import sorting
from reconciler.emulator.twelvelabs.knowledge_rules import PREFIX_STORE, enrichment, user_metadata
from reconciler.emulator.twelvelabs.reading import Body, body

__all__ = ["COLLECTION", "FAMILY", "ITEM", "KIND", "ONE", "SESSION", "edited", "metadata_of", "the_store"]

KIND, ITEM, COLLECTION, SEARCH = "knowledge_store", "knowledge_item", "knowledge_collection", "knowledge_search"
SESSION = "response_session"
MOST_PAIRS, MOST_LETTERS = 10, 2048

# -- wire


def _shown(call: ApiCall, found: Obj) -> dict[str, Any]:
    shown = {
        "_id": found.id,
        "name": found.name,
        "description": found.doc["description"],
        "ingestion_config": found.doc["ingestion_config"],
        "item_count": call.store.count(Selection(ITEM, parent=found.seq)),
        "created_at": rfc3339(found.created_at),
        "updated_at": rfc3339(found.updated_at),
        "metadata": found.doc["metadata"],
    }
    return {name: value for name, value in shown.items() if value is not None}


def metadata_of(fields: Body) -> dict[str, Any] | None:
    """What was sent under `metadata`; None if nothing was."""
    return user_metadata(fields, pairs=MOST_PAIRS, letters=MOST_LETTERS)


def edited(found: Obj, fields: Body) -> tuple[str, dict[str, Any]]:
    """Name and document of a store, or of a collection in one, after what was sent; metadata is replaced as a whole."""
    doc = dict(found.doc)
    name = fields.text("name") if "name" in fields else found.name
    if "description" in fields:
        doc["description"] = fields.maybe_text("description")
    if (values := metadata_of(fields)) is not None:
        doc["metadata"] = values
    fields.done()
    return name, doc


# -- routes


def create(call: ApiCall) -> Reply:
    """Names are not unique."""
    fields = body(call)
    name, description = fields.text("name"), fields.maybe_text("description")
    doc = {"description": description, "ingestion_config": enrichment(fields), "metadata": metadata_of(fields) or {}}
    fields.done()
    return Reply(201, _shown(call, call.store.insert(KIND, doc, name=name, make_id=PREFIX_STORE)))


def index(call: ApiCall) -> Reply:
    chosen = Selection(KIND, **sorting(call.query, ("created_at", "updated_at")))
    return call.page(chosen, lambda found: _shown(call, found))


def retrieve(call: ApiCall) -> Reply:
    return Reply(200, _shown(call, the_store(call)))


def update(call: ApiCall) -> Reply:
    """Metadata is replaced as a whole."""
    found = the_store(call)
    name, doc = edited(found, body(call))
    changed = call.store.update(found, name=name, doc=doc, updated_at=call.store.moment())
    return Reply(200, _shown(call, changed))


def remove(call: ApiCall) -> Reply:
    """Items, item collections and conversations about it go with it; assets stay."""
    found = the_store(call)
    for kind in (ITEM, COLLECTION, SEARCH, SESSION):
        call.store.delete_children(found, kind)
    call.store.delete(found)
    return Reply(204)


def the_store(call: ApiCall, *, status: int = 400) -> Obj:
    """That of the path; a search answers 404 where the rest answers 400, by the contract."""
    return call.find(KIND, call.path["knowledge_store_id"], status=status, prefix=PREFIX_STORE)


ONE = "/knowledge-stores/{knowledge_store_id}"
FAMILY = EndpointFamily(
    name="knowledge stores",
    since="2026-07",
    routes=(
        Route("POST", "/knowledge-stores", create, body="json"),
        Route("GET", "/knowledge-stores", index),
        Route("GET", ONE, retrieve),
        Route("PATCH", ONE, update, body="json"),
        Route("DELETE", ONE, remove),
    ),
)
