"""A value that fits a JSON Schema, made up from what is known about a video; and which schemas the vendor refuses."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema
from referencing.exceptions import Unresolvable

from reconciler.emulator.core.clock import EPOCH, rfc3339
from reconciler.emulator.core.patterns import Unmatched, matching, quietly
from reconciler.emulator.core.problems import ApiProblem

__all__ = ["KnownFacts", "encoded", "stamp", "value_for"]

REFUSED = (
    "minLength", "maxLength", "additionalProperties", "uniqueItems", "maxItems", "oneOf", "allOf", "not", "if", "then",
    "else", "prefixItems", "contains", "patternProperties", "propertyNames", "dependentSchemas", "dependentRequired",
    "unevaluatedItems", "unevaluatedProperties", "definitions", "$id", "$anchor", "$dynamicAnchor", "$dynamicRef",
)  # fmt: skip
"""The first are named by the vendor; the rest are not among what it says that it takes."""
TIME_FORMATS = ("seconds", "hh:mm:ss", "hh:mm:ss.fff")
DEEPEST, FULL_DEPTH, MOST_PARTS = 24, 6, 20_000


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """What there is to write about."""

    title: str
    summary: str
    keywords: tuple[str, ...]
    start: float
    end: float
    content: str


def value_for(schema: Any, known: KnownFacts, *, name: str = "response_format.json_schema") -> Any:
    """Raises the 422 that the vendor documents for keywords it does not take, and for what nothing can fit."""
    if not isinstance(schema, Mapping):
        raise ApiProblem(400, "parameter_invalid", f"The {name} parameter must be an object.")
    plain = _plain(schema, name, 0)
    try:
        with quietly():
            jsonschema.Draft202012Validator.check_schema(plain)
            made = _Maker(schema, known).make(schema, "text", 0)
            # Made up, and then held against the schema: an answer that does not fit must never go out.
            if jsonschema.Draft202012Validator(plain).is_valid(made):
                return made
    except jsonschema.SchemaError as error:
        raise _refused(name, f"it is not a JSON Schema: {error.message[:120]}") from error
    except (Unmatched, _Impossible, Unresolvable, re.error, RecursionError, OverflowError, ValueError) as error:
        raise _refused(name, str(error)[:120] or "no value fits it") from error
    raise _refused(name, "no value fits it")


def stamp(seconds: float, form: str) -> float | str:
    """A time as the vendor's timestamp type writes it."""
    if form == "seconds":
        return round(seconds, 3)
    whole = seconds if form.endswith("fff") else round(seconds)
    clock = f"{int(whole // 3600):02}:{int(whole % 3600 // 60):02}:"
    return clock + (f"{whole % 60:06.3f}" if form.endswith("fff") else f"{int(whole % 60):02}")


class _Impossible(Exception):
    """No value fits, or none that ends."""


def _refused(name: str, why: str) -> ApiProblem:
    return ApiProblem(422, "parameter_invalid", f"The {name} parameter is not supported: {why}.")


def _plain(schema: Any, name: str, depth: int) -> Any:
    """The schema with the vendor's own type in terms of the standard's; keywords that it refuses are refused."""
    if depth > 2 * DEEPEST:
        raise _refused(name, "it is nested too deeply")
    if isinstance(schema, list):
        return [_plain(inner, name, depth + 1) for inner in schema]
    if not isinstance(schema, Mapping):
        return schema
    _check_keywords(schema, name)
    if schema.get("type") == "timestamp":
        if schema.get("format") not in TIME_FORMATS:
            message = f"{name}.format: required for the timestamp type; allowed: {', '.join(TIME_FORMATS)}."
            raise ApiProblem(400, "parameter_invalid", message)
        return {"type": "number" if schema["format"] == "seconds" else "string"}
    return {key: _inside(key, inner, name, depth) for key, inner in schema.items()}


def _inside(key: str, inner: Any, name: str, depth: int) -> Any:
    if key in ("properties", "$defs") and isinstance(inner, Mapping):
        return {one: _plain(part, f"{name}.{key}.{one[:64]}", depth + 1) for one, part in inner.items()}
    if key in ("items", "anyOf"):
        return _plain(inner, f"{name}.{key}", depth + 1)
    return inner


def _check_keywords(schema: Mapping[str, Any], name: str) -> None:
    for keyword in REFUSED:
        if keyword in schema:
            raise _refused(name, f"the keyword {keyword} is not supported")
    if schema.get("minItems", 0) not in (0, 1):
        raise _refused(name, "minItems may be 0 or 1 only")
    reference = schema.get("$ref")
    if reference is not None and not str(reference).startswith("#/$defs/"):
        raise _refused(name, "$ref must point into $defs")


