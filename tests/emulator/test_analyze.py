"""Analyze, at once and as tasks."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.emulator import Emulator
from reconciler.emulator.twelvelabs import app
from tests.emulator.conftest import EVERY, Api, InProcess
from tests.emulator.steps import NOBODY, error, fault, index, made, ready_asset, rows
from tests.emulator.test_videos import ready_video

URL = {"type": "url", "url": "https://example.org/lebron_dunks.mp4"}
ASKED = {"video": URL, "prompt": "What happens here?"}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Where the model is still there that looks at indexed videos."""
    made = app(vintage="2026-07", reads=EVERY)
    yield made
    made.close()


def analyze(api: Api, **body: Any) -> httpx.Response:
    return api("POST", "/analyze", json={**ASKED, "stream": False, **body})


def text(api: Api, **body: Any) -> str:
    reply = analyze(api, **body)
    assert reply.status_code == 200, reply.text
    found: str = reply.json()["data"]
    return found


def finished(api: Api, path: str) -> dict[str, Any]:
    for _ in range(10):
        found: dict[str, Any] = api("GET", path).json()
        if found["status"] in ("ready", "failed", "canceled"):
            return found
    raise AssertionError(found)


def task(api: Api, **body: Any) -> str:
    reply = api("POST", "/analyze/tasks", json={**ASKED, **body})
    assert reply.status_code == 202, reply.text
    assert set(reply.json()) == {"task_id", "status"}
    found: str = reply.json()["task_id"]
    return found


def test_at_once(api: Api) -> None:
    body = analyze(api).json()

    assert set(body) == {"id", "data", "finish_reason", "usage"}
    assert body["finish_reason"] == "stop"
    assert body["usage"]["output_tokens"] > body["usage"]["input_tokens"] > 0
    assert "lebron dunks" in body["data"]
    assert "What happens here?" in body["data"]
    again = analyze(api).json()
    assert (again["data"], again["id"] != body["id"]) == (body["data"], True)


def test_as_a_stream_of_lines(api: Api) -> None:
    whole = text(api)

    reply = api("POST", "/analyze", json=ASKED)

    assert reply.headers["content-type"] == "application/x-ndjson"
    events = [json.loads(line) for line in reply.text.splitlines()]
    assert [event["event_type"] for event in (events[0], events[-1])] == ["stream_start", "stream_end"]
    assert {event["event_type"] for event in events[1:-1]} == {"text_generation"}
    assert "".join(event["text"] for event in events[1:-1]) == whole
    assert events[0]["metadata"]["generation_id"] == events[-1]["metadata"]["generation_id"]
    assert events[-1]["finish_reason"] == "stop"


def test_a_text_that_is_too_long_is_cut_and_says_so(inside: Api) -> None:
    body = analyze(inside, max_tokens=5).json()

    assert (len(body["data"]), body["finish_reason"], body["usage"]["output_tokens"]) == (20, "length", 5)
    assert body["error"]["message"]


def test_what_is_known_is_in_the_text(tmp_path: Path) -> None:
    (tmp_path / "final.mp4.json").write_text(json.dumps([{"start": 1, "end": 2, "value": "Welcome back"}]))
    api = InProcess(app(vintage="2026-07", transcripts=str(tmp_path)))
    asset = ready_asset(api, user_metadata=json.dumps({"league": "nba"}))
    catalog = made(
        api(
            "POST",
            "/indexes",
            json={
                "index_name": "both",
                "models": [
                    {"model_name": "marengo3.0", "model_options": ["visual"]},
                    {"model_name": "pegasus1.2", "model_options": ["visual"]},
                ],
            },
        )
    )
    video = ready_video(api, catalog, user_metadata={"rating": 9.3})

    of_asset = text(api, video={"type": "asset_id", "asset_id": asset})
    reply = api("POST", "/analyze", json={"video_id": video, "prompt": "x", "stream": False})

    assert "league: nba" in of_asset
    assert "Welcome back" in of_asset
    assert "rating: 9.3" in reply.json()["data"]
    api.close()
    api.emulator.close()


