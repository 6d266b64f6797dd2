"""Videos: the older view of what is indexed. Nothing is kept here; it shows the indexed assets without their status."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.store import Obj
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.families.indexed_assets import (
    detail,
    drop,
    extras,
    listed,
    merge,
    summary,
)
from reconciler.emulator.twelvelabs.families.indexes import the_index

__all__ = ["FAMILY"]

KIND = "indexed_asset"

# -- wire


def _row(indexed: Obj) -> dict[str, Any]:
    return {name: value for name, value in summary(indexed).items() if name != "status"}


def _detail(indexed: Obj) -> dict[str, Any]:
    """As the vendor has it: no status."""
    return {name: value for name, value in detail(indexed).items() if name != "status"}


# -- routes


def index(call: ApiCall) -> Reply:
    return listed(call, _row, by_status=False)


def retrieve(call: ApiCall) -> Reply:
    shown = call.look(_video(call, status=404))
    return Reply(200, {**_detail(shown), **extras(call, shown)})


def update(call: ApiCall) -> Reply:
    """PATCH, and PUT as it was called before: both lay the sent keys over what is there."""
    return merge(call, _video(call))


def remove(call: ApiCall) -> Reply:
    drop(call, the_index(call), _video(call))
    return Reply(204)


def _video(call: ApiCall, *, status: int = 400) -> Obj:
    return call.find(KIND, call.path["video_id"], parent=the_index(call, status=status), status=status)


MANY = "/indexes/{index_id}/videos"
ONE = f"{MANY}/{{video_id}}"
FAMILY = EndpointFamily(
    name="videos",
    routes=(
        Route("GET", MANY, index),
        Route("GET", ONE, retrieve),
        Route("PATCH", ONE, update, body="json"),
        Route("PUT", ONE, update, body="json"),
        Route("DELETE", ONE, remove),
    ),
)
