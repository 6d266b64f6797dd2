"""`python -m tests.benchmarks.planning [SIZE ...]`: CPU of claim, diff and plan alone, in microseconds a resource.

Each size is that many resources: a third assets, a third of them indexed in ten indexes, a third entities in ten
collections. Growth is the time a resource against the size before: 1.0 is linear.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from reconciler.diff import diff
from reconciler.model import Plan, Recorded, Resource, Snapshot, Stack
from reconciler.ownership import claim
from reconciler.plan import make_plan
from reconciler.plan.targeting import EVERYTHING, Targeting
from reconciler.providers.twelvelabs import KINDS
from tests.support.planning import live_of, snapshot_of


def declared(count: int, *, content: str = "v1", prefix: str = "") -> dict[str, Resource]:
    """So many resources."""
    found: dict[str, Resource] = {}

    def add(address: str, kind: str, **fields: object) -> None:
        found[address] = Resource(address, kind, fields)

    for n in range(10):
        add(f"indexes/i{n}", "Index", name=f"i{n}", models=[{"name": "marengo3.0"}])
        add(f"entity_collections/c{n}", "EntityCollection", name=f"c{n}")
    for n in range(count // 3):
        asset = f"assets/{prefix}a{n}"
        add(asset, "Asset", url=f"https://example.com/{n}", content=f"{content} {n}", metadata={"n": n, "k": "v"})
        add(f"indexes/i{n % 10}/{asset}", "IndexedAsset", asset=asset, metadata={"n": n})
        add(f"entity_collections/c{n % 10}/entities/e{n}", "Entity", name=f"e{n}", assets=[asset], metadata={"n": n})
    return found


def stack_of(resources: Mapping[str, Resource]) -> Stack:
    return Stack("s", "twelvelabs", Path(), resources, lambda *_: ("", 0, 0))


def plan(
    stack: Stack, recorded: list[Recorded], snapshot: Snapshot, targeting: Targeting = EVERYTHING
) -> tuple[Plan, dict[str, float]]:
    """The plan, and seconds of CPU for each part of it."""
    gc.collect()
    times = [time.process_time()]
    claims = claim(stack, KINDS, recorded, snapshot)
    times.append(time.process_time())
    difference = diff(stack, KINDS, claims)
    times.append(time.process_time())
    made = make_plan(stack, KINDS, claims, difference, snapshot, targeting)
    times.append(time.process_time())
    return made, dict(zip(("claim", "diff", "plan"), (b - a for a, b in pairwise(times)), strict=True))


def measure(count: int) -> dict[str, float]:
    """Microseconds a resource: of nothing to do, all to make, all to delete, and so on."""
    before = stack_of(declared(count))
    lives = {address: live_of(resource, before) for address, resource in before.resources.items()}
    rows = [Recorded(a, r.kind, lives[a].id, r.fields, lives[a].parent_id) for a, r in before.resources.items()]
    there, empty = snapshot_of(list(lives.values())), snapshot_of([])
    changed = stack_of(declared(count, content="v2"))
    moved = replace(stack_of(declared(count, prefix="b")), moved=())
    total = len(before.resources)
    figures: dict[str, float] = {}
    _, parts = plan(before, rows, there)
    figures |= {f"no-op: {name}": seconds * 1e6 / total for name, seconds in parts.items()}
    for name, stack, recorded, snapshot, targeting in (
        ("no-op", before, rows, there, EVERYTHING),
        ("no-op, state lost", before, [], there, EVERYTHING),
        ("create all", before, [], empty, EVERYTHING),
        ("delete all", stack_of({}), rows, there, EVERYTHING),
        ("replace all assets", changed, rows, there, EVERYTHING),
        ("move all", moved, rows, there, EVERYTHING),
        ("target one of ten", changed, rows, there, Targeting(("indexes/i1",))),
    ):
        _, parts = plan(stack, recorded, snapshot, targeting)
        figures[name] = sum(parts.values()) * 1e6 / total
    return figures


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or [1_000, 10_000, 100_000]
    last: dict[str, float] = {}
    for size in sizes:
        figures = measure(size)
        print(f"\n{size} resources: µs each (growth)")
        for name, value in figures.items():
            growth = f"  ×{value / last[name]:.2f}" if name in last else ""
            print(f"  {name:<20} {value:8.1f}{growth}")
        last = figures


if __name__ == "__main__":
    main()
