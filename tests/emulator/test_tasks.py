"""Tasks: upload and index in one call; and transfers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator import ManualClock
from reconciler.emulator.twelvelabs import app
from tests.emulator.conftest import Api, InProcess
from tests.emulator.steps import NOBODY, error, fault, index, ready_asset, rows


def task(api: Api, in_index: str, name: str = "final.mp4", content: bytes = b"film", **fields: Any) -> dict[str, Any]:
    reply = api("POST", "/tasks", data={"index_id": in_index, **fields}, files={"video_file": (name, content)})
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    assert made == {"_id": made["video_id"], "video_id": made["video_id"]}
    return made


def walk(api: Api, path: str) -> list[str]:
    """The status of every read until one is final."""
    seen = [api("GET", path).json()["status"]]
    while seen[-1] not in ("ready", "failed") and len(seen) < 20:
        seen.append(api("GET", path).json()["status"])
    return seen


def test_the_whole_way_from_uploading_to_ready(api: Api) -> None:
    catalog = index(api)
    made = task(api, catalog, user_metadata=json.dumps({"season": 2024}))

    seen = walk(api, f"/tasks/{made['_id']}")

    assert seen == ["uploading", "validating", "validating", "queued", "indexing", "ready"]
    shown = api("GET", f"/tasks/{made['_id']}").json()
    assert (shown["index_id"], shown["video_id"], shown["hls"]["status"]) == (catalog, made["video_id"], "COMPLETE")
    assert shown["system_metadata"]["filename"] == "final.mp4"
    video = api("GET", f"/indexes/{catalog}/videos/{made['video_id']}").json()
    assert video["user_metadata"] == {"season": 2024}
    assert [row["_id"] for row in rows(api, "/assets")] == [video["asset_id"]]


def test_who_looks_at_the_video_moves_the_task_too(inside: Api) -> None:
    catalog = index(inside)
    made = task(inside, catalog)

    seen = walk(inside, f"/indexes/{catalog}/indexed-assets/{made['video_id']}")

    assert seen == ["validating", "queued", "indexing", "ready"]
    assert inside("GET", f"/tasks/{made['_id']}").json()["status"] == "ready"


def test_by_the_clock_the_upload_comes_first() -> None:
    clock = ManualClock()
    emulator = app(
        clock=clock, speed="real", vintage="2026-07", seconds={"uploading": 10.0, "validating": 5.0, "pending": 1.0}
    )
    api = InProcess(emulator)
    made = task(api, index(api))
    seen = []
    for seconds in (0, 9, 2, 4, 1.5, 2, 2):
        clock.advance(seconds)
        seen.append(api("GET", f"/tasks/{made['_id']}").json()["status"])

    assert seen == ["uploading", "uploading", "validating", "pending", "queued", "indexing", "ready"]
    api.close()
    emulator.close()


def test_a_task_may_come_from_a_url(inside: Api) -> None:
    catalog = index(inside)

    data = {"index_id": catalog, "video_url": "https://example.org/films/long.mp4", "enable_video_stream": "false"}
    made = inside("POST", "/tasks", data=data).json()

    walk(inside, f"/tasks/{made['_id']}")
    shown = inside("GET", f"/tasks/{made['_id']}").json()
    assert shown["system_metadata"]["filename"] == "long.mp4"
    assert "hls" not in shown


@pytest.mark.parametrize(
    ("data", "files", "code"),
    [
        ({}, {"video_file": ("a.mp4", b"x")}, "parameter_not_provided"),
        ({"index_id": NOBODY}, {"video_file": ("a.mp4", b"x")}, "resource_not_exist"),
        ({"index_id": "?"}, {}, "parameter_not_provided"),
        ({"index_id": "?", "video_url": "ftp://a/b.mp4"}, {}, "parameter_invalid"),
        ({"index_id": "?"}, {"video_file": ("a.mp4", b"")}, "parameter_invalid"),
        ({"index_id": "?"}, {"video_file": ("a.txt", b"words")}, "video_file_broken"),
        ({"index_id": "?"}, {"video_file": ("a.mp3", b"song")}, "video_file_broken"),
        ({"index_id": "?"}, {"video_file": ("a.mp4", b"\0\0\0\x10ftypisom")}, "video_file_broken"),
        ({"index_id": "?", "user_metadata": "["}, {"video_file": ("a.mp4", b"x")}, "parameter_invalid"),
        ({"index_id": "?", "user_metadata": "[]"}, {"video_file": ("a.mp4", b"x")}, "parameter_invalid"),
        ({"index_id": "?", "language": "en"}, {"video_file": ("a.mp4", b"x")}, "parameter_unknown"),
    ],
)
def test_a_create_that_is_wrong_leaves_nothing(
    inside: Api, data: dict[str, str], files: dict[str, Any], code: str
) -> None:
    catalog = index(inside)
    sent = {name: catalog if value == "?" else value for name, value in data.items()}

    assert error(inside("POST", "/tasks", data=sent, files=files or None)) == (400, code)
    assert rows(inside, "/tasks") == rows(inside, "/assets") == []


def test_lists_filter_by_everything_and_show_statuses_moving(inside: Api) -> None:
    one, two = index(inside, "one"), index(inside, "two")
    first, second = task(inside, one, "a.mp4"), task(inside, two, "b.mp4", b"other")

    def ids(**params: Any) -> list[str]:
        return [row["_id"] for row in rows(inside, "/tasks", **params)]

    assert ids() == [second["_id"], first["_id"]]
    assert ids(index_id=one) == [first["_id"]]
    assert ids(filename="b.mp4") == [second["_id"]]
    assert ids(sort_option="asc", width=1280) == [first["_id"], second["_id"]]
    assert ids(created_at="2999-01-01T00:00:00Z") == []
    polled = [ids(status=["ready", "failed"]) for _ in range(8)]
    assert polled[0] == []
    assert polled[-1] == [second["_id"], first["_id"]]
    assert error(inside("GET", "/tasks", params={"status": "done"})) == (400, "parameter_invalid")


def test_a_list_by_status_shows_that_status(inside: Api) -> None:
    task(inside, index(inside))

    for status in ("uploading", "validating", "validating", "queued", "indexing", "ready"):
        assert [row["status"] for row in rows(inside, "/tasks", status=status)] == [status]


def test_what_may_be_deleted(inside: Api) -> None:
    catalog = index(inside)
    made = task(inside, catalog)
    path = f"/tasks/{made['_id']}"

    assert error(inside("DELETE", path)) == (400, "task_cannot_be_deleted")
    walk(inside, path)
    assert error(inside("DELETE", path)) == (400, "task_cannot_be_deleted")
    inside("DELETE", f"/indexes/{catalog}/videos/{made['video_id']}")
    assert inside("DELETE", path).status_code == 204
    assert error(inside("GET", path)) == (400, "resource_not_exist")


def test_a_task_that_fails_may_be_deleted_at_once(inside: Api) -> None:
    fault(inside, fault="ends_failed", method="POST", path="/tasks")
    made = task(inside, index(inside))

    assert walk(inside, f"/tasks/{made['_id']}")[-1] == "failed"
    assert inside("DELETE", f"/tasks/{made['_id']}").status_code == 204


def test_a_task_whose_video_is_gone_fails(inside: Api) -> None:
    catalog = index(inside)
    made = task(inside, catalog)

    inside("DELETE", f"/indexes/{catalog}")

    assert inside("GET", f"/tasks/{made['_id']}").json()["status"] == "failed"


def test_tasks_survive_a_restart(tmp_path: Path) -> None:
    api = InProcess(app(tmp_path / "emulator.db"))
    made = task(api, index(api))
    api("GET", f"/tasks/{made['_id']}")
    api.close()
    api.emulator.close()

    again = InProcess(app(tmp_path / "emulator.db"))

    assert walk(again, f"/tasks/{made['_id']}") == ["indexing", "ready"]
    again.close()
    again.emulator.close()


def test_a_transfer_is_recorded_and_imports_nothing(api: Api) -> None:
    catalog, bucket = index(api), f"/tasks/transfers/import/{NOBODY}"

    started = api("POST", bucket, json={"index_id": catalog, "incremental_import": False})

    assert (started.status_code, started.json()) == (201, {"videos": [], "failed_videos": []})
    assert api("POST", bucket).status_code == 201
    status = api("GET", f"{bucket}/status", params={"index_id": catalog}).json()
    assert status == {name: [] for name in ("ready", "validating", "queued", "pending", "indexing", "failed")}
    logged = api("GET", f"{bucket}/logs").json()["data"]
    assert [(job["index_id"], job["index_name"]) for job in logged] == [(None, None), (catalog, "catalog")]
    assert error(api("POST", bucket, json={"index_id": NOBODY})) == (400, "resource_not_exist")


def test_tasks_share_the_rate_limit_of_indexing(inside: Api) -> None:
    catalog, asset = index(inside), ready_asset(inside)
    inside.emulator.set_options({"requests_per_minute": {"indexing": 1}})
    task(inside, catalog)

    refused = inside("POST", f"/indexes/{catalog}/indexed-assets", json={"asset_id": asset})

    assert error(refused) == (429, "too_many_requests")
