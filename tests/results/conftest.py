"""Each test of the suite runs against every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.results.backends import BACKENDS, Backend, backend_for
from tests.support.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """A store of each kind, empty."""
    yield from backend_for(request.param, request, tmp_path)


@pytest.fixture(params=["pgvector", "lancedb", "parquet", "json"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """A store that several processes can have at once."""
    yield from backend_for(request.param, request, tmp_path)


@pytest.fixture(params=["qdrant", "qdrant-edge"])
def alone(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """A store that is one process's."""
    yield from backend_for(request.param, request, tmp_path)
