"""Analyses: what of their schemas, definitions and limits is said before anything is sent, and what comes of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import Invalid
from reconciler.load import load
from reconciler.provider import Failed, Hands, Want
from reconciler.providers.twelvelabs import MediaAnalysis
from reconciler.providers.twelvelabs.analyses import MediaAnalyses
from reconciler.results import open_store
from tests.support.files import lay_out
from tests.support.running import Bench, done

HEAD = """\
stack: s
provider: twelvelabs
assets:
  a: {url: "https://example.com/a.mp4"}
  b: {url: "https://example.com/b.mp4"}
"""
PLAYS: dict[str, Any] = {
    "play": {"description": "one play", "fields": {"kind": {"type": "string", "enum": ["goal", "foul"]}}}
}


def found(directory: Path, text: str, **files: str) -> list[str]:
    """What is said of a stack, without its directory."""
    lay_out(directory, {"s.yaml": HEAD + text, **{f"{name}.json": it for name, it in files.items()}})
    with pytest.raises(Invalid) as caught:
        load(directory, environ={})
    return [str(problem).replace(f"{directory}/", "") for problem in caught.value.problems]


# Schemas


SCHEMA = """\
{
  "type": "object",
  "properties": {
    "title": {"type": "string", "maxLength": 80},
    "share": {"type": "number", "minimum": 0},
    "kind": {"enum": [{"a": 1}]},
    "start_time": {"type": "string", "format": "time"},
    "parts": {
      "type": "array",
      "minItems": 2,
      "items": {"type": "object", "properties": {"at": {"type": "timestamp"}}, "required": ["at"]}
    },
    "deep": {"type": "object", "properties": {"at": {"type": "timestamp", "format": "seconds"}}, "required": ["at"]},
    "other": {"$ref": "#/$defs/nobody"},
    "when": {"type": "string", "format": "email"},
    "what": {"type": "text"}
  },
  "oneOf": []
}
"""


def test_all_that_the_api_refuses_of_a_schema_is_said_at_its_line(tmp_path: Path) -> None:
    said = found(tmp_path, "analyses: {t: {of: '*', model: pegasus1.5, prompt: x, response: form.json}}", form=SCHEMA)

    lines = [(int(problem.split(":")[1]), problem.partition("response")[2]) for problem in said]
    assert all(problem.startswith("form.json:") and "analyses/t:" in problem for problem in said)
    assert [(line, text.split(":")[0]) for line, text in lines] == [
        (4, ".properties.title"),
        (4, ".properties.title.maxLength"),
        (5, ".properties.share.minimum"),
        (6, ".properties.kind.enum"),
        (7, ".properties.start_time"),
        (10, ".properties.parts.minItems"),
        (11, ".properties.parts.items.properties.at"),
        (13, ".properties.deep.properties.at"),
        (14, ".properties.other.$ref"),
        (15, ".properties.when.format"),
        (16, ".properties.what.type"),
        (18, ".oneOf"),
    ]


def test_a_schema_in_its_place_is_found_fault_with_there(tmp_path: Path) -> None:
    lines = ["analyses:", "  t:", "    of: a", "    model: pegasus1.5", "    prompt: x", "    response:"]
    text = "\n".join([*lines, "      additionalProperties: false"])

    (said,) = found(tmp_path, text)

    assert said == (
        "s.yaml:12:29: analyses/t: response.additionalProperties: `additionalProperties` is not taken by the API; "
        "take it out"
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]},
        {
            "type": "object",
            "title": "t",
            "properties": {
                "at": {"type": "timestamp", "format": "hh:mm:ss"},
                "all": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "properties": {"at": {"type": "timestamp", "format": "seconds"}},
                        "required": ["at"],
                    },
                },
                "end_time": {"type": "string"},
                "n": {"type": "integer", "minimum": 1, "exclusiveMaximum": 9},
                "when": {"anyOf": [{"type": "string", "format": "date"}, {"$ref": "#/$defs/none"}]},
            },
            "required": ["at"],
            "$defs": {"none": {"type": "null"}},
        },
    ],
)
def test_what_the_api_takes_is_taken_and_the_emulator_answers_in_it(bench: Bench, schema: dict[str, Any]) -> None:
    bench.write(
        {"s.yaml": HEAD + ONE.format(rest="prompt: What?, response: form.json"), "form.json": json.dumps(schema)}
    )

    done(bench)

    (row,) = rows(bench, "analyses/t/a")
    assert set(json.loads(row["text"])) == set(schema["properties"])


# Segments by definition

ONE = "analyses: {{t: {{of: a, model: pegasus1.5, {rest}}}}}\n"


def rows(bench: Bench, address: str) -> list[dict[str, Any]]:
    kept = open_store("results", root=bench.directory).read("s", address)
    assert kept is not None
    return list(kept.records())


def test_each_segment_is_a_row_with_its_times_and_fields(bench: Bench) -> None:
    definitions = {
        **PLAYS,
        "pause": {"description": "nobody plays", "fields": {"from_clock": {"type": "timestamp", "format": "hh:mm:ss"}}},
    }
    text = ONE.format(rest=f"segments: {json.dumps(definitions)}, lasting: {{at_least: 3, at_most: 5}}")
    bench.write({"s.yaml": HEAD + text})

    done(bench)

    made = rows(bench, "analyses/t/a")
    (task,) = bench.emulator.store.db.execute("SELECT doc FROM objects WHERE kind = 'analyze_task'").fetchall()
    doc = json.loads(task[0])
    told = json.loads(doc["result"]["data"])
    assert [(it["option"], it["scope"], it["start_sec"], it["end_sec"]) for it in made] == [
        ("pause", "segment", 0.0, 5.0),
        ("play", "segment", 0.0, 5.0),
    ]
    assert {it["option"]: json.loads(it["text"]) for it in made} == {
        name: segments[0]["metadata"] for name, segments in told.items()
    }
    assert doc["request"]["analysis_mode"] == "time_based_metadata"
    assert (doc["request"]["max_tokens"], doc["request"]["min_segment_duration"]) == (32768, 3)
    assert bench.survey().plan.changes == ()


def test_where_to_look_for_a_segment_can_be_said(bench: Bench) -> None:
    definition = {"description": "one play", "within": [{"from": 2, "to": 5}, {"to": 2}]}
    bench.write({"s.yaml": HEAD + ONE.format(rest=f"segments: {json.dumps({'play': definition})}")})

    done(bench)

    assert [(it["start_sec"], it["end_sec"]) for it in rows(bench, "analyses/t/a")] == [(0.0, 2.0), (2.0, 5.0)]


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ("prompt: x, segments: {p: {description: x}}", "prompt: cannot stand beside `segments:`"),
        ("response: {}, segments: {p: {description: x}}", "response: cannot stand beside"),
        ("max_tokens: 600, segments: {p: {description: x}}", "max_tokens: segments need 2,048 at least"),
        ("prompt: x, lasting: {at_least: 3}", "lasting: is of segments"),
        ("lasting: {at_least: 4, at_most: 3}, segments: {p: {description: x}}", "at_least is more than at_most"),
        ("lasting: {at_least: 1}, segments: {p: {description: x}}", "greater than or equal to 2"),
        ("segments: {}", "takes 1 to 20 definitions, and has 0"),
        ("segments: {p: {}}", "segments.p: needs `description`"),
        ("segments: {p: {description: x, fields: {k: {type: text}}}}", "expected string, boolean, number, integer"),
        ("segments: {p: {description: x, fields: {k: {type: array}}}}", "segments.p.fields.k: a list needs `items:"),
        ("segments: {p: {description: x, fields: {k: {type: timestamp}}}}", "a timestamp needs `format:`"),
        ("segments: {p: {description: x, fields: {k: {type: integer, enum: [a]}}}}", "names texts, and this is a"),
        (
            "segments: {p: {description: x, fields: {end_time: {type: timestamp, format: seconds}}}}",
            "a timestamp cannot be called `end_time`",
        ),
        ("segments: {p: {description: x, within: [{from: 0, to: 5}, {from: 4, to: 9}]}}", "two ranges overlap"),
        ("segments: {p: {description: x, within: [{from: 0, to: 1}]}}", "a range lasts 2 s at least"),
        ("segments: {p: {description: x, within: [{from: 3}]}}", "each range needs `to:`"),
        (
            "window: {to: 9}, segments: {p: {description: x, within: [{to: 5}]}}",
            "window: the API does not take it beside",
        ),
        ("prompt: x, window: {from: 1, to: 4}", "window: lasts 3 s, and must last 4 s at least"),
        ("prompt: x, window: {to: 7201}", "may last 2 h at most"),
    ],
)
def test_what_does_not_go_together_is_said_before(tmp_path: Path, rest: str, problem: str) -> None:
    (said,) = found(tmp_path, ONE.format(rest=rest))

    assert problem in said


def test_definitions_decide_what_a_result_is_and_defaults_are_written_out() -> None:
    def of(**fields: Any) -> str | None:
        return MediaAnalysis.identity({"of": "assets/a", "model": "pegasus1.5", **fields}, lambda _: "A")

    plays: dict[str, Any] = PLAYS
    described = {
        "play": {**plays["play"], "fields": {"kind": {**plays["play"]["fields"]["kind"], "description": "kind"}}}
    }
    same = of(segments=plays)
    assert of(segments=described) == of(segments=plays, max_tokens=32768) == of(segments=plays, temperature=0.2) == same
    assert of(prompt="x") == of(prompt="x", max_tokens=4096, temperature=0.2)
    others = [
        of(segments={"play": {"description": "one play"}}),
        of(segments={"other": plays["play"]}),
        of(segments=plays, lasting={"at_least": 5}),
        of(segments={"play": {**plays["play"], "within": [{"to": 9}]}}),
        of(prompt="x"),
    ]
    assert len({same, *others}) == len(others) + 1


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        (
            {"play": [{"start_time": 0, "end_time": 2, "metadata": {"kind": "throw-in"}}]},
            "of segment 1 of `play` it does",
        ),
        ({"dance": []}, "it has segments of 'dance', which nobody has asked for"),
        ('{"play": [', "it is not JSON"),
    ],
)
def test_segments_in_another_form_are_no_result(told: Any, wrong: str) -> None:
    made = answered(told)

    assert isinstance(made, Failed)
    assert wrong in made.why


def test_that_nothing_was_found_is_a_result_and_so_is_a_field_that_was_not_seen() -> None:
    segment = {"start_time": 1, "end_time": 2.5, "metadata": {"kind": None}}

    assert answered({"play": []}) == ([], None)
    made = answered({"play": [segment]})
    assert not isinstance(made, Failed)
    assert made[0] == [{"option": "play", "scope": "segment", "start_sec": 1, "end_sec": 2.5, "text": '{"kind": null}'}]


def answered(told: Any) -> Any:
    """What is made of an answer with segments."""
    driver = MediaAnalyses(Hands(http=None, sending=None, clock=None, root=Path()))  # type: ignore[arg-type]
    want = Want("analyses/t/a", {"of": "x", "model": "pegasus1.5", "segments": PLAYS})
    data = told if isinstance(told, str) else json.dumps(told)
    return driver.made(replace(want), {"result": {"data": data, "finish_reason": "stop"}})
