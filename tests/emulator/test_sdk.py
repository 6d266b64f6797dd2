"""The vendor's own client, unmodified, over a socket: every method that our families answer, sync and async."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twelvelabs import AsyncTwelveLabs, TwelveLabs
from twelvelabs.core.api_error import ApiError
from twelvelabs.entity_collections.entities import EntitiesCreateBulkRequestEntitiesItem
from twelvelabs.errors import BadRequestError, ConflictError, NotFoundError
from twelvelabs.indexes import IndexesCreateRequestModelsItem
from twelvelabs.types import CompletedChunk

from reconciler.emulator import Emulator, ServedEmulator
from tests.emulator.steps import NOBODY

MODELS = [IndexesCreateRequestModelsItem(model_name="marengo3.0", model_options=["visual", "audio"])]


class Sdk:
    """Both clients, driven the same way: `sdk(call)` is its answer, `sdk.all(call)` every row of a list."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._runner = asyncio.Runner()

    def __call__(self, answer: Any) -> Any:
        return self._runner.run(answer) if inspect.iscoroutine(answer) else answer

    def all(self, answer: Any) -> list[Any]:
        return self._runner.run(self._collect(answer)) if inspect.iscoroutine(answer) else list(answer)

    async def _collect(self, answer: Any) -> list[Any]:
        return [row async for row in await answer]

    def close(self) -> None:
        wrapped = self.client._client_wrapper.httpx_client.httpx_client
        if isinstance(self.client, AsyncTwelveLabs):
            self._runner.run(wrapped.aclose())
        else:
            wrapped.close()
        self._runner.close()


