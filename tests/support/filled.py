"""An account that is full from the beginning: objects go into the emulator's store at once, not one request each.

    account = filled(emulator, assets=[NewAsset(f"{n}.mp4") for n in range(1000)], indexes={"catalog": range(1000)})

What is there is what the routes would have left: the same ids in the same order (all assets, then each index with its
members, then each collection with its entities), times that go on from the clock's, everything ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from typing import Any

from reconciler.emulator import Emulator
from reconciler.emulator.core.media import examine, imagine, kind_of, mime_of
from reconciler.emulator.core.store import AccountStore, Obj

__all__ = ["Filled", "NewAsset", "NewEntity", "filled"]

MODELS = ({"model_name": "marengo3.0", "model_options": ["visual", "audio"]},)


@dataclass(frozen=True, slots=True)
class NewAsset:
    """A file in the account: its bytes, or the hash of them and how many there are; or what is behind a URL."""

    name: str
    content: bytes | None = None
    sha256: str = ""
    size: int | None = None
    url: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewEntity:
    """`assets` are positions in the list of assets."""

    name: str
    assets: Sequence[int] = ()
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filled:
    """The ids of what was made, in order; of indexes and collections by name, of what is in them too."""

    assets: list[str]
    indexes: dict[str, str]
    members: dict[str, list[str]]
    collections: dict[str, str]
    entities: dict[str, list[str]]


def filled(
    emulator: Emulator,
    *,
    assets: Iterable[NewAsset] = (),
    indexes: Mapping[str, Iterable[int]] | None = None,
    collections: Mapping[str, Iterable[NewEntity]] | None = None,
    models: Sequence[Mapping[str, Any]] = MODELS,
) -> Filled:
    """Put all of it into the main account. Indexes are names with the positions of the assets that are indexed."""
    store = emulator.store
    with store.transaction():
        made = [_asset(store, asset) for asset in assets]
        store.insert_all(made)
        catalogs = {name: _index(store, name, [made[n] for n in of], models) for name, of in (indexes or {}).items()}
        groups = {name: _collection(store, name, list(of), made) for name, of in (collections or {}).items()}
    return Filled(
        assets=[asset.id for asset in made],
        indexes={name: index.id for name, (index, _) in catalogs.items()},
        members={name: [member.id for member in members] for name, (_, members) in catalogs.items()},
        collections={name: collection.id for name, (collection, _) in groups.items()},
        entities={name: [entity.id for entity in entities] for name, (_, entities) in groups.items()},
    )


def _asset(store: AccountStore, given: NewAsset) -> Obj:
    if given.content is not None:
        media = examine(BytesIO(given.content), given.name).as_json()
    else:
        mime = mime_of(given.name)
        known = given.sha256 or sha256((given.url or given.name).encode()).hexdigest()
        media = imagine(known, mime if kind_of(mime) or not given.url else "video/mp4", given.size).as_json()
    kind = kind_of(media["mime"])
    doc = {
        "method": "url" if given.url else "direct",
        "hls": kind in ("video", "audio"),
        "thumbnail": True,
        "user_metadata": dict(given.metadata),
        "media": media,
        "source": given.url,
    }
    return store.new("asset", doc, name=given.name, type=kind, status="ready")


def _index(
    store: AccountStore, name: str, assets: Sequence[Obj], models: Sequence[Mapping[str, Any]]
) -> tuple[Obj, list[Obj]]:
    seconds = round(sum(asset.doc["media"]["duration"] or 0.0 for asset in assets), 3)
    about = {"models": list(models), "addons": [], "video_count": len(assets), "total_duration": seconds}
    index = store.insert("index", about, name=name)
    members = [
        store.new(
            "indexed_asset",
            {"asset_id": asset.id, "media": asset.doc["media"], "stream": False, "user_metadata": {}},
            parent=index.seq,
            name=asset.name,
            status="ready",
        )
        for asset in assets
    ]
    store.insert_all(members)
    store.link_all(zip(members, assets, strict=True))
    return index, members


def _collection(
    store: AccountStore, name: str, given: Sequence[NewEntity], assets: Sequence[Obj]
) -> tuple[Obj, list[Obj]]:
    collection = store.insert("entity_collection", {"description": None}, name=name)
    entities = [
        store.new(
            "entity",
            {
                "description": entity.description,
                "metadata": dict(entity.metadata),
                "asset_ids": [assets[n].id for n in entity.assets],
                "collection_id": collection.id,
            },
            parent=collection.seq,
            name=entity.name,
            status="ready",
        )
        for entity in given
    ]
    store.insert_all(entities)
    store.link_all((made, assets[n]) for made, entity in zip(entities, given, strict=True) for n in entity.assets)
    return collection, entities
