"""Rows of what is declared are read quickly, and say exactly what they say when they are read with all care."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Recorded, Resource
from reconciler.redact import Secret
from reconciler.state.rows import Damaged, placed, recorded_from
from reconciler.state.usual import UsualRows

PLACES = {"Asset": "assets", "IndexedAsset": "indexes/assets"}
FIELDS = {
    "url": "https://x.example.com/a.mp4",
    "metadata": {"title": "A", "n": 1, "r": 1.5, "b": True, "t": ["x", "y"]},
}
DECLARED = {
    it.address: it
    for it in (
        Resource("assets/a", "Asset", FIELDS),
        Resource("assets/s", "Asset", {"url": Secret("hidden", "${env.URL}"), "metadata": {}}),
        Resource("indexes/i/assets/a", "IndexedAsset", {"asset": "assets/a"}),
    )
}
USUAL = (
    ("assets/a", "Asset", "a1", json.dumps(FIELDS), None, 0, 0, 0, "{}"),
    ("indexes/i/assets/a", "IndexedAsset", "ia1", '{"asset":"assets/a"}', "i1", 0, 0, 0, "{}"),
    ("assets/s", "Asset", "a2", '{"url":"hidden","metadata":{}}', None, False, False, 0, "{}"),
)
METADATA: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["title", "n", "r", "b", "t", "u"]),
    st.sampled_from(["A", "B", 1, 1.0, True, 0, False, None, 1.5, 10**20, 1e20, ["x", "y"], ["y", "x"], {}, "hidden"]),
)
ODD: list[list[Any]] = [
    ["assets/a", "assets/b", "assets/s", "indexes/i/assets/a", "assets", "a/b/c/d", "", 1, None, b"assets/a"],
    ["Asset", "IndexedAsset", "Index", "", None, 7],
    ["a1", "a/1", "", "a b", "é", "a" * 200, "a" * 201, "..", None, 5, b"a1", "a\0"],
    [
        "{}",
        "[]",
        "",
        "{",
        "null",
        '{"url": 1}',
        '{"a": NaN}',
        '{"a": 1} ',
        '{"url": "\\ud800"}',
        None,
        3,
        b"{}",
        '{"a":1,"a":2}',
    ],
    [None, "i1", "i2", "a/b", "", 1],
    *([0, 1, False, True, 2, None, "0", 0.0] for _ in range(2)),
    [0, 1, -1, 1 << 63, None, "0", True],
    ["{}", '{"size": 1}', "", "{ }", None, "[]"],
]


def said(make: Any, row: Any) -> Any:
    """What is made of a row, exactly; or what is said of its damage."""
    try:
        made = make(row)
    except Damaged as error:
        return str(error)
    types = [type(getattr(made, name)) for name in Recorded.__slots__]
    return made, repr(made.facts), json.dumps(made.fields, sort_keys=True), types


def with_care(row: Any) -> Recorded:
    made: Recorded = placed(recorded_from(row), PLACES)
    return made


def warm() -> UsualRows:
    """After some rows: what others live in is known."""
    rows = UsualRows(DECLARED, PLACES)
    for row in USUAL:
        rows(row)
    return rows


@pytest.mark.parametrize("at", range(9))
@pytest.mark.parametrize("usual", USUAL)
def test_what_is_odd_in_a_row_is_said_as_with_all_care(usual: tuple[Any, ...], at: int) -> None:
    rows = warm()
    for odd in ODD[at]:
        row = (*usual[:at], odd, *usual[at + 1 :])
        # A float cannot be in these columns, whose affinity makes whole numbers of such.
        if type(odd) is not float:
            assert said(rows, row) == said(with_care, row), row


@given(row=st.tuples(*map(st.sampled_from, ODD)), usual=st.sampled_from(USUAL), keep=st.sets(st.integers(0, 8)))
def test_rows_say_what_they_say_with_all_care(row: tuple[Any, ...], usual: tuple[Any, ...], keep: set[int]) -> None:
    mixed = tuple(usual[at] if at in keep else it for at, it in enumerate(row))
    if float not in map(type, mixed):
        assert said(warm(), mixed) == said(with_care, mixed)


@given(METADATA, st.sampled_from(["", "url", "filename"]))
def test_fields_say_what_they_say_with_all_care(metadata: dict[str, Any], more: str) -> None:
    fields = {"metadata": metadata} | ({more: FIELDS["url"]} if more else {})
    row = ("assets/a", "Asset", "a1", json.dumps(fields), None, 0, 0, 0, "{}")

    assert said(warm(), row) == said(with_care, row)


def test_what_is_recorded_as_it_is_declared_is_held_once() -> None:
    rows = warm()
    asset, indexed, secret = map(rows, USUAL)

    assert asset.fields is DECLARED["assets/a"].fields and indexed.fields is DECLARED["indexes/i/assets/a"].fields
    assert asset.facts is indexed.facts and asset.address is DECLARED["assets/a"].address
    assert secret.fields["url"] == "hidden" and type(secret.fields["url"]) is str
    assert pickle.loads(pickle.dumps(asset)) == asset


def test_what_differs_in_one_field_shares_the_others() -> None:
    row = warm()(("assets/a", "Asset", "a1", json.dumps({**FIELDS, "content": "sha"}), None, 0, 0, 0, "{}"))

    assert row.fields == {**FIELDS, "content": "sha"}
    assert row.fields["metadata"] is FIELDS["metadata"] and row.fields["url"] is FIELDS["url"]
