"""The vector of a question, in the space of vectors that are kept: the same model, asked at once.

Source: https://docs.twelvelabs.io/api-reference/create-embeddings-v2 and, of the first version, create-text-image-and-
audio-embeddings, as of November 2026. Both answer at once, and are billed by text and by image.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.model import Asked
from reconciler.provider import Image, Question, Space
from reconciler.providers.twelvelabs.embeddings_v1 import DIMENSIONS, OLD_MODEL
from reconciler.wire import Unexpected, answer_to, items, mapping, vector_in

if TYPE_CHECKING:
    from reconciler.http import Http

__all__ = ["prices_of", "space_of", "vector_of"]

FIRST, SECOND = "v1", "v2"
AS_EMBEDDED = {"marengo2.7": OLD_MODEL}
"""What a model that indexes is called where vectors are asked for."""
MOST_IMAGES = 10
THOUSAND = 1000


def space_of(declared: Mapping[str, Any]) -> Space:
    """By its model. Only the first version has the old one, and makes a text and an image apart."""
    if not declared.get("model"):
        raise ValueError("it is not known which model makes them; give its `model`")
    model = str(declared["model"])
    model = AS_EMBEDDED.get(model, model)
    options = tuple(str(it) for it in declared.get("options") or ())
    if declared.get("api") == FIRST or model == OLD_MODEL:
        return Space(model, FIRST, DIMENSIONS.get(model), options, most_images=1, with_text=False)
    return Space(model, SECOND, DIMENSIONS.get(model), options, most_images=MOST_IMAGES)


def prices_of(asked: Asked) -> Mapping[str, float]:
    """Texts and images are billed by number."""
    counts = {"embed_1k_texts": int(bool(asked.text)), "embed_1k_images": len(asked.images)}
    return {word: count / THOUSAND for word, count in counts.items() if count}


async def vector_of(http: Http, space: Space, question: Question) -> Sequence[float]:
    """One request. Nothing is kept of it, so one whose answer was lost is asked again."""
    if space.way == FIRST:
        return await _first(http, space.model, question)
    answer = await http.request("POST", "/embed-v2", json=_body(space.model, question), reads=True)
    with answer_to("POST /embed-v2"):
        row = _only(items(mapping(answer, "").get("data"), "data"), "data")
        return vector_in(row.get("embedding"), "data[0].embedding")


async def _first(http: Http, model: str, question: Question) -> Sequence[float]:
    form: dict[str, Any] = {"model_name": model}
    files = None
    if question.text:
        form["text"] = question.text
    for image in question.images:
        if image.url:
            form["image_url"] = image.url
        else:
            files = {"image_file": [(image.name, image.data)]}
    answer = await http.request("POST", "/embed", form=form, files=files, reads=True)
    word = "text_embedding" if question.text else "image_embedding"
    with answer_to("POST /embed"):
        segments = f"{word}.segments"
        row = _only(items(mapping(mapping(answer, "").get(word), word).get("segments"), segments), segments)
        return vector_in(row.get("float"), f"{segments}[0].float")


def _only(rows: Sequence[Any], where: str) -> Mapping[str, Any]:
    if len(rows) != 1:
        raise Unexpected(where, f"{len(rows)} vectors came where one is due")
    return mapping(rows[0], f"{where}[0]")


def _body(model: str, question: Question) -> dict[str, Any]:
    words = {"input_text": question.text} if question.text else {}
    sources = [_source(image) for image in question.images]
    if len(sources) > 1:
        named = [{"name": f"i{at}", "media_type": "image", **source} for at, source in enumerate(sources, 1)]
        return {"model_name": model, "input_type": "multi_input", "multi_input": {**words, "media_sources": named}}
    source = {"media_source": sources[0]} if sources else {}
    kind = "text_image" if words and source else "image" if source else "text"
    return {"model_name": model, "input_type": kind, kind: {**source, **words}}


def _source(image: Image) -> dict[str, str]:
    return {"url": image.url} if image.url else {"base64_string": base64.b64encode(image.data).decode("ascii")}
