"""Embeddings of media: vectors of each clip, made by a task of the second version of the API, kept in a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from reconciler.derived import Task
from reconciler.kind import EACH, SOURCE, UNORDERED, Derived, Known, Part, Ref
from reconciler.provider import Failed, Want
from reconciler.providers.twelvelabs.tasks import PlatformTasks, Window, backwards, span
from reconciler.wire import Unexpected, answer_to, below, items, mapping, number, segment, text

__all__ = ["Embedding", "Embeddings"]

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "video": ("audio", "transcription", "visual"),
    "audio": ("audio", "transcription"),
}
"""What can be embedded of each kind of media, sorted."""
OTHER_WORDS: Mapping[str, str] = {
    "video": "asset",
    "visual-text": "visual",
    "visual_text": "visual",
    "conversation": "transcription",
    "separate_embedding": "separate",
    "fused_embedding": "fused",
}
"""Words of the first version of the API, of its indexes and of its wire, and what is meant here."""
DAY_S = 86400.0


def _our_words(value: Any) -> Any:
    """Complain of a word of another version of the API by the one that is meant."""
    for word in value if isinstance(value, list) else ():
        if isinstance(word, str) and word in OTHER_WORDS:
            raise ValueError(f"`{word}` is the word of another part of the API; here it is `{OTHER_WORDS[word]}`")
    return value


def _each_once(value: list[str]) -> list[str]:
    if len(set(value)) != len(value):
        raise ValueError("names something twice; keep one")
    if not value:
        raise ValueError("is empty; leave it out for all, or name one")
    return value


OURS, ONCE = BeforeValidator(_our_words), AfterValidator(_each_once)


class Segments(Part):
    """How media is cut into clips."""

    every: Annotated[float | None, Field(ge=2, le=10)] = None
    """Clips of so many seconds: 2 to 10, a whole number."""
    at_least: Annotated[float | None, Field(ge=2, le=5)] = None
    """Clips where scenes change, of so many seconds at least: 2 to 5, a whole number. Of video only."""


class Embedding(Derived, section="embeddings", asynchronous=False):
    """Vectors of the clips of a video or of sound: made once of each input, kept in the store under `results:`."""

    of: Annotated[str, Ref("Asset"), EACH]
    """Assets, by name or glob: of each one set is made."""
    model: Annotated[str, SOURCE, Known(frozenset({"marengo3.0"}), "November 2026")]
    """Which model makes them; vectors of two models cannot be compared."""
    media: Annotated[Literal["video", "audio"], SOURCE] = "video"
    """What the inputs are."""
    options: Annotated[list[Literal["visual", "audio", "transcription"]] | None, SOURCE, UNORDERED, ONCE, OURS] = None
    """What of it: pictures, sound, speech; all that the media has, when left out."""
    scopes: Annotated[list[Literal["clip", "asset"]] | None, SOURCE, UNORDERED, ONCE, OURS] = None
    """A vector for each clip, one for all of it; both, when left out."""
    type: Annotated[list[Literal["separate", "fused"]] | None, SOURCE, UNORDERED, ONCE, OURS] = None
    """A vector for each option, or one that fuses them all; separate, when left out."""
    segments: Annotated[Segments | None, SOURCE] = None
    """How it is cut: `{every: 6}`, or `{at_least: 4}` where scenes change; every 6 seconds, when left out."""
    window: Annotated[Window | None, SOURCE] = None
    """Which part of it, in seconds: `{from: 0, to: 600}`; all, when left out."""

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
            "api": "v2",
            "model": str(fields["model"]),
            "media": media,
            "options": sorted(fields.get("options") or OPTIONS[media]),
            "scopes": sorted(fields.get("scopes") or ("asset", "clip")),
            "type": sorted(fields.get("type") or ("separate",)),
            "segments": [way, float(length)],
            "window": span(fields),
        }


class Embeddings(PlatformTasks):
    """How they are made. A task carries no mark, and its list names no asset: only the name of its file or its URL."""

    kind = Embedding
    path = "/embed-v2/tasks"
    id_word = "_id"
    kept_for_s = 7 * DAY_S
    dim = 512

    async def begin(self, want: Want, mark: str) -> str:
        """All options are sent, for defaults move."""
        recipe = self.kind.recipe(want.fields)
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

    async def called(self, input_id: str) -> str:
        """The name of the asset's file."""
        path = f"/assets/{segment(input_id)}"
        with answer_to(f"GET {path}"):
            return str(mapping(await self.http.request("GET", path), "").get("filename") or "")

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
        )


def _segmentation(way: str, seconds: float) -> dict[str, Any]:
    word = "duration_sec" if way == "fixed" else "min_duration_sec"
    return {"strategy": way, way: {word: int(seconds)}}


STATUSES = {"processing": "running", "ready": "ready", "failed": "failed"}


def _vector(value: Any, where: str) -> list[float]:
    found = items(value, where)
    if not found or not all(type(it) in (int, float) for it in found):
        raise Unexpected(where, "no list of numbers")
    return found


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
        "vector": _vector(raw.get("embedding"), below(where, "embedding")),
    }
