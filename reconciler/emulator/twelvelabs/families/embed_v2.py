"""Embed, the second version: any kind of input at once, and sound and video as tasks. Results are kept seven days."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.store import Obj
from reconciler.emulator.core.walks import StatusWalk
from reconciler.emulator.twelvelabs.call import HEX_ID, ApiCall
from reconciler.emulator.twelvelabs.embed_documents import DOCUMENTS, DocumentPlan, EmbedDocument
from reconciler.emulator.twelvelabs.embed_inputs import EmbedInput, read_input, read_media
from reconciler.emulator.twelvelabs.embed_models import usage
from reconciler.emulator.twelvelabs.embeddings import EmbeddingPlan, content_vector, uncertainty
from reconciler.emulator.twelvelabs.families.embed import spend
from reconciler.emulator.twelvelabs.families.embed_tasks import chosen, kept
from reconciler.emulator.twelvelabs.problems import gone
from reconciler.emulator.twelvelabs.reading import body

__all__ = ["FAMILY"]

KIND = "embed_v2_task"

# -- wire


def _of_input(found: EmbedInput) -> dict[str, Any]:
    """One vector, of nothing that has parts."""
    nothing = dict.fromkeys(("embedding_option", "embedding_scope", "start_sec", "end_sec"))
    vector = content_vector(found.parts, found.model.dimensions)
    sure = {"embedding_uncertainty": uncertainty(vector)} if found.model.uncertain else {}
    shown: dict[str, Any] = {"data": [{"embedding": vector, **sure, **nothing}]}
    more = {"usage": found.usage, "metadata": found.metadata}
    return {**shown, **{name: value for name, value in more.items() if value}}


def _of_plan(plan: EmbeddingPlan) -> list[dict[str, Any]]:
    return [
        {
            "embedding": vector,
            **({"embedding_uncertainty": uncertainty(vector)} if plan.uncertain else {}),
            "embedding_option": option,
            "embedding_scope": scope,
            "start_sec": start,
            "end_sec": end,
        }
        for option, scope, start, end, vector in plan.parts()
    ]


def _row(task: Obj) -> dict[str, Any]:
    """In a list a task looks as those of the first version do."""
    about = task.doc["metadata"]
    if about["input_type"] in DOCUMENTS:
        kind = about["input_type"]
        names = {"embedding_options": f"{kind}_embedding_option", "embedding_scopes": f"{kind}_embedding_scope"}
    elif about["input_type"] == "video":
        names = {"clip_length": "video_clip_length", "embedding_scopes": "video_embedding_scope"}
    else:
        names = {"embedding_options": "audio_embedding_options", "embedding_scopes": "audio_embedding_scopes"}
    kept_names = ("input_url", "input_filename", "duration")
    known = {**{name: name for name in kept_names}, **names}
    return {
        "_id": task.id,
        "model_name": task.doc["model_name"],
        "status": task.status,
        "created_at": rfc3339(task.created_at),
        "updated_at": rfc3339(task.updated_at),
        f"{about['input_type']}_embedding": {
            "metadata": {known[name]: value for name, value in about.items() if name in known}
        },
    }


def _vectors(task: Obj) -> list[dict[str, Any]]:
    if task.doc["metadata"]["input_type"] in DOCUMENTS:
        return list(DocumentPlan.from_json(task.doc["plan"]).rows())
    return _of_plan(EmbeddingPlan.from_json(task.doc["plan"]))


def _detail(task: Obj) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "_id": task.id,
        "status": task.status,
        "created_at": rfc3339(task.created_at),
        "updated_at": rfc3339(task.updated_at),
        "data": _vectors(task) if task.status == "ready" else None,
        "metadata": task.doc["metadata"],
    }
    if "tokens" in task.doc and task.status == "ready":
        shown["usage"] = usage(task.doc["tokens"])
    if task.status == "failed":
        shown["error"] = {"message": "The embeddings could not be created."}
    return shown


# -- routes


def create(call: ApiCall) -> Reply:
    fields = body(call)
    found = read_input(call, fields)
    fields.done()
    if isinstance(found, EmbedInput):
        return Reply(200, _of_input(found))
    spend(call, found.plan.end - found.plan.start)
    return Reply(200, {"data": _of_plan(found.plan), "metadata": found.metadata})


def create_task(call: ApiCall) -> Reply:
    fields = body(call)
    found = read_media(call, fields)
    model = fields.text("model_name")
    fields.done()
    if isinstance(found, EmbedDocument):
        length: float = found.plan.tokens()
    else:
        length = found.plan.end - found.plan.start
        # Only sound and video have minutes; pages and pictures count as requests alone.
        spend(call, length)
    doc: dict[str, Any] = {"plan": found.plan.as_json(), "metadata": found.metadata, "model_name": model}
    about = {}
    if "embedding_dimension" in found.metadata:
        # Only of the newer model.
        doc["tokens"] = {found.metadata["input_type"]: length}
        about = {"metadata": {"embedding_dimension": found.metadata["embedding_dimension"]}}
    made = call.store.insert(KIND, doc, status=call.walker.start(KIND), walking=True, fate=call.fate)
    return Reply(202, {"_id": made.id, "status": made.status, "data": None, **about})


def index(call: ApiCall) -> Reply:
    """Newest first, without vectors."""
    return call.page(chosen(call, KIND), _row)


def retrieve(call: ApiCall) -> Reply:
    """404 whatever the id looks like: there is no 400 here."""
    if not HEX_ID.fullmatch(call.path["task_id"]):
        raise gone(KIND, call.path["task_id"], 404)
    return Reply(200, _detail(call.look(kept(call, KIND, status=404))))


FAMILY = EndpointFamily(
    name="embed v2",
    since="2026-07",
    walks={KIND: StatusWalk(("processing",))},
    routes=(
        Route("POST", "/embed-v2", create, body="json", bucket="embed"),
        Route("POST", "/embed-v2/tasks", create_task, body="json", bucket="embed"),
        Route("GET", "/embed-v2/tasks", index),
        Route("GET", "/embed-v2/tasks/{task_id}", retrieve),
    ),
)
