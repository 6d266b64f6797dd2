"""The markers of a kind's fields, and what they say of each field as one value.

What only some fields are is a marker; a marker exists only if something reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

from reconciler.frozen import dataclass
from reconciler.kind.declarable import Declarable, default_of

__all__ = [
    "CREATE_ONLY",
    "DETAIL",
    "EACH",
    "FILE",
    "FROM_KEY",
    "IDENTITY",
    "INPUT",
    "MERGE",
    "SOURCE",
    "STAMPED",
    "TITLE",
    "UNORDERED",
    "Field",
    "FromFile",
    "Known",
    "Mark",
    "Members",
    "Named",
    "Part",
    "Read",
    "Ref",
    "Updating",
    "Wire",
    "WrongItems",
    "fields_of",
]


class Mark(Enum):
    """Markers without an argument; put them into `Annotated[...]`."""

    CREATE_ONLY = "a change is a replace"
    UNORDERED = "order does not matter"
    MERGE = "updated by a merge patch: keys that are to go are sent as null"
    DETAIL = "left out of lists: read object by object, and only when it is declared"
    FROM_KEY = "the logical name, unless declared"
    SOURCE = "where the bytes come from: decides the identity, is never compared itself"
    IDENTITY = "what the bytes are: computed from the sources, kept in the stamp, never declared"
    STAMPED = "the map that carries our stamp"
    FILE = "the path of a file below the stack's directory: it is hashed, looked into and sent"
    TITLE = "the name that people see in the account: of one object, never of a group"
    EACH = "YAML names several in it, or globs of them: of each of them one is made"
    INPUT = "stands by a name in place of what EACH names: `of: {goal: {text: a goal is scored}}`"


CREATE_ONLY, UNORDERED, MERGE, DETAIL = Mark.CREATE_ONLY, Mark.UNORDERED, Mark.MERGE, Mark.DETAIL
FROM_KEY, SOURCE, IDENTITY, STAMPED = Mark.FROM_KEY, Mark.SOURCE, Mark.IDENTITY, Mark.STAMPED
FILE, TITLE, EACH, INPUT = Mark.FILE, Mark.TITLE, Mark.EACH, Mark.INPUT


@dataclass(frozen=True, slots=True)
class Wire:
    """The API's name for the field; without it the names are the same."""

    name: str


@dataclass(frozen=True, slots=True)
class Ref:
    """The field names other resources: their addresses in YAML's terms, their ids on the wire.

    `cut` says that deleting what it names takes the reference away without a word: who refers to it is found out then.
    """

    kind: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Members:
    """The set is changed by calls that add and remove, never below `at_least` members."""

    at_least: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """How the live value is read where the answer does not simply hold it under the wire name."""

    how: Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Known:
    """The names that were offered until a date, one of which the text must be, each once in a list: a mistyped name is
    found before anything is sent. Newer ones are listed in the stack under `allow_models:`."""

    names: frozenset[str]
    as_of: str


@dataclass(frozen=True, slots=True)
class Named:
    """The items of the list have names: YAML holds a mapping, and the names are kept, in its order, in the field
    `names`, which is not declared by itself."""

    names: str


@dataclass(frozen=True, slots=True)
class FromFile:
    """What the field says may stand in a file of the stack: YAML names it by `word`, and it is read with the stack. A
    field that holds no text itself may have the path in its own place."""

    word: str
    json: bool = False