def test_a_video_in_an_index_that_cannot_write(inside: Api) -> None:
    video = ready_video(inside, index(inside))

    refused = inside("POST", "/analyze", json={"video_id": video, "prompt": "x"})

    assert error(refused) == (400, "index_not_supported_for_generate")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"video": None}, (400, "parameter_not_provided")),
        ({"video": {"type": "url"}}, (400, "parameter_not_provided")),
        ({"video": {"type": "film"}}, (400, "parameter_invalid")),
        ({"video": {"type": "asset_id", "asset_id": NOBODY}}, (404, "resource_not_exist")),
        ({"video": {"type": "asset_id", "asset_id": "x"}}, (404, "resource_not_exist")),
        ({"video": {"type": "url", "url": "https://example.org/a.jpg"}}, (400, "parameter_invalid")),
        ({"video": {"type": "base64_string", "base64_string": "%"}}, (400, "parameter_invalid")),
        ({"video": {**URL, "asset_id": NOBODY}}, (400, "parameter_invalid")),
        ({"video_id": NOBODY, "video": None}, (404, "resource_not_exist")),
        ({"prompt": None}, (400, "parameter_not_provided")),
        ({"prompt": " "}, (400, "parameter_not_provided")),
        ({"prompt_v2": {"input_text": "x"}}, (400, "parameter_invalid")),
        ({"model_name": "pegasus1.6"}, (400, "parameter_invalid")),
        ({"temperature": 1.5}, (400, "parameter_invalid")),
        ({"max_tokens": 1}, (400, "parameter_invalid")),
        ({"max_tokens": 4097}, (400, "parameter_invalid")),
        ({"max_tokens": 511, "model_name": "pegasus1.5"}, (400, "parameter_invalid")),
        ({"start_time": 1, "end_time": 4}, (400, "parameter_invalid")),
        ({"end_time": 100000}, (400, "parameter_invalid")),
        ({"stream": "no"}, (400, "parameter_invalid")),
        ({"response_format": {"type": "segment_definitions"}}, (400, "parameter_invalid")),
        ({"response_format": {"type": "json_schema"}}, (400, "parameter_not_provided")),
        ({"response_format": {"type": "json_schema", "json_schema": 5}}, (400, "parameter_invalid")),
        ({"mood": "good"}, (400, "parameter_unknown")),
    ],
)
def test_a_request_that_is_wrong(inside: Api, body: dict[str, Any], expected: tuple[int, str]) -> None:
    sent = {name: value for name, value in {**ASKED, **body}.items() if value is not None}

    assert error(inside("POST", "/analyze", json=sent)) == expected


def test_an_asset_that_is_not_ready(inside: Api) -> None:
    asset = made(inside("POST", "/assets", data={"method": "url", "url": URL["url"]}))

    refused = analyze(inside, video={"type": "asset_id", "asset_id": asset})

    assert error(refused) == (400, "parameter_invalid")


def test_models_and_pictures_of_the_newer_contract(inside: Api) -> None:
    inside.emulator.set_options({"vintage": "newest"})
    picture = {"name": "before", "base64_string": base64.b64encode(b"jpeg").decode()}

    reply = inside(
        "POST", "/analyze", json={"model_name": "pegasus1.6", "image": [picture], "prompt": "x", "stream": False}
    )

    assert reply.status_code == 200, reply.text
    assert error(analyze(inside, model_name="pegasus1.2")) == (400, "parameter_invalid")
    assert error(inside("POST", "/analyze", json={"video_id": NOBODY, "prompt": "x"}))[0] == 400
    assert text(inside, start_time=1, end_time=2.5)
    path = f"/analyze/tasks/{task(inside, max_tokens='unlimited')}"
    assert finished(inside, path)["status"] == "ready"


def test_too_many_get_no_body(api: Api) -> None:
    api.emulator.set_options({"requests_per_minute": {"analyze": 1}})
    text(api)

    assert (analyze(api).status_code, analyze(api).content) == (429, b"")
    assert error_of_task(api("POST", "/analyze/tasks", json=ASKED)) == (429, "too_many_requests")


# -- tasks


