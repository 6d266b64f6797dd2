"""TwelveLabs, API v1.3: a kind a file, each with its driver beside it.

Sources: the vendor's OpenAPI document and SDK reference (https://docs.twelvelabs.io/api-reference).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from reconciler.kinds import Kinds
from reconciler.model import Resource
from reconciler.provider import Access, Driver, Finding, Hands, Provider
from reconciler.providers.twelvelabs.analyses import MediaAnalyses, MediaAnalysis
from reconciler.providers.twelvelabs.assets import Asset, Assets
from reconciler.providers.twelvelabs.embeddings import Embedding, Embeddings
from reconciler.providers.twelvelabs.entities import Entities, Entity
from reconciler.providers.twelvelabs.entity_collections import EntityCollection, EntityCollections
from reconciler.providers.twelvelabs.indexed_assets import IndexedAsset, IndexedAssets
from reconciler.providers.twelvelabs.indexes import Index, Indexes, Model
from reconciler.providers.twelvelabs.limits import CODES, SIZES, Sizes
from reconciler.providers.twelvelabs.media import inspect, lengths
from reconciler.providers.twelvelabs.pace import MediaLengths, bucket
from reconciler.providers.twelvelabs.search import IndexSearch
from reconciler.providers.twelvelabs.tariff import TARIFF

__all__ = [
    "KINDS",
    "Asset",
    "Embedding",
    "Entity",
    "EntityCollection",
    "Index",
    "IndexedAsset",
    "MediaAnalysis",
    "Model",
    "TwelveLabs",
]

KINDS = Kinds([Asset, Index, IndexedAsset, EntityCollection, Entity, Embedding, MediaAnalysis])


class TwelveLabs(Provider):
    """The provider."""

    name = "twelvelabs"
    kinds = KINDS
    access = Access(
        base_url="https://api.twelvelabs.io/v1.3",
        headers=lambda key: {"x-api-key": key},
        key_variables=("TWELVELABS_API_KEY", "TWELVE_LABS_API_KEY"),
        url_variables=("TWELVELABS_BASE_URL",),
        codes=CODES,
        bucket=bucket,
    )
    tariff = TARIFF
    searches = IndexSearch
    sizes: ClassVar[Mapping[str, Sizes]] = SIZES

    def drivers(self, hands: Hands) -> Mapping[str, Driver]:
        """The one of assets has to know how large a file may be, and says how long media is."""
        others = (Indexes, IndexedAssets, EntityCollections, Entities, Embeddings, MediaAnalyses)
        lengths = MediaLengths()
        hands.http.uses_of = lengths.uses
        made = {it.kind.__name__: it for it in (Assets(hands, self.sizes, lengths), *(each(hands) for each in others))}
        if isinstance(analyses := made[MediaAnalyses.kind.__name__], MediaAnalyses):
            analyses.on_text = lengths.wrote
        return made

    def emulator(self, db: Path | None = None) -> Any:
        """The one that comes along; it follows the newest vintage of the API."""
        from reconciler.emulator.twelvelabs import app  # an extra: who does without it need not have it

        return app(db)

    async def inspect(self, hands: Hands, resources: Mapping[str, Resource], making: Collection[str]) -> list[Finding]:
        """New files against what the platform takes: their size, and what is in them."""
        return await inspect(resources, making, hands.sending.files, self.sizes)

    async def lengths(
        self, hands: Hands, resources: Mapping[str, Resource], making: Collection[str]
    ) -> Mapping[str, float]:
        """Of new files that are to be indexed, for minutes are what is paid for."""
        return await lengths(resources, making, hands.sending.files)
