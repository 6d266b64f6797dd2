"""Collections: names under which something was indexed. Nobody makes one, and an empty one is not there."""

from __future__ import annotations

from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.mixpeek.call import MixpeekCall, naive
from reconciler.emulator.mixpeek.families import assets
from reconciler.emulator.mixpeek.problems import lost

__all__ = ["FAMILY"]

COUNTED = """
SELECT name, count(*), max(updated_at) FROM objects
WHERE kind = 'asset' AND (? OR NOT walking) GROUP BY name ORDER BY min(seq)
"""


def index(call: MixpeekCall) -> Reply:
    """What is said of each is what its assets come to; the fields are those of four weeks later."""
    found = call.store.db.execute(COUNTED, (call.options.listed_early,)).fetchall()
    rows = [
        {
            "collection_id": name,
            "count": count,
            "size_bytes": 0,
            "last_updated": naive(updated_at),
            "metadata": {},
            "preview_url": None,
        }
        for name, count, updated_at in found
    ]
    return Reply(200, call.page("/collections", rows))


def remove(call: MixpeekCall) -> Reply:
    """All that was indexed under the name goes with it (chosen: it is what the call is called)."""
    name = call.path["collection_id"]
    lives = assets.all_of(call, [name])
    if not lives:
        raise lost("collection", name)
    for asset in lives:
        assets.drop(call, asset)
    return Reply(200, {"message": f"Collection {name} deleted successfully"})


FAMILY = EndpointFamily(
    name="collections",
    routes=(
        Route("GET", "/collections", index),
        Route("GET", "/collections/", index),
        Route("DELETE", "/collections/{collection_id}", remove),
    ),
)
