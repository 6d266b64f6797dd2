"""From the notation of facts.json to functions that look at a value and say what is wrong with it, if anything.

Paths into a value are known when a function is made, so that looking at a value that is right builds no text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Check", "Notes", "Types", "anything", "kind"]

Notes = list[tuple[str, str]]
"""What is wrong: where, and what was found there instead."""
Check = Callable[[Any, Notes], None]

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
URI = re.compile(r"[a-z][a-z0-9+.-]*:\S+", re.IGNORECASE)
WHOLE = re.compile(r"-?\d+")
PYTHON: Mapping[str, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "null": frozenset({type(None)}),
}
NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null", list: "list"}
SENT: Mapping[str, Callable[[str], bool]] = {
    "string": lambda _: True,
    "any": lambda _: True,
    "integer": lambda text: WHOLE.fullmatch(text) is not None,
    "number": lambda text: _is_number(text),
    "boolean": lambda text: text in ("true", "false"),
    "time": lambda text: TIME.fullmatch(text) is not None,
    "uri": lambda text: URI.fullmatch(text) is not None,
    "json": lambda text: _is_json_object(text),
}
"""How a value looks when it is text, as in a query or a form."""


def kind(value: object) -> str:
    """What JSON calls it."""
    return NAMES.get(type(value), "object")


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


class Types:
    """Makes checks; `shapes` are those that the notation calls by name."""

    def __init__(self, shapes: Mapping[str, Any]) -> None:
        self.shapes = shapes

    def plain(self, notation: Any) -> Any:
        """The notation behind a name."""
        while isinstance(notation, str) and notation in self.shapes:
            notation = self.shapes[notation]
        return notation

    def check(self, notation: Any, at: str) -> Check:
        """For JSON."""
        notation = self.plain(notation)
        if isinstance(notation, str):
            return self._text(notation, at)
        if isinstance(notation, list):
            return self._list(notation[0], at)
        if "one of" in notation:
            return _any_of([self.check(each, at) for each in notation["one of"]], at)
        if "null or" in notation:
            return _or_null(self.check(notation["null or"], at))
        if "*" in notation:
            return self._map(notation["*"], at)
        return self._object(notation, at)

    def _text(self, notation: str, at: str) -> Check:
        if notation.startswith("?"):
            return _or_null(self.check(notation[1:], at))
        if notation.startswith("="):
            return _one_of(frozenset(notation[1:].split("|")), at)
        if notation == "any":
            return anything
        if notation in ("time", "uri"):
            return _written(TIME if notation == "time" else URI, notation, at)
        return _of_type(PYTHON[notation], at)

    def _list(self, item: Any, at: str) -> Check:
        fast = PYTHON.get(item, frozenset()) if isinstance(item, str) else frozenset()
        inner = self.check(item, f"{at}[]")

        def check(value: Any, notes: Notes) -> None:
            if type(value) is not list:
                notes.append((at, kind(value)))
            elif not (fast and fast.issuperset(map(type, value))):
                for each in value:
                    inner(each, notes)

        return check

    def _map(self, item: Any, at: str) -> Check:
        inner = self.check(item, f"{at}.*")

        def check(value: Any, notes: Notes) -> None:
            if type(value) is not dict:
                notes.append((at, kind(value)))
            elif inner is not anything:
                for each in value.values():
                    inner(each, notes)

        return check

    def _object(self, notation: Mapping[str, Any], at: str) -> Check:
        checks = {name.rstrip("*"): self.check(each, f"{at}.{name.rstrip('*')}") for name, each in notation.items()}
        required = {name.rstrip("*") for name in notation if name.endswith("*")}

        def check(value: Any, notes: Notes) -> None:
            if type(value) is not dict:
                notes.append((at, kind(value)))
                return
            for name, each in value.items():
                inner = checks.get(name)
                if inner is None:
                    notes.append((f"{at}.{name}", "unknown"))
                else:
                    inner(each, notes)
            if not value.keys() >= required:
                notes.extend((f"{at}.{name}", "missing") for name in sorted(required - value.keys()))

        return check

    def texts(self, notation: Mapping[str, Any], at: str) -> Callable[[list[tuple[str, Any]], Notes], None]:
        """For the fields of a query or a form: names with texts, or with a mapping that stands for a file."""
        checks: dict[str, Check] = {}
        for name, each in notation.items():
            checks.update(self._sent(name.rstrip("*"), each, at))
        required = {name.rstrip("*") for name in notation if name.endswith("*")}

        def check(pairs: list[tuple[str, Any]], notes: Notes) -> None:
            for name, value in pairs:
                inner = checks.get(name) or checks.get(f"{name.partition('[')[0]}[*]")
                if inner is None:
                    notes.append((f"{at}.{name}", "unknown"))
                else:
                    inner(value, notes)
            if required and not required <= (sent := {name for name, _ in pairs}):
                notes.extend((f"{at}.{name}", "missing") for name in sorted(required - sent))

        return check

    def _sent(self, name: str, notation: Any, at: str) -> dict[str, Check]:
        """A field by the names that it is sent under: `duration[gte]`, `user_metadata[*]`."""
        notation = self.plain(notation)
        if isinstance(notation, dict) and "one of" not in notation:
            found = {f"{name}[{inner.rstrip('*') or '*'}]": each for inner, each in notation.items()}
            return {key: self._one(each, f"{at}.{key}") for key, each in found.items()}
        return {name: self._one(notation, f"{at}.{name}")}

    def _one(self, notation: Any, at: str) -> Check:
        notation = self.plain(notation)
        if isinstance(notation, dict):
            return _any_of([self._one(each, at) for each in notation["one of"]], at)
        if isinstance(notation, list):
            return self._one(notation[0], at)
        if notation.startswith("="):
            return _one_of(frozenset(notation[1:].split("|")), at)
        if notation == "file":
            return _file(at)
        fits = SENT[notation]

        def check(value: Any, notes: Notes) -> None:
            if not isinstance(value, str):
                notes.append((at, "file"))
            elif not fits(value):
                notes.append((at, f"no {notation}" if value else "blank"))

        return check


def anything(value: Any, notes: Notes) -> None:
    """Looks at nothing."""


def _of_type(types: frozenset[type], at: str) -> Check:
    def check(value: Any, notes: Notes) -> None:
        if type(value) not in types:
            notes.append((at, kind(value)))

    return check


def _one_of(values: frozenset[str], at: str) -> Check:
    def check(value: Any, notes: Notes) -> None:
        if type(value) is not str:
            notes.append((at, kind(value)))
        elif value not in values:
            notes.append((at, f"={value}"))

    return check


def _written(pattern: re.Pattern[str], name: str, at: str) -> Check:
    def check(value: Any, notes: Notes) -> None:
        if type(value) is not str:
            notes.append((at, kind(value)))
        elif not pattern.fullmatch(value):
            notes.append((at, f"no {name}"))

    return check


def _or_null(inner: Check) -> Check:
    def check(value: Any, notes: Notes) -> None:
        if value is not None:
            inner(value, notes)

    return check


def _any_of(options: list[Check], at: str) -> Check:
    """What is wrong by the option that it comes closest to; farthest is one that it is not even of the kind of, and
    next to that one that says by its `type` that it is something else."""
    said = f"{at}.type"

    def check(value: Any, notes: Notes) -> None:
        tried: list[tuple[bool, bool, int, Notes]] = []
        for option in options:
            found: Notes = []
            option(value, found)
            if not found:
                return
            other = any(place == said for place, _ in found)
            tried.append((found[0][0] == at, other, len(found), found))
        notes.extend(min(tried)[3])

    return check


def _file(at: str) -> Check:
    def check(value: Any, notes: Notes) -> None:
        if isinstance(value, str):
            notes.append((at, "text" if value else "blank"))

    return check
