"""Analyze tasks: the same as analyze, but later. A task never changes; it ends, or is cancelled."""

from __future__ import annotations

import re
from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.core.walks import StatusWalk
from reconciler.emulator.twelvelabs.analysis import Analysis, generation_id, read
from reconciler.emulator.twelvelabs.call import HEX_ID, ApiCall, where
from reconciler.emulator.twelvelabs.families.analyze import CUT
from reconciler.emulator.twelvelabs.problems import gone, invalid
from reconciler.emulator.twelvelabs.reading import body
from reconciler.emulator.twelvelabs.writer import Written, tokens_in

__all__ = ["FAMILY"]

KIND = "analyze_task"
STATUSES = ("queued", "pending", "processing", "ready", "failed", "canceled")
DONE = STATUSES[3:]
CUSTOM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
SHOWN_OF_A_PROMPT = 30

# -- state


def _new(call: ApiCall, analysis: Analysis, custom_id: str | None) -> Obj:
    """The text is written now, while base64 is still at hand, and shown when the task is done."""
    written = analysis.write()
    analysis.spend(call, written)
    doc = {
        "custom_id": custom_id,
        "source": _source(analysis),
        "request": analysis.echo,
        "result": _result(written, generation_id(call), tokens_in(analysis.subject.prompt)),
    }
    return call.store.insert(
        KIND, doc, type=analysis.echo["analysis_mode"], status=call.walker.start(KIND), walking=True, fate=call.fate
    )


def _source(analysis: Analysis) -> dict[str, Any] | None:
    """What may be shown of where the video came from: never its bytes."""
    source = analysis.source
    if source is None:
        return None
    shown: dict[str, Any] = {"type": source.how, "url": None, "asset_id": None}
    if source.how in shown:
        shown[source.how] = source.given
    return {**shown, "system_metadata": {"duration": source.duration}}


# -- wire


def _result(written: Written, generation: str, asked: int) -> dict[str, Any]:
    return {
        "generation_id": generation,
        "data": written.text,
        "finish_reason": "length" if written.cut else "stop",
        "usage": {"output_tokens": written.tokens, "input_tokens": asked},
    }


def _detail(task: Obj) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "task_id": task.id,
        "custom_id": task.doc["custom_id"],
        "video_source": task.doc["source"],
        "request_params": task.doc["request"],
        "status": task.status,
        "created_at": rfc3339(task.created_at),
    }
    if task.status in DONE:
        shown["completed_at"] = rfc3339(task.updated_at)
    if task.status == "ready":
        shown["result"] = task.doc["result"]
        if task.doc["result"]["finish_reason"] == "length":
            shown["error"] = CUT
    elif task.status == "failed":
        shown["error"] = {"message": "The video could not be analyzed."}
    elif task.status == "canceled":
        shown["error"] = {"code": "user_canceled", "message": "The task was canceled."}
    return shown


def _row(task: Obj) -> dict[str, Any]:
    """As retrieve, but what was asked is cut short."""
    shown = _detail(task)
    asked = dict(shown["request_params"])
    asked["prompt"] = asked["prompt"] and asked["prompt"][:SHOWN_OF_A_PROMPT]
    if asked["prompt_v2"]:
        text = asked["prompt_v2"]["input_text"][:SHOWN_OF_A_PROMPT]
        asked["prompt_v2"] = {**asked["prompt_v2"], "input_text": text}
    if asked["response_format"]:
        short = {name: value for name, value in asked["response_format"].items() if name != "json_schema"}
        if "segment_definitions" in short:
            short["segment_definitions"] = short["segment_definitions"][:1]
        asked["response_format"] = short
    return {**shown, "request_params": asked}


# -- routes


def create(call: ApiCall) -> Reply:
    fields = body(call)
    custom_id = fields.maybe_text("custom_id")
    if custom_id is not None and not CUSTOM_ID.fullmatch(custom_id):
        raise invalid("The custom_id parameter must be 1 to 64 letters, digits, underscores or hyphens.")
    analysis = read(call, fields, task=True)
    fields.done()
    made = _new(call, analysis, custom_id)
    return Reply(202, {"task_id": made.id, "status": made.status})


def index(call: ApiCall) -> Reply:
    """Newest first."""
    query = call.query
    status = query.one_of("status", STATUSES, default="")
    mode = query.one_of("analysis_mode", ("general", "time_based_metadata"), default="")
    sources = {"url": query.text("video_url"), "asset_id": query.text("asset_id"), "video_id": query.text("video_id")}
    chosen = Selection(
        KIND,
        where=where(
            ("status = ?", (status,)) if status else None,
            ("type = ?", (mode,)) if mode else None,
            *((f"json_extract(doc, '$.source.{name}') = ?", (value,)) for name, value in sources.items() if value),
        ),
    )
    return call.page(chosen, _row)


def retrieve(call: ApiCall) -> Reply:
    return Reply(200, _detail(call.look(_task(call))))


def remove(call: ApiCall) -> Reply:
    task = _task(call)
    if task.status == "processing":
        raise ApiProblem(409, "task_cannot_be_deleted", "The task is being processed; wait until it is done.")
    call.store.delete(task)
    return Reply(204)


def cancel(call: ApiCall) -> Reply:
    """Twice is as good as once; what has ended otherwise stays as it is."""
    task = _task(call)
    if task.status in ("ready", "failed"):
        raise ApiProblem(409, "task_cannot_be_canceled", f"The task is {task.status} already.")
    if task.status != "canceled":
        task = call.store.update(task, status="canceled", walking=False, updated_at=call.store.moment())
    return Reply(200, {"task_id": task.id, "status": task.status})


def _task(call: ApiCall) -> Obj:
    """404 whatever the id looks like: these endpoints know no 400."""
    task_id = call.path["task_id"]
    if not HEX_ID.fullmatch(task_id):
        raise gone(KIND, task_id, 404)
    return call.find(KIND, task_id, status=404)


ONE = "/analyze/tasks/{task_id}"
FAMILY = EndpointFamily(
    name="analyze tasks",
    since="2026-07",
    walks={KIND: StatusWalk(("queued", "pending", "processing"))},
    routes=(
        Route("POST", "/analyze/tasks", create, body="json", errors="nested", bucket="analyze", limited="nested"),
        Route("GET", "/analyze/tasks", index),
        Route("GET", ONE, retrieve, errors="nested"),
        Route("DELETE", ONE, remove, errors="nested"),
        Route("POST", f"{ONE}/cancel", cancel, errors="nested"),
    ),
)
