"""The stores that the suite runs against, and what it does to each behind its back, with that store's own tools."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconciler.results import Store, open_store
from tests.results.sets import ADDRESS, MODEL, STACK

__all__ = ["BACKENDS", "Backend"]

Read = dict[str, list[float] | str | None]
"""Key → vector, or text where there are no vectors."""


class Backend:
    """One kind of store; a test gets it empty."""

    name = ""
    dim: int | None = 8
    many_processes = True
    exact = True
    """Whether vectors come back bit by bit; else they come back normalised."""

    def __init__(self, root: Path, postgres: str | None = None) -> None:
        self.root, self.postgres = root, postgres
        self._open: list[Store] = []

    @property
    def url(self) -> str:
        return ""

    def open(self, columns: Mapping[str, str] | None = None, table: str = "clips") -> Store:
        """A store of its own, as another run would open it. One that only one process can have is opened anew."""
        if not self.many_processes:
            self.close()
        store = open_store(self.url, root=self.root, table=table, columns=columns)
        self._open.append(store)
        return store

    def ready(self, columns: Mapping[str, str] | None = None) -> Store:
        """The same, made for what `a_set` gives."""
        store = self.open(columns)
        assert store.prepare({MODEL: self.dim}) == []
        store.sweep(STACK)
        return store

    def close(self) -> None:
        while self._open:
            self._open.pop().close()

    def as_documented(self, address: str, stack: str = STACK) -> Read:
        """A set as docs/results.md says that programs read it."""
        raise NotImplementedError

    def plant(self) -> None:
        """Rows of somebody else, where ours are."""
        raise NotImplementedError

    def planted(self) -> Any:
        """Those rows, byte by byte."""
        raise NotImplementedError

    def stranger(self) -> None:
        """Something of somebody else under the name that ours would have."""
        raise NotImplementedError

    def everything(self) -> Any:
        """All that is there."""
        raise NotImplementedError


class ParquetFiles(Backend):
    name = "parquet"
    ending = ".parquet"

    @property
    def url(self) -> str:
        return "results/"

    def as_documented(self, address: str, stack: str = STACK) -> Read:
        from pyarrow.parquet import ParquetFile

        file = ParquetFile(self.root / f"results/{stack}/{address}.parquet")
        try:
            rows = file.read(columns=["key", "vector"]).to_pylist()
        finally:
            file.close()
        return {row["key"]: row["vector"] for row in rows}

    def plant(self) -> None:
        import pyarrow
        from pyarrow import parquet

        place = self.root / f"results/{STACK}/embeddings/clips/mine.parquet"
        place.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pyarrow.table({"a": [1]}), place)

    def planted(self) -> Any:
        return (self.root / f"results/{STACK}/embeddings/clips/mine{self.ending}").read_bytes()

    def stranger(self) -> None:
        (self.root / "results").write_text("a file, where the directory should be")

    def everything(self) -> Any:
        files = sorted(path for path in self.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}


class JsonFiles(ParquetFiles):
    name, dim, ending = "json", None, ".json"

    def as_documented(self, address: str, stack: str = STACK) -> Read:
        found = json.loads((self.root / f"results/{stack}/{address}.json").read_text(encoding="utf-8"))
        return {row["key"]: row["text"] for row in found["rows"]}

    def plant(self) -> None:
        place = self.root / f"results/{STACK}/embeddings/clips/mine.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text('{"a": 1}')


class Pgvector(Backend):
    name = "pgvector"
    table = f"clips_marengo3_0_{Backend.dim}"

    @property
    def url(self) -> str:
        assert self.postgres
        return self.postgres

    def _sql(self, query: Any, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def as_documented(self, address: str, stack: str = STACK) -> Read:
        found = self._sql("SELECT key, vector::text FROM clips WHERE stack = %s AND address = %s", stack, address)
        return {key: json.loads(vector) for key, vector in found}

    def plant(self) -> None:
        values = ", ".join(map(str, range(8)))
        self._sql(
            f"INSERT INTO {self.table} (key, stack, address, vector) "
            f"VALUES ('mine', '{STACK}', 'mine', '[{values}]'), ('mine', 'mine', '{ADDRESS}', '[{values}]')"
        )

    def planted(self) -> Any:
        return self._sql(f"SELECT xmin::text, ctid::text, * FROM {self.table} WHERE key = 'mine' ORDER BY stack")

    def stranger(self) -> None:
        self._sql(f"CREATE TABLE {self.table} AS SELECT 1 AS a")

    def everything(self) -> Any:
        found = self._sql(
            "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_class c "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
            "WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) "
            "AND c.relkind IN ('r', 'v') AND starts_with(c.relname::text, 'clips') ORDER BY 1, 2"
        )
        tables = {table for table, column, _ in found}
        return found, {table: sorted(map(str, self._sql(f"SELECT * FROM {table}"))) for table in tables}


class LanceDB(Backend):
    name = "lancedb"
    table = f"clips_marengo3_0_{Backend.dim}"

    @property
    def url(self) -> str:
        return "lancedb:lance"

    def _database(self) -> Any:
        import lancedb

        return lancedb.connect(str(self.root / "lance"))

    def as_documented(self, address: str, stack: str = STACK) -> Read:
        table = self._database().open_table(self.table)
        rows = table.search().where(f"stack = '{stack}' AND address = '{address}'").limit(None).to_list()
        return {row["key"]: row["vector"] for row in rows}

    def plant(self) -> None:
        rows = [
            {"key": "mine", "stack": stack, "address": address, "vector": [1.0] * 8}
            for stack, address in ((STACK, "mine"), ("mine", "embeddings/clips/final"))
        ]
        self._database().open_table(self.table).add(rows)

    def planted(self) -> Any:
        rows = self._database().open_table(self.table).search().where("key = 'mine'").limit(None).to_list()
        return sorted(map(str, rows))

    def stranger(self) -> None:
        self._database().create_table(self.table, [{"a": 1}])

    def everything(self) -> Any:
        tables = self._database().list_tables().tables
        return {name: str(self._database().open_table(name).to_arrow().to_pylist()) for name in tables}


class QdrantLocal(Backend):
    name = "qdrant"
    many_processes = False
    exact = False
    table = f"clips_marengo3_0_{Backend.dim}"

    @property
    def url(self) -> str:
        return "qdrant:points"

    def _client(self) -> Any:
        from qdrant_client import QdrantClient

        self.close()
        return QdrantClient(path=str(self.root / "points"))

    def _all(self, collection: str) -> list[Any]:
        client = self._client()
        try:
            return sorted(map(str, client.scroll(collection, limit=10_000, with_vectors=True)[0]))
        finally:
            client.close()

    def as_documented(self, address: str, stack: str = STACK) -> Read:
        from qdrant_client.models import FieldCondition, Filter, MatchValue

        def having(**fields: str) -> Any:
            return Filter(must=[FieldCondition(key=key, match=MatchValue(value=it)) for key, it in fields.items()])

        client = self._client()
        try:
            (manifest,), _ = client.scroll("clips_manifest", having(stack=stack, address=address))
            points, _ = client.scroll(
                manifest.payload["in_collection"],
                having(stack=stack, address=address, set_digest=manifest.payload["set_digest"]),
                limit=10_000,
                with_vectors=True,
            )
            return {point.payload["key"]: point.vector for point in points}
        finally:
            client.close()

    def plant(self) -> None:
        from qdrant_client.models import PointStruct

        client = self._client()
        points = [
            PointStruct(
                id=str(uuid.uuid5(uuid.NAMESPACE_URL, stack)),
                vector=[1.0] * 8,
                payload={"key": "mine", "stack": stack, "address": address},
            )
            for stack, address in ((STACK, "mine"), ("mine", "embeddings/clips/final"))
        ]
        client.upsert(self.table, points)
        client.close()

    def planted(self) -> Any:
        return [point for point in self._all(self.table) if "mine" in point]

    def stranger(self) -> None:
        from qdrant_client.models import Distance, VectorParams

        client = self._client()
        client.create_collection(self.table, VectorParams(size=3, distance=Distance.DOT))
        client.close()

    def everything(self) -> Any:
        client = self._client()
        names = sorted(found.name for found in client.get_collections().collections)
        client.close()
        return {name: self._all(name) for name in names}


class QdrantEdge(Backend):
    name = "qdrant-edge"
    many_processes = False
    exact = False
    table = f"clips_marengo3_0_{Backend.dim}"

    @property
    def url(self) -> str:
        return "qdrant-edge:shards"

    def _shard(self, name: str) -> Any:
        from qdrant_edge import EdgeShard

        self.close()
        return EdgeShard.load(str(self.root / "shards" / name))

    def _all(self, name: str, **fields: str) -> list[Any]:
        from qdrant_edge import FieldCondition, Filter, MatchValue, ScrollRequest

        having = Filter(must=[FieldCondition(key=key, match=MatchValue(value=it)) for key, it in fields.items()])
        shard = self._shard(name)
        request = ScrollRequest(limit=10_000, filter=having, with_payload=True, with_vector=True)
        found = list(shard.scroll(request)[0])
        shard.close()
        return found

    def as_documented(self, address: str, stack: str = STACK) -> Read:
        (manifest,) = self._all("clips_manifest", stack=stack, address=address)
        points = self._all(
            manifest.payload["in_collection"],
            stack=stack,
            address=address,
            set_digest=manifest.payload["set_digest"],
        )
        return {point.payload["key"]: point.vector for point in points}

    def plant(self) -> None:
        from qdrant_edge import Point, UpdateOperation

        points = [
            Point(
                id=str(uuid.uuid5(uuid.NAMESPACE_URL, stack)),
                vector=[1.0] * 8,
                payload={"key": "mine", "stack": stack, "address": address},
            )
            for stack, address in ((STACK, "mine"), ("mine", "embeddings/clips/final"))
        ]
        shard = self._shard(self.table)
        shard.update(UpdateOperation.upsert_points(points))
        shard.flush()
        shard.close()

    def planted(self) -> Any:
        return sorted(str((point.id, point.vector, point.payload)) for point in self._all(self.table, key="mine"))

    def stranger(self) -> None:
        from qdrant_edge import Distance, EdgeConfig, EdgeShard, EdgeVectorParams

        place = self.root / "shards" / self.table
        place.mkdir(parents=True)
        config = EdgeConfig(vectors=EdgeVectorParams(size=3, distance=Distance.Dot))
        EdgeShard.create(str(place), config).close()

    def everything(self) -> Any:
        names = sorted(place.name for place in (self.root / "shards").glob("*"))
        return {name: sorted(str((it.id, it.vector, it.payload)) for it in self._all(name)) for name in names}


BACKENDS: dict[str, type[Backend]] = {
    it.name: it for it in (ParquetFiles, JsonFiles, Pgvector, LanceDB, QdrantLocal, QdrantEdge)
}
NEEDS = {
    "parquet": "pyarrow",
    "lancedb": "lancedb",
    "qdrant": "qdrant_client",
    "qdrant-edge": "qdrant_edge",
}
_numbers = itertools.count(1)


def backend_for(name: str, request: pytest.FixtureRequest, root: Path) -> Iterator[Backend]:
    """An empty one; skipped where its package cannot be had."""
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    postgres = request.getfixturevalue("postgres_url") if name == "pgvector" else None
    backend = BACKENDS[name](root, postgres)
    yield backend
    backend.close()
