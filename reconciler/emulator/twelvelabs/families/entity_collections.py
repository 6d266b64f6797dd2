"""Entity collections: a name, a description, and the entities in them."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import AccountStore, Obj, Selection
from reconciler.emulator.twelvelabs.call import ApiCall, where
from reconciler.emulator.twelvelabs.options import Options
from reconciler.emulator.twelvelabs.rates import quota
from reconciler.emulator.twelvelabs.wire import Query

__all__ = ["FAMILY", "NAMED_SORTS", "sorting"]

KIND = "entity_collection"
NAMED_SORTS = ("created_at", "updated_at", "name")

# -- state


def _sample(store: AccountStore, options: Options) -> None:
    """Every new account is given one collection, and it counts against the quota."""
    if options.sample_collection:
        store.insert(KIND, {"description": "A collection to begin with."}, name="Sample collection")


# -- wire


def _shown(obj: Obj) -> dict[str, Any]:
    shown = {"_id": obj.id, "name": obj.name}
    if obj.doc["description"] is not None:
        shown["description"] = obj.doc["description"]
    return {**shown, "created_at": rfc3339(obj.created_at), "updated_at": rfc3339(obj.updated_at)}


def sorting(query: Query, allowed: tuple[str, ...]) -> dict[str, Any]:
    """`sort_by` and `sort_option` as a Selection wants them."""
    return {
        "sort": query.one_of("sort_by", allowed, default="created_at"),
        "descending": query.one_of("sort_option", ("asc", "desc"), default="desc") == "desc",
    }


# -- routes


def create(call: ApiCall) -> Reply:
    fields = call.json()
    name, description = fields.text("name"), fields.maybe_text("description")
    fields.done()
    _refuse_taken(call, name)
    most = quota(call.options).collections
    if most is not None and call.store.count(Selection(KIND)) >= most:
        raise ApiProblem(400, "usage_limit_exceeded", f"Your plan allows {most} entity collections.")
    return Reply(201, _shown(call.store.insert(KIND, {"description": description}, name=name)))


def index(call: ApiCall) -> Reply:
    name = call.query.text("name")
    chosen = Selection(
        KIND,
        where=where(("name = ?", (name,)) if name else None),
        **sorting(call.query, NAMED_SORTS),
    )
    return call.page(chosen, _shown)


def retrieve(call: ApiCall) -> Reply:
    return Reply(200, _shown(_collection(call)))


def update(call: ApiCall) -> Reply:
    collection, fields = _collection(call), call.json()
    name = fields.text("name") if "name" in fields else collection.name
    description = fields.maybe_text("description") if "description" in fields else collection.doc["description"]
    fields.done()
    _refuse_taken(call, name, but=collection)
    changed = call.store.update(collection, name=name, doc={"description": description}, updated_at=call.store.moment())
    return Reply(200, _shown(changed))


def _refuse_taken(call: ApiCall, name: str, *, but: Obj | None = None) -> None:
    if not call.options.unique_collections:
        return
    taken = call.store.select(Selection(KIND, where=(("name = ?", (name,)),)), limit=1)
    if taken and (but is None or taken[0].seq != but.seq):
        message = f"Entity collection name {name[:200]} already exists."
        raise ApiProblem(409, "entity_collection_name_already_exists", message)


def remove(call: ApiCall) -> Reply:
    """The entities go with their collection; the assets stay."""
    collection = _collection(call)
    call.store.delete_children(collection, "entity")
    call.store.delete(collection)
    return Reply(204)


def _collection(call: ApiCall) -> Obj:
    return call.find(KIND, call.path["entity_collection_id"])


ONE = "/entity-collections/{entity_collection_id}"
FAMILY = EndpointFamily(
    name="entity collections",
    since="2026-07",
    set_up=_sample,
    routes=(
        Route("GET", "/entity-collections", index),
        Route("POST", "/entity-collections", create, body="json"),
        Route("GET", ONE, retrieve),
        Route("PATCH", ONE, update, body="json"),
        Route("DELETE", ONE, remove),
    ),
)
