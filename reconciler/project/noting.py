"""A query written into a check of a stack's YAML, from what somebody asked and saw: proven before a byte is written."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from reconciler.checks.words import EXPECT_WORDS, MEMBER, OF_A_QUERY
from reconciler.errors import ReconcilerError
from reconciler.frozen import dataclass
from reconciler.load.grammar.declarations import NAME
from reconciler.load.yaml.insert import CannotInsert, inserted, scalar
from reconciler.model import Check, CheckQuery, Stack
from reconciler.project import access
from reconciler.project.options import ProjectOptions
from reconciler.redact import plain

__all__ = ["Noted", "check_called", "expectation", "noted"]

LONGEST_NAME: Final = 40
OURS: Final = frozenset((*OF_A_QUERY, *EXPECT_WORDS))
"""Keys that need no quotes."""
_EXPECTED: Final = re.compile(r"(?P<name>[^@]+)(@(?P<from>[0-9:.]*)-(?P<to>[0-9:.]*))?(#(?P<grade>[0-9]+))?")


@dataclass(frozen=True, slots=True)
class Noted:
    """A query that can be written: the whole new text of its file, and the query as it is read from that."""

    file: Path
    text: str
    check: Check
    query: CheckQuery


def check_called(stack: Stack, word: str) -> Check:
    """The check of this name or address."""
    name = word.removeprefix("checks/")
    if name not in stack.checks:
        there = ", ".join(stack.checks) or "none"
        first = f"{plain(name)}: {{in: ADDRESS, queries: {{NAME: {{text: …, expect: [NAME]}}}}}}"
        hint = f"write it with its first query, `checks: {{{first}}}`"
        raise ReconcilerError(f"there is no check {plain(name)} to add to; there are: {there}; {hint}")
    return stack.checks[name]


def expectation(said: str) -> dict[str, Any]:
    """`final`, `assets/final@5340-5400`, `final@1:29:00-1:30:00#2`: an asset, the part of it, its grade."""
    found = _EXPECTED.fullmatch(said)
    if found is None:
        raise ReconcilerError(f"--expect {plain(said)}: write it as NAME, or as NAME@FROM-TO in seconds or 1:29:00")
    made: dict[str, Any] = {MEMBER: found["name"]}
    for end in ("from", "to"):
        if found[end]:
            made[end] = _seconds(said, found[end])
    if found["grade"]:
        made["grade"] = int(found["grade"])
    return made


def _seconds(said: str, text: str) -> float | int:
    """`5340`, `89:00`, `1:29:00`."""
    try:
        total = 0.0
        for part in text.split(":"):
            total = total * 60 + float(part)
    except ValueError:
        raise ReconcilerError(f"--expect {plain(said)}: {plain(text)} is no time; write 5340, or 1:29:00") from None
    return int(total) if total.is_integer() else total


def noted(
    path: Path,
    options: ProjectOptions,
    stack: Stack,
    check: Check,
    query: Mapping[str, Any],
    expected: Sequence[str],
    name: str = "",
) -> Noted:
    """The file of a check with one query more, which is loaded as that and changes nothing else; ReconcilerError if
    there is no place for it, Invalid with all that is wrong with it. Nothing is written here."""
    name = name or _name(query, check)
    if not NAME.fullmatch(name) or name in check.queries:
        why = "there is one of that name" if name in check.queries else "it is not a valid name"
        raise ReconcilerError(f"{check.address}: no query can be called {plain(name)}: {why}; give another with --as")
    short = check.address.partition("/")[2]
    file = Path(stack.where("checks", short)[0])
    value = _yaml({**query, "expect": [expectation(it) for it in expected]})
    try:
        old = file.read_bytes().decode()
        text = inserted(old, ("checks", short, "queries"), name, value)
    except (CannotInsert, UnicodeDecodeError, OSError) as error:
        told = f"{file}: {check.address} cannot be added to ({error}); write it yourself: {name}: {value}"
        raise ReconcilerError(told) from error
    top = path if path.is_dir() else path.parent
    fresh = access.load_stack(path, options, {os.path.relpath(file, top): text.encode()})
    return Noted(file, text, *_proven(stack, fresh, short, name))


def _proven(stack: Stack, fresh: Stack, check: str, name: str) -> tuple[Check, CheckQuery]:
    """The check and its new query, if nothing but that is another than before."""
    new = fresh.checks.get(check)
    if new is None or name not in new.queries:
        raise ReconcilerError(f"checks/{check}: the query is not read as it was written; nothing was written")
    without = {key: query for key, query in new.queries.items() if key != name}
    as_before = {**fresh.checks, check: replace(new, queries=without)}
    if as_before != stack.checks or fresh.resources != stack.resources:
        raise ReconcilerError(f"checks/{check}: adding a query there changes others too; nothing was written")
    return new, new.queries[name]


def _name(query: Mapping[str, Any], check: Check) -> str:
    """After what is asked."""
    said = str(query.get("text") or query.get("image") or "images")
    words = re.findall(r"[A-Za-z0-9]+", said.rpartition("/")[2] if "text" not in query else said)
    name = "-".join(words).lower()[:LONGEST_NAME].strip("-") or "query"
    tried = (name, *(f"{name}-{number}" for number in range(2, len(check.queries) + 2)))
    return next(it for it in tried if it not in check.queries)


def _yaml(value: Any) -> str:
    """On one line."""
    if isinstance(value, Mapping):
        if list(value) == [MEMBER]:
            return _yaml(value[MEMBER])
        pairs = (f"{key if key in OURS else scalar(key)}: {_yaml(it)}" for key, it in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return scalar(value) if isinstance(value, str) else str(value)
