"""What was awaited, and what became of it: what failed and what is not ready, a line each, then a line of counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.errors import first_few
from reconciler.model import AWAITED, Awaited, Waited
from reconciler.plan.awaited import first_since
from reconciler.redact import plain
from reconciler.reports.json import told_json
from reconciler.reports.style import styled
from reconciler.reports.traffic import duration
from reconciler.reports.values import count_of

__all__ = ["awaited_line", "waited_json", "waited_text", "waited_told"]

ON = "The next apply goes on with what waited for it."
MOST_UNFINISHED = 5
GOES_ON = "`reconciler apply` goes on with it, unless a run is at it now."


def awaited_line(pending: Sequence[Awaited]) -> str:
    """How much is looked at, and since when it is awaited."""
    since = f", the first since {first}" if (first := first_since(pending)) else ""
    return f"Waiting for {count_of(len(pending), 'object')}{since}."


def waited_text(stack: str, waited: Waited) -> str:
    """For people; its last line is the one that scripts parse."""
    lines = []
    for it in waited.outcomes:
        if it.result != "ready":
            word = styled(it.result, fg="red" if it.result == "failed" else "yellow")
            lines.append(f"{word} {plain(it.what.address)}: {plain(it.message)}")
    if waited.unfinished:
        some = first_few([plain(it) for it in waited.unfinished], MOST_UNFINISHED)
        lines.append(f"{styled('unfinished', fg='yellow')} {some}: begun, and not made yet. {GOES_ON}")
    return "\n".join([*lines, styled(_last(stack, waited), fg="green" if waited.word == "done" else "red")])


def _last(stack: str, waited: Waited) -> str:
    ready, failed, left = (waited.count(it) for it in ("ready", "failed", AWAITED))
    if not waited.outcomes and waited.unfinished:
        return f"Awaited: nothing that can be waited for in {plain(stack)}; {len(waited.unfinished)} unfinished."
    if not waited.outcomes:
        return f"Ready: nothing is awaited in {plain(stack)}."
    if waited.word == "done":
        return f"Ready: {count_of(ready, 'object')}. {ON}"
    counts = f"{ready} ready, {failed} failed, {left} awaited"
    if waited.interrupted:
        return f"Interrupted: {counts}."
    if failed:
        return f"Failed: {counts}. The next apply makes what failed once more, or says why not."
    more = f", {len(waited.unfinished)} unfinished" if waited.unfinished else ""
    return f"Awaited: {counts}{more} after {duration(waited.seconds)}."


def waited_json(stack: str, waited: Waited) -> str:
    """For programs: `schemas/wait.json`."""
    return told_json(stack, waited_told(waited))


def waited_told(waited: Waited) -> dict[str, Any]:
    """The same without its frame."""
    outcomes = [
        {
            "address": it.what.address,
            "kind": it.what.kind,
            "id": it.what.id,
            "since": it.what.since,
            "result": it.result,
            "message": it.message,
        }
        for it in waited.outcomes
    ]
    return {
        "result": waited.word,
        "outcomes": outcomes,
        "unfinished": [*waited.unfinished],
        "requests": waited.requests,
        "recorded": not waited.holder,
        "seconds": round(waited.seconds, 1),
    }
