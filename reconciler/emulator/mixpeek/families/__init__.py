"""Every family of endpoints there is. Those whose paths are longer come first where two could match."""

from __future__ import annotations

from reconciler.emulator.core.endpoints import EndpointFamily
from reconciler.emulator.mixpeek.families import assets, collections, features, indexing, search, tasks

__all__ = ["FAMILIES"]

FAMILIES: tuple[EndpointFamily, ...] = (
    indexing.FAMILY,
    tasks.FAMILY,
    search.FAMILY,
    assets.FAMILY,
    features.FAMILY,
    collections.FAMILY,
)
