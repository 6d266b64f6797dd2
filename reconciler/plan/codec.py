"""The one codec of plans: from the frozen classes to JSON, back, and the schema of it. Pure.

What a change, a step or an estimate consists of is written once, in its class. Here stands only what JSON does
otherwise: a step has its id and its word, what is not there is left out, and of what goes no fields are kept.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from textwrap import dedent
from typing import Annotated, Any, TypeVar, Union

from pydantic import Discriminator, Tag, TypeAdapter, ValidationError, WrapSerializer, WrapValidator

from reconciler.errors import Problem
from reconciler.frozen import dataclass
from reconciler.model import STEPS, Action, Basis, Change, ChangedBy, Cost, Delta, Estimate, Plan, Step

__all__ = [
    "DEEPEST",
    "Wrong",
    "changes_json",
    "made",
    "plan_from",
    "saved_json",
    "schema_of",
    "shown_changes",
    "shown_json",
    "steps_from",
    "steps_json",
]

DEEPEST = 100
"""Levels of nesting: as many as YAML may have."""

OF_A_SAVED_PLAN = ("steps", "stuck", "left_out")
OF_A_SAVED_CHANGE = ("fields", "parent_id", "protect")
"""What only whoever applies a plan has to know, and is not shown to others."""
IF_THERE = ("id", "previous_address")
"""What a change has in JSON only if it has it at all."""

T = TypeVar("T")


class Wrong(Exception):
    """It is not as it should be; the text says where."""


# To JSON


def saved_json(plan: Plan) -> dict[str, Any]:
    """All of a plan."""
    return {
        **_adapter(Plan).dump_python(plan, mode="json", exclude={"changes", "drift", "steps"}),
        "changes": changes_json(plan.changes),
        "drift": changes_json(plan.drift),
        "steps": steps_json(plan.steps),
        "summary": _summary(plan),
    }


def shown_json(plan: Plan) -> dict[str, Any]:
    """What others are shown of a plan: what it changes, and not how."""
    return {
        **_adapter(Plan).dump_python(plan, mode="json", exclude={"changes", "drift", *OF_A_SAVED_PLAN}),
        "changes": shown_changes(plan.changes),
        "drift": shown_changes(plan.drift),
        "summary": _summary(plan),
    }


def _summary(plan: Plan) -> dict[str, int]:
    return {action.value: plan.count(action) for action in Action}


def changes_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """All of each change."""
    found: list[dict[str, Any]] = _adapter(_CHANGES).dump_python(tuple(changes), mode="json")
    return found


def shown_changes(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """What others are shown of each change."""
    shown = {"__all__": set(OF_A_SAVED_CHANGE)}
    found: list[dict[str, Any]] = _adapter(_CHANGES).dump_python(tuple(changes), mode="json", exclude=shown)
    return found


def steps_json(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Each step with its id, so that the needs can be read, and its word."""
    found: list[dict[str, Any]] = _adapter(_STEPS).dump_python(tuple(steps), mode="json")
    return found


# Back


def plan_from(document: Mapping[str, Any]) -> Plan:
    """The plan in a document; raises Wrong for one that has no such shape."""
    if _is_deeper(document, DEEPEST):
        raise Wrong(f"nested more than {DEEPEST} deep")
    made(Estimate, document.get("estimate"), "estimate")  # what has a default in the class is not optional in a file
    lists = {
        "changes": made(_CHANGES, document.get("changes"), "changes"),
        "drift": made(_CHANGES, document.get("drift"), "drift"),
        "steps": steps_from(document.get("steps")),
        "diagnostics": made(tuple[Problem, ...], document.get("diagnostics"), "diagnostics"),
    }
    return made(Plan, {**document, **lists}, "plan")


def steps_from(value: Any) -> tuple[Step, ...]:
    """The steps in a document; raises Wrong."""
    found: tuple[Step, ...] = made(_STEPS, value, "steps")
    return found


def made(kind: type[T], value: Any, where: str) -> T:
    """A value of JSON as what it should be; raises Wrong."""
    try:
        found: T = _adapter(kind).validate_python(value)  # type: ignore[arg-type]  # a class can be hashed
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part)[:40] for part in (where, *first["loc"]))
        raise Wrong(f"{place}: {first['msg']}") from error
    return found


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


