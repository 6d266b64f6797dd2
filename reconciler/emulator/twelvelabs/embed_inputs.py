"""What the second version of embed is asked to embed, at once or as a task: the part that `input_type` names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.embed_documents import DOCUMENTS, EmbedDocument, read_document
from reconciler.emulator.twelvelabs.embed_models import (
    EmbedModel,
    about_source,
    one_source,
    read_model,
    text_within,
    usage,
)
from reconciler.emulator.twelvelabs.embed_multi import MOST_TOKENS, read_several
from reconciler.emulator.twelvelabs.embed_spans import SPANS, EmbedMedia, read_span
from reconciler.emulator.twelvelabs.embeddings import check_image
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.reading import Body

__all__ = ["EmbedInput", "read_input", "read_media"]

PARTS = ("text", "image", "text_image", "audio", "video", "multi_input")
LONGEST_S, LONGEST_TASK_S = 600.0, 4 * 3600.0


@dataclass(frozen=True, slots=True)
class EmbedInput:
    """Something that has one vector: what that follows from, and what is said about it."""

    parts: tuple[str, ...]
    metadata: dict[str, Any] | None
    model: EmbedModel
    usage: dict[str, Any] | None = None


def read_input(call: ApiCall, fields: Body) -> EmbedInput | EmbedMedia:
    """For the immediate answer, which of marengo3.5 is of several inputs only."""
    _check_types(fields)
    kind = fields.one_of("input_type", PARTS)
    model = read_model(call, fields)
    if model.newer and kind != "multi_input":
        raise invalid(f"The input_type parameter is invalid. With marengo3.5 it must be multi_input, not {kind}.")
    if kind in SPANS:
        return read_span(call, fields, kind, model, longest=LONGEST_S)
    part = fields.section(kind)
    if kind == "multi_input":
        parts, tokens, cut = read_several(call, part, model)
        part.done()
        used = usage(tokens, truncated=cut) if model.newer else None
        return EmbedInput(parts, {"input_type": kind}, model, used)
    readers = {"text": _text, "image": _image, "text_image": _text_image}
    found, about = readers[kind](call, part)
    part.done()
    return EmbedInput(found, {"input_type": kind, **about} if kind != "text" else None, model)


def read_media(call: ApiCall, fields: Body) -> EmbedMedia | EmbedDocument:
    """For a task."""
    _check_types(fields)
    offered = (*SPANS, *DOCUMENTS) if call.options.since("newest") else tuple(SPANS)
    kind = fields.one_of("input_type", offered)
    model = read_model(call, fields)
    if kind in DOCUMENTS:
        return read_document(call, fields, kind, model)
    return read_span(call, fields, kind, model, longest=LONGEST_TASK_S)


def _check_types(fields: Body) -> None:
    """A wrong type is told before anything that is missing."""
    for name in (*PARTS, "document"):
        sent = fields.raw.get(name)
        if sent is not None and not isinstance(sent, dict):
            received = "array" if isinstance(sent, list) else "string" if isinstance(sent, str) else type(sent).__name__
            raise invalid(f"The {name} parameter is invalid. received {received}, but expected object")


def _input_text(part: Body) -> str:
    return f"text:{text_within(part, MOST_TOKENS, cut=False)[0]}"


def _text(call: ApiCall, part: Body) -> tuple[tuple[str, ...], dict[str, Any]]:
    return (_input_text(part),), {}


def _image(call: ApiCall, part: Body) -> tuple[tuple[str, ...], dict[str, Any]]:
    source = check_image(one_source(call, part, "image"))
    return (source.media["sha256"],), about_source(source)


def _text_image(call: ApiCall, part: Body) -> tuple[tuple[str, ...], dict[str, Any]]:
    source = check_image(one_source(call, part, "image"))
    return (source.media["sha256"], _input_text(part)), about_source(source)
