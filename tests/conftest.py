"""What holds for every test: nothing of the user's own is read or written."""

from __future__ import annotations

import pytest

# Every exchange with an emulator is held against the vendor's contract.
from tests.contracts.watch import (  # noqa: F401
    contract_holds,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of hashes for this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
