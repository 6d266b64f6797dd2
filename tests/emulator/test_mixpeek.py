"""The fake of Mixpeek: the vendor's own guide, and what its client of that day relies on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reconciler.emulator import ManualClock, ServedEmulator
from reconciler.emulator.core.request_log import Exchange
from reconciler.emulator.mixpeek import app
from tests.support.guide import walked

KEY = {"Authorization": "Bearer API_KEY"}


@pytest.fixture
def served() -> Iterator[ServedEmulator]:
    with ServedEmulator(app()) as served:
        yield served


@pytest.fixture
def api(served: ServedEmulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, headers=KEY, trust_env=False) as client:
        yield client


def indexed(api: httpx.Client, what: str = "text", **body: Any) -> str:
    """Something that was indexed to its end; the id of the asset."""
    path = {"text": "/index/text", "image": "/index/images/url", "video": "/index/videos/url"}[what]
    given = {"text": "two people inside a car"} if what == "text" else {"url": f"https://example.org/a.{what}"}
    queued = api.post(path, json={"collection_id": "example", **given, **body}).json()
    for _ in range(20):
        task = api.get(f"/tasks/{queued['task_id']}").json()
        if task["status"] in ("DONE", "FAILED"):
            return str(task["asset_id"])
    raise AssertionError(task)


def test_the_guide_of_the_vendor_gets_the_answers_that_it_prints(served: ServedEmulator) -> None:
    exchanges: list[Exchange] = []
    served.emulator.journal.listen(exchanges.append)

    told = walked(served.url)

    sent = [(it.method, it.request_body) for it in exchanges if it.request_body]  # of the GET it is ignored
    printed = b'{"url": "video.mp4", "collection_id": "example"}'
    assert sent == [("POST", printed)]
    assert "python-requests/" in exchanges[0].client
    assert set(told["queued"]) == {"message", "task_id"}
    assert told["queued"]["message"] == "Video URL processing queued"
    assert told["task"] == {
        "asset_id": told["task"]["asset_id"],
        "task_id": told["queued"]["task_id"],
        "status": "DONE",
    }
    asset = told["asset"]["asset"]
    assert set(asset) == {
        "asset_id", "collection_id", "status", "url", "metadata", "error", "modality", "task_id", "unique_hash",
        "updated_at", "created_at", "score",
    }  # fmt: skip
    assert asset["collection_id"] == "example"
    assert asset["metadata"] == {"asset": {}, "preview_url": None}
    assert set(told["asset"]["features"]) == {"video", "image", "text", "audio"}
    feature = told["features"][0]
    assert feature["feature_id"] == told["asset"]["features"]["video"][0]["feature_id"]
    assert list(feature["vectors"]) == ["multimodal-v1"]
    assert len(feature["vectors"]["multimodal-v1"]) == 1408


def test_a_text_is_shown_as_the_guide_shows_one(api: httpx.Client) -> None:
    asset_id = indexed(api, metadata={"author": "user"})

    told = api.get(f"/assets/{asset_id}/features").json()

    assert told["asset"]["metadata"] == {"asset": {}, "author": "user", "preview_url": None}
    assert (told["asset"]["modality"], told["asset"]["url"], told["asset"]["error"]) == ("text", None, None)
    assert len(told["asset"]["created_at"]) == len("2024-11-07T14:31:55.473000")
    (feature,) = told["features"]["text"]
    assert feature.pop("created_at").endswith("Z")
    assert feature == {
        "feature_id": feature["feature_id"],
        "modality": "text",
        "asset_id": asset_id,
        "collection_id": "example",
        "metadata": {"author": "user"},
        "text": "two people inside a car",
    }


def test_the_statuses_of_a_task_are_those_of_its_day(served: ServedEmulator, api: httpx.Client) -> None:
    served.emulator.set_options({"default_reads": 1, "reads": {"DOWNLOADING": 1, "UPLOADING": 1}})
    task_id = api.post("/index/text", json={"collection_id": "c", "text": "x"}).json()["task_id"]

    seen = [api.get(f"/tasks/{task_id}").json() for _ in range(6)]

    assert [task["status"] for task in seen] == [
        "INITIALIZING", "DOWNLOADING", "DOWNLOADING", "PROCESSING", "DONE", "DONE",
    ]  # fmt: skip
    assert len({task["asset_id"] for task in seen}) == 1


def test_what_fails_says_so_on_its_asset_and_not_on_its_task(served: ServedEmulator, api: httpx.Client) -> None:
    served.emulator.add_fault({"fault": "ends_failed", "method": "POST", "path": "/index/**", "count": 1})

    asset = api.get(f"/assets/{indexed(api)}").json()

    assert (asset["status"], asset["error"]) == ("FAILED", "The media could not be processed.")


def test_a_list_is_asked_for_by_post_and_filtered_by_keys_with_dots(api: httpx.Client) -> None:
    ids = [indexed(api, text=f"text {n}", metadata={"n": n, "deep": {"even": n % 2 == 0}}) for n in range(5)]
    indexed(api, collection_id="other")

    def listed(body: dict[str, Any], **query: Any) -> Any:
        return api.post("/assets", json={"collection_ids": ["example"], **body}, params=query).json()

    whole = listed({}, page_size=2, page=2)
    assert [asset["asset_id"] for asset in whole["results"]] == ids[2:4]
    pagination = whole["pagination"]
    assert {name: pagination[name] for name in ("total", "page", "page_size", "total_pages")} == {
        "total": 5, "page": 2, "page_size": 2, "total_pages": 3,
    }  # fmt: skip
    assert pagination["next_page"].endswith("/assets?page=3&page_size=2")

    def found(*conditions: dict[str, Any], **more: Any) -> list[int]:
        rows = listed({"filters": {"AND": list(conditions)}, **more})["results"]
        return [asset["metadata"]["n"] for asset in rows]

    assert found({"key": "metadata.deep.even", "value": True}) == [0, 2, 4]
    assert found({"key": "metadata.n", "operator": "gte", "value": 3}) == [3, 4]
    assert found({"key": "asset_id", "operator": "in", "value": ids[:2]}) == [0, 1]
    assert found({"OR": [{"key": "metadata.n", "value": 1}, {"key": "metadata.n", "value": 4}]}) == [1, 4]
    assert found({"NOR": [{"key": "metadata.n", "operator": "lt", "value": 4}]}) == [4]
    assert found({"key": "metadata.gone", "operator": "exists", "value": False}) == [0, 1, 2, 3, 4]
    assert found(sort={"field": "metadata.n", "direction": "desc"}) == [4, 3, 2, 1, 0]


def test_metadata_is_merged_by_patch_and_replaced_by_put(api: httpx.Client) -> None:
    asset_id = indexed(api, metadata={"a": 1, "b": {"x": 1, "y": 2}})

    merged = api.patch(f"/assets/{asset_id}", json={"metadata": {"b": {"x": 3}, "c": None}}).json()
    assert merged["metadata"] == {"asset": {}, "a": 1, "b": {"x": 3}, "c": None, "preview_url": None}
    replaced = api.put(f"/assets/{asset_id}", json={"metadata": {"d": 4, "preview_url": "mine"}}).json()
    assert replaced["metadata"] == {"asset": {}, "d": 4, "preview_url": None}
    told = api.put(f"/assets/{asset_id}", json={"metadata": {"e": 5}, "propagate_features": True}).json()
    assert told["asset"]["metadata"]["e"] == 5
    assert api.get(f"/assets/{asset_id}/features").json()["features"]["text"][0]["metadata"] == {"e": 5}


def test_the_same_address_is_indexed_once_if_that_is_wanted(api: httpx.Client) -> None:
    first = indexed(api, "video")
    body = {"collection_id": "example", "url": "https://example.org/a.video"}

    again = api.post("/index/videos/url", json=body | {"prevent_duplicate": True}).json()
    assert (again["asset_id"], again["status"]) == (first, "DONE")
    assert "message" in api.post("/index/videos/url", json=body).json()
    elsewhere = body | {"prevent_duplicate": True, "collection_id": "other"}
    assert "message" in api.post("/index/videos/url", json=elsewhere).json()


@pytest.mark.parametrize(("mode", "texts"), [("replace", ["new"]), ("append", ["two people inside a car", "new"])])
def test_an_asset_is_indexed_anew_and_keeps_its_id(api: httpx.Client, mode: str, texts: list[str]) -> None:
    asset_id = indexed(api)

    assert indexed(api, text="new", asset_update={"asset_id": asset_id, "mode": mode}) == asset_id

    found = api.get(f"/assets/{asset_id}/features").json()["features"]["text"]
    assert [feature["text"] for feature in found] == texts


def test_settings_say_what_is_found(api: httpx.Client) -> None:
    setting = {"interval_sec": 30, "embed": {"model_id": "multimodal-v1"}, "describe": {"max_length": 12}}
    asset_id = indexed(api, "video", video_settings=[setting, {"interval_sec": 60, "read": {}}])

    found = api.get(f"/assets/{asset_id}/features").json()["features"]["video"]

    first, last = found[0], found[-1]
    assert (first["start_time"], first["end_time"], first["interval_sec"]) == (0.0, 30.0, 30)
    assert len(first["description"]) == 12
    assert "text" in last
    assert api.get(f"/features/{last['feature_id']}", params={"include_vectors": True}).json()["vectors"] == {}


def test_what_belongs_to_an_asset_goes_with_it_and_what_is_in_a_collection_with_that(api: httpx.Client) -> None:
    ids = [indexed(api, text=str(n)) for n in range(3)]
    found = api.post("/features", json={"collection_ids": ["example"]}, params={"page_size": 2}).json()
    assert (len(found["results"]), found["pagination"]["total"]) == (2, 3)
    rest = httpx.URL(found["pagination"]["next_page"]).params["offset_feature_id"]
    assert (
        len(
            api.post("/features", json={"collection_ids": ["example"]}, params={"offset_feature_id": rest}).json()[
                "results"
            ]
        )
        == 1
    )

    assert api.delete(f"/assets/{ids[0]}").json()["message"]
    assert api.delete(f"/assets/{ids[0]}").status_code == 404
    assert api.post("/features/", json={"collection_ids": ["example"]}).json()["pagination"]["total"] == 2
    assert [it["collection_id"] for it in api.get("/collections").json()["results"]] == ["example"]
    assert api.delete("/collections/example").status_code == 200
    assert api.get("/collections/").json()["results"] == []
    assert api.get(f"/assets/{ids[1]}").status_code == 404


def test_a_search_finds_words_and_says_how_well(api: httpx.Client) -> None:
    wanted = indexed(api, text="a dog on a beach")
    indexed(api, text="rain over a city")

    found = api.post("/features/search/text", json={"collection_ids": ["example"], "query": "beach dog"}).json()

    assert found["results"][0]["asset_id"] == wanted
    assert found["results"][0]["score"] > found["results"][1]["score"]
    assert [it["asset_id"] for it in api.post("/assets/search", json={
        "collection_ids": ["example"], "query": {"key": ["*"], "value": "TEXT"},
    }).json()["results"]] != []  # fmt: skip


def test_the_envelopes_of_the_month_before_are_those_of_its_vintage(api: httpx.Client, served: ServedEmulator) -> None:
    served.emulator.set_options({"vintage": "2024-10"})
    queued = api.post("/index/url", json={"collection_id": "c", "url": "https://example.org/a.mp4",
                                          "video_settings": [{"describe": {}}]}).json()  # fmt: skip
    while (task := api.get(f"/tasks/{queued['task_id']}").json())["status"] != "DONE":
        pass

    told = api.get(f"/assets/{task['asset_id']}/features").json()
    assert set(told) == {"video_segments", "pagination"}
    assert set(told["video_segments"][0]) == {
        "start_time", "end_time", "interval_sec", "transcription", "text", "description", "json_output",
    }  # fmt: skip
    found = api.post("/features/search/text", json={"collection_ids": ["c"], "query": "x"}).json()
    assert set(found["results"][0]) == {
        "created_at", "caption", "file_id", "collection_id", "metadata", "url", "score",
    }  # fmt: skip
    assert set(found["pagination"]) == {
        "total", "page", "page_size", "total_pages", "next_page", "previous_page",
    }  # fmt: skip


def test_the_free_plan_takes_ten_requests_a_minute_of_any_kind() -> None:
    clock = ManualClock()
    with (
        ServedEmulator(app(plan="free", clock=clock)) as served,
        httpx.Client(base_url=served.url, headers=KEY, trust_env=False) as api,
    ):
        statuses = [api.get("/collections").status_code for _ in range(11)]
        refused = api.get("/collections")
        clock.advance(60)
        later = api.get("/collections").status_code

    assert statuses == [200] * 10 + [429]
    assert refused.json()["error"]["message"]
    assert "retry-after" not in refused.headers
    assert later == 200


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/index/text", {"text": "x"}, ["body", "collection_id"]),
        ("/index/text", {"collection_id": "c"}, ["body", "text"]),
        ("/index/text", {"collection_id": "c", "text": "x", "url": "https://x"}, ["body", "url"]),
        ("/index/videos/url", {"collection_id": "c", "url": "u", "video_settings": {}}, ["body", "video_settings"]),
        ("/index/videos/url", {"collection_id": "c", "url": "u", "video_settings": [{"interval_sec": 4}]},
         ["body", "video_settings", 0, "interval_sec"]),
        ("/index/images/url", {"collection_id": "c", "url": "u", "image_settings": {"embed": {"model_id": "x"}}},
         ["body", "image_settings", "embed", "model_id"]),
        ("/assets", {}, ["body", "collection_ids"]),
        ("/assets", {"collection_ids": ["c"], "filters": {"AND": [{"key": "a", "operator": "like"}]}},
         ["body", "filters", "AND", 0, "operator"]),
    ],
)  # fmt: skip
def test_what_does_not_validate_is_said_place_by_place(
    api: httpx.Client, path: str, body: dict[str, Any], place: list[Any]
) -> None:
    refused = api.post(path, json=body)

    assert refused.status_code == 422
    assert place in [each["loc"] for each in refused.json()["detail"]]
    assert set(refused.json()["detail"][0]) == {"loc", "msg", "type"}


def test_who_shows_no_key_or_asks_for_what_is_not_there_is_told(api: httpx.Client, served: ServedEmulator) -> None:
    assert httpx.get(f"{served.url}/collections", trust_env=False).status_code == 401
    assert api.get("/assets/nothing").json()["success"] is False
    assert [api.get(path).status_code for path in ("/assets/nothing", "/tasks/x", "/features/x", "/nowhere")] == [
        404
    ] * 4
    assert api.get("/assets").status_code == 405


def test_a_list_that_lags_shows_what_was_there_before(api: httpx.Client, served: ServedEmulator) -> None:
    indexed(api)
    served.emulator.add_fault({"fault": "lag", "method": "POST", "path": "/assets", "reads": 1})
    indexed(api, text="later")

    totals = [api.post("/assets", json={"collection_ids": ["example"]}).json()["pagination"]["total"] for _ in range(2)]

    assert totals == [1, 2]


def test_what_was_cancelled_ends_as_a_failure(api: httpx.Client) -> None:
    queued = api.post("/index/text", json={"collection_id": "c", "text": "x"}).json()
    asset_id = api.get(f"/tasks/{queued['task_id']}").json()["asset_id"]

    assert "canceled" in api.delete(f"/tasks/{queued['task_id']}").json()["message"]

    assert api.get(f"/assets/{asset_id}").json()["status"] == "FAILED"
    assert api.get(f"/tasks/{queued['task_id']}").status_code == 404
