"""`python -m tests.benchmarks.results [SETS ...]`: what a plan of so many results in step costs; 1000 and 10000.

A set is ten vectors of 512 numbers in a file; there are ten of each asset. Requests for them and files of them that are
opened are counted, by the first plan, which reads footers, and by the second, which remembers them. CPU is of all of a
plan, with that of the emulator, which runs in the same process.
"""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.many_results import opened_files, with_sets
from tests.support.running import Bench

SETTLED_S = 2.5
"""So old a file must be before it is remembered what is in it."""


def measure(sets: int, directory: Path) -> dict[str, float]:
    """All figures of one size."""
    bench = Bench(directory)
    began = time.perf_counter()
    with_sets(bench, sets)
    figures: dict[str, float] = {"seconds to write them and to record them": time.perf_counter() - began}
    time.sleep(SETTLED_S)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in ("first plan", "second plan"):
        bench.emulator.journal.clear()
        gc.collect()
        cpu, began = time.process_time(), time.perf_counter()
        with opened_files() as opened:
            planning = bench.survey()
        figures[f"{name}: CPU µs a set"] = (time.process_time() - cpu) * 1e6 / sets
        figures[f"{name}: seconds"] = time.perf_counter() - began
        asked = [exchange["path"] for exchange in bench.emulator.journal.as_json()["log"]]
        figures[f"{name}: requests for sets"] = sum("/embed" in path or "/analyze" in path for path in asked)
        figures[f"{name}: files opened"] = opened.count
        assert planning.plan.changes == ()
    figures["peak RSS MB, before"] = before_kb / 1024
    figures["peak RSS MB, after"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def main(sizes: list[int]) -> None:
    """Measure each size in a process of its own, for the sake of its memory, and print."""
    if len(sizes) > 1:
        for size in sizes:
            subprocess.run([sys.executable, "-m", "tests.benchmarks.results", str(size)], check=True)
        return
    with tempfile.TemporaryDirectory() as directory:
        os.environ["XDG_CACHE_HOME"] = f"{directory}/cache"
        print(f"{sizes[0]} sets")
        for name, value in measure(sizes[0], Path(directory) / "stack").items():
            print(f"  {name:<42}{value:>12.1f}")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1000, 10_000])
