"""What a plain YAML scalar is: YAML 1.2's core schema, and a word about those that other readers take differently.

Half of the YAML readers in use follow YAML 1.1, where `no` is false, `2024-01-01` a date, `010` eight and `12:30` seven
hundred and fifty. A value that changes with the reader is an error here: its writer has to say what is meant.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["SURPRISING", "Surprise", "from_text", "plain"]


@dataclass(frozen=True, slots=True)
class Surprise:
    """A plain scalar that YAML readers disagree about: the text, what some take it for, and what to write instead."""

    text: str
    reading: str
    otherwise: str = ""

    def __str__(self) -> str:
        return f'`{self.text}` is {self.reading}; write {self.otherwise}"{self.text}" if the text is meant'

    def of_key(self) -> str:
        """The same said of a key."""
        return f'the key `{self.text}` is {self.reading}; put it in quotes: "{self.text}"'


_TRUE, _FALSE, _NULL = ("true", "True", "TRUE"), ("false", "False", "FALSE"), ("", "~", "null", "Null", "NULL")
_YES, _NO = ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), ("n", "N", "no", "No", "NO", "off", "Off", "OFF")


def _boolean(text: str, meaning: str) -> Surprise:
    return Surprise(text, f"{meaning} to many YAML readers", f"`{meaning}`, or ")


WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(_NULL),
    "<<": Surprise("<<", "a merge key to many YAML readers"),
    "=": Surprise("=", "a default to some YAML readers"),
    **{word: _boolean(word, "true") for word in _YES},
    **{word: _boolean(word, "false") for word in _NO},
}
STARTS: Final = frozenset("0123456789+-.")

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)\.[0-9]*)(?:[eE][-+]?[0-9]+)?")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
SURPRISING: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"), "a date"),
    (
        re.compile(
            r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?"
            r"[ \t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?)?"
        ),
        "a point in time",
    ),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a number in base 60"),
    (re.compile(r"[-+]?0b[01_]+"), "a binary number"),
    (re.compile(r"[-+]?0x[0-9a-fA-F_]+|[-+]?0o[0-7_]+"), "a number with another base"),
    (re.compile(r"[-+]?0[0-9_]+"), "an octal number"),
    (re.compile(r"[-+]?[0-9][0-9_]*|[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?"), "a number with `_` left out"),
    (re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+"), "a number with an exponent"),
    (re.compile(r"[-+]?0[0-9]+\.[0-9]*([eE][-+]?[0-9]+)?"), "a number with zeros left out"),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), "a number that JSON cannot hold"),
)
"""What readers of one YAML version or the other take for no string, and we for no value; first fit counts."""

_MOST_DIGITS = 400
"""A longer integer is no number that anybody writes; parsing it would cost quadratic time."""


def plain(text: str) -> Any:
    """The value of a plain scalar, or a `Surprise`."""
    if text in WORDS:
        return WORDS[text]
    return number(text) if text[0] in STARTS else text


def number(text: str) -> Any:
    """What a scalar that begins like a number is: a number, a `Surprise`, or the text itself."""
    if len(text) > _MOST_DIGITS:
        return Surprise(f"{text[:20]}…", "too long to begin like a number")
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    for pattern, reading in SURPRISING:
        if pattern.fullmatch(text):
            return Surprise(text, f"{reading} to some YAML readers")
    return text


def _finite(text: str) -> Any:
    value = float(text)
    return value if abs(value) != float("inf") else Surprise(text, "too big for a number")


def from_text(text: str) -> Any:
    """The value of an argument such as `--var NAME=VALUE`: a number, true, false or null if plainly so, else text.

    What would be a surprise in YAML stays text: a shell has other quotes. JSON's quotes force text: `'"2024"'`.
    """
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        try:
            return json.loads(text)
        except ValueError:
            return text
    value = plain(text) if text else text
    return text if isinstance(value, Surprise) else value
