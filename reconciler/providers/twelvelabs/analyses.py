"""Analyses of videos: what a model says of one, as text or in the form of a schema, made by a task, kept in a store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints
from pydantic import Field as PydanticField

from reconciler.derived import Task
from reconciler.kind import EACH, SOURCE, Derived, FromFile, Known, Ref
from reconciler.provider import Failed, Want
from reconciler.providers.twelvelabs.answers import checked_schema, wrong_with
from reconciler.providers.twelvelabs.tasks import PlatformTasks, Window, backwards, span
from reconciler.wire import answer_to, below, mapping, text

__all__ = ["MediaAnalyses", "MediaAnalysis"]

FEWEST, MOST = 512, 98304
"""Tokens that an answer may have."""
RUNNING = {"queued": "running", "pending": "running", "processing": "running", "ready": "ready"}


class MediaAnalysis(Derived, section="analyses", asynchronous=False, label=("analysis", "analyses")):
    """What a model says of a video: made once of each input, kept in the store under `results:`."""

    of: Annotated[str, Ref("Asset"), EACH]
    """Assets, by name or glob: of each one analysis is made."""
    model: Annotated[str, SOURCE, Known(frozenset({"pegasus1.5"}), "November 2026")]
    """Which model answers."""
    prompt: Annotated[str | None, SOURCE, FromFile("prompt_file"), StringConstraints(min_length=1)] = None
    """What it is asked; `prompt_file:` names a file of it instead."""
    response: Annotated[
        dict[str, Any] | None,
        SOURCE,
        FromFile("response", json=True),
        AfterValidator(lambda it: it and checked_schema(it)),
    ] = None
    """JSON Schema of the answer, or the path of one; free text, when left out."""
    temperature: Annotated[float | None, SOURCE, PydanticField(ge=0, le=1)] = None
    """How freely it answers; the API's own, when left out."""
    max_tokens: Annotated[int | None, SOURCE, PydanticField(ge=FEWEST, le=MOST)] = None
    """How long an answer may be; what is cut is no result. The API's own, when left out."""
    window: Annotated[Window | None, SOURCE] = None
    """Which part of it, in seconds: `{from: 0, to: 600}`; all, when left out."""

    @classmethod
    def lacks(cls, declared: Mapping[str, Any]) -> str | None:
        """What fields together lack or contradict."""
        asked = None if declared.get("prompt") else "needs `prompt: …` or `prompt_file: PATH`"
        return backwards(declared) or asked

    @classmethod
    def recipe(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """How it is made, all of it written out."""
        heat = fields.get("temperature")
        return {
            "api": "analyze",
            "model": str(fields["model"]),
            "prompt": str(fields["prompt"]),
            "response": fields.get("response"),
            "temperature": None if heat is None else float(heat),
            "max_tokens": fields.get("max_tokens"),
            "window": span(fields),
        }


class MediaAnalyses(PlatformTasks):
    """How they are made. A task carries our mark, and is told by it whatever became of the answer to its create."""

    kind = MediaAnalysis
    path = "/analyze/tasks"
    id_word = "task_id"

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
            "analysis_mode": "general",
            "video": {"type": "asset_id", "asset_id": want.fields["of"]},
            "prompt": recipe["prompt"],
            "custom_id": mark,
            "temperature": recipe["temperature"],
            "max_tokens": recipe["max_tokens"],
            "start_time": first or None,
            "end_time": last,
        }
        body = {name: value for name, value in asked.items() if value is not None}
        if recipe["response"] is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": recipe["response"]}
        return await self.send(body)

    def made(self, want: Want, answer: Any) -> tuple[list[dict[str, Any]], int | None] | Failed:
        """One row with the text, unless it was cut or is not in the form that was asked for."""
        with answer_to(f"GET {self.path}"):
            result = mapping(answer.get("result"), "result")
            said = text(result.get("data"), "result.data")
        if result.get("finish_reason") == "length":
            most = want.fields.get("max_tokens")
            limit = f"the {most} tokens of `max_tokens`" if most else "the tokens that it may have; say `max_tokens`"
            return Failed(f"the answer was cut at {limit}, and is not kept: let it have more, or ask for less")
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
