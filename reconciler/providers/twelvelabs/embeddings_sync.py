"""Embeddings of what has no time in it, a text, an image, several of them together: one vector, made at once.

No task exists of it. What is asked for is announced before it is sent, as everything is; an answer that is lost is paid
for and cannot be had again, so it is made again, and that is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reconciler.derived import Task
from reconciler.provider import Failed, Want
from reconciler.providers.twelvelabs.embeddings_way import AtOnce
from reconciler.providers.twelvelabs.patience import patience
from reconciler.wire import answer_to, items, mapping, vector_in

__all__ = ["AtOneGo"]

MOST_IMAGES = 10
MOST_TOKENS = 500
NAMED = re.compile(r"<@([^<>]*)>")
OF_MEDIA = ("options", "scopes", "type", "segments", "window")
"""What only what lasts some time has."""
PATH = "/embed-v2"


class AtOneGo(AtOnce):
    """`POST /embed-v2`: the answer is the vector."""

    name = "sync"
    lost = "it is asked for again; if its answer was lost it may have been billed twice"
    again = "no task of it exists, so it is made again"

    @classmethod
    def lacks(cls, declared: Mapping[str, Any]) -> str | None:
        """What fields together lack or contradict."""
        words, names = str(declared.get("text") or ""), declared.get("image_names") or []
        if "of" not in declared and (name := next((it for it in (*OF_MEDIA, "media") if it in declared), None)):
            return f"{name}: a text or an image has none; take it out"
        if "image" in declared and "images" in declared:
            return "images: there is an `image` beside it; keep one"
        if "images" in declared and not 1 <= len(names) <= MOST_IMAGES:
            return f"images: one vector is made of 1 to {MOST_IMAGES} images, not of {len(names)}"
        if unknown := [it for it in NAMED.findall(words) if it not in names]:
            return f"text: `<@{unknown[0]}>` names none of its `images`"
        if len(words.split()) > MOST_TOKENS:  # a token is a word at most
            return f"text: has {len(words.split())} words, and may have {MOST_TOKENS} tokens"
        return None

    @classmethod
    def recipe(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """How it is made: the words are a part of it, the images are its inputs."""
        return {
            "api": cls.name,
            "model": str(fields["model"]),
            "text": fields.get("text"),
            "names": list(fields.get("image_names") or ()),
        }

    async def fetched(self, want: Want, recipe: Mapping[str, Any], id: str) -> tuple[Task, Any]:
        """Make it."""
        with patience():
            answer = await self.http.request("POST", PATH, json=_body(want.fields, recipe))
        return (await self.task(id))[0], answer

    def made(self, want: Want, answer: Any) -> tuple[list[dict[str, Any]], int | None] | Failed:
        """One row."""
        with answer_to(f"POST {PATH}"):
            data = items(mapping(answer, "").get("data"), "data")
            rows = [mapping(it, f"data[{at}]") for at, it in enumerate(data)]
            found = [vector_in(row.get("embedding"), f"data[{at}].embedding") for at, row in enumerate(rows)]
        if len(found) != 1:
            return Failed(f"one vector was asked for, and {len(found)} were given")
        return [{"text": want.fields.get("text"), "vector": found[0]}], len(found[0])


def _body(fields: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    words = {} if recipe["text"] is None else {"input_text": recipe["text"]}
    image = fields.get("image") or fields.get("of")
    body: dict[str, Any] = {"model_name": recipe["model"]}
    if "images" in fields:
        named = zip(recipe["names"], fields["images"], strict=True)
        sources = [{"name": name, "media_type": "image", "asset_id": id} for name, id in named]
        return {**body, "input_type": "multi_input", "multi_input": {**words, "media_sources": sources}}
    source = {"media_source": {"asset_id": image}} if image else {}
    kind = "text_image" if words and image else "image" if image else "text"
    return {**body, "input_type": kind, kind: {**source, **words}}
