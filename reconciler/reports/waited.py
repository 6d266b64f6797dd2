"""What was awaited, and what became of it: what failed and what is not ready, a line each, then a line of counts."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.model import AWAITED, Awaited, Waited
from reconciler.plan.awaited import first_since
from reconciler.redact import plain
from reconciler.reports.json import told_json
from reconciler.reports.style import styled
from reconciler.reports.traffic import duration
from reconciler.reports.values import count_of

__all__ = ["awaited_line", "waited_json", "waited_text"]

ON = "The next apply goes on with what waited for it."


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
    return "\n".join([*lines, styled(_last(stack, waited), fg="green" if waited.word == "done" else "red")])


def _last(stack: str, waited: Waited) -> str:
    ready, failed, left = (waited.count(it) for it in ("ready", "failed", AWAITED))
    if not waited.outcomes:
        return f"Ready: nothing is awaited in {plain(stack)}."
    if waited.word == "done":
        return f"Ready: {count_of(ready, 'object')}. {ON}"
    counts = f"{ready} ready, {failed} failed, {left} awaited"
    if waited.interrupted:
        return f"Interrupted: {counts}."
    if failed:
        return f"Failed: {counts}. The next apply makes what failed once more, or says why not."
    return f"Awaited: {counts} after {duration(waited.seconds)}."


def waited_json(stack: str, waited: Waited) -> str:
    """For programs: `schemas/wait.json`."""
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
    told = {"result": waited.word, "outcomes": outcomes, "requests": waited.requests}
    return told_json(stack, {**told, "recorded": not waited.holder, "seconds": round(waited.seconds, 1)})