class Updating(StrEnum):
    """How a changed field gets to the API."""

    WHOLE = "whole"
    MERGE = "merge"
    MEMBERS = "members"
    REPLACE = "replace"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind, as its markers say."""

    name: str
    wire: str
    update: Updating
    unordered: bool = False
    detail: bool = False
    from_key: bool = False
    source: bool = False
    identity: bool = False
    stamped: bool = False
    file: bool = False
    title: bool = False
    each: bool = False
    input: bool = False
    named: Named | None = None
    ref: str | None = None
    cut: bool = False
    members: Members | None = None
    read: Read | None = None
    part: type[Part] | None = None
    known: Known | None = None
    from_file: FromFile | None = None
    shape: type = object
    """What the value is, or each item of a list: str, bool, int, float or dict; object for whatever it may be."""
    many: bool = False
    required: bool = False
    default: Any = None

    @property
    def is_single(self) -> bool:
        """Whether a value of the right type needs no further look."""
        return not self.many and self.ref is None and self.shape in (str, bool, int, float)

    def named_in(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """What it names, of a field that refers to others: addresses, or ids, as the fields have them."""
        value = fields.get(self.name)
        return () if value is None else tuple(value) if isinstance(value, list | tuple) else (value,)


class WrongItems(ValueError):
    """A validator's word on single items of a map, by their keys or by the paths to them: the loader gives each its own
    position."""

    def __init__(self, by_key: Mapping[str, str] | Mapping[tuple[str | int, ...], str]) -> None:
        self.by_path = {key if isinstance(key, tuple) else (key,): text for key, text in by_key.items()}
        super().__init__("; ".join(f"{'.'.join(map(str, path))}: {text}" for path, text in self.by_path.items()))


class Part(Declarable):
    """A group of fields within a field, such as one model of an index: `Wire` and `UNORDERED` count there too."""

    parts: ClassVar[Mapping[str, Field]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.parts = fields_of(cls)


def fields_of(made: type[Declarable]) -> dict[str, Field]:
    """name → what its markers say."""
    return {name: _field_of(made, name, given) for name, given in made.field_types.items()}


MARKS = (Mark, Wire, Ref, Members, Named, Read, Known, FromFile)


def _field_of(made: type[Declarable], name: str, given: Any) -> Field:
    annotation, *said = get_args(given) if get_origin(given) is Annotated else (given,)
    marks = [mark for mark in said if isinstance(mark, MARKS)]
    plain = {mark for mark in marks if isinstance(mark, Mark)}
    wire = next((mark.name for mark in marks if isinstance(mark, Wire)), name)
    members = next((mark for mark in marks if isinstance(mark, Members)), None)
    ways = [
        *([Updating.REPLACE] if Mark.CREATE_ONLY in plain or Mark.IDENTITY in plain else []),
        *([Updating.MERGE] if Mark.MERGE in plain else []),
        *([Updating.MEMBERS] if members else []),
        *([Updating.NEVER] if Mark.SOURCE in plain else []),
    ]
    if len(ways) > 1:
        raise TypeError(f"{made.__name__}.{name}: one way to update, not {' and '.join(ways)}")
    part, many = _part_of(annotation)
    required, default = default_of(made, name)
    return Field(
        name=name,
        wire=wire,
        update=ways[0] if ways else Updating.WHOLE,
        unordered=Mark.UNORDERED in plain,
        detail=Mark.DETAIL in plain,
        from_key=Mark.FROM_KEY in plain,
        source=Mark.SOURCE in plain,
        identity=Mark.IDENTITY in plain,
        stamped=Mark.STAMPED in plain,
        file=Mark.FILE in plain,
        title=Mark.TITLE in plain,
        each=Mark.EACH in plain,
        input=Mark.INPUT in plain,
        named=next((mark for mark in marks if isinstance(mark, Named)), None),
        ref=next((mark.kind for mark in marks if isinstance(mark, Ref)), None),
        cut=next((mark.cut for mark in marks if isinstance(mark, Ref)), False),
        members=members,
        read=next((mark for mark in marks if isinstance(mark, Read)), None),
        part=part,
        known=next((mark for mark in marks if isinstance(mark, Known)), None),
        from_file=next((mark for mark in marks if isinstance(mark, FromFile)), None),
        shape=_shape_of(annotation),
        many=many,
        required=required,
        default=default,
    )


def _part_of(annotation: Any) -> tuple[type[Part] | None, bool]:
    """The `Part` inside a field's type, however deep, and whether the field holds a list."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation, False
    origin = get_origin(annotation)
    inner = get_args(annotation)[:1] if origin is Annotated else get_args(annotation)
    found = [_part_of(each) for each in inner] if origin is not Literal else []
    part = next((part for part, _ in found if part is not None), None)
    return part, origin in (list, tuple) or (origin is not dict and any(many for _, many in found))


def _shape_of(annotation: Any) -> type:
    """The one type of JSON that a field's type allows, of the items if it is a list; object if there are several."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Annotated, list, tuple):
        return _shape_of(inner[0])
    if origin in (Union, UnionType):
        shapes = {_shape_of(each) for each in inner if each is not NoneType}
        return shapes.pop() if len(shapes) == 1 else object
    if origin is Literal:
        return type(inner[0])
    plain = origin or annotation
    return plain if plain in (str, bool, int, float, dict) else object
