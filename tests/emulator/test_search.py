"""Search: the sensible video for a sensible question, page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.emulator import ManualClock
from reconciler.emulator.twelvelabs import app
from tests.emulator.conftest import Api, InProcess
from tests.emulator.steps import MODELS, NOBODY, collection, entity, error, index, indexed, made, ready_asset, wait
from tests.emulator.test_videos import ready_video


def search(api: Api, in_index: str, text: str | None = None, **more: Any) -> httpx.Response:
    files = more.pop("files", None)
    data = {"index_id": in_index, "search_options": ["visual"], **more}
    if text is not None:
        data["query_text"] = text
    return api("POST", "/search", data=data, files=files)


def found(api: Api, in_index: str, text: str | None = None, **more: Any) -> list[str]:
    """The videos of the answer, best first."""
    reply = search(api, in_index, text, page_limit=50, **more)
    assert reply.status_code == 200, reply.text
    return list(dict.fromkeys(row["video_id"] for row in reply.json()["data"]))


def starts(api: Api, in_index: str, text: str, **more: Any) -> list[float]:
    """Where the clips of the answer begin."""
    return [row["start"] for row in search(api, in_index, text, page_limit=50, **more).json()["data"]]


def test_words_find_by_name_and_by_metadata_of_either_kind(api: Api) -> None:
    catalog = index(api)
    dunks = ready_video(api, catalog, "lebron_dunks.mp4")
    final = ready_video(api, catalog, "final.mp4", user_metadata={"opponent": "Golden State"})
    asset = ready_asset(api, "talk.mp4", b"talk", user_metadata=json.dumps({"topic": "Refereeing"}))
    talk = indexed(api, catalog, asset)
    wait(api, f"/indexes/{catalog}/indexed-assets/{talk}")

    assert found(api, catalog, "LeBron's dunk") == [dunks]
    assert found(api, catalog, "the golden state game") == [final]
    assert found(api, catalog, "refereeing") == [talk]
    assert sorted(found(api, catalog, "curling")) == sorted([dunks, final, talk]), "no word, yet something"
    assert found(api, catalog, "curling", filter=json.dumps({"filename": "none.mp4"})) == []


def test_an_answer_has_all_its_parts(api: Api) -> None:
    catalog = made(api("POST", "/indexes", json={"index_name": "a", "models": MODELS, "addons": ["thumbnail"]}))
    video = ready_video(api, catalog, user_metadata={"rating": 9.3})

    body = search(api, catalog, "final", include_user_metadata="true").json()

    row = body["data"][0]
    assert set(row) == {"start", "end", "video_id", "rank", "thumbnail_url", "user_metadata"}
    assert (row["video_id"], row["rank"], row["user_metadata"]) == (video, 1, {"rating": 9.3})
    assert 0 <= row["start"] < row["end"] <= body["search_pool"]["total_duration"]
    assert body["page_info"]["total_results"] == len(body["data"]) == 3
    assert body["search_pool"]["total_count"] == 1
    assert body["search_pool"]["index_id"] == catalog
    assert search(api, catalog, "final", include_user_metadata="true").json()["data"] == body["data"]


def test_the_rarer_word_ranks_higher(inside: Api) -> None:
    catalog = index(inside)
    for number in range(3):
        ready_video(inside, catalog, f"game-{number}.mp4")
    overtime = ready_video(inside, catalog, "game-overtime.mp4")

    assert found(inside, catalog, "overtime game")[0] == overtime


@pytest.fixture
def talking(tmp_path: Path) -> Iterator[tuple[InProcess, str, str]]:
    """An emulator with transcripts, an index, and a video in which two sentences are spoken."""
    said = [
        {"start": 1.0, "end": 3.0, "value": "Welcome back"},
        {"start": 13.0, "end": 15.0, "value": "What a rebound"},
    ]
    (tmp_path / "interview.mp4.json").write_text(json.dumps(said))
    api = InProcess(app(transcripts=str(tmp_path)))
    catalog = index(api)
    yield api, catalog, ready_video(api, catalog, "interview.mp4")
    api.close()
    api.emulator.close()


def test_what_is_said_is_found_where_it_is_said(talking: tuple[InProcess, str, str]) -> None:
    api, catalog, video = talking

    (row,) = search(api, catalog, "rebound", search_options=["transcription"]).json()["data"]

    assert (row["video_id"], row["start"], row["end"]) == (video, 12.0, 18.0)
    assert row["transcription"] == "What a rebound"
    assert starts(api, catalog, "rebounding", search_options=["transcription"]) == [12]
    assert starts(api, catalog, "rebound") != [12]
    lexical = {"search_options": ["transcription"], "transcription_options": "lexical"}
    assert starts(api, catalog, "rebounding", **lexical) != [12]


def test_and_wants_every_option_or_wants_one(talking: tuple[InProcess, str, str]) -> None:
    api, catalog, video = talking
    both = {"search_options": ["visual", "transcription"]}

    assert found(api, catalog, "interview", **both) == [video]
    assert len(starts(api, catalog, "interview", operator="and", **both)) == 3, "nothing fits, so it is anything"
    rows = search(api, catalog, "interview rebound", operator="and", **both).json()["data"]
    assert [row["start"] for row in rows] == [12.0]


def test_an_entity_stands_for_what_is_known_about_it(api: Api) -> None:
    catalog, players = index(api), collection(api)
    face = ready_asset(api, "lebron-1.jpg", b"face")
    lebron = entity(api, players, "Number 23", [face], metadata={"team": "Lakers"})
    ready_video(api, catalog, "other.mp4")
    by_picture = ready_video(api, catalog, "lebron_dunks.mp4")
    by_team = ready_video(api, catalog, "lakers.mp4")

    assert sorted(found(api, catalog, f"<@{lebron}>")) == sorted([by_picture, by_team])
    assert found(api, catalog, f"<@{lebron}> dunks")[0] == by_picture
    assert error(search(api, catalog, f"<@{NOBODY}> runs")) == (400, "resource_not_exist")
    assert error(search(api, catalog, "<@somebody> runs")) == (400, "parameter_invalid")


def test_a_video_that_shows_an_entity_itself_comes_first(inside: Api) -> None:
    catalog, players = index(inside), collection(inside)
    ready_video(inside, catalog, "james.mp4")
    asset = ready_asset(inside, "unnamed.mp4", b"unnamed")
    video = indexed(inside, catalog, asset)
    wait(inside, f"/indexes/{catalog}/indexed-assets/{video}")
    lebron = entity(inside, players, "James", [asset])

    assert found(inside, catalog, f"<@{lebron}>")[0] == video
    assert video in found(inside, catalog, "james")


def test_a_picture_finds_by_its_name_by_whom_it_shows_or_at_least_something(api: Api) -> None:
    catalog, players = index(api), collection(api)
    dunks, lakers = ready_video(api, catalog, "dunks.mp4"), ready_video(api, catalog, "lakers.mp4")
    entity(api, players, "Lakers", [ready_asset(api, "x.jpg", b"face")])
    image = {"query_media_type": "image"}

    assert found(api, catalog, query_media_url="https://example.org/dunk.jpg", **image) == [dunks]
    assert found(api, catalog, files=[("query_media_file", ("q.jpg", b"face"))], **image) == [lakers]
    unknown = [("query_media_file", (f"{number}.png", bytes([number]))) for number in range(2)]
    assert sorted(found(api, catalog, files=unknown, **image)) == sorted([dunks, lakers])
    assert found(api, catalog, "dunks", files=unknown, **image) == [dunks]


def test_grouped_by_video(api: Api) -> None:
    catalog = index(api)
    one, two = ready_video(api, catalog, "game one.mp4"), ready_video(api, catalog, "game two.mp4")

    body = search(api, catalog, "game", group_by="video").json()

    assert sorted(row["id"] for row in body["data"]) == sorted([one, two])
    assert all({clip["video_id"] for clip in row["clips"]} == {row["id"]} for row in body["data"])
    assert (body["page_info"]["total_results"], body["page_info"]["total_inner_matches"]) == (2, 6)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"filename": "a.mp4"}, "a"),
        ({"filename": "a"}, ""),
        ({"rating": 9.3}, "a"),
        ({"rating": {"gte": 5, "lte": 9}}, "b"),
        ({"rating": {"gte": 5}, "seen": True}, "a"),
        ({"seen": False}, ""),
        ({"league": "nba"}, "b"),
        ({"league": "NBA"}, ""),
        ({"width": 1280}, "ab"),
        ({"duration": {"gte": 601}}, ""),
        ({"size": {"lte": 100}}, "ab"),
        ({"id": []}, ""),
        ({}, "ab"),
    ],
)
def test_filters(inside: Api, wanted: dict[str, Any], names: str) -> None:
    catalog = index(inside)
    videos = {
        "a": ready_video(inside, catalog, "a.mp4", user_metadata={"rating": 9.3, "seen": True}),
        "b": ready_video(inside, catalog, "b.mp4", user_metadata={"rating": 7, "league": "nba"}),
    }

    assert set(found(inside, catalog, "mp4", filter=json.dumps(wanted))) == {videos[name] for name in names}
    assert found(inside, catalog, "mp4", filter=json.dumps({"id": [videos["a"], NOBODY]})) == [videos["a"]]


@pytest.mark.parametrize(
    "wanted", ["[", "[]", "5", '{"a": null}', '{"a": [1]}', '{"rating": {"gt": 5}}', '{"id": 5}', '{"width": "x"}']
)
def test_filters_that_are_wrong(inside: Api, wanted: str) -> None:
    assert error(search(inside, index(inside), "x", filter=wanted)) == (400, "search_filter_invalid")


def test_pages_by_token(api: Api) -> None:
    catalog = index(api)
    for number in range(5):
        ready_video(api, catalog, f"game-{number}.mp4", user_metadata={"number": number})
    whole = search(api, catalog, "game", page_limit=50).json()
    assert "next_page_token" not in whole["page_info"]

    pages = [search(api, catalog, "game", page_limit=6).json()]
    while token := pages[-1]["page_info"].get("next_page_token"):
        pages.append(api("GET", f"/search/{token}").json())

    assert [row for page in pages for row in page["data"]] == whole["data"]
    assert [len(page["data"]) for page in pages] == [6, 6, 3]
    assert "prev_page_token" not in pages[0]["page_info"]
    back = api("GET", f"/search/{pages[1]['page_info']['prev_page_token']}", params={"include_user_metadata": "true"})
    assert [row["video_id"] for row in back.json()["data"]] == [row["video_id"] for row in pages[0]["data"]]
    assert all("user_metadata" in row for row in back.json()["data"])


def test_a_token_that_is_wrong_or_old(inside: Api) -> None:
    catalog = index(inside)
    for number in range(2):
        ready_video(inside, catalog, f"game-{number}.mp4")
    token = search(inside, catalog, "game", page_limit=1).json()["page_info"]["next_page_token"]
    bad = ["nonsense", f"{NOBODY}{NOBODY[:8]}-2", token.split("-")[0] + "-99", token + "0000"]

    for sent in bad:
        reply = inside("GET", f"/search/{sent}")
        assert (reply.status_code, set(reply.json()), reply.json()["error_code"]) == (
            400,
            {"error_code", "message"},
            400,
        )
    assert inside("GET", f"/search/{token}", params={"include_user_metadata": "x"}).json()["error_code"] == 400
    assert inside("GET", f"/search/{token}").status_code == 200
    inside.emulator.clock.advance(901)
    assert "expired" in inside("GET", f"/search/{token}").json()["message"]


def test_old_results_are_forgotten_and_pages_survive_a_restart(tmp_path: Path) -> None:
    api = InProcess(app(tmp_path / "emulator.db"))
    catalog = index(api)
    for number in range(2):
        ready_video(api, catalog, f"game-{number}.mp4")
    search(api, catalog, "game", page_limit=1)
    api.emulator.clock.advance(48 * 3600)
    token = search(api, catalog, "game", page_limit=1).json()["page_info"]["next_page_token"]
    api.close()
    api.emulator.close()

    again = InProcess(app(tmp_path / "emulator.db"))

    assert again("GET", f"/search/{token}").status_code == 200
    kept = again.emulator.store.db.execute("SELECT count(*) FROM objects WHERE kind = 'search'").fetchone()
    assert kept == (1,)
    again.close()
    again.emulator.close()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, "parameter_not_provided"),
        ({"query_text": "x", "search_options": []}, "parameter_not_provided"),
        ({"query_text": "x", "search_options": ["smell"]}, "search_option_not_supported"),
        ({"query_text": "x", "group_by": "day"}, "parameter_invalid"),
        ({"query_text": "x", "operator": "xor"}, "parameter_invalid"),
        ({"query_text": "x", "page_limit": "51"}, "parameter_invalid"),
        ({"query_text": "x", "transcription_options": "loud"}, "parameter_invalid"),
        ({"query_text": "x", "include_user_metadata": "perhaps"}, "parameter_invalid"),
        ({"query_text": "word " * 501}, "parameter_invalid"),
        ({"query_text": "x", "threshold": "high"}, "parameter_unknown"),
        ({"query_media_type": "image"}, "parameter_not_provided"),
        ({"query_media_url": "https://example.org/a.jpg"}, "parameter_not_provided"),
        ({"query_media_url": "https://example.org/a.jpg", "query_media_type": "video"}, "parameter_invalid"),
        ({"query_media_url": "https://example.org/a.mp4", "query_media_type": "image"}, "parameter_invalid"),
        ({"query_media_url": ["https://example.org/a.jpg"] * 11, "query_media_type": "image"}, "parameter_invalid"),
        ({"query_text": "x", "index_id": NOBODY}, "resource_not_exist"),
    ],
)
def test_a_search_that_is_wrong(inside: Api, sent: dict[str, Any], code: str) -> None:
    assert error(search(inside, index(inside), **sent)) == (400, code)


def test_what_the_index_was_not_made_for(inside: Api) -> None:
    inside.emulator.set_options({"vintage": "2026-07"})
    silent = [{"model_name": "marengo3.0", "model_options": ["visual"]}]
    pegasus = [{"model_name": "pegasus1.2", "model_options": ["visual", "audio"]}]
    mute = made(inside("POST", "/indexes", json={"index_name": "mute", "models": silent}))
    writer = made(inside("POST", "/indexes", json={"index_name": "writer", "models": pegasus}))

    assert error(search(inside, mute, "x", search_options=["audio"])) == (400, "search_option_not_supported")
    assert error(search(inside, mute, "x", search_options=["transcription"])) == (400, "search_option_not_supported")
    assert error(search(inside, writer, "x")) == (400, "index_not_supported_for_search")


def test_only_what_is_ready_is_found_and_by_the_clock_without_a_look() -> None:
    clock = ManualClock()
    api = InProcess(app(clock=clock, speed="real"))
    catalog, asset = index(api), ready_asset_by_clock(api, clock)
    video = indexed(api, catalog, asset)

    assert found(api, catalog, "final") == []
    clock.advance(60)
    assert found(api, catalog, "final") == [video]
    api.close()
    api.emulator.close()


def ready_asset_by_clock(api: Api, clock: ManualClock) -> str:
    files = {"file": ("final.mp4", b"film")}
    asset = made(api("POST", "/assets", data={"method": "direct"}, files=files))
    clock.advance(60)
    return asset


def test_too_many_searches_get_no_body(api: Api) -> None:
    catalog = index(api)
    api.emulator.set_options({"requests_per_minute": {"search": 1}})
    search(api, catalog, "x")

    refused = search(api, catalog, "x")

    assert (refused.status_code, refused.content) == (429, b"")
