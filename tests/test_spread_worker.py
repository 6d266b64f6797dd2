"""What all steps that a worker does side by side share."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reconciler.spread import worker


def test_steps_that_come_at_once_share_one_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that joins late is given as many as it has threads, before it has done any."""
    meeting, begun = threading.Barrier(8), list[Any]()

    class Slow:
        def __init__(self) -> None:
            begun.append(self)
            threading.Event().wait(0.05)  # as it takes to begin a thread on a busy machine: others come meanwhile

    monkeypatch.setattr(worker, "_Process", Slow)
    worker._begun.cache_clear()

    def ask(_: int) -> Any:
        meeting.wait()
        return worker._process()

    try:
        with ThreadPoolExecutor(8) as pool:
            asked = list(pool.map(ask, range(8)))
    finally:
        worker._begun.cache_clear()

    assert len(begun) == 1
    assert {id(it) for it in asked} == {id(begun[0])}
