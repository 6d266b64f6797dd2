"""Texts of others that do nothing and hide nothing: what would act is shown as an escape."""

from __future__ import annotations

import json
import re
import unicodedata

from reconciler.redact.known import redacted

__all__ = ["escaped_json", "plain"]

_FILLERS = (
    "\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2800\\u3164\\ufe00-\\ufe0f\\uffa0\\U000e0100-\\U000e01ef"
)
_UNSEEN = re.compile(f"[{_FILLERS}]")
"""Printable by their category, and nothing to be seen: fillers, joiners, variation selectors."""
_COMMAND = re.compile(r"##(\w*)\[")
_COMMAND_AT_START = re.compile(r"(^|\s):(?=:)")
_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def plain(text: str) -> str:
    """A text of others on one line, without secrets, that does nothing and hides nothing.

    Shown as escapes: control characters and line breaks, what turns the direction of writing, what has no width, halves
    of characters, blanks that are none, and letters composed in an unusual way, which look like others. Broken up: what
    runners of pipelines take for commands, `##[…` anywhere in a line and `::` at its start.
    """
    text = redacted(text)
    if text.isascii() and text.isprintable():
        return text if "##" not in text and "::" not in text else _without_commands(text)
    composed = unicodedata.is_normalized("NFC", text)
    if not (composed and _all_seen(text)):
        text = "".join(_escaped(char, composed) for char in text)
    return _without_commands(text)


def _without_commands(text: str) -> str:
    return _COMMAND_AT_START.sub(r"\1\\u003a", _COMMAND.sub(r"##\1\\u005b", text))


def _escaped(char: str, composed: bool) -> str:
    if _is_seen(char) and (composed or not _composes(char)):
        return char
    return _NAMES.get(char) or (f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")


def _composes(char: str) -> bool:
    """Whether it is part of a letter that is usually one character, or looks like one that is."""
    jamo = "\u1100" <= char <= "\u11ff"
    return jamo or unicodedata.combining(char) > 0 or unicodedata.normalize("NFC", char) != char


def _is_seen(char: str) -> bool:
    return char.isprintable() and not _UNSEEN.match(char)


def _all_seen(text: str) -> bool:
    return text.isprintable() and (text.isascii() or not _UNSEEN.search(text))


def escaped_json(text: str) -> str:
    """JSON that means the same, safe to be printed: what `plain` would escape is escaped as JSON has it."""
    lines = (line if _all_seen(line) else "".join(map(_json_escaped, line)) for line in text.split("\n"))
    return _COMMAND.sub(r"##\1\\u005b", "\n".join(lines))


def _json_escaped(char: str) -> str:
    return char if _is_seen(char) else f"\\u{ord(char):04x}" if ord(char) < 0x10000 else json.dumps(char)[1:-1]
