"""What is told, and when: only that something is not as it was when it was told last. Pure.

A subject is what is told of: `drift`, or how the runs of one command end. What is wrong with it is a set; who was told
of a set hears of it again when it is another one, and when it is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from reconciler.frozen import dataclass
from reconciler.reports.values import many_of
from reconciler.watching.ended import Ended, Items

__all__ = ["Notice", "Severity", "notices", "subjects"]

LINES = 20
"""Of a message: who wants all of it looks at the report."""
LONGEST = 300
DRIFT = "drift"
INERT = str.maketrans({"@": "＠", "<": "‹", ">": "›", "`": "'", "*": "∗", "[": "(", "]": ")"})
"""What would mention people or make links in a chat: a name in YAML may hold it."""


class Severity(StrEnum):
    """How a message is shown where that can be said."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message, and what is noted once it was told."""

    subject: str
    items: Items
    severity: Severity
    title: str
    body: str


def subjects(ended: Ended) -> Iterator[tuple[str, Items]]:
    """What this run says of each subject that it says anything of."""
    if ended.drift is not None:
        yield DRIFT, ended.drift
    if ended.trouble is not None:
        yield f"{ended.command} runs", ended.trouble


def notices(ended: Ended, told: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[Notice]:
    """What is to be told to somebody who was told this: subject → set. Of what nobody was told all was well."""
    for subject, found in subjects(ended):
        before = {name: tuple(parts) for name, parts in told.get(subject, {}).items()}
        now = _whole(ended, before, found) if subject == DRIFT else {at: tuple(sorted(it)) for at, it in found.items()}
        if now != before:
            yield _of_drift(ended, before, now) if subject == DRIFT else _of_runs(ended, subject, before, now)


def _whole(ended: Ended, before: Items, found: Items) -> Items:
    """With what was known of the addresses at which nobody looked this time."""
    looked_at = ended.looked_at
    kept = {} if looked_at is None else {at: parts for at, parts in before.items() if at not in looked_at}
    return {at: tuple(sorted(parts)) for at, parts in {**kept, **found}.items()}


def _of_drift(ended: Ended, before: Items, now: Items) -> Notice:
    name, count = ended.stack, many_of(len(now), "object")
    lines = [_line(at, parts) for at, parts in sorted(now.items())]
    if not now:
        body = f"{many_of(len(before), 'object')} had drifted, and none has now."
        return Notice(DRIFT, now, Severity.SUCCESS, f"{name}: in sync again", body)
    if not before:
        return Notice(DRIFT, now, Severity.WARNING, f"{name}: drift, {count} changed outside git", _body(lines))
    new = sum(before.get(at) != parts for at, parts in now.items())
    gone = sum(at not in now for at in before)
    title = f"{name}: drift is not the same any more, {count} now"
    first = f"New or changed: {new}. In order again: {gone}."
    return Notice(DRIFT, now, Severity.WARNING, title, f"{first}\n{_body(lines)}")


def _line(address: str, parts: Sequence[str]) -> str:
    """Which fields; where there is none, what became of the object."""
    fields = [it for it in parts if not it.startswith("(")]
    return f"{address}: {', '.join(fields)}" if fields else f"{address} {' '.join(parts)}"


def _of_runs(ended: Ended, subject: str, before: Items, now: Items) -> Notice:
    stack = ended.stack or "a stack that cannot be read"
    if not now:
        return Notice(subject, now, Severity.SUCCESS, f"{stack}: {ended.command} is well again", "Its last run failed.")
    why = f" ({ended.reason})" if ended.reason else ""
    still = "still fails, in another way" if before else "failed"
    return Notice(subject, now, Severity.FAILURE, f"{stack}: {ended.command} {still}{why}", _body(ended.lines))


def _body(lines: Sequence[str]) -> str:
    shown = [f"{line[:LONGEST]}…" if len(line) > LONGEST else line for line in lines[:LINES]]
    if more := len(lines) - len(shown):
        shown.append(f"and {more:,} more")
    return "\n".join(shown).translate(INERT)
