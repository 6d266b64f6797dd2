"""Our values and the API's: what is sent of a field, and what is read, each answer checked once where it comes in.

What is used of an answer has the type that it must have, or the whole answer is refused by an error that names request
and place. What is not used may be there or not: APIs grow. `null` is "not there". Nothing of a bad answer is repeated
in an error: a server may put anything there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import quote

from reconciler.errors import ApiError
from reconciler.kind import Field, Part

__all__ = [
    "ANY_ID",
    "MOST_NUMBER",
    "ApiPath",
    "Reading",
    "Unexpected",
    "answer_to",
    "below",
    "fields_of",
    "flag",
    "from_wire",
    "identifier",
    "items",
    "mapping",
    "moment_text",
    "number",
    "part_to_wire",
    "readings",
    "segment",
    "text",
    "to_wire",
    "vector_in",
    "whole",
]

MOST_NUMBER = 10**15
"""Sizes, counts and seconds beyond are no sizes, counts and seconds."""
DEEPEST_VALUE = 16
"""How deep a value that people store (metadata) may be nested."""
LONGEST_ID = 200
ANY_ID = re.compile(rf"[!-~]{{1,{LONGEST_ID}}}")
"""What can be an id at all: printable, without spaces, and of a length that fits into an address."""
STEPS = frozenset({".", ".."})
"""What leads elsewhere in a path."""
SINGLE = frozenset({str, int, float, bool})
NAMES = {str: "a text", bool: "true or false", dict: "an object", list: "a list", int: "a number", float: "a number"}


class Unexpected(ValueError):
    """Part of an answer is not what it must be; `where` is the place in it."""

    def __init__(self, where: str, wrong: str) -> None:
        self.where, self.wrong = where, wrong
        super().__init__(f"{where}: {wrong}" if where else wrong)


@contextmanager
def answer_to(what: str, error: type[ApiError] = ApiError) -> Iterator[None]:
    """What is read inside is the answer to `what`; what is unexpected in it becomes this error."""
    try:
        yield
    except Unexpected as unexpected:
        raise error(f"{what}: the answer is not what it must be ({unexpected})") from None


def _came(value: Any, due: str) -> str:
    came = "null" if value is None else NAMES.get(type(value), "something else")
    return f"{came} came where {due} is due"


def below(where: str, name: str) -> str:
    """The place of a member of what is at a place."""
    return f"{where}.{name}" if where else name


def mapping(value: Any, where: str) -> Mapping[str, Any]:
    """An object."""
    if type(value) is not dict and not isinstance(value, Mapping):
        raise Unexpected(where, _came(value, "an object"))
    return value


def items(value: Any, where: str) -> list[Any]:
    """A list; null is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unexpected(where, _came(value, "a list"))
    return value


