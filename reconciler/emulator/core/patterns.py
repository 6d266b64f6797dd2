"""One text that a regular expression accepts: the shortest that a simple reading of the expression gives."""

from __future__ import annotations

import re
import string
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Unmatched", "matching", "quietly"]

LONGEST = 1000
ALPHABET = string.ascii_lowercase + string.digits + string.ascii_uppercase + " " + string.punctuation + "\n\t"
QUANTIFIER = re.compile(r"[*+?]|\{(\d{1,6})?(?:,(\d{1,6})?)?\}")
ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
GROUP = re.compile(r"\((?:\?:|\?P?<[A-Za-z_]\w*>)?")
EMPTY = {"^", "$", r"\b", r"\A", r"\Z", r"\z"}


class Unmatched(Exception):
    """The expression is wrong, or of a kind that this reading does not know."""


def matching(pattern: str) -> str:
    """A text in which `pattern` is found. Raises Unmatched."""
    try:
        with quietly():
            found, position = _either(pattern, 0)
            if position == len(pattern) and re.search(pattern, found):
                return found
    except (re.error, RecursionError, OverflowError) as error:
        raise Unmatched(str(error)) from error
    raise Unmatched(pattern)


@contextmanager
def quietly() -> Iterator[None]:
    """What a future Python may read differently is no concern of whoever sent the expression."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _either(pattern: str, position: int) -> tuple[str, int]:
    """The first of some alternatives, and where they end."""
    first, position = _sequence(pattern, position)
    while position < len(pattern) and pattern[position] == "|":
        _, position = _sequence(pattern, position + 1)
    return first, position


def _sequence(pattern: str, position: int) -> tuple[str, int]:
    parts: list[str] = []
    while position < len(pattern) and pattern[position] not in "|)":
        part, position = _atom(pattern, position)
        times, position = _times(pattern, position)
        parts.append(part * min(times, LONGEST))
        if sum(map(len, parts)) > LONGEST:
            raise Unmatched("it asks for too long a text")
    return "".join(parts), position


def _times(pattern: str, position: int) -> tuple[int, int]:
    """How often at least; greedy or not is the same to us."""
    found = QUANTIFIER.match(pattern, position)
    if found is None or found[0] in ("{}", "{,}"):
        return 1, position
    least = 1 if found[0] == "+" else int(found[1] or 0)
    end = found.end()
    return least, end + (pattern[end : end + 1] in ("?", "+"))


def _atom(pattern: str, position: int) -> tuple[str, int]:
    """A group, or a single sign that some letter of the alphabet must fit."""
    if pattern[position] == "(":
        found = GROUP.match(pattern, position)
        inner, end = _either(pattern, found.end() if found else position + 1)
        if pattern[end : end + 1] != ")":
            raise Unmatched("a group is not closed")
        return inner, end + 1
    special = ESCAPE.match(pattern, position) or CLASS.match(pattern, position)
    sign = special[0] if special else pattern[position]
    end = position + len(sign)
    if sign in EMPTY:
        return "", end
    return (_letter(sign) if special or sign == "." else sign), end


def _letter(sign: str) -> str:
    for letter in ALPHABET + sign:
        if re.fullmatch(sign, letter):
            return letter
    raise Unmatched(f"nothing fits {sign[:40]}")
