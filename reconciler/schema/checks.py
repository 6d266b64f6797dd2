"""What `checks:` takes, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.checks import MEASURES
from reconciler.checks.words import DOCS, EXPECT_WORDS, MEMBER, MOST_HITS, OF_A_CHECK, OF_A_QUERY
from reconciler.provider import Search

__all__ = ["checks_schema"]


def checks_schema(search: type[Search]) -> dict[str, Any]:
    """Of the checks of one provider."""
    text, share = {"type": "string", "minLength": 1}, {"type": "number", "minimum": 0, "maximum": 1}
    seconds, texts = {"type": "number", "minimum": 0}, {"type": "array", "items": {"type": "string"}, "minItems": 1}
    measures = {"type": "object", "properties": dict.fromkeys(MEASURES, share), "additionalProperties": False}
    fits = [{"type": "object", "properties": {fit: share}, "required": [fit]} for fit in ("covered", "iou")]
    named = {"type": "array", "items": {"enum": [*MEASURES]}}
    shapes: dict[str, dict[str, Any]] = {
        "in": text,
        "k": {"type": "integer", "minimum": 1, "maximum": MOST_HITS},
        "options": {"type": "array", "items": {"enum": [*search.options]}, "minItems": 1},
        "operator": {"enum": ["or", "and"]},
        "spoken": {"type": "array", "items": {"enum": ["lexical", "semantic"]}, "minItems": 1},
        "filter": {"type": "object", "minProperties": 1},
        **dict.fromkeys(("floors", "allow"), measures),
        "warn": {"anyOf": [{"type": "boolean"}, named]},
        "sure": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
        "match": {"anyOf": [{**fit, "additionalProperties": False} for fit in fits]},
        "text": text,
        "image": text,
        "images": {**texts, "maxItems": search.most_images},
        MEMBER: text,
        **dict.fromkeys(("from", "to"), seconds),
        "grade": {"type": "integer", "minimum": 1},
    }
    expected = _mapping(shapes, EXPECT_WORDS, [MEMBER])
    shapes["expect"] = {"type": "array", "items": {"anyOf": [text, expected]}, "minItems": 1}
    query = _mapping(shapes, OF_A_QUERY, ["expect"])
    shapes["queries"] = {"type": "object", "additionalProperties": query, "minProperties": 1}
    check = _mapping(shapes, OF_A_CHECK, ["in", "queries"])
    return {"type": "object", "additionalProperties": check, "description": "What searches should find."}


def _mapping(shapes: Mapping[str, dict[str, Any]], words: tuple[str, ...], required: list[str]) -> dict[str, Any]:
    properties = {word: {**shapes[word], "description": DOCS[word]} for word in words}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
