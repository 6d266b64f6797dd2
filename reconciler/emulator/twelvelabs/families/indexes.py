"""Indexes: a unique name, models that never change, and what is indexed in them."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.twelvelabs.call import ApiCall, where
from reconciler.emulator.twelvelabs.families.entity_collections import sorting
from reconciler.emulator.twelvelabs.models import model_problem, models
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.wire import Fields

__all__ = ["FAMILY", "counted", "the_index"]

KIND = "index"
OPTIONS = ("visual", "audio")
FREE_PLAN_S = 90 * 24 * 3600
HAS_FAMILY = "EXISTS (SELECT 1 FROM json_each(doc, '$.models') AS m WHERE json_extract(m.value, '$.model_name') GLOB ?)"
HAS_OPTION = (
    "EXISTS (SELECT 1 FROM json_each(doc, '$.models') AS m, json_each(m.value, '$.model_options') AS o "
    "WHERE o.value = ?)"
)

# -- state


def counted(call: ApiCall, index: Obj, duration: float, *, by: int) -> None:
    """Keep the index's totals as something is indexed in it or removed; `updated_at` stays."""
    fresh = call.store.at(index.seq)
    assert fresh is not None, "the caller has just found it"
    doc = {
        **fresh.doc,
        "video_count": fresh.doc["video_count"] + by,
        "total_duration": max(round(fresh.doc["total_duration"] + by * duration, 3), 0.0),
    }
    call.store.update(fresh, doc=doc)


def _refuse_taken(call: ApiCall, name: str, *, but: Obj | None = None) -> None:
    taken = call.store.select(Selection(KIND, where=(("name = ?", (name,)),)), limit=1)
    if taken and (but is None or taken[0].seq != but.seq):
        # Seen: 409, in these words. Older sources say 400.
        message = f"Index name {name[:200]} already exists. Please use another unique name and try again."
        raise ApiProblem(409, "index_name_already_exists", message)


# -- wire


def _shown(index: Obj, *, free_plan: bool) -> dict[str, Any]:
    return {
        "_id": index.id,
        "index_name": index.name,
        "models": index.doc["models"],
        "addons": index.doc["addons"],
        "video_count": index.doc["video_count"],
        "total_duration": index.doc["total_duration"],
        "created_at": rfc3339(index.created_at),
        "updated_at": rfc3339(index.updated_at),
        "expires_at": rfc3339(index.created_at + FREE_PLAN_S) if free_plan else None,
    }


def _model(call: ApiCall, fields: Fields) -> dict[str, Any]:
    name, offered = fields.text("model_name"), models(call.options).index
    if name not in offered:
        raise model_problem(name, offered, call.options)
    options = fields.texts("model_options", least=1)
    fields.done()
    if len(set(options)) != len(options) or not set(options) <= set(OPTIONS):
        raise invalid(f"model_options must be among {', '.join(OPTIONS)}, each once.")
    return {"model_name": name, "model_options": options}


# -- routes


def create(call: ApiCall) -> Reply:
    fields = call.json()
    name = fields.text("index_name")
    chosen = [_model(call, model) for model in fields.objects("models", most=2)]
    addons = fields.texts("addons", required=False)
    fields.done()
    if len({model["model_name"] for model in chosen}) != len(chosen):
        raise invalid("A model may be named once.")
    if not set(addons) <= {"thumbnail"}:
        raise invalid("The only add-on is thumbnail.")
    # The prose of add-ons: thumbnails need a Marengo model.
    if addons and not any(model["model_name"].startswith("marengo") for model in chosen):
        raise invalid("The thumbnail add-on needs a Marengo model.")
    _refuse_taken(call, name)
    doc = {"models": chosen, "addons": addons, "video_count": 0, "total_duration": 0.0}
    return Reply(201, {"_id": call.store.insert(KIND, doc, name=name).id})


def index(call: ApiCall) -> Reply:
    query = call.query
    name, family = query.text("index_name"), query.one_of("model_family", ("marengo", "pegasus"), default="")
    created, updated = query.since("created_at"), query.since("updated_at")
    index_id = query.text("_id") or ""
    # Nothing of what is deleted or expired is kept: who asks for that finds nothing.
    past = query.flag("deleted") | query.flag("expired")
    chosen = Selection(
        KIND,
        where=where(
            ("name = ?", (name,)) if name else None,
            ("id = ?", (index_id,)) if index_id else None,
            ("0", ()) if past else None,
            (HAS_FAMILY, (f"{family}*",)) if family else None,
            ("created_at >= ?", (created,)) if created is not None else None,
            ("updated_at >= ?", (updated,)) if updated is not None else None,
            *((HAS_OPTION, (option,)) for option in query.texts("model_options")),
        ),
        **sorting(query, ("created_at", "updated_at")),
    )
    return call.page(chosen, lambda obj: _shown(obj, free_plan=call.options.plan == "free"))


def retrieve(call: ApiCall) -> Reply:
    return Reply(200, _shown(the_index(call), free_plan=call.options.plan == "free"))


def rename(call: ApiCall) -> Reply:
    found, fields = the_index(call), call.json()
    name = fields.text("index_name")
    fields.done()
    _refuse_taken(call, name, but=found)
    call.store.update(found, name=name, updated_at=call.store.moment())
    return Reply(204)


def remove(call: ApiCall) -> Reply:
    """What is indexed in it goes with it; the assets stay."""
    found = the_index(call)
    call.store.delete_children(found, "indexed_asset")
    call.store.delete(found)
    return Reply(204)


def the_index(call: ApiCall, *, status: int = 400) -> Obj:
    """That of the path; not found is 400 in most of the contract, and 404 for some."""
    return call.find(KIND, call.path["index_id"], status=status)


ONE = "/indexes/{index_id}"
FAMILY = EndpointFamily(
    name="indexes",
    routes=(
        Route("POST", "/indexes", create, body="json"),
        Route("GET", "/indexes", index),
        Route("GET", ONE, retrieve),
        Route("PUT", ONE, rename, body="json"),
        Route("DELETE", ONE, remove),
    ),
)
