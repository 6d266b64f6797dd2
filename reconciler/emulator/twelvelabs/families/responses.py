"""Responses: an agent answers from a knowledge store, at once or event by event; conversations go on by session."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.emulator.core.clock import rfc3339
from reconciler.emulator.core.endpoints import EndpointFamily, Reply, Route
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.twelvelabs.agent import Speech, say
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.families.knowledge_items import TYPES
from reconciler.emulator.twelvelabs.families.knowledge_search import ready_items
from reconciler.emulator.twelvelabs.families.knowledge_stores import COLLECTION, ITEM, KIND, SESSION
from reconciler.emulator.twelvelabs.knowledge_rules import PREFIX_COLLECTION, PREFIX_ITEM, PREFIX_STORE
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.reading import Body, body
from reconciler.emulator.twelvelabs.writer import tokens_in

__all__ = ["FAMILY"]

MOST_LETTERS, MOST_MESSAGES = 10_000, 1000
PIECE = 40
"""Letters in one event of a stream."""
TOKEN = re.compile(r"\{\{sel:(\d{1,4})\}\}")
SELECTED = {"item": (ITEM, PREFIX_ITEM), "collection": (COLLECTION, PREFIX_COLLECTION)}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One turn of a conversation."""

    store: Obj
    session: Obj
    question: str
    selected: list[Obj]
    schema: Any
    steps: bool
    """Whether the steps that led to the answer are wanted too."""


# -- wire: the request


def _messages(fields: Body) -> str:
    """What the last one says: the agent's memory is its session."""
    last = ""
    for message in fields.sections("input", least=1, most=MOST_MESSAGES):
        message.one_of("type", ("message",))
        message.one_of("role", ("user",))
        last = message.text("content")
        if len(last) > MOST_LETTERS:
            raise invalid(f"{message.where}.content may have {MOST_LETTERS} characters at most.")
        message.done()
    return last


def _selections(call: ApiCall, store: Obj, fields: Body) -> list[Obj]:
    found = []
    for each in fields.sections("selections", most=MOST_MESSAGES):
        kind, prefix = SELECTED[each.one_of("kind", tuple(SELECTED))]
        found.append(call.find(kind, each.text("id"), parent=store, prefix=prefix))
        each.done()
    return found


def _named(question: str, selected: list[Obj]) -> str:
    """The question with the names of what it points at; a token that points at nothing is refused, which is chosen."""

    def name(found: re.Match[str]) -> str:
        if int(found[1]) >= len(selected):
            raise invalid(f"The token {found[0]} has no selection.")
        return selected[int(found[1])].name

    return TOKEN.sub(name, question)


def _schema(fields: Body) -> Any:
    """The schema of a structured answer. An object may be closed, other than for analyze: the answer is so anyway."""
    text = fields.maybe_section("text")
    form = text.maybe_section("format") if text else None
    if text is None or form is None:
        return None
    text.done()
    if form.one_of("type", ("text", "json_schema")) == "text":
        form.done()
        return None
    form.text("name")
    form.maybe_text("description")
    form.flag("strict", default=False)
    schema = form.section("schema").raw
    form.done()
    return _opened(schema)


def _opened(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _opened(inner) for name, inner in schema.items() if name != "additionalProperties"}
    return [_opened(inner) for inner in schema] if isinstance(schema, list) else schema


def _read(call: ApiCall, fields: Body) -> _Asked:
    store = call.find(KIND, fields.text("knowledge_store_id"), prefix=PREFIX_STORE)
    question, selected = _messages(fields), _selections(call, store, fields)
    fields.maybe_text("instructions")
    steps = bool(fields.choices("include", ("intermediate_outputs",), ()))
    session_id, schema = fields.maybe_text("session_id"), _schema(fields)
    fields.done()
    question = _named(question, selected)
    return _Asked(store, _session(call, store, session_id, selected), question, selected, schema, steps)


# -- state


def _session(call: ApiCall, store: Obj, session_id: str | None, selected: list[Obj]) -> Obj:
    """The conversation that goes on, or a new one. What was selected in it before still counts."""
    if session_id is None:
        doc = {"turns": 1, "selected": [each.seq for each in selected]}
        return call.store.insert(SESSION, doc, parent=store.seq, make_id="sess_")
    found = call.store.get(SESSION, session_id)
    if found is None or found.parent != store.seq:
        raise invalid(f"The session_id {session_id[:64]!r} is not one of this knowledge store.")
    doc = {
        "turns": found.doc["turns"] + 1,
        "selected": list(dict.fromkeys([*found.doc["selected"], *(each.seq for each in selected)])),
    }
    return call.store.update(found, doc=doc, updated_at=call.store.moment())


