"""The emulator made hostile, by rule; and the log that tells what happened."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from reconciler.emulator import Emulator
from tests.emulator.conftest import Api
from tests.emulator.steps import MODELS, collection, error, fault, index, indexed, ready_asset, rows, upload, wait

INDEX = {"index_name": "catalog", "models": MODELS}


def steer(api: Api, method: str, path: str, **more: Any) -> Any:
    return api(method, f"{api.origin}/_emulator{path}", **more).json()


def test_any_status_with_any_body(api: Api) -> None:
    fault(api, fault="status", path="/indexes", status=503, body={"code": "tired"}, headers={"X-Why": "asked"}, count=1)

    reply = api("GET", "/indexes")

    assert (reply.status_code, reply.json(), reply.headers["x-why"]) == (503, {"code": "tired"}, "asked")
    assert api("GET", "/indexes").status_code == 200


def test_a_status_may_have_a_text_or_nothing_in_it(inside: Api) -> None:
    fault(inside, fault="status", status=502, body="<html>Bad gateway</html>", count=1)
    fault(inside, fault="status", status=200, after=0, count=2)

    assert inside("GET", "/assets").text == "<html>Bad gateway</html>"
    assert (inside("GET", "/assets").status_code, inside("GET", "/assets").json()["data"]) == (200, [])


def test_a_burst_of_429s_with_and_without_retry_after(api: Api) -> None:
    fault(api, fault="rate_limit", method="POST", count=1, retry_after=2)
    fault(api, fault="rate_limit", method="POST", after=1, count=1)

    first, second, third = (api("POST", "/indexes", json=INDEX) for _ in range(3))

    assert (first.status_code, first.headers["retry-after"], error(first)[1]) == (429, "2", "too_many_requests")
    assert (second.status_code, "retry-after" in second.headers) == (429, False)
    assert third.status_code == 201


def test_a_connection_dropped_before_does_nothing(api: Api) -> None:
    fault(api, fault="drop_before", method="POST", path="/indexes", count=1)

    with pytest.raises(httpx.TransportError):
        api("POST", "/indexes", json=INDEX)

    assert rows(api, "/indexes") == []


def test_a_connection_dropped_after_has_done_it(api: Api) -> None:
    fault(api, fault="drop_after", method="POST", path="/indexes", count=1)

    with pytest.raises(httpx.TransportError):
        api("POST", "/indexes", json=INDEX)

    assert [row["index_name"] for row in rows(api, "/indexes")] == ["catalog"]


def test_an_answer_cut_in_the_middle(api: Api) -> None:
    fault(api, fault="cut", method="POST", path="/indexes", count=1)
    fault(api, fault="cut", method="GET", path="/indexes", sent=0, count=1)

    with pytest.raises(httpx.RemoteProtocolError):
        api("POST", "/indexes", json=INDEX)
    with pytest.raises(httpx.RemoteProtocolError):
        api("GET", "/indexes")

    assert len(rows(api, "/indexes")) == 1


def test_a_cut_is_told_from_a_whole_answer_even_without_a_body(inside: Api) -> None:
    catalog = index(inside)
    fault(inside, fault="cut", method="DELETE", count=1)

    with pytest.raises(httpx.RemoteProtocolError):
        inside("DELETE", f"/indexes/{catalog}")

    assert rows(inside, "/indexes") == []


def test_who_gives_up_waiting_has_done_it_all_the_same(inside: Api) -> None:
    fault(inside, fault="delay", delay_s=60, method="POST", count=1)

    with pytest.raises(httpx.ReadTimeout):
        inside("POST", "/indexes", json=INDEX)

    assert len(rows(inside, "/indexes")) == 1


def test_a_short_delay_is_only_a_delay(api: Api) -> None:
    fault(api, fault="delay", delay_s=0.01)

    assert api("GET", "/indexes").status_code == 200


def pages(api: Api, *, limit: int) -> tuple[list[str], set[int]]:
    """The names on pages 1 and 2, and the totals that they claim."""
    found = [api("GET", "/entity-collections", params={"page": page, "page_limit": limit}).json() for page in (1, 2)]
    names = [row["name"] for page in found for row in page["data"]]
    return names, {page["page_info"]["total_results"] for page in found}


def test_pages_that_are_not_what_they_claim(api: Api) -> None:
    for name in "abcd":
        collection(api, name)

    def with_rule(**rule: Any) -> tuple[str, set[int]]:
        fault(api, path="/entity-collections", **rule)
        names, totals = pages(api, limit=2)
        steer(api, "DELETE", "/faults")
        return "".join(names), totals

    assert with_rule(fault="short_page", query={"page": "1"}) == ("dba", {4})
    assert with_rule(fault="duplicate_row", query={"page": "2"}) == ("dcbba", {4})
    assert with_rule(fault="shift_page") == ("dccb", {4, 5})
    assert with_rule(fault="shift_page", rows=-1) == ("dca", {4, 3})
    assert with_rule(fault="shift_page", keep_total=True) == ("dccb", {4})
    assert pages(api, limit=2) == (["d", "c", "b", "a"], {4})


def test_a_list_that_lags_shows_what_was_there_some_reads_ago(api: Api) -> None:
    first = index(api, "first")
    fault(api, fault="lag", path="/indexes", reads=2)
    index(api, "second")
    api("DELETE", f"/indexes/{first}")

    seen = [[row["index_name"] for row in rows(api, "/indexes")] for _ in range(4)]

    assert seen == [["first"], ["first"], ["second"], ["second"]]
    assert error(api("GET", f"/indexes/{first}")) == (400, "resource_not_exist")


def test_a_status_still_moves_behind_a_list_that_lags(inside: Api) -> None:
    upload(inside)
    fault(inside, fault="lag", path="/assets", reads=1)

    assert [rows(inside, "/assets")[0]["status"] for _ in range(4)] == [
        "processing",
        "processing",
        "ready",
        "ready",
    ]


def test_an_asset_that_fails_and_one_that_never_gets_ready(api: Api) -> None:
    fault(api, fault="ends_failed", path="/assets", method="POST", contains="broken", count=1)
    fault(api, fault="never_ready", path="/assets", method="POST", contains="slow", count=1)
    good, broken, slow = upload(api, "good.mp4"), upload(api, "broken.mp4"), upload(api, "slow.mp4")

    assert wait(api, f"/assets/{good}")["status"] == "ready"
    failed = wait(api, f"/assets/{broken}")
    assert (failed["status"], bool(failed["error"]["message"])) == ("failed", True)
    assert {api("GET", f"/assets/{slow}").json()["status"] for _ in range(9)} == {"processing"}


def test_indexing_that_fails_and_indexing_that_never_ends(inside: Api) -> None:
    asset, catalog = ready_asset(inside), index(inside)
    path = f"/indexes/{catalog}/indexed-assets"
    fault(inside, fault="ends_failed", path="/indexes/*/indexed-assets", method="POST", count=1)
    failing = indexed(inside, catalog, asset)
    fault(inside, fault="never_ready", path="/indexes/{index_id}/indexed-assets", method="POST", count=1)
    hanging = indexed(inside, catalog, asset)

    seen = [inside("GET", f"{path}/{failing}").json()["status"] for _ in range(5)]
    assert seen == ["pending", "validating", "queued", "indexing", "failed"]
    assert [inside("GET", f"{path}/{hanging}").json()["status"] for _ in range(9)][-1] == "indexing"


def test_chance_is_the_same_in_every_run(emulator: Emulator, inside: Api) -> None:
    def drawn(seed: int) -> str:
        emulator.reset()
        emulator.add_fault({"fault": "status", "probability": 0.5, "seed": seed})
        return "".join(str(inside("GET", "/assets").status_code // 100) for _ in range(20))

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert set(drawn(1)) == {"2", "5"}


def test_counts_after_and_patterns(inside: Api) -> None:
    catalog = index(inside)
    fault(inside, fault="status", status=500, path="/indexes/*", after=1, count=2)

    statuses = [inside("GET", f"/indexes/{catalog}").status_code for _ in range(5)]

    assert statuses == [200, 500, 500, 200, 200]
    assert inside("GET", "/indexes").status_code == 200
    assert steer(inside, "GET", "/faults")["rules"][0]["fired"] == 2


@pytest.mark.parametrize(
    "rule",
    [
        {},
        [1],
        {"fault": "explode"},
        {"fault": "status", "status": 99},
        {"fault": "status", "count": 0},
        {"fault": "status", "count": 1.5},
        {"fault": "status", "probability": 2},
        {"fault": "status", "path": 5},
        {"fault": "status", "query": {"page": 2}},
        {"fault": "status", "colour": "red"},
        {"fault": "delay", "delay_s": True},
        {"fault": "shift_page", "keep_total": 1},
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_a_sentence(inside: Api, rule: object) -> None:
    reply = inside("POST", "http://emulator/_emulator/faults", json=rule)

    assert (reply.status_code, bool(reply.json()["error"])) == (400, True)


def test_the_log_counts_by_route(api: Api) -> None:
    asset = upload(api)
    api("GET", f"/assets/{asset}")
    api("GET", f"/assets/{asset}?x=1")
    api("GET", "/nowhere")
    fault(api, fault="drop_before", count=1)
    with pytest.raises(httpx.TransportError):
        api("GET", "/indexes")

    log = steer(api, "GET", "/requests")

    assert log["total"] == 5
    assert log["by_route"] == {"GET (no route)": 1, "GET /assets/{asset_id}": 2, "GET /indexes": 1, "POST /assets": 1}
    assert [(entry["status"], entry["faults"]) for entry in log["log"]] == [
        (201, []),
        (200, []),
        (400, []),
        (404, []),
        (None, ["drop_before"]),
    ]
    assert log["log"][2]["query"] == "x=1"
    steer(api, "DELETE", "/requests")
    assert steer(api, "GET", "/requests?limit=1") == {"total": 0, "by_route": {}, "log": []}


def test_reset_forgets_everything(api: Api) -> None:
    first = index(api)
    fault(api, fault="status")

    steer(api, "POST", "/reset")

    assert rows(api, "/indexes") == []
    assert steer(api, "GET", "/requests")["total"] == 1
    assert index(api) == first


def test_the_clock_can_be_put_forward(api: Api) -> None:
    before = steer(api, "GET", "/clock")["epoch"]

    assert steer(api, "POST", "/clock", json={"advance": 90})["epoch"] == before + 90
    assert "error" in steer(api, "POST", "/clock", json={"advance": -1})
    assert "error" in steer(api, "POST", "/clock", json={})


def test_options_can_be_seen_and_changed(api: Api) -> None:
    assert steer(api, "GET", "/options")["chunk_size"] == 1000
    assert (
        steer(api, "PATCH", "/options", json={"max_entities": 3, "reads": {"asset.processing": 0}})["max_entities"] == 3
    )
    assert api("POST", "/assets", data={"method": "url", "url": "https://a.org/b.mp4"}).json()["status"] == "processing"
    for wrong in (
        {"speed_of_light": 1},
        {"chunk_size": "big"},
        {"media_limits": 1},
        {"reads": {"a": -1}},
        [1],
        {"vintage": "x"},
    ):
        assert "error" in steer(api, "PATCH", "/options", json=wrong)
    assert steer(api, "GET", "/options")["max_entities"] == 3


def test_steering_says_what_there_is(api: Api) -> None:
    about = steer(api, "GET", "")

    assert {"drop_after", "lag", "shift_page"} <= set(about["faults"])
    assert "assets" in about["families"]
    assert "known" in steer(api, "GET", "/nonsense")
    assert steer(api, "GET", "/objects")["counts"] == {}
