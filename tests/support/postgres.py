"""A real PostgreSQL for tests, from PyPI: one server a test process, one schema a test.

Import the fixtures by name where they are needed: `from tests.support.postgres import postgres, postgres_url`.
"""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import filelock
import psycopg
import pytest

__all__ = ["postgres", "postgres_url"]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A `postgresql://` address of a server that lives as long as the test process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns, when imported, of a machine without XDG_RUNTIME_DIR
        from pgserver.postgres_server import get_server
    # A short path: the server's socket is in it, and the name of a socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as directory:
        # As root it makes a user to run the server as, and two workers that do so at once get in each other's way.
        with filelock.FileLock(Path(tempfile.gettempdir()) / "reconciler-tests-pgserver.lock"):
            server = get_server(Path(directory) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_url(postgres: str) -> str:
    """The address of an empty schema, in the form that `--state` takes."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{postgres.replace('postgresql://', 'postgresql+psycopg://')}&options=-csearch_path%3D{name}"
