"""What segments an analysis should find: their definitions, fields as schemas, and where in the video to look."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.reading import Body
from reconciler.emulator.twelvelabs.sources import media_source
from reconciler.emulator.twelvelabs.writer import Definition

__all__ = ["media_sources", "read_definitions"]

FORMATS = ("seconds", "hh:mm:ss", "hh:mm:ss.fff")
FIELD_TYPES = ("string", "boolean", "number", "integer", "array", "timestamp")
OF_A_SEGMENT = ("start_time", "end_time", "metadata")
"""Names that each segment has anyway."""
MOST_WORDS = 100
MOST_DEFINITIONS, MOST_FIELDS, MOST_SOURCES, SHORTEST_RANGE_S = 20, 100, 4, 2.0
MOST_BASE64 = 48 * 1024 * 1024


def read_definitions(call: ApiCall, shape: Body, span: tuple[float, float]) -> tuple[tuple[Definition, ...], str]:
    """The definitions, and how times are to be written."""
    form = shape.choice("segment_time_format", FORMATS, "seconds")
    found = [
        _definition(call, part, span) for part in shape.sections("segment_definitions", least=1, most=MOST_DEFINITIONS)
    ]
    if len({definition.id for definition in found}) != len(found):
        raise invalid("Each segment definition must have an id of its own.")
    return tuple(found), form


def media_sources(call: ApiCall, part: Body) -> list[dict[str, Any]]:
    """Reference images, each with a name; what came as base64 is not shown again."""
    shown = []
    for source in part.sections("media_sources", most=MOST_SOURCES):
        name = source.text("name")
        source.one_of("media_type", ("image",))
        found = media_source(call, source, "image", most=MOST_BASE64)
        source.done()
        echo = {found.how: found.given} if found.how != "base64_string" else {}
        shown.append({"name": name, "media_type": "image", **echo})
    if len({source["name"] for source in shown}) != len(shown):
        raise invalid(f"Each of {part.where}.media_sources must have a name of its own.")
    return shown


def _definition(call: ApiCall, part: Body, span: tuple[float, float]) -> Definition:
    name = part.text("id")
    part.text("description")
    named = ((field.text("name"), field) for field in part.sections("fields", most=MOST_FIELDS))
    fields = {
        name: _field_schema(field, name) for name, field in named
    }  # a name that comes twice is described by the last
    media_sources(call, part)
    ranges = _ranges(part, span)
    part.done()
    return Definition(name, fields, ranges or (span,), is_bounded=bool(ranges))


def _field_schema(field: Body, name: str) -> dict[str, Any]:
    kind = field.one_of("type", FIELD_TYPES)
    field.text("description")
    form, values, items = field.maybe_text("format"), field.texts("enum", required=False), field.maybe_section("items")
    is_time = kind == "timestamp"
    if is_time != (form is not None) or (form is not None and form not in FORMATS):
        raise invalid(f"{field.where}.format goes with the type timestamp, and is one of {', '.join(FORMATS)}.")
    if is_time and (values or items or name in OF_A_SEGMENT):
        raise invalid(f"{field.where}: a timestamp has no enum, no items, and none of the names {OF_A_SEGMENT}.")
    if len(values) > MOST_WORDS:
        raise invalid(f"{field.where}.enum may have {MOST_WORDS} values at most.")
    if (kind == "array") != (items is not None):
        raise invalid(f"{field.where}.items goes with the type array.")
    schema: dict[str, Any] = {"type": kind, **({"format": form} if form else {})}
    if items:
        inner = {"type": items.one_of("type", FIELD_TYPES[:4])}
        schema["items"] = {"enum": values} if values else inner
        items.done()
    elif values:
        schema = {"enum": values}
    field.done()
    return schema


def _ranges(part: Body, span: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """Windows within the span, long enough, and none over another."""
    found = []
    for window in part.sections("time_ranges", most=1000):
        start, end = window.number("start_time", least=span[0]), window.number("end_time", most=span[1])
        window.done()
        if start is None or end is None or end - start < SHORTEST_RANGE_S:
            raise invalid(f"{window.where} must have a start_time and an end_time, {SHORTEST_RANGE_S:g} s apart.")
        found.append((start, end))
    found.sort()
    if any(before[1] > after[0] for before, after in pairwise(found)):
        raise invalid(f"{part.where}.time_ranges must not overlap.")
    return tuple(found)
