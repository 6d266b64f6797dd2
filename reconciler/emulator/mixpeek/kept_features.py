"""Features as they are kept with their assets, and how one is shown."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.mixpeek.call import MixpeekCall, new_id, zoned
from reconciler.emulator.mixpeek.finding import features_of, vectors_of

__all__ = ["FEATURE", "find_in", "of_asset", "shown"]

FEATURE = "feature"
HIDDEN = ("content", "models")


def find_in(call: MixpeekCall, asset: Obj) -> None:
    """Put into the account what is found in an asset; its metadata is copied, as of now."""
    store = call.store
    store.insert_all(
        [
            store.new(
                FEATURE,
                {"found": found, "metadata": dict(asset.doc["metadata"])},
                id=new_id(store),
                parent=asset.seq,
                type=asset.type,
            )
            for found in features_of(asset.doc)
        ]
    )


def of_asset(call: MixpeekCall, asset: Obj) -> list[Obj]:
    """All of an asset, in the order in which they were found."""
    return call.store.select(Selection(FEATURE, parent=asset.seq, descending=False))


def shown(
    call: MixpeekCall, feature: Obj, asset: Obj, *, in_asset: bool = False, vectors: bool = False
) -> dict[str, Any]:
    """One feature: what is null is left out, and only an asset's list says the collection, as the guide prints both."""
    found = feature.doc["found"]
    facts = {name: value for name, value in found.items() if name not in HIDDEN and value is not None}
    row = {
        "feature_id": feature.id,
        "modality": feature.type,
        "asset_id": asset.id,
        **({"collection_id": asset.name} if in_asset else {}),
        "metadata": feature.doc["metadata"],
        **facts,
        "created_at": zoned(feature.created_at),
    }
    return {**row, "vectors": vectors_of(found, call.options.dimensions)} if vectors else row
