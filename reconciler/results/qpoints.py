"""Points of Qdrant's collections, by its client (a server, or its imitation in a directory) and by its engine in this
process (Qdrant Edge): the few calls that a store needs of both.
"""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from reconciler.errors import StoreError, how_to_install

__all__ = ["ANOTHER", "ByClient", "ByEngine", "Point", "Points"]

Point: TypeAlias = tuple[str, Sequence[float] | None, Mapping[str, Any]]
"""Id, vector and payload."""
ANOTHER = -1
"""In the place of a dimension: vectors of another kind than ours."""
_PAGE = 256
_TIMEOUT_S = 60
_INDEXED = ("stack", "address")
_NONE = "none"
"""Qdrant Edge has no collection without vectors: ours of texts has a kind of them that no point has."""


class Points(Protocol):
    """Collections of points. `where` and `but` are values that fields of the payload must, or must not, have."""

    @abstractmethod
    def library(self) -> Any:
        """The package that does it; StoreError says how to install it."""

    @abstractmethod
    def collections(self) -> Mapping[str, int | None]:
        """Name → dimension, None for a collection without vectors; none where nothing is yet."""

    @abstractmethod
    def make(self, name: str, dim: int | None, indexed: Sequence[str] = _INDEXED) -> None:
        """Make a collection for cosine distance, with an index of these fields of the payload."""

    @abstractmethod
    def put(self, name: str, points: Sequence[Point]) -> None:
        """Write points, over those of the same ids."""

    @abstractmethod
    def get(self, name: str, id: str) -> Mapping[str, Any] | None:
        """The payload of one point."""

    @abstractmethod
    def find(
        self, name: str, where: Mapping[str, Any], *, vectors: bool = False
    ) -> Iterator[tuple[Mapping[str, Any], Sequence[float] | None]]:
        """Payload and, if wanted, vector of each such point."""

    @abstractmethod
    def remove(self, name: str, where: Mapping[str, Any], but: Mapping[str, Any] | None = None) -> None:
        """Remove such points."""

    @abstractmethod
    def drop(self, name: str, id: str) -> None:
        """Remove one point."""

    def aliased(self, name: str) -> str | None:
        """What collection an alias means."""
        return None

    def alias(self, name: str, target: str) -> None:
        """Let an alias mean a collection, at once; nothing where there are no aliases."""
        return

    @abstractmethod
    def close(self) -> None:
        """Let go of it; again is fine."""


class ByClient(Points):
    """A server's, by HTTP; or those in a directory, which one process at a time can have.

    In a directory the client normalises vectors each time that they are loaded, and not always to the same bits. So
    there they are normalised here, once, and compared by their product, which ranks them alike.
    """

    def __init__(self, url: str = "", directory: Path | None = None) -> None:
        self._url, self._directory, self._known = url, directory, None
        self._distance = "Cosine" if directory is None else "Dot"

    def library(self) -> Any:
        """The client's."""
        try:
            import qdrant_client
        except ModuleNotFoundError as error:
            raise StoreError(f"Qdrant is an extra: {how_to_install('qdrant')}") from error
        return qdrant_client

    @property
    def _client(self) -> Any:
        if self._known is None:
            client = self.library().QdrantClient
            if self._directory is not None:
                self._known = client(path=str(self._directory), force_disable_check_same_thread=True)
            else:
                parts = urlsplit(self._url)
                keys = dict(parse_qsl(parts.query))
                self._known = client(
                    url=urlunsplit(parts._replace(query="", fragment="")),
                    port=parts.port or 6333,
                    api_key=keys.get("api_key"),
                    timeout=_TIMEOUT_S,
                    check_compatibility=False,
                )
        return self._known

    def collections(self) -> Mapping[str, int | None]:
        """The collections; none of a directory that is not there."""
        if self._directory is not None and not self._directory.exists():
            return {}
        names = [found.name for found in self._client.get_collections().collections]
        return {name: self._dim(name) for name in names}

    def _dim(self, name: str) -> int | None:
        vectors = self._client.get_collection(name).config.params.vectors
        if not vectors:
            return None
        distance = getattr(vectors, "distance", None)
        return int(vectors.size) if distance is not None and distance.value == self._distance else ANOTHER

    def make(self, name: str, dim: int | None, indexed: Sequence[str] = _INDEXED) -> None:
        """A collection; a directory has no use for indexes, and takes them without a word."""
        from qdrant_client import models

        params = {} if dim is None else models.VectorParams(size=dim, distance=models.Distance(self._distance))
        self._client.create_collection(name, vectors_config=params)
        for field in indexed:
            self._client.create_payload_index(name, field, field_schema=models.PayloadSchemaType.KEYWORD, wait=True)

    def put(self, name: str, points: Sequence[Point]) -> None:
        """By pages, each there when it returns."""
        from qdrant_client import models

        made = [
            models.PointStruct(id=id, vector={} if vector is None else self._sent(vector), payload=dict(payload))
            for id, vector, payload in points
        ]
        for start in range(0, len(made), _PAGE):
            self._client.upsert(name, made[start : start + _PAGE], wait=True)

    def _sent(self, vector: Sequence[float]) -> list[float]:
        return [*vector] if self._directory is None else _unit(vector)

    def get(self, name: str, id: str) -> Mapping[str, Any] | None:
        """By the id alone."""
        found = self._client.retrieve(name, [id], with_payload=True)
        return dict(found[0].payload or {}) if found else None

    def find(
        self, name: str, where: Mapping[str, Any], *, vectors: bool = False
    ) -> Iterator[tuple[Mapping[str, Any], Sequence[float] | None]]:
        """Page by page."""
        after = None
        while True:
            found, after = self._client.scroll(
                name, self._filter(where), limit=_PAGE, offset=after, with_payload=True, with_vectors=vectors
            )
            yield from ((point.payload or {}, point.vector or None) for point in found)
            if after is None:
                return

    def remove(self, name: str, where: Mapping[str, Any], but: Mapping[str, Any] | None = None) -> None:
        """All of a filter in one request."""
        self._client.delete(name, self._filter(where, but), wait=True)

    def drop(self, name: str, id: str) -> None:
        """By the id alone."""
        self._client.delete(name, [id], wait=True)

    def aliased(self, name: str) -> str | None:
        """Of all aliases the one."""
        known = self._client.get_aliases().aliases
        return next((alias.collection_name for alias in known if alias.alias_name == name), None)

    def alias(self, name: str, target: str) -> None:
        """Away from the one and to the other in one request, which is atomic."""
        from qdrant_client import models

        turn: list[Any] = []
        if self.aliased(name):
            turn = [models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=name))]
        make = models.CreateAlias(collection_name=target, alias_name=name)
        self._client.update_collection_aliases([*turn, models.CreateAliasOperation(create_alias=make)])

    def close(self) -> None:
        """The directory is free for others then."""
        client, self._known = self._known, None
        if client is not None:
            client.close()

    def _filter(self, where: Mapping[str, Any], but: Mapping[str, Any] | None = None) -> Any:
        from qdrant_client import models

        def each(fields: Mapping[str, Any]) -> list[Any]:
            return [
                models.FieldCondition(key=field, match=models.MatchValue(value=value))
                for field, value in fields.items()
            ]

        return models.Filter(must=each(where), must_not=each(but or {}))


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]


