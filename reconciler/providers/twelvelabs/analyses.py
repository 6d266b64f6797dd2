"""Analyses of videos: what a model says of one, as text or in the form of a schema, made by a task, kept in a store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from reconciler.derived import Task
from reconciler.kind import EACH, SOURCE, After, Bounds, Derived, Examples, FromFile, Known, Ref
from reconciler.lazily import hashlib
from reconciler.provider import Failed, Want
from reconciler.providers.twelvelabs.answer_schemas import checked_schema
from reconciler.providers.twelvelabs.answers import plain_schema, wrong_with
from reconciler.providers.twelvelabs.embeddings_v2 import media_of
from reconciler.providers.twelvelabs.embeddings_way import Look
from reconciler.providers.twelvelabs.segment_definitions import (
    Definitions,
    Lasting,
    definitions_to_wire,
    rows_of_segments,
)
from reconciler.providers.twelvelabs.tasks import PlatformTasks, Window, backwards, span
from reconciler.wire import answer_to, below, mapping, text

__all__ = ["MediaAnalyses", "MediaAnalysis"]

MOST = 98304
"""Tokens that an answer may have."""
FEWEST = {"general": 512, "time_based_metadata": 2048}
USUAL = {"general": 4096, "time_based_metadata": 32768}
"""When nothing is said: sent like anything else, for defaults move."""
USUAL_TEMPERATURE = 0.2
SHORTEST_WINDOW_S, LONGEST_WINDOW_S = 4.0, 2 * 3600.0
FREE_TEXT = {"type": "string"}
RUNNING = {"queued": "running", "pending": "running", "processing": "running", "ready": "ready"}


class MediaAnalysis(Derived, section="analyses", asynchronous=False, label=("analysis", "analyses")):
    """What a model says of a video: made once of each input, kept in the store under `results:`."""

    of: Annotated[str, Ref("Asset"), EACH]
    """Assets, by name or glob: of each one analysis is made."""
    model: Annotated[str, SOURCE, Known(frozenset({"pegasus1.5", "pegasus1.6"}), "November 2026")]
    """Which model answers."""
    prompt: Annotated[str | None, SOURCE, FromFile("prompt_file"), Bounds(min_length=1)] = None
    """What it is asked; `prompt_file:` names a file of it instead."""
    response: Annotated[
        dict[str, Any] | None,
        SOURCE,
        FromFile("response", json=True),
        After(lambda it: it and checked_schema(it)),
        Examples(("answer.json",)),
    ] = None
    """JSON Schema of the answer, or the path of one; free text, when left out."""
    temperature: Annotated[float | None, SOURCE, Bounds(ge=0, le=1)] = None
    """How freely it answers; 0.2, when left out."""
    max_tokens: Annotated[int | None, SOURCE, Bounds(ge=FEWEST["general"], le=MOST)] = None
    """How long an answer may be; what is cut is no result. 4096, when left out; 32768 of segments."""
    segments: Annotated[Definitions | None, SOURCE, Examples(({"goal": {"description": "A goal is scored."}},))] = None
    """Kinds of segments to find, instead of a prompt: `{goal: {description: …, fields: {scorer: {type: string}}}}`."""
    lasting: Annotated[Lasting | None, SOURCE] = None
    """How long those segments may be, in seconds: `{at_least: 5, at_most: 60}`."""
    window: Annotated[Window | None, SOURCE] = None
    """Which part of it, in seconds: `{from: 0, to: 600}`; all, when left out."""

    @classmethod
    def lacks(cls, declared: Mapping[str, Any]) -> str | None:
        """What fields together lack or contradict."""
        by_segments = declared.get("segments") is not None
        wrong = _of_segments(declared) if by_segments else _of_a_prompt(declared)
        return backwards(declared) or _too_short_or_long(declared) or wrong

    @classmethod
    def told(cls, fields: Mapping[str, Any], look: Look) -> Mapping[str, Any]:
        """Nothing follows from a video; of an image none is made."""
        if media_of(look(str(fields.get("of"))) or {}) == "image":
            raise ValueError(
                f"of: {fields['of']} is an image by its name, and analyses are made of videos; name those, by glob too"
            )
        return {}

    @classmethod
    def recipe(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """How it is made, all of it written out."""
        mode, heat, lasting = _mode(fields), fields.get("temperature"), fields.get("lasting") or {}
        most = fields.get("max_tokens")
        said = {
            "api": "analyze",
            "model": str(fields["model"]),
            "temperature": USUAL_TEMPERATURE if heat is None else float(heat),
            "max_tokens": USUAL[mode] if most is None else most,
            "window": span(fields),
        }
        if mode == "general":
            return {**said, "prompt": str(fields["prompt"]), "response": fields.get("response")}
        seconds = [lasting.get(name) for name in ("at_least", "at_most")]
        return {
            **said,
            "segments": definitions_to_wire(fields["segments"]),
            "lasting": [None if it is None else float(it) for it in seconds],
        }

    @classmethod
    def form(cls, fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """That of `response`; a text, where nothing is said. Of segments there are many."""
        if fields.get("segments") is not None:
            return None
        schema = fields.get("response")
        return FREE_TEXT if schema is None else plain_schema(schema)

    @classmethod
    def answer(cls, fields: Mapping[str, Any], text: str) -> Any:
        """What was asked for in a form is JSON."""
        return text if fields.get("response") is None else json.loads(text)


def _mode(fields: Mapping[str, Any]) -> str:
    """What the API calls the way of asking."""
    return "general" if fields.get("segments") is None else "time_based_metadata"


def _of_a_prompt(declared: Mapping[str, Any]) -> str | None:
    if "lasting" in declared:
        return "lasting: is of segments; declare `segments:`, or take it out"
    return None if declared.get("prompt") else "needs `prompt: …` or `prompt_file: PATH`, or `segments:` to find"


def _of_segments(declared: Mapping[str, Any]) -> str | None:
    """What does not go with segments by definition."""
    for word in ("prompt", "response"):
        if word in declared:
            return f"{word}: cannot stand beside `segments:`, which say what is wanted; keep one"
    most, least = declared.get("max_tokens"), FEWEST["time_based_metadata"]
    if isinstance(most, int) and most < least:
        return f"max_tokens: segments need {least:,} at least"
    lasting, definitions = declared.get("lasting") or {}, declared["segments"]
    low, high = (lasting.get(name) if isinstance(lasting, Mapping) else None for name in ("at_least", "at_most"))
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        return "lasting: at_least is more than at_most"
    ranged = isinstance(definitions, Mapping) and any(
        isinstance(it, Mapping) and it.get("within") for it in definitions.values()
    )
    if ranged and (also := next((word for word in ("window", "lasting") if declared.get(word)), None)):
        return f"{also}: the API does not take it beside `within:` of a segment; keep one"
    return None


def _too_short_or_long(declared: Mapping[str, Any]) -> str | None:
    """A window is judged by itself; one without an end goes as far as the media, whose length is looked at apart."""
    window = declared.get("window") or {}
    first, last = window.get("from") or 0, window.get("to")
    if not (isinstance(first, int | float) and isinstance(last, int | float)):
        return None
    if last - first < SHORTEST_WINDOW_S:
        return f"window: lasts {last - first:g} s, and must last {SHORTEST_WINDOW_S:g} s at least"
    if last - first > LONGEST_WINDOW_S:
        return f"window: lasts {(last - first) / 3600:.2f} h, and may last {LONGEST_WINDOW_S / 3600:g} h at most"
    return None


class MediaAnalyses(PlatformTasks):
    """How they are made. A task carries our mark, and is told by it whatever became of the answer to its create."""

    kind = MediaAnalysis
    path = "/analyze/tasks"
    id_word = "task_id"
    on_text: Callable[[str], object] = staticmethod(lambda _: None)
    """Told of each answer: what is written is limited too."""

    def mark(self, address: str, identity: str) -> str:
        """The same for the same result of the same stack, and nothing of it can be read."""
        whole = "\0".join((self.shelf.stack, address, identity))
        return f"rc-{hashlib.sha256(whole.encode()).hexdigest()[:48]}"

    async def begin(self, want: Want, mark: str) -> str:
        """All options are sent, for defaults move."""
        recipe = self.kind.recipe(want.fields)
        first, last = recipe["window"]
        asked = {
            "model_name": recipe["model"],
            "analysis_mode": _mode(want.fields),
            "video": {"type": "asset_id", "asset_id": want.fields["of"]},
            "custom_id": mark,
            "temperature": recipe["temperature"],
            "max_tokens": recipe["max_tokens"],
            "start_time": first or None,
            "end_time": last,
            **self._asked(recipe),
        }
        return await self.send({name: value for name, value in asked.items() if value is not None})

    def _asked(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """What is wanted: segments, or an answer to a prompt."""
        if "segments" in recipe:
            low, high = recipe["lasting"]
            return {
                "response_format": {
                    "type": "segment_definitions",
                    "segment_definitions": recipe["segments"],
                    "segment_time_format": "seconds",
                },
                "min_segment_duration": low,
                "max_segment_duration": high,
            }
        schema = recipe["response"]
        form = None if schema is None else {"type": "json_schema", "json_schema": schema}
        return {"prompt": recipe["prompt"], "response_format": form}

    def made(self, want: Want, answer: Any) -> tuple[list[dict[str, Any]], int | None] | Failed:
        """One row with the text, or one a segment; unless it was cut or is not in the form that was asked for."""
        with answer_to(f"GET {self.path}"):
            result = mapping(answer.get("result"), "result")
            said = text(result.get("data"), "result.data")
        self.on_text(said)
        if result.get("finish_reason") == "length":
            most = self.kind.recipe(want.fields)["max_tokens"]
            limit = f"the {most} tokens of `max_tokens`"
            return Failed(f"the answer was cut at {limit}, and is not kept: let it have more, or ask for less")
        if (definitions := want.fields.get("segments")) is not None:
            with answer_to(f"GET {self.path}"):
                rows = rows_of_segments(said, definitions)
            if isinstance(rows, str):
                return Failed(f"the answer is not kept: {rows}; change the definitions")
            return rows, None
        schema = want.fields.get("response")
        if schema is not None and (wrong := wrong_with(said, schema)):
            return Failed(f"the answer is not kept: {wrong}; change the prompt or the schema")
        window = want.fields.get("window") or {}
        return [{"text": said, "start_sec": window.get("from"), "end_sec": window.get("to")}], None

    def shown(self, raw: Mapping[str, Any], where: str) -> Task:
        """A status that nobody knows is a failed one: it does not end by itself."""
        mark = raw.get("custom_id")
        return Task(
            id=self.id_in(raw, where),
            status=RUNNING.get(text(raw.get("status"), below(where, "status")), "failed"),
            mark=mark if isinstance(mark, str) else "",
            since=self.since(raw),
            why=self.why(raw, where),
        )