def error_of_task(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_a_task_from_queued_to_ready(api: Api) -> None:
    path = f"/analyze/tasks/{task(api, custom_id='my-1')}"

    seen = [api("GET", path).json() for _ in range(4)]

    assert [shown["status"] for shown in seen] == ["queued", "pending", "processing", "ready"]
    assert not any({"result", "completed_at"} & set(shown) for shown in seen[:3])
    done = seen[3]
    assert (done["custom_id"], done["video_source"]["url"]) == ("my-1", URL["url"])
    assert done["request_params"]["prompt"] == ASKED["prompt"]
    assert done["result"]["data"] == text(api)
    assert done["result"]["finish_reason"] == "stop"


def test_a_list_cuts_what_was_asked(api: Api) -> None:
    schema = {"type": "json_schema", "json_schema": {"type": "string"}}
    first = task(api, prompt="x" * 100, response_format=schema)
    second = task(api, prompt=None, prompt_v2={"input_text": "y" * 100})

    newer, older = rows(api, "/analyze/tasks")

    assert (newer["task_id"], older["task_id"]) == (second, first)
    assert older["request_params"]["prompt"] == "x" * 30
    assert older["request_params"]["response_format"] == {"type": "json_schema"}
    assert newer["request_params"]["prompt_v2"]["input_text"] == "y" * 30
    whole = api("GET", f"/analyze/tasks/{first}").json()["request_params"]
    assert (whole["prompt"], whole["response_format"]) == ("x" * 100, schema)


def test_lists_filter(inside: Api) -> None:
    asset = ready_asset(inside)
    by_url = task(inside)
    by_asset = task(inside, video={"type": "asset_id", "asset_id": asset})

    def ids(**params: Any) -> list[str]:
        return [row["task_id"] for row in rows(inside, "/analyze/tasks", **params)]

    assert ids(asset_id=asset) == [by_asset]
    assert ids(video_url=URL["url"]) == [by_url]
    assert ids(video_id=NOBODY) == ids(analysis_mode="time_based_metadata") == ids(status="failed") == []
    assert ids(analysis_mode="general") == [by_asset, by_url]
    assert error(inside("GET", "/analyze/tasks", params={"status": "x"})) == (400, "parameter_invalid")


SEGMENTS: dict[str, Any] = {
    "model_name": "pegasus1.5",
    "analysis_mode": "time_based_metadata",
    "prompt": None,
    "response_format": {
        "type": "segment_definitions",
        "segment_time_format": "hh:mm:ss",
        "segment_definitions": [
            {
                "id": "goal",
                "description": "A goal",
                "fields": [
                    {"name": "team", "type": "string", "description": "Who", "enum": ["red", "blue"]},
                    {"name": "score", "type": "array", "description": "x", "items": {"type": "integer"}},
                    {"name": "when", "type": "timestamp", "description": "x", "format": "hh:mm:ss"},
                ],
                "media_sources": [
                    {"name": "ball", "media_type": "image", "base64_string": base64.b64encode(b"x").decode()}
                ],
                "time_ranges": [{"start_time": 0, "end_time": 4}],
            },
            {"id": "foul", "description": "A foul"},
        ],
    },
}


def defined(*fields: dict[str, Any]) -> dict[str, Any]:
    """Segments of one definition, with these fields."""
    described = [{"description": "x", **field} for field in fields]
    return {
        "type": "segment_definitions",
        "segment_definitions": [{"id": "goal", "description": "A goal", "fields": described}],
    }


DEFINED = defined()


def test_segments_are_as_long_as_is_asked_and_a_list_holds_what_it_may(api: Api) -> None:
    field = {"name": "teams", "type": "array", "items": {"type": "string"}, "enum": ["red", "blue"]}
    sent = {**SEGMENTS, "response_format": defined(field), "max_segment_duration": 5, "max_tokens": 2048}

    ((segment,),) = json.loads(finished(api, f"/analyze/tasks/{task(api, **sent)}")["result"]["data"]).values()

    assert (segment["start_time"], segment["end_time"]) == (0, 5)
    assert set(segment["metadata"]["teams"]) <= {"red", "blue"}


TIME = {"type": "timestamp", "format": "seconds"}


@pytest.mark.parametrize(
    "properties",
    [
        {"a": {"type": "object", "properties": {"at": TIME}}},
        {"a": {"anyOf": [TIME, {"type": "null"}]}},
        {"a": {"type": "array", "items": TIME}},
        {"start_time": {"type": "string", "format": "date-time"}},
        {"a": {"type": "array", "items": {"type": "object", "properties": {"end_time": {"type": "boolean"}}}}},
    ],
)
def test_points_in_time_that_a_schema_cannot_have(inside: Api, properties: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": properties}
    form = {"type": "json_schema", "json_schema": schema}

    assert inside("POST", "/analyze/tasks", json={**ASKED, "response_format": form}).status_code == 400


def test_segments(api: Api) -> None:
    path = f"/analyze/tasks/{task(api, **SEGMENTS)}"

    done = finished(api, path)

    found = json.loads(done["result"]["data"])
    assert set(found) == {"goal", "foul"}
    (goal,) = found["goal"]
    assert (goal["start_time"], goal["end_time"]) == ("00:00:00", "00:00:04")
    assert goal["metadata"]["team"] in ("red", "blue")
    assert found["foul"][0]["end_time"] == "00:00:06"
    assert "base64_string" not in json.dumps(done)
    (row,) = rows(api, "/analyze/tasks")
    assert len(row["request_params"]["response_format"]["segment_definitions"]) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"model_name": "pegasus1.2"},
        {"analysis_mode": "general", "prompt": "x"},
        {"response_format": None},
        {"response_format": DEFINED, "min_segment_duration": 9, "max_segment_duration": 8},
        {"response_format": DEFINED, "max_segment_duration": 1},
        {"max_segment_duration": 5},
        {"start_time": 0, "end_time": 5},
        {"prompt": "x"},
        {"max_tokens": 2047},
        {"response_format": defined({"name": "end_time", "type": "timestamp", "format": "seconds"})},
        {"response_format": defined({"name": "at", "type": "timestamp", "format": "seconds", "enum": ["a"]})},
        {"response_format": defined({"name": "all", "type": "array"})},
        {"response_format": defined({"name": "all", "type": "string", "items": {"type": "string"}})},
        {"response_format": defined({"name": "all", "type": "string", "enum": [str(at) for at in range(101)]})},
        {"custom_id": "a b"},
        {"video": {"type": "asset_id", "asset_id": NOBODY}},
        {"response_format": {"type": "segment_definitions", "segment_definitions": []}},
        {
            "response_format": {
                "type": "segment_definitions",
                "segment_definitions": [
                    {
                        "id": "a",
                        "description": "a",
                        "time_ranges": [{"start_time": 0, "end_time": 4}, {"start_time": 3, "end_time": 6}],
                    }
                ],
            }
        },
    ],
)
def test_a_task_that_is_wrong(inside: Api, change: dict[str, Any]) -> None:
    sent = {name: value for name, value in {**ASKED, **SEGMENTS, **change}.items() if value is not None}

    assert inside("POST", "/analyze/tasks", json=sent).status_code == 400
    assert inside("POST", "/analyze/tasks", json=sent).json()["error"]["code"]
    assert rows(inside, "/analyze/tasks") == []


