"""JSON, decoded by the fastest reader where it says the same as the careful one.

The quick reader refuses what is odd (numbers that are none, halves of characters, bytes that are no UTF-8), and then
the careful one has the word: what it makes of it, or how it says what is wrong. What the quick one would take and read
otherwise are integers of more than 64 bits, so a text with as many digits in a row is not given to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

__all__ = ["decoded"]

Text = TypeVar("Text", str, bytes)

MANY_DIGITS = re.compile("[0-9]{19}")
MANY_DIGITS_IN_BYTES = re.compile(rb"[0-9]{19}")


def decoded(text: Text, careful: Callable[[Text], Any]) -> Any:
    """The value; raises what `careful` raises."""
    odd = MANY_DIGITS_IN_BYTES.search(text) if isinstance(text, bytes) else MANY_DIGITS.search(text)
    if odd is None:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
    return careful(text)
