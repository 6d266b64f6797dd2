"""Videos: what is indexed, seen through the older endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.conftest import Api
from tests.emulator.steps import NOBODY, error, index, indexed, ready_asset, rows, wait


def ready_video(api: Api, in_index: str, name: str = "final.mp4", **fields: Any) -> str:
    video = indexed(api, in_index, ready_asset(api, name, name.encode()), **fields)
    wait(api, f"/indexes/{in_index}/indexed-assets/{video}")
    return video


def test_a_row_has_neither_status_nor_metadata(api: Api) -> None:
    catalog = index(api)
    video = ready_video(api, catalog, user_metadata={"rating": 9.3})

    (row,) = rows(api, f"/indexes/{catalog}/videos")

    assert set(row) == {"_id", "asset_id", "created_at", "updated_at", "indexed_at", "system_metadata"}
    assert row["_id"] == video
    assert row["system_metadata"]["size"] == len("final.mp4")


def test_retrieve_adds_what_a_list_leaves_out(api: Api) -> None:
    catalog = index(api)
    video = ready_video(api, catalog, user_metadata={"rating": 9.3}, enable_video_stream=True)

    shown = api("GET", f"/indexes/{catalog}/videos/{video}").json()
    asked = {"embedding_option": ["visual", "audio"], "transcription": "true"}
    more = api("GET", f"/indexes/{catalog}/videos/{video}", params=asked).json()

    assert (shown["user_metadata"], shown["hls"]["status"]) == ({"rating": 9.3}, "COMPLETE")
    assert not {"status", "embedding", "transcription"} & set(shown)
    assert shown["system_metadata"]["size"] == 9
    segments = more["embedding"]["video_embedding"]["segments"]
    assert {segment["embedding_option"] for segment in segments} == {"visual", "audio"}
    assert more["transcription"] == []


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_metadata_is_merged_by_either_method(inside: Api, method: str) -> None:
    catalog = index(inside)
    video = ready_video(inside, catalog, user_metadata={"a": 1, "b": 2})

    reply = inside(method, f"/indexes/{catalog}/videos/{video}", json={"user_metadata": {"a": None, "c": "x"}})

    assert (reply.status_code, reply.content) == (204, b"")
    found = inside("GET", f"/indexes/{catalog}/indexed-assets/{video}").json()
    assert found["user_metadata"] == {"b": 2, "c": "x"}


def test_lists_filter_and_sort(inside: Api) -> None:
    catalog = index(inside)
    first = ready_video(inside, catalog, "a.mp4", user_metadata={"league": "nba"})
    second = ready_video(inside, catalog, "b.mp4", user_metadata={"rating": 9.3})
    path = f"/indexes/{catalog}/videos"

    def ids(**params: Any) -> list[str]:
        return [row["_id"] for row in rows(inside, path, **params)]

    assert ids() == [second, first]
    assert ids(sort_option="asc") == [first, second]
    assert ids(filename="a.mp4") == [first]
    assert ids(league="nba") == [first]
    assert ids(**{"user_metadata[rating]": "9.3"}) == [second]
    assert ids(**{"duration[gte]": 1, "duration[lte]": 5}) == []
    assert error(inside("GET", path, params={"page_limit": 51})) == (400, "parameter_invalid")


def test_delete_and_what_is_not_there(api: Api) -> None:
    catalog = index(api)
    video = ready_video(api, catalog)

    assert api("DELETE", f"/indexes/{catalog}/videos/{video}").status_code == 204
    assert error(api("GET", f"/indexes/{catalog}/videos/{video}")) == (404, "resource_not_exist")
    assert error(api("DELETE", f"/indexes/{catalog}/videos/{video}")) == (400, "resource_not_exist")
    assert error(api("GET", f"/indexes/{NOBODY}/videos")) == (400, "resource_not_exist")
    assert api("GET", f"/indexes/{catalog}").json()["video_count"] == 0
