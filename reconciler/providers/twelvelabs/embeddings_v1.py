"""Embeddings by tasks of the first version of the API, as its references of 2024 and 2026 show them.

It takes an address or a file and knows no assets: what is sent of one is what the stack says where its bytes are. The
options select what is read of a task that is done, and nothing of how it is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, combinations
from pathlib import PurePosixPath
from typing import Any

from reconciler.derived import Task
from reconciler.errors import MediaError
from reconciler.files import Form, Slice
from reconciler.identity import of_url
from reconciler.lazily import hashlib
from reconciler.provider import Failed, Want
from reconciler.providers.twelvelabs.embeddings_way import Look, Making
from reconciler.providers.twelvelabs.patience import patience
from reconciler.providers.twelvelabs.tasks import TaskFamily, backwards, span
from reconciler.wire import ApiPath, answer_to, below, items, mapping, number, text, vector_in

__all__ = ["DIMENSIONS", "OLD_MODEL", "V1"]

OLD_MODEL = "Marengo-retrieval-2.7"
OPTIONS: Mapping[str, tuple[str, ...]] = {OLD_MODEL: ("audio", "visual-text")}
USUAL_OPTIONS = ("audio", "transcription", "visual")
"""What there is of a video, sorted."""
DIMENSIONS: Mapping[str, int] = {OLD_MODEL: 1024, "marengo3.0": 512}
SENT = "what was sent"
STATUSES = {"processing": "running", "ready": "ready", "failed": "failed"}
NOT_HERE = {
    "type": "vectors of this version are separate, one of each option",
    "dimension": "vectors of this version are as long as they are",
    **dict.fromkeys(("text", "image", "images"), "with tasks of this version there are videos only"),
    "indexed": "vectors of an index are read, not made",
}


class V1(TaskFamily, Making):
    """A task carries no mark; its list names the address or the file that was sent."""

    name = "v1"
    path = "/embed/tasks"
    id_word = "_id"

    # What is declared

    @classmethod
    def told(cls, fields: Mapping[str, Any], look: Look) -> Mapping[str, Any]:
        """Where the bytes of its input are."""
        if "of" not in fields or (asset := look(str(fields["of"]))) is None:
            return {}
        found = {word: asset[word] for word in ("url", "file") if word in asset}
        if not found:
            raise ValueError(f"of: the first version takes an address or a file, and {fields['of']} has neither here")
        return found

    @classmethod
    def lacks(cls, declared: Mapping[str, Any]) -> str | None:
        """What fields together lack or contradict."""
        model = str(declared.get("model"))
        if word := next((it for it in NOT_HERE if it in declared), None):
            return f"{word}: {NOT_HERE[word]}; take it out"
        if declared.get("media", "video") != "video":
            return "media: this version makes vectors of videos only; `api: v2` takes sound and images"
        if "of" not in declared and "file" in declared:
            return "of: declare a file under `assets:`, and name that"
        if wrong := _wrong_words(model, declared):
            return wrong
        return backwards(declared) or _wrong_cut(declared)

    @classmethod
    def recipe(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """How it is made, all of it written out. Of an address that is no asset it is a part; else of the input."""
        model = str(fields["model"])
        return {
            "api": cls.name,
            "model": model,
            "options": sorted(fields.get("options") or _all_options(model)),
            "scopes": sorted(fields.get("scopes") or ("clip",)),
            "segments": float((fields.get("segments") or {}).get("every", 6.0)),
            "window": span(fields),
            **({} if "of" in fields else {"url": of_url(fields["url"], None)}),
        }

    @classmethod
    def otherwise(cls, fields: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """With other options: a task makes vectors of all that there are."""
        known = _all_options(str(fields["model"]))
        several = chain.from_iterable(combinations(known, many) for many in range(len(known), 0, -1))
        return ({**fields, "options": list(options)} for options in several)

    # Making

    async def begin(self, want: Want, recipe: Mapping[str, Any]) -> str:
        """A form: all options are sent but those that select, for defaults move."""
        first, last = recipe["window"]
        form = {
            "model_name": recipe["model"],
            "video_clip_length": f"{recipe['segments']:g}",
            "video_embedding_scope": recipe["scopes"],
            **({} if last is None else {"video_start_offset_sec": f"{first:g}", "video_end_offset_sec": f"{last:g}"}),
        }
        with patience():
            if "url" in want.fields:
                answer = await self.http.request("POST", self.path, form={**form, "video_url": want.fields["url"]})
            else:
                answer = await self._sent(want, form)
        with answer_to(f"POST {self.path}"):
            return self.id_in(mapping(answer, ""), "")

    async def _sent(self, want: Want, form: Mapping[str, Any]) -> Any:
        """With the file, proven to be what was planned."""
        file, sending = str(want.fields["file"]), self.hands.sending
        seen = await sending.files.still(file, None)
        if self.kind.identity(want.fields, lambda _: seen.sha256) != want.fields[self.kind.identity_name]:
            raise MediaError(f"{file}: changed since it was planned; nothing of it was sent, plan again")
        content = Slice(sending.files, file, seen, bandwidth=sending.bandwidth, on_bytes=lambda _: None)
        body = Form(form, PurePosixPath(file).name, content, field="video_file")
        async with sending.slots:
            return await self.http.request("POST", self.path, content=body, headers=body.headers)

    # Looking: what becomes of a task, and what came of it, are asked for apart

    async def task(self, id: str) -> tuple[Task, Any]:
        """How it stands."""
        path = ApiPath(self.path) / id / "status"
        answer = await self.http.request("GET", path)
        with answer_to(f"GET {path}"):
            return self.shown(mapping(answer, ""), ""), answer

    async def fetched(self, want: Want, recipe: Mapping[str, Any], id: str) -> tuple[Task, Any]:
        """With the vectors of the options that are wanted."""
        path = ApiPath(self.path) / id
        answer = await self.http.request("GET", path, query={"embedding_option": recipe["options"]})
        with answer_to(f"GET {path}"):
            return self.shown(mapping(answer, ""), ""), answer

    def made(self, want: Want, answer: Any) -> tuple[list[dict[str, Any]], int | None] | Failed:
        """A row for each segment."""
        with answer_to(f"GET {self.path}"):
            where = "video_embedding.segments"
            found = [
                _record(mapping(it, f"{where}[{at}]"), f"{where}[{at}]")
                for at, it in enumerate(items(mapping(answer["video_embedding"], "video_embedding")["segments"], where))
            ]
        if not found:
            return Failed("the task is done, and has no vectors")
        return found, len(found[0]["vector"])

    # Telling a task whose answer was lost: it does not name an asset, but what was sent

    def says(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """What a list may say against it."""
        return {"model": recipe["model"], "scopes": recipe["scopes"], "every": recipe["segments"]}

    def named(self, fields: Mapping[str, Any]) -> str:
        """The address or the name of the file, as `shown` has it."""
        return _named(str(fields["url"]) if "url" in fields else PurePosixPath(str(fields["file"])).name)

    async def called(self, input_id: str) -> str:
        """By what was sent all are told (`named`), and by nothing of an asset."""
        return SENT

    async def length(self, input_id: str) -> float | None:
        """What was sent need not be an asset."""
        return None

    def shown(self, raw: Mapping[str, Any], where: str) -> Task:
        """Its metadata name what was sent, and how it is made."""
        about = mapping(raw.get("video_embedding") or {}, below(where, "video_embedding"))
        metadata = mapping(about.get("metadata") or {}, below(where, "video_embedding.metadata"))
        sent, scopes = (
            metadata.get("input_url") or metadata.get("input_filename"),
            metadata.get("video_embedding_scope"),
        )
        says = {
            "model": raw.get("model_name"),
            "scopes": sorted(map(str, scopes)) if isinstance(scopes, list) else None,
            "every": metadata.get("video_clip_length"),
            "sent": _named(str(sent)) if sent else None,
        }
        return Task(
            id=self.id_in(raw, where),
            status=STATUSES.get(text(raw.get("status"), below(where, "status")), "running"),
            input=SENT if sent else "",
            since=self.since(raw),
            why=self.why(raw, where),
            says={name: value for name, value in says.items() if value is not None},
        )


def _named(sent: str) -> str:
    """An address may carry a key, and this is written down: so it is only compared."""
    return hashlib.sha256(sent.encode()).hexdigest()[:32]


def _all_options(model: str) -> tuple[str, ...]:
    return OPTIONS.get(model, USUAL_OPTIONS)


def _wrong_words(model: str, declared: Mapping[str, Any]) -> str | None:
    """Words of the other version, and of other models of this one."""
    scopes, known = declared.get("scopes") or ["clip"], _all_options(model)
    if "asset" in scopes:
        return "scopes: `asset` is the word of `api: v2`; here it is `video`"
    if "clip" not in scopes:
        return "scopes: this version makes `[clip]`, or `[clip, video]`"
    if wrong := next((it for it in declared.get("options") or () if it not in known), None):
        return f"options: of {model} there is no `{wrong}`; there is {', '.join(known)}"
    return None


def _wrong_cut(declared: Mapping[str, Any]) -> str | None:
    cut, window = declared.get("segments") or {}, declared.get("window") or {}
    if "at_least" in cut:
        return "segments: this version cuts by `every` only; `api: v2` follows scenes"
    first, last, every = window.get("from") or 0.0, window.get("to"), cut.get("every", 6.0)
    if last is None:
        return "window: this version needs `to:` as well, for it takes both ends or none" if window else None
    if all(isinstance(it, int | float) for it in (first, last, every)) and last - first < every:
        return f"window: is shorter than a clip of {every:g} s"
    return None


def _record(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    first, last = (number(raw.get(word), below(where, word)) for word in ("start_offset_sec", "end_offset_sec"))
    return {
        "start_sec": first,
        "end_sec": last,
        "option": text(raw.get("embedding_option"), below(where, "embedding_option")),
        "scope": text(raw.get("embedding_scope"), below(where, "embedding_scope")),
        "type": "separate",
        "vector": vector_in(raw.get("float"), below(where, "float")),
    }