class ByEngine(Points):
    """Qdrant's own engine in this process: a shard, that is a directory, for each collection; open in one process.

    What is written is in the engine's log when a call returns; putting it into segments is left to `close`.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._shards: dict[str, Any] = {}

    def library(self) -> Any:
        """The engine's."""
        try:
            import qdrant_edge
        except ModuleNotFoundError as error:
            raise StoreError("Qdrant Edge is not installed: pip install qdrant-edge-py") from error
        return qdrant_edge

    def _shard(self, name: str) -> Any:
        if name not in self._shards:
            try:
                self._shards[name] = self.library().EdgeShard.load(str(self._directory / name))
            except Exception as error:
                if "WouldBlock" in str(error):
                    raise StoreError(f"{name} is open in another process; one at a time can have it") from error
                raise
        return self._shards[name]

    def collections(self) -> Mapping[str, int | None]:
        """The shards that are directories here, by what they say of themselves."""
        found: dict[str, int | None] = {}
        for place in sorted(self._directory.glob("*/edge_config.json")):
            vectors = json.loads(place.read_text(encoding="utf-8")).get("vectors") or {}
            ours = [*vectors] == [""] and vectors[""].get("distance") == "Cosine"
            found[place.parent.name] = None if not vectors else vectors[""]["size"] if ours else ANOTHER
        return found

    def make(self, name: str, dim: int | None, indexed: Sequence[str] = _INDEXED) -> None:
        """A shard."""
        edge = self.library()
        if dim is None:
            config = edge.EdgeConfig(sparse_vectors={_NONE: edge.EdgeSparseVectorParams()})
        else:
            config = edge.EdgeConfig(vectors=edge.EdgeVectorParams(size=dim, distance=edge.Distance.Cosine))
        (self._directory / name).mkdir(parents=True, exist_ok=True)
        self._shards[name] = edge.EdgeShard.create(str(self._directory / name), config)
        for field in indexed:
            self._shards[name].update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))

    def put(self, name: str, points: Sequence[Point]) -> None:
        """By pages."""
        edge = self.library()
        made = [
            edge.Point(id=id, vector={} if vector is None else list(vector), payload=dict(payload))
            for id, vector, payload in points
        ]
        for start in range(0, len(made), _PAGE):
            self._shard(name).update(edge.UpdateOperation.upsert_points(made[start : start + _PAGE]))

    def get(self, name: str, id: str) -> Mapping[str, Any] | None:
        """By the id alone."""
        found = self._shard(name).retrieve([id], with_payload=True, with_vector=False)
        return dict(found[0].payload or {}) if found else None

    def find(
        self, name: str, where: Mapping[str, Any], *, vectors: bool = False
    ) -> Iterator[tuple[Mapping[str, Any], Sequence[float] | None]]:
        """Page by page."""
        edge, after = self.library(), None
        while True:
            request = edge.ScrollRequest(
                offset=after, limit=_PAGE, filter=self._filter(where), with_payload=True, with_vector=vectors
            )
            found, after = self._shard(name).scroll(request)
            yield from ((point.payload or {}, point.vector or None) for point in found)
            if after is None:
                return

    def remove(self, name: str, where: Mapping[str, Any], but: Mapping[str, Any] | None = None) -> None:
        """All of a filter in one operation."""
        edge = self.library()
        self._shard(name).update(edge.UpdateOperation.delete_points_by_filter(self._filter(where, but)))

    def drop(self, name: str, id: str) -> None:
        """By the id alone."""
        self._shard(name).update(self.library().UpdateOperation.delete_points([id]))

    def close(self) -> None:
        """Put into segments, the shards are free for others then."""
        while self._shards:
            _, shard = self._shards.popitem()
            shard.flush()
            shard.close()

    def _filter(self, where: Mapping[str, Any], but: Mapping[str, Any] | None = None) -> Any:
        edge = self.library()

        def each(fields: Mapping[str, Any]) -> list[Any]:
            return [edge.FieldCondition(key=field, match=edge.MatchValue(value=it)) for field, it in fields.items()]

        return edge.Filter(must=each(where), must_not=each(but or {}))
