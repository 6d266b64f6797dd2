"""Embeddings of media: vectors of each clip, kept in a store. How they are made is a way of its own, by a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from reconciler.derived import Task, TaskDriver, way_of
from reconciler.kind import (
    CREATE_ONLY,
    EACH,
    INPUT,
    SOURCE,
    UNORDERED,
    After,
    Before,
    Bounds,
    Derived,
    Known,
    Named,
    Part,
    Ref,
)
from reconciler.provider import Failed, Hands, Want
from reconciler.providers.twelvelabs.embeddings_index import OfIndex
from reconciler.providers.twelvelabs.embeddings_sync import AtOneGo
from reconciler.providers.twelvelabs.embeddings_v1 import DIMENSIONS, OLD_MODEL, V1
from reconciler.providers.twelvelabs.embeddings_v2 import V2
from reconciler.providers.twelvelabs.embeddings_way import AtOnce, Look, Making
from reconciler.providers.twelvelabs.tasks import TASKS, Window

__all__ = ["Embedding", "Embeddings"]

OTHER_WORDS: Mapping[str, str] = {
    "visual_text": "visual",
    "conversation": "transcription",
    "separate_embedding": "separate",
    "fused_embedding": "fused",
}
"""Words of the wire and of indexes, and what is meant here."""
OF_V1: Mapping[str, Mapping[str, str]] = {"scopes": {"video": "asset"}, "options": {"visual-text": "visual"}}
"""Field → words that it takes of the first version only, and what they are elsewhere."""
DAY_S = 86400.0
MODELS = frozenset({"marengo3.0", OLD_MODEL})


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


OptionWord = Literal["visual", "audio", "transcription", "visual-text"]
OURS, ONCE = Before(_our_words), After(_each_once)


class Segments(Part):
    """How media is cut into clips."""

    every: Annotated[float | None, Bounds(ge=2, le=10)] = None
    """Clips of so many seconds: 2 to 10, a whole number but for `api: v1`."""
    at_least: Annotated[float | None, Bounds(ge=2, le=5)] = None
    """Clips where scenes change, of so many seconds at least: 2 to 5, a whole number. Of video only."""


class Embedding(Derived, section="embeddings", asynchronous=False):
    """Vectors of the clips of a video or of sound: made once of each input, kept in the store under `results:`."""

    of: Annotated[str | None, Ref("Asset"), EACH] = None
    """Assets, by name or glob; `indexes/NAME` for vectors that it has already; `{NAME: {text: …}}`. Of each one set."""
    indexed: Annotated[str | None, Ref("IndexedAsset"), EACH, CREATE_ONLY] = None
    """What in an index it is read from."""
    text: Annotated[str | None, INPUT, SOURCE, Bounds(min_length=1)] = None
    """Words, alone or beside images, of which they speak as `<@name>`."""
    image: Annotated[str | None, Ref("Asset"), INPUT] = None
    """An image, alone or with a text."""
    images: Annotated[list[str] | None, Ref("Asset"), INPUT, Named("image_names")] = None
    """Up to 10 images, by names of their own: one vector of all."""
    image_names: Annotated[list[str] | None, SOURCE] = None
    """What the images are called in the text."""
    url: Annotated[str | None, INPUT, SOURCE, Bounds(pattern=r"^https?://\S+$")] = None
    """Address of a video that is no asset: with `api: v1` only."""
    file: Annotated[str | None, INPUT, SOURCE] = None
    """Where the bytes of an asset are that is a file, for `api: v1`: found out of the asset, never declared."""
    api: Annotated[Literal["v1", "v2"] | None, SOURCE] = None
    """Which version of the API makes them; v2, when left out. The first has words of its own."""
    model: Annotated[str | None, SOURCE, Known(MODELS, "November 2026")] = None
    """Which model makes them; vectors of two models cannot be compared. Of an index it is the index's."""
    media: Annotated[Literal["video", "audio", "image"] | None, SOURCE] = None
    """What the inputs are; told by the names of their files, and else video, when left out."""
    options: Annotated[list[OptionWord] | None, SOURCE, UNORDERED, ONCE, OURS] = None
    """What of it: pictures, sound, speech; all that the media has, when left out."""
    scopes: Annotated[list[Literal["clip", "asset", "video"]] | None, SOURCE, UNORDERED, ONCE, OURS] = None
    """A vector for each clip, one for all of it; both, when left out. Of `api: v1`: `[clip]`, or `[clip, video]`."""
    type: Annotated[list[Literal["separate", "fused"]] | None, SOURCE, UNORDERED, ONCE, OURS] = None
    """A vector for each option, or one that fuses them all; separate, when left out."""
    segments: Annotated[Segments | None, SOURCE] = None
    """How it is cut: `{every: 6}`, or `{at_least: 4}` where scenes change; every 6 seconds, when left out."""
    window: Annotated[Window | None, SOURCE] = None
    """Which part of it, in seconds: `{from: 0, to: 600}`; all, when left out."""

    @classmethod
    def lacks(cls, declared: Mapping[str, Any]) -> str | None:
        """What fields together lack or contradict."""
        if "model" not in declared and "indexed" not in declared:
            return "needs `model`"
        way = way_by(declared)
        return _of_another(way, declared) or way.lacks(declared)

    @classmethod
    def told(cls, fields: Mapping[str, Any], look: Look) -> Mapping[str, Any]:
        """What its input says of it."""
        return way_by(fields).told(fields, look)

    @classmethod
    def recipe(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """How it is made, all of it written out."""
        return way_by(fields).recipe(fields)

    @classmethod
    def otherwise(cls, fields: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """As its way says."""
        return way_by(fields).otherwise(fields)


WAYS: Mapping[str, type[Making]] = {way.name: way for way in (V2, V1, OfIndex, AtOneGo)}
USUAL = V2.name
"""Whose ids are kept as the platform gives them; those of others begin with the name of their way."""


def way_by(fields: Mapping[str, Any]) -> type[Making]:
    """The way by which it is made, by what is declared."""
    if fields.get("api") == V1.name:
        return V1
    if "indexed" in fields:
        return OfIndex
    if fields.get("media") == "image" or not fields.keys().isdisjoint(("text", "image", "images")):
        return AtOneGo
    return V2


def _of_another(way: type[Making], declared: Mapping[str, Any]) -> str | None:
    """What only the first version takes, where another is meant."""
    if way is V1:
        return None
    for field, words in OF_V1.items():
        for word in declared.get(field) or ():
            if word in words:
                return f"{field}: `{word}` is the word of `api: v1`; here it is `{words[word]}`"
    if declared.get("model") == OLD_MODEL:
        return f"model: {OLD_MODEL} is a model of `api: v1`"
    if word := next((it for it in ("url", "file") if it in declared), None):
        return f"{word}: is taken with `api: v1` only; declare it under `assets:`, and name that"
    if "api" in declared and way is not V2:
        return "api: only media are made by a version that can be chosen; take it out"
    return None


class Embeddings(TaskDriver):
    """Hands each want, and each id, to its way."""

    kind = Embedding
    traits = TASKS
    kept_for_s = 7 * DAY_S
    dim: int = 512

    def __init__(self, hands: Hands) -> None:
        super().__init__(hands)
        self.ways = {name: way(hands, self.kind) for name, way in WAYS.items()}

    def way(self, fields: Mapping[str, Any]) -> str:
        """By its recipe."""
        name = str(self.kind.recipe(fields)["api"])
        return "" if name == USUAL else name

    def _of(self, way: str) -> Making:
        return self.ways[way or USUAL]

    async def begin(self, want: Want, mark: str) -> str:
        """No task of any way carries a mark."""
        way = self.way(want.fields)
        return _ours(way, await self._of(way).begin(want, self.kind.recipe(want.fields)))

    async def tasks(self, way: str = "") -> AsyncIterator[Sequence[Task]]:
        """As the way lists them."""
        async for page in self._of(way).tasks():
            yield [replace(task, id=_ours(way, task.id)) for task in page]

    async def task(self, id: str) -> tuple[Task, Any]:
        """As the way shows it."""
        way = way_of(id)
        task, answer = await self._of(way).task(id.removeprefix(f"{way}:"))
        return replace(task, id=id), answer

    def made(self, want: Want, answer: Any) -> tuple[list[dict[str, Any]], int | None] | Failed:
        """A row for each vector."""
        return self._of(self.way(want.fields)).made(want, answer)

    def says(self, want: Want) -> Mapping[str, Any]:
        """As the way says."""
        way = self._of(self.way(want.fields))
        sent = way.named(want.fields)
        return {**way.says(self.kind.recipe(want.fields)), **({"sent": sent} if sent else {})}

    async def length(self, input_id: str, way: str = "") -> float | None:
        """As the way says."""
        return await self._of(way).length(input_id)

    def at_once(self, id: str) -> bool:
        """Of ways that have no tasks."""
        return isinstance(self._of(way_of(id)), AtOnce)

    def is_paid_again(self, id: str) -> bool:
        """Of ways that have no tasks, and make what they give."""
        way = self._of(way_of(id))
        return isinstance(way, AtOnce) and way.paid

    def not_kept(self, id: str) -> str:
        """As its way says."""
        way = self._of(way_of(id))
        return way.again if isinstance(way, AtOnce) else super().not_kept(id)

    async def fetched(self, want: Want, id: str) -> tuple[Task, Any]:
        """As the way of the want does it."""
        way = way_of(id)
        task, answer = await self._of(way).fetched(want, self.kind.recipe(want.fields), id.removeprefix(f"{way}:"))
        return replace(task, id=id), answer

    def dim_of(self, want: Want) -> int | None:
        """Known of the models of now."""
        model = want.fields.get("model")
        return DIMENSIONS.get(str(model), self.dim) if model in MODELS else None

    async def called(self, input_id: str, way: str = "") -> str:
        """As the way says."""
        return await self._of(way).called(input_id)


def _ours(way: str, id: str) -> str:
    return f"{way}:{id}" if way else id
