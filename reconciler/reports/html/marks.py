"""What differs between two values, word by word, so that an eye finds it: pieces of text, each the same or not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from reconciler.reports.values import TOKEN, codes

__all__ = ["Marked", "coded", "marked", "unmarked"]

Marked = tuple[tuple[str, bool], ...]
"""Pieces of one value, in their order: (text, whether the other side lacks it)."""

LEAST_IN_COMMON = 0.3
"""Of values that have less than this in common no word is marked: they are other values, and confetti reads badly."""

TYPED = re.compile(r"`([^`]+)`|(--[a-z][a-z-]*(?: (?=\S*[/*])[^\s,;]+)?)")
"""What a message says to write or to type: between backticks, or an option with the address it is for."""


def coded(text: str) -> Marked:
    """A message, with what is to be typed marked."""
    pieces: list[tuple[str, bool]] = []
    done = 0
    for found in TYPED.finditer(text):
        pieces += [(text[done : found.start()], False), (found[1] or found[2], True)]
        done = found.end()
    return tuple((piece, typed) for piece, typed in (*pieces, (text[done:], False)) if piece)


def unmarked(text: str) -> Marked:
    """A value of which nothing is marked."""
    return ((text, False),) if text else ()


@lru_cache(maxsize=4_096)
def marked(left: str, right: str) -> tuple[Marked, Marked]:
    """Both values, with what only one of them has marked. Put together again they are what they were."""
    tokens = TOKEN.findall(left), TOKEN.findall(right)
    found = codes(*tokens)
    spans = [(code[1], code[2]) for code in found], [(code[3], code[4]) for code in found]
    if not found or _common(tokens[0], spans[0]) < LEAST_IN_COMMON * min(map(_letters, tokens)):
        return unmarked(left), unmarked(right)
    return tuple(_pieces(tokens[0], spans[0])), tuple(_pieces(tokens[1], spans[1]))


def _letters(tokens: Sequence[str]) -> int:
    """How much of it is more than quotes, blanks and brackets."""
    return sum(len(token) for token in tokens if token[0].isalnum())


def _common(tokens: Sequence[str], spans: Sequence[tuple[int, int]]) -> int:
    """How much of it the other side has too; nothing at all is not enough, however little there is."""
    return (_letters(tokens) - sum(_letters(tokens[start:end]) for start, end in spans)) or -1


def _pieces(tokens: Sequence[str], spans: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    done = 0
    for start, end in spans:
        if start > done:
            yield "".join(tokens[done:start]), False
        if end > start:
            yield "".join(tokens[start:end]), True
        done = end
    if done < len(tokens):
        yield "".join(tokens[done:]), False
