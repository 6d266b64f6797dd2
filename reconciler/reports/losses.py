"""What goes along when something goes: what lives in it, how much of it is to be indexed again, what is not ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconciler.model import Action, Change, parent_of

__all__ = ["foreign_in", "goes_along", "length", "lost", "told_along"]


def lost(changes: Sequence[Change]) -> list[str]:
    """A line for each thing that goes and takes others along: in the formats that list addresses one by one."""
    below: dict[str, list[Change]] = {}
    for change in changes:
        if parent := parent_of(change.address):
            below.setdefault(parent, []).append(change)
    return [
        f"{change.address}: {said}"
        for change in changes
        for said in _said(change, [child for child in below.get(change.address, ()) if goes_along(child, change)])
    ]


def _said(change: Change, along: Sequence[Change]) -> Iterator[str]:
    if along:
        yield told_along(change, along)
    if foreign := foreign_in(change):
        yield foreign
    if unseen := change.facts.get("unseen"):
        yield f"{unseen} objects in it were not looked at, and would go too"


def foreign_in(change: Change) -> str:
    """What is in it and not ours; '' for nothing."""
    foreign = change.facts.get("foreign")
    if not foreign:
        return ""
    number = len(foreign)
    what = "1 object in it is" if number == 1 else f"{number} objects in it are"
    return f"{what} not ours and would go too: {', '.join(foreign)}"


def goes_along(child: Change, parent: Change) -> bool:
    """Whether a child changes for no other reason than that its parent goes."""
    if parent.action is Action.REPLACE:
        return child.action is Action.REPLACE and child.replace_paths == ("parent",) and child.parent_id == parent.id
    return parent.action is Action.DELETE and child.action is Action.DELETE


def told_along(parent: Change, along: Sequence[Change]) -> str:
    """How many go with it, and how long they are."""
    number = len(along)
    words = " ".join(re.findall("[A-Z][a-z]*", along[0].kind)).lower()
    who = f"{number} {words} goes with it" if number == 1 else f"{number} {_plural(words)} go with it"
    if not (seconds := sum(_seconds(child) for child in along)):
        return who
    return f"{who}: {_span(seconds)} of video {'lost' if parent.action is Action.DELETE else 'to index again'}"


def length(change: Change) -> str:
    """How long its video is; '' when nobody knows."""
    return _span(seconds) if (seconds := _seconds(change)) else ""


def _plural(words: str) -> str:
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _seconds(change: Change) -> float:
    value = change.facts.get("duration")
    return float(value) if isinstance(value, int | float) else 0.0


def _span(seconds: float) -> str:
    """A length as people say it: `42 s`, `12.5 min`, `1.50 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.2f} h"
