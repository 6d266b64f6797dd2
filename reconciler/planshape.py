"""What a plan file must look like before anything in it is used: types, sizes of numbers, depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, Union

from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError, WrapSerializer, WrapValidator

from reconciler.errors import Problem
from reconciler.model import STEPS, Change, Plan, Step
from reconciler.redact import unmask

__all__ = ["DEEPEST", "Wrong", "as_plan", "made", "step_json", "steps_from"]

DEEPEST = 100
"""Levels of nesting: as many as YAML may have."""

IN_CHANGES = ("fields", "facts", "deltas")
"""Where values from the environment may stand, in changes."""

T = TypeVar("T")

Count = Annotated[int, Field(ge=0, le=10**18)]
Number = Annotated[float, Field(ge=0, le=1e18, allow_inf_nan=False)]


class Wrong(Exception):
    """It is not as it should be; the text says where."""


@dataclass
class _Cost:
    amount: Number
    currency: str
    as_of: str | None
    source: str
    objects_without_price: Count


@dataclass
class _Estimate:
    """As `estimate.estimated` gives it."""

    writes: Count
    reads_spent: Count
    polls: Count
    uploads: Count
    upload_bytes: Count
    chunk_requests: Count
    index_minutes: Number
    index_objects: Count
    index_objects_of_unknown_length: Count
    cost: _Cost | None
    seconds_at_rate_limit: Number | None


@dataclass
class _Facts:
    """Those that reports read."""

    foreign: list[str] | None = None


def step_json(step: Step) -> dict[str, Any]:
    """A step with its id and its word."""
    ((found,)) = TypeAdapter(_steps()).dump_python((step,), mode="json")
    return dict(found)


def steps_from(value: Any) -> tuple[Step, ...]:
    """The steps in a document; raises Wrong."""
    found: tuple[Step, ...] = made(_steps(), value, "steps")
    return found


@cache
def _steps() -> Any:
    """Steps told apart by their word. The id is there for whoever reads the needs; it is made of the rest."""

    def verb_of(value: Any) -> Any:
        return value.get("verb") if isinstance(value, Mapping) else value.verb

    def written(step: Any, rest: Any) -> Any:
        return {"id": step.id, "verb": step.verb.value, **rest(step)}

    def read(value: Any, as_step: Any) -> Any:
        step = as_step(value)
        if isinstance(value, Mapping) and value.get("id") != step.id:
            raise ValueError(f"the id of this step is {step.id!r}")
        return step

    each: Any = Union[tuple(Annotated[step, Tag(step.verb.value)] for step in STEPS)]  # noqa: UP007 (of a tuple)
    one: Any = Annotated[each, Discriminator(verb_of), WrapSerializer(written), WrapValidator(read)]
    return tuple[one, ...]


def made(kind: type[T], value: Any, where: str) -> T:
    """A value of JSON as what it should be; raises Wrong."""
    try:
        found: T = TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part)[:40] for part in (where, *first["loc"]))
        raise Wrong(f"{place}: {first['msg']}") from error
    return found


def as_plan(document: Mapping[str, Any]) -> Plan:
    """The plan in a document; raises Wrong for one that has no such shape."""
    if _is_deeper(document, DEEPEST):
        raise Wrong(f"nested more than {DEEPEST} deep")
    made(_Estimate, document.get("estimate"), "estimate")
    lists: dict[str, Any] = {
        "changes": made(tuple[Change, ...], _items(document, "changes"), "changes"),
        "drift": made(tuple[Change, ...], _items(document, "drift"), "drift"),
        "steps": steps_from(document.get("steps")),
        "diagnostics": made(tuple[Problem, ...], document.get("diagnostics"), "diagnostics"),
    }
    for change in lists["changes"]:
        made(_Facts, change.facts, f"{change.address}.facts")
    return made(Plan, {**document, **lists}, "plan")


def _items(document: Mapping[str, Any], name: str) -> Any:
    """Changes, with values from the environment as such."""
    items = document.get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Wrong(f"{name}: not a list of objects")
    return [{key: unmask(value, str) if key in IN_CHANGES else value for key, value in item.items()} for item in items]


def _is_deeper(value: Any, most: int) -> bool:
    """By levels, not by calling itself: there is no depth that it cannot measure."""
    level = [value]
    for _ in range(most + 1):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
