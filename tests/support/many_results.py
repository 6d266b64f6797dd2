"""A stack of many results in step, whose sets are written past the platform: what no model has made costs nothing."""

from __future__ import annotations

import os
import random
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest import mock

from reconciler.plan.guards import Consent
from reconciler.results import Made, Rows, open_store
from tests.support.running import Bench, done

__all__ = ["Opened", "opened_files", "with_sets"]

DIM, ROWS, GROUPS = 512, 10, 10
MODEL = "marengo3.0"


def _stack(assets: int, groups: int) -> str:
    lines = ["stack: s", "provider: twelvelabs", "assets:"]
    lines += [f'  a{number}: {{url: "https://example.com/{number}.mp4"}}' for number in range(assets)]
    if groups:
        way = f"of: '*', model: {MODEL}, options: [visual], scopes: [clip]"
        lines += ["embeddings:"]
        lines += [f"  g{number}: {{{way}, window: {{from: 0, to: {100 + number}}}}}" for number in range(groups)]
    return "\n".join(lines) + "\n"


def with_sets(bench: Bench, sets: int) -> None:
    """Let a bench have so many sets, of a tenth as many assets, all recorded and in step."""
    bench.write({"stack.yaml": _stack(sets // GROUPS, 0)})
    done(bench)
    bench.write({"stack.yaml": _stack(sets // GROUPS, GROUPS)})
    planning = bench.survey()
    store = open_store("results", root=bench.directory)
    vectors = array("f", (random.Random(1).gauss(0, 1) for _ in range(ROWS * DIM))).tobytes()
    with mock.patch.object(os, "fsync"):  # that they are on disk is of no interest here
        for number, resource in enumerate(planning.stack.resources.values()):
            if resource.kind != "Embedding":
                continue
            source = planning.claims.live[resource.fields["of"]].id
            identity, id = str(resource.fields["made_of"]), str(planning.stack.id)
            rows = _rows(resource.address, identity, source, vectors)
            store.replace(
                Made(
                    stack="s",
                    address=resource.address,
                    identity=identity,
                    digest=rows.digest,
                    rows=ROWS,
                    dim=DIM,
                    model=MODEL,
                    source=source,
                    made_at="2026-11-01T08:00:00+00:00",
                    task=f"task-{number}",
                    stack_id=id,
                ),
                rows,
            )
    store.close()
    report = bench.apply(Consent())
    assert not report.failed
    assert report.writes == 0


def _rows(address: str, identity: str, source: str, vectors: bytes) -> Rows:
    same = {"stack": "s", "address": address, "identity": identity, "asset_id": source, "model": MODEL}
    texts = Rows.of({**same, "option": "visual", "start_sec": at * 6, "end_sec": at * 6 + 6} for at in range(ROWS))
    return Rows(texts.cells, vectors, DIM)


@dataclass
class Opened:
    """How many files of vectors were opened."""

    count: int = 0


_watching: list[Opened] = []


def _hook(event: str, arguments: Any) -> None:
    if event == "open" and _watching and str(arguments[0]).endswith(".parquet"):
        for one in _watching:
            one.count += 1


@cache
def _watch() -> None:
    sys.addaudithook(_hook)  # for good: there is no way to take one back


@contextmanager
def opened_files() -> Iterator[Opened]:
    """Counts them while the block runs, whoever opens them in this process."""
    _watch()
    found = Opened()
    _watching.append(found)
    try:
        yield found
    finally:
        _watching.remove(found)
