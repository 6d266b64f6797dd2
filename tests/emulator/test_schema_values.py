"""Texts that fit a schema or a pattern; and which schemas are refused."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.emulator.core.patterns import Unmatched, matching, quietly
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.twelvelabs.schema_values import KnownFacts, stamp, value_for
from tests.emulator.conftest import Api
from tests.emulator.steps import error
from tests.emulator.test_analyze import analyze, text

KNOWN = KnownFacts("Final", "Final, a game.", ("final", "nba"), 0.0, 60.0, "content")
SCHEMAS: list[dict[str, Any]] = [
    {},
    {"type": "string"},
    {"type": "object", "properties": {"title": {"type": "string"}, "keywords": {"type": "array"}}},
    {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3, "maximum": 4}}, "required": ["a", "b"]},
    {"type": "integer", "exclusiveMinimum": 3.5, "exclusiveMaximum": 5},
    {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
    {"type": "integer", "maximum": -7},
    {"type": "number", "minimum": 0.25, "maximum": 0.5},
    {"type": "number", "exclusiveMaximum": -1},
    {"type": "array", "minItems": 1, "items": {"type": "object", "properties": {"at": {"type": "number"}}}},
    {"type": ["null", "string"]},
    {"enum": ["a", "b"]},
    {"const": None},
    {"anyOf": [{"type": "boolean"}, {"type": "string"}]},
    {"type": "string", "pattern": r"^[A-Z]{2}-\d{3,}(?:x|y)?\.(mp4|mov)$"},
    {"type": "string", "format": "uuid"},
    {"type": "string", "format": "date"},
    {"$ref": "#/$defs/tree", "$defs": {"tree": {"properties": {"more": {"items": {"$ref": "#/$defs/tree"}}}}}},
    {
        "$ref": "#/$defs/chain",
        "$defs": {"chain": {"anyOf": [{"required": ["next"], "properties": {"next": {"$ref": "#/$defs/chain"}}}, {}]}},
    },
    {"items": {"type": "integer"}, "description": "x", "title": "y"},
    {"properties": {"one": True}},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
def test_an_answer_fits_its_schema(schema: dict[str, Any], inside: Api) -> None:
    made = text(inside, response_format={"type": "json_schema", "json_schema": schema})

    jsonschema.Draft202012Validator(schema).validate(json.loads(made))
    assert made == text(inside, response_format={"type": "json_schema", "json_schema": schema})


def test_properties_come_in_order_and_say_something(inside: Api) -> None:
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "summary": {"type": "string"},
            "keywords": {"type": "array", "items": {"type": "string"}},
            "start_time": {"type": "timestamp", "format": "hh:mm:ss.fff"},
            "seen": {"type": "timestamp", "format": "seconds"},
        },
    }

    made = json.loads(text(inside, response_format={"type": "json_schema", "json_schema": schema}))

    assert list(made) == ["title", "summary", "keywords", "start_time", "seen"]
    assert made["title"] == "lebron dunks"
    assert made["keywords"] == ["lebron", "dunk", "mp4"]
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", made["start_time"])


@pytest.mark.parametrize(
    ("schema", "status"),
    [
        ({"type": "string", "minLength": 1}, 422),
        ({"type": "object", "additionalProperties": False}, 422),
        ({"type": "object", "properties": {"a": {"type": "array", "maxItems": 2}}}, 422),
        ({"type": "array", "minItems": 2}, 422),
        ({"oneOf": []}, 422),
        ({"type": "timber"}, 422),
        ({"type": "timestamp"}, 400),
        ({"type": "integer", "minimum": 5, "maximum": 4}, 422),
        ({"type": "integer", "minimum": 1e400}, 422),
        ({"type": "string", "pattern": "("}, 422),
        ({"type": "string", "pattern": "(?=a)b"}, 422),
        ({"type": "string", "pattern": "(a{999}){999}"}, 422),
        ({"$ref": "https://example.org/schema"}, 422),
        ({"$ref": "#/$defs/nothing"}, 422),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, 422),
        ({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/a"}], "enum": []}, 422),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 8}}}, 422),
        ({"required": ["a"], "properties": {"a": False}}, 422),
    ],
    ids=str,
)
def test_a_schema_that_is_refused(schema: dict[str, Any], status: int) -> None:
    with pytest.raises(ApiProblem) as refused:
        value_for(schema, KNOWN)

    assert refused.value.status == status


def test_a_schema_nested_absurdly(inside: Api) -> None:
    schema: dict[str, Any] = {}
    for _ in range(300):
        schema = {"items": schema}

    assert error(analyze(inside, response_format={"type": "json_schema", "json_schema": schema}))[0] == 422


PARTS = [
    "a",
    ".",
    r"\d",
    r"\w+",
    "[b-f]{2,3}",
    "[^a]",
    "x*",
    "(?:y|z)",
    "(q)?",
    r"\.",
    "é",
    "[]x]",
    r"[\]]",
    "m{2}",
    "-",
]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PARTS), max_size=6), st.booleans())
def test_a_text_for_a_pattern(parts: list[str], whole: bool) -> None:
    pattern = "".join(parts)
    pattern = f"^{pattern}$" if whole else pattern

    assert re.search(pattern, matching(pattern))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet="ab()[]{}|*+?.\\^$1,-", max_size=12))
def test_any_pattern_is_matched_or_refused(pattern: str) -> None:
    with contextlib.suppress(Unmatched), quietly():
        assert re.search(pattern, matching(pattern)) is not None


def test_times_as_they_are_written() -> None:
    assert stamp(83.5, "seconds") == 83.5
    assert stamp(83.5, "hh:mm:ss") == "00:01:24"
    assert stamp(3683.5, "hh:mm:ss.fff") == "01:01:23.500"
