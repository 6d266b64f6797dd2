"""Multipart uploads: sessions, URLs, chunks, and the asset at the end."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.emulator.conftest import Api
from tests.emulator.steps import NOBODY, error, fault, index, rows, wait

FILM = bytes(range(256)) * 10  # 2560 bytes: two chunks of a thousand, and one that is smaller
BEGIN = {"filename": "big.mp4", "type": "video", "total_size": len(FILM)}


def begin(api: Api, **fields: Any) -> dict[str, Any]:
    reply = api("POST", "/assets/multipart-uploads", json={**BEGIN, **fields})
    assert reply.status_code == 201, reply.text
    found: dict[str, Any] = reply.json()
    return found


def more(api: Api, session: dict[str, Any], start: int, count: int) -> list[dict[str, Any]]:
    path = f"/assets/multipart-uploads/{session['upload_id']}/presigned-urls"
    reply = api("POST", path, json={"start": start, "count": count})
    assert reply.status_code == 200, reply.text
    urls: list[dict[str, Any]] = reply.json()["upload_urls"]
    return urls


def put(api: Api, url: dict[str, Any]) -> dict[str, Any]:
    """Send the chunk that the URL is for; what is to be reported about it."""
    position = url["chunk_index"]
    content = FILM[(position - 1) * 1000 : position * 1000]
    reply = api("PUT", url["url"], content=content, headers={"x-api-key": ""})
    assert reply.status_code == 200, reply.text
    etag = reply.headers["etag"].strip('"')
    return {"chunk_index": position, "proof": etag, "proof_type": "etag", "chunk_size": len(content)}


def report(api: Api, session: dict[str, Any], chunks: list[dict[str, Any]]) -> Any:
    return api("POST", f"/assets/multipart-uploads/{session['upload_id']}", json={"completed_chunks": chunks})


def test_a_file_arrives_in_chunks_in_any_order(api: Api) -> None:
    session = begin(api, user_metadata={"a": 1, "b": ""}, enable_hls=True)

    assert (session["chunk_size"], session["total_chunks"], len(session["upload_urls"])) == (1000, 3, 2)
    urls = session["upload_urls"] + more(api, session, 3, 1)
    chunks = [put(api, url) for url in reversed(urls)]
    first = report(api, session, chunks[:1]).json()
    assert (first["processed_chunks"], first["total_completed"], "url" in first) == (1, 1, False)
    last = report(api, session, chunks).json()
    assert (last["processed_chunks"], last["duplicate_chunks"], last["total_completed"]) == (2, 1, 3)
    assert last["url"]
    assert last["asset_id"] == session["asset_id"]

    shown = wait(api, f"/assets/{session['asset_id']}")
    assert (shown["method"], shown["filename"], shown["size"]) == ("multipart", "big.mp4", 2560)
    assert (shown["user_metadata"], shown["hls"]["status"]) == ({"a": 1}, "ready")
    kept = api("GET", f"{api.origin}/_emulator/objects", params={"kind": "asset"}).json()["objects"]
    assert kept[0]["sha256"] == hashlib.sha256(FILM).hexdigest()


def test_the_asset_is_there_from_the_start_and_waits(inside: Api) -> None:
    session = begin(inside)

    seen = {inside("GET", f"/assets/{session['asset_id']}").json()["status"] for _ in range(5)}

    assert seen == {"processing"}
    path = f"/indexes/{index(inside)}/indexed-assets"
    assert error(inside("POST", path, json={"asset_id": session["asset_id"]})) == (400, "parameter_invalid")


def test_status_accounts_for_every_chunk(api: Api) -> None:
    session = begin(api)
    path = f"/assets/multipart-uploads/{session['upload_id']}"
    sent = put(api, session["upload_urls"][1])

    before = api("GET", path).json()
    report(api, session, [sent])
    after = api("GET", path, params={"page": 2, "page_limit": 1}).json()

    assert [(chunk["index"], chunk["status"]) for chunk in before["uploaded_chunks"]] == [
        (1, "pending"),
        (2, "pending"),
        (3, "pending"),
    ]
    assert [chunk["uploaded_at"] is None for chunk in before["uploaded_chunks"]] == [True, False, True]
    assert [(chunk["index"], chunk["status"]) for chunk in after["uploaded_chunks"]] == [(2, "completed")]
    assert (after["chunks_completed"], after["chunks_pending"], after["uploaded_size"]) == (1, 2, 1000)
    assert after["page_info"]["total_results"] == 3


def test_a_session_is_listed_until_it_is_complete_without_a_name(api: Api) -> None:
    session = begin(api)

    listed = rows(api, "/assets/multipart-uploads")
    assert [set(row) for row in listed] == [
        {"upload_id", "status", "total_size", "chunk_size", "total_chunks", "created_at", "expires_at"}
    ]
    report(api, session, [put(api, url) for url in session["upload_urls"] + more(api, session, 3, 9)])
    assert rows(api, "/assets/multipart-uploads") == []
    status = api("GET", f"/assets/multipart-uploads/{session['upload_id']}").json()
    assert status["status"] == "completed"


def test_a_url_is_for_one_chunk_once_and_for_an_hour(api: Api) -> None:
    session = begin(api)
    used, late = session["upload_urls"]
    put(api, used)

    assert api("PUT", used["url"], content=b"again").status_code == 403
    assert api("PUT", late["url"].replace("/2?", "/1?"), content=b"other chunk").status_code == 403
    assert api("PUT", late["url"][:-4] + "0000", content=b"forged").status_code == 403
    api("POST", f"{api.origin}/_emulator/clock", json={"advance": 3600})
    assert api("PUT", late["url"], content=b"late").status_code == 403
    put(api, more(api, session, 2, 1)[0])


def test_a_session_expires_after_a_day(inside: Api) -> None:
    session = begin(inside)
    sent = put(inside, session["upload_urls"][0])
    fresh = more(inside, session, 2, 1)[0]
    inside.emulator.clock.advance(24 * 3600)

    path = f"/assets/multipart-uploads/{session['upload_id']}"
    assert inside("GET", path).json()["status"] == "expired"
    assert rows(inside, "/assets/multipart-uploads")[0]["status"] == "expired"
    assert error(report(inside, session, [sent])) == (400, "parameter_invalid")
    assert error(inside("POST", f"{path}/presigned-urls", json={"start": 1, "count": 1})) == (400, "parameter_invalid")
    assert inside("PUT", fresh["url"], content=b"x").status_code == 403


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"proof": "0" * 32}, "parameter_invalid"),
        ({"chunk_size": 999}, "parameter_invalid"),
        ({"chunk_index": 2}, "parameter_invalid"),
        ({"chunk_index": 4}, "parameter_invalid"),
        ({"chunk_index": 0}, "parameter_invalid"),
        ({"chunk_index": "1"}, "parameter_invalid"),
        ({"proof_type": "crc"}, "parameter_invalid"),
        ({"proof": None}, "parameter_not_provided"),
    ],
)
def test_a_report_that_is_not_true_is_refused(inside: Api, change: dict[str, Any], code: str) -> None:
    session = begin(inside)
    sent = put(inside, session["upload_urls"][0])

    assert error(report(inside, session, [{**sent, **change}])) == (400, code)
    assert inside("GET", f"/assets/multipart-uploads/{session['upload_id']}").json()["chunks_completed"] == 0


def test_a_chunk_of_the_wrong_size_cannot_be_reported_and_can_be_sent_again(inside: Api) -> None:
    session = begin(inside)
    reply = inside("PUT", session["upload_urls"][0]["url"], content=b"too short")
    short = {
        "chunk_index": 1,
        "proof": reply.headers["etag"],
        "proof_type": "etag",
        "chunk_size": 9,
    }

    assert error(report(inside, session, [short])) == (400, "parameter_invalid")
    assert report(inside, session, [put(inside, more(inside, session, 1, 1)[0])]).json()["processed_chunks"] == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"filename": None}, "parameter_not_provided"),
        ({"type": "smell"}, "parameter_invalid"),
        ({"total_size": 0}, "parameter_invalid"),
        ({"total_size": "5"}, "parameter_invalid"),
        ({"total_size": 11 * 2**30}, "parameter_invalid"),
        ({"type": "image", "total_size": 33 * 2**20}, "parameter_invalid"),
        ({"user_metadata": '{"a": 1}'}, "parameter_invalid"),
        ({"method": "direct"}, "parameter_unknown"),
    ],
)
def test_a_session_that_is_wrong_is_refused(inside: Api, change: dict[str, Any], code: str) -> None:
    assert error(inside("POST", "/assets/multipart-uploads", json={**BEGIN, **change})) == (400, code)
    assert rows(inside, "/assets") == []


@pytest.mark.parametrize(("start", "count"), [(0, 1), (4, 1), (1, 51), (1, 0), (1, -1)])
def test_urls_that_cannot_be_are_refused(inside: Api, start: int, count: int) -> None:
    path = f"/assets/multipart-uploads/{begin(inside)['upload_id']}/presigned-urls"

    assert error(inside("POST", path, json={"start": start, "count": count})) == (400, "parameter_invalid")


def test_an_upload_that_is_not_there_is_404_without_a_body(inside: Api) -> None:
    path = f"/assets/multipart-uploads/{NOBODY}"

    for reply in (
        inside("GET", path),
        inside("POST", path, json={"completed_chunks": []}),
        inside("POST", f"{path}/presigned-urls", json={"start": 1, "count": 1}),
    ):
        assert (reply.status_code, reply.content) == (404, b"")


def test_a_url_expires_on_request(api: Api) -> None:
    session = begin(api)
    fault(api, fault="url_expired", method="PUT", path="/_storage/**", count=1)

    assert api("PUT", session["upload_urls"][0]["url"], content=b"x").status_code == 403
    put(api, session["upload_urls"][0])
