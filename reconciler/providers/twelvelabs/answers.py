"""The part of JSON Schema in which an analysis can be asked to answer: found fault with before anything is paid, and
what an answer is held against when it comes. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["checked_schema", "wrong_with"]

REFUSED = frozenset(
    {"minLength", "maxLength", "additionalProperties", "uniqueItems", "maxItems", "oneOf", "allOf", "not", "if", "then"}
    | {
        "else",
        "prefixItems",
        "contains",
        "patternProperties",
        "propertyNames",
        "dependentSchemas",
        "definitions",
        "$id",
    }
    | {"dependentRequired", "unevaluatedItems", "unevaluatedProperties", "$anchor", "$dynamicAnchor", "$dynamicRef"}
)
"""What the vendor says that it does not take (the first), and what is not among what it says that it takes."""
INSTEAD = {"oneOf": "write `anyOf`", "definitions": "write `$defs`"}
TIME_FORMATS = ("seconds", "hh:mm:ss", "hh:mm:ss.fff")
DEEPEST = 40


def checked_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema. ValueError names what of it the API would refuse, and where that stands."""
    import jsonschema

    plain = _plain(schema, "", 0)
    try:
        jsonschema.Draft202012Validator.check_schema(plain)
    except jsonschema.SchemaError as error:
        where = ".".join(map(str, error.absolute_path))
        raise ValueError(f"is not a JSON Schema{f' at {where}' if where else ''}: {error.message[:120]}") from None
    return schema


def wrong_with(answer: str, schema: Mapping[str, Any]) -> str:
    """Why a text is not an answer in the form that was asked for; "" if it is one."""
    import jsonschema

    try:
        value = json.loads(answer)
    except ValueError:
        return "it is not JSON"
    fault = next(jsonschema.Draft202012Validator(_plain(schema, "", 0)).iter_errors(value), None)
    if fault is None:
        return ""
    where = ".".join(map(str, fault.absolute_path))
    return f"it does not fit its schema{f' at {where}' if where else ''}: {fault.message[:200]}"


def _plain(schema: Any, where: str, depth: int) -> Any:
    """The same in the words of the standard, which has no type for points in time."""
    if depth > DEEPEST:
        raise ValueError("is nested too deeply")
    if isinstance(schema, list):
        return [_plain(inner, where, depth + 1) for inner in schema]
    if not isinstance(schema, Mapping):
        return schema
    at = f" at {where}" if where else ""
    for word in schema:
        if word in REFUSED:
            raise ValueError(f"`{word}`{at} is not taken by the API; {INSTEAD.get(word, 'take it out')}")
    if schema.get("minItems", 0) not in (0, 1):
        raise ValueError(f"`minItems`{at} may be 0 or 1 only")
    if not str(schema.get("$ref", "#/$defs/")).startswith("#/$defs/"):
        raise ValueError(f"`$ref`{at} must point into `$defs`")
    if schema.get("type") == "timestamp":
        if schema.get("format") not in TIME_FORMATS:
            raise ValueError(f"a timestamp{at} needs `format:` {' or '.join(TIME_FORMATS)}")
        return {"type": "number" if schema["format"] == "seconds" else "string"}
    return {word: _inner(word, inner, where, depth) for word, inner in schema.items()}


def _inner(word: str, inner: Any, where: str, depth: int) -> Any:
    below = f"{where}.{word}" if where else word
    if word in ("properties", "$defs") and isinstance(inner, Mapping):
        return {name: _plain(part, f"{below}.{name}", depth + 1) for name, part in inner.items()}
    return _plain(inner, below, depth + 1) if word in ("items", "anyOf") else inner
