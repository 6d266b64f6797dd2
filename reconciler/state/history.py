"""What the state remembers for people: which runs there were, what had drifted when news was last asked for, and what
who is notified was told last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from hashlib import sha256
from typing import Any

from reconciler.frozen import dataclass
from reconciler.state.rows import Damaged

__all__ = ["KnownDrift", "LastTold", "RunRow", "drift_from_row", "drift_row", "run_from", "told_from_row", "told_row"]


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


@dataclass(frozen=True, slots=True)
class LastTold:
    """What one who is notified was told last of one subject: what is wrong → which parts; empty when all is well."""

    target: str
    subject: str
    at: datetime
    items: Mapping[str, Sequence[str]]


def run_from(row: Any) -> RunRow:
    """As it was written; Damaged for what is not as we write it."""
    try:
        run, command, who, host, pid, begun, over, result, requests, writes, kept = row
        ended = None if over is None else datetime.fromisoformat(over)
        counts = json.loads(kept) if kept is not None else {}
        if not isinstance(counts, dict) or not all(type(count) is int for count in counts.values()):
            raise ValueError("counts are not numbers")
        started = datetime.fromisoformat(begun)
        return RunRow(run, command, who, host, pid, started, ended, result, requests, writes, counts)
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(str(error)[:80]) from None


def drift_from_row(row: Any) -> KnownDrift:
    """As it was written; Damaged for what is not as we write it."""
    return KnownDrift(*_set_from(*row))


def drift_row(addresses: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What is kept of it: the same for the same set."""
    kept = _kept(addresses)
    return {"digest": _digest(kept), "addresses": kept}


def told_from_row(row: Any) -> LastTold:
    """As it was written; Damaged for what is not as we write it."""
    target, subject, *noted = row
    return LastTold(str(target), str(subject), *_set_from(*noted))


def told_row(items: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What is kept of it: the same for the same set."""
    kept = _kept(items)
    return {"digest": _digest(kept), "what": kept}


def _set_from(at: str, digest: str, kept: str) -> tuple[datetime, dict[str, tuple[str, ...]]]:
    try:
        found = {name: tuple(map(str, parts)) for name, parts in json.loads(kept).items()}
        if digest != _digest(kept):
            raise ValueError("the digest is of another set")
        return datetime.fromisoformat(at), found
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged(str(error)[:80]) from None


def _kept(items: Mapping[str, Sequence[str]]) -> str:
    return json.dumps({name: sorted(parts) for name, parts in items.items()}, sort_keys=True)


def _digest(kept: str) -> str:
    return sha256(kept.encode()).hexdigest()
