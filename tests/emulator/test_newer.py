"""What only the newer of the two contracts has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.emulator.twelvelabs import app
from tests.emulator.conftest import EVERY, Api, InProcess
from tests.emulator.steps import error, index, indexed, ready_asset, rows, upload, wait

SPOKEN = [{"start": 0, "end": 2, "value": "Welcome back"}, {"start": 2, "end": 6, "value": "to the final"}]


@pytest.fixture
def newer(tmp_path: Path) -> Iterator[Api]:
    """By the newer contract, with something to say in film.mp4."""
    (tmp_path / "film.mp4.json").write_text(json.dumps(SPOKEN))
    api = InProcess(app(reads=EVERY, transcripts=str(tmp_path)))
    yield api
    api.close()
    api.emulator.close()


def test_a_transcription_is_cut_as_it_is_asked_for(newer: Api) -> None:
    path = f"/assets/{ready_asset(newer, 'film.mp4')}/transcription"

    words = newer("GET", path).json()
    others = newer("GET", f"{path}?include=sentences,utterances").json()

    assert (words["status"], set(words)) == ("ready", {"status", "words"})
    assert [word["value"] for word in words["words"]] == ["Welcome", "back", "to", "the", "final"]
    assert words["words"][1] == {"start": 1.0, "end": 2.0, "value": "back"}
    assert others["sentences"] == SPOKEN
    assert others["utterances"] == [{"start": 0.0, "end": 6.0, "value": "Welcome back to the final"}]
    assert error(newer("GET", f"{path}?include=letters")) == (400, "parameter_invalid")


def test_a_transcription_is_ready_when_its_asset_is(newer: Api) -> None:
    film = upload(newer, "film.mp4")
    newer.emulator.add_fault({"fault": "ends_failed", "count": 1})
    broken = upload(newer, "film.mp4")

    statuses = [newer("GET", f"/assets/{film}/transcription").json()["status"] for _ in range(2)]
    wait(newer, f"/assets/{broken}")
    failed = newer("GET", f"/assets/{broken}/transcription").json()

    assert statuses == ["processing", "ready"]
    assert (failed["status"], set(failed)) == ("failed", {"status", "error"})


@pytest.mark.parametrize("name", ["silent.mp4", "silent.mp3"])
def test_where_nothing_is_said_the_transcription_is_empty(newer: Api, name: str) -> None:
    path = f"/assets/{ready_asset(newer, name)}/transcription?include=words,sentences,utterances"

    assert newer("GET", path).json() == {"status": "ready", "words": [], "sentences": [], "utterances": []}


def test_what_has_no_sound_has_no_transcription(newer: Api) -> None:
    picture, document = ready_asset(newer, "film.jpg"), ready_asset(newer, "film.pdf")

    for asset in (picture, document, "0" * 24):
        assert error(newer("GET", f"/assets/{asset}/transcription")) == (404, "resource_not_exist")


def test_the_older_contract_has_no_transcriptions(inside: Api) -> None:
    asset = ready_asset(inside)
    inside.emulator.set_options({"vintage": "2026-07"})

    assert error(inside("GET", f"/assets/{asset}/transcription")) == (404, "endpoint_not_exists")


def test_what_is_indexed_is_validated_first(newer: Api) -> None:
    catalog = index(newer)
    path = f"/indexes/{catalog}/indexed-assets"
    one = indexed(newer, catalog, ready_asset(newer))

    seen = [newer("GET", f"{path}/{one}").json()["status"] for _ in range(5)]

    assert seen == ["pending", "validating", "queued", "indexing", "ready"]


def test_what_was_validating_goes_on_when_the_contract_changes(newer: Api) -> None:
    catalog = index(newer)
    path = f"/indexes/{catalog}/indexed-assets/{indexed(newer, catalog, ready_asset(newer))}"
    seen = [newer("GET", path).json()["status"] for _ in range(2)]

    newer.emulator.set_options({"vintage": "2026-07"})
    seen += [newer("GET", path).json()["status"] for _ in range(2)]

    assert seen == ["pending", "validating", "queued", "indexing"]


def test_a_file_must_be_sent_as_one(inside: Api) -> None:
    sent = {"method": (None, "direct"), "file": (None, "not a file")}

    assert error(inside("POST", "/assets", files=sent)) == (400, "parameter_invalid")


def test_a_query_parameter_that_an_operation_has_not_is_refused_and_nothing_is_done(inside: Api) -> None:
    asset = ready_asset(inside)

    assert error(inside("GET", f"/assets/{asset}?fields=all")) == (400, "parameter_unknown")
    assert error(inside("POST", "/entity-collections?x=1", json={"name": "a"})) == (400, "parameter_unknown")
    assert rows(inside, "/entity-collections") == []
