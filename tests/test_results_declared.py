"""What can be declared of results, and what is said of what cannot: offline, at its place, by the right word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Invalid
from reconciler.load import load
from reconciler.model import names_of, parent_of, sections_of
from reconciler.providers.twelvelabs import Embedding, MediaAnalysis
from reconciler.providers.twelvelabs.answer_schemas import checked_schema
from reconciler.providers.twelvelabs.answers import wrong_with
from tests.support.files import lay_out

HEAD = """\
stack: s
provider: twelvelabs
assets:
  a: {url: "https://example.com/a.mp4"}
  b-1: {url: "https://example.com/b-1.mp4"}
  b-2: {url: "https://example.com/b-2.mp4"}
"""


def loaded(directory: Path, text: str, **files: str) -> dict[str, Any]:
    lay_out(directory, {"s.yaml": HEAD + text, **{name.replace("_", "."): it for name, it in files.items()}})
    return {address: it.fields for address, it in load(directory, environ={}).resources.items()}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("embeddings: {c: {of: a}}", "embeddings/c: needs `model`"),
        ("embeddings: {c: {model: marengo3.0}}", "embeddings/c: needs `of`"),
        ("embeddings: {c: {of: x, model: marengo3.0}}", "of: there is no assets/x; declare it under `assets:`"),
        ("embeddings: {c: {of: b1, model: marengo3.0}}", 'of: there is no assets/b1; did you mean "b-1"?'),
        ("embeddings: {c: {of: 'z*', model: marengo3.0}}", 'of: "z*" finds nothing under `assets:`'),
        ("embeddings: {c: {of: [], model: marengo3.0}}", "of: names nothing"),
        ("embeddings: {c: {of: [a, 5], model: marengo3.0}}", "of: expected names, got the number 5"),
        ("embeddings: {c: {of: a, model: marengo3.1}}", 'model: "marengo3.1" was not offered in November 2026'),
        ("embeddings: {c: {of: a, model: marengo3.0, scopes: [video]}}", "here it is `asset`"),
        ("embeddings: {c: {of: a, model: marengo3.0, options: [visual-text]}}", "here it is `visual`"),
        ("embeddings: {c: {of: a, model: marengo3.0, type: [fused_embedding]}}", "here it is `fused`"),
        ("embeddings: {c: {of: a, model: marengo3.0, options: [audio, audio]}}", "names something twice"),
        ("embeddings: {c: {of: a, model: marengo3.0, options: []}}", "is empty; leave it out for all"),
        ("embeddings: {c: {of: a, model: marengo3.0, media: audio, options: [visual]}}", "has nothing visual"),
        ("embeddings: {c: {of: a, model: marengo3.0, segments: {every: 11}}}", "less than or equal to 10"),
        ("embeddings: {c: {of: a, model: marengo3.0, segments: {every: 2.5}}}", "cuts at whole seconds"),
        ("embeddings: {c: {of: a, model: marengo3.0, segments: {every: 6, at_least: 4}}}", "keep one"),
        ("embeddings: {c: {of: a, model: marengo3.0, media: audio, segments: {at_least: 4}}}", "has no scenes"),
        ("embeddings: {c: {of: a, model: marengo3.0, window: {from: 10, to: 5}}}", "ends before it begins"),
        (
            "embeddings: {c: {of: a, model: marengo3.0, window: {form: 1}}}",
            'unknown field "form"; did you mean "from"?',
        ),
        ("embeddings: {c: {of: a, model: marengo3.0, type: [fused], options: [visual]}}", "nothing to fuse"),
        ("embeddings: {c: {of: a, model: marengo3.0, id: x}}", "id: what is made of media is nobody's but"),
        ("embeddings: {c: {of: a, model: marengo3.0, external: true}}", "external: what is made of media is"),
        ("embeddings: {c: {of: a, model: marengo3.0, made_of: x}}", "made_of: is found out, not declared"),
        ("removed: [embeddings/d/a]", "without this line it is removed from the store"),
        ("moved: [{from: embeddings/d, to: embeddings/c/a}]", 'got the string "embeddings/d"'),
        ("results: {too: x}", 'unknown word "too"; did you mean "to"?'),
        ("results: {to: 5}", "results.to: expected a directory, or the URL of a store"),
        ("analyses: {t: {of: a, model: pegasus1.5}}", "needs `prompt: …` or `prompt_file: PATH`"),
        ("analyses: {t: {of: a, model: pegasus1.5, prompt_file: no.md}}", 'prompt_file: "no.md" does not exist'),
        ("analyses: {t: {of: a, model: pegasus1.5, prompt: x, prompt_file: ask.md}}", "has both"),
        ("analyses: {t: {of: a, model: pegasus1.5, prompt: x, response: list.json}}", "holds a list, not a mapping"),
        ("analyses: {t: {of: a, model: pegasus1.5, prompt: x, response: {oneOf: []}}}", "`oneOf` is not taken by"),
        ("analyses: {t: {of: a, model: pegasus1.5, prompt: x, response: {type: nothing}}}", "knows no type 'nothing'"),
        ("analyses: {t: {of: a, model: pegasus1.5, prompt: x, max_tokens: 10}}", "greater than or equal to 512"),
    ],
)
def test_what_the_platform_would_refuse_is_said_before(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(Invalid) as caught:
        loaded(tmp_path, text, ask_md="What?", list_json="[]")

    assert problem in str(caught.value)
    assert len(caught.value.problems) == 1


def test_each_input_that_is_named_or_found_has_an_address_of_its_own(tmp_path: Path) -> None:
    found = loaded(tmp_path, "embeddings: {c: {of: [a, 'b-*', assets/a], model: marengo3.0, protect: true}}")

    made = {address: fields["of"] for address, fields in found.items() if address.startswith("embeddings/")}
    assert made == {
        "embeddings/c/a": "assets/a",
        "embeddings/c/b-1": "assets/b-1",
        "embeddings/c/b-2": "assets/b-2",
    }


def test_a_group_of_files_can_be_an_input(tmp_path: Path) -> None:
    lay_out(tmp_path, {"media/x.mp4": b"x", "media/y.mp4": b"y"})
    text = HEAD.replace("assets:\n", "assets:\n  clips: {files: 'media/*.mp4'}\n")
    lay_out(tmp_path, {"s.yaml": text + "embeddings: {c: {of: clips, model: marengo3.0}}\n"})

    found = load(tmp_path, environ={}).resources

    assert [address for address in found if address.startswith("embeddings/")] == [
        "embeddings/c/clips.x.mp4",
        "embeddings/c/clips.y.mp4",
    ]


def test_what_stands_in_files_is_part_of_what_is_declared(tmp_path: Path) -> None:
    text = "analyses: {t: {of: a, model: pegasus1.5, prompt_file: ask.md, response: form.json}}"
    found = loaded(tmp_path, text, ask_md="What?\n", form_json='{"type": "object"}')
    assert found["analyses/t/a"]["prompt"] == "What?\n"
    assert found["analyses/t/a"]["response"] == {"type": "object"}

    lay_out(tmp_path, {"ask.md": "What else?\n"})

    assert load(tmp_path, environ={}).resources["analyses/t/a"].fields["prompt"] == "What else?\n"


# What makes a result the same

WAY = {"of": "assets/a", "model": "marengo3.0"}


def identity(**fields: Any) -> str | None:
    return Embedding.identity({**WAY, **fields}, {"assets/a": "A", "assets/b": "A", "assets/c": "C"}.get)


def test_it_is_what_its_input_is_and_how_it_is_made_and_nothing_else() -> None:
    same = identity()

    assert identity(of="assets/b") == same
    assert identity(options=["visual", "audio", "transcription"]) == same
    assert identity(scopes=["clip", "asset"], type=["separate"], media="video") == same
    assert identity(segments={"every": 6}) == identity(segments={"every": 6.0}) == same
    assert identity(window={"from": 0}) == identity(window={}) == same
    others = [
        identity(of="assets/c"),
        identity(model="marengo3.5"),
        identity(options=["visual"]),
        identity(segments={"every": 5}),
        identity(segments={"at_least": 5}),
        identity(window={"to": 60}),
        identity(media="audio"),
    ]
    assert len({same, *others}) == len(others) + 1


def test_nothing_is_known_of_what_is_made_of_the_unknown() -> None:
    assert identity(of="assets/x") is None


@given(st.permutations(["visual", "audio", "transcription"]))
def test_the_order_in_which_options_are_named_is_no_part_of_it(options: list[str]) -> None:
    assert identity(options=options) == identity()


def test_of_an_analysis_each_word_counts() -> None:
    def of(**fields: Any) -> str | None:
        return MediaAnalysis.identity({**WAY, "prompt": "What?", **fields}, lambda _: "A")

    assert of(temperature=0) == of(temperature=0.0) != of()
    assert len({of(), of(prompt="What? "), of(response={"type": "object"}), of(max_tokens=600)}) == 4


# Answers

FORM = {
    "type": "object",
    "properties": {"topic": {"type": "string"}, "at": {"type": "timestamp", "format": "seconds"}},
    "required": ["topic"],
}


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (json.dumps({"topic": "x", "at": 3.5}), ""),
        (json.dumps({"topic": "x", "at": "3"}), "it does not fit its schema at at"),
        (json.dumps({"at": 1}), "it does not fit its schema: 'topic' is a required property"),
        ('{"topic": "cut in the mid', "it is not JSON"),
    ],
)
def test_an_answer_is_held_against_its_schema(answer: str, wrong: str) -> None:
    assert wrong_with(answer, FORM).startswith(wrong)
    assert bool(wrong_with(answer, FORM)) == bool(wrong)


@pytest.mark.parametrize("schema", [{"type": "timestamp"}, {"items": {"minItems": 2}}, {"$ref": "other.json"}])
def test_a_schema_that_the_platform_would_refuse_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"needs|may be|must point"):
        checked_schema(schema)


def test_an_address_of_a_result_has_a_group_and_an_input_and_lives_in_nothing() -> None:
    address = "embeddings/clips/final"

    assert (sections_of(address), names_of(address), parent_of(address)) == (("embeddings",), ("clips", "final"), None)
    assert parent_of("indexes/catalog/assets/final") == "indexes/catalog"
    assert sections_of("indexes/catalog/assets/final") == ("indexes", "assets")


def test_of_an_entry_that_stands_for_nothing_the_rest_is_told_too(tmp_path: Path) -> None:
    text = "  clips: {of: 'nothing-*', model: marengo3.0, options: [smell], scopes: [clip, clip]}\n"
    (tmp_path / "stack.yaml").write_text(f"stack: s\nprovider: twelvelabs\nembeddings:\n{text}")
    with pytest.raises(Invalid) as caught:
        load(tmp_path, environ={})
    told = "\n".join(map(str, caught.value.problems))
    assert "finds nothing under `assets:`" in told and "options" in told and "scopes" in told
    assert len(caught.value.problems) == 3
