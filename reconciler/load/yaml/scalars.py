"""What a plain YAML scalar is: YAML 1.2's core schema, and a word about those that other readers take differently.

Half of the YAML readers in use follow YAML 1.1, where `no` is false, `2024-01-01` a date, `010` eight and `12:30` seven
hundred and fifty. A value that changes with the reader is an error here: its writer has to say what is meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from reconciler.frozen import dataclass

__all__ = ["STARTS", "WORDS", "Surprise", "from_text", "loses_digits", "number", "plain"]


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
_FLOAT = re.compile(
    r"[-+]?(?:(?:\.[0-9]+|(?:0|[1-9][0-9]*)\.[0-9]*)(?:[eE][-+]?[0-9]+)?|(?:0|[1-9][0-9]*)[eE][-+][0-9]+)"
)
"""What writers of JSON print is among it: `1e-05`. A bare `12e7` is more often the end of a commit's hash."""
_PADDED = re.compile(r".*\.[0-9]+0(?:[eE].*)?")
_MOST_EXACT = 2**53 - 1
_ALWAYS_EXACT = 15
"""So many digits survive in every double."""
_DATE = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_TIME = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?[ \t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?)?"


def _base_60(text: str) -> str:
    sign = -1 if text.startswith("-") else 1
    total: float = 0
    for word in text.lstrip("+-").replace("_", "").split(":"):
        total = total * 60 + (float(word) if "." in word else int(word))
    return f"the number {sign * total} (base 60)"


def _in_base(base: int) -> Callable[[str], str]:
    return lambda text: f"the number {int(text.replace('_', ''), base)} (base {base})"


def _without_marks(text: str) -> str:
    bare = text.replace("_", "")
    return f"the number {float(bare) if set(bare) & set('.eE') else int(bare)}"


_SURPRISING: Final[tuple[tuple[re.Pattern[str], Callable[[str], str]], ...]] = (
    (re.compile(_DATE), lambda _: "a date"),
    (re.compile(rf"{_DATE}([Tt]|[ \t]+){_TIME}"), lambda _: "a point in time"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), _base_60),
    (re.compile(r"[-+]?0b[01_]*[01]"), _in_base(2)),
    (re.compile(r"[-+]?0x[0-9a-fA-F_]*[0-9a-fA-F]"), _in_base(16)),
    (re.compile(r"[-+]?0o?[0-7_]*[0-7]"), _in_base(8)),
    (re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"), _without_marks),
)
"""What readers of one YAML version or the other take for no string, and we for no value; first fit counts."""

_NO_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MOST_DIGITS = 400
"""A longer integer is no number that anybody writes; parsing it would cost quadratic time."""


def plain(text: str) -> Any:
    """The value of a plain scalar, or a `Surprise`."""
    if text in WORDS:
        return WORDS[text]
    return number(text) if text[0] in STARTS else text


def number(text: str, *, padded: bool = False) -> Any:
    """What a scalar that begins like a number is: a number, a `Surprise`, or the text itself.

    A number that is not what is written any more when it is written out again is a surprise: a version, an id. With
    `padded`, zeros at the end of a fraction are no such difference.
    """
    if len(text) > _MOST_DIGITS:
        return Surprise(f"{text[:20]}…", "too long to begin like a number")
    if _INT.fullmatch(text):
        whole = int(text)
        return whole if abs(whole) <= _MOST_EXACT else Surprise(text, "an integer that loses digits on its way")
    if _FLOAT.fullmatch(text):
        return _exact(text, padded=padded)
    for pattern, reading in _SURPRISING:
        if pattern.fullmatch(text):
            return Surprise(text, f"{reading(text)} to some YAML readers")
    if _NO_JSON.fullmatch(text):
        return Surprise(text, "a number that JSON cannot hold")
    return text


def _exact(text: str, *, padded: bool) -> Any:
    value = float(text)
    if abs(value) == float("inf"):
        return Surprise(text, "too big for a number")
    if _PADDED.fullmatch(text) and not padded:
        return Surprise(text, f"the number {value!r} to every YAML reader", f"{value!r}, or ")
    if loses_digits(text, value):
        return Surprise(text, f"the number {value!r} to every YAML reader", f"{value!r}, or ")
    return value


def loses_digits(text: str, value: float) -> bool:
    """Whether a decimal is another number than what is written."""
    # Decimal is slow, and nearly all numbers are short.
    if len(text) <= _ALWAYS_EXACT and "e" not in text.lower():
        return False
    from decimal import Decimal

    return abs(value) != float("inf") and Decimal(text) != Decimal(repr(value))


def from_text(text: str) -> Any:
    """The value of an argument such as `--var NAME=VALUE`: a number, true, false or null if plainly so, else text.

    What would be a surprise in YAML stays text: a shell has other quotes. JSON's quotes force text: `'"2024"'`.
    """
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        try:
            return json.loads(text)
        except ValueError:
            return text
    # An empty argument is an empty text: `--var x=` would else be null.
    value = plain(text) if text else text
    return text if isinstance(value, Surprise) else value
