"""Transfers: imports from a bucket, as an older contract had them. No bucket is ever read, so nothing is imported."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.twelvelabs import metadata
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.wire import Fields, parse_json

__all__ = ["FAMILY"]

KIND = "transfer"
STATUSES = ("ready", "validating", "queued", "pending", "indexing", "failed")

# -- wire


def _log(job: Obj) -> dict[str, Any]:
    return {
        "index_id": job.doc["index_id"],
        "index_name": job.doc["index_name"],
        "created_at": rfc3339(job.created_at),
        "ended_at": rfc3339(job.created_at),
        "video_status": dict.fromkeys(STATUSES, 0),
        "failed_files": [],
    }


# -- routes


def create(call: ApiCall) -> Reply:
    """An import is recorded. The newest SDK that has the call sends no body at all, so none is needed."""
    fields = Fields(parse_json(call.raw()) if call.raw() else {})
    index_id = fields.maybe_text("index_id")
    incremental, again = fields.flag("incremental_import", default=True), fields.flag("retry_failed", default=False)
    metadata.checked(fields.mapping("user_metadata") or {})
    fields.done()
    index = call.find("index", index_id) if index_id else None
    doc = {
        "index_id": index.id if index else None,
        "index_name": index.name if index else None,
        "incremental_import": incremental,
        "retry_failed": again,
    }
    call.store.insert(KIND, doc, name=call.path["integration_id"])
    return Reply(201, {"videos": [], "failed_videos": []})


def status(call: ApiCall) -> Reply:
    index_id = call.query.text("index_id")
    call.query.done()
    if index_id:
        call.find("index", index_id)
    return Reply(200, {name: [] for name in STATUSES})


def logs(call: ApiCall) -> Reply:
    """Newest first."""
    call.query.done()
    jobs = call.store.select(Selection(KIND, where=(("name = ?", (call.path["integration_id"],)),)))
    return Reply(200, {"data": [_log(job) for job in jobs]})


ONE = "/tasks/transfers/import/{integration_id}"
FAMILY = EndpointFamily(
    name="transfers",
    routes=(
        Route("POST", ONE, create, body="json"),
        Route("GET", f"{ONE}/status", status),
        Route("GET", f"{ONE}/logs", logs),
    ),
)
