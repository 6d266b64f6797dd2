"""Texts by which what we have written is found again: a mark that nobody sees, first in the text.

A mark somewhere else in a text is a quotation, and one in a text of somebody else means nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from reconciler.frozen import dataclass

__all__ = ["Message", "facts_of", "is_ours"]

VERSION = 1
MARK = re.compile(r"<!-- reconciler:(?P<what>\w+) (?P<json>\{.*\}) -->[ \t]*\r?(?:\n|\Z)")
TOO_LONG = "_The report has {count:,} characters, and here is room for {room:,}: write it with `--limit {limit}`._"


@dataclass(frozen=True)
class Message:
    """A text of ours: of what kind and label, what a later run needs to know of it, and what people read."""

    what: str
    label: str
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    footer: str = ""

    def body(self, room: int) -> str:
        """The whole text in at most so many characters. A report that does not fit is not cut: what is cut off could
        be what matters, and nobody would see it."""
        marks = f"{_mark(self.what, {'v': VERSION, 'label': self.label})}\n{_mark('data', self.facts)}\n"
        footer = f"\n\n{self.footer}\n" if self.footer else "\n"
        left = room - len(marks) - len(footer)
        text = self.text.strip()
        if len(text) > left:
            told = TOO_LONG.format(count=len(text), room=left, limit=left - left % 1000)
            text = f"{text.splitlines()[0][:300]}\n\n{told}"
        return f"{marks}{text}{footer}"


def is_ours(text: str, what: str, label: str) -> bool:
    """Whether a text begins with our mark of this kind and label."""
    found = MARK.match(text)
    if found is None or found["what"] != what:
        return False
    said = _facts(found["json"])
    return said.get("v") == VERSION and said.get("label") == label


def facts_of(text: str) -> Mapping[str, Any]:
    """What an earlier run left in a text of ours for later ones."""
    first = MARK.match(text)
    second = MARK.match(text, first.end()) if first else None
    return _facts(second["json"]) if second and second["what"] == "data" else {}


def _mark(what: str, facts: Mapping[str, Any]) -> str:
    said = json.dumps(facts, separators=(",", ":"))
    for sign in "<>&":  # a label comes from a pull request, and `-->` would end the comment
        said = said.replace(sign, f"\\u{ord(sign):04x}")
    said = said.replace("--", "-\\u002d")
    return f"<!-- reconciler:{what} {said} -->"


def _facts(text: str) -> Mapping[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
