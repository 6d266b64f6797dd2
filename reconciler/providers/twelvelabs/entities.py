"""Entities: who and what can be found in videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from reconciler.kind import FROM_KEY, STAMPED, UNORDERED, Bounds, Kind, Members, Ref, Wire, fresh
from reconciler.provider import Done, Failed, Order, Progress, Traits
from reconciler.providers.twelvelabs.api import TwelveLabsCollection
from reconciler.providers.twelvelabs.entity_collections import EntityCollection
from reconciler.providers.twelvelabs.metadata import Name, PlainMetadata
from reconciler.providers.twelvelabs.patience import again_s
from reconciler.redact import plain
from reconciler.wire import Unexpected, items, mapping, text, whole

__all__ = ["Entities", "Entity"]


class Entity(
    Kind,
    section="entities",
    parent=EntityCollection,
    bulk=100,
    natural_key=("name",),
):
    """A person or a thing to be found in videos, known by reference images."""

    name: Annotated[Name, FROM_KEY] = ""
    """Not unique in its collection."""
    description: str = ""
    """Who or what it is."""
    assets: Annotated[
        list[str],
        Ref("Asset", cut=True),
        Members(at_least=1),
        UNORDERED,
        Bounds(min_length=1),
        Wire("asset_ids"),
    ]
    """Its reference images, at least one."""
    metadata: Annotated[PlainMetadata, STAMPED] = fresh(dict)
    """Your own facts about it: strings, numbers and booleans."""


class Entities(TwelveLabsCollection):
    """How they are read and made."""

    kind = Entity
    path = "/entity-collections/{parent}/entities"
    traits = Traits(typical_wait_s=5.0, order=Order.OLDEST, tells_changes=True)
    bulk_path, bulk_word = "/bulk", "entities"
    members = {"assets": "/assets"}  # noqa: RUF012 - constants
    cuts = {"assets": "/assets/{id}/entities"}  # noqa: RUF012

    def made_many(self, bodies: Sequence[Mapping[str, Any]], answer: Any) -> list[Progress]:
        """Errors come by index, successes only by name: names are distinct within one call."""
        sent, made, refused = [body["name"] for body in bodies], dict[str, str](), dict[str, str]()
        for at, raw in enumerate(items(mapping(answer, "").get("entities"), "entities")):
            name = text(mapping(raw, f"entities[{at}]").get("name"), f"entities[{at}].name")
            made[name] = self.id_of(raw, f"entities[{at}]")
        for at, raw in enumerate(items(answer.get("errors"), "errors")):
            number = whole(mapping(raw, f"errors[{at}]").get("entity_index"), f"errors[{at}].entity_index")
            if number >= len(sent):
                raise Unexpected(f"errors[{at}].entity_index", f"{number}, and {len(sent)} were sent")
            refused[sent[number]] = text(raw.get("error_reason"), f"errors[{at}].error_reason")
        if len({*made.values()}) != len(made) or made.keys() & refused.keys() or not made.keys() <= set(sent):
            raise Unexpected("entities", "not one answer for each that was sent")
        for name in sent:
            if name not in made and name not in refused:
                raise Unexpected("entities", f"nothing is said of {name!r}")
        return [
            Done(made[name]) if name in made else Failed(plain(refused[name]), again_s(refused[name])) for name in sent
        ]
