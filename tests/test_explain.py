"""`explain` knows every key that a stack may hold, and what it shows can be written."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.load.grammar.settings import WORDS
from reconciler.load.grammar.shapes import Shape, shapes_of
from reconciler.plan.guards import DEFAULTS, NO_LIMITS
from reconciler.provider import kinds_of, names
from reconciler.schema import top_words, words_of
from tests.support.commandline import CHECKOUT, reconciler


def shapes(provider: str) -> list[Shape]:
    tops = shapes_of(kinds_of(provider)).values()
    return [shape for top in tops for shape in (top, *top.children.values())]


KINDS = [(provider, shape) for provider in ("twelvelabs", "mixpeek") for shape in shapes(provider)]


def example_in(text: str) -> Any:
    (line,) = [line for line in text.splitlines() if line.startswith("  Example: ")]
    return yaml.safe_load(line.removeprefix("  Example: "))


@pytest.mark.parametrize("word", WORDS)
def test_each_key_of_the_top_is_explained_with_its_values_and_an_example(word: str) -> None:
    told = reconciler("explain", word).out
    schema = json.loads((CHECKOUT / "schemas/twelvelabs.json").read_text(encoding="utf-8"))

    assert told.startswith(f"{word}: ") and "  Values: " in told
    assert list(Draft202012Validator(schema).iter_errors(example_in(told))) == []


def test_what_the_loader_takes_is_what_is_explained() -> None:
    assert {"twelvelabs", "mixpeek"} <= set(names())
    assert set(top_words("twelvelabs")) == set(WORDS)
    assert {key for key in reconciler("explain", "guards").out.split() if key.endswith(":")} >= {
        f"{name}:" for name in (*DEFAULTS, *NO_LIMITS)
    }


@pytest.mark.parametrize(("provider", "shape"), KINDS, ids=[f"{p}-{it.kind.__name__}" for p, it in KINDS])
def test_each_word_of_an_entry_is_explained_and_its_example_fits(provider: str, shape: Shape) -> None:
    words = words_of(provider, shape.kind)

    assert {*shape.words(), *shape.own} == set(words)
    name = shape.kind.__name__
    for word, schema in words.items():
        told = reconciler("explain", f"{name}.{word}", "--provider", provider).out
        assert told.startswith(f"{name}.{word}") and "  Values: " in told
        assert schema["description"] in told
        assert list(Draft202012Validator(schema).iter_errors(example_in(told)[word])) == []


def test_defaults_and_limits_are_told() -> None:
    assert "10 when left out" in reconciler("explain", "guards.max_deletes").out
    assert "a number from 0 to 1" in reconciler("explain", "MediaAnalysis.temperature").out
    assert "`video`, `audio` or `image`" in reconciler("explain", "embedding.media").out
    assert "false when left out" in reconciler("explain", "Index.protect").out


def test_the_list_names_the_kinds_and_the_keys() -> None:
    told = reconciler("explain").out

    assert "Index  " in told and "At the top of a stack also:" in told
    assert all(f"\n{word} " in told for word in WORDS)


@pytest.mark.parametrize(
    ("asked", "near"),
    [("gards", "did you mean 'guards'?"), ("guards.max_delets", "did you mean 'max_deletes'?"), ("moved.x", "known: ")],
)
def test_what_is_mistyped_is_told(asked: str, near: str) -> None:
    failed = reconciler("explain", asked)

    assert failed.code == 1 and near in failed.err
