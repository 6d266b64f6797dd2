"""Analyses of videos: what a model says of one, as text or in the form of a schema, made by a task, kept in a store."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, StringConstraints
from pydantic import Field as PydanticField

from reconciler.derived import Task, TaskDriver
from reconciler.kind import EACH, SOURCE, Derived, FromFile, Known, Ref
from reconciler.provider import ExistsWhen, Failed, Traits, Want
from reconciler.providers.twelvelabs.answers import checked_schema, wrong_with
from reconciler.providers.twelvelabs.api import ENVELOPE
from reconciler.providers.twelvelabs.embeddings import Window, when
from reconciler.providers.twelvelabs.limits import ID_FORM
from reconciler.providers.twelvelabs.patience import patience
from reconciler.wire import answer_to, below, identifier, mapping, segment, text

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
        window = declared.get("window") or {}
        first, last = window.get("from") or 0, window.get("to")
        if isinstance(last, float | int) and isinstance(first, float | int) and last <= first:
            return "window: ends before it begins"
        return None if declared.get("prompt") else "needs `prompt: …` or `prompt_file: PATH`"

    @classmethod
    def recipe(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """How it is made, all of it written out."""
        window, heat = fields.get("window") or {}, fields.get("temperature")
        last = window.get("to")
        return {
            "api": "analyze",
            "model": str(fields["model"]),
            "prompt": str(fields["prompt"]),
            "response": fields.get("response"),
            "temperature": None if heat is None else float(heat),
            "max_tokens": fields.get("max_tokens"),
            "window": [float(window.get("from") or 0.0), None if last is None else float(last)],
        }


class MediaAnalyses(TaskDriver):
    """How they are made. A task carries our mark, and is told by it whatever became of the answer to its create."""

    kind = MediaAnalysis
    path: ClassVar[str] = "/analyze/tasks"
    traits = Traits(exists=ExistsWhen.FINISHED, poll_s=5.0, typical_wait_s=15.0, poll_max_s=30.0)

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
        with patience():
            answer = await self.http.request("POST", self.path, json=body)
        with answer_to(f"POST {self.path}"):
            return identifier(mapping(answer, "").get("task_id"), "task_id", ID_FORM)

    async def tasks(self) -> AsyncIterator[Sequence[Task]]:
        """Pages of the list, which leaves out what was made."""
        page, pages = 1, 1
        while page <= pages:
            answer = await self.http.request("GET", self.path, query={"page": page, "page_limit": 50})
            with answer_to(f"GET {self.path}"):
                rows = ENVELOPE.rows_of(answer)
                pages = page + len(ENVELOPE.counts_of(answer, 50, page).after)
                yield [_task(mapping(row, f"data[{at}]"), f"data[{at}]") for at, row in enumerate(rows)]
            page += 1

    async def task(self, id: str) -> tuple[Task, Any]:
        """One, with what was made."""
        path = f"{self.path}/{segment(id)}"
        answer = await self.http.request("GET", path)
        with answer_to(f"GET {path}"):
            return _task(mapping(answer, ""), ""), answer

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


def _task(raw: Mapping[str, Any], where: str) -> Task:
    error, mark = raw.get("error"), raw.get("custom_id")
    status = RUNNING.get(text(raw.get("status"), below(where, "status")), "failed")
    return Task(
        id=identifier(raw.get("task_id"), below(where, "task_id"), ID_FORM),
        status=status,
        mark=mark if isinstance(mark, str) else "",
        since=when(raw.get("created_at")),
        why=text(error["message"], below(where, "error.message")) if isinstance(error, Mapping) else "",
    )