def _answer(call: ApiCall, asked: _Asked) -> Speech:
    """From what was selected, if any of it is there to be looked at; a selection is a wish, and no fence."""
    wanted = [obj for seq in asked.session.doc["selected"] if (obj := call.store.at(seq))]
    members = [
        member
        for obj in wanted
        for member in (call.store.select(Selection(ITEM, linked_to=obj.seq)) if obj.kind == COLLECTION else [obj])
    ]
    ready = ready_items(call, asked.store, TYPES, [member.id for member in members]) if members else []
    # A preference and no fence, says the reference: with nothing selected ready, the whole store answers.
    items = ready or ready_items(call, asked.store, TYPES, None)
    try:
        collections = [obj for obj in asked.selected if obj.kind == COLLECTION]
        return say(call, items, collections, asked.question, schema=asked.schema)
    except ApiProblem as problem:
        raise ApiProblem(400, problem.code, problem.message) from problem


# -- wire: the answer


def _items(call: ApiCall, asked: _Asked, said: Speech) -> list[dict[str, Any]]:
    """What comes out: a message, and before it, if that was asked for, the search that led to it."""
    turn, done = f"{asked.session.id}_{asked.session.doc['turns'] - 1}", "completed"
    newest = call.options.since("newest")
    cited = {"annotations": [each.as_json() for each in said.citations]} if newest else {}
    message = {
        "type": "message",
        "id": f"msg_{turn}",
        "status": done,
        "role": "assistant",
        **({"phase": "final_answer"} if newest else {}),
        "content": [{"type": "output_text", "text": said.text, **cited}],
    }
    if not asked.steps:
        return [message]
    step = {"call_id": f"call_{turn}", "status": done}
    return [
        {"type": "function_call", "id": f"fc_{turn}", **step, "name": "search", "arguments": said.searched},
        {"type": "function_call_output", "id": f"fco_{turn}", **step, "output": said.found},
        message,
    ]


def _response(call: ApiCall, asked: _Asked, items: list[dict[str, Any]], said: Speech) -> dict[str, Any]:
    failed = call.fate == "failed"
    made: dict[str, Any] = {
        "id": call.store.uuid7("resp_", call.store.next()),
        "type": "response",
        "status": "failed" if failed else "completed",
        "session_id": asked.session.id,
        "knowledge_store_id": asked.store.id,
        "output": [] if failed else items,
        "usage": {"input_tokens": tokens_in(asked.question), "output_tokens": 0 if failed else tokens_in(said.text)},
        "created_at": rfc3339(call.store.now(), digits=0),
    }
    return {**made, **({"object": "response", "incomplete_details": None} if call.options.since("newest") else {})}


def _events(response: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All that is told of a response while it is made; numbered later."""
    begun = {name: value for name, value in response.items() if name != "usage"}
    # As in the example of the reference: what is begun has neither output nor usage.
    begun.update(status="in_progress", output=[])
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for position, item in enumerate(response["output"]):
        empty = {**item, "status": "in_progress", **({"content": []} if "content" in item else {})}
        yield {"type": "response.output_item.added", "output_index": position, "item": empty}
        if item["type"] == "function_call":
            ended = {"item_id": item["id"], "output_index": position, "arguments": item["arguments"]}
            yield {"type": "response.function_call_arguments.done", **ended}
        for number, part in enumerate(item.get("content", ())):
            yield from _part(part, {"item_id": item["id"], "output_index": position, "content_index": number})
        yield {"type": "response.output_item.done", "output_index": position, "item": item}
    yield {"type": f"response.{response['status']}", "response": response}


def _part(part: dict[str, Any], where: dict[str, Any]) -> Iterator[dict[str, Any]]:
    empty = {**part, "text": "", **({"annotations": []} if "annotations" in part else {})}
    yield {"type": "response.content_part.added", **where, "part": empty}
    for start in range(0, len(part["text"]), PIECE):
        yield {"type": "response.output_text.delta", **where, "delta": part["text"][start : start + PIECE]}
    yield {"type": "response.output_text.done", **where, "text": part["text"]}
    yield {"type": "response.content_part.done", **where, "part": part}


def _stream(response: dict[str, Any]) -> Iterator[bytes]:
    for number, event in enumerate(_events(response)):
        data = json.dumps({**event, "sequence_number": number}, ensure_ascii=False)
        yield f"event: {event['type']}\ndata: {data}\n\n".encode()
    yield b"data: [DONE]\n\n"


# -- routes


def create(call: ApiCall) -> Reply:
    fields = body(call)
    stream = fields.flag("stream", default=False)
    asked = _read(call, fields)
    said = _answer(call, asked)
    response = _response(call, asked, _items(call, asked, said), said)
    if not stream:
        return Reply(200, response)
    return Reply(200, chunks=iter(list(_stream(response))), media_type="text/event-stream")


FAMILY = EndpointFamily(
    name="responses",
    since="2026-07",
    routes=(Route("POST", "/responses", create, body="json", bucket="responses"),),
)
