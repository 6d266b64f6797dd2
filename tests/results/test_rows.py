"""Rows: what is refused, what is put right, and what their digest is of."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.results import COLUMNS, Rows, key_of
from reconciler.results.rows import PLAIN
from tests.results.sets import a_set

ROW: dict[str, Any] = {"stack": "s", "address": "embeddings/clips/final"}


def test_a_key_has_all_that_two_rows_can_differ_in() -> None:
    key = key_of("embeddings/clips/final", option="audio", scope="clip", type="fused", start_sec=0, end_sec=5.9996)

    assert key == "embeddings/clips/final#audio/clip/fused/00000000-00006000"
    assert key_of("analyses/topics/final") == "analyses/topics/final#///-"


def test_the_order_of_records_is_no_part_of_a_set() -> None:
    records = [ROW | {"start_sec": start, "vector": [start, 0.5]} for start in (12, 0, 6)]

    assert Rows.of(records, 2) == Rows.of(reversed(records), 2)
    assert [*Rows.of(records, 2).cells["start_sec"]] == [0.0, 6.0, 12.0]


def test_rows_that_an_api_repeats_are_kept_apart() -> None:
    rows = Rows.of([ROW | {"text": text} for text in ("one", "two", "three")])

    assert rows.cells["key"] == (f"{ROW['address']}#///-", f"{ROW['address']}#///-~2", f"{ROW['address']}#///-~3")
    assert rows.cells["text"] == ("one", "two", "three")


def test_rows_can_be_those_of_another_address() -> None:
    _, rows = a_set(1, 3, address="embeddings/clips/final")
    _, there = a_set(1, 3, address="embeddings/clips/semi", stack="other")

    moved = rows.under("other", "embeddings/clips/semi", "6640f1")

    assert moved == there
    assert moved.digest == there.digest
    assert rows.under("other", "embeddings/clips/semi", "6640f2").digest != there.digest


@pytest.mark.parametrize(
    ("record", "dim", "why"),
    [
        ({"vector": [1.0]}, 2, "has 1 numbers, not 2"),
        ({}, 2, "has 0 numbers, not 2"),
        ({"vector": [1.0]}, None, "has 1 numbers, not 0"),
        ({"vector": [float("nan"), 1.0]}, 2, "not a finite number"),
        ({"vector": [1e300, 1.0]}, 2, "not a finite number"),
        ({"vector": [float("inf"), float("-inf")]}, 2, "not a finite number"),
        ({"start_sec": float("inf")}, None, "start_sec is not a finite number"),
        ({"clip": 1}, None, "there is no column clip"),
        ({"text": 1}, None, "text is not a text"),
        ({"address": None}, None, "needs its stack and its address"),
    ],
)
def test_what_no_store_should_hold_is_refused(record: dict[str, Any], dim: int | None, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Rows.of([ROW | record], dim)


def test_what_a_database_cannot_hold_is_replaced() -> None:
    rows = Rows.of([ROW | {"text": "a\0b\ud800c", "start_sec": -0.0}])

    assert rows.cells["text"] == ("a\ufffdb\ufffdc",)
    assert str(rows.cells["start_sec"][0]) == "0.0"


def test_the_digest_is_of_every_column_and_of_the_bytes_of_vectors() -> None:
    rows = Rows.of([ROW | {"option": "visual", "start_sec": 1, "vector": [0.1, 2]}], 2)
    values = [rows.cells[column][0] for column in PLAIN]
    expected = hashlib.sha256(json.dumps([1, 2, *COLUMNS]).encode())
    expected.update(b"\n" + json.dumps(values, separators=(",", ":")).encode() + b"\n" + struct.pack("<2f", 0.1, 2))

    assert rows.digest == expected.hexdigest()


@given(st.sampled_from([column for column in COLUMNS if column not in ("key", "vector")]), st.booleans())
def test_a_change_anywhere_is_another_digest(column: str, second: bool) -> None:
    _, rows = a_set()
    index = 1 if second else 0
    changed = list(rows.cells[column])
    changed[index] = 0.125 if column.endswith("_sec") else "another"

    assert Rows(dict(rows.cells) | {column: tuple(changed)}, rows.vectors, rows.dim).digest != rows.digest


@given(st.integers(0, 95), st.integers(0, 7))
def test_a_bit_of_a_vector_is_another_digest(byte: int, bit: int) -> None:
    _, rows = a_set()
    vectors = bytearray(rows.vectors)
    vectors[byte] ^= 1 << bit

    assert Rows(rows.cells, bytes(vectors), rows.dim).digest != rows.digest
