"""A span of sound or video that is to be embedded: which part of it, how it is cut, and what of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.embed_models import EmbedModel, about_source, one_source
from reconciler.emulator.twelvelabs.embeddings import EmbeddingPlan, check_length
from reconciler.emulator.twelvelabs.problems import invalid, missing
from reconciler.emulator.twelvelabs.reading import Body
from reconciler.emulator.twelvelabs.sources import MediaSource

__all__ = ["SPANS", "EmbedMedia", "read_span"]

SPANS = {"audio": ("audio", "transcription"), "video": ("visual", "audio", "transcription")}
TYPES = ("separate_embedding", "fused_embedding")
SHORTEST_S = 4.0
MOST_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class EmbedMedia:
    """A span of sound or video."""

    plan: EmbeddingPlan
    metadata: dict[str, Any]


def read_span(call: ApiCall, fields: Body, kind: str, model: EmbedModel, *, longest: float) -> EmbedMedia:
    """A task of the newer model says in its own way how clips are cut, and hears speech as a part of sound."""
    part = fields.section(kind)
    source = one_source(call, part, kind)
    check_length(source, SHORTEST_S, longest)
    start, end = part.number("start_sec", least=0), part.number("end_sec", least=0)
    first, last = start or 0.0, source.duration if end is None else end
    if not first < last <= source.duration:
        raise invalid(f"start_sec must be below end_sec, and both within the {source.duration:g} s of the {kind}.")
    # A structure of the other model is 400, says the SDK: so each is read in its own way only.
    length, dynamic = _temporal(part) if model.newer else _segmentation(part, kind)
    options = tuple(option for option in SPANS[kind] if not (model.newer and option == "transcription"))
    kinds = part.choices("embedding_type", TYPES, TYPES[:1])
    if model.newer:
        _check_entries(part, fused=TYPES[1] in kinds)
    scopes = _scopes(part, newer=model.newer)
    if model.uncertain and "asset" in scopes:
        raise invalid(f"With embedding_uncertainty, {part.where}.embedding_scope must leave asset out.")
    plan = EmbeddingPlan(
        content=source.media["sha256"],
        start=first,
        end=last,
        options=tuple(part.choices("embedding_option", options, options)),
        scopes=scopes,
        length=length,
        dynamic=dynamic,
        separate=TYPES[0] in kinds,
        fused=TYPES[1] in kinds,
        dimensions=model.dimensions,
        uncertain=model.uncertain,
    )
    part.done()
    about = _about(source, kind, plan, offsets=(start, end))
    return EmbedMedia(plan, {**about, **({"embedding_dimension": model.dimensions} if model.newer else {})})


def _check_entries(part: Body, *, fused: bool) -> None:
    """Text that goes with times; the newer model fuses with nothing else. What it says changes no vector here."""
    entries = part.sections("time_based_metadata", most=MOST_ENTRIES)
    for entry in entries:
        start, end = entry.number("start", least=0), entry.number("end", least=0)
        if start is None or end is None or start > end:
            raise invalid(f"{entry.where} must have a start, and an end that is not before it.")
        entry.text("text")
        entry.done()
    if fused != bool(entries):
        raise invalid(f"{part.where}.time_based_metadata and the embedding type fused_embedding go together.")


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
        **about_source(source),
        "embedding_options": list(plan.options),
        "embedding_scopes": list(plan.scopes),
        "duration": source.duration,
    }
    if kind == "video" and not plan.dynamic:
        shown["clip_length"] = int(plan.length)
    names = ("start_offset_sec", "end_offset_sec")
    return {**shown, **{name: value for name, value in zip(names, offsets, strict=True) if value is not None}}
