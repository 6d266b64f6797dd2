"""What the API is still at work on since an earlier run: which addresses, and since when. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from reconciler.errors import Problem, first_few
from reconciler.model import Awaited, Operation, Status, waits_of
from reconciler.model.operation import EVER
from reconciler.ownership import Claims
from reconciler.plan.targeting import Targeting
from reconciler.provider import Progress, Running

__all__ = ["awaited", "first_since", "moment_of", "told_of"]

NAMED = 3


def awaited(
    claims: Claims, targeting: Targeting, operations: Sequence[Operation], progress: Mapping[str, Progress]
) -> tuple[Awaited, ...]:
    """Objects that are there and not ready, and tasks that have made none yet. `progress` says by the operation what
    became of it. An object of which the state does not know that it is awaited is awaited all the same."""
    since = {id: moment_of(it.since) for id, it in waits_of(operations).items()}
    found = [
        Awaited(address, live.kind, live.id, since.get(live.id))
        for address, live in claims.live.items()
        if live.status is Status.PENDING and targeting.has(address)
    ]
    for it in operations:
        working = progress.get(it.op)
        if isinstance(working, Running) and targeting.has(it.address):
            found.append(Awaited(it.address, it.kind, None, moment_of(it.since), working.told))
    return tuple(sorted(found, key=lambda it: it.address))


def moment_of(when: datetime) -> str | None:
    """As it is told; None where nobody knows when."""
    return None if when == EVER else when.isoformat(timespec="seconds")


def first_since(awaited: Sequence[Awaited]) -> str:
    """Since when the first of them is awaited, for people; "" where nobody knows."""
    first = min((it.since for it in awaited if it.since), default="")
    return f"{datetime.fromisoformat(first):%Y-%m-%d %H:%M} UTC" if first else ""


def told_of(awaited: Sequence[Awaited]) -> Iterator[Problem]:
    """How far each is of a few tasks that say it, and one note of all the rest."""
    few = len(awaited) <= NAMED
    telling = [it for it in awaited if it.told and few]
    for it in telling:
        yield Problem("", 0, 0, it.address, f"{it.told}{_since([it])}", "note")
    rest = [it for it in awaited if it not in telling]
    if rest:
        names = first_few([it.address for it in rest], NAMED)
        verb = "is" if len(rest) == 1 else "are"
        yield Problem("", 0, 0, "", f"{names} {verb} not ready yet{_since(rest)}; apply waits", "note")


def _since(awaited: Sequence[Awaited]) -> str:
    return f" (awaited since {first})" if (first := first_since(awaited)) else ""
