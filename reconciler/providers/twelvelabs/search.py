"""Search of an index, by words, pictures and named entities.

Source: https://docs.twelvelabs.io/api-reference/any-to-video-search, as of November 2026. A question is a form; its
pages after the first are read by a token, for a quarter of an hour, and are not billed again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from reconciler.model import Asked
from reconciler.provider import Clip, Found, Hands, Question, Search, Space
from reconciler.providers.twelvelabs.embeddings import Embedding
from reconciler.providers.twelvelabs.entities import Entity
from reconciler.providers.twelvelabs.indexed_assets import IndexedAsset
from reconciler.providers.twelvelabs.question_vectors import prices_of, space_of, vector_of
from reconciler.rest import Marks
from reconciler.wire import answer_to, below, items, mapping, number, segment, text, whole

if TYPE_CHECKING:
    from reconciler.http import Http

__all__ = ["IndexSearch"]

OF_SOUND = "audio"
OLDER = "marengo2."


class IndexSearch(Search):
    """Asks `/search`."""

    kind, mentions, vectors = IndexedAsset, Entity, Embedding
    options = ("visual", "audio", "transcription")
    filters = ("id", "filename", "duration", "width", "height", "size")
    besides: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "threshold": ("high", "medium", "low", "none"),
        "sort_option": ("score", "clip_count"),
        "adjust_confidence_level": (),
    }
    """Of accounts that follow the references of 2024; those of now refuse them."""
    price = "search_1k"
    most_images = 10
    most_in_page = 50

    def __init__(self, hands: Hands) -> None:
        self.http: Http = hands.http

    @classmethod
    def searchable(cls, container: Mapping[str, Any]) -> tuple[str, ...]:
        """What the model that searches was made for; spoken words come with sound, and of the older models are a part
        of it that cannot be asked for alone."""
        models = [it for it in container.get("models", ()) if str(it["name"]).startswith("marengo")]
        made_for = {option for model in models for option in model.get("options", ("visual", "audio"))}
        if OF_SOUND in made_for and not any(str(it["name"]).startswith(OLDER) for it in models):
            made_for.add("transcription")
        return tuple(it for it in cls.options if it in made_for)

    def url_of(self, declared: Mapping[str, Any]) -> str:
        """Of an asset that was declared by its address."""
        return str(declared.get("url") or "")

    @classmethod
    def space(cls, declared: Mapping[str, Any]) -> Space:
        """Where a model makes vectors of texts and images too."""
        return space_of(declared)

    @classmethod
    def prices_of(cls, asked: Asked) -> Mapping[str, float]:
        """By text and by image."""
        return prices_of(asked)

    async def vector(self, space: Space, question: Question) -> Sequence[float]:
        """By the same part of the API as what is kept."""
        return await vector_of(self.http, space, question)

    async def ask(self, question: Question) -> Found:
        """Everything that was said is sent; what was not is left to the API."""
        form: dict[str, Any] = {
            "index_id": question.container_id,
            "search_options": list(question.options),
            "page_limit": str(min(question.page_size, self.most_in_page)),
            "operator": "and" if question.every_option else "or",
            "group_by": "video" if question.grouped else "clip",
            "include_user_metadata": "true" if question.with_metadata else "false",
        }
        form |= question.besides
        if question.text:
            form["query_text"] = question.text
        if question.spoken:
            form["transcription_options"] = list(question.spoken)
        if question.filter:
            form["filter"] = json.dumps(question.filter, sort_keys=True)
        urls = [image.url for image in question.images if image.url]
        if question.images:
            form["query_media_type"] = "image"
        if urls:
            form["query_media_url"] = urls
        files = [(image.name, image.data) for image in question.images if not image.url]
        # Asking changes nothing: a question whose answer was lost is asked again.
        answer = await self.http.request(
            "POST", "/search", form=form, files={"query_media_file": files} if files else None, reads=True
        )
        return _found(answer, "POST /search")

    async def more(self, token: str, question: Question) -> Found:
        """Whether metadata comes along is asked anew for each page."""
        query = {"include_user_metadata": "true"} if question.with_metadata else {}
        return _found(await self.http.request("GET", f"/search/{segment(token)}", query=query), "GET /search/*")


def _found(answer: Any, what: str) -> Found:
    with answer_to(what):
        raw = mapping(answer, "")
        rows = tuple(
            _row(mapping(row, f"data[{at}]"), f"data[{at}]") for at, row in enumerate(items(raw.get("data"), "data"))
        )
        info = mapping(raw.get("page_info") or {}, "page_info")
        total = info.get("total_results")
        return Found(
            rows=rows,
            total=None if total is None else whole(total, "page_info.total_results"),
            next=text(info.get("next_page_token") or "", "page_info.next_page_token"),
        )


def _row(raw: Mapping[str, Any], where: str) -> tuple[Clip, ...]:
    """One clip, or, grouped by video, all of one."""
    if "clips" not in raw:
        return (_clip(raw, where),)
    of = text(raw.get("id"), below(where, "id"))
    clips = enumerate(items(raw["clips"], below(where, "clips")))
    return tuple(_clip({"video_id": of, **mapping(it, f"{where}.clips[{at}]")}, where) for at, it in clips)


def _clip(raw: Mapping[str, Any], where: str) -> Clip:
    rank = raw.get("rank")
    return Clip(
        id=text(raw.get("video_id"), below(where, "video_id")),
        start=number(raw.get("start"), below(where, "start")),
        end=number(raw.get("end"), below(where, "end")),
        rank=None if rank is None else whole(rank, below(where, "rank")),
        text=text(raw.get("transcription") or "", below(where, "transcription")),
        metadata=Marks().apart(dict(mapping(raw.get("user_metadata") or {}, below(where, "user_metadata"))))[1],
    )
