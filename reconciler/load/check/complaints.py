"""pydantic's complaints about the fields of one resource, in words for people who write YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from reconciler.kind import Part, WrongItems
from reconciler.load.grammar.shapes import Shape
from reconciler.load.problems import dotted
from reconciler.load.wording import a, did_you_mean, one_of, shown
from reconciler.load.yaml.positions import Path
from reconciler.load.yaml.scalars import WORDS, Surprise
from reconciler.redact import Secret, with_templates

__all__ = ["Complaint", "complaints_of"]

Complaint = tuple[Path, bool, str]
"""(path below the resource, whether the key is meant and not its value, summary)"""

_EXPECTED: Final[Mapping[str, str]] = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
}


def complaints_of(shape: Shape, declared: Mapping[str, Any]) -> tuple[int, Iterable[Complaint]]:
    """How many errors there are, and what is to be said of them."""
    try:
        shape.validate(declared)
    except ValidationError as error:
        return error.error_count(), _complaints(error, shape, declared)
    return 0, ()


def _complaints(error: ValidationError, shape: Shape, declared: Mapping[str, Any]) -> Iterator[Complaint]:
    """One for each value that is wrong."""
    by_path: dict[Path, list[Mapping[str, Any]]] = {}
    for item in error.errors(include_url=False):
        # Of one value there is a complaint for each branch of a union; people made one mistake.
        by_path.setdefault(_path(item["loc"], item["type"], declared), []).append(item)
    for path, items in by_path.items():
        yield from _explained(path, items, shape, declared)


def _path(place: tuple[int | str, ...], sort: str, declared: Any) -> Path:
    """Where it is in what was declared: pydantic's own path also names branches of unions."""
    path: list[int | str] = []
    value = declared
    for word in place:
        try:
            value = value[word]
        except (KeyError, IndexError, TypeError):
            if sort == "missing":
                path.append(word)
            continue
        path.append(word)
    return tuple(path)


def _explained(
    path: Path, items: list[Mapping[str, Any]], shape: Shape, declared: Mapping[str, Any]
) -> Iterator[Complaint]:
    first = items[0]
    sort, context = first["type"], first.get("ctx", {})
    if sort == "missing":
        yield path[:-1], True, f"{_within(path[:-1])}needs `{path[-1]}`"
    elif sort == "extra_forbidden":
        yield (
            path,
            True,
            f'{_within(path[:-1])}unknown field "{path[-1]}"{did_you_mean(str(path[-1]), _words(path, shape))}',
        )
    elif isinstance(wrong := context.get("error"), WrongItems):
        for below, text in wrong.by_path.items():
            yield (*path, *below), False, f"{dotted((*path, *below))}: {with_templates(text, _at(path, declared))}"
    else:
        value = _at(path, declared)
        yield path, False, f"{_within(path)}{_what(items, value, shape, path)}"


def _within(path: Path) -> str:
    return f"{dotted(path)}: " if path else ""


def _words(path: Path, shape: Shape) -> tuple[str, ...]:
    """What may stand where an unknown word stands."""
    if len(path) == 1:
        return shape.words()
    part = _part(path[:-1], shape)
    return tuple(part.parts) if part else ()


def _part(path: Path, shape: Shape) -> type[Part] | None:
    spec = shape.fields.get(str(path[0]))
    part = spec.part if spec else None
    for word in path[1:]:
        if isinstance(word, str) and part is not None:
            inner = part.parts.get(word)
            part = inner.part if inner else None
    return part


def _at(path: Path, value: Any) -> Any:
    for word in path:
        value = value[word]
    return value


def _what(items: list[Mapping[str, Any]], value: Any, shape: Shape, path: Path) -> str:
    """What is wrong with one value."""
    context = items[0].get("ctx", {})
    match items[0]["type"]:
        case "literal_error":
            allowed = re.findall(r"'([^']*)'", context["expected"])
            hint = did_you_mean(value, allowed) if type(value) is str else ""
            return f"expected {one_of(allowed)}, got {a(value)}{hint}"
        case "string_too_short":
            return "must not be empty" if context["min_length"] == 1 else f"needs {context['min_length']} characters"
        case "string_too_long":
            return f"is longer than {context['max_length']} characters"
        case "string_pattern_mismatch":
            return _fit(context["pattern"], value)
        case "too_short":
            return f"needs at least {_count(context['min_length'])}"
        case "too_long":
            return f"takes at most {_count(context['max_length'])}, and has {context['actual_length']}"
        case "value_error" | "assertion_error":
            return with_templates(str(context["error"]), value)
    expected = list(dict.fromkeys(_EXPECTED[item["type"]] for item in items if item["type"] in _EXPECTED))
    if not expected:
        message = with_templates(str(items[0]["msg"]), value)
        return f"{message[0].lower()}{message[1:]}"
    return f"expected {one_of(expected)}, got {a(value)}{_hint(expected[0], value, shape, path)}"


def _count(number: int) -> str:
    return "one item" if number == 1 else f"{number} items"


def _fit(pattern: str, value: Any) -> str:
    if pattern.startswith("^https?://"):
        return f"expected an address that begins with http:// or https://, got {shown(value)}"
    if "[0-9a-f]{64}" in pattern:
        return f"expected a sha256 as 64 hexadecimal digits in lower case, got {shown(value)}"
    return f"{shown(value)} does not fit the pattern {pattern}"


def _hint(expected: str, value: Any, shape: Shape, path: Path) -> str:
    """How to write what was probably meant."""
    if isinstance(value, Secret):
        return ""
    scalar = isinstance(value, (str, int, float))
    if expected == "a string" and scalar:
        return f'; put it in quotes: "{shown(value)}"'
    if expected == "true or false" and isinstance(value, str):
        meant = WORDS.get(value)
        meant = meant.reading.partition(" ")[0] if isinstance(meant, Surprise) else shown(meant)
        return f"; write {meant}" if meant in ("true", "false") else ""
    if expected == "a list" and scalar:
        return f"; write [{value if isinstance(value, str) else shown(value)}]"
    part = _part(path, shape) if path else None
    if expected == "a mapping" and isinstance(value, str) and part and "name" in part.parts:
        return f"; write {{name: {value}}}"
    return ""