@pytest.fixture(params=[TwelveLabs, AsyncTwelveLabs], ids=["sync", "async"])
def sdk(request: pytest.FixtureRequest, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sdk]:
    # This client lets the environment override what it is told.
    for name in ("TWELVELABS_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ServedEmulator(emulator) as served:
        made = Sdk(request.param(api_key="anything", base_url=served.url))
        yield made
        made.close()


def ready(sdk: Sdk, name: str) -> str:
    asset = sdk(sdk.client.assets.create(method="direct", file=(name, b"content")))
    while sdk(sdk.client.assets.retrieve(asset.id)).status != "ready":
        pass
    found: str = asset.id
    return found


def test_assets(sdk: Sdk) -> None:
    assets = sdk.client.assets

    made = sdk(
        assets.create(
            method="direct", file=("final.mp4", b"film"), enable_hls=True, user_metadata=json.dumps({"season": 2024})
        )
    )
    linked = sdk(assets.create(method="url", url="https://example.org/face.jpg", filename="lebron.jpg"))

    assert (made.status, made.method, made.filename, made.file_type) == (
        "processing",
        "direct",
        "final.mp4",
        "video/mp4",
    )
    assert made.user_metadata == {"season": 2024}
    assert [row.id for row in sdk.all(assets.list())] == [linked.id, made.id]
    assert [row.id for row in sdk.all(assets.list(asset_ids=[made.id], asset_types=["video", "audio"]))] == [made.id]
    shown = sdk(assets.retrieve(made.id))
    assert (shown.status, shown.size, shown.hls.status, shown.created_at.year) == ("ready", 4, "ready", 2026)
    sdk(assets.update_user_metadata(made.id, user_metadata={"season": None, "league": "nba"}))
    assert sdk(assets.retrieve(made.id)).user_metadata == {"league": "nba"}
    sdk(assets.replace_user_metadata(made.id, user_metadata={"a": 1.5}))
    assert sdk(assets.retrieve(made.id)).user_metadata == {"a": 1.5}
    sdk(assets.delete_user_metadata(made.id))
    assert sdk(assets.retrieve(made.id)).user_metadata is None
    assert sdk(assets.delete(made.id)) is None
    with pytest.raises(NotFoundError):
        sdk(assets.retrieve(made.id))


def test_a_pager_reads_every_page_and_one_more(sdk: Sdk, emulator: Emulator) -> None:
    for number in range(7):
        sdk(sdk.client.entity_collections.create(name=str(number)))

    listed = sdk.all(sdk.client.entity_collections.list(page_limit=3, sort_by="name", sort_option="asc"))

    assert [row.name for row in listed] == list("0123456")
    assert emulator.journal.by_route["GET /entity-collections"] == 4


def test_multipart_upload_of_a_file(sdk: Sdk, emulator: Emulator, tmp_path: Path) -> None:
    film = tmp_path / "big.mp4"
    film.write_bytes(bytes(range(256)) * 20)
    uploads = sdk.client.multipart_upload

    result = sdk(uploads.upload_file(film, batch_size=2, max_workers=2))

    shown = sdk(sdk.client.assets.retrieve(result.asset_id))
    while shown.status != "ready":
        shown = sdk(sdk.client.assets.retrieve(result.asset_id))
    assert (shown.method, shown.filename, shown.size, bool(result.asset_url)) == ("multipart", "big.mp4", 5120, True)
    (upload_id,) = emulator.store.db.execute("SELECT id FROM objects WHERE kind = 'upload'").fetchone()
    done = sdk(uploads.wait_for_upload_completion(upload_id, sleep_interval=0.001))
    assert (done.status, done.completed_chunks, done.total_chunks) == ("completed", 6, 6)


def test_multipart_upload_step_by_step(sdk: Sdk) -> None:
    uploads = sdk.client.multipart_upload

    session = sdk(
        uploads.create(filename="a.mp4", type="video", total_size=2500, enable_hls=True, user_metadata={"season": 2024})
    )

    assert (session.chunk_size, session.total_chunks, len(session.upload_urls)) == (1000, 3, 2)
    listed = sdk.all(uploads.list_incomplete_uploads())
    assert [(row.upload_id, row.status, row.total_size) for row in listed] == [(session.upload_id, "active", 2500)]
    fresh = sdk(uploads.get_additional_presigned_urls(session.upload_id, start=3, count=1))
    assert [url.chunk_index for url in fresh.upload_urls] == [3]
    chunks = sdk.all(uploads.get_status(session.upload_id))
    assert [(chunk.index, chunk.status) for chunk in chunks] == [(1, "pending"), (2, "pending"), (3, "pending")]
    with pytest.raises(BadRequestError):
        never = CompletedChunk(chunk_index=1, proof="x", proof_type="etag", chunk_size=1000)
        sdk(uploads.report_chunk_batch(session.upload_id, completed_chunks=[never]))


def test_indexes(sdk: Sdk) -> None:
    indexes = sdk.client.indexes

    made = sdk(indexes.create(index_name="catalog", models=MODELS, addons=["thumbnail"]))

    shown = sdk(indexes.retrieve(made.id))
    assert (shown.index_name, shown.addons, shown.video_count, shown.expires_at) == ("catalog", ["thumbnail"], 0, None)
    assert [(model.model_name, model.model_options) for model in shown.models] == [("marengo3.0", ["visual", "audio"])]
    assert sdk(indexes.update(made.id, index_name="archive")) is None
    listed = sdk.all(
        indexes.list(sort_by="updated_at", sort_option="asc", index_name="archive", model_family="marengo")
    )
    assert [row.id for row in listed] == [made.id]
    with pytest.raises(ApiError) as refused:
        sdk(indexes.create(index_name="archive", models=MODELS))
    assert (refused.value.status_code, refused.value.body["code"]) == (409, "index_name_already_exists")
    sdk(indexes.delete(made.id))
    assert sdk.all(indexes.list()) == []


def test_indexed_assets(sdk: Sdk) -> None:
    catalog = sdk(sdk.client.indexes.create(index_name="catalog", models=MODELS))
    asset, members = ready(sdk, "final.mp4"), sdk.client.indexes.indexed_assets

    made = sdk(members.create(catalog.id, asset_id=asset, enable_video_stream=True, user_metadata={"rating": 9.3}))

    seen = [sdk(members.retrieve(catalog.id, made.id)).status for _ in range(5)]
    assert (made.asset_id, seen) == (asset, ["pending", "validating", "queued", "indexing", "ready"])
    shown = sdk(members.retrieve(catalog.id, made.id, embedding_option=["visual"], transcription=True))
    assert (shown.hls.status, shown.user_metadata, shown.system_metadata.filename) == (
        "COMPLETE",
        {"rating": 9.3},
        "final.mp4",
    )
    assert len(shown.embedding.video_embedding.segments[0].float_) == 512
    sdk(members.update(catalog.id, made.id, user_metadata={"rating": None, "seen": True}))
    assert sdk(members.retrieve(catalog.id, made.id)).user_metadata == {"seen": True}
    listed = sdk.all(
        members.list(catalog.id, status=["ready", "failed"], user_metadata={"seen": True}, sort_by="created_at")
    )
    assert [(row.id, row.status) for row in listed] == [(made.id, "ready")]
    reverse = sdk.all(members.list_by_asset(asset))
    assert [(row.id, row.index.id, row.index.name) for row in reverse] == [(made.id, catalog.id, "catalog")]
    with pytest.raises(ConflictError):
        sdk(sdk.client.assets.delete(asset))
    sdk(members.delete(catalog.id, made.id))
    sdk(sdk.client.assets.delete(asset))
    with pytest.raises(NotFoundError):
        sdk(members.retrieve(catalog.id, made.id))


def test_entity_collections(sdk: Sdk) -> None:
    collections = sdk.client.entity_collections

    made = sdk(collections.create(name="players", description="Everyone"))

    assert sdk(collections.retrieve(made.id)) == made
    changed = sdk(collections.update(made.id, name="roster"))
    assert (changed.name, changed.description, changed.updated_at > made.updated_at) == ("roster", "Everyone", True)
    assert [row.id for row in sdk.all(collections.list(name="roster"))] == [made.id]
    sdk(collections.delete(made.id))
    with pytest.raises(ApiError):
        sdk(collections.retrieve(made.id))


def test_entities(sdk: Sdk) -> None:
    players = sdk(sdk.client.entity_collections.create(name="players")).id
    one, two, entities = ready(sdk, "1.jpg"), ready(sdk, "2.jpg"), sdk.client.entity_collections.entities

    made = sdk(entities.create(players, name="LeBron", asset_ids=[one], description="forward", metadata={"no": 23}))

    assert (made.status, made.asset_ids, made.metadata, made.entity_collection_id) == (
        "processing",
        [one],
        {"no": 23},
        players,
    )
    added = sdk(entities.create_assets(players, made.id, asset_ids=[two]))
    assert added.asset_ids == [one, two]
    removed = sdk(entities.delete_assets(players, made.id, asset_ids=[one]))
    assert removed.asset_ids == [two]
    with pytest.raises(BadRequestError):
        sdk(entities.delete_assets(players, made.id, asset_ids=[two]))
    changed = sdk(entities.update(players, made.id, name="James", metadata={"team": "Lakers"}))
    assert (changed.name, changed.metadata, changed.description) == ("James", {"team": "Lakers"}, "forward")
    assert [row.id for row in sdk.all(entities.list_by_asset(two))] == [made.id]
    many = [
        EntitiesCreateBulkRequestEntitiesItem(name="A", asset_ids=[one]),
        EntitiesCreateBulkRequestEntitiesItem(name="B", asset_ids=[NOBODY]),
    ]
    bulk = sdk(entities.create_bulk(players, entities=many))
    assert (bulk.success_count, bulk.failed_count, bulk.entities[0].name) == (1, 1, "A")
    assert (bulk.errors[0].entity_index, bulk.errors[0].entity_name) == (1, "B")
    assert [row.name for row in sdk.all(entities.list(players, sort_by="name", sort_option="asc"))] == ["A", "James"]
    assert sdk(entities.retrieve(players, made.id)).name == "James"
    sdk(entities.delete(players, made.id))
    assert [row.name for row in sdk.all(entities.list(players))] == ["A"]


def test_a_key_that_is_wrong(emulator: Emulator) -> None:
    emulator.key = "secret"
    with ServedEmulator(emulator) as served:
        wrong = Sdk(TwelveLabs(api_key="guess", base_url=served.url))

        with pytest.raises(ApiError) as refused:
            wrong.all(wrong.client.assets.list())
        wrong.close()

    assert refused.value.status_code == 401
