"""`python -m tests.benchmarks.stages [SIZE ...]`: what each stage of a stack costs; 100, 1000 and 10000.

Each size is a stack of that many URL assets, all indexed in one index, and as many entities: three objects an asset.
CPU is of this process, in microseconds an object; the emulator runs in the same process and is told apart by a second
column where it takes part. Growth is the CPU an object against the size before: 1.0 is linear.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from reconciler.diff import diff
from reconciler.load import load
from reconciler.model import Operation, Signature
from reconciler.ownership import claim
from reconciler.plan import make_plan
from reconciler.provider import kinds_of
from reconciler.state import Close, Open, State
from tests.support.running import Bench

T = TypeVar("T")


def stack(count: int) -> str:
    """The YAML of `count` assets, indexed, with an entity each."""
    lines = ["stack: bench", "provider: twelvelabs", "assets:"]
    lines += [f'  a{n}: {{url: "https://example.com/{n}.mp4"}}' for n in range(count)]
    lines += ["indexes:", "  one:", "    models: [{name: marengo3.0}]", "    assets:"]
    lines += [f"      a{n}: {{}}" for n in range(count)]
    lines += ["entity_collections:", "  all:", "    entities:"]
    lines += [f"      e{n}: {{assets: [a{n}]}}" for n in range(count)]
    return "\n".join(lines) + "\n"


def cpu_us(call: Callable[[], T], objects: int) -> tuple[float, T]:
    """Microseconds of CPU an object, and the result."""
    gc.collect()
    start = time.process_time()
    result = call()
    return (time.process_time() - start) * 1e6 / objects, result


def measure(count: int, directory: Path) -> dict[str, float]:
    """All figures of one size."""
    objects, bench = 3 * count + 2, Bench(directory)
    bench.write({"stack.yaml": stack(count)})
    figures: dict[str, float] = {"objects": objects}
    figures["load"], _ = cpu_us(lambda: load(directory, environ={}), objects)
    figures["apply + emulator"], report = cpu_us(bench.apply, objects)
    assert not report.failed
    figures["writes"] = report.writes
    bench.emulator.journal.clear()
    figures["no-op plan + emulator"], survey = cpu_us(bench.survey, objects)
    figures["plan requests"] = bench.emulator.journal.total
    assert not survey.plan.changes
    kinds = kinds_of("twelvelabs")
    rows = list(survey.claims.rows.values())

    def decide() -> None:
        claims = claim(survey.stack, kinds, rows, survey.snapshot)
        make_plan(survey.stack, kinds, claims, diff(survey.stack, kinds, claims), survey.snapshot)

    figures["claim, diff and plan"], _ = cpu_us(decide, objects)
    return figures


def journal(directory: Path, grouped: int, total: int = 500) -> float:
    """Microseconds of wall time an intent, opened and closed, so many in one durable transaction."""
    state = State.open(f"sqlite:///{directory}/journal.db", "bench")
    start = time.perf_counter()
    for first in range(0, total, grouped):
        numbers = range(first, first + grouped)
        state.commit(*(Open(Operation(str(n), "r", f"assets/{n}", "Asset", "create", Signature())) for n in numbers))
        state.commit(*(Close(str(n)) for n in numbers))
    spent = time.perf_counter() - start
    state.close()
    return spent * 1e6 / total


def main(sizes: list[int]) -> None:
    """Measure and print."""
    before: dict[str, float] = {}
    for count in sizes:
        with tempfile.TemporaryDirectory() as directory:
            figures = measure(count, Path(directory))
        for name, value in figures.items():
            counted = name in ("objects", "writes", "plan requests")
            growth = f"   x{value / before[name]:.2f}" if before and not counted else ""
            print(f"{name:<24}{value:>12.0f}{'' if counted else ' µs an object'}{growth}")
        before = figures
    with tempfile.TemporaryDirectory() as directory:
        for grouped in (1, 50):
            text = f"{journal(Path(directory), grouped):>12.0f} µs an intent, opened and closed"
            print(f"{f'journal, {grouped} at once':<24}{text}")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [100, 1000, 10_000])
