"""A set of texts as one JSON file, for which no package is needed: the first line holds the manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

from reconciler.results.naming import Naming
from reconciler.results.rows import PLAIN, Rows

__all__ = ["footer", "read", "write"]

_BEGIN, _END = b'{"reconciler": ', b","
_LONGEST = 1 << 16


def write(file: BinaryIO, rows: Rows, naming: Naming, manifest: Mapping[str, Any]) -> None:
    """Write a set: JSON, a row a line, so that git shows what changed."""
    lines = [
        json.dumps({naming[column]: value for column, value in record.items()}, ensure_ascii=False)
        for record in rows.records()
    ]
    file.write(_BEGIN + json.dumps(manifest).encode() + _END)
    file.write(b'\n"rows": [\n' + ",\n".join(lines).encode() + b"\n]}\n")


def footer(file: BinaryIO) -> Any:
    """The manifest of a set, by its first line alone; None for a file of somebody else's."""
    line = file.readline(_LONGEST).rstrip()
    if not (line.startswith(_BEGIN) and line.endswith(_END)):
        return None
    try:
        return json.loads(line[len(_BEGIN) : -len(_END)])
    except ValueError:
        return None


def read(file: BinaryIO, naming: Naming) -> Rows:
    """All rows of a set."""
    found = json.load(file)["rows"]
    return Rows({column: tuple(row[naming[column]] for row in found) for column in PLAIN})
