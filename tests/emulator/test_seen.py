"""The emulator answers as the live service was seen to: each case of tests/cases/seen.yaml, brought about."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from reconciler.emulator import ManualClock
from reconciler.emulator.twelvelabs import app
from tests.emulator.conftest import Api, InProcess
from tests.emulator.steps import MODELS, error, index, indexed, ready_asset, upload, wait
from tests.emulator.test_tasks import task, walk

SEEN: dict[str, Any] = yaml.safe_load((Path(__file__).parent.parent / "cases" / "seen.yaml").read_text())
FILM = "https://example.org/lebron_dunks.mp4"


def _task_made(api: Api) -> httpx.Response:
    files = {"video_file": ("a.mp4", b"film")}
    return api("POST", "/tasks", data={"index_id": index(api)}, files=files)


def _task_ready(api: Api) -> httpx.Response:
    made = task(api, index(api), "a.mp4")["_id"]
    walk(api, f"/tasks/{made}")
    return api("GET", f"/tasks/{made}")


def _video(api: Api) -> httpx.Response:
    catalog = index(api)
    made = indexed(api, catalog, ready_asset(api))
    wait(api, f"/indexes/{catalog}/indexed-assets/{made}")
    return api("GET", f"/indexes/{catalog}/videos/{made}")


def _name_taken(api: Api) -> httpx.Response:
    index(api, "taken")
    return api("POST", "/indexes", json={"index_name": "taken", "models": MODELS})


def _foreign(api: Api) -> httpx.Response:
    return api("GET", f"/indexes/{index(api)}", headers={"x-api-key": "theirs"})


def _denied(api: Api) -> httpx.Response:
    asset = upload(api)
    api.emulator.set_options({"denied": {"anything": ["assets"]}})
    return api("GET", f"/assets/{asset}")


def _budget(api: Api) -> httpx.Response:
    api.emulator.set_options({"requests_per_day": {"embed": 100}})
    for _ in range(100):
        _embed(api)
    return _embed(api)


def _embed(api: Api) -> httpx.Response:
    return api("POST", "/embed", data={"model_name": "marengo3.0", "text": "a"})


def _search(api: Api) -> httpx.Response:
    catalog = index(api)
    for number in range(3):
        made = indexed(api, catalog, ready_asset(api, f"{number}.mp4", bytes([number])))
        wait(api, f"/indexes/{catalog}/indexed-assets/{made}")
    sent = {"index_id": catalog, "search_options": "visual", "query_text": "nothing known", "page_limit": "5"}
    return api("POST", "/search", data=sent)


def _indexed_at_once(api: Api, name: str) -> httpx.Response:
    return api("POST", f"/indexes/{index(api)}/indexed-assets", json={"asset_id": upload(api, name)})


ASKED: dict[str, Callable[[Api], httpx.Response]] = {
    "task made": _task_made,
    "task ready": _task_ready,
    "video retrieved": _video,
    "index name taken": _name_taken,
    "another account's index": _foreign,
    "a family that the key may not use": _denied,
    "a day's budget is spent": _budget,
    "JSON for a form": lambda api: api("POST", "/embed", json={"text": "a"}),
    "a second embed that is wrong": lambda api: api(
        "POST", "/embed-v2", json={"model_name": "marengo3.0", "text": "a"}
    ),
    "an embed model that is gone": lambda api: api(
        "POST", "/embed", data={"model_name": "Marengo-retrieval-2.7", "text": "a"}
    ),
    "a page of a search": _search,
    "an image for an index": lambda api: _indexed_at_once(api, "face.jpg"),
    "an asset that is not ready": lambda api: _indexed_at_once(api, "film.mp4"),
}


def shape(value: Any) -> Any:
    """What a client can rely on: names and types, and of texts the way they are written."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    if not isinstance(value, str):
        return type(value).__name__
    if re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", value):
        return re.sub(r"\d", "0", value)
    return re.sub(r"[0-9a-f]", "0", value) if re.fullmatch(r"[0-9a-f]{24,32}(-\d+)?", value) else "text"


def within(expected: Any, found: Any) -> bool:
    """Whether all that was seen is there, and of its kind; a whole number stands for a number in either."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(within(value, found.get(name)) for name, value in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and all(within(expected[0], value) for value in found)
    return expected == found or (expected, found) == ("float", "int")


@pytest.fixture
def seen() -> Any:
    emulator = app(clock=ManualClock(), keys={"anything": "", "theirs": "other"})
    api = InProcess(emulator)
    yield api
    api.close()
    emulator.close()


@pytest.mark.parametrize("name", SEEN)
def test_the_emulator_answers_as_the_live_service_was_seen_to(seen: InProcess, name: str) -> None:
    case = SEEN[name]

    reply = ASKED[name](seen)

    assert reply.status_code == case["status"]
    assert within(shape(case["body"]), shape(reply.json())), (shape(case["body"]), shape(reply.json()))
    assert set(case.get("headers", ())) <= set(reply.headers)
    if reply.status_code >= 400:
        assert reply.json()["code"] == case["body"]["code"]


def test_words_that_were_seen_are_the_same(seen: InProcess) -> None:
    for name in ("index name taken", "JSON for a form", "a second embed that is wrong", "an embed model that is gone"):
        assert ASKED[name](seen).json() == SEEN[name]["body"]
    spent = ASKED["a day's budget is spent"](seen)
    assert spent.json()["message"] == (
        "You have exceeded the rate limit (100req/1day). Please try again later after 2026-01-02T00:00:00Z."
    )
    assert (spent.headers["retry-after"], spent.headers["x-ratelimit-used"]) == ("86400", "100")


def test_gist_and_summarize_are_gone(inside: Api) -> None:
    for path in ("/gist", "/summarize"):
        reply = inside("POST", path, json={"video_id": "0" * 24})
        assert (reply.status_code, reply.json()["code"]) == (410, "endpoint_deprecated")


def test_a_list_of_indexes_takes_deleted_and_expired(inside: Api) -> None:
    index(inside)

    assert len(inside("GET", "/indexes?deleted=false&expired=false").json()["data"]) == 1
    assert inside("GET", "/indexes?deleted=true").json()["data"] == []


def test_texts_may_come_as_parts_with_a_file_name(api: Api) -> None:
    """As the client of 2024 sends addresses and texts; and of some it sends the text beside it."""
    catalog = index(api)
    model = {"model_name": "marengo3.0"}

    def sent(path: str, data: dict[str, str], **parts: str) -> int:
        return api("POST", path, data=data, files={name: ("upload", text) for name, text in parts.items()}).status_code

    assert sent("/embed", {**model, "text": "a dog"}, text="a dog") == 200
    assert sent("/embed/tasks", {**model, "video_url": FILM}, video_url=FILM) == 200
    assert sent("/tasks", {"index_id": catalog}, video_url=FILM) == 201
    assert sent("/assets", {"method": "url"}, url=FILM) == 201
    query = {"index_id": catalog, "search_options": "visual", "query_text": "a dog"}
    assert sent("/search", query, _="") == 200
    del query["query_text"]
    assert sent("/search", query, query_text="a dog") == 200


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 70_000], ids=["no text", "far too much"])
def test_what_is_no_text_is_none(inside: Api, content: bytes) -> None:
    reply = inside("POST", "/embed", data={"model_name": "marengo3.0"}, files={"text": ("upload", content)})

    assert error(reply) == (400, "parameter_invalid")
