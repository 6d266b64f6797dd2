"""What all steps that a worker does side by side share."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import ReconcilerError
from reconciler.spread import worker
from reconciler.spread.opened import project_here
from reconciler.spread.progress import heard


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


def test_a_worker_sends_as_fast_as_its_own_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stack.yaml").write_text("stack: s\nprovider: twelvelabs\n")
    monkeypatch.setenv("RECONCILER_SPREAD_STACK", str(tmp_path))
    assert project_here().options.bandwidth is None
    monkeypatch.setenv("RECONCILER_SPREAD_BANDWIDTH", "50M")
    assert project_here().options.bandwidth == 50e6
    monkeypatch.setenv("RECONCILER_SPREAD_BANDWIDTH", "fast")
    with pytest.raises(ReconcilerError, match="RECONCILER_SPREAD_BANDWIDTH: "):
        project_here()


def test_what_others_tell_at_the_scheduler_is_not_believed() -> None:
    told: list[tuple[str, int, int]] = []
    for event in (
        [0.0, ["assets/a", 1, 2]],
        (0.0, ("assets/b", 2, 2)),
        (0.0, ["x", 3, 2]),
        (0.0, {"a": 1}),
        None,
        ["x"],
    ):
        heard(event, lambda *it: told.append(it))

    assert told == [("assets/a", 1, 2), ("assets/b", 2, 2)]
