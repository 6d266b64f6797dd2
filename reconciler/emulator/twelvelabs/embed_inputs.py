"""What the second version of embed is asked to embed: a text, pictures, or a span of sound or video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.embeddings import EmbeddingPlan, check_image, check_length
from reconciler.emulator.twelvelabs.models import DIMENSIONS, model_problem, models
from reconciler.emulator.twelvelabs.problems import invalid, missing
from reconciler.emulator.twelvelabs.reading import Body
from reconciler.emulator.twelvelabs.sources import MediaSource, media_source

__all__ = ["EmbedMedia", "Input", "read_input", "read_media"]

NEWER_MODEL = "marengo3.5"
OPTIONS = {"audio": ("audio", "transcription"), "video": ("visual", "audio", "transcription")}
PARTS = ("text", "image", "text_image", "audio", "video", "multi_input")
TYPES = ("separate_embedding", "fused_embedding")
MOST_BASE64 = 36 * 1024 * 1024
MOST_SOURCES, MOST_TOKENS = 10, 500
SHORTEST_S, LONGEST_S, LONGEST_TASK_S = 4.0, 600.0, 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Input:
    """Something without time: what its vector follows from, and what is said about it."""

    parts: tuple[str, ...]
    metadata: dict[str, Any] | None
    dimensions: int


@dataclass(frozen=True, slots=True)
class EmbedMedia:
    """A span of sound or video."""

    plan: EmbeddingPlan
    metadata: dict[str, Any]


def read_input(call: ApiCall, fields: Body) -> Input | EmbedMedia:
    """The one part of the body that `input_type` names; for the immediate answer."""
    _check_types(fields)
    kind = fields.one_of("input_type", PARTS)
    dimensions = _dimensions(call, fields)
    if kind in OPTIONS:
        return _span(call, fields, kind, LONGEST_S, dimensions)
    part = fields.section(kind)
    readers = {"text": _text, "image": _image, "text_image": _text_image, "multi_input": _several}
    found = readers[kind](call, part)
    part.done()
    metadata = {"input_type": kind, **found[1]} if kind != "text" else None
    return Input(found[0], metadata, dimensions)


def read_media(call: ApiCall, fields: Body) -> EmbedMedia:
    """Sound or video, for a task."""
    _check_types(fields)
    kind = fields.one_of("input_type", tuple(OPTIONS))
    dimensions = _dimensions(call, fields)
    return _span(call, fields, kind, LONGEST_TASK_S, dimensions, newer=fields.text("model_name") == NEWER_MODEL)


def _check_types(fields: Body) -> None:
    """A wrong type is told before anything that is missing."""
    for name in PARTS:
        sent = fields.raw.get(name)
        if sent is not None and not isinstance(sent, dict):
            received = "array" if isinstance(sent, list) else "string" if isinstance(sent, str) else type(sent).__name__
            raise invalid(f"The {name} parameter is invalid. received {received}, but expected object")


def _dimensions(call: ApiCall, fields: Body) -> int:
    """Of the model; the newer contract lets them be chosen for its newer model."""
    model, offered = fields.text("model_name"), models(call.options).embed_v2
    if model not in offered:
        raise model_problem(model, offered, call.options)
    if model == NEWER_MODEL:
        fields.flag("auto_truncate", default=True)
        fields.flag("embedding_uncertainty", default=False)
        return fields.whole("embedding_dimension", least=1, most=4096) or DIMENSIONS
    return DIMENSIONS


def _source(call: ApiCall, part: Body, kind: str) -> MediaSource:
    too_large = 413 if call.options.since("newest") else 400
    return media_source(call, part, kind, most=MOST_BASE64, too_large=too_large)


def _media_source(call: ApiCall, part: Body, kind: str) -> MediaSource:
    source = part.section("media_source")
    found = _source(call, source, kind)
    source.done()
    return found


def _where_from(source: MediaSource) -> dict[str, Any]:
    if source.how == "url":
        return {"input_url": source.given}
    return {"input_filename": source.name} if source.name else {}


def _input_text(part: Body) -> str:
    text = part.text("input_text")
    if len(text.split()) > MOST_TOKENS:
        raise invalid(f"The {part.where}.input_text parameter may have {MOST_TOKENS} tokens at most.")
    return f"text:{text}"


def _text(call: ApiCall, part: Body) -> tuple[tuple[str, ...], dict[str, Any]]:
    return (_input_text(part),), {}


def _image(call: ApiCall, part: Body) -> tuple[tuple[str, ...], dict[str, Any]]:
    source = check_image(_media_source(call, part, "image"))
    return (source.media["sha256"],), _where_from(source)


def _text_image(call: ApiCall, part: Body) -> tuple[tuple[str, ...], dict[str, Any]]:
    source = check_image(_media_source(call, part, "image"))
    return (source.media["sha256"], _input_text(part)), _where_from(source)


def _several(call: ApiCall, part: Body) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Up to ten pictures in their order, and a text that may speak of them by name; since `newest` a text alone too."""
    alone = call.options.since("newest") and "input_text" in part and "media_sources" not in part
    parts = []
    for source in part.sections("media_sources", least=0 if alone else 1, most=MOST_SOURCES):
        source.maybe_text("name")
        source.one_of("media_type", ("image",))
        parts.append(check_image(_source(call, source, "image")).media["sha256"])
        source.done()
    if "input_text" in part:
        parts.append(_input_text(part))
    return tuple(parts), {}