def test_delete_and_cancel(api: Api) -> None:
    path = f"/analyze/tasks/{task(api)}"
    for _ in range(3):
        api("GET", path)

    assert error_of_task(api("DELETE", path)) == (409, "task_cannot_be_deleted")
    canceled = [api("POST", f"{path}/cancel") for _ in range(2)]
    assert [(reply.status_code, reply.json()["status"]) for reply in canceled] == [(200, "canceled")] * 2
    shown = api("GET", path).json()
    assert (shown["status"], shown["error"]["code"], "result" in shown) == ("canceled", "user_canceled", False)
    assert api("DELETE", path).status_code == 204
    assert error_of_task(api("GET", path)) == (404, "resource_not_exist")
    assert error_of_task(api("DELETE", "/analyze/tasks/nonsense")) == (404, "resource_not_exist")


def test_what_is_done_cannot_be_cancelled(inside: Api) -> None:
    path = f"/analyze/tasks/{task(inside)}"
    finished(inside, path)

    assert error_of_task(inside("POST", f"{path}/cancel")) == (409, "task_cannot_be_canceled")


def test_a_task_that_fails_says_so(inside: Api) -> None:
    fault(inside, fault="ends_failed", path="/analyze/tasks")

    done = finished(inside, f"/analyze/tasks/{task(inside)}")

    assert (done["status"], "result" in done, bool(done["error"]["message"])) == ("failed", False, True)
