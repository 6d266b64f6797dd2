"""The rows of one result, in a form that every store can keep and give back bit by bit; and what proves that it did.

Vectors are one block of float32 in little-endian order, the other columns are plain values: nothing here needs a
package, and every store takes it without going through it float by float where its own format allows it.
"""

from __future__ import annotations

import json
import math
import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, fields
from typing import Any, Final

from reconciler.frozen import dataclass
from reconciler.lazily import hashlib

__all__ = ["COLUMNS", "PLAIN", "SECONDS", "VECTOR", "Made", "Rows", "key_of"]

SECONDS: Final = ("start_sec", "end_sec")
VECTOR: Final = "vector"
PLAIN: Final = (
    "key",
    "stack",
    "address",
    "identity",
    "asset_id",
    "content",
    "model",
    "option",
    "scope",
    "type",
    *SECONDS,
    "text",
)
COLUMNS: Final = (*PLAIN, VECTOR)
"""What a row has, in this order. All but the seconds and the vector are texts; all but the first three may be None."""

_UNKEPT = re.compile("[\0\ud800-\udfff]")
"""What PostgreSQL, or UTF-8, cannot hold."""
_MOVED = ("stack", "address", "asset_id")
_FORMAT = 1
_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One result as the manifest of a store has it: all that a plan reads."""

    stack: str
    address: str
    identity: str
    """Of what it was made, and how."""
    digest: str
    """Of its rows, as the store gives them back."""
    rows: int
    dim: int | None
    """How long its vectors are; None for texts."""
    model: str = ""
    source: str = ""
    """The id of the input at that time: no part of the identity."""
    made_at: str = ""
    """RFC 3339; for people."""
    task: str = ""
    """What the platform called the task; for people."""
    stack_id: str = ""
    """The stack's random id, which tells it from another one of its name; "" in what was kept before there was one."""

    @classmethod
    def from_json(cls, kept: Any) -> Made | None:
        """What a manifest says; None if it is none."""
        if not isinstance(kept, Mapping) or {"stack", "address", "identity", "digest", "rows", "dim"} - kept.keys():
            return None
        values = {each.name: kept[each.name] for each in fields(cls) if each.name in kept}
        counted = {"rows": values.pop("rows"), "dim": values.pop("dim")}
        if not all(isinstance(value, str) for value in values.values()):
            return None
        rows, dim = counted.values()
        if type(rows) is not int or rows < 0 or not (dim is None or (type(dim) is int and dim > 0)):
            return None
        return cls(**values, rows=rows, dim=dim)


def key_of(
    address: str,
    *,
    option: str | None = None,
    scope: str | None = None,
    type: str | None = None,
    start_sec: float | None = None,
    end_sec: float | None = None,
) -> str:
    """What a row is called within a stack: whatever two rows of a result can differ in is part of it.

    Times are milliseconds of eight digits (a day has that many), so that the order of keys is that of time.
    """
    span = "-".join("" if at is None else f"{round(at * 1000):08}" for at in (start_sec, end_sec))
    return f"{address}#{option or ''}/{scope or ''}/{type or ''}/{span}"


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of one result, in the order of their keys; made by `of`."""

    cells: Mapping[str, tuple[Any, ...]]
    """Column → its values, for every column but the vector."""
    vectors: bytes = field(default=b"", repr=False)
    """Float32, little-endian, one vector after the other."""
    dim: int | None = None

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]], dim: int | None = None) -> Rows:
        """The rows of these records, which have the names of COLUMNS; what is left out is None.

        A record without a key gets its own (`key_of`). Rows of the same key, which only an API can make that repeats
        itself, are told apart by a number. ValueError says what is wrong with a record: a vector that is not of this
        dimension or not finite, an unknown column, no address.
        """
        keyed = sorted(_keyed(map(_checked, records)), key=lambda pair: pair[0])
        cells = {column: tuple(record.get(column) for _, record in keyed) for column in PLAIN[1:]}
        floats = array("f")
        for key, record in keyed:
            floats.extend(_vector(key, record.get(VECTOR), dim))
        if not math.isfinite(sum(floats)):  # no sum of float32 leaves the range of a double
            raise ValueError("a vector holds what is not a finite number")
        if sys.byteorder == "big":
            floats.byteswap()
        return cls({"key": tuple(key for key, _ in keyed)} | cells, floats.tobytes(), dim)

    def __len__(self) -> int:
        return len(self.cells["key"])

    @property
    def digest(self) -> str:
        """Sha256 over all rows in the order of their keys: each column, and the bytes of the vector."""
        whole = hashlib.sha256(json.dumps([_FORMAT, self.dim, *COLUMNS]).encode())
        columns = [self.cells[column] for column in PLAIN]
        for number, values in enumerate(zip(*columns, strict=True)):
            whole.update(b"\n" + json.dumps(values, separators=(",", ":")).encode() + b"\n")
            whole.update(self.vector(number))
        return whole.hexdigest()

    def under(self, stack: str, address: str, source: str) -> Rows:
        """The same rows as another result's, of an input with the same bytes: what was moved or is made of it elsewhere
        in the stack is copied and not made again."""
        keys, before = self.cells["key"], self.cells["address"]
        moved = (f"{address}{key.removeprefix(old)}" for key, old in zip(keys, before, strict=True))
        cells = dict(self.cells) | {"key": tuple(moved)}
        cells |= {column: (value,) * len(self) for column, value in zip(_MOVED, (stack, address, source), strict=True)}
        return Rows(cells, self.vectors, self.dim)

    def vector(self, number: int) -> memoryview:
        """The bytes of one vector; none where there are only texts."""
        size = _FLOAT_BYTES * (self.dim or 0)
        return memoryview(self.vectors)[number * size : (number + 1) * size]

    def floats(self, number: int) -> list[float]:
        """The numbers of one vector."""
        found = array("f", self.vector(number).tobytes())
        if sys.byteorder == "big":
            found.byteswap()
        return found.tolist()

    def records(self) -> Iterator[dict[str, Any]]:
        """Each row, without its vector."""
        columns = [self.cells[column] for column in PLAIN]
        for values in zip(*columns, strict=True):
            yield dict(zip(PLAIN, values, strict=True))


def _checked(record: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := record.keys() - set(COLUMNS):
        raise ValueError(f"there is no column {', '.join(sorted(unknown))}")
    row = {column: _cell(column, record.get(column)) for column in PLAIN}
    if row["address"] is None or row["stack"] is None:
        raise ValueError("a row needs its stack and its address")
    return row | {VECTOR: record.get(VECTOR)}


def _cell(column: str, value: Any) -> Any:
    if value is None:
        return None
    if column in SECONDS:
        seconds = float(value) + 0.0  # -0.0 is 0.0
        if not math.isfinite(seconds):
            raise ValueError(f"{column} is not a finite number")
        return seconds
    if not isinstance(value, str):
        raise ValueError(f"{column} is not a text")
    return _UNKEPT.sub("\ufffd", value)


def _keyed(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    seen: dict[str, int] = {}
    for row in rows:
        parts = {part: row[part] for part in ("option", "scope", "type", *SECONDS)}
        key = row["key"] or key_of(row["address"], **parts)
        seen[key] = times = seen.get(key, 0) + 1
        yield key if times == 1 else f"{key}~{times}", row


def _vector(key: str, given: Sequence[float] | None, dim: int | None) -> Sequence[float]:
    found = 0 if given is None else len(given)
    if found != (dim or 0):
        raise ValueError(f"{key}: its vector has {found} numbers, not {dim or 0}")
    return given or ()
