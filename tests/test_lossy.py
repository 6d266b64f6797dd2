"""A network that loses answers after the write was done, and an API that is busy: nothing twice, nothing lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.engine import Limits
from tests.support.running import Bench
from tests.support.stacks import V1, V2


def hostile(seed: int) -> list[dict[str, Any]]:
    """30 % of all answers to writes lost, 10 % 5xx on everything, bursts of 429, lists that lag three reads."""
    return [
        {"fault": "drop_after", "method": method, "path": "/**", "probability": 0.3, "seed": seed + n}
        for n, method in enumerate(("POST", "PATCH", "PUT", "DELETE"))
    ] + [
        {"fault": "status", "path": "/**", "status": 503, "probability": 0.1, "seed": seed + 10},
        {"fault": "rate_limit", "method": "POST", "path": "/**", "after": 20, "count": 5, "retry_after": 1},
        {"fault": "rate_limit", "method": "POST", "path": "/**", "after": 60, "count": 5},
        {"fault": "lag", "method": "GET", "path": "/**", "reads": 3},
    ]


def stack(count: int) -> dict[str, str | bytes]:
    """`count` resources of all kinds: a third assets, a third indexed, a third entities."""
    third = (count - 2) // 3
    files: dict[str, str | bytes] = {f"media/{n}.mp4": f"bytes of {n}" for n in range(third)}
    lines = ["stack: lossy", "provider: twelvelabs", "assets:"]
    lines += [f"  a{n}: {{file: media/{n}.mp4, metadata: {{number: {n}}}}}" for n in range(third)]
    lines += ["indexes:", "  one:", "    models: [{name: marengo3.0}]", "    assets:"]
    lines += [f"      a{n}: {{}}" for n in range(third)]
    lines += ["entity_collections:", "  all:", "    entities:"]
    lines += [f"      e{n}: {{assets: [a{n}]}}" for n in range(third)]
    return files | {"stack.yaml": "\n".join(lines) + "\n"}


def run_until_done(bench: Bench, runs: int) -> int:
    """Apply until a run reports no failure; how many runs it took."""
    for run in range(1, runs + 1):
        if not bench.apply().failed:
            return run
    raise AssertionError(f"not done in {runs} runs")


@pytest.mark.slow
def test_five_hundred_resources_over_a_lossy_network_are_each_made_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limits=Limits(poll_s=0.01, tries=12))
    bench.write(stack(500))
    for rule in hostile(1):
        bench.emulator.add_fault(rule)

    run_until_done(bench, 3)

    bench.emulator.clear_faults()
    assert bench.counts() == {"asset": 166, "index": 1, "indexed_asset": 166, "entity_collection": 1, "entity": 166}
    assert bench.survey().plan.changes == ()


@pytest.mark.parametrize("seed", range(6))
def test_changes_of_every_sort_over_a_lossy_network_end_right(tmp_path: Path, seed: int) -> None:
    bench = Bench(tmp_path, limits=Limits(poll_s=0.01, tries=12))
    clean = Bench(tmp_path / "clean")
    for files in (V1, V2):
        bench.write(files)
        clean.write(files)
        assert not clean.apply().failed
        for rule in hostile(100 * seed):
            bench.emulator.add_fault(rule)
        run_until_done(bench, 4)
        bench.emulator.clear_faults()
        assert bench.counts() == clean.counts()
        assert bench.survey().plan.changes == ()