def _span(
    call: ApiCall, fields: Body, kind: str, longest: float, dimensions: int, *, newer: bool = False
) -> EmbedMedia:
    """A task of the newer model says in its own way how clips are cut, and hears speech as a part of sound."""
    part = fields.section(kind)
    source = _media_source(call, part, kind)
    check_length(source, SHORTEST_S, longest)
    start, end = part.number("start_sec", least=0), part.number("end_sec", least=0)
    first, last = start or 0.0, source.duration if end is None else end
    if not first < last <= source.duration:
        raise invalid(f"start_sec must be below end_sec, and both within the {source.duration:g} s of the {kind}.")
    length, dynamic = _temporal(part) if newer else _segmentation(part, kind)
    options = tuple(option for option in OPTIONS[kind] if not (newer and option == "transcription"))
    kinds = part.choices("embedding_type", TYPES, TYPES[:1])
    plan = EmbeddingPlan(
        content=source.media["sha256"],
        start=first,
        end=last,
        options=tuple(part.choices("embedding_option", options, options)),
        scopes=_scopes(part, newer=newer),
        length=length,
        dynamic=dynamic,
        separate=TYPES[0] in kinds,
        fused=TYPES[1] in kinds,
        dimensions=dimensions,
    )
    part.done()
    return EmbedMedia(plan, _about(source, kind, plan, offsets=(start, end)))


def _scopes(part: Body, *, newer: bool) -> tuple[str, ...]:
    """`local` is what the newer model also calls a clip; results always call it a clip."""
    offered = ("clip", "local", "asset") if newer else ("clip", "asset")
    chosen = part.choices("embedding_scope", offered, ("clip", "asset"))
    return tuple(dict.fromkeys("clip" if scope == "local" else scope for scope in chosen))


def _segmentation(part: Body, kind: str) -> tuple[float, bool]:
    """How long clips are, and whether they follow scenes, which only video has."""
    segmentation = part.maybe_section("segmentation")
    if segmentation is None:
        return 6.0, False
    least = 2 if kind == "video" else 1
    return _strategy(segmentation, ("fixed", "dynamic") if kind == "video" else ("fixed",), least)


def _temporal(part: Body) -> tuple[float, bool]:
    """The same for the newer model: in a `temporal` object, sound too may be cut where it changes."""
    segmentation = part.maybe_section("segmentation")
    if segmentation is None:
        return 2.0, True
    found = _strategy(segmentation.section("temporal"), ("fixed", "dynamic"), 2)
    segmentation.done()
    return found


def _strategy(segmentation: Body, offered: tuple[str, ...], least: int) -> tuple[float, bool]:
    strategy = segmentation.one_of("strategy", offered)
    if strategy not in segmentation:
        raise missing(f"{segmentation.where}.{strategy}")
    inner = segmentation.section(strategy)
    if strategy == "fixed":
        length = inner.integer("duration_sec", least=least, most=10)
    else:
        length = inner.integer("min_duration_sec", least=2, most=5)
    inner.done()
    segmentation.done()
    return float(length), strategy == "dynamic"


def _about(
    source: MediaSource, kind: str, plan: EmbeddingPlan, *, offsets: tuple[float | None, float | None]
) -> dict[str, Any]:
    shown = {
        "input_type": kind,
        **_where_from(source),
        "embedding_options": list(plan.options),
        "embedding_scopes": list(plan.scopes),
        "duration": source.duration,
    }
    if kind == "video" and not plan.dynamic:
        shown["clip_length"] = int(plan.length)
    names = ("start_offset_sec", "end_offset_sec")
    return {**shown, **{name: value for name, value in zip(names, offsets, strict=True) if value is not None}}
