"""What the state remembers for people: which runs there were, and what had drifted when news was last asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from reconciler.state.rows import Damaged

__all__ = ["KnownDrift", "RunRow", "drift_from_row", "drift_row", "run_from"]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run. What it did is not known of one that never ended, nor of one before schema 8."""

    run: str
    command: str
    who: str
    host: str
    pid: int
    started: datetime
    ended: datetime | None = None
    result: str | None = None
    """`done`, `failed`, `interrupted`; None while it goes on, and for good when it was killed."""
    requests: int | None = None
    writes: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """Action → how many addresses it was done at, and `failed`, `skipped`, `begun`."""


@dataclass(frozen=True, slots=True)
class KnownDrift:
    """What had drifted at the last look: address → paths."""

    at: datetime
    addresses: Mapping[str, Sequence[str]]


def run_from(row: Any) -> RunRow:
    """As it was written; Damaged for what is not as we write it."""
    try:
        ended = None if row.ended is None else datetime.fromisoformat(row.ended)
        counts = json.loads(row.counts) if row.counts is not None else {}
        if not isinstance(counts, dict) or not all(type(count) is int for count in counts.values()):
            raise ValueError("counts are not numbers")
        started = datetime.fromisoformat(row.started)
        text = (row.run, row.command, row.who, row.host)
        return RunRow(*text, row.pid, started, ended, row.result, row.requests, row.writes, counts)
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(str(error)[:80]) from None


def drift_from_row(row: Any) -> KnownDrift:
    """As it was written; Damaged for what is not as we write it."""
    try:
        kept = json.loads(row.addresses)
        paths = {address: tuple(map(str, paths)) for address, paths in kept.items()}
        if row.digest != _digest(row.addresses):
            raise ValueError("the digest is of another set")
        return KnownDrift(datetime.fromisoformat(row.at), paths)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged(str(error)[:80]) from None


def drift_row(addresses: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What is kept of it: the same for the same set."""
    kept = json.dumps({address: sorted(paths) for address, paths in addresses.items()}, sort_keys=True)
    return {"digest": _digest(kept), "addresses": kept}


def _digest(kept: str) -> str:
    return sha256(kept.encode()).hexdigest()
