"""Embeddings by tasks of the second version of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from reconciler.derived import Task
from reconciler.files import media_type
from reconciler.provider import Failed, Want
from reconciler.providers.twelvelabs.embeddings_way import Look, Making
from reconciler.providers.twelvelabs.tasks import TaskFamily, backwards, span
from reconciler.wire import answer_to, below, items, mapping, number, text, vector_in

__all__ = ["V2"]

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "video": ("audio", "transcription", "visual"),
    "audio": ("audio", "transcription"),
}
"""What can be embedded of each kind of media, sorted."""
STATUSES = {"processing": "running", "ready": "ready", "failed": "failed"}


class V2(TaskFamily, Making):
    """A task carries no mark, and its list names no asset: only the name of its file or its URL."""

    name = "v2"
    path = "/embed-v2/tasks"
    id_word = "_id"

    @classmethod
    def told(cls, fields: Mapping[str, Any], look: Look) -> Mapping[str, Any]:
        """What the input is, if that is not declared and its name says it; and of the options those that it has."""
        media = media_of(look(str(fields.get("of"))) or {})
        if "media" in fields or media in ("", "video"):
            return {}
        options = fields.get("options")
        if options is None:
            return {"media": media}
        has = [it for it in options if it in (("visual",) if media == "image" else OPTIONS[media])]
        if not has:
            what = "an image" if media == "image" else "sound"
            what = f"{fields['of']} is {what} by its name, and has none of them"
            raise ValueError(f"options: {what}; take it out, or say what it is by `media:`")
        return {"media": media, "options": has}

    @classmethod
    def lacks(cls, declared: Mapping[str, Any]) -> str | None:
        """What fields together lack or contradict."""
        media = declared.get("media", "video")
        options = declared.get("options") or OPTIONS.get(media, ())
        cut = declared.get("segments") or {}
        if media == "audio" and "visual" in options:
            return "options: sound has nothing visual; it has audio and transcription"
        if "fused" in (declared.get("type") or ()) and len(options) < 2:
            return "type: there is nothing to fuse with one option; name two, or leave `fused` out"
        if len(cut) > 1:
            return "segments: is cut by `every` or by `at_least`; keep one"
        if any(isinstance(it, float | int) and it != int(it) for it in cut.values()):
            return "segments: the API cuts at whole seconds"
        if media == "audio" and "at_least" in cut:
            return "segments: sound has no scenes; cut it by `every`"
        return backwards(declared)

    @classmethod
    def recipe(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """How it is made, all of it written out."""
        media = fields.get("media") or "video"
        cut = fields.get("segments") or {}
        way, length = ("dynamic", cut["at_least"]) if "at_least" in cut else ("fixed", cut.get("every", 6.0))
        return {
            "api": cls.name,
            "model": str(fields["model"]),
            "media": media,
            "options": sorted(fields.get("options") or OPTIONS[media]),
            "scopes": sorted(fields.get("scopes") or ("asset", "clip")),
            "type": sorted(fields.get("type") or ("separate",)),
            "segments": [way, float(length)],
            "window": span(fields),
        }

    def says(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """What a list or a detail may say against it."""
        (first, last), (way, seconds) = recipe["window"], recipe["segments"]
        return {
            **{name: recipe[name] for name in ("media", "model", "options", "scopes")},
            **({"every": seconds} if way == "fixed" else {}),
            "from": first or None,  # it says so only of a part
            "to": last,
        }

    async def begin(self, want: Want, recipe: Mapping[str, Any]) -> str:
        """All options are sent, for defaults move."""
        first, last = recipe["window"]
        part = {
            "media_source": {"asset_id": want.fields["of"]},
            "embedding_option": recipe["options"],
            "embedding_scope": recipe["scopes"],
            "embedding_type": [f"{name}_embedding" for name in recipe["type"]],
            "segmentation": _segmentation(*recipe["segments"]),
            **({"start_sec": first} if first else {}),
            **({} if last is None else {"end_sec": last}),
        }
        media = recipe["media"]
        body = {"input_type": media, "model_name": recipe["model"], media: part}
        return await self.send(body)

    def made(self, want: Want, answer: Any) -> tuple[list[dict[str, Any]], int | None] | Failed:
        """A row for each vector."""
        with answer_to(f"GET {self.path}"):
            found = [
                _record(mapping(it, f"data[{at}]"), f"data[{at}]")
                for at, it in enumerate(items(answer["data"], "data"))
            ]
        if not found:
            return Failed("the task is done, and has no vectors")
        return found, len(found[0]["vector"])

    def shown(self, raw: Mapping[str, Any], where: str) -> Task:
        """What it is made of stands beside the vectors, or where they will be."""
        about = next((raw[name] for name in ("video_embedding", "audio_embedding") if name in raw), raw)
        metadata = mapping(mapping(about, where).get("metadata") or {}, below(where, "metadata"))
        return Task(
            id=self.id_in(raw, where),
            status=STATUSES.get(text(raw.get("status"), below(where, "status")), "running"),
            input=str(metadata.get("input_filename") or metadata.get("input_url") or ""),
            since=self.since(raw),
            why=self.why(raw, where),
            says=_said(raw, metadata),
        )


def _said(raw: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """How it is made, as far as it says so: the list and the detail of a task have other names for the same."""
    media = next((it for it in ("video", "audio") if f"{it}_embedding" in raw), metadata.get("input_type"))
    about = {
        "media": media,
        "model": raw.get("model_name"),
        "options": metadata.get("embedding_options", metadata.get("audio_embedding_options")),
        "scopes": metadata.get("embedding_scopes", metadata.get(f"{media}_embedding_scopes")),
        "every": metadata.get("clip_length", metadata.get("video_clip_length")),
        "from": metadata.get("start_offset_sec"),
        "to": metadata.get("end_offset_sec"),
        "duration": metadata.get("duration"),
    }
    said = {name: value for name, value in about.items() if value is not None}
    return {name: sorted(map(str, it)) if isinstance(it, list) else it for name, it in said.items()}


def media_of(declared: Mapping[str, Any]) -> str:
    """What an asset is by the name of its file or in its URL: `video`, `audio`, `image`; "" when that says nothing."""
    url = declared.get("url")
    name = declared.get("file") or (urlsplit(url).path if type(url) is str else "")
    found = media_type(str(name)).partition("/")[0]
    return found if found in ("video", "audio", "image") else ""


def _segmentation(way: str, seconds: float) -> dict[str, Any]:
    word = "duration_sec" if way == "fixed" else "min_duration_sec"
    return {"strategy": way, way: {word: int(seconds)}}


def _record(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    seconds = {
        name: None if raw.get(name) is None else number(raw[name], below(where, name))
        for name in ("start_sec", "end_sec")
    }
    option, scope = raw.get("embedding_option"), raw.get("embedding_scope")
    fused = option in (None, "fused")
    return {
        **seconds,
        "option": None if option is None else text(option, below(where, "embedding_option")),
        "scope": None if scope is None else text(scope, below(where, "embedding_scope")),
        "type": "fused" if fused else "separate",
        "vector": vector_in(raw.get("embedding"), below(where, "embedding")),
    }
