"""Tasks: upload and index in one call. A task has the id of its video, and shows how far that has come."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.media import MediaFacts
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.core.walks import StatusWalk
from reconciler.emulator.twelvelabs import metadata
from reconciler.emulator.twelvelabs.call import HEX_ID, ApiCall, where
from reconciler.emulator.twelvelabs.families import assets, indexed_assets
from reconciler.emulator.twelvelabs.families.entity_collections import sorting
from reconciler.emulator.twelvelabs.problems import invalid, malformed_id, missing
from reconciler.emulator.twelvelabs.sources import MediaSource, from_file, from_url
from reconciler.emulator.twelvelabs.wire import Query, SentForm

__all__ = ["FAMILY"]

KIND = "task"
UPLOAD = ("uploading", "validating")
DONE = ("ready", "failed")
STATUSES = (*UPLOAD, "pending", "queued", "indexing", *DONE)
MOST_BYTES = 2 * 1024**3

# -- state


def _new(call: ApiCall, index: Obj, source: MediaSource, *, stream: bool, user_metadata: dict[str, Any]) -> Obj:
    """Asset, indexed asset and task at once. The bytes came with the request, so the asset is there and ready."""
    asset = assets.new(
        call,
        MediaFacts(**source.media),
        method="url" if source.how == "url" else "direct",
        filename=source.name,
        hls=False,
        thumbnail=False,
        user_metadata={},
        source=source.given,
    )
    # A recorded task has the id of its video, and another one of its asset: so there is an asset, made by the way.
    asset = call.store.update(asset, status="ready", walking=False)
    video = indexed_assets.add(call, index, asset, stream=stream, user_metadata=user_metadata)
    seconds = call.options.seconds
    upload_s = sum(seconds.get(f"{KIND}.{s}", seconds.get(s, call.options.default_seconds)) for s in UPLOAD)
    # What the task shows of its upload counts as a look at the video that waits for it.
    video = call.store.update(video, since=video.since + upload_s, reads=1)
    doc = {"index_id": index.id, "video_id": video.id, "video": video.seq, "media": source.media, "stream": stream}
    start = call.walker.start(KIND)
    return call.store.insert(KIND, doc, name=source.name, status=start, walking=True, id=f"{KIND}:{video.id}")


def _seen(call: ApiCall, task: Obj) -> Obj:
    """The task as this read shows it: first its own upload, then whatever its video says, which moves by this too."""
    moved = call.look(task)
    video = call.store.at(moved.doc["video"])
    if moved.status in DONE or (video is not None and moved.walking and video.status == "pending"):
        return moved
    if video is None:
        # Somebody deleted the video, or its index, before it was done.
        return call.store.update(moved, status="failed", walking=False)
    video = call.look(video)
    latest = max(moved.updated_at, video.updated_at)
    return call.store.update(moved, status=video.status, walking=False, updated_at=latest)


# -- wire


def _row(task: Obj) -> dict[str, Any]:
    media = task.doc["media"]
    system = {"filename": task.name, **{name: media[name] for name in ("duration", "height", "width")}}
    return {
        "_id": task.doc["video_id"],
        "video_id": task.doc["video_id"],
        "created_at": rfc3339(task.created_at),
        "updated_at": rfc3339(task.updated_at),
        "status": task.status,
        "index_id": task.doc["index_id"],
        "system_metadata": {name: value for name, value in system.items() if value is not None},
    }


def _detail(call: ApiCall, task: Obj) -> dict[str, Any]:
    video = call.store.at(task.doc["video"])
    shown = indexed_assets.detail(video) if video is not None else {}
    return {**_row(task), **({"hls": shown["hls"]} if "hls" in shown else {})}


def _sent(form: SentForm) -> MediaSource:
    """A file wins over a URL, as nobody says otherwise here."""
    file, url = form.file("video_file"), form.maybe_text("video_url")
    if file is not None:
        source = from_file(file, "video_file")
    elif url is not None:
        source = from_url(url, "video_url", "video")
    else:
        raise missing("video_file")
    if source.media["size"] > MOST_BYTES:
        raise ApiProblem(400, "video_filesize_too_large", f"The file may have {MOST_BYTES} bytes at most.")
    if source.media["broken"] or source.kind != "video":
        # Seen for an mp3: a task takes what is to be looked at only.
        raise ApiProblem(400, "video_file_broken", f"{source.name[:80]!r} is not a video that can be read.")
    return source


def _conditions(query: Query) -> tuple[tuple[str, tuple[object, ...]], ...]:
    index_id, statuses, filename = query.text("index_id"), query.texts("status"), query.text("filename")
    if any(status not in STATUSES for status in statuses):
        raise invalid(f"The status parameter must be among {', '.join(STATUSES)}.")
    measures = [
        (f"json_extract(doc, '$.media.{name}') {operator} ?", (value,))
        for name in ("duration", "width", "height")
        for operator, value in query.bounds(name).items()
    ]
    times = {name: query.since(name) for name in ("created_at", "updated_at")}
    return where(
        ("json_extract(doc, '$.index_id') = ?", (index_id,)) if index_id else None,
        (f"status IN ({', '.join('?' * len(statuses))})", tuple(statuses)) if statuses else None,
        ("name = ?", (filename,)) if filename else None,
        *measures,
        *((f"{name} >= ?", (since,)) for name, since in times.items() if since is not None),
    )


# -- routes


def create(call: ApiCall) -> Reply:
    form = call.form()
    index = call.find("index", form.text("index_id"))
    source = _sent(form)
    stream = form.flag("enable_video_stream", default=True)
    values = form.json("user_metadata")
    if not call.options.since("2026-07"):
        for given in ("transcription_file", "transcription_url", "provide_transcription"):
            form.passed_over(given)
    form.done()
    if values is not None and not isinstance(values, dict):
        raise invalid("The user_metadata parameter must be a JSON-encoded object.")
    made = _new(call, index, source, stream=stream, user_metadata=metadata.checked(values or {}))
    return Reply(201, dict.fromkeys(("_id", "video_id"), made.doc["video_id"]))


def index(call: ApiCall) -> Reply:
    conditions = _conditions(call.query)
    chosen = Selection(KIND, where=conditions, **sorting(call.query, ("created_at", "updated_at")))
    if not any(condition.startswith("status ") for condition, _ in conditions):
        return call.page(chosen, lambda task: _row(_seen(call, task)))
    # Who polls for a status must see it come: all are read first, and then shown as they are.
    for task in call.store.select(Selection(KIND, where=(("status NOT IN (?, ?)", DONE),))):
        _seen(call, task)
    call.walker = replace(call.walker, still=True)
    return call.page(chosen, _row)


def counts(call: ApiCall) -> Reply:
    """How many tasks of an index there are in each status; only the oldest vintage has it."""
    if call.options.since("2026-07"):
        raise malformed_id("task_id", "status")
    index_id = call.query.text("index_id")
    call.query.done()
    chosen = Selection(KIND, where=where(("json_extract(doc, '$.index_id') = ?", (index_id or "",))))
    found = Counter(_seen(call, task).status for task in call.store.select(chosen))
    named = {name: found[name] for name in ("ready", "validating", "pending", "failed")}
    return Reply(200, {"index_id": index_id, **named, "total_result": found.total()})


def retrieve(call: ApiCall) -> Reply:
    return Reply(200, _detail(call, _seen(call, _task(call))))


def remove(call: ApiCall) -> Reply:
    """Only what is over; and what ended well only after its video."""
    task = _task(call)
    if task.status not in DONE:
        raise ApiProblem(400, "task_cannot_be_deleted", f"The task is {task.status}; wait until it is ready or failed.")
    if task.status == "ready" and call.store.at(task.doc["video"]) is not None:
        raise ApiProblem(400, "task_cannot_be_deleted", "Delete the video of the task first.")
    call.store.delete(task)
    return Reply(204)


def _task(call: ApiCall) -> Obj:
    task_id = call.path["task_id"]
    if not HEX_ID.fullmatch(task_id):
        raise malformed_id("task_id", task_id)
    found = call.store.get(KIND, f"{KIND}:{task_id}")
    if found is None:
        raise call.lost(KIND, task_id, 400)
    return call.walker.up_to_now(call.store, found)


FAMILY = EndpointFamily(
    name="tasks",
    walks={KIND: StatusWalk(UPLOAD, end="pending", shown=UPLOAD[:1])},
    routes=(
        Route("POST", "/tasks", create, body="form", bucket="indexing"),
        Route("GET", "/tasks", index),
        Route("GET", "/tasks/status", counts),
        Route("GET", "/tasks/{task_id}", retrieve),
        Route("DELETE", "/tasks/{task_id}", remove),
    ),
)
