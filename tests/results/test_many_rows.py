"""Ten thousand rows of 512 numbers in a hundred sets: what a plan reads of them is the manifest, and quickly.

Of Qdrant's imitation in a directory, which takes a second for each set, there are fewer.
"""

from __future__ import annotations

import random
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from reconciler.results import Made, Rows
from tests.results.backends import Backend, backend_for
from tests.results.sets import MODEL, STACK, a_set

SETS, FEW, ROWS, DIM = 100, 5, 100, 512
RAW_BYTES = SETS * ROWS * DIM * 4

pytestmark = pytest.mark.slow


def many(dim: int | None, sets: int = SETS) -> Iterator[tuple[Made, Rows]]:
    numbers = random.Random(5)
    vectors = array("f", (numbers.gauss(0, 1) for _ in range(ROWS * DIM))).tobytes() if dim else b""
    for number in range(sets):
        made, rows = a_set(number, ROWS, address=f"embeddings/clips/{number:04}", dim=None)
        rows = Rows(rows.cells, vectors, dim)
        yield replace(made, digest=rows.digest, dim=dim), rows


@pytest.fixture(params=["parquet", "json", "pgvector", "lancedb", "qdrant-edge", "qdrant"])
def full(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    for backend in backend_for(request.param, request, tmp_path):
        backend.dim = DIM if backend.dim else None
        store = backend.ready()
        for made, rows in many(backend.dim, sets_of(backend)):
            store.replace(made, rows)
        store.close()
        yield backend


def sets_of(backend: Backend) -> int:
    return FEW if backend.name == "qdrant" else SETS


def bytes_read() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    return int(fields["rchar"])


def test_a_list_reads_no_vectors(full: Backend, record_property: Callable[[str, object], None]) -> None:
    store = full.open()
    locked = None
    if full.name == "pgvector":  # whoever reads the table of vectors would wait here for ever
        locked = psycopg.connect(full.url.replace("+psycopg", ""))
        locked.execute(f"LOCK TABLE clips_{MODEL.replace('.', '_')}_{DIM} IN ACCESS EXCLUSIVE MODE")
    before, began = bytes_read(), time.perf_counter()

    found = list(store.list(STACK))

    took, read = time.perf_counter() - began, bytes_read() - before
    if locked is not None:
        locked.close()
    record_property("seconds", round(took, 4))
    record_property("bytes", read)
    assert len(found) == sets_of(full)
    assert sum(made.rows for made in found) == sets_of(full) * ROWS
    if full.many_processes:  # the others keep everything in their own memory, or map it
        assert read < RAW_BYTES / 10
