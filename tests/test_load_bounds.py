"""What a stranger's stack cannot make the loader do: hang, fall over, tell a secret, or write a book of complaints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.errors import Invalid
from reconciler.load import load
from reconciler.load.problems import MOST_PROBLEMS
from tests.fuzz import bounded

HEAD = "stack: archive\nprovider: twelvelabs\n"


def refused(directory: Path, text: str, environ: Mapping[str, str] = {}) -> list[str]:
    """What is wrong with it, found in time; [] if nothing is."""
    (directory / "stack.yaml").write_text(HEAD + text)
    with bounded("by its name"):
        try:
            load(directory / "stack.yaml", environ=environ, allow_env=["*"], display=Path("stack.yaml"))
        except Invalid as error:
            return str(error).splitlines()
    return []


def held(schema: str, metadata: str) -> str:
    return f"metadata_schema: {schema}\nassets: {{a: {{url: 'http://a', metadata: {metadata}}}}}"


GUESSES = [
    *("{properties: {x: {pattern: '^S'}}}", "{properties: {x: {pattern: '^Z'}}}"),
    *("{properties: {x: {const: S3cret}}}", "{properties: {x: {const: other}}}"),
    *("{properties: {x: {enum: [S3cret]}}}", "{properties: {x: {enum: [other]}}}"),
    *("{properties: {x: {maxLength: 6}}}", "{properties: {x: {maxLength: 5}}}"),
    *("{properties: {x: {minLength: 6}}}", "{properties: {x: {minLength: 7}}}"),
    *("{properties: {x: {format: date}}}", "{properties: {x: {format: ipv4}}}"),
    *("{enum: [{x: S3cret, l: [S3cret, a]}]}", "{enum: [{x: other, l: [S3cret, a]}]}"),
    *("{not: {properties: {x: {pattern: '^S'}}}}", "{not: {properties: {x: {pattern: '^Z'}}}}"),
    *("{if: {properties: {x: {pattern: '^S'}}}, then: false}", "{if: {properties: {x: {pattern: '^Z'}}}, then: false}"),
    *("{oneOf: [{properties: {x: {const: S3cret}}}, {}]}", "{oneOf: [{properties: {x: {const: other}}}, {}]}"),
    *("{anyOf: [{properties: {x: {const: S3cret}}}, false]}", "{anyOf: [{properties: {x: {const: o}}}, false]}"),
    *("{properties: {l: {contains: {const: S3cret}}}}", "{properties: {l: {contains: {const: other}}}}"),
    *("{properties: {l: {items: {pattern: '^S'}}}}", "{properties: {l: {items: {pattern: '^Z'}}}}"),
    *("{properties: {l: {const: [S3cret, a]}}}", "{properties: {l: {const: [other, a]}}}"),
    *("{properties: {l: {uniqueItems: true}}}", "{properties: {l: {uniqueItems: false}}}"),
    *("{additionalProperties: {const: S3cret}}", "{additionalProperties: {const: other}}"),
    *("{patternProperties: {x: {const: S3cret}}}", "{patternProperties: {x: {const: other}}}"),
    *("{unevaluatedProperties: {const: S3cret}}", "{unevaluatedProperties: {const: other}}"),
    *("{$defs: {d: {const: S3cret}}, properties: {x: {$ref: '#/$defs/d'}}}", "{properties: {x: {minLength: 99}}}"),
]


@pytest.mark.parametrize("schema", GUESSES)
def test_no_schema_tells_what_a_secret_is(tmp_path: Path, schema: str) -> None:
    text = held(schema, '{x: "${env.A}", l: ["${env.A}", a]}')

    answers = {tuple(refused(tmp_path, text, {"A": value})) for value in ("S3cret", "other", "a", "2024-01-01")}

    assert len(answers) == 1
    assert not any("S3cret" in line.split(" (metadata_schema")[0] for answer in answers for line in answer)


@pytest.mark.parametrize(
    "text",
    [
        "indexes: {a: {models: &m [{name: marengo3.0}], name: '${env.A}'}, b: {models: *m, name: S3cret}}",
        "indexes: {a: {models: [{name: '${env.A}'}, {name: S3cret}]}}\nallow_models: [S3cret]",
        "assets: {a: {url: 'http://x', metadata: {x: '${env.A}'}}}\nignore: ['metadata.${env.A}']",
        "assets: {a: {file: '${env.A}'}, b: {files: '${env.A}'}}",
        "assets: {a: {url: 'http://x', hls: '${env.A}', id: '${env.A}'}}\nremoved: ['${env.A}']",
        "entity_collections: {c: {entities: {e: {name: '${env.A}', assets: ['${env.A}', S3cret]}}}}",
    ],
)
def test_no_other_rule_tells_what_a_secret_is_either(tmp_path: Path, text: str) -> None:
    answers = {tuple(refused(tmp_path, text, {"A": value})) for value in ("S3cret", "other", "a")}

    assert len(answers) == 1


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ("{properties: {x: {type: integer}}}", 'metadata.x: expected a whole number, got the string "${env.A}"'),
        ("{required: [z]}", "metadata: needs `z`"),
        ("{not: {required: [x]}}", "metadata: {'x': '${env.A}'} should not be valid"),
        ("{additionalProperties: false}", 'metadata: unknown key "x"'),
    ],
)
def test_a_rule_that_does_not_look_at_a_secret_is_held_all_the_same(tmp_path: Path, schema: str, expected: str) -> None:
    (said,) = refused(tmp_path, held(schema, '{x: "${env.A}"}'), {"A": "S3cret"})

    assert expected in said


RINGS = [
    *("{$ref: '#'}", "{$dynamicRef: '#x', $dynamicAnchor: x}", "{$defs: {a: {$ref: '#/$defs/a'}}, $ref: '#/$defs/a'}"),
    *("{allOf: [{$ref: '#'}]}", "{not: {$ref: '#'}}", "{anyOf: [{$ref: '#'}, {$ref: '#'}]}"),
]
NO_SCHEMAS = [
    *("{minProperties: 1, $ref: '#/minProperties'}", "{required: [x], $ref: '#/required'}"),
    *("{title: t, $ref: '#/title'}", "{foo: 3, $ref: '#/foo'}", "{$id: 'http://[', $ref: '#x'}"),
    *("{allOf: [{}], $ref: '#/allOf/x'}", "{$ref: '#/nowhere'}", "{$ref: '#nowhere'}", "{$anchor: a, $ref: '#b'}"),
    *("{properties: {x: {pattern: '('}}}", "{patternProperties: {'[': {}}}", "{properties: {x: {pattern: 'a{9999}'}}}"),
    *("{properties: {x: {pattern: '^(?!a)'}}}", "{properties: {x: {pattern: '(a)\\1'}}}"),
    "{unevaluatedProperties: false, patternProperties: {a: {}}}",
]
DOUBLED = ", ".join(f"d{i}: {{allOf: [{{$ref: '#/$defs/d{i + 1}'}}, {{$ref: '#/$defs/d{i + 1}'}}]}}" for i in range(30))
TREES = [
    f"{{$defs: {{{DOUBLED}, d30: {{}}}}, $ref: '#/$defs/d0'}}",
    "{properties: {x: " * 45 + "{}" + "}}" * 45,
    f"{{properties: {{{', '.join(f'p{i}: {{type: string}}' for i in range(6_000))}}}}}",
]


@pytest.mark.parametrize("schema", [*RINGS, *NO_SCHEMAS, *TREES], ids=lambda schema: schema[:50])
def test_a_schema_that_cannot_be_checked_by_is_named_at_its_place(tmp_path: Path, schema: str) -> None:
    found = refused(tmp_path, held(schema, "{x: ab}"))

    assert len(found) == 1
    assert found[0].startswith("stack.yaml:3:")
    assert "metadata_schema" in found[0]
    assert len(found[0]) < 300


@pytest.mark.parametrize(
    "schema",
    [
        "{properties: {x: {pattern: '^(a+)+$'}}}",
        "{patternProperties: {'^(a+)+$': {type: integer}}, additionalProperties: false}",
        "{propertyNames: {pattern: '^(a|a)*$'}}",
        "{properties: {x: {format: regex}}}",
    ],
)
def test_a_pattern_takes_no_longer_for_a_mean_text(tmp_path: Path, schema: str) -> None:
    mean = "a" * 60 + "!"

    refused(tmp_path, held(schema, f"{{x: '{mean}', '{mean}': (((a+)+)+)+$}}"))


def test_patterns_know_letters_of_all_alphabets(tmp_path: Path) -> None:
    assert refused(tmp_path, held(r"{properties: {x: {pattern: '^\p{L}+$'}}}", "{x: Šárka}")) == []


def test_a_schema_file_may_be_as_deep_as_it_likes(tmp_path: Path) -> None:
    for depth in (60, 5_000, 200_000):
        (tmp_path / "s.json").write_text('{"not":' * depth + "{}" + "}" * depth)

        (said,) = refused(tmp_path, "metadata_schema: s.json\nassets: {a: {url: 'http://a'}}")

        assert said.startswith("s.json:")


@pytest.mark.parametrize(
    "text",
    [
        "variables: {v: {default: x}}\nguards: {a: [&a '" + "${v}" * 200 + "'" + ", *a" * 60_000 + "]}",
        "variables: {v: {default: " + "y" * 100_000 + "}}\nguards: {a: '" + "${v}" * 10_000 + "'}",
        "guards: {a: [&a '" + "z" * 100_000 + "'" + ", *a" * 10_000 + "]}",
        "guards: {a: [&a {" + "z" * 1_000 + ": 1}" + ", *a" * 20_000 + "]}",
        "variables: {v: {default: [" + "aaaa," * 20_000 + "]}}\nguards: {a: [&a '${v}'" + ", '${v}'" * 3_000 + "]}",
    ],
    ids=["variables-by-aliases", "one-text", "aliases", "keys", "lists"],
)
def test_variables_and_aliases_stand_for_a_bounded_amount_of_text(tmp_path: Path, text: str) -> None:
    found = refused(tmp_path, text)

    assert len(found) == 1
    assert " MB of text" in found[0]


def test_looking_for_what_was_meant_takes_a_bounded_time(tmp_path: Path) -> None:
    names = "".join(f" {'n' * 190}{number:05}: {{url: 'http://x/{number}'}}\n" for number in range(3_000))
    unknown = ", ".join(f"{'n' * 180}{number:05}x" for number in range(100))

    found = refused(
        tmp_path, f"assets:\n{names}entity_collections: {{c: {{entities: {{e: {{assets: [{unknown}]}}}}}}}}"
    )

    assert len(found) == 100
    assert max(map(len, found)) < 300
    assert "did you mean" in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "assets: {a: {url: 'http://x', " + ", ".join(f"k{number}: 1" for number in range(20_000)) + "}}",
        "".join(f"assetz{number}: 1\n" for number in range(20_000)),
        "assets:\n" + "".join(f" a{number}: {{ulr: x}}\n" for number in range(20_000)),
        "guards: {a: [" + "no, " * 20_000 + "]}",
        held("{additionalProperties: false}", "{" + ", ".join(f"k{number}: 1" for number in range(20_000)) + "}"),
    ],
    ids=["fields", "top", "resources", "scalars", "schema"],
)
def test_of_too_many_problems_the_first_are_listed_and_the_others_counted(tmp_path: Path, text: str) -> None:
    found = refused(tmp_path, text)

    assert len(found) == MOST_PROBLEMS + 1
    assert found[-1] == f"and {20_000 - MOST_PROBLEMS:,} more problems, which are not listed"


def test_json_beside_a_stack_is_no_deeper_than_yaml(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"key": "b"}\n{"key": "a", "metadata": ' + "[" * 400 + "]" * 400 + "}\n")
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.json").write_text(json.dumps({"x": 1})[:-1] + ', "y": ' + "[" * 990 + "]" * 990 + "}")
    text = """\
assets: {a: {file: a.mp4, metadata_from: sidecar}}
entity_collections: {c: {entities_from: r.jsonl}}
"""
    found = refused(tmp_path, text)

    assert [line for line in found if "not JSON" in line] == [
        "a.json:1:1: not JSON: is nested deeper than 100 levels",
        "r.jsonl:2:1: not JSON: is nested deeper than 100 levels",
    ]


def test_a_stack_that_takes_more_memory_than_there_is_ends_with_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler import load as loading
    from reconciler.errors import ReconcilerError

    def too_much(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(loading._Load, "_entries", too_much)
    with pytest.raises(ReconcilerError, match="more memory than there is"):
        refused(tmp_path, "assets: {}")
