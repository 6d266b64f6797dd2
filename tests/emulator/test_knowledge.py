"""Knowledge stores, their items, item collections, and search."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.emulator.twelvelabs import app
from tests.emulator.conftest import Api, InProcess
from tests.emulator.steps import NOBODY, error, fault, made, ready_asset, rows, upload

SCHEMA = {"type": "object", "properties": {"team": {"type": "string", "description": "Who plays"}}}


def store(api: Api, name: str = "games", **fields: Any) -> str:
    return f"/knowledge-stores/{made(api('POST', '/knowledge-stores', json={'name': name, **fields}))}"


def item(api: Api, in_store: str, name: str = "final.mp4", **fields: Any) -> str:
    asset = ready_asset(api, name, name.encode())
    return made(api("POST", f"{in_store}/items", json={"asset_id": asset, **fields}))


def ready_item(api: Api, in_store: str, name: str = "final.mp4", **fields: Any) -> str:
    found = item(api, in_store, name, **fields)
    for _ in range(4):
        shown = api("GET", f"{in_store}/items/{found}").json()
    assert shown["status"] == "ready"
    return found


def collection(api: Api, in_store: str, name: str = "finals", **fields: Any) -> str:
    many = f"{in_store}/item-collections"
    return f"{many}/{made(api('POST', many, json={'name': name, **fields}))}"


# -- stores


def test_a_store_from_create_to_delete(api: Api) -> None:
    config = {"enrichment_config": {"type": "json_schema", "json_schema": SCHEMA}}
    body = {
        "name": "games",
        "description": "All",
        "metadata": {"a": 1, "b": ["x"], "f": 1.5},
        "ingestion_config": config,
    }
    reply = api("POST", "/knowledge-stores", json=body)

    shown = reply.json()
    assert reply.status_code == 201
    assert re.fullmatch(r"ks_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}", shown["_id"])
    assert {name: shown[name] for name in body} == body
    path = f"/knowledge-stores/{shown['_id']}"
    assert api("GET", path).json() == shown == rows(api, "/knowledge-stores")[0]
    changed = api("PATCH", path, json={"name": "matches", "metadata": {"c": True}})
    assert (changed.status_code, changed.json()["name"], changed.json()["metadata"]) == (200, "matches", {"c": True})
    assert changed.json()["description"] == "All"
    assert api("PATCH", path, json={"metadata": {}}).json()["metadata"] == {}
    assert error(api("PATCH", path, json={"ingestion_config": config})) == (400, "parameter_unknown")
    assert api("DELETE", path).status_code == 204
    assert error(api("GET", path)) == (400, "resource_not_exist")


def test_lists_of_stores_sort_and_names_may_repeat(inside: Api) -> None:
    first, second = store(inside), store(inside)
    inside("PATCH", first, json={"description": "newer"})

    def ids(**params: str) -> list[str]:
        return [f"/knowledge-stores/{row['_id']}" for row in rows(inside, "/knowledge-stores", **params)]

    assert ids() == [second, first]
    assert ids(sort_by="updated_at") == [first, second]
    assert ids(sort_option="asc") == [first, second]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"name": "x", "metadata": {"a": None}}, 400),
        ({"name": "x", "metadata": {"a": {"b": 1}}}, 400),
        ({"name": "x", "metadata": {"a": [1]}}, 400),
        ({"name": "x", "metadata": {"a": 2**53}}, 400),
        ({"name": "x", "metadata": {str(number): 1 for number in range(11)}}, 400),
        ({"name": "x", "metadata": {"k" * 129: 1}}, 400),
        ({"name": "x", "metadata": {"a": "v" * 2049}}, 400),
        ({"name": "x", "metadata": {"a": ["v" * 2049]}}, 400),
        ({"name": "x", "ingestion_config": {}}, 400),
        ({"name": "x", "ingestion_config": {"enrichment_config": {"type": "magic"}}}, 400),
        ({"name": "x", "ingestion_config": {"enrichment_config": {"type": "description"}}}, 400),
        ({"name": "x", "ingestion_config": {"enrichment_config": {"type": "json_schema", "json_schema": {}}}}, 400),
        (
            {
                "name": "x",
                "ingestion_config": {
                    "enrichment_config": {"type": "json_schema", "json_schema": {**SCHEMA, "mood": "good"}}
                },
            },
            422,
        ),
        (
            {
                "name": "x",
                "ingestion_config": {
                    "enrichment_config": {
                        "type": "json_schema",
                        "json_schema": {"type": "object", "properties": {"a": {"type": "timber"}}},
                    }
                },
            },
            422,
        ),
    ],
)
def test_a_store_that_is_wrong(inside: Api, body: dict[str, Any], status: int) -> None:
    assert error(inside("POST", "/knowledge-stores", json=body))[0] == status
    assert rows(inside, "/knowledge-stores") == []


def test_metadata_as_long_as_it_may_be(inside: Api) -> None:
    values = {f"{number:0128}": "v" * 2048 for number in range(10)}
    games = store(inside, metadata=values)

    assert inside("GET", games).json()["metadata"] == values
    many = {str(number): "v" * 8192 for number in range(50)}
    member = item(inside, games, metadata=many)
    assert inside("GET", f"{games}/items/{member}").json()["metadata"] == many


# -- items


def test_an_item_from_queued_to_ready(api: Api) -> None:
    games, asset = store(api), ready_asset(api)
    reply = api("POST", f"{games}/items", json={"asset_id": asset, "metadata": {"season": 2024}})
    path = f"{games}/items/{made(reply)}"

    seen = [api("GET", path).json() for _ in range(4)]

    assert (reply.status_code, reply.json()["status"], reply.json()["_id"][:4]) == (202, "queued", "ksi_")
    assert [shown["status"] for shown in seen] == ["queued", "pending", "processing", "ready"]
    assert seen[-1]["asset_type"] == seen[-1]["system_metadata"]["asset_type"] == "video"
    assert (seen[-1]["asset_id"], seen[-1]["metadata"]) == (asset, {"season": 2024})
    assert rows(api, f"{games}/items") == [seen[-1]]
    assert api("GET", games).json()["item_count"] == 1
    assert api("DELETE", path).status_code == 204
    assert error(api("GET", path)) == (400, "resource_not_exist")
    assert api("GET", f"/assets/{asset}").status_code == 200


def test_what_cannot_be_an_item(inside: Api) -> None:
    inside.emulator.set_options({"image_items": True})
    games = store(inside)
    unready, sound, face = (
        upload(inside, "late.mp4", b"1"),
        ready_asset(inside, "a.wav", b"2"),
        ready_asset(inside, "a.jpg", b"3"),
    )

    def refused(**body: Any) -> tuple[int, str]:
        return error(inside("POST", f"{games}/items", json=body))

    assert refused(asset_id=NOBODY) == (400, "resource_not_exist")
    assert refused(asset_id=unready) == (400, "parameter_invalid")
    assert refused(asset_id=sound) == (400, "parameter_invalid")
    assert refused(asset_id=face, asset_type="video") == (400, "parameter_invalid")
    assert refused(asset_id=face, metadata={"a": "v" * 8193}) == (400, "parameter_invalid")
    assert refused(asset_type="image") == (400, "parameter_not_provided")
    assert inside("POST", f"{games}/items", json={"asset_id": face, "asset_type": "image"}).status_code == 202


def test_images_are_refused_as_the_service_was_seen_to(inside: Api) -> None:
    games = store(inside)
    face = ready_asset(inside, "a.jpg", b"3")

    for sent in ({"asset_id": face}, {"asset_id": face, "asset_type": "image"}):
        reply = inside("POST", f"{games}/items", json=sent)
        assert error(reply) == (422, "parameter_invalid")
        assert reply.json()["message"] == "The asset_type parameter is invalid."
    inside.emulator.set_options({"vintage": "2026-07"})
    assert inside("POST", f"{games}/items", json={"asset_id": face, "asset_type": "image"}).status_code == 202


def test_items_by_status_and_one_that_fails(inside: Api) -> None:
    games = store(inside)
    fault(inside, fault="ends_failed", path="/knowledge-stores/*/items")
    item(inside, games)

    statuses = [len(rows(inside, f"{games}/items", status=["ready", "failed"])) for _ in range(5)]

    assert (statuses[0], statuses[-1]) == (0, 1)
    assert error(inside("GET", f"{games}/items", params={"status": "x"})) == (400, "parameter_invalid")


def test_an_item_belongs_to_one_store(inside: Api) -> None:
    games, other = store(inside), store(inside)
    member = item(inside, games)

    assert error(inside("GET", f"{other}/items/{member}")) == (400, "resource_not_exist")


# -- item collections


def test_a_collection_from_create_to_delete(api: Api) -> None:
    games = store(api)
    reply = api("POST", f"{games}/item-collections", json={"name": "finals", "description": "x", "metadata": {"a": 1}})
    path = f"{games}/item-collections/{made(reply)}"

    shown = reply.json()
    assert (reply.status_code, shown["_id"][:5], shown["member_count"]) == (201, "ksic_", 0)
    assert f"/knowledge-stores/{shown['knowledge_store_id']}" == games
    assert api("GET", path).json() == shown == rows(api, f"{games}/item-collections")[0]
    changed = api("PATCH", path, json={"name": "cups", "metadata": {}}).json()
    assert (changed["name"], changed["metadata"], changed["description"]) == ("cups", {}, "x")
    assert api("DELETE", path).status_code == 204
    assert error(api("GET", path)) == (400, "resource_not_exist")


def test_names_of_collections_are_unique_in_a_store(inside: Api) -> None:
    games, other = store(inside), store(inside)
    first, second = collection(inside, games), collection(inside, games, "cups")
    collection(inside, other)

    taken = (400, "item_collection_name_already_exists")
    assert error(inside("POST", f"{games}/item-collections", json={"name": "finals"})) == taken
    assert error(inside("PATCH", second, json={"name": "finals"})) == taken
    assert inside("PATCH", first, json={"name": "finals"}).status_code == 200
    by_name = rows(inside, f"{games}/item-collections", sort_by="name", sort_option="asc")
    assert [row["name"] for row in by_name] == ["cups", "finals"]


def test_members_are_added_and_removed_as_often_as_you_like(api: Api) -> None:
    games = store(api)
    finals = collection(api, games)
    one, two = item(api, games, "a.mp4"), item(api, games, "b.mp4")

    added = [api("POST", f"{finals}/items/add", json={"item_ids": [one, two, one]}) for _ in range(2)]

    assert [(reply.status_code, reply.json()["member_count"]) for reply in added] == [(200, 2)] * 2
    assert [row["_id"] for row in rows(api, f"{finals}/items")] == [two, one]
    for _ in range(2):
        removed = api("POST", f"{finals}/items/remove", json={"item_ids": [one, "whatever"]})
        assert (removed.status_code, removed.content) == (204, b"")
    assert [row["_id"] for row in rows(api, f"{finals}/items")] == [two]
    assert api("DELETE", f"{games}/items/{two}").status_code == 204
    assert api("GET", finals).json()["member_count"] == 0
    assert api("GET", games).json()["item_count"] == 1


def test_members_that_are_wrong_add_nothing(inside: Api) -> None:
    games, other = store(inside), store(inside)
    finals, mine, foreign = collection(inside, games), item(inside, games), item(inside, other, "b.mp4")

    def refused(ids: Any) -> int:
        return error(inside("POST", f"{finals}/items/add", json={"item_ids": ids}))[0]

    assert {refused([mine, foreign]), refused([mine, "x"]), refused([]), refused("x"), refused(["x"] * 2)} == {400}
    assert refused([f"ksi_{number}" for number in range(501)]) == 400
    assert inside("GET", finals).json()["member_count"] == 0


def test_deleting_a_collection_keeps_items_and_deleting_a_store_keeps_nothing(inside: Api) -> None:
    games = store(inside)
    finals, member = collection(inside, games), item(inside, games)
    inside("POST", f"{finals}/items/add", json={"item_ids": [member]})
    inside("DELETE", finals)
    assert inside("GET", f"{games}/items/{member}").status_code == 200

    collection(inside, games)
    inside("DELETE", games)

    kinds = inside("GET", f"{inside.origin}/_emulator/objects").json()["counts"]
    assert kinds == {"asset": 1}
    assert inside.emulator.store.db.execute("SELECT count(*) FROM links").fetchone() == (0,)


# -- search


VISUAL = {"search_options": {"video": {"modalities": ["visual"]}}}


def search(api: Api, in_store: str, text: str = "final", **body: Any) -> httpx.Response:
    return api("POST", f"{in_store}/search", json={"query": {"text": text}, **VISUAL, **body})


def test_options_of_a_search_must_be_given_since_the_newest_vintage(inside: Api) -> None:
    games = store(inside)
    ready_item(inside, games, "final.mp4")
    plain = {"query": {"text": "final"}}

    assert error(inside("POST", f"{games}/search", json=plain)) == (400, "parameter_not_provided")
    inside.emulator.set_options({"vintage": "2026-07"})
    found = inside("POST", f"{games}/search", json=plain).json()
    assert (len(found["data"]), found["effective_search_options"]) == (3, {"video": {"modalities": ["visual"]}})


def test_clips_and_images_in_one_order(api: Api) -> None:
    api.emulator.set_options({"image_items": True})
    games = store(api)
    film = ready_item(api, games, "final.mp4", metadata={"season": 2024})
    picture = ready_item(api, games, "final.jpg")
    ready_item(api, games, "other.mp4")
    item(api, games, "final late.mp4")

    body = search(api, games, include_metadata=True).json()

    assert {row["item_id"] for row in body["data"]} == {film, picture}
    assert [row["rank"] for row in body["data"]] == [1, 2, 3, 4]
    assert body["effective_search_options"] == {"video": {"modalities": ["visual"]}}
    clip = next(row for row in body["data"] if row["asset_type"] == "video")
    assert (clip["item_id"], clip["metadata"]["user"], len(clip["matches"])) == (film, {"season": 2024}, 1)
    assert clip["matches"][0]["modalities"] == ["visual"]
    image = next(row for row in body["data"] if row["asset_type"] == "image")
    assert set(image) == {"asset_type", "rank", "item_id", "metadata"}
    grouped = search(api, games, group_by="item").json()["data"]
    assert sorted(len(row.get("matches", [0])) for row in grouped) == [1, 3]


def test_speech_is_audio(tmp_path: Path) -> None:
    (tmp_path / "talk.mp4.json").write_text(json.dumps([{"start": 7, "end": 8, "value": "Welcome back"}]))
    api = InProcess(app(transcripts=str(tmp_path)))
    games = store(api)
    ready_item(api, games, "talk.mp4")
    options = {"search_options": {"video": {"modalities": ["visual", "audio"]}}}

    (row,) = search(api, games, "welcome", **options).json()["data"]

    assert row["matches"] == [
        {"start_sec": 6.0, "end_sec": 12.0, "modalities": ["audio"], "transcription": "Welcome back"}
    ]
    assert search(api, games, "welcome").json()["data"] == []
    api.close()
    api.emulator.close()


def test_filters(inside: Api) -> None:
    inside.emulator.set_options({"image_items": True})
    games = store(inside)
    film, picture = ready_item(inside, games, "final.mp4"), ready_item(inside, games, "final.jpg")

    def found(**filters: Any) -> set[str]:
        return {row["item_id"] for row in search(inside, games, filter=filters).json()["data"]}

    assert found(asset_type={"eq": "image"}) == {picture}
    assert found(asset_type={"in": ["video", "image"]}) == {film, picture}
    assert found(item_id={"eq": film}) == {film}
    assert found(item_id={"in": [picture, "x"]}, asset_type={"eq": "video"}) == set()
    only_images = search(inside, games, filter={"asset_type": {"eq": "image"}}).json()
    assert only_images["effective_search_options"] == {}


def test_pages_by_token(api: Api) -> None:
    games, other = store(api), store(api)
    for number in range(3):
        ready_item(api, games, f"final {number}.mp4")
    whole = search(api, games, page_size=50).json()

    pages = [search(api, games, page_size=4).json()]
    while token := pages[-1].get("next_page_token"):
        last = token
        pages.append(api("POST", f"{games}/search", json={"page_token": token}).json())

    assert [row for page in pages for row in page["data"]] == whole["data"]
    assert [len(page["data"]) for page in pages] == [4, 4, 1]
    assert error(search(api, games, page_token="nonsense")) == (400, "parameter_invalid")
    assert error(search(api, other, page_token=last)) == (400, "parameter_invalid")
    api.emulator.clock.advance(3601)
    assert error(search(api, games, page_token=last)) == (410, "page_token_expired")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": {}},
        {"query": {"text": " "}},
        {"query": {"text": "x"}, "page_size": 51},
        {"query": {"text": "x"}, "group_by": "day"},
        {"query": {"text": "x"}, "filter": {"asset_type": {}}},
        {"query": {"text": "x"}, "filter": {"asset_type": {"eq": "audio"}}},
        {"query": {"text": "x"}, "filter": {"item_id": {"eq": "a", "in": ["b"]}}},
        {"query": {"text": "x"}, "filter": {"name": {"eq": "a"}}},
        {"query": {"text": "x"}, "search_options": {"video": {}}},
        {"query": {"text": "x"}, "search_options": {"video": {"modalities": ["smell"]}}},
        {"query": {"text": "x"}, "limit": 5},
    ],
)
def test_a_search_that_is_wrong(inside: Api, body: dict[str, Any]) -> None:
    assert error(inside("POST", f"{store(inside)}/search", json={**VISUAL, **body}))[0] == 400


def test_a_search_of_nothing_and_too_many(api: Api) -> None:
    assert error(search(api, "/knowledge-stores/ks_none")) == (404, "resource_not_exist")
    games = store(api)
    api.emulator.set_options({"requests_per_minute": {"search": 1}})
    search(api, games)
    refused = search(api, games)
    assert (refused.status_code, refused.content) == (429, b"")


def test_all_survives_a_restart(tmp_path: Path) -> None:
    api = InProcess(app(tmp_path / "emulator.db"))
    games = store(api)
    finals, member = collection(api, games), ready_item(api, games)
    api("POST", f"{finals}/items/add", json={"item_ids": [member]})
    before = [api("GET", path).json() for path in (games, finals, f"{finals}/items")]
    api.close()
    api.emulator.close()

    again = InProcess(app(tmp_path / "emulator.db"))

    assert [again("GET", path).json() for path in (games, finals, f"{finals}/items")] == before
    again.close()
    again.emulator.close()
