"""`schemas/` is what the kinds say today, and what is shipped fits it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.schema import render, schemas
from tests.support.commandline import CHECKOUT, reconciler

SCHEMAS = sorted((CHECKOUT / "schemas").glob("*.json"))
STACK_FILES = sorted(
    file
    for top in ("specs", "examples")
    for file in (CHECKOUT / top).rglob("*.yaml")
    if not {"ci", "seasons", ".reconciler", "own-provider"} & {*file.relative_to(CHECKOUT).parts}
)
HEADER = "# yaml-language-server: $schema="


def schema(name: str) -> Any:
    return json.loads((CHECKOUT / "schemas" / name).read_text(encoding="utf-8"))


def problems(name: str, document: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(schema(name)).iter_errors(document)]


def test_they_are_not_stale() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS}

    assert there == {name: render(made) for name, made in schemas().items()}, "run `make schemas`"


def test_the_command_writes_what_is_kept(tmp_path: Path) -> None:
    said = reconciler("schema", "--write", tmp_path)

    assert said.code == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {p.name: p.read_bytes() for p in SCHEMAS}


def test_the_command_prints_a_providers() -> None:
    assert reconciler("schema").json == schema("twelvelabs.json")


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_they_are_draft_2020_12(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))

    assert content["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(content)


@pytest.mark.parametrize("path", STACK_FILES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_what_is_shipped_fits_the_schema_that_it_names(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    first, second = text.splitlines()[:2]

    assert first.startswith(HEADER)
    stack = yaml.safe_load(text)
    # One of several files may leave it to another to name the provider.
    of = f"{stack.get('provider', 'twelvelabs')}.json"
    assert (path.parent / first.removeprefix(HEADER)).resolve() == CHECKOUT / "schemas" / of
    assert second.startswith("# ")
    assert problems(of, stack) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("assets: {a: {file: a.mp4, filee: b.mp4}}", id="unknown field"),
        pytest.param("assets: {a: }", id="empty entry"),
        pytest.param("assets: ", id="empty section"),
        pytest.param("assets: {-a: {file: a.mp4}}", id="wrong key"),
        pytest.param("assets: {a: {file: a.mp4, metadata: {b: {c: d}}}}", id="nested metadata"),
        pytest.param("indexes: {a: {models: [{name: marengo3.0, options: [smell]}]}}", id="no such option"),
        pytest.param("indexes: {a: {models: [{name: marengo3.0}], protect: sure}}", id="wrong type"),
        pytest.param("indexs: {}", id="unknown section"),
        pytest.param("provider: acme", id="another provider"),
    ],
)
def test_an_editor_sees_what_is_wrong(text: str) -> None:
    assert problems("twelvelabs.json", yaml.safe_load(text)) != []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("assets: {a: {file: '${x}', hls: '${y}', metadata: '${z}'}}", id="variables for anything"),
        pytest.param("assets: {a: {id: '1', external: true}}", id="external"),
        pytest.param(
            "indexes: {a: {models: [{name: marengo3.0}], replace: allow, ignore: [name], assets: {b: {}}}}",
            id="options",
        ),
        pytest.param("{moved: [{from: assets/a, to: assets/b}], removed: [assets/c]}", id="moved and removed"),
    ],
)
def test_an_editor_does_not_complain_of_what_is_right(text: str) -> None:
    assert problems("twelvelabs.json", yaml.safe_load(text)) == []
