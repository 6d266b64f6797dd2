"""A set of vectors as one Parquet file: its manifest is the file's own footer, so that one file is one commit.

Vectors are split into streams of bytes and packed by zstd without a dictionary, which makes them smaller than they are;
what the library does by itself would make them half as big again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

from reconciler.errors import StoreError, how_to_install
from reconciler.results.naming import Naming
from reconciler.results.rows import PLAIN, SECONDS, VECTOR, Rows

__all__ = ["footer", "read", "schema", "table", "write"]

_OURS = b"reconciler"
_END = 8
"""Bytes after the footer: its length, and the word by which the format is known."""


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet as files
    except ModuleNotFoundError as error:
        raise StoreError(f"vectors in files are an extra: {how_to_install('parquet')}") from error
    return pyarrow, files


def schema(dim: int | None, naming: Naming) -> Any:
    """Of rows, as Arrow has it."""
    arrow, _ = _arrow()
    fields = [
        arrow.field(naming[column], arrow.float64() if column in SECONDS else arrow.string(), column not in PLAIN[:3])
        for column in PLAIN
    ]
    if dim is not None:
        fields.append(arrow.field(naming[VECTOR], arrow.list_(arrow.float32(), dim)))
    return arrow.schema(fields)


def table(rows: Rows, naming: Naming) -> Any:
    """Rows as an Arrow table; the vectors are not copied."""
    arrow, _ = _arrow()
    columns = [
        arrow.array(rows.cells[column], arrow.float64() if column in SECONDS else arrow.string()) for column in PLAIN
    ]
    if rows.dim is not None:
        flat = arrow.Array.from_buffers(arrow.float32(), len(rows) * rows.dim, [None, arrow.py_buffer(rows.vectors)])
        columns.append(arrow.FixedSizeListArray.from_arrays(flat, rows.dim))
    return arrow.table(columns, schema=schema(rows.dim, naming))


def rows_of(found: Any, dim: int | None, naming: Naming) -> Rows:
    """The rows in an Arrow table, in the order of their keys."""
    arrow, _ = _arrow()
    found = found.sort_by(naming["key"]) if found.num_rows else found
    cells = {column: tuple(found.column(naming[column]).to_pylist()) for column in PLAIN}
    if dim is None:
        return Rows(cells)
    column = found.column(naming[VECTOR]).combine_chunks()
    chunks = column.chunks if isinstance(column, arrow.ChunkedArray) else [column]
    vectors = b"".join(
        chunk.flatten().cast(arrow.float32()).to_numpy(zero_copy_only=False).tobytes() for chunk in chunks
    )
    return Rows(cells, vectors, dim)


def write(file: BinaryIO, rows: Rows, naming: Naming, manifest: Mapping[str, Any]) -> None:
    """Write a set, with its manifest."""
    _, files = _arrow()
    made = table(rows, naming)
    made = made.replace_schema_metadata({_OURS: json.dumps(manifest)})
    files.write_table(
        made,
        file,
        compression="zstd",
        use_dictionary=[naming[column] for column in PLAIN if column not in ("key", *SECONDS)],
        use_byte_stream_split=[f"{naming[VECTOR]}.list.element"],
    )


def footer(file: BinaryIO) -> Any:
    """The manifest of a set; None for a file of somebody else's, or one that is damaged."""
    arrow, files = _arrow()
    try:
        kept = files.read_metadata(arrow.BufferReader(_tail(file))).metadata
        return json.loads(kept[_OURS]) if kept and _OURS in kept else None
    except (arrow.ArrowException, OSError, ValueError):
        return None


def _tail(file: BinaryIO) -> bytes:
    """The footer alone: the library would read 64 kB, which of a small set is all of its vectors."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _END, 0))
    length = int.from_bytes(file.read(_END)[:4], "little") + _END
    file.seek(max(size - length, 0))
    return file.read(length)


def read(file: BinaryIO, dim: int | None, naming: Naming) -> Rows:
    """All rows of a set, of one opening of the file."""
    _, files = _arrow()
    return rows_of(files.ParquetFile(file).read(), dim, naming)
