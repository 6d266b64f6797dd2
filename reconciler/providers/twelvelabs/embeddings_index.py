"""Embeddings that an index has made of its assets anyway: read, not made, and free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.derived import Task
from reconciler.provider import Failed, Want
from reconciler.providers.twelvelabs.embeddings_way import AtOnce, Look
from reconciler.wire import ApiPath, answer_to, below, items, mapping, number, text, vector_in

__all__ = ["OfIndex"]

FROM: Mapping[str, str] = {"visual": "visual", "audio": "audio", "transcription": "audio"}
"""What can be read of an index, and which option its model must have for that."""
CUTTING = ("media", "scopes", "type", "segments", "window")
"""What says how media is cut and embedded: an index has done that in its own way."""


class OfIndex(AtOnce):
    """One request an indexed asset. It is read anew when that is another one."""

    name = "index"
    paid = False
    lost = "it is read from the index again"
    again = "read again from the index, free"

    @classmethod
    def told(cls, fields: Mapping[str, Any], look: Look) -> Mapping[str, Any]:
        """The model, and what it looks at, stand in the index."""
        index = "/".join(str(fields["indexed"]).split("/")[:2])
        models = [it for it in (look(index) or {}).get("models") or () if isinstance(it, Mapping)]
        if not models:  # found by its name or id only, or complained of there
            return {}
        embeds = {str(it.get("name")): it for it in models if str(it.get("name")).startswith("marengo")}
        if not embeds:
            names = " and ".join(str(it.get("name")) for it in models)
            raise ValueError(f"of: {index} has vectors of no model: {names} makes none; a Marengo model does")
        model = str(fields.get("model") or next(iter(embeds)))
        if model not in embeds:
            raise ValueError(f"model: {index} is indexed by {' and '.join(embeds)}; leave it out, or name that")
        has = embeds[model].get("options") or ("visual", "audio")
        wanted = fields.get("options") or sorted(option for option, needs in FROM.items() if needs in has)
        if lacking := [it for it in wanted if FROM.get(it) not in has]:
            what = f"{index} looks at {' and '.join(has)} only, so it has no vectors of {' and '.join(lacking)}"
            raise ValueError(f"options: {what}")
        return {"model": model, "options": list(wanted)}

    @classmethod
    def lacks(cls, declared: Mapping[str, Any]) -> str | None:
        """What fields together lack or contradict."""
        if name := next((it for it in CUTTING if it in declared), None):
            return f"{name}: of an index there is what it has, cut at scenes; take it out, or name assets under `of:`"
        return None if "model" in declared else "needs `model`: the index does not say by which it is indexed"

    @classmethod
    def recipe(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """How it was made is the index's own."""
        return {
            "api": cls.name,
            "model": str(fields["model"]),
            "options": sorted(fields.get("options") or FROM),
        }

    async def fetched(self, want: Want, recipe: Mapping[str, Any], id: str) -> tuple[Task, Any]:
        """Read them."""
        path = ApiPath("/indexes") / str(want.parent_id) + "/indexed-assets"
        path = path / str(want.fields["indexed"])
        answer = await self.http.request("GET", path, query={"embedding_option": recipe["options"]})
        return (await self.task(id))[0], answer

    def made(self, want: Want, answer: Any) -> tuple[list[dict[str, Any]], int | None] | Failed:
        """A row for each vector."""
        with answer_to("GET /indexes/…/indexed-assets/…"):
            embedding = mapping(mapping(answer, "").get("embedding") or {}, "embedding")
            about = mapping(embedding.get("video_embedding") or {}, "embedding.video_embedding")
            found = _records(items(about.get("segments") or [], "segments"))
        if not found:
            return Failed("the index has no vectors of it; was it indexed by a Marengo model?")
        return found, len(found[0]["vector"])


def _records(segments: Sequence[Any]) -> list[dict[str, Any]]:
    return [_record(mapping(it, f"segments[{at}]"), f"segments[{at}]") for at, it in enumerate(segments)]


def _record(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    return {
        "start_sec": number(raw.get("start_offset_sec"), below(where, "start_offset_sec")),
        "end_sec": number(raw.get("end_offset_sec"), below(where, "end_offset_sec")),
        "option": text(raw.get("embedding_option"), below(where, "embedding_option")),
        "scope": text(raw.get("embedding_scope") or "clip", below(where, "embedding_scope")),
        "type": "separate",
        "vector": vector_in(raw.get("float"), below(where, "float")),
    }