def text(value: Any, where: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise Unexpected(where, _came(value, "a text"))
    return value


def flag(value: Any, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Unexpected(where, _came(value, "true or false"))
    return value


def number(value: Any, where: str) -> float:
    """A number that counts or measures: not negative, and not beyond anything there is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unexpected(where, _came(value, "a number"))
    if not 0 <= value <= MOST_NUMBER:
        raise Unexpected(where, f"a number that is not between 0 and {MOST_NUMBER}")
    return value


def whole(value: Any, where: str, *, least: int = 0) -> int:
    """A whole number, as a count or a size is."""
    counted = number(value, where)
    if counted != int(counted) or counted < least:
        raise Unexpected(where, f"a number that is not a whole one of at least {least}")
    return int(counted)


def vector_in(value: Any, where: str) -> list[float]:
    """The numbers of a vector, of which there is one at least."""
    found = items(value, where)
    if not found or not all(type(it) in (int, float) for it in found):
        raise Unexpected(where, "no list of numbers")
    return found


def identifier(value: Any, where: str, form: re.Pattern[str] = ANY_ID) -> str:
    """An id: what can stand in an address, and nothing else."""
    id = value if isinstance(value, str) else text(value, where)
    if not _is_id(id, form):
        raise Unexpected(where, "a text that is not a valid id")
    return id


def _is_id(text: str, form: re.Pattern[str] = ANY_ID) -> bool:
    return form.fullmatch(text) is not None and text not in STEPS


def moment_text(value: Any, where: str) -> str:
    """A point in time, as it is written: short, and printable."""
    if len(text(value, where)) > LONGEST_ID or not value.isprintable():
        raise Unexpected(where, "a text that is not a point in time")
    return str(value)


def segment(id: str) -> str:
    """An id as part of a path: it is one step of it, whatever stands in it."""
    return quote(id, safe="")


class ApiPath(str):
    """A path that knows which of its steps are ids: `ApiPath("/assets") / id + "/user-metadata"`."""

    __slots__ = ("template",)
    template: str
    """The same with `*` in place of each id: what is limited together has one."""

    def __new__(cls, text: str, template: str | None = None) -> ApiPath:
        """A path without ids, or one again."""
        path = super().__new__(cls, text)
        path.template = getattr(text, "template", str(text)) if template is None else template
        return path

    @classmethod
    def filled(cls, template: str, **ids: str) -> ApiPath:
        """With ids where the template has their names in braces."""
        text = template
        for name, id in ids.items():
            text, template = text.replace(f"{{{name}}}", segment(id)), template.replace(f"{{{name}}}", "*")
        return cls(text, template)

    def __truediv__(self, id: str) -> ApiPath:
        return ApiPath(f"{self}/{segment(id)}", f"{self.template}/*")

    def __add__(self, more: str) -> ApiPath:
        return ApiPath(super().__add__(more), self.template + ApiPath(more).template)


# Fields


def to_wire(field: Field, value: Any) -> Any:
    """Our value as the API wants it; references must be ids already."""
    if field.part is None or value is None:
        return value
    if field.many:
        return [part_to_wire(field.part, item) for item in value]
    return part_to_wire(field.part, value)


def part_to_wire(part: type[Part], value: Mapping[str, Any]) -> dict[str, Any]:
    """A group of fields; what is not said and has no default is left out."""
    filled = {name: value.get(name, field.default) for name, field in part.parts.items()}
    return {
        part.parts[name].wire: to_wire(part.parts[name], inner) for name, inner in filled.items() if inner is not None
    }


Reading: TypeAlias = tuple[Field, str, str, type | None]
"""A field, our name and the API's for it, and the type of a value that nearly always needs no further look, if there is
one."""


def readings(fields: Iterable[Field]) -> tuple[Reading, ...]:
    """What `fields_of` asks of each field, for all objects of a kind at once."""
    return tuple((it, it.name, it.wire, _usual(it)) for it in fields)


def _usual(field: Field) -> type | None:
    if field.read or field.part or (field.many and not field.ref):
        return None
    if field.ref:
        return list if field.many else None
    return field.shape if field.shape in (*SINGLE, dict) else None


def fields_of(fields: Sequence[Reading], raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The live values of these fields out of the object's JSON, under our names."""
    found: dict[str, Any] = {}
    for field, name, wire, shape in fields:
        value = raw.get(wire)
        if shape is None or (value is not None and not (type(value) is shape and _is_usual(value, shape))):
            value = from_wire(field, raw, where)
        found[name] = value
    return found


def _is_usual(value: Any, shape: type) -> bool:
    """Whether a value of the right type is taken as it came: nobody else has it, and nobody changes it."""
    if shape is dict:
        return SINGLE.issuperset(map(type, value.values()))
    return shape is not list or all(type(it) is str and _is_id(it) for it in value)


def from_wire(field: Field, raw: Mapping[str, Any], where: str = "") -> Any:
    """The live value of one field out of the object's JSON; None when it is not there. Raises Unexpected."""
    if field.read:
        return field.read.how(raw)
    value = raw.get(field.wire)
    if value is None or (type(value) is field.shape and field.is_single):
        return value  # nearly always: as it must be, and there is no place to name
    place = below(where, field.wire)
    if field.many:
        return [_one(field, item, f"{place}[{at}]") for at, item in enumerate(items(value, place))]
    return _one(field, value, place)


def _one(field: Field, value: Any, where: str) -> Any:
    if field.part is not None:
        raw = mapping(value, where)
        read = {name: from_wire(inner, raw, where) for name, inner in field.part.parts.items()}
        return {name: inner for name, inner in read.items() if inner is not None}
    if field.ref:
        return identifier(value, where)
    if field.shape is dict:
        return _stored(mapping(value, where), where)
    if field.shape is str:
        return text(value, where)
    return flag(value, where) if field.shape is bool else _stored(value, where)


def _stored(value: Any, where: str, depth: int = 0) -> Any:
    """What people store: any JSON, but not deeper than whatever compares and shows it can go."""
    if depth > DEEPEST_VALUE:
        raise Unexpected(where, f"a value that is nested more than {DEEPEST_VALUE} deep")
    if isinstance(value, Mapping):
        return {key: item if type(item) in SINGLE else _stored(item, where, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [item if type(item) in SINGLE else _stored(item, where, depth + 1) for item in value]
    return value
