"""The part of JSON Schema in which an analysis can be asked to answer, as the vendor's pages give it: a schema is found
fault with before anything is paid, each fault where it stands. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.kind import WrongItems

__all__ = ["TIME_FORMATS", "checked_schema"]

Path = tuple[str | int, ...]
Faults = Iterator[tuple[Path, str]]

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string", "timestamp")
LIMITS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
FORMATS = ("uuid", "date-time", "date", "time")
TIME_FORMATS = ("seconds", "hh:mm:ss", "hh:mm:ss.fff")
ANNOTATIONS = ("title", "description", "$comment", "$comments", "default", "examples", "deprecated", "$schema")
"""Taken and ignored."""
TAKEN = frozenset(
    {"type", "properties", "required", "items", "minItems", "enum", "const", "anyOf", "$ref", "$defs", "pattern"}
    | {"format", *LIMITS, *ANNOTATIONS}
)
INSTEAD = {
    "oneOf": "write `anyOf`",
    "definitions": "write `$defs`",
    "minLength": "say it by a `pattern`",
    "maxLength": "say it by a `pattern`",
}
RESERVED = ("start_time", "end_time")
"""Properties of these names are points in time, whatever is declared."""
_TIMES_STAND = ((("properties",), (), 2), (("properties",), ("items", "properties"), 5))
"""Where a timestamp may be: `properties.NAME`, `properties.LIST.items.properties.NAME`."""
DEEPEST = 40


def checked_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema. WrongItems names all of it that the API would refuse, each where it stands."""
    import jsonschema

    if faults := dict(_faults(schema, (), schema)):
        raise WrongItems(faults)
    try:
        jsonschema.Draft202012Validator.check_schema(_without_times(schema))
    except jsonschema.SchemaError as error:
        where = tuple(error.absolute_path)
        raise WrongItems({where: f"is not a JSON Schema: {error.message[:120]}"}) from None
    return schema


def _without_times(value: Any) -> Any:
    """The standard knows no type for points in time; where one may stand was looked at before."""
    if isinstance(value, list):
        return [_without_times(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    return {} if value.get("type") == "timestamp" else {name: _without_times(it) for name, it in value.items()}


def _faults(part: Any, path: Path, root: Mapping[str, Any]) -> Faults:
    """What is wrong with a schema and with those in it."""
    if len(path) > DEEPEST:
        yield path, "is nested too deeply"
        return
    if not isinstance(part, Mapping):
        yield path, "must be a schema, as a mapping"
        return
    for word in part:
        if word not in TAKEN:
            yield (*path, word), f"`{word}` is not taken by the API; {INSTEAD.get(word, 'take it out')}"
    yield from _of_types(part, path)
    yield from _of_values(part, path)
    yield from _of_references(part, path, root)
    yield from _of_properties(part, path)
    for where, inner in _inner(part):
        yield from _faults(inner, (*path, *where), root)


def _inner(part: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    for word in ("properties", "$defs"):
        if isinstance(named := part.get(word), Mapping):
            yield from (((word, name), inner) for name, inner in named.items())
    if "items" in part:
        yield ("items",), part["items"]
    if isinstance(choices := part.get("anyOf"), list):
        yield from ((("anyOf", at), inner) for at, inner in enumerate(choices))


def _types(part: Mapping[str, Any]) -> list[Any]:
    said = part.get("type", [])
    return said if isinstance(said, list) else [said]


def _of_types(part: Mapping[str, Any], path: Path) -> Faults:
    types = _types(part)
    for name in types:
        if name not in TYPES:
            yield (*path, "type"), f"the API knows no type {name!r}; it knows {', '.join(TYPES)}"
    if "timestamp" in types:
        yield from _of_a_timestamp(part, path)
        return
    if "format" in part and ("string" not in types or part["format"] not in FORMATS):
        yield (*path, "format"), f"`format` goes with strings, and is one of {', '.join(FORMATS)}"
    for word in LIMITS:
        if word in part and types != ["integer"]:
            yield (*path, word), f"`{word}` is taken of whole numbers only, of the type integer"


def _of_a_timestamp(part: Mapping[str, Any], path: Path) -> Faults:
    if part["type"] != "timestamp":
        yield (*path, "type"), "a timestamp is one type, and no other beside it"
    if part.get("format") not in TIME_FORMATS:
        yield path, f"a timestamp needs `format:` {' or '.join(TIME_FORMATS)}"
    if (path[:1], path[2:4], len(path)) not in _TIMES_STAND:
        yield path, "a timestamp may be a property of the whole, or of the objects of a list in it, and nothing else"


def _of_values(part: Mapping[str, Any], path: Path) -> Faults:
    values = part.get("enum", [])
    for word, found in (("enum", values), ("const", [part.get("const")])):
        if any(isinstance(value, list | Mapping) for value in (found if isinstance(found, list) else ())):
            yield (*path, word), f"`{word}` takes texts, numbers, true, false and null only"
    if part.get("minItems", 0) not in (0, 1):
        yield (*path, "minItems"), "`minItems` may be 0 or 1 only"
    if isinstance(pattern := part.get("pattern"), str):
        try:
            re.compile(pattern)
        except re.error as error:
            yield (*path, "pattern"), f"is not a regular expression: {error}"


def _of_references(part: Mapping[str, Any], path: Path, root: Mapping[str, Any]) -> Faults:
    if "$ref" not in part:
        return
    said = str(part["$ref"])
    if not said.startswith("#/$defs/"):
        yield (*path, "$ref"), "`$ref` must point into `$defs`, as `#/$defs/NAME`"
        return
    found: Any = root
    for word in said[2:].split("/"):
        word = word.replace("~1", "/").replace("~0", "~")
        found = found.get(word) if isinstance(found, Mapping) else None
    if found is None:
        yield (*path, "$ref"), f"there is no {said[:100]}"


def _of_properties(part: Mapping[str, Any], path: Path) -> Faults:
    properties, required = part.get("properties"), part.get("required")
    if not isinstance(properties, Mapping) or not properties:
        return
    first = next(iter(properties))
    if not isinstance(required, list) or first not in required:
        what = f"the first property must be required: name `{first}` under `required`, or put one that is before it"
        yield (*path, "properties", first), what
    for name in RESERVED:
        if isinstance(inner := properties.get(name), Mapping) and not _is_a_time(inner):
            what = "is a point in time for the API: its type is number, integer, timestamp, or string without `format`"
            yield (*path, "properties", name), what


def _is_a_time(part: Mapping[str, Any]) -> bool:
    kind = part.get("type")
    return kind in ("number", "integer", "timestamp") or (kind == "string" and "format" not in part)
