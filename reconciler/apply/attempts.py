"""What earlier attempts to make what is declared came to: what is to be fetched only, what failed, and how often. Pure.

Each try of what is paid costs money, also one that fails. So what failed is made once more by the next run, and after
that only when somebody agrees; what was made and cannot be used would be as useless again, so it is given up at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconciler.diff import TRIED_TWICE
from reconciler.kinds import Kinds
from reconciler.model import Attempt, Operation, Recorded
from reconciler.provider import Exists, Failed, Lost, Progress, Running

__all__ = ["AGREE", "FAILURES", "UNFIT", "attempts", "failures_of"]

FAILURES, UNFIT = "failures", "unfit"
"""In the handle of what a task makes: how often tasks of it have failed; why what one made cannot be used."""
AGREE = "it is paid once more only when you agree, with --retry-failed, or change how it is made"


def failures_of(operation: Operation) -> int:
    """How often a task of it has failed."""
    found = (operation.handle or {}).get(FAILURES, 0)
    return found if isinstance(found, int) else 0


def attempts(
    kinds: Kinds,
    recorded: Iterable[Recorded],
    had: Mapping[str, Progress],
    operations: Sequence[Operation],
    progress: Mapping[str, Progress],
    *,
    retry: bool,
) -> dict[tuple[str, str], Attempt]:
    """(kind, identity) → what came of it: `had` by the id of what was made, `progress` by the operation. `retry` says
    that what failed is agreed to be paid once more."""
    found: dict[tuple[str, str], Attempt] = {}
    for row in recorded:
        if (came := had.get(row.id)) is None:
            continue
        identity = row.fields.get(kinds[row.kind].identity_name)
        match came:
            case Exists(_, _, told) if identity:
                found[row.kind, str(identity)] = Attempt(told, free=True)
            case Lost(why) if identity:
                found.setdefault((row.kind, str(identity)), Attempt(why))
    for operation in operations:
        asked = operation.identity and operation.verb == "create" and kinds[operation.kind].paid
        if asked and (attempt := _of(operation, progress.get(operation.op), retry=retry)):
            found[operation.kind, str(operation.identity)] = attempt
    return found


def _of(operation: Operation, progress: Progress | None, *, retry: bool) -> Attempt | None:
    unfit = (operation.handle or {}).get(UNFIT)
    match progress:
        case Exists() | Running() if unfit:
            return Attempt(f"failed: {unfit}; " + ("made once more" if retry else AGREE), given_up=not retry)
        case Exists(_, _, told) | Running(_, told):
            return Attempt(told, free=True)
        case Lost(why):
            return Attempt(why)
        case Failed(why) if failures_of(operation) < TRIED_TWICE or retry:
            return Attempt(f"failed: {why}; made once more")
        case Failed(why):
            return Attempt(f"failed {failures_of(operation)} times: {why}; {AGREE}", given_up=True)
    return None
