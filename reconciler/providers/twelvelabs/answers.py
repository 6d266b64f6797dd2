"""What an answer is held against: the schema that it was asked for in, with points in time in the standard's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.providers.twelvelabs.answer_schemas import TIME_FORMATS

__all__ = ["plain_schema", "value_in", "wrong_with"]

_CLOCK = r"^\d{2,}:\d{2}:\d{2}"
PLAIN_TIMES: Mapping[str, Mapping[str, Any]] = dict(
    zip(
        TIME_FORMATS,
        (
            {"type": "number"},
            {"type": "string", "pattern": f"{_CLOCK}$"},
            {"type": "string", "pattern": rf"{_CLOCK}\.\d{{3}}$"},
        ),
        strict=True,
    )
)


def wrong_with(answer: str, schema: Mapping[str, Any]) -> str:
    """Why a text is not an answer in the form that was asked for; "" if it is one."""
    try:
        value = json.loads(answer)
    except ValueError:
        return "it is not JSON"
    return value_in(value, plain_schema(schema))


def value_in(value: Any, schema: Mapping[str, Any]) -> str:
    """Why a value does not fit a plain schema; "" if it does."""
    import jsonschema

    fault = next(jsonschema.Draft202012Validator(schema).iter_errors(value), None)
    if fault is None:
        return ""
    where = ".".join(map(str, fault.absolute_path))
    return f"it does not fit its schema{f' at {where}' if where else ''}: {fault.message[:200]}"


def plain_schema(schema: Any) -> Any:
    """The same in the words of the standard, which has no type for points in time."""
    if isinstance(schema, list):
        return [plain_schema(inner) for inner in schema]
    if not isinstance(schema, Mapping):
        return schema
    if schema.get("type") == "timestamp":
        return dict(PLAIN_TIMES[str(schema["format"])])
    return {word: _inner(word, inner) for word, inner in schema.items()}


def _inner(word: str, inner: Any) -> Any:
    """What stands under other words is data, and a name may be any word."""
    if word in ("properties", "$defs") and isinstance(inner, Mapping):
        return {name: plain_schema(part) for name, part in inner.items()}
    return plain_schema(inner) if word in ("items", "anyOf") else inner
