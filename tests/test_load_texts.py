"""Bytes and cells: what an editor puts before a text, what parts a table, and numbers that are others afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Invalid
from reconciler.load import load
from reconciler.load.yaml.scalars import Surprise, plain
from reconciler.model import Stack
from tests.support.files import lay_out

BOM = "\ufeff"

HEAD = "stack: archive\nprovider: twelvelabs\n"


def loaded(directory: Path, files: Mapping[str, str | bytes], var_file: str | None = None) -> Stack:
    lay_out(directory, files)
    given = directory / var_file if var_file else None
    return load(directory / "stack.yaml", environ={}, var_file=given, display=Path("stack.yaml"))


EVERY_KIND_OF_FILE = {
    "stack.yaml": HEAD
    + "variables: {v: {}}\ninclude: [more.yaml]\nmetadata_schema: schema.json\n"
    + "assets:\n  a: {file: a.mp4, metadata_from: sidecar}\n  b: {file: b.mp4, metadata_from: sidecar}\n"
    + "  c: {file: b.mp4, metadata_from: c.tsv, metadata: {v: '${v}'}}\n"
    + "entity_collections: {r: {entities_from: r.csv}, s: {entities_from: s.jsonl}}\n",
    "more.yaml": "indexes: {}\n",
    "schema.json": '{"type": "object"}',
    "a.mp4": "",
    "b.mp4": "",
    "a.yaml": "x: 1\n",
    "b.json": '{"x": 2}',
    "c.tsv": "path\tx\nb.mp4\t3\n",
    "r.csv": "key,assets\nk,a\n",
    "s.jsonl": '{"key": "k", "assets": ["a"]}\n',
    "vars": "v: 4\n",
}


def test_a_byte_order_mark_changes_nothing_in_any_kind_of_file(tmp_path: Path) -> None:
    marked = {name: f"{BOM if text else ''}{text}" for name, text in EVERY_KIND_OF_FILE.items()}

    with_marks = loaded(tmp_path, marked, "vars")
    without = loaded(tmp_path, EVERY_KIND_OF_FILE, "vars")

    assert with_marks.resources == without.resources
    assert with_marks.where("assets/a", "file") == without.where("assets/a", "file") == ("stack.yaml", 7, 13)


def test_positions_in_a_file_with_a_byte_order_mark_are_those_that_an_editor_shows(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        loaded(tmp_path, {"stack.yaml": f"{BOM}stick: archive\nprovider: twelvelabs\nassets: {{a: 1}}\n"})

    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(1, 1), (1, 1), (3, 13)]


@pytest.mark.parametrize("name", [name for name, text in EVERY_KIND_OF_FILE.items() if text])
@pytest.mark.parametrize(
    ("broken", "said"), [("utf-16", "is UTF-16; save"), ("latin", "is not UTF-8; save")], ids=lambda value: value
)
def test_what_is_no_utf_8_is_said_in_the_same_words_in_any_kind_of_file(
    tmp_path: Path, name: str, broken: str, said: str
) -> None:
    text = EVERY_KIND_OF_FILE[name]
    data = text.encode("utf-16") if broken == "utf-16" else text.encode() + b"\n\xe9"

    with pytest.raises(Invalid) as caught:
        loaded(tmp_path, {**EVERY_KIND_OF_FILE, name: data}, "vars")

    (problem,) = [problem for problem in caught.value.problems if said in problem.summary]
    assert problem.file.endswith(name)
    assert problem.line == (1 if broken == "utf-16" else text.count("\n") + 2)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("r.csv", "key;assets\nk;a\n", "its cells are parted by `;`; part them by `,`"),
        ("r.csv", "key\tassets\nk\ta\n", "its cells are parted by tabs; part them by `,`, or name it .tsv"),
        ("r.tsv", "key,assets\nk,a\n", "its cells are parted by `,`; part them by tabs, or name it .csv"),
        ("r.tsv", "key;assets\nk;a\n", "its cells are parted by `;`; part them by tabs"),
    ],
)
def test_a_table_that_is_parted_by_something_else_is_told_so(tmp_path: Path, name: str, text: str, said: str) -> None:
    stack = HEAD + f"assets: {{a: {{url: 'http://a'}}}}\nentity_collections: {{c: {{entities_from: {name}}}}}\n"

    with pytest.raises(Invalid) as caught:
        loaded(tmp_path, {"stack.yaml": stack, name: text})

    assert str(caught.value) == f"{name}:1:1: {said}"


def test_cells_that_are_to_be_numbers_may_be_padded_but_not_lose_digits(tmp_path: Path) -> None:
    stack = HEAD + (
        "assets: {a: {url: 'http://a'}}\nentity_collections: {c: {entities_from: {file: r.csv, fields:"
        " {assets: assets, metadata.rank: {column: rank, type: number}}}}}\n"
    )
    table = "key,assets,rank\nk,a,1.10\n"

    (entity,) = (
        r for r in loaded(tmp_path, {"stack.yaml": stack, "r.csv": table}).resources.values() if r.kind == "Entity"
    )
    assert entity.fields["metadata"] == {"rank": 1.1}
    for cell in ("0.12345678901234567", "9007199254740993", "0x1F", "1_000"):
        with pytest.raises(Invalid, match=f'expected a number, got "{cell}"'):
            loaded(tmp_path, {"stack.yaml": stack, "r.csv": table.replace("1.10", cell)})


@pytest.mark.parametrize("number", ["0.12345678901234567", "1e-999", "9007199254740993"])
def test_a_number_in_json_that_loses_digits_is_refused(tmp_path: Path, number: str) -> None:
    stack = HEAD + "assets: {a: {file: a.mp4, metadata_from: sidecar}}\n"

    with pytest.raises(Invalid, match="loses digits"):
        loaded(tmp_path, {"stack.yaml": stack, "a.mp4": "", "a.json": f'{{"n": {number}}}'})


@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53) + 1, 2**53 - 1))
def test_every_number_that_json_writes_is_read_as_it_is(number: float) -> None:
    assert plain(json.dumps(number)) == number


@given(digits=st.from_regex(r"-?[0-9]{1,20}\.[0-9]{1,20}", fullmatch=True))
def test_a_decimal_is_what_is_written_or_it_is_refused(digits: str) -> None:
    value = plain(digits)

    if isinstance(value, float):
        fraction = digits.partition(".")[2]
        assert float(digits) == value
        assert fraction == "0" or not fraction.endswith("0")
        assert f"{value:.{len(fraction)}f}" == digits
    else:
        assert isinstance(value, Surprise)
