"""`python -m tests.benchmarks [SIZE ...]`: what a plan on which nothing changes costs, into `docs/performance.md`.

Each size is a stack of so many objects, applied to an account that a process of its own serves. All sizes are planned
in turn, with the floor (`tests.benchmarks.floor`) after each, round after round, so that whatever else the machine does
slows both. CPU is of the process alone, a median; ratios are what can be compared between machines.
"""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tests.benchmarks.page import table, written
from tests.benchmarks.world import COMMAND, Spent, World, compiled, served, spent

SIZES, ROUNDS = (10, 1_000, 10_000), 5


@dataclass
class Measured:
    """One stack, and all runs on it."""

    objects: int
    world: World
    applied: Spent
    requests: int = 0
    plans: list[Spent] = field(default_factory=list)
    floors: list[Spent] = field(default_factory=list)

    def once(self) -> None:
        """Plan, and the floor after it."""
        before = self.world.requests()
        self.plans.append(self.world.run("plan"))
        self.requests = self.world.requests() - before - 1
        state = self.world.directory / ".reconciler" / "state.db"
        words = (str(self.world.directory / "stack.yaml"), self.world.url, str(state))
        self.floors.append(spent((sys.executable, "-m", "tests.benchmarks.floor", *words), {}))

    @property
    def cpu_s(self) -> float:
        """Of a plan."""
        return median(it.cpu_s for it in self.plans)

    def row(self, before: Measured | None) -> tuple[str, ...]:
        """A line of the table; growth is against the size before it."""
        floor_s = median(it.cpu_s for it in self.floors)
        growth = f"{self.cpu_s / before.cpu_s:.1f}× for {self.objects / before.objects:.0f}×" if before else ""
        return (
            f"{self.objects:,}",
            f"{self.cpu_s:.2f} s",
            f"{self.cpu_s * 1e6 / self.objects:,.0f} µs",
            growth,
            f"{self.cpu_s / floor_s:.1f}×",
            f"{max(it.peak_mb for it in self.plans):.0f} MB",
            f"{max(it.peak_mb for it in self.floors):.0f} MB",
            f"{self.requests:,}",
            f"{self.applied.cpu_s * 1e6 / self.objects:,.0f} µs",
        )


PLANS = (
    "objects",
    "CPU",
    "an object",
    "growth",
    "against the floor",
    "peak memory",
    "of the floor",
    "requests",
    "apply of all, CPU an object",
)


def _starts(directory: Path) -> Iterator[tuple[str, ...]]:
    """What it takes to begin: commands that have next to nothing to do, in turn."""
    (directory / "one").mkdir()
    (directory / "one" / "stack.yaml").write_text("stack: one\nprovider: twelvelabs\nindexes: {}\n")
    commands = {"`--help`": ("--help",), "`validate` of one file": ("validate", str(directory / "one"))}
    runs: dict[str, list[Spent]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, words in commands.items():
            runs[name].append(spent((*COMMAND, *words), {}))
    for name, some in runs.items():
        yield name, f"{median(it.cpu_s for it in some):.2f} s", f"{max(it.peak_mb for it in some):.0f} MB"


def measured(sizes: Sequence[int], tell: Callable[[str], None]) -> str:
    """The tables, as Markdown."""
    compiled()
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        found = []
        for size in sizes:
            tell(f"applying {size:,} objects")
            url = servers.enter_context(served(Path(name) / f"{size}.db"))
            world = World.made(Path(name) / str(size), url, size)
            found.append(Measured(size, world, world.apply()))
        for number in range(ROUNDS):
            tell(f"round {number + 1} of {ROUNDS}")
            for one in found:
                one.once()
        starts = list(_starts(Path(name)))
        rows = [one.row(before) for one, before in zip(found, [None, *found], strict=False)]
    said = (
        f"Python {platform.python_version()}, {platform.machine()}, {datetime.now(UTC):%Y-%m-%d}; medians of {ROUNDS}"
    )
    return "\n\n".join([f"{said}.", table(PLANS, rows), table(("command", "CPU", "peak memory"), starts)])


def main(sizes: Sequence[int]) -> None:
    """Measure, print, and write the page anew."""
    tables = measured(sizes, lambda text: print(text, file=sys.stderr))
    print(tables)
    written("bench", tables)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or SIZES)
