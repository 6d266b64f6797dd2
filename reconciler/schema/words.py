"""What a JSON Schema of ours allows, in words, and a value that fits it: for `explain` and the reference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["default_of", "example_of", "values_of"]

_PLAIN: Final = {"string": "a text", "boolean": "true or false", "object": "a mapping", "null": "nothing"}
_NUMBERS: Final = {"integer": "a whole number", "number": "a number"}
_TEXTS: Final = {r"^https?://\S+$": "https://media.example.com/final.mp4", "^[0-9a-f]{64}$": "5e" * 32}
_MANY: Final = {"a text": "texts", "a mapping": "mappings", "a whole number": "whole numbers", "a number": "numbers"}


def values_of(schema: Mapping[str, Any]) -> str:
    """What may stand there: `video, audio or image`; that anything may be a variable goes without saying."""
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return _or([f"`{value}`" for value in schema["enum"]])
    if "anyOf" in schema:
        return _or(list(dict.fromkeys(values_of(one) for one in schema["anyOf"] if not _is_variable(one))))
    kind = schema.get("type")
    if isinstance(kind, list):
        return _or([values_of({"type": one}) for one in kind])
    if kind == "array":
        inner = values_of(schema.get("items", {}))
        return f"a list of {_MANY.get(inner, inner)}"
    if kind == "object" and "properties" in schema:
        return "a mapping of " + ", ".join(f"`{name}`" for name in schema["properties"])
    if kind in _NUMBERS:
        return _NUMBERS[kind] + _between(schema)
    return _PLAIN.get(str(kind), "anything")


def example_of(name: str, schema: Mapping[str, Any]) -> str:
    """A line of YAML that may stand there."""
    value = schema["examples"][0] if "examples" in schema else _some(name, schema)
    return f"{name}: {_yaml(value)}"


def default_of(schema: Mapping[str, Any]) -> str:
    """What holds when nothing stands there: `; 25 when left out`, '' for nothing."""
    default = schema.get("default")
    if default is None:
        return ""
    return f"; {str(default).lower() if isinstance(default, bool) else default} when left out"


def _some(name: str, schema: Mapping[str, Any]) -> Any:
    """A value that fits."""
    if "examples" in schema:
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _some(name, next(one for one in schema["anyOf"] if not _is_variable(one)))
    kind = schema["type"][0] if isinstance(schema.get("type"), list) else schema.get("type")
    match kind:
        case "array":
            return [_some(name, schema.get("items", {}))]
        case "object":
            return _some_mapping(schema)
        case "boolean":
            return True
        case "integer" | "number":
            return schema.get("minimum", 1)
        case _:
            return _TEXTS.get(str(schema.get("pattern")), name.upper())


def _some_mapping(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    # What must be given, and otherwise the first: an example is to be short.
    named = schema.get("required") or list(properties)[:1]
    found = {name: _some(name, properties[name]) for name in named}
    others = schema.get("additionalProperties")
    if not found and isinstance(others, Mapping):
        found["NAME"] = _some("value", others)
    return found or {"NAME": "VALUE"}


def _is_variable(schema: Mapping[str, Any]) -> bool:
    return "\\$\\{" in str(schema.get("pattern", "")) or schema.get("type") == "null"


def _between(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f" from {least} to {most}"
    return f", {least} or more" if least is not None else ""


def _or(words: list[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _yaml(value: Any) -> str:
    """On one line, as people write it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    plain = isinstance(value, str) and value and not set(value) & set("*&!%@`#{}[],:\"'|>?") and not value.isdigit()
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
