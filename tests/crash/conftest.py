"""What all kill tests start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.world import Zygote


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """A process that has imported everything, of which each run is a child."""
    made = Zygote()
    yield made
    made.close()
