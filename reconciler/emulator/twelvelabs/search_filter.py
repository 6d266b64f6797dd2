"""The filter of a search, which comes as JSON, as conditions over what is kept."""

from __future__ import annotations

import json
from typing import Any

from reconciler.emulator.core.problems import ApiProblem

__all__ = ["conditions"]

Condition = tuple[str, tuple[object, ...]]
MEASURES = ("duration", "width", "height", "size")
OPERATORS = {"gte": ">=", "lte": "<="}
HAS = "EXISTS (SELECT 1 FROM json_each(doc, '$.user_metadata') AS m WHERE m.key = ? AND {})"


def conditions(wanted: Any) -> tuple[Condition, ...]:
    """One or two conditions a field; what is no field of the system is one of the user's metadata."""
    if wanted is None:
        return ()
    if not isinstance(wanted, dict):
        raise _wrong("It must be an object.")
    return tuple(condition for name, value in wanted.items() for condition in _field(name, value))


def _field(name: str, value: Any) -> list[Condition]:
    if name == "id":
        ids = [value] if isinstance(value, str) else value
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise _wrong("id must be a list of strings.")
        return [("id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))]
    if name == "filename":
        if not isinstance(value, str):
            raise _wrong("filename must be a string.")
        return [("name = ?", (value,))]
    if name in MEASURES:
        return [(f"json_extract(doc, '$.media.{name}') {sign} ?", (bound,)) for sign, bound in _bounds(name, value)]
    if isinstance(value, str):
        return [(HAS.format("m.type = 'text' AND m.atom = ?"), (name, value))]
    if isinstance(value, bool):
        return [(HAS.format("m.type = ?"), (name, str(value).lower()))]
    numeric = "m.type IN ('integer', 'real') AND m.atom {} ?"
    return [(HAS.format(numeric.format(sign)), (name, bound)) for sign, bound in _bounds(name, value)]


def _bounds(name: str, value: Any) -> list[tuple[str, float]]:
    """A number, or an object of `gte` and `lte`."""
    if isinstance(value, dict) and value and set(value) <= set(OPERATORS):
        return [(OPERATORS[key], _number(name, bound)) for key, bound in value.items()]
    return [("=", _number(name, value))]


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(f"{name[:64]} must be a string, a number, a flag, or an object of gte and lte.")
    try:
        return float(value)
    except OverflowError as error:
        raise _wrong(f"{name[:64]} is too large.") from error


def _wrong(message: str) -> ApiProblem:
    return ApiProblem(400, "search_filter_invalid", f"The filter parameter is not valid. {message}")
