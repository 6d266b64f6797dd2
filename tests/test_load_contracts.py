"""`metadata_schema:` holds for the metadata of everything that is in a stack, an index or a collection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.load import load
from reconciler.model import Stack
from tests.support.files import lay_out
from tests.support.loading import Loading, problems_of

HEAD = "stack: archive\nprovider: twelvelabs\n"


@pytest.fixture
def loaded(tmp_path: Path) -> Loading:
    """Writes files into a directory and loads it."""

    def write_and_load(text: str, files: Mapping[str, str] = {}, environ: Mapping[str, str] = {}) -> Stack:
        lay_out(tmp_path, {"stack.yaml": HEAD + text, **files})
        return load(tmp_path, environ=environ, allow_env=["*"], display=Path())

    return write_and_load


STACK = """\
metadata_schema: {type: object, properties: {season: {type: integer}}}
assets:
  a: {url: 'http://a', metadata: {season: "2024"}}
  b: {url: 'http://b'}
indexes:
  catalog:
    models: [{name: marengo3.0}]
    metadata_schema: schemas/rated.json
    assets: {a: {metadata: {season: x, rating: 11}}, b: {}}
  free: {models: [{name: marengo3.0}], assets: {a: {metadata: {rating: 12}}}}
entity_collections:
  players:
    metadata_schema: {required: [team, number]}
    entities: {lebron: {assets: [b], metadata: {team: Lakers}}, away: {external: true}}
