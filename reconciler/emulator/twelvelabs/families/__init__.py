"""Every family of endpoints there is. A new one is a file beside this and a line below.

Order matters where two paths could match: the one with fewer parameters comes first.
"""

from __future__ import annotations

from reconciler.emulator.core.endpoints import EndpointFamily
from reconciler.emulator.twelvelabs.families import (
    analyze,
    analyze_tasks,
    assets,
    embed,
    embed_tasks,
    embed_v2,
    entities,
    entity_collections,
    generations,
    indexed_assets,
    indexes,
    knowledge_collections,
    knowledge_items,
    knowledge_search,
    knowledge_stores,
    responses,
    search,
    tasks,
    transcriptions,
    transfers,
    uploads,
    videos,
)

__all__ = ["FAMILIES"]

FAMILIES: tuple[EndpointFamily, ...] = (
    uploads.FAMILY,
    uploads.STORAGE_FAMILY,
    assets.FAMILY,
    transcriptions.FAMILY,
    indexes.FAMILY,
    indexed_assets.FAMILY,
    entity_collections.FAMILY,
    entities.FAMILY,
    videos.FAMILY,
    tasks.FAMILY,
    transfers.FAMILY,
    search.FAMILY,
    analyze.FAMILY,
    analyze_tasks.FAMILY,
    generations.FAMILY,
    embed.FAMILY,
    embed_tasks.FAMILY,
    embed_v2.FAMILY,
    knowledge_stores.FAMILY,
    knowledge_items.FAMILY,
    knowledge_collections.FAMILY,
    knowledge_search.FAMILY,
    responses.FAMILY,
)
