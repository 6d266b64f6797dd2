"""Features: what was found in assets. Vectors come with one that is asked for by itself, if they are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.store import Obj
from reconciler.emulator.mixpeek import filters
from reconciler.emulator.mixpeek.bodies import FeatureMetadata, ListQuery
from reconciler.emulator.mixpeek.call import MOST_IN_PAGE, USUAL_PAGE, MixpeekCall
from reconciler.emulator.mixpeek.families import assets
from reconciler.emulator.mixpeek.kept_features import FEATURE, of_asset, shown
from reconciler.emulator.mixpeek.problems import Unprocessable

__all__ = ["FAMILY", "numbered", "rows_of"]


def rows_of(call: MixpeekCall, collection_ids: Sequence[str]) -> list[tuple[dict[str, Any], Obj]]:
    """All features of some collections as they are shown, each with its object."""
    return [
        (shown(call, feature, asset), feature)
        for asset in assets.all_of(call, list(collection_ids))
        for feature in of_asset(call, asset)
    ]


def numbered(total: int, size: int, start: int, following: str | None) -> dict[str, Any]:
    """Where a list of features stands."""
    pages = -(-total // size)
    current = start // size + 1
    return {
        "total": total,
        "page_size": size,
        "total_pages": pages,
        "current_page": current,
        "next_page": following,
        "previous_page": None,
    }


def index(call: MixpeekCall) -> Reply:
    """A page; the next begins after the last feature of this one, and with `sort` there is none."""
    query = call.sent(ListQuery)
    size = call.number("page_size", USUAL_PAGE, MOST_IN_PAGE)
    rows = filters.chosen([row for row, _ in rows_of(call, query.collection_ids)], query)
    start = 0
    if after := call.params.get("offset_feature_id"):
        if query.sort is not None:
            message = "Paging is not supported with sort"
            raise Unprocessable([{"loc": ["query", "offset_feature_id"], "msg": message, "type": "value_error"}])
        start = 1 + next((at for at, row in enumerate(rows) if row["feature_id"] == after), len(rows))
    some = rows[start : start + size]
    more = start + size < len(rows) and query.sort is None
    link = f"{call.base_url}/features?offset_feature_id={some[-1]['feature_id']}&page_size={size}" if more else None
    return Reply(200, {"results": call.tweaked(list(some)), "pagination": numbered(len(rows), size, start, link)})


def retrieve(call: MixpeekCall) -> Reply:
    """One, with its named vectors if they are asked for."""
    feature = call.find(FEATURE, call.path["feature_id"])
    return Reply(200, shown(call, feature, _owner(call, feature), vectors=call.flag("include_vectors")))


def update(call: MixpeekCall) -> Reply:
    """Its metadata, as a whole (chosen)."""
    feature, sent = call.find(FEATURE, call.path["feature_id"]), call.sent(FeatureMetadata)
    feature = call.store.update(feature, doc={**feature.doc, "metadata": sent.metadata})
    return Reply(200, shown(call, feature, _owner(call, feature)))


def remove(call: MixpeekCall) -> Reply:
    """The asset stays."""
    feature = call.find(FEATURE, call.path["feature_id"])
    call.store.delete(feature)
    return Reply(200, {"message": f"Feature {feature.id} deleted successfully"})


def _owner(call: MixpeekCall, feature: Obj) -> Obj:
    owner = call.store.at(feature.parent)
    assert owner is not None, "an asset takes its features with it"
    return owner


ONE = "/features/{feature_id}"
FAMILY = EndpointFamily(
    name="features",
    routes=(
        Route("POST", "/features", index, body="json", reads=True),
        Route("POST", "/features/", index, body="json", reads=True),
        Route("GET", ONE, retrieve),
        Route("PUT", ONE, update, body="json"),
        Route("DELETE", ONE, remove),
    ),
)
