"""Features of assets: what indexing has found in one, with its vectors, read once and kept in a store of results.

There is no task: what is fetched is read by those very requests, one for the asset and one for each vector.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from reconciler.derived import Task, TaskDriver
from reconciler.kind import EACH, SOURCE, UNORDERED, After, Derived, Ref
from reconciler.lazily import asyncio, secrets
from reconciler.provider import ExistsWhen, Failed, Traits, Want
from reconciler.wire import ApiPath, Unexpected, answer_to, below, identifier, items, mapping, number, text, vector_in

__all__ = ["MediaFeatures", "MediaFeaturesSets"]

MODALITIES = ("video", "image", "text", "audio")
SAID = ("text", "description", "transcription")
"""What a feature may say in words; the first of them is kept with it."""


def _each_once(value: list[str]) -> list[str]:
    if not value or len(set(value)) != len(value):
        raise ValueError("names nothing, or something twice; leave it out for all")
    return value


class MediaFeatures(Derived, section="features", asynchronous=False, label=("set of features", "sets of features")):
    """What indexing has found in an asset: a row for each feature, with its vector. It is read again when the asset is
    another one."""

    paid: ClassVar[bool] = False

    of: Annotated[str | None, Ref("MediaAsset"), EACH] = None
    """Assets, as `collections/NAME/assets/KEY`, by glob, or a whole collection: `collections/NAME`."""
    model: Annotated[Literal["multimodal-v1"] | None, SOURCE] = None
    """Which of the named vectors; words alone, when left out. Each vector is a request of its own."""
    modalities: Annotated[
        list[Literal["video", "image", "text", "audio"]] | None, SOURCE, UNORDERED, After(_each_once)
    ] = None
    """Features of what: all, when left out."""

    @classmethod
    def recipe(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Which of what was found."""
        return {
            "api": "features",
            "model": fields.get("model"),
            "modalities": sorted(fields.get("modalities") or MODALITIES),
        }


class MediaFeaturesSets(TaskDriver):
    """Reads them; nothing is made on the platform."""

    kind = MediaFeatures
    traits = Traits(exists=ExistsWhen.FINISHED)

    async def begin(self, want: Want, mark: str) -> str:
        """Nothing is sent: an id of our own is announced."""
        return secrets.token_hex(12)

    async def tasks(self, way: str = "") -> AsyncIterator[Sequence[Task]]:
        """There are none."""
        for _ in ():
            yield ()

    async def task(self, id: str) -> tuple[Task, Any]:
        """It can be read at any time."""
        return Task(id, "ready", why="it is read from the asset again"), None

    def at_once(self, id: str) -> bool:
        """None of them is a task of the platform."""
        return True

    def not_kept(self, id: str) -> str:
        """How it comes again."""
        return "it is read from the asset again"

    async def fetched(self, want: Want, id: str) -> tuple[Task, Any]:
        """The features of the asset that are wanted; with vectors each by itself."""
        recipe = self.kind.recipe(want.fields)
        path = ApiPath("/assets") / str(want.fields["of"]) + "/features"
        answer = await self.http.request("GET", path)
        with answer_to(f"GET {path}"):
            found = mapping(mapping(answer, "").get("features"), "features")
            rows = [
                mapping(row, f"features.{modality}[{at}]")
                for modality in recipe["modalities"]
                for at, row in enumerate(items(found.get(modality) or [], f"features.{modality}"))
            ]
            ids = [identifier(row.get("feature_id"), "feature_id") for row in rows]
        if recipe["model"] is not None:
            rows = await asyncio.gather(*map(self._with_vectors, ids))
        return (await self.task(id))[0], rows

    async def _with_vectors(self, id: str) -> Mapping[str, Any]:
        path = ApiPath("/features") / id
        answer = await self.http.request("GET", path, query={"include_vectors": "true"})
        with answer_to(f"GET {path}"):
            found = mapping(answer, "")
            if identifier(found.get("feature_id"), "feature_id") != id:
                raise Unexpected("feature_id", "that of another feature than was asked for")
            return found

    def made(self, want: Want, answer: Any) -> tuple[list[dict[str, Any]], int | None] | Failed:
        """A row for each feature that has the vector, or words where none is wanted."""
        model = want.fields.get("model")
        with answer_to("GET /features/…"):
            rows = [record for raw in answer if (record := _record(raw, model)) is not None]
        if not rows:
            wanted = f"no vector {model}" if model else "no words"
            return Failed(f"what was found in it has {wanted}; do its settings ask for one?")
        return rows, len(rows[0]["vector"]) if model else None


def _record(raw: Mapping[str, Any], model: str | None) -> dict[str, Any] | None:
    """One feature as a row; None for one that has not what is wanted of it."""
    said = next((text(raw[word], word) for word in SAID if raw.get(word) is not None), None)
    vector = None
    if model is not None:
        named = mapping(raw.get("vectors") or {}, "vectors")
        if model not in named:
            return None
        vector = vector_in(named[model], below("vectors", model))
    elif said is None:
        return None
    seconds = {"start_sec": raw.get("start_time"), "end_sec": raw.get("end_time")}
    return {
        **{name: None if at is None else number(at, name) for name, at in seconds.items()},
        "option": text(raw.get("modality"), "modality"),
        "type": model,
        "text": said,
        **({} if vector is None else {"vector": vector}),
    }
