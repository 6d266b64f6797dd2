"""Item collections: named sets of a knowledge store's items."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.families.entity_collections import NAMED_SORTS, sorting
from reconciler.emulator.twelvelabs.families.knowledge_items import item, shown
from reconciler.emulator.twelvelabs.families.knowledge_stores import (
    COLLECTION,
    ITEM,
    ONE,
    edited,
    metadata_of,
    the_store,
)
from reconciler.emulator.twelvelabs.knowledge_rules import PREFIX_COLLECTION
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.reading import body

__all__ = ["FAMILY"]

MOST_IDS = 500

# -- state


def _refuse_taken(call: ApiCall, store: Obj, name: str, *, but: Obj | None = None) -> None:
    same = Selection(COLLECTION, parent=store.seq, where=(("name = ?", (name,)),))
    taken = call.store.select(same, limit=1)
    if taken and (but is None or taken[0].seq != but.seq):
        message = f"There is an item collection named {name[:200]!r} in this knowledge store already."
        raise ApiProblem(400, "item_collection_name_already_exists", message)


# -- wire


def _shown(call: ApiCall, found: Obj) -> dict[str, Any]:
    shown = {
        "_id": found.id,
        "knowledge_store_id": found.doc["store_id"],
        "name": found.name,
        "description": found.doc["description"],
        "metadata": found.doc["metadata"],
        "member_count": call.store.count(Selection(ITEM, linked_to=found.seq)),
        "created_at": rfc3339(found.created_at),
        "updated_at": rfc3339(found.updated_at),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _item_ids(call: ApiCall) -> list[str]:
    fields = call.json()
    found = list(dict.fromkeys(fields.texts("item_ids", least=1)))
    fields.done()
    if len(found) > MOST_IDS:
        raise invalid(f"The item_ids parameter may have {MOST_IDS} ids at most.")
    return found


# -- routes


def create(call: ApiCall) -> Reply:
    store, fields = the_store(call), body(call)
    name, description = fields.text("name"), fields.maybe_text("description")
    doc = {"store_id": store.id, "description": description, "metadata": metadata_of(fields) or {}}
    fields.done()
    _refuse_taken(call, store, name)
    made = call.store.insert(COLLECTION, doc, parent=store.seq, name=name, make_id=PREFIX_COLLECTION)
    return Reply(201, _shown(call, made))


def index(call: ApiCall) -> Reply:
    chosen = Selection(COLLECTION, parent=the_store(call).seq, **sorting(call.query, NAMED_SORTS))
    return call.page(chosen, lambda found: _shown(call, found))


def retrieve(call: ApiCall) -> Reply:
    return Reply(200, _shown(call, _collection(call)))


def update(call: ApiCall) -> Reply:
    """Metadata is replaced as a whole; members have calls of their own."""
    store, found = the_store(call), _collection(call)
    name, doc = edited(found, body(call))
    _refuse_taken(call, store, name, but=found)
    changed = call.store.update(found, name=name, doc=doc, updated_at=call.store.moment())
    return Reply(200, _shown(call, changed))


def remove(call: ApiCall) -> Reply:
    """The items stay in the store."""
    call.store.delete(_collection(call))
    return Reply(204)


def members(call: ApiCall) -> Reply:
    return call.page(Selection(ITEM, linked_to=_collection(call).seq), shown)


def add_members(call: ApiCall) -> Reply:
    """All must be items of the store, or none is added; those that are in already stay once."""
    store, found = the_store(call), _collection(call)
    for member in [item(call, store, item_id) for item_id in _item_ids(call)]:
        call.store.link(member, found)
    changed = call.store.update(found, updated_at=call.store.moment())
    return Reply(200, _shown(call, changed))


def remove_members(call: ApiCall) -> Reply:
    """What is no member is passed over, whatever it looks like."""
    store, found = the_store(call), _collection(call)
    for item_id in _item_ids(call):
        member = call.store.get(ITEM, item_id, parent=store.seq)
        if member is not None:
            call.store.unlink(member, found)
    call.store.update(found, updated_at=call.store.moment())
    return Reply(204)


def _collection(call: ApiCall) -> Obj:
    return call.find(COLLECTION, call.path["collection_id"], parent=the_store(call), prefix=PREFIX_COLLECTION)


MANY = f"{ONE}/item-collections"
SINGLE = f"{MANY}/{{collection_id}}"
FAMILY = EndpointFamily(
    name="item collections",
    since="2026-07",
    routes=(
        Route("POST", MANY, create, body="json"),
        Route("GET", MANY, index),
        Route("GET", SINGLE, retrieve),
        Route("PATCH", SINGLE, update, body="json"),
        Route("DELETE", SINGLE, remove),
        Route("GET", f"{SINGLE}/items", members),
        Route("POST", f"{SINGLE}/items/add", add_members, body="json"),
        Route("POST", f"{SINGLE}/items/remove", remove_members, body="json"),
    ),
)
