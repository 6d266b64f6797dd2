"""Assets, as a client sees them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.emulator.conftest import Api
from tests.emulator.steps import (
    NOBODY,
    collection,
    entity,
    error,
    index,
    indexed,
    made,
    ready_asset,
    rows,
    upload,
    wait,
)


def test_an_uploaded_file_is_processed_and_then_ready(api: Api) -> None:
    sent = {"method": "direct", "user_metadata": json.dumps({"season": 2024})}

    reply = api("POST", "/assets", data=sent, files={"file": ("final.mp4", b"film")})

    assert reply.status_code == 201
    assert reply.headers["x-api-version"] == "1.3"
    created = reply.json()
    assert {name: created[name] for name in ("method", "status", "filename", "file_type", "user_metadata")} == {
        "method": "direct",
        "status": "processing",
        "filename": "final.mp4",
        "file_type": "video/mp4",
        "user_metadata": {"season": 2024},
    }
    shown = wait(api, f"/assets/{created['_id']}")
    assert shown["status"] == "ready"
    assert shown["size"] == 4
    assert shown["duration"] > 0


def test_a_list_shows_what_retrieve_shows(api: Api) -> None:
    asset = ready_asset(api, enable_hls="true", enable_thumbnail="true")

    assert rows(api, "/assets") == [api("GET", f"/assets/{asset}").json()]


def test_what_is_not_settled_yet_is_not_shown(inside: Api) -> None:
    asset = upload(inside, enable_hls="true", enable_thumbnail="false")

    shown = inside("GET", f"/assets/{asset}").json()

    assert shown["hls"] == {"status": "processing"}
    assert not {"size", "duration", "technical_metadata", "user_metadata", "thumbnail"} & set(shown)


def test_a_url_is_an_asset_too_and_is_not_shown_again(inside: Api) -> None:
    asset = made(inside("POST", "/assets", data={"method": "url", "url": "https://cdn.example.org/a/clip%201.mov?x=1"}))

    shown = wait(inside, f"/assets/{asset}")

    assert (shown["method"], shown["filename"], shown["file_type"]) == ("url", "clip 1.mov", "video/quicktime")
    assert "cdn.example.org" not in json.dumps(shown)


@pytest.mark.parametrize(
    ("name", "sent", "kind"),
    [
        ("lebron.jpg", "image/jpeg", "image"),
        ("talk.MP3", "audio/mpeg", "audio"),
        ("talk.wav", "audio/x-wav", "audio"),
        ("film.MKV", "video/x-matroska", "video"),
        ("roster.pdf", "application/pdf", "document"),
    ],
)
def test_the_type_comes_from_the_name(inside: Api, name: str, sent: str, kind: str) -> None:
    asset = ready_asset(inside, name)

    assert [row["_id"] for row in rows(inside, "/assets", asset_types=kind)] == [asset]
    assert inside("GET", f"/assets/{asset}").json()["file_type"] == sent


def test_a_name_without_a_type_leaves_it_to_the_file(inside: Api) -> None:
    asset = upload(inside, "final.mov", filename="The final")

    shown = inside("GET", f"/assets/{asset}").json()

    assert (shown["filename"], shown["file_type"]) == ("The final", "video/quicktime")


def test_a_file_of_no_known_type_fails_and_says_so(inside: Api) -> None:
    asset = upload(inside, "notes.xyz123")

    shown = wait(inside, f"/assets/{asset}")

    assert shown["status"] == "failed"
    assert shown["error"]["message"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "parameter_not_provided"),
        ({"method": "carrier pigeon"}, "parameter_invalid"),
        ({"method": "direct"}, "parameter_not_provided"),
        ({"method": "url"}, "parameter_not_provided"),
        ({"method": "url", "url": "ftp://example.org/x.mp4"}, "parameter_invalid"),
        ({"method": "url", "url": "http://[broken"}, "parameter_invalid"),
        ({"method": "url", "url": "https://example.org/x.mp4", "colour": "red"}, "parameter_unknown"),
        ({"method": "url", "url": "https://example.org/x.mp4", "enable_hls": "maybe"}, "parameter_invalid"),
        ({"method": "url", "url": "https://example.org/x.mp4", "user_metadata": "{"}, "parameter_invalid"),
        ({"method": "url", "url": "https://example.org/x.mp4", "user_metadata": "[1]"}, "parameter_invalid"),
        ({"method": "url", "url": "https://example.org/x.mp4", "user_metadata": '{"a": {}}'}, "parameter_invalid"),
    ],
)
def test_a_create_that_is_wrong_is_refused(inside: Api, data: dict[str, str], code: str) -> None:
    assert error(inside("POST", "/assets", data=data)) == (400, code)
    assert rows(inside, "/assets") == []


def test_a_create_that_is_not_a_form_is_told_so(inside: Api) -> None:
    assert error(inside("POST", "/assets", json={"method": "url"})) == (400, "content_type_invalid")


def test_files_may_be_too_big_or_empty(inside: Api) -> None:
    inside.emulator.set_options({"max_direct_bytes": 3, "max_image_bytes": 2})
    file = {"method": "direct"}

    assert error(inside("POST", "/assets", data=file, files={"file": ("a.mp4", b"film")})) == (
        400,
        "video_filesize_too_large",
    )
    assert error(inside("POST", "/assets", data=file, files={"file": ("a.mp3", b"song")})) == (
        400,
        "audio_filesize_too_large",
    )
    assert error(inside("POST", "/assets", data=file, files={"file": ("a.jpg", b"jpg")})) == (
        400,
        "media_filesize_too_large",
    )
    assert error(inside("POST", "/assets", data=file, files={"file": ("a.mp4", b"")})) == (400, "parameter_invalid")


def test_pages_are_newest_first_and_empty_beyond_the_end(api: Api) -> None:
    ids = [upload(api, f"{number}.mp4") for number in range(5)]

    pages = [api("GET", "/assets", params={"page": page, "page_limit": 2}).json() for page in (1, 2, 3, 4, 10**18)]

    assert [[row["_id"] for row in page["data"]] for page in pages] == [
        [ids[4], ids[3]],
        [ids[2], ids[1]],
        [ids[0]],
        [],
        [],
    ]
    assert pages[0]["page_info"] == {"limit_per_page": 2, "page": 1, "total_page": 3, "total_results": 5}
    assert pages[3]["page_info"] == {"limit_per_page": 2, "page": 4, "total_page": 3, "total_results": 5}


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=x", "page_limit=0", "page_limit=51", "page=1.5", "page=²"]
)
def test_a_page_that_cannot_be_is_refused(inside: Api, query: str) -> None:
    assert error(inside("GET", f"/assets?{query}")) == (400, "parameter_invalid")


def test_a_page_has_ten_rows_unless_told(inside: Api) -> None:
    for number in range(11):
        upload(inside, f"{number}.mp4")

    assert len(inside("GET", "/assets").json()["data"]) == 10


def test_filters_of_the_list(inside: Api) -> None:
    film, song, face = upload(inside, "Final_1.MP4"), upload(inside, "final.mp3"), upload(inside, "face.png")

    def ids(query: str) -> list[str]:
        return [row["_id"] for row in inside("GET", f"/assets?{query}").json()["data"]]

    assert ids("filename=FINAL") == [song, film]
    assert ids("filename=l_1") == [film]
    assert ids("filename=%25") == []
    assert ids("asset_types=image&asset_types=audio") == [face, song]
    assert ids("asset_types[]=video") == [film]
    assert ids(f"asset_ids={film}&asset_ids={face}&asset_ids={NOBODY}") == [face, film]
    assert ids(f"asset_ids={film},{song}&asset_types=video") == [film]
    assert error(inside("GET", "/assets?asset_types=smell")) == (400, "parameter_invalid")
    assert error(inside("GET", "/assets?sort_by=filename")) == (400, "parameter_unknown")


@pytest.mark.parametrize(
    ("method", "before", "sent", "after"),
    [
        ("PATCH", {"a": 1, "b": "x"}, {"b": "y", "c": True}, {"a": 1, "b": "y", "c": True}),
        ("PATCH", {"a": 1, "b": "x"}, {"a": None}, {"b": "x"}),
        ("PATCH", {"a": 1}, {"a": "", "b": "", "c": [], "d": None}, {"a": 1}),
        ("PATCH", {"a": 1}, {}, {"a": 1}),
        ("PUT", {"a": 1, "b": "x"}, {"c": 2.5}, {"c": 2.5}),
        ("PUT", {"a": 1}, {"a": "", "b": None, "c": [], "d": ["x", "y"]}, {"d": ["x", "y"]}),
        ("PUT", {"a": 1}, {}, None),
        ("PUT", {}, {"zero": 0, "no": False, "exact": 2**53 - 1}, {"zero": 0, "no": False, "exact": 2**53 - 1}),
    ],
)
def test_metadata_merges_with_patch_and_is_replaced_with_put(
    inside: Api, method: str, before: dict[str, Any], sent: dict[str, Any], after: dict[str, Any] | None
) -> None:
    asset = upload(inside, user_metadata=json.dumps(before))

    reply = inside(method, f"/assets/{asset}/user-metadata", json={"user_metadata": sent})

    assert (reply.status_code, reply.content) == (204, b"")
    assert inside("GET", f"/assets/{asset}").json().get("user_metadata") == after


@pytest.mark.parametrize("value", [{"nested": 1}, [1], [["x"]], [{}], [None], 2**53, -(2**60)])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_metadata_that_cannot_be_kept_is_refused(inside: Api, method: str, value: object) -> None:
    asset = upload(inside, user_metadata='{"a": 1}')

    reply = inside(method, f"/assets/{asset}/user-metadata", json={"user_metadata": {"b": value}})

    assert error(reply) == (400, "parameter_invalid")
    assert inside("GET", f"/assets/{asset}").json()["user_metadata"] == {"a": 1}


def test_metadata_can_be_cleared(api: Api) -> None:
    asset = upload(api, user_metadata='{"a": 1}')

    assert api("DELETE", f"/assets/{asset}/user-metadata").status_code == 204
    assert "user_metadata" not in api("GET", f"/assets/{asset}").json()


def test_an_asset_that_is_not_there(inside: Api) -> None:
    body: dict[str, object] = {"user_metadata": {}}
    for method, path, status, more in [
        ("GET", "", 404, {}),
        ("DELETE", "", 400, {}),
        ("PATCH", "/user-metadata", 404, {"json": body}),
        ("PUT", "/user-metadata", 404, {"json": body}),
        ("DELETE", "/user-metadata", 404, {}),
        ("GET", "/indexed-assets", 400, {}),
        ("GET", "/entities", 400, {}),
    ]:
        assert error(inside(method, f"/assets/{NOBODY}{path}", **more)) == (status, "resource_not_exist")
        assert error(inside(method, f"/assets/nonsense{path}", **more)) == (400, "parameter_invalid")


def test_an_indexed_asset_cannot_be_deleted_unless_forced(api: Api) -> None:
    asset, catalog = ready_asset(api), index(api)
    member = indexed(api, catalog, asset)

    assert api("DELETE", f"/assets/{asset}").status_code == 409
    assert api("GET", f"/assets/{asset}").status_code == 200
    assert api("DELETE", f"/assets/{asset}", params={"force": "true"}).status_code == 204

    assert api("GET", f"/assets/{asset}").status_code == 404
    assert [row["_id"] for row in rows(api, f"/indexes/{catalog}/indexed-assets")] == [member]


def test_deleting_an_asset_unlinks_its_entities_without_a_word(api: Api) -> None:
    one, two, players = ready_asset(api, "1.jpg"), ready_asset(api, "2.jpg"), collection(api)
    both = entity(api, players, "Both", [one, two])
    only = entity(api, players, "Only", [one])

    assert api("DELETE", f"/assets/{one}").status_code == 204

    assert {row["_id"]: row["asset_ids"] for row in rows(api, f"/entity-collections/{players}/entities")} == {
        both: [two],
        only: [],
    }


def test_who_uses_an_asset(api: Api) -> None:
    face, film = ready_asset(api, "1.jpg"), ready_asset(api)
    here, there, players = index(api, "here"), index(api, "there"), collection(api)
    first, second = indexed(api, here, film), indexed(api, there, film)
    lebron = entity(api, players, "LeBron", [face], metadata={"team": "Lakers"})

    assert rows(api, f"/assets/{film}/indexed-assets") == [
        {"_id": second, "index": {"_id": there, "name": "there"}},
        {"_id": first, "index": {"_id": here, "name": "here"}},
    ]
    assert rows(api, f"/assets/{face}/indexed-assets") == []
    used = rows(api, f"/assets/{face}/entities")
    assert [(row["_id"], row["asset_ids"], row["metadata"]) for row in used] == [(lebron, [face], {"team": "Lakers"})]


def test_what_was_received_can_be_checked_though_the_vendor_would_not_show_it(api: Api) -> None:
    asset = upload(api, content=b"every byte")

    kept = api("GET", f"{api.origin}/_emulator/objects", params={"kind": "asset"}).json()["objects"]

    assert [(row["id"], row["size"], row["sha256"]) for row in kept] == [
        (asset, 10, hashlib.sha256(b"every byte").hexdigest())
    ]
    assert "sha256" not in api("GET", f"/assets/{asset}").text


def test_defaults_of_streams_depend_on_the_contract_that_is_followed(inside: Api) -> None:
    with_all = upload(inside)
    inside.emulator.set_options({"vintage": "2026-07"})
    plain = upload(inside)

    assert "hls" not in inside("GET", f"/assets/{plain}").json()
    assert {"hls", "thumbnail"} <= set(inside("GET", f"/assets/{with_all}").json())
