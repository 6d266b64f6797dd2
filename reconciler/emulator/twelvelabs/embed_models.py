"""What a request to the second version of embed says before its input: which model, and how its vectors are wanted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.models import DIMENSIONS, model_problem, models
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.reading import Body
from reconciler.emulator.twelvelabs.sources import MediaSource, media_source

__all__ = ["MOST_BASE64", "EmbedModel", "about_source", "one_source", "read_model", "source_in", "text_within", "usage"]

NEWER_MODEL = "marengo3.5"
MOST_BASE64 = 36 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EmbedModel:
    """`newer` is marengo3.5, which the SDK 1.3.6 brought: its inputs, limits and answers are its own."""

    newer: bool
    dimensions: int = DIMENSIONS
    uncertain: bool = False
    """Whether each vector comes with one of how sure its numbers are."""
    truncates: bool = True
    """Whether a text that is too long is cut instead of refused; what happens if nobody says is chosen."""


def read_model(call: ApiCall, fields: Body) -> EmbedModel:
    """The model that is named, and what only the newer one may be told."""
    name, offered = fields.text("model_name"), models(call.options).embed_v2
    if name not in offered:
        raise model_problem(name, offered, call.options)
    if name != NEWER_MODEL:
        return EmbedModel(newer=False)
    return EmbedModel(
        newer=True,
        dimensions=fields.whole("embedding_dimension", least=1, most=4096) or DIMENSIONS,
        uncertain=fields.flag("embedding_uncertainty", default=False),
        truncates=fields.flag("auto_truncate", default=True),
    )


def source_in(call: ApiCall, part: Body, kind: str, *, most: int = MOST_BASE64) -> MediaSource:
    """The media of a part; base64 that is too large has a status of its own since the newest vintage."""
    too_large = 413 if call.options.since("newest") else 400
    return media_source(call, part, kind, most=most, too_large=too_large)


def one_source(call: ApiCall, part: Body, kind: str, *, most: int = MOST_BASE64) -> MediaSource:
    """The `media_source` of an input that has one."""
    source = part.section("media_source")
    found = source_in(call, source, kind, most=most)
    source.done()
    return found


def about_source(source: MediaSource) -> dict[str, Any]:
    """What an answer says of where its input was."""
    if source.how == "url":
        return {"input_url": source.given}
    return {"input_filename": source.name} if source.name else {}


def usage(tokens: Mapping[str, float], *, truncated: bool = False) -> dict[str, Any]:
    """What the newer model says that it read: a token a second, a page or a picture. How it counts is unknown."""
    shown: dict[str, Any] = {
        "input_tokens": {kind: math.ceil(number) for kind, number in tokens.items()},
        "truncated": truncated,
    }
    return {**shown, **({"truncation_reason": "model_context_window"} if truncated else {})}


def text_within(part: Body, most: int, *, cut: bool) -> tuple[str, bool]:
    """The `input_text`, and whether it was cut."""
    text = part.text("input_text")
    words = text.split()
    if len(words) <= most:
        return text, False
    if not cut:
        raise invalid(f"The {part.where}.input_text parameter may have {most} tokens at most.")
    return " ".join(words[:most]), True
