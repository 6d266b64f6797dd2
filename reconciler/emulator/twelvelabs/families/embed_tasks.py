"""Embed tasks, the first version: vectors of a video, later. Results are kept for seven days."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.core.walks import StatusWalk
from reconciler.emulator.twelvelabs.call import ApiCall, where
from reconciler.emulator.twelvelabs.embeddings import RETENTION_S, EmbeddingPlan, check_length
from reconciler.emulator.twelvelabs.families.embed import model_name, source_of, spend
from reconciler.emulator.twelvelabs.models import Models, models
from reconciler.emulator.twelvelabs.problems import gone, invalid, missing
from reconciler.emulator.twelvelabs.reading import form_number
from reconciler.emulator.twelvelabs.sources import MediaSource
from reconciler.emulator.twelvelabs.wire import SentForm

__all__ = ["FAMILY", "chosen", "kept"]

KIND = "embed_task"
STATUSES = ("processing", "ready", "failed")
ASKED = ("visual", "audio", "transcription", "visual-text")
SHORTEST_S, LONGEST_S = 4.0, 2 * 3600.0
SHORTEST_CLIP_S, LONGEST_CLIP_S = 2.0, 10.0

# -- state


def kept(call: ApiCall, kind: str, *, status: int) -> Obj:
    """A task whose result is not too old to be had."""
    task = call.find(kind, call.path["task_id"], status=status)
    if task.created_at + RETENTION_S < call.store.now():
        raise gone(kind, task.id, status)
    return task


def chosen(call: ApiCall, kind: str) -> Selection:
    """The tasks of a list: without dates those of the last seven days."""
    started, ended = call.query.since("started_at"), call.query.since("ended_at")
    status = call.query.one_of("status", STATUSES, default="")
    if started is None and ended is None:
        started = call.store.now() - RETENTION_S
    return Selection(
        kind,
        where=where(
            ("created_at >= ?", (started,)) if started is not None else None,
            ("created_at <= ?", (ended,)) if ended is not None else None,
            ("status = ?", (status,)) if status else None,
        ),
    )


# -- wire


def _plan(form: SentForm, source: MediaSource, model: Models) -> EmbeddingPlan:
    start, end = form_number(form, "video_start_offset_sec"), form_number(form, "video_end_offset_sec")
    length = form_number(form, "video_clip_length") or 6.0
    if not SHORTEST_CLIP_S <= length <= LONGEST_CLIP_S:
        what = "`video_clip_length` should be within 2-10 seconds long"
        raise invalid(f"The `video_clip_length` parameter is invalid. {what}")
    scopes = tuple(dict.fromkeys(form.texts("video_embedding_scope"))) or ("clip",)
    if not {"clip"} <= set(scopes) <= {"clip", "video"}:
        raise invalid("The video_embedding_scope parameter must be clip, or clip and video.")
    if (start is None) != (end is None):
        raise invalid("video_start_offset_sec and video_end_offset_sec go together.")
    first, last = start or 0.0, source.duration if end is None else end
    if last <= first:
        what = "`video_end_offset_sec` should be greater than `video_start_offset_sec`"
        raise invalid(f"The `video_end_offset_sec` parameter is invalid. {what}")
    if last > source.duration or (start is not None and last - first < length):
        raise invalid(f"The offsets must be within the video's {source.duration:g} s, and a clip length apart.")
    return EmbeddingPlan(
        content=source.media["sha256"],
        start=first,
        end=last,
        options=model.embedding_options,
        scopes=scopes,
        length=length,
        dimensions=model.dimensions,
        shortest_s=SHORTEST_CLIP_S,
    )


def _metadata(task: Obj) -> dict[str, Any]:
    return {"metadata": task.doc["metadata"]}


def _row(task: Obj) -> dict[str, Any]:
    return {
        "_id": task.id,
        "model_name": task.doc.get("model_name", "marengo3.0"),
        "status": task.status,
        "created_at": rfc3339(task.created_at),
        "updated_at": rfc3339(task.updated_at),
        "video_embedding": _metadata(task),
    }


def _segments(task: Obj, wanted: set[str]) -> list[dict[str, Any]]:
    return [
        {
            "float": vector,
            "start_offset_sec": start,
            "end_offset_sec": end,
            "embedding_option": option,
            "embedding_scope": scope,
        }
        for option, scope, start, end, vector in EmbeddingPlan.from_json(task.doc["plan"]).parts()
        if option in wanted
    ]


# -- routes


def create(call: ApiCall) -> Reply:
    form = call.form()
    name = model_name(call, form)
    source = source_of(form, "video")
    if source is None:
        raise missing("video_file")
    check_length(source, SHORTEST_S, LONGEST_S)
    plan = _plan(form, source, models(call.options))
    form.done()
    spend(call, plan.end - plan.start)
    about = {
        "input_url" if source.how == "url" else "input_filename": source.given,
        "video_clip_length": plan.length,
        "video_embedding_scope": list(plan.scopes),
        "duration": source.duration,
    }
    doc = {"plan": plan.as_json(), "metadata": about, "model_name": name}
    made = call.store.insert(KIND, doc, name=source.name, status=call.walker.start(KIND), walking=True, fate=call.fate)
    return Reply(200, {"_id": made.id})


def index(call: ApiCall) -> Reply:
    """Newest first, without vectors."""
    return call.page(chosen(call, KIND), _row)


def status(call: ApiCall) -> Reply:
    task = call.look(kept(call, KIND, status=400))
    shown = _row(task)
    return Reply(200, {name: shown[name] for name in ("_id", "status", "model_name", "video_embedding")})


def retrieve(call: ApiCall) -> Reply:
    """All vectors, or those asked for; none as long as the task is not ready."""
    task, wanted = call.look(kept(call, KIND, status=400)), call.query.texts("embedding_option")
    call.query.done()
    if not set(wanted) <= set(ASKED):
        raise invalid(f"The embedding_option parameter must be among {', '.join(ASKED)}.")
    shown = _row(task)
    if task.status == "ready":
        shown["video_embedding"] = {**_metadata(task), "segments": _segments(task, set(wanted or ASKED))}
    return Reply(200, shown)


ONE = "/embed/tasks/{task_id}"
FAMILY = EndpointFamily(
    name="embed tasks",
    walks={KIND: StatusWalk(("processing",))},
    routes=(
        Route("POST", "/embed/tasks", create, body="form", bucket="embed"),
        Route("GET", "/embed/tasks", index),
        Route("GET", f"{ONE}/status", status),
        Route("GET", ONE, retrieve),
    ),
)
