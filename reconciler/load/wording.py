"""How values and suggestions read in messages. What came from the environment is never shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.lazily import difflib
from reconciler.redact import Secret

__all__ = ["a", "cut", "did_you_mean", "is_text", "one_of", "shown"]

_LONGEST = 60
_MOST_COMPARED = 2_000
"""Comparing a name with more than this many others would take longer than reading the message."""


def is_text(text: str) -> bool:
    """Whether it can be written as UTF-8: file names, arguments and JSON may hold halves of characters."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def cut(text: str) -> str:
    """The text on one line, its end left out when it is long."""
    # Cut before it is split: a text of a hundred megabytes is somebody's whole file.
    line = " ".join(text[:1_000].split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def shown(value: Any) -> str:
    """The value as YAML would have it: `"yes"`, `2024`, `true`; a secret as its template."""
    if isinstance(value, Secret):
        return f'"{cut(value.template)}"'
    if isinstance(value, str):
        return f'"{cut(value)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, (int, float)):
        return cut(str(value))
    return "a list" if isinstance(value, (list, tuple)) else "a mapping"


def a(value: Any) -> str:
    """What sort of value it is: `the string "yes"`, `the number 2024`, `a list`."""
    if isinstance(value, str):
        return f"the string {shown(value)}"
    if isinstance(value, bool) or value is None or isinstance(value, (list, tuple, Mapping)):
        return shown(value)
    return f"the number {shown(value)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "lebron-1"?`, or nothing when no known word is near."""
    candidates = list(known)
    if len(candidates) > _MOST_COMPARED:
        same = [name for name in candidates if name[:2] == word[:2]]
        candidates = same[:_MOST_COMPARED]
    # Comparing takes as long as both are, multiplied; who wrote more than this did not mistype it.
    word, short = word[:_LONGEST], {name[:_LONGEST]: name for name in candidates}
    near = difflib.get_close_matches(word, short, n=1, cutoff=0.6)
    return f'; did you mean "{cut(short[near[0]])}"?' if near else ""


def one_of(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = [*words] or ["nothing"]
    return f"{', '.join(most)} or {last}" if most else last
