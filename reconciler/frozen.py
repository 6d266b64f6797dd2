"""Frozen values with slots, as `dataclasses` makes them, in a fifth of its time: a command makes some hundred classes.

`dataclass(frozen=True, slots=True)` compiles a text for each method of each class, which took a third of what it takes
to start. Here the methods that say nothing of the class but its fields are closures, and `__init__` is compiled when
the first value is made. What is asked for otherwise, or inherits fields, is made by `dataclasses` itself, and so is all
that `fields`, `replace` and `asdict` read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["dataclass"]

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, **options):
        """As in the standard library; quick for frozen classes with slots."""
        if options != {"frozen": True, "slots": True} or cls is not None:
            return dataclasses.dataclass(cls, **options)
        return _made


def _made(cls: type[T]) -> type[T]:
    if any(hasattr(base, "__dataclass_fields__") for base in cls.__bases__):
        return dataclasses.dataclass(frozen=True, slots=True)(cls)
    own = set(vars(cls))
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    fields = dataclasses.fields(made)
    if not all(it.init for it in fields):
        raise TypeError(f"{cls.__name__}: all fields are given; use `dataclasses` where they are not")
    params = made.__dataclass_params__
    params.init = params.repr = params.eq = params.frozen = True
    for method in (*_frozen(made, fields), *_compared(fields), _shown(fields), _first(made, fields)):
        if method.__name__ not in own:
            method.__qualname__ = f"{cls.__qualname__}.{method.__name__}"
            setattr(made, method.__name__, method)
    found: type[T] = made
    return found


def _frozen(made: type, fields: tuple[Field[Any], ...]) -> list[Callable[..., Any]]:
    names = tuple(it.name for it in fields)

    def __setattr__(self: Any, name: str, value: Any) -> None:
        if type(self) is made or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)

    def __delattr__(self: Any, name: str) -> None:
        if type(self) is made or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    def __getstate__(self: Any) -> list[Any]:
        return [getattr(self, name) for name in names]

    def __setstate__(self: Any, state: list[Any]) -> None:
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    return [__setattr__, __delattr__, __getstate__, __setstate__]


def _compared(fields: tuple[Field[Any], ...]) -> list[Callable[..., Any]]:
    of = _taken([it.name for it in fields if it.compare])
    hashed = _taken([it.name for it in fields if (it.compare if it.hash is None else it.hash)])

    def __eq__(self: Any, other: object) -> Any:
        return of(self) == of(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(hashed(self))

    return [__eq__, __hash__]


def _taken(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What takes these fields of a value, as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


def _shown(fields: tuple[Field[Any], ...]) -> Callable[..., Any]:
    names = [it.name for it in fields if it.repr]
    of, form = _taken(names), ", ".join(f"{name}=%r" for name in names)

    @recursive_repr()
    def __repr__(self: Any) -> str:
        return f"{self.__class__.__qualname__}({form % of(self)})"

    return __repr__


def _first(made: Any, fields: tuple[Field[Any], ...]) -> Callable[..., Any]:
    """An `__init__` that puts the one in its place that is compiled."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        compiled = _compiled(made, fields)
        if made.__init__ is __init__:
            made.__init__ = compiled
        compiled(self, *args, **kwargs)

    return __init__


def _compiled(made: Any, fields: tuple[Field[Any], ...]) -> Callable[..., None]:
    """Sets each slot by its descriptor, which is quicker than by `object.__setattr__`."""
    space: dict[str, Any] = {"_missing": MISSING}
    given, lines = ["self"], []
    for it in sorted(fields, key=lambda it: bool(it.kw_only)):
        name, value = it.name, it.name
        if it.kw_only and "*" not in given:
            given.append("*")
        space[f"_set_{name}"] = getattr(made, name).__set__
        if it.default_factory is not MISSING:
            space[f"_new_{name}"] = it.default_factory
            given.append(f"{name}=_missing")
            value = f"_new_{name}() if {name} is _missing else {name}"
        elif it.default is not MISSING:
            space[f"_default_{name}"] = it.default
            given.append(f"{name}=_default_{name}")
        else:
            given.append(name)
        lines.append(f" _set_{name}(self, {value})")
    if hasattr(made, "__post_init__"):
        lines.append(" self.__post_init__()")
    text = f"def __init__({', '.join(given)}):\n" + "\n".join(lines or [" pass"])
    exec(text, space)  # noqa: S102 - of names of fields alone, as `dataclasses` does
    compiled: Callable[..., None] = space["__init__"]
    compiled.__qualname__ = f"{made.__qualname__}.__init__"
    return compiled
