"""What the live service was seen to answer, replayed through our client and our provider."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from reconciler.emulator.twelvelabs import app
from reconciler.errors import ApiError, RateLimited, ReconcilerError
from reconciler.http import Http
from reconciler.model import Live, Status
from reconciler.provider import Driver, Drivers
from reconciler.providers.twelvelabs import TwelveLabs
from reconciler.rest import Collection
from tests.support.running import Bench, NoTime, drivers_of

SEEN: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "cases" / "seen.yaml").read_text())


def provider(answer: httpx.Response, clock: NoTime | None = None) -> Drivers:
    inner = httpx.MockTransport(lambda request: answer)
    http = Http(
        "https://api.example.com/v1.3", headers={"x-api-key": "k" * 12}, transport=inner, clock=clock or NoTime()
    )
    return drivers_of(TwelveLabs(), http)


def live_of(driver: Driver, raw: Any, parent_id: str | None, *, detailed: bool) -> Live:
    """As the driver of a collection reads it."""
    assert isinstance(driver, Collection)
    return driver.live(raw, parent_id, detailed=detailed)


def replayed(name: str, clock: NoTime | None = None) -> Any:
    """The body as our client hands it on, or the error that it becomes."""
    case = SEEN[name]
    method, path = case["request"].split()
    answer = httpx.Response(case["status"], json=case["body"], headers=case.get("headers"))

    async def go() -> Any:
        async with provider(answer, clock).http as http:
            try:
                return await http.request(method, path.replace("{id}", "6a000000aaaaaaaaaaaaaaaa"), json={})
            except ApiError as error:
                return error

    return asyncio.run(go())


@pytest.mark.parametrize("name", SEEN)
def test_an_answer_that_was_seen_is_handed_on_or_is_an_error_that_says_it(name: str) -> None:
    case, found = SEEN[name], replayed(name)

    if case["status"] < 400:
        assert found == case["body"]
    else:
        assert isinstance(found, ApiError)
        assert (found.status, found.code) == (case["status"], case["body"]["code"])


def test_a_day_is_not_waited_for() -> None:
    clock = NoTime()

    found = replayed("a day's budget is spent", clock)

    assert isinstance(found, RateLimited)
    assert clock.slept_s < 600


def test_what_was_seen_of_a_video_is_read_as_an_indexed_asset() -> None:
    """Fields that nobody knows, times of nine decimals, whole numbers where the contract has fractions."""
    twelvelabs = provider(httpx.Response(500))
    ready, sized = SEEN["task ready"]["body"], SEEN["video retrieved"]["body"]
    body = {**ready, "asset_id": "6a000002cccccccccccccccc", "system_metadata": sized["system_metadata"]}

    live = live_of(twelvelabs["IndexedAsset"], body, "6a000000aaaaaaaaaaaaaaaa", detailed=True)

    assert (live.id, live.status, live.fields["stream"]) == (ready["_id"], Status.READY, True)
    assert live.facts["duration"] == 245.12
    body["system_metadata"] = ready["system_metadata"]
    whole = live_of(twelvelabs["IndexedAsset"], body, None, detailed=True)
    assert whole.facts["duration"] == 60


def test_unknown_fields_and_whole_numbers_of_every_kind_are_read() -> None:
    twelvelabs = provider(httpx.Response(500))
    more = {"_id": "6a000001bbbbbbbbbbbbbbbb", "created_at": "2026-07-20T20:00:00.087692515Z", "new": {"a": [1, None]}}
    asset = {**more, "status": "ready", "method": "url", "filename": "a.mp4", "duration": 60, "size": 5}
    models = [{"model_name": "marengo3.0", "model_options": ["visual"], "finetuned": False}]
    index = {**more, "index_name": "a", "models": models, "addons": [], "video_count": 1, "total_duration": 60}

    assert live_of(twelvelabs["Asset"], asset, None, detailed=True).facts["duration"] == 60
    assert live_of(twelvelabs["Index"], index, None, detailed=True).fields["name"] == "a"


STACK = "stack: s\nprovider: twelvelabs\nentity_collections:\n  people: {description: mine}\n  others: {}\n"


def test_collections_whose_names_must_be_their_own_are_made_renamed_and_found_again(tmp_path: Path) -> None:
    here = Bench(tmp_path, app(unique_collections=True))
    here.write({"stack.yaml": STACK})
    assert not here.apply().failed

    here.emulator.add_fault({"fault": "drop_after", "method": "POST", "path": "/entity-collections", "count": 1})
    here.write({"stack.yaml": STACK + "  third: {name: third}\n"})

    assert not here.apply().failed
    assert here.names("entity_collection") == ["others", "people", "third"]
    assert not here.survey().plan.changes


def test_with_the_key_of_another_account_nothing_is_concluded_and_nothing_goes(tmp_path: Path) -> None:
    """Lists are that account's, and single objects answer 403: neither says that anything is gone."""
    emulator = app(keys={"key": "", "theirs": "other"})
    here = Bench(tmp_path, emulator)
    here.write({"stack.yaml": STACK})
    assert not here.apply().failed
    emulator.keys = {"mine": "", "key": "other"}

    with contextlib.suppress(ReconcilerError):
        here.apply(destroy=True)

    assert here.names("entity_collection") == ["others", "people"]
