"""Values as `dataclasses` makes them, in a fifth of its time: a command makes some two hundred classes.

`dataclass` compiles a text for each method of each class, which took a third of what it takes to start. Here the
methods that say nothing of the class but its fields are closures, and `__init__` is compiled when the first value is
made. `fields`, `replace` and `asdict` read what they always read. What is asked for otherwise (`order`, `InitVar`,
fields that are not given) is made by `dataclasses` itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
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
        """As in the standard library."""
        if options.keys() - {"frozen", "slots", "kw_only"}:
            return dataclasses.dataclass(cls, **options)
        said = {name: options.get(name, False) for name in ("frozen", "slots", "kw_only")}
        return _made(cls, **said) if cls is not None else lambda it: _made(it, **said)


@dataclasses.dataclass(frozen=True)
class _Frozen:
    field: int


@dataclasses.dataclass
class _Changeable:
    field: int


PARAMS = {True: vars(_Frozen)["__dataclass_params__"], False: vars(_Changeable)["__dataclass_params__"]}
"""What classes say of themselves to `dataclasses`, which looks when others inherit from them."""
_SAMPLE: Any = dataclasses.fields(_Frozen)[0]
SPECIAL = ("InitVar", "KW_ONLY")
"""Annotations that only `dataclasses` understands."""
UNCOMPILED = 32
"""So many values of a class are made without a compiled `__init__`."""
NO_MORE = ("__dict__", "__weakref__")
"""What a class with slots has not."""


def _made(cls: type[T], *, frozen: bool, slots: bool, kw_only: bool) -> type[T]:
    own = _own_fields(cls, kw_only=kw_only)
    fields = {**_inherited(cls, frozen=frozen), **(own or {})}
    if own is None or not all(it.init for it in fields.values()):
        return dataclasses.dataclass(frozen=frozen, slots=slots, kw_only=kw_only)(cls)
    _check(cls, fields.values())
    given, home = vars(cls), list[type]()
    space = {**_methods(cls.__qualname__, home, tuple(fields.values()), frozen=frozen, slots=slots), **given}
    if given.get("__hash__") is None:  # which is how Python marks a class that has an `__eq__` of its own
        space["__hash__"] = _hash(fields.values()) if frozen else None
    space["__dataclass_fields__"], space["__dataclass_params__"] = fields, PARAMS[frozen]
    space["__match_args__"] = tuple(it.name for it in fields.values() if not it.kw_only)
    made = _with_slots(cls, space, fields, own) if slots else _in_place(cls, space, own)
    home.append(made)
    return made


def _inherited(cls: type, *, frozen: bool) -> dict[str, Field[Any]]:
    found: dict[str, Field[Any]] = {}
    for base in cls.__mro__[-1:0:-1]:
        if (params := vars(base).get("__dataclass_params__")) is not None:
            if params.frozen is not frozen:
                raise TypeError(f"{cls.__name__}: {base.__name__} can be changed or not, and so must it")
            found |= vars(base)["__dataclass_fields__"]
    return found


def _check(cls: type, fields: Iterable[Field[Any]]) -> None:
    """Raises TypeError for fields of which no `__init__` can be made."""
    before = ""
    for it in fields:
        if it.kw_only:
            continue
        if it.default is not MISSING or it.default_factory is not MISSING:
            before = it.name
        elif before:
            raise TypeError(f"{cls.__name__}: {it.name!r} has no default, and stands after {before!r}, which has one")


def _own_fields(cls: type, *, kw_only: bool) -> dict[str, Field[Any]] | None:
    """Those that the class itself declares; None where it declares more than fields."""
    found: dict[str, Field[Any]] = {}
    for name, given in vars(cls).get("__annotations__", {}).items():
        said = given if isinstance(given, str) else str(given)
        if any(word in said for word in SPECIAL):
            return None
        if said.startswith(("ClassVar", "typing.ClassVar")):
            continue
        default = vars(cls).get(name, MISSING)
        made: Any = default if isinstance(default, Field) else dataclasses.field(default=default)
        if made.default.__class__.__hash__ is None:
            raise ValueError(
                f"mutable default {type(made.default)} for field {name} is not allowed: use default_factory"
            )
        made.name, made.type, made._field_type = name, given, _SAMPLE._field_type
        made.kw_only = kw_only if made.kw_only is MISSING else made.kw_only
        found[name] = made
    return found


def _with_slots(cls: type[T], space: dict[str, Any], fields: Iterable[str], own: dict[str, Field[Any]]) -> type[T]:
    """The class made anew: what has slots is no class that got them later."""
    inherited = {name for base in cls.__mro__[1:] for name in vars(base).get("__slots__", ())}
    kept = {name: it for name, it in space.items() if name not in own and name not in NO_MORE}
    kept["__slots__"] = tuple(name for name in fields if name not in inherited)
    metaclass: Any = type(cls)
    made = metaclass(cls.__name__, cls.__bases__, kept)
    made.__qualname__ = cls.__qualname__
    found: type[T] = made
    return found


def _in_place(cls: type[T], space: dict[str, Any], own: dict[str, Field[Any]]) -> type[T]:
    for name, it in own.items():
        if it.default is not MISSING:
            setattr(cls, name, it.default)
        elif name in vars(cls):
            delattr(cls, name)
    for name, value in space.items():
        if name not in own and vars(cls).get(name, MISSING) is not value:
            setattr(cls, name, value)
    return cls


def _methods(
    name: str, home: list[type], fields: tuple[Field[Any], ...], *, frozen: bool, slots: bool
) -> dict[str, Any]:
    """What a class has that says nothing of it but its fields. `home` gets the class itself, when it is made."""
    names = tuple(it.name for it in fields)
    methods = [_first(home, fields, slots=slots), _equal(fields), _shown(fields)]
    methods += _frozen(home, names) if frozen else []
    methods += _sent(names) if frozen and slots else []
    for method in methods:
        method.__qualname__ = f"{name}.{method.__name__}"
    return {method.__name__: method for method in methods}


def _frozen(home: list[type], names: tuple[str, ...]) -> list[Callable[..., Any]]:
    def __setattr__(self: Any, name: str, value: Any) -> None:
        if type(self) is home[0] or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)

    def __delattr__(self: Any, name: str) -> None:
        if type(self) is home[0] or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    return [__setattr__, __delattr__]


def _sent(names: tuple[str, ...]) -> list[Callable[..., Any]]:
    def __getstate__(self: Any) -> list[Any]:
        return [getattr(self, name) for name in names]

    def __setstate__(self: Any, state: list[Any]) -> None:
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    return [__getstate__, __setstate__]


def _equal(fields: Iterable[Field[Any]]) -> Callable[..., Any]:
    of = _taken([it.name for it in fields if it.compare])

    def __eq__(self: Any, other: object) -> Any:
        return of(self) == of(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash(fields: Iterable[Field[Any]]) -> Callable[..., Any]:
    of = _taken([it.name for it in fields if (it.compare if it.hash is None else it.hash)])

    def __hash__(self: Any) -> int:
        return hash(of(self))

    return __hash__


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


def _first(home: list[type], fields: tuple[Field[Any], ...], *, slots: bool) -> Callable[..., Any]:
    """An `__init__` that puts one in its place that is compiled, when so many values were made that it pays: to compile
    it takes as long as to make some eighty."""
    left = UNCOMPILED
    places = tuple(it.name for it in fields if not it.kw_only)

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal left
        left -= 1
        if left >= 0 and len(args) <= len(places):
            given = dict(zip(places, args, strict=False))
            if _filled(self, fields, given | kwargs, len(given) + len(kwargs)):
                return
        made: Any = home[0]
        compiled = _compiled(made, fields, slots=slots)
        if made.__init__ is __init__:
            made.__init__ = compiled
        compiled(self, *args, **kwargs)

    return __init__


def _filled(value: Any, fields: tuple[Field[Any], ...], given: dict[str, Any], count: int) -> bool:
    """Whether the fields were set; if not, what is given does not fit, of which the compiled one complains."""
    if len(given) < count:
        return False  # one of them twice
    known = 0
    for it in fields:
        name = it.name
        if name in given:
            known += 1
            said = given[name]
        elif it.default is not MISSING:
            said = it.default
        elif it.default_factory is not MISSING:
            said = it.default_factory()
        else:
            return False
        object.__setattr__(value, name, said)
    if known < count:
        return False
    if hasattr(value, "__post_init__"):
        value.__post_init__()
    return True


def _compiled(made: Any, fields: tuple[Field[Any], ...], *, slots: bool) -> Callable[..., None]:
    """Sets each slot by its descriptor, which is quicker than by `object.__setattr__`."""
    space: dict[str, Any] = {"_missing": MISSING, "_set": object.__setattr__}
    given, lines = ["self"], []
    for it in sorted(fields, key=lambda it: bool(it.kw_only)):
        name, value = it.name, it.name
        if it.kw_only and "*" not in given:
            given.append("*")
        if it.default_factory is not MISSING:
            space[f"_new_{name}"] = it.default_factory
            given.append(f"{name}=_missing")
            value = f"_new_{name}() if {name} is _missing else {name}"
        elif it.default is not MISSING:
            space[f"_default_{name}"] = it.default
            given.append(f"{name}=_default_{name}")
        else:
            given.append(name)
        if slots:
            space[f"_set_{name}"] = getattr(made, name).__set__
        lines.append(f" _set_{name}(self, {value})" if slots else f" _set(self, {name!r}, {value})")
    if hasattr(made, "__post_init__"):
        lines.append(" self.__post_init__()")
    text = f"def __init__({', '.join(given)}):\n" + "\n".join(lines or [" pass"])
    exec(text, space)  # noqa: S102 - of names of fields alone, as `dataclasses` does
    compiled: Callable[..., None] = space["__init__"]
    compiled.__qualname__ = f"{made.__qualname__}.__init__"
    return compiled