"""
RATED = {"schemas/rated.json": json.dumps({"required": ["rating"], "properties": {"rating": {"maximum": 10}}})}


def test_what_does_not_satisfy_its_schema_is_named_at_its_place(loaded: Loading) -> None:
    assert problems_of(loaded, STACK, RATED) == [
        'stack.yaml:5:43: assets/a: metadata.season: expected a whole number, got the string "2024"'
        " (metadata_schema at stack.yaml:3:18)",
        'stack.yaml:11:37: indexes/catalog/assets/a: metadata.season: expected a whole number, got the string "x"'
        " (metadata_schema at stack.yaml:3:18)",
        "stack.yaml:11:48: indexes/catalog/assets/a: metadata.rating: must be at most 10, is 11"
        " (metadata_schema at stack.yaml:10:22)",
        "stack.yaml:11:54: indexes/catalog/assets/b: metadata: needs `rating` (metadata_schema at stack.yaml:10:22)",
        "stack.yaml:16:38: entity_collections/players/entities/lebron: metadata: needs `number`"
        " (metadata_schema at stack.yaml:15:22)",
    ]


def test_what_satisfies_its_schema_loads(loaded: Loading) -> None:
    right = (
        STACK.replace('"2024"', "2024")
        .replace("season: x, rating: 11", "rating: 9")
        .replace("b: {}", "b: {external: true}")
    )

    stack = loaded(right.replace("team: Lakers", "team: Lakers, number: 23"), RATED)

    assert stack.resources["entity_collections/players"].fields == {"name": "players"}
    assert stack.files == ("stack.yaml",)


@pytest.mark.parametrize(
    ("schema", "metadata", "expected"),
    [
        ("{additionalProperties: false, properties: {team: {}}}", "{tem: x, y: 1}",
         ['metadata: unknown key "tem"; did you mean "team"?', 'metadata: unknown key "y"']),
        ("{properties: {x: {enum: [home, away, 1]}}}", "{x: hom}",
         ['metadata.x: expected "home", "away" or 1, got the string "hom"; did you mean "home"?']),
        ("{properties: {x: {type: [string, 'null']}}}", "{x: 1}",
         ["metadata.x: expected a string or nothing, got the number 1"]),
        ("{properties: {x: {pattern: '^[A-Z]+$'}, y: {minLength: 3}}}", "{x: ab, y: ab}",
         ['metadata.x: "ab" does not fit the pattern ^[A-Z]+$',
          "metadata.y: must have at least 3 characters, has 2"]),
        ("{properties: {x: {format: date}, y: {const: b}}}", "{x: soon, y: ab}",
         ['metadata.x: "soon" is not a valid date', 'metadata.y: must be "b", is "ab"']),
        ("{properties: {x: {items: {enum: [a]}, maxItems: 1}}}", "{x: [a, b]}",
         ["metadata.x: must have at most 1 items, has 2",
          'metadata.x[1]: expected "a", got the string "b"']),
        ("{$defs: {n: {type: number}}, properties: {x: {$ref: '#/$defs/n'}}}", "{x: a}",
         ['metadata.x: expected a number, got the string "a"']),
        ("{not: {required: [x]}}", "{x: '${env.TOKEN}'}",
         ["metadata: {'x': '${env.TOKEN}'} should not be valid under {'required'…"]),
    ],
)  # fmt: skip
def test_each_rule_has_words_of_its_own(loaded: Loading, schema: str, metadata: str, expected: list[str]) -> None:
    text = f"metadata_schema: {schema}\nassets: {{a: {{url: 'http://a', metadata: {metadata}}}}}"

    found = problems_of(loaded, text, {}, {"TOKEN": "hush"})

    assert [line.split(" assets/a: ")[1] for line in found] == [
        f"{summary} (metadata_schema at stack.yaml:3:18)" for summary in expected
    ]


@pytest.mark.parametrize(
    ("schema", "files", "expected"),
    [
        ("{type: strin}", {}, ["stack.yaml:3:25: metadata_schema: is not a valid JSON Schema:"
                               " 'strin' is not valid under any of the given schemas"]),
        ("{$schema: 'http://json-schema.org/draft-07/schema#'}", {},
         ["stack.yaml:3:28: metadata_schema: is read as draft 2020-12;"
          " write https://json-schema.org/draft/2020-12/schema, or leave it out"]),
        ("{properties: {x: {$ref: 'https://example.com/x.json'}}}", {},
         ["stack.yaml:3:42: metadata_schema: may refer to its own parts only, as `#/$defs/…`"]),
        ("{$ref: '#/$defs/none'}", {}, ['stack.yaml:3:18: metadata_schema: no such part of it: "/$defs/none"']),
        ("s.jso", {"s.json": "{}"}, ['stack.yaml:3:18: metadata_schema: "s.jso" does not exist;'
                                     ' did you mean "s.json"?']),
        ("../s.json", {}, ['stack.yaml:3:18: metadata_schema: "../s.json" leads out of the directory of the stack;'
                           " move the file into it"]),
        ("s.json", {"s.json": '{"type":\n x}'}, ["s.json:2:2: not JSON: Expecting value"]),
        ("s.json", {"s.json": '{"properties":\n {"x": {"type": "strin"}}}'},
         ["s.json:2:17: metadata_schema: is not a valid JSON Schema: 'strin' is not valid under any"
          " of the given schemas"]),
        ("s.json", {"s.json": "[]"}, ["stack.yaml:3:18: metadata_schema: expected a JSON Schema,"
                                      " or the path of one, got a list"]),
    ],
)  # fmt: skip
def test_a_schema_that_is_none_is_named(
    loaded: Loading, schema: str, files: dict[str, str], expected: list[str]
) -> None:
    assert problems_of(loaded, f"metadata_schema: {schema}\nassets: {{a: {{url: 'http://a'}}}}", files) == expected


def test_only_what_others_live_in_takes_a_schema(loaded: Loading) -> None:
    text = (
        "assets: {a: {url: 'http://a', metadata_schema: {}}}\n"
        "indexes: {i: {models: [{name: marengo3.0}], metadata_schema: 7}}"
    )

    assert problems_of(loaded, text) == [
        'stack.yaml:3:31: assets/a: unknown field "metadata_schema"; did you mean "metadata_from"?',
        "stack.yaml:4:62: indexes/i: metadata_schema: expected a JSON Schema, or the path of one, got the number 7",
    ]


def test_generated_resources_are_held_to_it_too(loaded: Loading) -> None:
    text = """\
metadata_schema: {properties: {number: {type: integer}}}
assets: {m: {files: media/*, metadata_from: sidecar, metadata: {number: x}}}
entity_collections: {c: {entities_from: {file: r.csv, fields: {assets: assets, metadata.number: number}}}}
"""
    files = {
        "media/a": "",
        "media/a.yaml": "number: v",
        "media/b": "",
        "media/c": "",
        "r.csv": "key,assets,number\nk,m,z\n",
    }
    rule = " (metadata_schema at stack.yaml:3:18)"

    assert problems_of(loaded, text, files) == [
        f'media/a.yaml:1:9: assets/m.a: metadata.number: expected a whole number, got the string "v"{rule}',
        "r.csv:2:1: entity_collections/c/entities/k: metadata.number: expected a whole number,"
        f' got the string "z"{rule}',
        f'stack.yaml:4:73: assets/m: metadata.number: expected a whole number, got the string "x"{rule}',
    ]
