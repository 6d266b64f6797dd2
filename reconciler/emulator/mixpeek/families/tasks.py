"""Tasks: what an index call answers with, and what knows which asset it makes. Its status is that of the asset."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.store import Obj
from reconciler.emulator.mixpeek.call import MixpeekCall, new_id
from reconciler.emulator.mixpeek.families import assets

__all__ = ["FAMILY", "KIND", "new"]

KIND = "task"
SHOWN = {"UPLOADING": "DOWNLOADING"}
"""Of an asset there is one status more than of a task."""


def new(call: MixpeekCall, asset: Obj) -> Obj:
    """The task that makes this asset; it goes when the asset goes."""
    task = call.store.insert(KIND, {"asset_id": asset.id}, id=new_id(call.store), parent=asset.seq)
    call.store.update(asset, doc={**asset.doc, "task_id": task.id})
    return task


def retrieve(call: MixpeekCall) -> Reply:
    """How it stands: of one that is not the asset's last one that it is done."""
    task = call.find(KIND, call.path["task_id"])
    asset = call.store.get(assets.KIND, task.doc["asset_id"])
    status = "DONE"
    if asset is not None and asset.doc["task_id"] == task.id:
        status = assets.seen(call, asset).status
    shown: dict[str, Any] = {"asset_id": task.doc["asset_id"], "task_id": task.id}
    return Reply(200, {**shown, "status": SHOWN.get(status, status)})


def cancel(call: MixpeekCall) -> Reply:
    """What has not ended ends as a failure, and the task is gone (chosen); what has ended stays as it is."""
    task = call.find(KIND, call.path["task_id"])
    asset = call.store.get(assets.KIND, task.doc["asset_id"])
    if asset is not None and asset.walking and asset.doc["task_id"] == task.id:
        doc = {**asset.doc, "error": "The task was cancelled."}
        call.store.update(asset, status="FAILED", walking=False, doc=doc, updated_at=call.store.moment())
    call.store.delete(task)
    return Reply(200, {"message": f"Task {task.id} has been successfully canceled"})


FAMILY = EndpointFamily(
    name="tasks",
    routes=(Route("GET", "/tasks/{task_id}", retrieve), Route("DELETE", "/tasks/{task_id}", cancel)),
)
