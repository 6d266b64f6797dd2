"""Rate limits and quotas by plan; whole numbers; how fast instant is."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any, get_args

import httpx
import pytest

from reconciler.cli import emulate
from reconciler.emulator import ManualClock
from reconciler.emulator.twelvelabs import app
from reconciler.emulator.twelvelabs.options import PlanName, Vintage
from reconciler.emulator.twelvelabs.rates import PLANS, QUOTAS
from tests.emulator.conftest import Api, InProcess
from tests.emulator.steps import error, index, indexed, ready_asset, upload, wait
from tests.emulator.test_tasks import task

FILM = "https://example.org/lebron_dunks.mp4"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def planned(clock: ManualClock) -> Any:
    """On the free plan."""
    emulator = app(clock=clock, plan="free")
    api = InProcess(emulator)
    yield api
    api.close()
    emulator.close()


def search(api: Api) -> httpx.Response:
    return api("POST", "/search", data={"index_id": "0" * 24, "search_options": "visual", "query_text": "x"})


def embed_film(api: Api) -> httpx.Response:
    body = {"input_type": "video", "model_name": "marengo3.0", "video": {"media_source": {"url": FILM}}}
    return api("POST", "/embed-v2", json=body)


def test_uploads_and_indexing_share_what_a_plan_has(planned: InProcess, clock: ManualClock) -> None:
    catalog, asset = index(planned), ready_asset(planned)
    for _ in range(58):
        upload(planned)

    last = planned("POST", f"/indexes/{catalog}/indexed-assets", json={"asset_id": asset})
    refused = planned("POST", "/assets", data={"method": "url", "url": FILM})

    assert (last.status_code, last.headers["x-ratelimit-remaining"], last.headers["x-ratelimit-limit"]) == (
        202,
        "0",
        "60",
    )
    assert (error(refused), "(60req/1min)" in refused.text) == ((429, "too_many_requests"), True)
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert planned("GET", "/assets").status_code == 200, "reading is not limited"
    clock.advance(61)
    assert planned("POST", "/assets", data={"method": "url", "url": FILM}).status_code == 201


def test_a_days_requests_are_waited_for_until_the_day_is_over(planned: InProcess, clock: ManualClock) -> None:
    for _ in range(5):
        for _ in range(600):
            planned.emulator.limiter.take("", "search", planned.emulator.options, "flat")
        clock.advance(61)

    refused = search(planned)

    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 80_000
    clock.advance(86_400)
    assert search(planned).status_code == 400


def test_sound_and_video_have_limits_of_their_own_in_requests_and_in_minutes(planned: InProcess) -> None:
    minutes = planned.emulator.limiter
    for _ in range(25):
        minutes.spend("", "embed-media", "requests", 1, planned.emulator.options)

    assert error(embed_film(planned)) == (429, "too_many_requests")
    text = {"model_name": "marengo3.0", "text": "a"}
    assert planned("POST", "/embed", data=text).status_code == 200
    minutes.clear()
    minutes.spend("", "embed-media", "media_minutes", 599.9, planned.emulator.options)
    assert "(600min/1hour)" in embed_film(planned).text


def test_tokens_that_are_written_are_counted(planned: InProcess) -> None:
    planned.emulator.limiter.spend("", "analyze", "tokens", 29_999, planned.emulator.options)
    body = {"video": {"type": "url", "url": FILM}, "prompt": "x", "stream": False}

    assert "(30000tokens/1min)" in planned("POST", "/analyze", json=body).text


def test_limits_are_those_of_the_account_and_not_of_the_key() -> None:
    emulator = app(clock=ManualClock(), plan="free", keys={"one": "a", "two": "a", "three": "b"})
    api = InProcess(emulator)

    def sent(key: str) -> int:
        data = {"model_name": "marengo3.0", "text": "a"}
        return api("POST", "/embed", data=data, headers={"x-api-key": key}).status_code

    statuses = [sent("one") for _ in range(300)] + [sent("two") for _ in range(301)]
    assert statuses == [200] * 600 + [429]
    assert sent("three") == 200
    api.close()
    emulator.close()


def test_what_a_plan_holds(planned: InProcess) -> None:
    catalog = index(planned)
    asset = ready_asset(planned)
    members = f"/indexes/{catalog}/indexed-assets"
    assert planned("GET", f"/indexes/{catalog}").json()["expires_at"]

    busy = [planned("POST", members, json={"asset_id": asset}) for _ in range(6)]

    assert [reply.status_code for reply in busy] == [202] * 5 + [400]
    assert error(busy[-1]) == (400, "usage_limit_exceeded")
    assert planned("POST", "/entity-collections", json={"name": "one"}).status_code == 201
    assert error(planned("POST", "/entity-collections", json={"name": "two"})) == (400, "usage_limit_exceeded")


def test_later_tiers_have_more_of_everything() -> None:
    assert PLANS["free"] == PLANS["developer-1"]
    for family, rate in PLANS["free"].items():
        assert PLANS["developer-2"][family] == rate.times(2)
        assert PLANS["developer-3"][family] == rate.times(4)
    assert set(PLANS) == set(QUOTAS) == set(get_args(PlanName))


def test_the_command_has_every_plan_and_every_vintage() -> None:
    assert get_args(PlanName) == emulate.PLANS["twelvelabs"]
    assert get_args(Vintage) == emulate.VINTAGES["twelvelabs"]


def test_every_loop_that_waits_is_over_after_three_reads() -> None:
    """As instant as it is said to be: each kind of thing that becomes ready, with the options as they are."""
    api = InProcess(app())
    catalog, asset = index(api), ready_asset(api)
    store = api("POST", "/knowledge-stores", json={"name": "s"}).json()["_id"]
    source = {"media_source": {"url": FILM}}
    body = {"input_type": "video", "model_name": "marengo3.0", "video": source}
    analysis = {"video": {"type": "url", "url": FILM}, "prompt": "x"}
    people = api("POST", "/entity-collections", json={"name": "p"}).json()["_id"]
    face = {"name": "x", "asset_ids": [upload(api, "face.jpg")]}
    ways = [
        f"/assets/{upload(api)}",
        f"/indexes/{catalog}/indexed-assets/{indexed(api, catalog, asset)}",
        f"/tasks/{task(api, catalog)['_id']}",
        "/embed-v2/tasks/" + api("POST", "/embed-v2/tasks", json=body).json()["_id"],
        "/analyze/tasks/" + api("POST", "/analyze/tasks", json=analysis).json()["task_id"],
        f"/knowledge-stores/{store}/items/"
        + api("POST", f"/knowledge-stores/{store}/items", json={"asset_id": asset}).json()["_id"],
        f"/entity-collections/{people}/entities/"
        + api("POST", f"/entity-collections/{people}/entities", json=face).json()["_id"],
    ]

    for path in ways:
        seen = [api("GET", path).json()["status"] for _ in range(3)]
        assert seen[-1] == "ready", (path, seen)
    api.close()
    api.emulator.close()


def test_no_number_that_is_whole_has_a_point(api: Api) -> None:
    """As a strict client of integers wants it: in every answer, whatever the type of the field."""
    bodies: list[bytes] = []
    api.emulator.journal.listen(lambda exchange: bodies.append(exchange.response_body))
    catalog = index(api)
    for number in range(2):
        made = indexed(api, catalog, ready_asset(api, f"{number}.mp4", bytes([number]), user_metadata='{"n": 5.0}'))
        wait(api, f"/indexes/{catalog}/indexed-assets/{made}")
    task(api, catalog)
    data = {"index_id": catalog, "search_options": "visual", "query_text": "x", "page_limit": "1"}
    found = api("POST", "/search", data=data).json()
    api("GET", f"/search/{found['page_info']['next_page_token']}")
    for path in ("/assets", "/indexes", f"/indexes/{catalog}/videos", f"/indexes/{catalog}/indexed-assets", "/tasks"):
        api("GET", path)
    embed_film(api)
    analysis = {"video": {"type": "url", "url": FILM}, "prompt": "x", "stream": False}
    api("POST", "/analyze", json=analysis)

    written = [body for body in bodies if body]
    assert len(written) > 20
    for body in written:
        assert not re.search(rb"[\[:,]-?\d+\.0+[,\]}]", body), body[:500]
    assert type(found["search_pool"]["total_duration"]) is int
    assert all(json.loads(body) is not None for body in written)


def test_a_rate_says_what_it_counts() -> None:
    rate = PLANS["free"]["analyze"]

    assert {name: rate.most(*name.replace("_an_", "_a_").rsplit("_a_", 1)) for name in asdict(rate)} == asdict(rate)
