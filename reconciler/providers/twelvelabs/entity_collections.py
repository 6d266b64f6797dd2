"""Entity collections: sets of what can be found in videos."""

from __future__ import annotations

from typing import Annotated

from reconciler.kind import FROM_KEY, Kind
from reconciler.providers.twelvelabs.api import TwelveLabsCollection
from reconciler.providers.twelvelabs.metadata import Name

__all__ = ["EntityCollection", "EntityCollections"]


class EntityCollection(
    Kind,
    section="entity_collections",
    natural_key=("name",),
    asynchronous=False,
):
    """A set of entities that searches can mention, such as a team's players."""

    name: Annotated[Name, FROM_KEY] = ""
    """Not unique in the account."""
    description: str = ""
    """What the collection is for."""


class EntityCollections(TwelveLabsCollection):
    """How they are read and made."""

    kind = EntityCollection
    path = "/entity-collections"
