"""Embeddings of both versions: vectors that follow from content, spans that follow from the real duration."""

from __future__ import annotations

import base64
import io
import math
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.emulator.twelvelabs import app
from tests.emulator.conftest import Api, InProcess
from tests.emulator.steps import NOBODY, error, fault, index, indexed, ready_asset, rows, wait

DAY_S = 24 * 3600
FILM = "https://example.org/film.mp4"


def sound(seconds: int) -> bytes:
    """A real wav: what is measured must decide, not what is made up."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((1, 1, 1000, 0, "NONE", ""))
        file.writeframes(bytes(1000 * seconds))
    return written.getvalue()


SOUND = {"media_source": {"base64_string": base64.b64encode(sound(10)).decode()}}


def length(vector: list[float]) -> float:
    return math.sqrt(sum(number * number for number in vector))


def embed(api: Api, files: dict[str, Any] | None = None, **data: Any) -> httpx.Response:
    return api("POST", "/embed", data={"model_name": "marengo3.0", **data}, files=files)


def v2(api: Api, kind: str, part: Any, path: str = "/embed-v2", **more: Any) -> httpx.Response:
    return api("POST", path, json={"input_type": kind, "model_name": "marengo3.0", kind: part, **more})


# -- the first version


def test_a_text_has_a_unit_vector_of_its_own(api: Api) -> None:
    first, again, other = (embed(api, text=text).json() for text in ("a dog", "a dog", "a cat"))

    (segment,) = first["text_embedding"]["segments"]
    assert first == again
    assert (set(first), first["model_name"]) == ({"model_name", "text_embedding"}, "marengo3.0")
    assert len(segment["float"]) == 512
    assert length(segment["float"]) == pytest.approx(1, abs=1e-6)
    assert other["text_embedding"]["segments"] != [segment]


def test_pictures_and_sounds(api: Api) -> None:
    files = {"image_file": ("a.png", b"picture"), "audio_file": ("a.wav", sound(10))}
    body = embed(api, files=files, audio_start_offset_sec="3").json()

    assert body["image_embedding"]["metadata"] == {"input_filename": "a.png"}
    segments = body["audio_embedding"]["segments"]
    assert [(s["start_offset_sec"], s["end_offset_sec"]) for s in segments] == [(3.0, 9.0), (9.0, 10.0)]
    linked = embed(api, image_url="https://example.org/a.jpg").json()["image_embedding"]
    assert linked["metadata"] == {"input_url": "https://example.org/a.jpg"}


@pytest.mark.parametrize(
    ("data", "files", "code"),
    [
        ({}, {}, "parameter_not_provided"),
        ({"model_name": "marengo2.7", "text": "x"}, {}, "parameter_invalid"),
        ({"text": "x " * 501}, {}, "parameter_invalid"),
        ({"image_url": "nowhere"}, {}, "parameter_invalid"),
        ({"image_url": "https://example.org/a.gif"}, {}, "parameter_invalid"),
        ({}, {"image_file": ("a.mp4", b"film")}, "parameter_invalid"),
        ({"audio_start_offset_sec": "10"}, {"audio_file": ("a.wav", sound(10))}, "parameter_invalid"),
        ({"text": "x", "text_truncate": "end"}, {}, "parameter_unknown"),
    ],
)
def test_an_embed_that_is_wrong(inside: Api, data: dict[str, str], files: dict[str, Any], code: str) -> None:
    assert error(embed(inside, files=files or None, **data)) == (400, code)


def video_task(api: Api, **fields: Any) -> str:
    reply = api("POST", "/embed/tasks", data={"model_name": "marengo3.0", "video_url": FILM, **fields})
    assert reply.status_code == 200, reply.text
    assert set(reply.json()) == {"_id"}
    found: str = reply.json()["_id"]
    return found


def test_a_task_walks_and_then_has_all_vectors(api: Api) -> None:
    offsets = {"video_start_offset_sec": "0", "video_end_offset_sec": "5", "video_clip_length": "2"}
    path = f"/embed/tasks/{video_task(api, video_embedding_scope=['clip', 'video'], **offsets)}"

    unfinished = api("GET", path).json()
    status = api("GET", f"{path}/status").json()
    done = api("GET", path).json()

    assert (unfinished["status"], "segments" in unfinished["video_embedding"]) == ("processing", False)
    assert (set(status), status["status"]) == ({"_id", "status", "model_name", "video_embedding"}, "ready")
    assert done["video_embedding"]["metadata"] == {
        "input_url": FILM,
        "video_clip_length": 2.0,
        "video_embedding_scope": ["clip", "video"],
        "duration": done["video_embedding"]["metadata"]["duration"],
    }
    segments = done["video_embedding"]["segments"]
    assert {segment["embedding_option"] for segment in segments} == {"visual", "audio", "transcription"}
    spans = [(s["embedding_scope"], s["start_offset_sec"], s["end_offset_sec"]) for s in segments[:3]]
    # A last piece of less than 2 seconds is dropped, as the reference says.
    assert spans == [("clip", 0.0, 2.0), ("clip", 2.0, 4.0), ("video", 0.0, 5.0)]
    only = api("GET", path, params={"embedding_option": "audio"}).json()["video_embedding"]["segments"]
    assert {segment["embedding_option"] for segment in only} == {"audio"}


def test_the_same_bytes_have_the_same_vectors_as_when_they_are_indexed(inside: Api) -> None:
    film, catalog = b"film", index(inside)
    video = indexed(inside, catalog, ready_asset(inside, "a.mp4", film))
    wait(inside, f"/indexes/{catalog}/indexed-assets/{video}")
    asked = {"embedding_option": "visual"}
    data = {"model_name": "marengo3.0"}
    made = inside("POST", "/embed/tasks", data=data, files={"video_file": ("b.mp4", film)}).json()["_id"]
    wait(inside, f"/embed/tasks/{made}")

    of_index = inside("GET", f"/indexes/{catalog}/indexed-assets/{video}", params=asked).json()["embedding"]
    of_task = inside("GET", f"/embed/tasks/{made}", params=asked).json()["video_embedding"]

    assert of_task["segments"] == of_index["video_embedding"]["segments"]


@pytest.mark.parametrize(
    "fields",
    [
        {"video_url": ""},
        {"model_name": "x"},
        {"video_clip_length": "1"},
        {"video_clip_length": "many"},
        {"video_start_offset_sec": "1"},
        {"video_start_offset_sec": "5", "video_end_offset_sec": "4"},
        {"video_start_offset_sec": "0", "video_end_offset_sec": "1e6"},
        {"video_embedding_scope": "asset"},
        {"video_embedding_scope": "video"},
        {"video_url": "https://example.org/a.jpg"},
    ],
)
def test_a_task_that_is_wrong(inside: Api, fields: dict[str, str]) -> None:
    sent = {"model_name": "marengo3.0", "video_url": FILM, **fields}

    assert inside("POST", "/embed/tasks", data=sent).status_code == 400
    assert rows(inside, "/embed/tasks") == []


def test_results_are_kept_for_seven_days(inside: Api) -> None:
    old = video_task(inside)
    wait(inside, f"/embed/tasks/{old}")
    inside.emulator.clock.advance(6 * DAY_S)
    young = video_task(inside)

    assert [row["_id"] for row in rows(inside, "/embed/tasks")] == [young, old]
    assert inside("GET", f"/embed/tasks/{old}").status_code == 200
    inside.emulator.clock.advance(2 * DAY_S)
    assert [row["_id"] for row in rows(inside, "/embed/tasks")] == [young]
    assert error(inside("GET", f"/embed/tasks/{old}")) == (400, "resource_not_exist")
    since = rows(inside, "/embed/tasks", started_at="2026-01-01T00:00:00Z", ended_at="2026-01-05T00:00:00Z")
    assert [row["_id"] for row in since] == [old]
    assert error(inside("GET", "/embed/tasks", params={"started_at": "yesterday"})) == (400, "parameter_invalid")
    assert rows(inside, "/embed/tasks", status="failed") == []


# -- the second version


def test_text_pictures_and_both(api: Api) -> None:
    asset = ready_asset(api, "a.jpg", b"picture")
    picture = {"media_source": {"asset_id": asset}}

    of_text = v2(api, "text", {"input_text": "a dog"}).json()
    of_image = v2(api, "image", picture).json()
    of_both = v2(api, "text_image", {**picture, "input_text": "a dog"}).json()
    several = {"media_sources": [{"name": "it", "media_type": "image", "asset_id": asset}], "input_text": "<@it>"}
    of_several = v2(api, "multi_input", several).json()

    (one,) = of_text["data"]
    assert one["embedding"] == embed(api, text="a dog").json()["text_embedding"]["segments"][0]["float"]
    assert (one["embedding_option"], one["embedding_scope"], one["start_sec"], one["end_sec"]) == (None,) * 4
    assert "metadata" not in of_text
    assert of_image["metadata"] == {"input_type": "image", "input_filename": "a.jpg"}
    assert len({str(found["data"]) for found in (of_text, of_image, of_both, of_several)}) == 4
    assert of_several["metadata"] == {"input_type": "multi_input"}


@pytest.mark.parametrize("model", ["marengo3.0", "marengo3.5"])
def test_several_inputs_may_be_a_text_alone_since_the_newest_vintage(inside: Api, model: str) -> None:
    asked = {"input_text": "a man walking a dog on the beach"}

    found = v2(inside, "multi_input", asked, model_name=model).json()
    inside.emulator.set_options({"vintage": "2026-07"})

    assert [len(one["embedding"]) for one in found["data"]] == [512]
    assert error(v2(inside, "multi_input", asked)) == (400, "parameter_not_provided")
    inside.emulator.set_options({"vintage": "newest"})
    for nothing in ({}, {**asked, "media_sources": []}):
        assert v2(inside, "multi_input", nothing, model_name=model).status_code == 400


DYNAMIC = {"strategy": "dynamic", "dynamic": {"min_duration_sec": 3}}


@pytest.mark.parametrize(("kind", "source"), [("audio", SOUND), ("video", {"media_source": {"url": FILM}})])
def test_a_task_of_the_newer_model_is_cut_in_its_own_way(inside: Api, kind: str, source: dict[str, Any]) -> None:
    def task(model: str, **more: Any) -> Any:
        return v2(inside, kind, {**source, **more}, "/embed-v2/tasks", model_name=model)

    made = task("marengo3.5", segmentation={"temporal": DYNAMIC}, embedding_scope=["local"]).json()
    found = wait(inside, f"/embed-v2/tasks/{made['_id']}")

    assert {part["embedding_scope"] for part in found["data"]} == {"clip"}
    assert {part["embedding_option"] for part in found["data"]} == (
        {"audio"} if kind == "audio" else {"audio", "visual"}
    )
    for wrong in ({"segmentation": DYNAMIC}, {"embedding_option": ["transcription"]}, {"embedding_scope": ["video"]}):
        assert task("marengo3.5", **wrong).status_code == 400
    for newer in ({"segmentation": {"temporal": DYNAMIC}}, {"embedding_scope": ["local"]}):
        assert task("marengo3.0", **newer).status_code == 400


def test_sound_and_its_parts(api: Api) -> None:
    body = v2(api, "audio", {**SOUND, "embedding_type": ["separate_embedding", "fused_embedding"]}).json()

    assert body["metadata"] == {
        "input_type": "audio",
        "embedding_options": ["audio", "transcription"],
        "embedding_scopes": ["clip", "asset"],
        "duration": 10.0,
    }
    names = [(part["embedding_option"], part["embedding_scope"], part["start_sec"]) for part in body["data"][:3]]
    assert names == [("audio", "clip", 0.0), ("audio", "clip", 6.0), ("audio", "asset", 0.0)]
    assert {part["embedding_option"] for part in body["data"]} == {"audio", "transcription", "fused"}
    assert len(body["data"]) == 9


def test_clips_may_follow_scenes(inside: Api) -> None:
    part = {
        "media_source": {"url": FILM},
        "segmentation": {"strategy": "dynamic", "dynamic": {"min_duration_sec": 3}},
        "embedding_option": ["visual"],
        "embedding_scope": ["clip"],
        "end_sec": 30,
    }

    body = v2(inside, "video", part).json()

    spans = [(part["start_sec"], part["end_sec"]) for part in body["data"]]
    assert (spans[0][0], spans[-1][1]) == (0.0, 30.0)
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert all(end - start >= 3 for start, end in spans[:-1])
    assert "clip_length" not in body["metadata"]
    assert body["metadata"]["end_offset_sec"] == 30.0


@pytest.mark.parametrize(
    ("kind", "part", "code"),
    [
        ("text", None, "parameter_not_provided"),
        ("text", {"input_text": ""}, "parameter_invalid"),
        ("text", {"input_text": "x", "language": "en"}, "parameter_unknown"),
        ("text", "x", "parameter_invalid"),
        ("smell", {}, "parameter_invalid"),
        ("image", {"media_source": {}}, "parameter_not_provided"),
        ("image", {"media_source": {"asset_id": NOBODY}}, "resource_not_exist"),
        ("image", {"media_source": {"url": FILM}}, "parameter_invalid"),
        ("image", {"media_source": {"base64_string": "x" * 40_000_000}}, "media_filesize_too_large"),
        ("audio", {**SOUND, "start_sec": 8, "end_sec": 7}, "parameter_invalid"),
        ("audio", {**SOUND, "end_sec": 11}, "parameter_invalid"),
        ("audio", {**SOUND, "embedding_option": ["visual"]}, "parameter_invalid"),
        ("audio", {**SOUND, "segmentation": {"strategy": "fixed"}}, "parameter_not_provided"),
        ("audio", {**SOUND, "segmentation": {"strategy": "dynamic"}}, "parameter_invalid"),
        ("video", {"media_source": {"url": FILM}, "embedding_scope": ["video"]}, "parameter_invalid"),
        ("multi_input", {"media_sources": []}, "parameter_invalid"),
    ],
)
def test_a_second_embed_that_is_wrong(inside: Api, kind: str, part: Any, code: str) -> None:
    status = 413 if code == "media_filesize_too_large" else 400
    assert error(v2(inside, kind, part)) == (status, code)


def test_short_and_long(inside: Api) -> None:
    def of(seconds: int) -> dict[str, Any]:
        return {"media_source": {"base64_string": base64.b64encode(sound(seconds)).decode()}}

    assert error(v2(inside, "audio", of(3))) == (400, "video_duration_too_short")
    assert error(v2(inside, "audio", of(601))) == (400, "video_duration_too_long")
    assert v2(inside, "audio", of(601), path="/embed-v2/tasks").status_code == 202


def test_the_newer_contract(inside: Api) -> None:
    part = {"multi_input": {"input_text": "x"}}
    body = {"input_type": "multi_input", "model_name": "marengo3.5", **part, "embedding_dimension": 256}
    inside.emulator.set_options({"vintage": "2026-07"})
    assert error(inside("POST", "/embed-v2", json=body)) == (400, "parameter_invalid")

    inside.emulator.set_options({"vintage": "newest"})

    (one,) = inside("POST", "/embed-v2", json=body).json()["data"]
    assert len(one["embedding"]) == 256
    assert length(one["embedding"]) == pytest.approx(1, abs=1e-6)
    large = v2(inside, "image", {"media_source": {"base64_string": "x" * 40_000_000}})
    assert error(large) == (413, "media_filesize_too_large")


def test_a_second_task(api: Api) -> None:
    made = v2(api, "audio", SOUND, path="/embed-v2/tasks")
    path = f"/embed-v2/tasks/{made.json()['_id']}"

    first, second = api("GET", path).json(), api("GET", path).json()

    assert (made.status_code, made.json()["status"], made.json()["data"]) == (202, "processing", None)
    assert (first["status"], first["data"]) == ("processing", None)
    assert (second["status"], second["data"]) == ("ready", v2(api, "audio", SOUND).json()["data"])
    (row,) = rows(api, "/embed-v2/tasks")
    assert "data" not in row
    assert row["audio_embedding"]["metadata"]["audio_embedding_options"] == ["audio", "transcription"]
    assert rows(api, "/embed/tasks") == []
    api.emulator.clock.advance(8 * DAY_S)
    assert error(api("GET", path)) == (404, "resource_not_exist")
    assert error(api("GET", "/embed-v2/tasks/nonsense")) == (404, "resource_not_exist")


def test_a_video_task_in_a_list(inside: Api) -> None:
    v2(inside, "video", {"media_source": {"url": FILM}, "embedding_option": ["visual"]}, path="/embed-v2/tasks")

    (row,) = rows(inside, "/embed-v2/tasks", status="processing")

    assert row["video_embedding"]["metadata"]["video_clip_length"] == 6
    assert row["video_embedding"]["metadata"]["video_embedding_scope"] == ["clip", "asset"]


def test_a_task_that_fails_says_so(inside: Api) -> None:
    fault(inside, fault="ends_failed", path="/embed-v2/tasks")
    path = f"/embed-v2/tasks/{v2(inside, 'audio', SOUND, path='/embed-v2/tasks').json()['_id']}"

    done = wait(inside, path)

    assert (done["status"], done["data"], bool(done["error"]["message"])) == ("failed", None, True)


def test_limits_are_shared_and_come_in_the_envelope_of_the_endpoint(inside: Api) -> None:
    inside.emulator.set_options({"requests_per_minute": {"embed": 1}})
    embed(inside, text="x")

    assert error(embed(inside, text="x")) == (429, "too_many_requests")
    assert error(v2(inside, "text", {"input_text": "x"})) == (429, "too_many_requests")


def test_tasks_survive_a_restart(tmp_path: Path) -> None:
    api = InProcess(app(tmp_path / "emulator.db"))
    path = f"/embed/tasks/{video_task(api)}"
    before = wait(api, path)
    api.close()
    api.emulator.close()

    again = InProcess(app(tmp_path / "emulator.db"))

    shown = again("GET", path).json()
    assert shown == before
    assert shown["video_embedding"]["segments"]
    again.close()
    again.emulator.close()


# -- what only marengo3.5 takes: documents, images as tasks, several kinds of source at once


def newer(api: Api, kind: str, part: Any, path: str = "/embed-v2", **more: Any) -> httpx.Response:
    return v2(api, kind, part, path, **{"model_name": "marengo3.5", **more})


def document(api: Api, name: str = "guide.pdf", **fields: Any) -> httpx.Response:
    source = {"media_source": {"asset_id": ready_asset(api, name, name.encode())}}
    return newer(api, "document", {**source, **fields}, "/embed-v2/tasks")


def embedded(api: Api, reply: httpx.Response) -> dict[str, Any]:
    assert reply.status_code == 202, reply.text
    return wait(api, f"/embed-v2/tasks/{reply.json()['_id']}")


def test_a_pdf_has_a_vector_for_each_page(api: Api) -> None:
    made = document(api, embedding_option=["visual"], embedding_scope=["local"])
    found = embedded(api, made)

    assert made.json()["metadata"] == {"embedding_dimension": 512}
    pages = [part["start_page_number"] for part in found["data"]]
    assert pages == [part["end_page_number"] for part in found["data"]] == list(range(1, len(pages) + 1))
    assert {(part["embedding_option"], part["embedding_scope"], part["start_sec"]) for part in found["data"]} == {
        ("visual", "page", None)
    }
    assert found["metadata"] == {
        "input_type": "document",
        "input_filename": "guide.pdf",
        "embedding_options": ["visual"],
        "embedding_scopes": ["local"],
        "embedding_dimension": 512,
    }
    assert found["usage"] == {"input_tokens": {"document": len(pages)}, "truncated": False}
    (row,) = rows(api, "/embed-v2/tasks")
    assert row["document_embedding"] == {
        "metadata": {
            "input_filename": "guide.pdf",
            "document_embedding_option": ["visual"],
            "document_embedding_scope": ["local"],
        }
    }


def test_pages_in_quarters_and_the_whole_besides(inside: Api) -> None:
    quarters: dict[str, Any] = {"segmentation": {"spatial": {"strategy": "quadrants"}}}
    both = embedded(inside, document(inside, embedding_scope=["local", "asset"], **quarters))["data"]

    page = [part["quadrant"] for part in both if part["start_page_number"] == 1]
    assert page == [None, "top_left", "top_right", "bottom_left", "bottom_right"]
    assert [part["embedding_scope"] for part in both].count("asset") == 1


def test_a_text_is_one_or_cut_into_chunks_of_sentences(inside: Api) -> None:
    whole = embedded(inside, document(inside, "notes.md"))
    cut = {"strategy": "sentence", "max_sentences": 2, "overlap_sentences": 1}
    chunks = embedded(inside, document(inside, "a.txt", embedding_scope=["local"], segmentation={"sequential": cut}))

    assert [(part["embedding_option"], part["embedding_scope"]) for part in whole["data"]] == [("text", "asset")]
    assert [part["chunk_index"] for part in chunks["data"]] == list(range(len(chunks["data"])))
    assert {part["embedding_scope"] for part in chunks["data"]} == {"chunk"}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("a.pdf", {"embedding_option": ["text"]}),
        ("a.pdf", {"embedding_option": ["visual", "text"], "embedding_scope": ["local", "asset"]}),
        ("a.pdf", {"embedding_type": ["fused_embedding"]}),
        ("a.pdf", {"segmentation": {}}),
        ("a.pdf", {"segmentation": {"sequential": {"strategy": "sentence", "max_sentences": 2}}}),
        ("a.pdf", {"segmentation": {"spatial": {}}, "embedding_scope": ["asset"]}),
        ("a.txt", {"embedding_option": ["visual"]}),
        ("a.txt", {"embedding_scope": ["local"]}),
        ("a.txt", {"segmentation": {"spatial": {"strategy": "quadrants"}}}),
        ("a.mp4", {}),
    ],
)
def test_what_cannot_be_had_of_a_document(inside: Api, name: str, fields: dict[str, Any]) -> None:
    assert error(document(inside, name, **fields)) == (400, "parameter_invalid")


def test_an_image_as_a_task(inside: Api) -> None:
    face = {"media_source": {"url": "https://example.org/face.jpg"}}
    found = embedded(inside, newer(inside, "image", face, "/embed-v2/tasks", embedding_uncertainty=True))

    (only,) = found["data"]
    assert (only["embedding_option"], only["embedding_scope"]) == ("visual", "asset")
    assert len(only["embedding_uncertainty"]) == 512
    assert found["metadata"]["embedding_scopes"] == ["asset"]
    wrong = newer(inside, "image", {**face, "embedding_scope": ["local"]}, "/embed-v2/tasks")
    assert error(wrong) == (400, "parameter_invalid")


def test_documents_and_images_are_tasks_of_the_newer_model_only(inside: Api) -> None:
    face = {"media_source": {"url": "https://example.org/face.jpg"}}

    assert error(v2(inside, "image", face, "/embed-v2/tasks")) == (400, "parameter_invalid")
    inside.emulator.set_options({"vintage": "2026-07"})
    assert error(v2(inside, "image", face, "/embed-v2/tasks")) == (400, "parameter_invalid")


def test_the_newer_model_answers_at_once_to_several_inputs_only(inside: Api) -> None:
    for kind in ("video", "audio"):
        assert error(newer(inside, kind, SOUND)) == (400, "parameter_invalid")
    assert error(newer(inside, "text", {"input_text": "x"})) == (400, "parameter_invalid")


def several(api: Api, *sources: tuple[str, str], text: str | None = None, **more: Any) -> httpx.Response:
    part: dict[str, Any] = {} if text is None else {"input_text": text}
    named = [{"name": f"n{n}", "media_type": kind, "url": url} for n, (kind, url) in enumerate(sources)]
    return newer(api, "multi_input", {**part, **({"media_sources": named} if named else {})}, **more)


def test_sources_of_several_kinds(inside: Api) -> None:
    film, song = ("video", "https://example.org/a.mp4"), ("audio", "https://example.org/a.mp3")
    pdf, notes = ("document", "https://example.org/a.pdf"), ("document", "https://example.org/a.txt")

    body = several(inside, film, song, notes, text="<@n0> with <@n1>", embedding_dimension=64).json()
    assert [len(one["embedding"]) for one in body["data"]] == [64]
    assert body["usage"]["input_tokens"].keys() == {"video", "audio", "document", "text"}
    for good in ([pdf], [notes], [film, film]):
        assert several(inside, *good).status_code == 200
    for wrong in ([film, song], [pdf, film], [notes, notes]):
        assert error(several(inside, *wrong)) == (400, "parameter_invalid")
    assert error(several(inside, notes, text="all text")) == (400, "parameter_invalid")
    assert error(several(inside, film, text="<@nobody> walks")) == (400, "parameter_invalid")
    for wrong in ([notes], [film]):
        assert several(inside, *wrong, text="x", embedding_uncertainty=True).status_code == 400
    (sure,) = several(inside, text="x", embedding_uncertainty=True).json()["data"]
    assert len(sure["embedding_uncertainty"]) == len(sure["embedding"])


def test_what_lasts_too_long_for_an_answer_at_once(inside: Api) -> None:
    def sent(seconds: int) -> int:
        source = {"media_type": "audio", "base64_string": base64.b64encode(sound(seconds)).decode()}
        return newer(inside, "multi_input", {"media_sources": [source]}).status_code

    assert (sent(30), sent(31)) == (200, 400)


def test_a_text_that_is_too_long_is_cut_or_refused(inside: Api) -> None:
    long = "word " * 2001

    cut = several(inside, text=long, auto_truncate=True).json()
    assert (cut["usage"]["truncated"], cut["usage"]["truncation_reason"]) == (True, "model_context_window")
    assert error(several(inside, text=long, auto_truncate=False)) == (400, "parameter_invalid")


def test_the_newer_model_fuses_with_times_and_texts_only(inside: Api) -> None:
    source = {"media_source": {"url": FILM}, "embedding_type": ["fused_embedding"]}
    entries = [{"start": 0, "end": 2.5, "text": "A dunk"}]

    found = embedded(inside, newer(inside, "video", {**source, "time_based_metadata": entries}, "/embed-v2/tasks"))
    assert {part["embedding_option"] for part in found["data"]} == {"fused"}
    assert newer(inside, "video", source, "/embed-v2/tasks").status_code == 400
    backwards = {**source, "time_based_metadata": [{"start": 3, "end": 2, "text": "x"}]}
    assert newer(inside, "video", backwards, "/embed-v2/tasks").status_code == 400


def test_uncertainty_of_clips_and_not_of_the_whole(inside: Api) -> None:
    source = {"media_source": {"url": FILM}}

    assert newer(inside, "video", source, "/embed-v2/tasks", embedding_uncertainty=True).status_code == 400
    clips = {**source, "embedding_scope": ["clip"]}
    found = embedded(inside, newer(inside, "video", clips, "/embed-v2/tasks", embedding_uncertainty=True))
    assert all(len(part["embedding_uncertainty"]) == 512 for part in found["data"])
