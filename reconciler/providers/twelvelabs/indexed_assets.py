"""Indexed assets: assets in an index."""

from __future__ import annotations

from typing import Annotated

from reconciler.kind import CREATE_ONLY, DETAIL, FROM_KEY, MERGE, STAMPED, Kind, Read, Ref, Wire, fresh
from reconciler.provider import Order, Traits
from reconciler.providers.twelvelabs.api import TwelveLabsCollection
from reconciler.providers.twelvelabs.indexes import Index
from reconciler.providers.twelvelabs.metadata import TaggedMetadata

__all__ = ["IndexedAsset", "IndexedAssets"]


class IndexedAsset(
    Kind,
    section="assets",
    parent=Index,
    natural_key=("asset",),
    unique=True,
):
    """An asset in an index; its key is the asset's."""

    asset: Annotated[str, Ref("Asset"), CREATE_ONLY, FROM_KEY, Wire("asset_id")] = ""
    """The asset that is indexed, when the key is not its name."""
    stream: Annotated[
        bool, CREATE_ONLY, DETAIL, Wire("enable_video_stream"), Read(lambda raw: bool(raw.get("hls")))
    ] = False
    """Whether the index keeps a video stream of it."""
    metadata: Annotated[TaggedMetadata, MERGE, STAMPED, DETAIL, Wire("user_metadata")] = fresh(dict)
    """Facts for filtering searches of this index; apart from the asset's own."""


class IndexedAssets(TwelveLabsCollection):
    """How they are read and made."""

    kind = IndexedAsset
    path = "/indexes/{parent}/indexed-assets"
    traits = Traits(typical_wait_s=45.0, wait_per_media_s=0.4, order=Order.OLDEST, tells_changes=True)
