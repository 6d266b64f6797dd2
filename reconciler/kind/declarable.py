"""Classes whose annotated fields say what may be declared. pydantic judges it, and is imported when it is asked.

Importing pydantic and making a model of each class takes a fifth of a plan of a few objects, and most of what is
declared is plainly right: `reconciler.kind.quick` sees that. So a class keeps types and defaults of its fields, and its
model is made for whoever needs one: for what is not plainly right, and for schemas.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, get_args, get_origin, get_type_hints

from reconciler.frozen import dataclass
from reconciler.model.bounds import Bounds, ForPydantic

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "After",
    "Before",
    "Bounds",
    "Declarable",
    "Examples",
    "default_of",
    "fresh",
    "model_of",
    "plain_type",
    "validated",
]


class _WithFields(type):
    """Takes the fields out of a class before it is made: a default would stand before a method of its name."""

    def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], **words: Any) -> _WithFields:
        known: dict[str, Any] = {}
        defaults: dict[str, Any] = {}
        for base in (base for base in reversed(bases) if isinstance(base, _WithFields)):
            known |= vars(base)["field_types"]
            defaults |= vars(base)["field_defaults"]
        for field, given in space.get("__annotations__", {}).items():
            if str(given).startswith(("ClassVar", "typing.ClassVar")):
                continue
            known[field] = _evaluated(field, given, space) if isinstance(given, str) else given
            defaults.pop(field, None)
            if field in space:
                defaults[field] = space.pop(field)
        return super().__new__(cls, name, bases, {**space, "field_types": known, "field_defaults": defaults}, **words)


class Declarable(metaclass=_WithFields):
    """Base of what has fields. A field is an annotation in the class, with its default behind it if it has one."""

    field_types: ClassVar[Mapping[str, Any]]
    """field → its type, with its markers; those of bases too."""
    field_defaults: ClassVar[Mapping[str, Any]]
    """What those have that can be left out."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Within a field of another class it is what its model is."""
        return handler.generate_schema(model_of(cls))


def _evaluated(field: str, text: str, space: Mapping[str, Any]) -> Any:
    """The type that an annotation is the text of, in a class of this space."""
    module, said = str(space["__module__"]), types.SimpleNamespace(__annotations__={field: text})
    hints = partial(get_type_hints, said, vars(sys.modules[module]), include_extras=True)
    try:
        return hints(localns=space)[field]
    except NameError:
        return hints(localns={**_beside(module), **space})[field]


def _beside(module: str) -> Mapping[str, Any]:
    """What a class within a function may name: the variables of whoever is making it."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") != module:
        frame = frame.f_back
    return frame.f_locals if frame is not None else {}


@dataclass(frozen=True, slots=True)
class Fresh:
    """A default that is made anew each time, for it can be changed."""

    make: Callable[[], Any]


def fresh(make: Callable[[], Any]) -> Any:
    """What is made anew each time, as the default of a field that holds a map or a list (`fresh(dict)`)."""
    return Fresh(make)


@dataclass(frozen=True, slots=True)
class Before(ForPydantic):
    """A function that sees a value before its type is looked at: it gives the value back, or says what is wrong."""

    judge: Callable[[Any], Any]

    def __iter__(self) -> Iterator[Any]:
        """As annotations of pydantic."""
        from pydantic import BeforeValidator

        yield BeforeValidator(self.judge)


@dataclass(frozen=True, slots=True)
class After(ForPydantic):
    """A function that sees a value of the right type: it gives the value back, or says what is wrong."""

    judge: Callable[[Any], Any]

    def __iter__(self) -> Iterator[Any]:
        """As annotations of pydantic."""
        from pydantic import AfterValidator

        yield AfterValidator(self.judge)


@dataclass(frozen=True, slots=True)
class Examples:
    """What could stand there, for the JSON Schema."""

    values: tuple[Any, ...]

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        """With the examples."""
        return {**handler(schema), "examples": list(self.values)}


@cache
def model_of(made: type[Declarable]) -> type[BaseModel]:
    """The model of pydantic that judges what is declared of it. Its `declared_by` is the class."""
    from pydantic import BaseModel, ConfigDict, Field

    defaults = {
        name: Field(default_factory=value.make) if isinstance(value, Fresh) else value
        for name, value in made.field_defaults.items()
    }
    space = {
        "__annotations__": dict(made.field_types),
        "__module__": made.__module__,
        "__qualname__": made.__qualname__,
        "__doc__": made.__dict__.get("__doc__"),
        "model_config": ConfigDict(extra="forbid", frozen=True),
        **defaults,
    }
    model: Any = types.new_class(made.__name__, (BaseModel,), exec_body=lambda it: it.update(space))
    model.declared_by = made
    found: type[BaseModel] = model
    return found


def validated(made: type[Declarable], fields: Mapping[str, Any]) -> None:
    """Raises pydantic's ValidationError for what it does not take."""
    model_of(made).__pydantic_validator__.validate_python(fields, strict=True)


def plain_type(made: type[Declarable], name: str) -> Any:
    """The type of a field without its markers."""
    given = made.field_types[name]
    return get_args(given)[0] if get_origin(given) is Annotated else given


def default_of(made: type[Declarable], name: str) -> tuple[bool, Any]:
    """Whether the field has to be declared, and what it is when it is not; None where that is made anew each time."""
    default = made.field_defaults.get(name, made)
    if any(type(it).__name__ == "FieldInfo" for it in (default, *get_args(made.field_types[name])[1:])):
        info = model_of(made).model_fields[name]  # of pydantic's own `Field`, which knows more words than ours
        has_one = not info.is_required() and info.default_factory is None
        return info.is_required(), info.default if has_one else None
    return default is made, None if default is made or isinstance(default, Fresh) else default
