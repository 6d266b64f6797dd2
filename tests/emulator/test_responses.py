"""Responses: an agent's answers from a knowledge store, their citations, their stream, and conversations."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from tests.emulator.conftest import Api
from tests.emulator.steps import error, fault
from tests.emulator.test_knowledge import collection, ready_item, store


def respond(api: Api, in_store: str, content: str = "What happens in the final?", **more: Any) -> httpx.Response:
    message = {"type": "message", "role": "user", "content": content}
    asked = {"knowledge_store_id": in_store.rsplit("/", 1)[-1], "input": [message], "stream": False}
    return api("POST", "/responses", json={**asked, **more})


def text_of(reply: httpx.Response) -> str:
    found: str = reply.json()["output"][-1]["content"][0]["text"]
    return found


def events(reply: httpx.Response) -> list[dict[str, Any]]:
    """What an event stream tells, without its end."""
    *told, end = [part.split("data: ", 1) for part in reply.text.strip().split("\n\n")]
    assert end == ["", "[DONE]"]
    found = [json.loads(data) for _, data in told]
    assert [name for name, _ in told] == [f"event: {event['type']}\n" for event in found]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


@pytest.fixture
def games(api: Api) -> str:
    made = store(api)
    ready_item(api, made, "final.mp4")
    ready_item(api, made, "training.mp4")
    return made


def test_an_answer_cites_what_it_is_about(api: Api, games: str) -> None:
    reply = respond(api, games)

    shown = reply.json()
    assert (reply.status_code, shown["status"], shown["object"], shown["incomplete_details"]) == (
        200, "completed", "response", None,
    )  # fmt: skip
    for name, prefix in (("id", "resp_"), ("session_id", "sess_"), ("knowledge_store_id", "ks_")):
        assert re.fullmatch(rf"{prefix}[0-9a-f-]{{36}}", shown[name])
    (message,) = shown["output"]
    assert (message["role"], message["phase"]) == ("assistant", "final_answer")
    (part,) = message["content"]
    first = part["annotations"][0]
    assert part["text"][first["start_index"] : first["end_index"] + 1] == "[1]"
    assert (first["type"], first["title"]) == ("video_citation", "final.mp4")
    assert first["start_sec"] < first["end_sec"]
    assert shown["usage"]["output_tokens"] > shown["usage"]["input_tokens"] > 0


def test_the_same_question_has_the_same_answer(inside: Api) -> None:
    games = store(inside)
    ready_item(inside, games)

    assert text_of(respond(inside, games)) == text_of(respond(inside, games))


def test_a_store_with_nothing_ready(inside: Api) -> None:
    assert "nothing ready" in text_of(respond(inside, store(inside)))


def test_events_tell_the_answer_piece_by_piece(api: Api, games: str) -> None:
    whole = respond(api, games)

    reply = respond(api, games, stream=True)

    assert reply.headers["content-type"].startswith("text/event-stream")
    told = events(reply)
    kinds = list(dict.fromkeys(event["type"].removeprefix("response.") for event in told))
    assert kinds == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert "".join(event.get("delta", "") for event in told) == text_of(whole)
    assert (told[0]["response"]["status"], told[-1]["response"]["status"]) == ("in_progress", "completed")
    assert told[-1]["response"]["output"][0]["content"] == whole.json()["output"][0]["content"]


def test_the_steps_before_the_answer_if_they_are_wanted(inside: Api) -> None:
    games = store(inside)
    item = ready_item(inside, games)

    steps = respond(inside, games, include=["intermediate_outputs"]).json()["output"]
    told = events(respond(inside, games, include=["intermediate_outputs"], stream=True))

    assert [step["type"] for step in steps] == ["function_call", "function_call_output", "message"]
    assert steps[0]["call_id"] == steps[1]["call_id"]
    assert (json.loads(steps[0]["arguments"]).keys(), json.loads(steps[1]["output"])) == ({"query"}, [item])
    assert "response.function_call_arguments.done" in {event["type"] for event in told}


def test_a_conversation_goes_on(inside: Api) -> None:
    games, other = store(inside), store(inside, "other")
    begun = respond(inside, games).json()

    again = respond(inside, games, session_id=begun["session_id"]).json()

    assert again["session_id"] == begun["session_id"]
    assert again["output"][0]["id"] != begun["output"][0]["id"]
    assert respond(inside, games).json()["session_id"] != begun["session_id"]
    for wrong in (other, games):
        session = begun["session_id"] if wrong == other else "sess_none"
        assert error(respond(inside, wrong, session_id=session)) == (400, "parameter_invalid")
    assert inside("DELETE", games).status_code == 204
    left = inside.emulator.store.db.execute("SELECT parent FROM objects WHERE kind = 'response_session'").fetchall()
    assert left == []


def test_what_is_selected_is_what_is_spoken_of_also_later(inside: Api) -> None:
    games = store(inside)
    item, _ = ready_item(inside, games, "training.mp4"), ready_item(inside, games, "final.mp4")
    finals = collection(inside, games)
    inside("POST", f"{finals}/items/add", json={"item_ids": [item]})

    one = respond(inside, games, "Describe {{sel:0}}", selections=[{"kind": "item", "id": item}])
    chosen = {"kind": "collection", "id": finals.rsplit("/", 1)[-1]}
    some = respond(inside, games, "Sum up {{sel:0}}", selections=[chosen]).json()
    later = respond(inside, games, "And now?", session_id=some["session_id"])

    assert [each["item_id"] for each in one.json()["output"][0]["content"][0]["annotations"]] == [item]
    assert "You asked: Describe training.mp4" in text_of(one)
    cited = some["output"][0]["content"][0]["annotations"]
    assert [(each["type"], each["title"]) for each in cited] == [
        ("collection_citation", "finals"), ("video_citation", "training.mp4"),
    ]  # fmt: skip
    assert "final.mp4" not in text_of(later)


def test_an_answer_in_a_form(inside: Api) -> None:
    games = store(inside)
    ready_item(inside, games)
    tags = {"type": "array", "items": {"type": "string"}}
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "tags": tags},
        "required": ["title", "tags"],
        "additionalProperties": False,
    }

    form = {"type": "json_schema", "name": "summary", "schema": schema, "strict": True}
    made = json.loads(text_of(respond(inside, games, text={"format": form})))

    assert (set(made), made["title"]) == ({"title", "tags"}, "final")
    assert text_of(respond(inside, games, text={"format": {"type": "text"}})) == text_of(respond(inside, games))
    impossible = {**form, "schema": {"type": "string", "minLength": 4}}
    assert error(respond(inside, games, text={"format": impossible})) == (400, "parameter_invalid")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"knowledge_store_id": "ks_none"}, "resource_not_exist"),
        ({"knowledge_store_id": "none"}, "parameter_invalid"),
        ({"input": []}, "parameter_invalid"),
        ({"input": [{"type": "message", "role": "assistant", "content": "x"}]}, "parameter_invalid"),
        ({"input": [{"type": "message", "role": "user", "content": "x" * 10_001}]}, "parameter_invalid"),
        ({"input": [{"type": "message", "role": "user", "content": "{{sel:0}}"}]}, "parameter_invalid"),
        ({"selections": [{"kind": "item", "id": "ksic_x"}]}, "parameter_invalid"),
        ({"selections": [{"kind": "item", "id": "ksi_x"}]}, "resource_not_exist"),
        ({"include": ["thoughts"]}, "parameter_invalid"),
        ({"model": "x"}, "parameter_unknown"),
    ],
)
def test_what_cannot_be_asked(inside: Api, wrong: dict[str, Any], code: str) -> None:
    assert error(respond(inside, store(inside), **wrong)) == (400, code)


def test_an_answer_that_fails(inside: Api) -> None:
    games = store(inside)
    fault(inside, fault="ends_failed", path="/responses")

    assert (respond(inside, games).json()["status"], respond(inside, games).json()["output"]) == ("failed", [])
    assert events(respond(inside, games, stream=True))[-1]["type"] == "response.failed"


def test_the_older_contract_has_no_citations(inside: Api) -> None:
    inside.emulator.set_options({"vintage": "2026-07"})
    games = store(inside)
    ready_item(inside, games)

    shown = respond(inside, games).json()

    assert "object" not in shown
    assert shown["output"][0]["content"][0].keys() == {"type", "text"}


def test_four_a_minute_if_it_is_limited_as_it_was_seen(inside: Api) -> None:
    inside.emulator.set_options({"requests_per_minute": {"responses": 4}})
    games = store(inside)

    assert [respond(inside, games).status_code for _ in range(5)] == [200, 200, 200, 200, 429]
