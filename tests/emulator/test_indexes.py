"""Indexes and what is indexed in them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.conftest import Api
from tests.emulator.steps import MODELS, NOBODY, error, index, indexed, made, ready_asset, rows, upload, wait

PEGASUS = {"model_name": "pegasus1.2", "model_options": ["visual"]}


def test_create_answers_with_an_id_only_and_retrieve_with_all(api: Api) -> None:
    reply = api("POST", "/indexes", json={"index_name": "catalog", "models": MODELS, "addons": ["thumbnail"]})

    assert reply.status_code == 201
    assert set(reply.json()) == {"_id"}
    shown = api("GET", f"/indexes/{made(reply)}").json()
    assert {name: shown[name] for name in shown if not name.endswith("_at")} == {
        "_id": made(reply),
        "index_name": "catalog",
        "models": MODELS,
        "addons": ["thumbnail"],
        "video_count": 0,
        "total_duration": 0.0,
    }
    assert shown["expires_at"] is None
    assert rows(api, "/indexes") == [shown]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"models": MODELS}, "parameter_not_provided"),
        ({"index_name": "a"}, "parameter_not_provided"),
        ({"index_name": " ", "models": MODELS}, "parameter_invalid"),
        ({"index_name": 5, "models": MODELS}, "parameter_invalid"),
        ({"index_name": "a", "models": []}, "parameter_invalid"),
        (
            {"index_name": "a", "models": [{"model_name": "marengo2.7", "model_options": ["visual"]}]},
            "parameter_invalid",
        ),
        ({"index_name": "a", "models": [{"model_name": "marengo3.0", "model_options": []}]}, "parameter_invalid"),
        (
            {"index_name": "a", "models": [{"model_name": "marengo3.0", "model_options": ["smell"]}]},
            "parameter_invalid",
        ),
        ({"index_name": "a", "models": MODELS + MODELS}, "parameter_invalid"),
        ({"index_name": "a", "models": MODELS, "addons": ["sauce"]}, "parameter_invalid"),
        ({"index_name": "a", "models": [PEGASUS], "addons": ["thumbnail"]}, "parameter_invalid"),
        ({"index_name": "a", "models": MODELS, "color": "red"}, "parameter_unknown"),
    ],
)
def test_a_create_that_is_wrong_is_refused(inside: Api, body: dict[str, Any], code: str) -> None:
    assert error(inside("POST", "/indexes", json=body)) == (400, code)
    assert rows(inside, "/indexes") == []


def test_a_name_is_taken_once(api: Api) -> None:
    first, second = index(api, "one"), index(api, "two")

    assert error(api("POST", "/indexes", json={"index_name": "one", "models": MODELS})) == (
        409,
        "index_name_already_exists",
    )
    assert error(api("PUT", f"/indexes/{second}", json={"index_name": "one"})) == (409, "index_name_already_exists")
    assert api("PUT", f"/indexes/{first}", json={"index_name": "one"}).status_code == 204
    assert api("PUT", f"/indexes/{first}", json={"index_name": "three"}).status_code == 204
    assert api("PUT", f"/indexes/{second}", json={"index_name": "one"}).status_code == 204
    assert {row["_id"]: row["index_name"] for row in rows(api, "/indexes")} == {first: "three", second: "one"}


def test_an_older_contract_still_has_pegasus_and_a_newer_has_not(inside: Api) -> None:
    body = {"index_name": "a", "models": [*MODELS, PEGASUS]}

    refused = inside("POST", "/indexes", json=body)
    assert (error(refused), "has been sunset" in refused.text) == ((400, "parameter_invalid"), True)
    inside.emulator.set_options({"vintage": "2026-07"})
    assert inside("POST", "/indexes", json=body).status_code == 201


def test_sorts_and_filters_of_the_list(inside: Api) -> None:
    inside.emulator.set_options({"vintage": "2026-07"})
    first, second = index(inside, "first"), index(inside, "second")
    third = made(inside("POST", "/indexes", json={"index_name": "third", "models": [PEGASUS]}))
    inside("PUT", f"/indexes/{first}", json={"index_name": "renamed"})

    def ids(**params: str) -> list[str]:
        return [row["_id"] for row in rows(inside, "/indexes", **params)]

    assert ids() == [third, second, first]
    assert ids(sort_option="asc") == [first, second, third]
    assert ids(sort_by="updated_at") == [first, third, second]
    assert ids(index_name="second") == [second]
    assert ids(index_name="sec") == []
    assert ids(model_family="pegasus") == [third]
    assert ids(model_options="visual,audio") == [second, first]
    since = inside("GET", f"/indexes/{second}").json()["created_at"]
    assert ids(created_at=since) == [third, second]
    assert error(inside("GET", "/indexes?sort_by=name")) == (400, "parameter_invalid")
    assert error(inside("GET", "/indexes?created_at=yesterday")) == (400, "parameter_invalid")


def test_a_free_plan_lets_an_index_expire(inside: Api) -> None:
    inside.emulator.set_options({"plan": "free"})

    assert inside("GET", f"/indexes/{index(inside)}").json()["expires_at"] == "2026-04-01T00:00:00.001Z"


def test_deleting_an_index_takes_what_is_indexed_and_leaves_the_assets(api: Api) -> None:
    asset, catalog = ready_asset(api), index(api)
    member = indexed(api, catalog, asset)

    assert api("DELETE", f"/indexes/{catalog}").status_code == 204

    assert error(api("GET", f"/indexes/{catalog}")) == (400, "resource_not_exist")
    assert error(api("GET", f"/indexes/{catalog}/indexed-assets/{member}")) == (404, "resource_not_exist")
    assert rows(api, f"/assets/{asset}/indexed-assets") == []
    assert api("DELETE", f"/assets/{asset}").status_code == 204


def test_indexing_goes_through_its_statuses_one_read_each(api: Api) -> None:
    asset, catalog = ready_asset(api), index(api)

    reply = api("POST", f"/indexes/{catalog}/indexed-assets", json={"asset_id": asset})

    assert (reply.status_code, set(reply.json())) == (202, {"_id", "asset_id"})
    path = f"/indexes/{catalog}/indexed-assets/{made(reply)}"
    seen = [api("GET", path).json() for _ in range(6)]
    assert [row["status"] for row in seen] == ["pending", "validating", "queued", "indexing", "ready", "ready"]
    assert ["indexed_at" in row for row in seen] == [False] * 4 + [True] * 2


def test_a_list_leaves_out_metadata_and_stream(api: Api) -> None:
    asset, catalog = ready_asset(api), index(api)
    member = indexed(api, catalog, asset, enable_video_stream=True, user_metadata={"rating": 9.3, "note": ""})
    whole = wait(api, f"/indexes/{catalog}/indexed-assets/{member}")

    assert whole["user_metadata"] == {"rating": 9.3}
    assert whole["hls"]["status"] == "COMPLETE"
    row = rows(api, f"/indexes/{catalog}/indexed-assets")[0]
    assert row == {name: value for name, value in whole.items() if name not in ("user_metadata", "hls")}
    assert set(row["system_metadata"]) == {"filename", "duration", "fps", "width", "height", "size"}


def test_an_index_counts_what_is_in_it(inside: Api) -> None:
    asset, catalog = ready_asset(inside), index(inside)
    member, duration = indexed(inside, catalog, asset), inside("GET", f"/assets/{asset}").json()["duration"]

    def totals() -> tuple[int, float]:
        shown = inside("GET", f"/indexes/{catalog}").json()
        return shown["video_count"], shown["total_duration"]

    assert totals() == (1, duration)
    inside("DELETE", f"/indexes/{catalog}/indexed-assets/{member}")
    assert totals() == (0, 0.0)


def test_what_is_indexed_twice_is_there_twice(inside: Api) -> None:
    asset, catalog = ready_asset(inside), index(inside)
    first, second = indexed(inside, catalog, asset), indexed(inside, catalog, asset)

    assert [row["_id"] for row in rows(inside, f"/indexes/{catalog}/indexed-assets")] == [second, first]


def test_only_a_ready_film_or_song_can_be_indexed(api: Api) -> None:
    catalog, raw, face = index(api), upload(api), ready_asset(api, "face.jpg")
    path = f"/indexes/{catalog}/indexed-assets"

    assert error(api("POST", path, json={"asset_id": raw})) == (400, "parameter_invalid")
    assert error(api("POST", path, json={"asset_id": face})) == (404, "resource_not_exists")
    assert error(api("POST", path, json={"asset_id": NOBODY})) == (404, "resource_not_exist")
    assert error(api("POST", path, json={})) == (400, "parameter_not_provided")
    assert error(api("POST", f"/indexes/{NOBODY}/indexed-assets", json={"asset_id": raw})) == (
        404,
        "resource_not_exist",
    )
    assert rows(api, path) == []


def test_metadata_of_an_indexed_asset_can_only_be_merged(api: Api) -> None:
    asset, catalog = ready_asset(api), index(api)
    member = indexed(api, catalog, asset, user_metadata={"a": 1, "b": "x"})
    path = f"/indexes/{catalog}/indexed-assets/{member}"
    before = wait(api, path)

    assert api("PATCH", path, json={"user_metadata": {"a": None, "b": "", "c": True}}).status_code == 204

    after = api("GET", path).json()
    assert after["user_metadata"] == {"b": "x", "c": True}
    assert after["updated_at"] == before["updated_at"]
    assert error(api("PUT", path, json={"user_metadata": {}})) == (405, "method_not_allowed")


def test_an_indexed_asset_belongs_to_its_index(inside: Api) -> None:
    asset, here, there = ready_asset(inside), index(inside, "here"), index(inside, "there")
    member = indexed(inside, here, asset)

    assert error(inside("GET", f"/indexes/{there}/indexed-assets/{member}")) == (404, "resource_not_exist")
    assert error(inside("DELETE", f"/indexes/{there}/indexed-assets/{member}")) == (400, "resource_not_exist")
    assert inside("DELETE", f"/indexes/{here}/indexed-assets/{member}").status_code == 204


def test_filters_of_the_indexed_assets(inside: Api) -> None:
    catalog = index(inside)
    film = indexed(inside, catalog, ready_asset(inside, "film.mp4"), user_metadata={"cat": "x", "n": 5, "on": True})
    song = indexed(
        inside, catalog, ready_asset(inside, "song.mp3"), user_metadata={"cat": "y", "n": 5.5, 'odd"key': "z"}
    )
    path = f"/indexes/{catalog}/indexed-assets"
    wait(inside, f"{path}/{film}")

    def ids(query: str) -> list[str]:
        return [row["_id"] for row in inside("GET", f"{path}?{query}").json()["data"]]

    assert ids("status=ready") == [film]
    assert ids("status=ready&status=pending&status=validating&status=queued&status=indexing") == [song, film]
    assert ids("filename=film.mp4") == [film]
    assert ids("height[gte]=700&height[lte]=800") == [film]
    assert ids("width=1281") == []
    assert ids("duration[lte]=1") == []
    assert ids("cat=x") == [film]
    assert ids("user_metadata[cat]=y") == [song]
    assert ids("n=5") == [film]
    assert ids("n=5.5") == [song]
    assert ids("on=true") == [film]
    assert ids("odd%22key=z") == [song]
    assert ids("cat=x&n=6") == []
    assert ids("sort_option=asc") == [film, song]
    assert error(inside("GET", f"{path}?status=lost")) == (400, "parameter_invalid")
    assert error(inside("GET", f"{path}?duration[gte]=long")) == (400, "parameter_invalid")


def test_who_waits_by_a_list_filtered_by_status_sees_it_change(inside: Api) -> None:
    catalog = index(inside)
    member = indexed(inside, catalog, ready_asset(inside))
    path = f"/indexes/{catalog}/indexed-assets"

    seen = [[row["_id"] for row in rows(inside, path, status="ready")] for _ in range(6)]

    assert seen == [[], [], [], [], [member], [member]]


def test_retrieve_adds_embeddings_and_words_when_asked(inside: Api, tmp_path: Any) -> None:
    (tmp_path / "film.mp4.json").write_text('[{"start": 0, "end": 2.5, "value": "hello"}]')
    inside.emulator.set_options({"transcripts": str(tmp_path)})
    catalog = index(inside)
    member = indexed(inside, catalog, ready_asset(inside, "film.mp4"))
    path = f"/indexes/{catalog}/indexed-assets/{member}"
    duration = wait(inside, path)["system_metadata"]["duration"]

    shown = inside("GET", f"{path}?embedding_option=visual&embedding_option=audio&transcription=true").json()

    segments = shown["embedding"]["video_embedding"]["segments"]
    assert {segment["embedding_option"] for segment in segments} == {"visual", "audio"}
    assert segments[0]["start_offset_sec"] == 0
    assert max(segment["end_offset_sec"] for segment in segments) == duration
    assert all(len(segment["float"]) == 512 for segment in segments)
    assert abs(sum(number**2 for number in segments[0]["float"]) - 1) < 1e-6
    assert shown["transcription"] == [{"start": 0.0, "end": 2.5, "value": "hello"}]
    assert error(inside("GET", f"{path}?embedding_option=smell")) == (400, "parameter_invalid")


def test_a_quota_on_indexing_at_the_same_time(inside: Api) -> None:
    inside.emulator.set_options({"max_indexing": 1})
    asset, catalog = ready_asset(inside), index(inside)
    member = indexed(inside, catalog, asset)
    path = f"/indexes/{catalog}/indexed-assets"

    assert error(inside("POST", path, json={"asset_id": asset})) == (400, "usage_limit_exceeded")
    wait(inside, f"{path}/{member}")
    assert inside("POST", path, json={"asset_id": asset}).status_code == 202
