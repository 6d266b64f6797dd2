"""Bodies that are nearly right: fields of search, analysis, embeddings, knowledge stores, with anything in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.emulator.twelvelabs import app
from reconciler.emulator.twelvelabs.families import FAMILIES
from tests.emulator.conftest import InProcess
from tests.emulator.steps import NOBODY, collection, entity, index, ready_asset
from tests.emulator.test_fuzz import TEXT, VALUES, check
from tests.emulator.test_videos import ready_video

Ids = dict[str, str]
FILM = "https://example.org/film.mp4"
MEDIA = {"media_source": {"url": FILM}}
DEFINITIONS = [{"id": "a", "description": "b", "fields": [{"name": "c", "type": "string", "description": "d"}]}]
SEGMENTS = {"type": "segment_definitions", "segment_definitions": DEFINITIONS}
SOUND: dict[str, Any] = {"segmentation": {"strategy": "fixed", "fixed": {"duration_sec": 6}}, "end_sec": 7}
ENRICHED = {"enrichment_config": {"type": "json_schema", "json_schema": {"type": "object", "properties": {"a": {}}}}}
GOOD: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/analyze", {"video": {"type": "url", "url": FILM}, "prompt": "x", "stream": False, "max_tokens": 900}),
    ("POST", "/analyze", {"video": {"type": "url", "url": FILM}, "prompt_v2": {"input_text": "x"}, "start_time": 1}),
    (
        "POST",
        "/analyze",
        {
            "video": {"type": "url", "url": FILM},
            "prompt": "x",
            "response_format": {"type": "json_schema", "json_schema": {"properties": {"a": {"type": "integer"}}}},
        },
    ),
    (
        "POST",
        "/analyze/tasks",
        {
            "video": {"type": "asset_id", "asset_id": "$asset"},
            "model_name": "pegasus1.5",
            "analysis_mode": "time_based_metadata",
            "response_format": SEGMENTS,
            "min_segment_duration": 2,
        },
    ),
    ("POST", "/embed-v2", {"input_type": "text", "model_name": "marengo3.0", "text": {"input_text": "x"}}),
    (
        "POST",
        "/embed-v2",
        {
            "input_type": "audio",
            "model_name": "marengo3.0",
            "audio": {**SOUND, "media_source": {"url": "https://a.org/a.wav"}},
        },
    ),
    ("POST", "/embed-v2", {"input_type": "video", "model_name": "marengo3.0", "video": {**MEDIA, "end_sec": 7}}),
    ("POST", "/embed-v2/tasks", {"input_type": "video", "model_name": "marengo3.0", "video": {**MEDIA, **SOUND}}),
    ("POST", "/knowledge-stores", {"name": "x", "metadata": {"a": 1}, "ingestion_config": ENRICHED}),
    ("PATCH", "$store", {"name": "x", "description": "y", "metadata": {"a": ["b"]}}),
    ("POST", "$store/items", {"asset_id": "$asset", "asset_type": "video", "metadata": {"a": 1}}),
    ("POST", "$store/item-collections", {"name": "x", "description": "y", "metadata": {"a": 1}}),
    ("POST", "$collection/items/add", {"item_ids": ["$item"]}),
    ("POST", "$collection/items/remove", {"item_ids": ["$item"]}),
    (
        "POST",
        "$store/search",
        {
            "query": {"text": "final"},
            "filter": {"asset_type": {"in": ["video"]}, "item_id": {"eq": "$item"}},
            "search_options": {"video": {"modalities": ["audio"]}},
            "page_size": 1,
        },
    ),
    ("POST", f"/tasks/transfers/import/{NOBODY}", {"index_id": "$index", "user_metadata": {"a": 1}}),
]
FORMS: list[tuple[str, dict[str, str]]] = [
    (
        "/search",
        {"index_id": "$index", "search_options": "visual", "query_text": "final <@$entity>", "page_limit": "1"},
    ),
    ("/search", {"index_id": "$index", "search_options": "audio", "query_text": "final", "filter": '{"width": 1}'}),
    (
        "/search",
        {"index_id": "$index", "search_options": "visual", "query_media_type": "image", "query_media_url": FILM},
    ),
    ("/tasks", {"index_id": "$index", "video_url": FILM, "user_metadata": "{}", "enable_video_stream": "true"}),
    ("/embed", {"model_name": "marengo3.0", "text": "x", "image_url": "https://a.org/a.jpg"}),
    ("/embed", {"model_name": "marengo3.0", "audio_url": "https://a.org/a.wav", "audio_start_offset_sec": "1"}),
    (
        "/embed/tasks",
        {
            "model_name": "marengo3.0",
            "video_url": FILM,
            "video_clip_length": "2",
            "video_start_offset_sec": "0",
            "video_end_offset_sec": "9",
            "video_embedding_scope": "clip",
        },
    ),
]
relaxed = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[InProcess, Ids]]:
    """Something for every id in the bodies above."""
    api = InProcess(app())
    catalog, asset, players = index(api), ready_asset(api), collection(api)
    ready_video(api, catalog)
    store = f"/knowledge-stores/{api('POST', '/knowledge-stores', json={'name': 'x'}).json()['_id']}"
    item = api("POST", f"{store}/items", json={"asset_id": asset}).json()["_id"]
    finals = api("POST", f"{store}/item-collections", json={"name": "y"}).json()["_id"]
    yield (
        api,
        {
            "$index": catalog,
            "$asset": asset,
            "$entity": entity(api, players, "LeBron", [asset]),
            "$store": store,
            "$item": item,
            "$collection": f"{store}/item-collections/{finals}",
        },
    )
    api.close()
    api.emulator.close()


def filled(text: str, ids: Ids) -> str:
    for name, value in ids.items():
        text = text.replace(name, value)
    return text


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside of a value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize(("method", "path", "body"), GOOD, ids=lambda value: value if isinstance(value, str) else "")
def test_a_good_body_with_one_or_two_things_changed(
    world: tuple[InProcess, Ids], method: str, path: str, body: dict[str, Any]
) -> None:
    api, ids = world
    good = json.loads(filled(json.dumps(body), ids))
    assert api(method, filled(path, ids), json=good).status_code in (200, 201, 202, 204)

    @relaxed
    @given(st.lists(st.tuples(st.sampled_from(sorted(places(good), key=str)), VALUES), min_size=1, max_size=2))
    def run(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
        sent = good
        for place, new in changes:
            if place in set(places(sent)):
                sent = changed(sent, place, new)
        raw = json.dumps(sent).encode()
        check(api, method, f"/v1.3{filled(path, ids)}", content=raw, headers={"content-type": "application/json"})

    run()


@pytest.mark.parametrize(("path", "form"), FORMS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_good_form_with_one_or_two_things_changed(
    world: tuple[InProcess, Ids], path: str, form: dict[str, str]
) -> None:
    api, ids = world
    good = {name: filled(value, ids) for name, value in form.items()}
    odd = TEXT | st.sampled_from(['{"id": [5]}', '{"a": 1e999}', '{"a": {"gte": "x"}}', "[[[[", "https://[", "<@><@"])

    @relaxed
    @given(
        st.dictionaries(st.sampled_from(sorted(good)), odd, max_size=2),
        st.dictionaries(
            st.sampled_from(["video_file", "image_file", "audio_file", "query_media_file", "text", "filter"]),
            st.tuples(st.sampled_from(["a.mp4", "a.jpg", "", "a.wav"]), st.binary(max_size=40)),
            max_size=2,
        ),
    )
    def run(changes: dict[str, str], files: dict[str, tuple[str, bytes]]) -> None:
        data = {name: value.encode("utf-8", "replace").decode() for name, value in {**good, **changes}.items()}
        check(api, "POST", f"/v1.3{path}", data=data, files=files or None)

    run()


def test_lists_of_every_kind_beyond_their_end(world: tuple[InProcess, Ids]) -> None:
    """Every list that is not paged by token ends in an empty page, however far one goes."""
    api, ids = world
    known = {"index_id": ids["$index"], "knowledge_store_id": ids["$store"].rsplit("/", 1)[1]}
    known["collection_id"] = ids["$collection"].rsplit("/", 1)[1]
    for route in (route for family in FAMILIES for route in family.routes if route.method == "GET"):
        path = route.path.format_map({**dict.fromkeys(("index_id",), NOBODY), **known}) if _simple(route.path) else ""
        if path:
            reply = api("GET", path, params={"page": 10**30, "page_limit": 50})
            assert reply.status_code == 400 or reply.json()["data"] == [], path


def _simple(path: str) -> bool:
    """Whether a list can be asked for with the ids of the fixture alone."""
    one = (
        "{asset_id}",
        "{entity",
        "{video_id}",
        "{task_id}",
        "{item_id}",
        "{upload_id}",
        "{page_token}",
        "{integration",
    )
    return not any(name in path for name in one) and not path.endswith("}") and "_storage" not in path
