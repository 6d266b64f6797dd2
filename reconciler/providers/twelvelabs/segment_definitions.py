"""Segments by definition: kinds of moments that a model is to find in a video, each with fields that it fills in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from reconciler.kind import After, Bounds, Part, WrongItems
from reconciler.providers.twelvelabs.answers import PLAIN_TIMES, value_in
from reconciler.providers.twelvelabs.tasks import Window
from reconciler.wire import Unexpected, below, items, mapping, number

__all__ = ["Definitions", "Lasting", "definitions_to_wire", "rows_of_segments"]

Path = tuple[str | int, ...]
Words = Annotated[str, Bounds(min_length=1)]
MOST_DEFINITIONS, MOST_WORDS = 20, 100
LEAST_RANGE_S = 2.0
OF_A_SEGMENT = ("start_time", "end_time", "metadata")
"""What each segment says of itself: no field that is a point in time may be called so."""


class ListItems(Part):
    """What a list holds."""

    type: Literal["string", "number", "boolean", "integer"]


class SegmentField(Part):
    """What is to be said of each segment."""

    type: Literal["string", "boolean", "number", "integer", "array", "timestamp"]
    description: Words | None = None
    """What it is, and how it is told; its name, when left out."""
    enum: Annotated[list[str] | None, Bounds(min_length=1, max_length=MOST_WORDS)] = None
    """The texts that it may be."""
    items: ListItems | None = None
    """What a list holds: `{type: string}`."""
    format: Literal["seconds", "hh:mm:ss", "hh:mm:ss.fff"] | None = None
    """How a point in time is written."""


class SegmentDefinition(Part):
    """A kind of segment."""

    description: Words
    """What such a segment looks like."""
    fields: dict[str, SegmentField] | None = None
    """What is to be said of each, by name."""
    within: list[Window] | None = None
    """Where in the video to look: `[{from: 0, to: 600}]`; everywhere, when left out."""


class Lasting(Part):
    """How long a segment may be, in seconds."""

    at_least: Annotated[float | None, Bounds(ge=2)] = None
    at_most: Annotated[float | None, Bounds(ge=2)] = None


def _checked(definitions: dict[str, SegmentDefinition]) -> dict[str, SegmentDefinition]:
    """The definitions. WrongItems says of each part of them what the API would refuse."""
    if not 1 <= len(definitions) <= MOST_DEFINITIONS:
        raise ValueError(f"takes 1 to {MOST_DEFINITIONS} definitions, and has {len(definitions)}")
    faults: dict[Path, str] = {}
    for name, definition in definitions.items():
        if wrong := "; ".join(_wrong_ranges(definition.within or ())):
            faults[name, "within"] = wrong
        for field_name, field in (definition.fields or {}).items():
            if wrong := "; ".join(_wrong_field(field_name, field)):
                faults[name, "fields", field_name] = wrong
    if faults:
        raise WrongItems(faults)
    return definitions


Definitions = Annotated[dict[str, SegmentDefinition], After(_checked)]
"""Name → definition, as YAML has them."""


def _wrong_field(name: str, field: SegmentField) -> Iterator[str]:
    is_time = field.type == "timestamp"
    if is_time and field.format is None:
        yield "a timestamp needs `format:` seconds, hh:mm:ss or hh:mm:ss.fff"
    if not is_time and field.format is not None:
        yield "`format` is for timestamps only"
    if is_time and name in OF_A_SEGMENT:
        yield f"a timestamp cannot be called `{name}`: each segment has that anyway"
    if field.enum is not None and field.type not in ("string", "array"):
        yield f"`enum` names texts, and this is a {field.type}"
    if (field.type == "array") != (field.items is not None):
        yield "a list needs `items: {type: …}`" if field.type == "array" else "`items` is for lists only"


def _wrong_ranges(ranges: Sequence[Any]) -> Iterator[str]:
    spans = sorted((_second(it, "from") or 0.0, _second(it, "to")) for it in ranges if _second(it, "to") is not None)
    if len(spans) < len(ranges):
        yield "each range needs `to:`"
    elif any(last - first < LEAST_RANGE_S for first, last in spans if last is not None):
        yield f"a range lasts {LEAST_RANGE_S:g} s at least"
    elif any(one[1] > other[0] for one, other in pairwise(spans) if one[1] is not None):
        yield "two ranges overlap"


def _second(window: Any, name: str) -> float | None:
    return getattr(window, name, None)


def definitions_to_wire(definitions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """As the API takes them, all written out and in one form, whatever was declared."""
    return [_to_wire(name, it) for name, it in definitions.items()]


def _to_wire(name: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    sent: dict[str, Any] = {"id": name, "description": definition["description"]}
    if fields := definition.get("fields"):
        sent["fields"] = [{"name": it, "description": it, **dict(field)} for it, field in fields.items()]
    if ranges := definition.get("within"):
        sent["time_ranges"] = [
            {"start_time": float(it.get("from") or 0.0), "end_time": float(it["to"])} for it in ranges
        ]
    return sent


def rows_of_segments(answer: str, definitions: Mapping[str, Any]) -> list[dict[str, Any]] | str:
    """A row a segment, whose text is the JSON of its fields; or why the answer is none that was asked for."""
    try:
        found = json.loads(answer)
    except ValueError:
        return "it is not JSON"
    rows: list[dict[str, Any]] = []
    for name, segments in mapping(found, "result.data").items():
        if name not in definitions:
            return f"it has segments of {name[:100]!r}, which nobody has asked for"
        where, schema = below("result.data", name), _schema_of(definitions[name])
        for at, raw in enumerate(items(segments, where)):
            row, said = _row(name, mapping(raw, f"{where}[{at}]"), f"{where}[{at}]")
            if wrong := value_in(said, schema):
                return f"of segment {at + 1} of `{name}` {wrong}"
            rows.append(row)
    return rows


def _row(name: str, raw: Mapping[str, Any], where: str) -> tuple[dict[str, Any], Mapping[str, Any]]:
    first, last = (number(raw.get(word), below(where, word)) for word in ("start_time", "end_time"))
    if last < first:
        raise Unexpected(where, "a segment that ends before it begins")
    said = mapping(raw.get("metadata") or {}, below(where, "metadata"))
    text = json.dumps(said, ensure_ascii=False)
    return {"option": name, "scope": "segment", "start_sec": first, "end_sec": last, "text": text}, said


def _schema_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields of a segment must be like. That one is left out or null is how a model says that it saw none."""
    fields = definition.get("fields") or {}
    return {"type": "object", "properties": {name: _schema_of_field(it) for name, it in fields.items()}}


def _schema_of_field(field: Mapping[str, Any]) -> dict[str, Any]:
    if field["type"] == "timestamp":
        schema = dict(PLAIN_TIMES[str(field["format"])])
    elif field["type"] == "array":
        inner = dict(field["items"])
        schema = {"type": "array", "items": {**inner, "enum": field["enum"]} if field.get("enum") else inner}
    else:
        schema = {name: field[name] for name in ("type", "enum") if field.get(name)}
    return {"anyOf": [{"type": "null"}, schema]}
