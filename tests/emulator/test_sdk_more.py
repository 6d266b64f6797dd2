"""The vendor's own client, unmodified, over a socket: search, analysis, embeddings, tasks, videos, knowledge stores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from twelvelabs import (
    AudioInputRequest,
    KnowledgeStoreSearchQuery,
    MediaSource,
    MultiInputRequest,
    SearchKnowledgeStoreOptions,
    SyncResponseFormat,
    TextInputRequest,
    VideoContext_AssetId,
    VideoContext_Url,
    VideoInputRequest,
    VideoSearchOptions,
)
from twelvelabs.core.api_error import ApiError
from twelvelabs.errors import BadRequestError, ConflictError, NotFoundError
from twelvelabs.types import AsyncResponseFormat

from reconciler.emulator import Emulator
from tests.emulator.steps import NOBODY
from tests.emulator.test_sdk import MODELS, Sdk, ready, sdk

__all__ = ["sdk"]

FILM = "https://example.org/lebron_dunks.mp4"
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}, "goals": {"type": "integer"}}}


def catalog(sdk: Sdk) -> str:
    found: str = sdk(sdk.client.indexes.create(index_name="catalog", models=MODELS, addons=["thumbnail"])).id
    return found


def video(sdk: Sdk, in_index: str, name: str, **fields: Any) -> str:
    members = sdk.client.indexes.indexed_assets
    made = sdk(members.create(in_index, asset_id=ready(sdk, name), **fields))
    while sdk(members.retrieve(in_index, made.id)).status != "ready":
        pass
    found: str = made.id
    return found


def done(sdk: Sdk, tasks: Any, task_id: str) -> Any:
    for _ in range(10):
        task = sdk(tasks.retrieve(task_id))
        if task.status in ("ready", "failed", "canceled"):
            return task
    raise AssertionError(task)


def test_videos(sdk: Sdk) -> None:
    videos, index = sdk.client.indexes.videos, catalog(sdk)
    one = video(sdk, index, "final.mp4", user_metadata={"rating": 9.3}, enable_video_stream=True)

    (row,) = sdk.all(videos.list(index, sort_by="created_at", duration={"gte": 1}, user_metadata={"rating": 9.3}))
    shown = sdk(videos.retrieve(index, one, embedding_option=["visual"], transcription=True))

    assert (row.id, row.system_metadata.filename) == (one, "final.mp4")
    assert (shown.user_metadata, shown.hls.status, shown.transcription) == ({"rating": 9.3}, "COMPLETE", [])
    assert len(shown.embedding.video_embedding.segments[0].float_) == 512
    assert sdk(videos.update(index, one, user_metadata={"rating": None, "seen": True})) is None
    assert sdk(videos.retrieve(index, one)).user_metadata == {"seen": True}
    assert sdk(videos.delete(index, one)) is None
    with pytest.raises(NotFoundError):
        sdk(videos.retrieve(index, one))


def test_tasks(sdk: Sdk) -> None:
    tasks, index = sdk.client.tasks, catalog(sdk)

    made = sdk(tasks.create(index_id=index, video_file=("final.mp4", b"film"), user_metadata=json.dumps({"season": 1})))
    more = sdk(tasks.create_bulk(index_id=index, video_urls=[FILM], enable_video_stream=False))

    ended = sdk(tasks.wait_for_done(made.id, sleep_interval=0.001))
    assert (ended.status, ended.video_id, ended.index_id, ended.hls.status) == (
        "ready",
        made.video_id,
        index,
        "COMPLETE",
    )
    assert ended.system_metadata.filename == "final.mp4"
    listed = sdk.all(tasks.list(index_id=index, status=["ready", "uploading", "validating"], page_limit=1))
    assert [row.id for row in listed] == [more[0].id, made.id]
    assert sdk(sdk.client.indexes.videos.retrieve(index, made.video_id)).user_metadata == {"season": 1}
    with pytest.raises(BadRequestError) as refused:
        sdk(tasks.delete(made.id))
    assert refused.value.body["code"] == "task_cannot_be_deleted"
    sdk(sdk.client.indexes.videos.delete(index, made.video_id))
    assert sdk(tasks.delete(made.id)) is None
    assert not hasattr(tasks, "transfers"), "this client has transfers; test them here"


def test_search(sdk: Sdk) -> None:
    search, index = sdk.client.search, catalog(sdk)
    dunks = video(sdk, index, "lebron_dunks.mp4", user_metadata={"league": "nba"})
    video(sdk, index, "final.mp4")

    found = sdk(
        search.create(
            index_id=index,
            search_options=["visual", "audio"],
            query_text="dunks of LeBron",
            filter=json.dumps({"league": "nba"}),
            operator="or",
            page_limit=2,
            include_user_metadata=True,
        )
    )

    best = found.data[0]
    assert (best.video_id, best.rank, best.user_metadata, bool(best.thumbnail_url)) == (
        dunks,
        1,
        {"league": "nba"},
        True,
    )
    assert (found.page_info.total_results, found.search_pool.total_count, found.search_pool.index_id) == (3, 1, index)
    rest = sdk(search.retrieve(found.page_info.next_page_token, include_user_metadata=True))
    assert [(row.rank, row.user_metadata) for row in rest.data] == [(3, {"league": "nba"})]
    assert rest.page_info.prev_page_token
    with pytest.raises(BadRequestError) as refused:
        sdk(search.retrieve("nonsense"))
    assert refused.value.body["error_code"] == 400


def test_search_with_the_pager_by_group_and_by_picture(sdk: Sdk) -> None:
    search, index = sdk.client.search, catalog(sdk)
    names = {video(sdk, index, name): name for name in ("game one.mp4", "game two.mp4", "game three.mp4")}

    asked = {"index_id": index, "search_options": ["visual", "audio", "transcription"]}
    clips = sdk.all(search.query(**asked, query_text="game", page_limit=2))
    videos = sdk.all(search.query(**asked, query_text="game", group_by="video", page_limit=1))
    picture = ("one.jpg", b"picture")
    shown = sdk.all(search.query(**asked, query_media_type="image", query_media_file=picture))
    both = sdk.all(search.query(**asked, query_media_type="image", query_media_files=[picture, ("two.jpg", b"other")]))

    assert [clip.rank for clip in clips] == list(range(1, 10))
    assert {row.id for row in videos} == set(names)
    assert all(len(row.clips) == 3 for row in videos)
    assert {names[row.video_id] for row in shown} == {"game one.mp4"}
    assert {names[row.video_id] for row in both} == {"game one.mp4", "game two.mp4"}


def test_analyze(sdk: Sdk) -> None:
    asset = ready(sdk, "final.mp4")

    plain = sdk(sdk.client.analyze(video=VideoContext_Url(url=FILM), prompt="What happens?", temperature=0.2))
    shaped = sdk(
        sdk.client.analyze(
            video=VideoContext_AssetId(asset_id=asset),
            prompt="What happens?",
            response_format=SyncResponseFormat(type="json_schema", json_schema=SCHEMA),
            max_tokens=2000,
        )
    )

    assert (plain.finish_reason, plain.usage.output_tokens > 0, bool(plain.id)) == ("stop", True, True)
    assert "lebron dunks" in plain.data
    assert list(json.loads(shaped.data)) == ["title", "goals"]
    with pytest.raises(NotFoundError):
        sdk(sdk.client.analyze(video=VideoContext_AssetId(asset_id=NOBODY), prompt="x"))


async def _all(events: Any) -> list[Any]:
    return [event async for event in events]


def test_analyze_as_a_stream(sdk: Sdk) -> None:
    stream = sdk.client.analyze_stream(video=VideoContext_Url(url=FILM), prompt="What happens?")

    events = sdk(_all(stream)) if hasattr(stream, "__aiter__") else list(stream)

    assert (events[0].event_type, events[-1].event_type) == ("stream_start", "stream_end")
    assert (events[-1].finish_reason, events[-1].metadata.usage.output_tokens > 0) == ("stop", True)
    assert "lebron dunks" in "".join(event.text for event in events[1:-1])


def test_analyze_tasks(sdk: Sdk) -> None:
    tasks = sdk.client.analyze_async.tasks

    made = sdk(tasks.create(video=VideoContext_Url(url=FILM), prompt="What happens? " * 5, custom_id="my-1"))

    assert made.status == "queued"
    ended = done(sdk, tasks, made.task_id)
    assert (ended.status, ended.custom_id, ended.video_source.url) == ("ready", "my-1", FILM)
    assert "lebron dunks" in ended.result.data
    assert ended.completed_at >= ended.created_at
    listed = sdk(tasks.list(status="ready", video_url=FILM, analysis_mode="general"))
    assert [row.task_id for row in listed.data] == [made.task_id]
    assert (listed.page_info.total_results, len(listed.data[0].request_params.prompt)) == (1, 30)
    with pytest.raises(ConflictError):
        sdk(tasks.cancel(made.task_id))
    assert sdk(tasks.delete(made.task_id)) is None
    with pytest.raises(NotFoundError):
        sdk(tasks.retrieve(made.task_id))


def test_analyze_tasks_cancelled_and_in_segments(sdk: Sdk) -> None:
    tasks = sdk.client.analyze_async.tasks
    definition = {"id": "goal", "description": "A goal"}

    gone = sdk(tasks.create(video=VideoContext_Url(url=FILM), prompt="x"))
    cut = sdk(
        tasks.create(
            model_name="pegasus1.5",
            video=VideoContext_Url(url=FILM),
            analysis_mode="time_based_metadata",
            response_format=AsyncResponseFormat(type="segment_definitions", segment_definitions=[definition]),
            min_segment_duration=2,
        )
    )

    assert sdk(tasks.cancel(gone.task_id)).status == "canceled"
    assert sdk(tasks.retrieve(gone.task_id)).status == "canceled"
    (segment,) = json.loads(done(sdk, tasks, cut.task_id).result.data)["goal"]
    assert (segment["start_time"], segment["end_time"], segment["metadata"]) == (0.0, 6.0, {})


def test_embed(sdk: Sdk) -> None:
    embed = sdk.client.embed

    text = sdk(embed.create(model_name="marengo3.0", text="a dog"))
    image = sdk(embed.create(model_name="marengo3.0", image_file=("a.jpg", b"picture")))
    audio = sdk(embed.create(model_name="marengo3.0", audio_url="https://example.org/a.wav", audio_start_offset_sec=2))

    assert len(text.text_embedding.segments[0].float_) == 512
    assert image.image_embedding.metadata.input_filename == "a.jpg"
    assert audio.audio_embedding.segments[0].start_offset_sec == 2
    with pytest.raises(BadRequestError):
        sdk(embed.create(model_name="marengo3.0"))


def test_embed_tasks(sdk: Sdk) -> None:
    tasks = sdk.client.embed.tasks

    made = sdk(
        tasks.create(
            model_name="marengo3.0",
            video_url=FILM,
            video_start_offset_sec=0,
            video_end_offset_sec=10,
            video_clip_length=5,
            video_embedding_scope=["clip", "video"],
        )
    )
    (other,) = sdk(
        tasks.create_bulk(model_name="marengo3.0", videos=[{"video_file": ("a.mp4", b"film"), "video_clip_length": 2}])
    )

    assert sdk(tasks.status(made.id)).status == "processing"
    assert sdk(tasks.wait_for_done(made.id, sleep_interval=0.001)).status == "ready"
    ended = sdk(tasks.retrieve(made.id, embedding_option=["visual"]))
    spans = [(s.embedding_scope, s.start_offset_sec, s.end_offset_sec) for s in ended.video_embedding.segments]
    assert spans == [("clip", 0, 5), ("clip", 5, 10), ("video", 0, 10)]
    assert ended.video_embedding.metadata.video_clip_length == 5
    assert [row.id for row in sdk.all(tasks.list(page_limit=1))] == [other.id, made.id]
    assert sdk.all(tasks.list(status="failed", started_at="2024-03-01T00:00:00Z")) == []


def test_embed_v2(sdk: Sdk) -> None:
    embed, film = sdk.client.embed.v_2, MediaSource(url=FILM)
    span = VideoInputRequest(media_source=film, end_sec=12, embedding_option=["visual"], embedding_scope=["clip"])

    text = sdk(embed.create(input_type="text", model_name="marengo3.0", text=TextInputRequest(input_text="a dog")))
    clips = sdk(embed.create(input_type="video", model_name="marengo3.0", video=span))

    assert (len(text.data), len(text.data[0].embedding)) == (1, 512)
    assert [(part.embedding_option, part.embedding_scope, part.start_sec) for part in clips.data] == [
        ("visual", "clip", 0),
        ("visual", "clip", 6),
    ]
    assert clips.metadata.input_url == FILM
    with pytest.raises(BadRequestError) as refused:
        sdk(embed.create(input_type="text", model_name="marengo3.0"))
    assert refused.value.body["code"] == "parameter_not_provided"


def test_embed_v2_tasks(sdk: Sdk) -> None:
    tasks = sdk.client.embed.v_2.tasks
    sound = AudioInputRequest(media_source=MediaSource(asset_id=ready(sdk, "a.wav")), embedding_scope=["asset"])

    made = sdk(tasks.create(input_type="audio", model_name="marengo3.0", audio=sound))

    assert (made.status, made.data) == ("processing", None)
    ended = done(sdk, tasks, made.id)
    assert (ended.status, {part.embedding_option for part in ended.data}) == ("ready", {"audio", "transcription"})
    assert ended.metadata.input_filename == "a.wav"
    (row,) = sdk.all(tasks.list(status="ready"))
    assert (row.id, row.audio_embedding.metadata.audio_embedding_scopes) == (made.id, ["asset"])
    with pytest.raises(NotFoundError) as refused:
        sdk(tasks.retrieve(NOBODY))
    assert refused.value.status_code == 404


def test_knowledge_stores(sdk: Sdk) -> None:
    stores = sdk.client.knowledge_stores

    made = sdk(stores.create(name="games", description="All", metadata={"a": 1, "b": ["x"]}))

    assert sdk(stores.retrieve(made.id)) == made
    assert (made.name, made.metadata, made.item_count) == ("games", {"a": 1, "b": ["x"]}, 0)
    changed = sdk(stores.update(made.id, name="matches", metadata={}))
    assert (changed.name, changed.metadata, changed.description) == ("matches", {}, "All")
    assert [row.id for row in sdk.all(stores.list(sort_by="updated_at", sort_option="asc"))] == [made.id]
    assert sdk(stores.delete(made.id)) is None
    with pytest.raises(ApiError):
        sdk(stores.retrieve(made.id))


def test_knowledge_items_collections_and_search(sdk: Sdk) -> None:
    games = sdk(sdk.client.knowledge_stores.create(name="games")).id
    items, collections = sdk.client.knowledge_store_items, sdk.client.knowledge_store_item_collections

    made = sdk(items.create(games, asset_id=ready(sdk, "final.mp4"), asset_type="video", metadata={"season": 2024}))
    while sdk(items.retrieve(games, made.id)).status != "ready":
        pass
    finals = sdk(collections.create(games, name="finals", metadata={"a": True}))

    assert (made.status, made.system_metadata.filename) == ("queued", "final.mp4")
    assert [row.id for row in sdk.all(items.list(games, status=["ready"]))] == [made.id]
    assert sdk(collections.add_items(games, finals.id, item_ids=[made.id])).member_count == 1
    assert [row.id for row in sdk.all(collections.list_items(games, finals.id))] == [made.id]
    assert sdk(collections.remove_items(games, finals.id, item_ids=[made.id])) is None
    assert sdk(collections.update(games, finals.id, name="cups")).name == "cups"
    assert sdk(collections.retrieve(games, finals.id)).member_count == 0
    assert [row.id for row in sdk.all(collections.list(games, sort_by="name"))] == [finals.id]
    query = KnowledgeStoreSearchQuery(text="final")
    visual = SearchKnowledgeStoreOptions(video=VideoSearchOptions(modalities=["visual"]))
    asked: dict[str, Any] = {"query": query, "search_options": visual}
    found = sdk(sdk.client.knowledge_stores.search(games, **asked, page_size=2, include_metadata=True))
    assert (found.data[0].asset_type, found.data[0].item_id, found.data[0].rank) == ("video", made.id, 1)
    assert found.data[0].metadata.user == {"season": 2024}
    more = sdk(sdk.client.knowledge_stores.search(games, **asked, page_token=found.next_page_token))
    assert ([hit.rank for hit in more.data], more.next_page_token) == ([3], None)
    sdk(collections.delete(games, finals.id))
    sdk(items.delete(games, made.id))
    assert sdk.all(items.list(games)) == sdk.all(collections.list(games)) == []


def test_the_newer_contract_through_its_own_client(sdk: Sdk, emulator: Emulator, tmp_path: Path) -> None:
    emulator.set_options({"vintage": "newest"})

    text = sdk(sdk.client.analyze(model_name="pegasus1.6", video=VideoContext_Url(url=FILM), prompt="x"))
    small = sdk(
        sdk.client.embed.v_2.create(
            input_type="multi_input",
            model_name="marengo3.5",
            embedding_dimension=64,
            auto_truncate=True,
            multi_input=MultiInputRequest(input_text="a dog"),
        )
    )

    assert (text.finish_reason, len(small.data[0].embedding)) == ("stop", 64)