# What JSON does otherwise


@dataclass
class _ReadFacts:
    """Those facts of a change that reports read."""

    foreign: list[str] | None = None


def _change_written(change: Change, rest: Any) -> dict[str, Any]:
    """What goes keeps no fields, for they are not sent anywhere; only of what both changed the third value is told."""
    written: dict[str, Any] = rest(change)
    if "fields" in written and change.action in (Action.DELETE, Action.FORGET, Action.HOLD):
        written["fields"] = {}
    for name in IF_THERE:
        if not written[name]:
            del written[name]
    for delta, told in zip(change.deltas, written["deltas"], strict=True):
        if delta.source is not ChangedBy.BOTH:
            del told["recorded"]
    return written


def _change_read(value: Any, as_change: Any) -> Change:
    change: Change = as_change(value)
    made(_ReadFacts, change.facts, f"{change.address}.facts")
    return change


def _step_written(step: Step, rest: Any) -> dict[str, Any]:
    return {"id": step.id, "verb": step.verb.value, **rest(step)}


def _step_read(value: Any, as_step: Any) -> Step:
    """The id is made of the rest: one that says something else would have other steps wait for the wrong one."""
    step: Step = as_step(value)
    if isinstance(value, Mapping) and value.get("id") != step.id:
        raise ValueError(f"the id of this step is {step.id!r}")
    return step


def _verb_of(value: Any) -> Any:
    return value.get("verb") if isinstance(value, Mapping) else getattr(value, "verb", None)


_CHANGES: Any = tuple[Annotated[Change, WrapSerializer(_change_written), WrapValidator(_change_read)], ...]
_ONE_STEP: Any = Union[tuple(Annotated[step, Tag(step.verb.value)] for step in STEPS)]  # noqa: UP007 (of a tuple)
_STEPS: Any = tuple[
    Annotated[_ONE_STEP, Discriminator(_verb_of), WrapSerializer(_step_written), WrapValidator(_step_read)], ...
]


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


# The schema


def schema_of(kind: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of one of the classes, and of all that it is made of, by name. Docstrings are the descriptions."""
    made = _adapter(kind).json_schema(mode="validation")
    parts = {name: _described(_CLASSES.get(name), part) for name, part in made.pop("$defs", {}).items()}
    return _described(kind, made), parts


_CLASSES: Mapping[str, Any] = {
    kind.__name__: kind for kind in (Basis, Change, Cost, Delta, Estimate, Plan, Problem, *STEPS)
}
_OPTIONAL: Mapping[Any, tuple[str, ...]] = {
    Change: (*IF_THERE, *OF_A_SAVED_CHANGE, "facts"),
    Delta: ("recorded",),
    Plan: (*OF_A_SAVED_PLAN, "unmanaged", "diagnostics"),
}
"""What a file may lack; all else is in every one, whether or not its class has a default for it."""


def _described(kind: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing, with what the class says of itself."""
    bare: dict[str, Any] = _bare(schema)
    if not is_dataclass(kind):
        return bare
    told = dict(_docstrings(kind))
    for name, part in bare["properties"].items():
        if name in told:
            part["description"] = told[name]
    if kind in STEPS:
        own = {"id": {"type": "string"}, "verb": {"const": kind.verb.value}}
        bare["properties"] = {**own, **bare["properties"]}
    bare["required"] = [name for name in bare["properties"] if name not in _OPTIONAL.get(kind, ())]
    return {**bare, "description": " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split())}


def _bare(value: Any) -> Any:
    """Titles are names again, and defaults are for whoever makes a value, not for whoever reads a file."""
    if isinstance(value, Mapping):
        kept = {
            key: item
            for key, item in value.items()
            if key != "default" and (key != "title" or not isinstance(item, str))
        }
        return {key: _bare(item) for key, item in kept.items()}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def _docstrings(kind: Any) -> Iterator[tuple[str, str]]:
    """(field, the text that follows it in the class), those of the classes it builds on first."""
    for base in reversed(kind.__mro__[:-1]):
        body = ast.parse(dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for line, after in zip(body.body, body.body[1:], strict=False):
            match line, after:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    yield name, " ".join(text.split())