class _Maker:
    """Walks a schema; the name of a property decides what a text says."""

    def __init__(self, root: Mapping[str, Any], known: KnownFacts) -> None:
        self.root = root
        self.known = known
        self.parts = 0

    def make(self, schema: Any, name: str, depth: int) -> Any:
        self.parts += 1
        if self.parts > MOST_PARTS:
            raise Unmatched("it has too many parts")
        if depth > DEEPEST or schema is False:
            raise _Impossible("no value that ends fits it")
        if schema is True or not isinstance(schema, Mapping):
            return self.known.summary
        if "$ref" in schema:
            return self.make(self._target(str(schema["$ref"])), name, depth + 1)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][self._noise(name, depth) % len(schema["enum"])]
        if schema.get("anyOf"):
            return self._any_of(schema["anyOf"], name, depth)
        return self._typed(schema, name, depth)

    def _typed(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        match _kind(schema, depth):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer":
                return self._integer(schema, name)
            case "number":
                return self._number(schema, name)
            case "boolean":
                return self._noise(name, depth) % 2 == 0
            case "null":
                return None
            case "timestamp":
                return stamp(self._moment(name, depth), schema["format"])
        return self._text(schema, name)

    def _target(self, reference: str) -> Any:
        found: Any = self.root
        for part in reference[2:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or part not in found:
                raise _Impossible(f"{reference} leads nowhere")
            found = found[part]
        return found

    def _any_of(self, choices: list[Any], name: str, depth: int) -> Any:
        """The first, or once it gets deep the first that ends."""
        for choice in choices:
            try:
                return self.make(choice, name, depth + 1)
            except _Impossible:
                continue
        raise _Impossible("none of anyOf can be fitted")

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """All properties in their order; deep down only those that must be."""
        properties, required = schema.get("properties", {}), schema.get("required", [])
        wanted = [name for name in properties if depth < FULL_DEPTH or name in required]
        made = {name: self.make(properties[name], name, depth + 1) for name in wanted}
        return {**made, **{name: self.known.summary for name in required if name not in made}}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        items = schema.get("items", {"type": "string"})
        if depth >= FULL_DEPTH and not schema.get("minItems"):
            return []
        if items == {"type": "string"}:
            return list(self.known.keywords)
        return [self.make(items, f"{name}{number}", depth + 1) for number in range(1 if depth > 2 else 2)]

    def _integer(self, schema: Mapping[str, Any], name: str) -> int:
        low, high = schema.get("minimum"), schema.get("maximum")
        over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        least = max([-(-bound // 1) for bound in (low,) if bound is not None] + _beyond(over, 1), default=None)
        most = min([bound // 1 for bound in (high,) if bound is not None] + _beyond(under, -1), default=None)
        if least is None:
            least = 0 if most is None or most >= 0 else most
        return int(least) + (self._noise(name, 0) % 10 if most is None or most - least >= 10 else 0)

    def _number(self, schema: Mapping[str, Any], name: str) -> float:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        if low is None and high is None:
            return round(self._moment(name, 0), 3)
        if low is None or high is None:
            return float(low + 1 if low is not None else high - 1)
        return float((low + high) / 2)

    def _text(self, schema: Mapping[str, Any], name: str) -> str:
        if "pattern" in schema:
            return matching(str(schema["pattern"]))
        match schema.get("format"):
            case "uuid":
                digits = hashlib.sha256(f"{self.known.content}{name}".encode()).hexdigest()
                return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-8{digits[15:18]}-{digits[18:30]}"
            case "date-time" | "date" | "time" as form:
                when = rfc3339(EPOCH + self._noise(name, 0) % 86400)
                return {"date-time": when, "date": when[:10], "time": when[11:]}[form]
        return self.known.title if "title" in name.lower() or "name" in name.lower() else self.known.summary

    def _moment(self, name: str, depth: int) -> float:
        """A time within the part of the video that is looked at; what is called an end comes after a start."""
        share = {"start": 0.25, "end": 0.75}.get(name.split("_")[0], self._noise(name, depth) % 100 / 100)
        return self.known.start + share * (self.known.end - self.known.start)

    def _noise(self, name: str, depth: int) -> int:
        return int(hashlib.sha256(f"{self.known.content}|{name}|{depth}".encode()).hexdigest()[:8], 16)


def _kind(schema: Mapping[str, Any], depth: int) -> str:
    kind = schema.get("type")
    if isinstance(kind, list) and kind:
        kind = "null" if depth >= FULL_DEPTH and "null" in kind else kind[0]
    if kind is None:
        kind = (
            "object" if "properties" in schema or "required" in schema else "array" if "items" in schema else "string"
        )
    return str(kind)


def _beyond(bound: float | None, step: int) -> list[float]:
    """The next whole number after an exclusive bound."""
    if bound is None:
        return []
    return [bound // 1 + 1] if step > 0 else [-(-bound // 1) - 1]


def encoded(value: Any) -> str:
    """As answers carry it: JSON in a text."""
    return json.dumps(value, ensure_ascii=False)
