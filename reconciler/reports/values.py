"""Values as people read them. Of long ones that differ what differs is shown, never the same beginning of both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from reconciler.later import UNKNOWN_YET, Later
from reconciler.redact import HIDDEN, Secret, plain, redacted

__all__ = ["both", "codes", "count_of", "cut", "in_lines", "many_of", "shown"]

WORD = re.compile(r"[A-Za-z0-9/._-]+( \(new\))?")
NO_STRING = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|NaN|-?Infinity")
ELSEWHERE = " (differs in what is not shown)"
TOKEN = re.compile(r"\w+|\s+|.", re.DOTALL)
AROUND = 4
"""Words and blanks that are shown before and after what differs."""
MOST_COMPARED = 2_000
"""Comparing more words than this one by one would take longer than reading them."""

Opcode = tuple[str, int, int, int, int]


def shown(value: Any) -> str:
    """A value as it would stand in YAML's flow style: neutral, on one line; a secret never."""
    if isinstance(value, Secret):
        return HIDDEN if value.template == HIDDEN else "(from the environment)"
    if isinstance(value, Later):
        return UNKNOWN_YET
    if isinstance(value, str):
        return plain(json.dumps(value, ensure_ascii=False))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{word(key)}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(word, value)) + "]"
    return "(not set)" if value is None else json.dumps(value)


def word(value: Any) -> str:
    """An item of a list or a key: without quotes where it cannot be mistaken for anything else."""
    bare = isinstance(value, str) and not isinstance(value, Secret) and WORD.fullmatch(value)
    return plain(value) if bare and not NO_STRING.fullmatch(value) else shown(value)


def many_of(number: int, noun: str) -> str:
    """`1 object`, `12,000 objects`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def count_of(number: int, noun: str) -> str:
    """`1 object`, `2 objects`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def cut(text: str, most: int) -> str:
    """A text of at most so many characters; what is longer is cut in the middle."""
    if len(text) <= most:
        return text
    half = most // 2 - 1
    return f"{text[:half]}…{text[-half:]}"


def played(seconds: float) -> str:
    """A place in a video as players show it: `1:02:03`, `2:03`."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{f'{hours}:{minutes:02}' if hours else minutes}:{whole % 60:02}"


def both(before: Any, after: Any, most: int) -> tuple[str, str, bool]:
    """(before, after, whether in part only), each of at most `most` characters and with what differs in it."""
    left, right = shown(before), shown(after)
    if _is_same(before, after):
        return cut(left, most), cut(left, most), len(left) > most
    if len(left) <= most and len(right) <= most:
        return left, right + (ELSEWHERE if left == right else ""), False
    if type(before) is str and type(after) is str:
        left, right = _texts(redacted(before), redacted(after))
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        left, right = _mappings(before, after)
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        left, right = _lists(before, after)
    left, right = (left, right) if cut(left, most) != cut(right, most) else _windows(left, right, most)
    return cut(left, most), cut(right, most), True


def _windows(left: str, right: str, most: int) -> tuple[str, str]:
    """From where two texts begin to differ."""
    start = max(_same(left, right) - 20, 0)
    if left == right:  # but for what is redacted in both
        return left, f"{cut(right, most - len(ELSEWHERE))}{ELSEWHERE}"
    size = most // 2
    return f"…{left[start : start + size]}…", f"…{right[start : start + size]}…"


def _texts(before: str, after: str) -> tuple[str, str]:
    """The words that differ, with some around them."""
    left, right = TOKEN.findall(before), TOKEN.findall(after)
    found = codes(left, right)
    return _hunks(left, [(c[1], c[2]) for c in found]), _hunks(right, [(c[3], c[4]) for c in found])


def _hunks(tokens: Sequence[str], spans: Sequence[tuple[int, int]]) -> str:
    parts: list[str] = []
    end_before = 0
    for start, end in spans:
        first, last = max(start - AROUND, end_before), min(end + AROUND, len(tokens))
        if first > end_before:
            parts.append("…")
        parts.append("".join(tokens[first:last]))
        end_before = last
    return plain(json.dumps("".join(parts), ensure_ascii=False))[:-1] + ("…" if end_before < len(tokens) else "") + '"'


def _lists(before: Sequence[Any], after: Sequence[Any]) -> tuple[str, str]:
    """The items that differ, and how many are the same."""
    left, right = list(map(word, before)), list(map(word, after))
    found = codes(left, right)
    return _items(left, [(c[1], c[2]) for c in found]), _items(right, [(c[3], c[4]) for c in found])


def _items(items: Sequence[str], spans: Sequence[tuple[int, int]]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in [*spans, (len(items), len(items))]:
        if start > done:
            parts.append(f"… {start - done} the same …")
        parts += items[start:end]
        done = end
    return f"[{', '.join(parts)}]"


def _mappings(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, str]:
    """The keys that differ, and how many are the same."""
    differ = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    same = len({**before, **after}) - len(differ)
    rest = [f"… {same} the same …"] if same else []

    def side(mapping: Mapping[str, Any]) -> str:
        return (
            "{" + ", ".join([*(f"{word(key)}: {shown(mapping[key])}" for key in differ if key in mapping), *rest]) + "}"
        )

    return side(before), side(after)


def codes(left: Sequence[str], right: Sequence[str]) -> list[Opcode]:
    """Where two sequences differ."""
    start = _same(left, right)
    end = _same(left[start:][::-1], right[start:][::-1])
    inner_left, inner_right = left[start : len(left) - end], right[start : len(right) - end]
    if len(inner_left) + len(inner_right) > MOST_COMPARED:
        return [("replace", start, len(left) - end, start, len(right) - end)]
    found = SequenceMatcher(None, inner_left, inner_right, autojunk=False).get_opcodes()
    return [(how, a + start, b + start, c + start, d + start) for how, a, b, c, d in found if how != "equal"]


def _is_same(before: Any, after: Any) -> bool:
    """Whether they are one value: 1 is neither true nor 1.0."""
    return json.dumps(before, default=str) == json.dumps(after, default=str)


def _same(left: Sequence[str], right: Sequence[str]) -> int:
    """How many at the beginning are the same."""
    return next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def in_lines(value: Any, most: int) -> Iterator[str]:
    """A new value that does not fit on a line, an item or a key on a line each."""
    if isinstance(value, Mapping):
        yield from (f"{word(key)}: {cut(shown(item), most)}" for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from (f"- {cut(word(item), most)}" for item in value)
    else:
        yield cut(shown(value), most)
