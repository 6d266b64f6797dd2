"""A provider's kinds as the grammar sees them: sections, what may stand in an entry, and which words are whose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Final

from reconciler.frozen import dataclass
from reconciler.kind import Field, Kind, Known
from reconciler.kind.declarable import validated
from reconciler.kind.quick import plainly_right
from reconciler.load.yaml.positions import Path
from reconciler.model import MADE_OF_WORDS

__all__ = ["FOUND_BY", "OPTIONS", "Shape", "address_of", "at", "shapes_of", "stands_for"]

OPTIONS: Final = ("protect", "ignore", "id", "external", "replace")
"""What every resource takes besides the fields of its kind."""
FOUND_BY: Final = ("id", "external")
"""Options that say which object of the account is meant."""


@dataclass(slots=True)
class Shape:
    """One kind's entry in YAML."""

    kind: type[Kind]
    prefix: str
    """Of the addresses, for kinds without a parent: `assets/`."""
    fields: Mapping[str, Field]
    """Those that can be declared."""
    names: frozenset[str]
    from_key: Field | None
    refs: tuple[Field, ...]
    file: Field | None
    """The field that holds the path of a file."""
    metadata: Field | None
    known: tuple[tuple[str, str, Known], ...]
    """(field, field of the parts that it lists or "" for itself, names that those may have)"""
    alone: bool
    """Whether two entries with the same natural key would be mistaken for one another."""
    each: Field | None = None
    """The field that names several in YAML, of each of which one is made."""
    own: Mapping[str, Field] = field(default_factory=dict)
    """Fields that stand by a name in its place: a text, an image."""
    unsaid: frozenset[str] = frozenset()
    """Fields that an entry does not hold itself: those, and what is found out of what it names."""
    inside: tuple[Shape, Field | None] | None = None
    """What lives in something else and can be named with it (`indexes/catalog`), and the field for it; without one it
    is what that stands for that is meant."""
    from_files: tuple[Field, ...] = ()
    """Fields of which what they say may stand in a file."""
    target: Shape | None = None
    """What those are."""
    children: dict[str, Shape] = field(default_factory=dict)
    makers: frozenset[str] = frozenset()
    """Words that make resources of files and tables: `files`, `metadata_from`, `entities_from`."""
    others: tuple[str, ...] = ()
    """All words that are neither fields nor options: its children's sections, what makes them, and their contract."""
    ref_prefix: str = ""
    """Of the addresses that its key refers to, if it does."""

    def is_plainly_right(self, fields: Mapping[str, Any]) -> bool:
        """Whether the kind takes these declared fields, as far as that is to be seen at once."""
        return plainly_right(self.kind, fields)

    def validate(self, fields: Mapping[str, Any]) -> None:
        """Raises pydantic's ValidationError for declared fields that the kind does not take. What checks them is made
        for the first of a kind."""
        validated(self.kind, fields)

    def words(self) -> tuple[str, ...]:
        """All that an entry may hold."""
        return (*(name for name in self.fields if name not in self.unsaid), *self.options, *self.others)

    @property
    def options(self) -> tuple[str, ...]:
        """Those of OPTIONS that it takes: a result is nobody's but the stack's, so none is looked up or adopted."""
        return tuple(name for name in OPTIONS if self.each is None or name not in FOUND_BY)


def _shape(kind: type[Kind]) -> Shape:
    fields = {name: spec for name, spec in kind.specs.items() if not spec.identity}
    metadata = kind.field_with(lambda spec: spec.stamped and not spec.identity)
    spreading = kind.spreading()
    own = {name: spec for name, spec in fields.items() if spec.input}
    return Shape(
        kind=kind,
        prefix=f"{kind.section}/",
        fields=fields,
        names=frozenset(fields),
        from_key=kind.field_with(lambda spec: spec.from_key),
        refs=kind.refs(),
        file=kind.field_with(lambda spec: spec.file),
        metadata=metadata,
        known=tuple(
            (name, inner, part.known)
            for name, spec in fields.items()
            if spec.part
            for inner, part in spec.part.parts.items()
            if part.known
        )
        + tuple((name, "", spec.known) for name, spec in fields.items() if spec.known),
        from_files=tuple(spec for spec in fields.values() if spec.from_file),
        each=spreading[0] if spreading else None,
        own=own,
        unsaid=frozenset({*own, *kind.found_out()}),
        alone=bool(kind.natural_key) and (kind.unique or metadata is None),
    )


def shapes_of(kinds: Iterable[type[Kind]]) -> dict[str, Shape]:
    """Section → shape for the kinds without a parent; the others hang under theirs."""
    made = {kind: _shape(kind) for kind in kinds}
    for kind, shape in made.items():
        if kind.parent is not None:
            made[kind.parent].children[kind.section] = shape
    for shape in made.values():
        _connect(shape, {other.kind.__name__: other for other in made.values()})
    return {kind.section: shape for kind, shape in made.items() if kind.parent is None}


def _connect(shape: Shape, by_name: Mapping[str, Shape]) -> None:
    """Fill in what follows from the other kinds."""
    of_files = {"files", "metadata_from"} if shape.file is not None else set()
    shape.makers = frozenset(of_files | {f"{section}_from" for section in shape.children})
    if shape.each is not None:
        shape.target = by_name[str(shape.each.ref)]
        shape.inside = _inside(shape, by_name)
    contract = ("metadata_schema",) if shape.children else ()
    in_files = (it.from_file.word for it in shape.from_files if it.from_file and it.from_file.word != it.name)
    shape.others = (*in_files, *shape.children, *sorted(shape.makers), *contract)
    if shape.from_key is not None and shape.from_key.ref is not None:
        shape.ref_prefix = by_name[shape.from_key.ref].prefix


def _inside(shape: Shape, by_name: Mapping[str, Shape]) -> tuple[Shape, Field | None] | None:
    """What stands for an input within something else, as an asset does in an index."""
    for other in by_name.values():
        if other.kind.parent is not None and other.from_key and shape.each and other.from_key.ref == shape.each.ref:
            named = (spec for spec in shape.fields.values() if spec.each and spec.ref == other.kind.__name__)
            return other, next(named, None)
    return None


def at(section: str, shapes: Mapping[str, Shape]) -> Shape | None:
    """The kind of a section by its path: `indexes`, or `indexes/assets`."""
    first, _, below = section.partition("/")
    shape = shapes.get(first)
    return at(below, shape.children) if shape is not None and below else shape


def address_of(path: Path, shapes: Mapping[str, Shape]) -> str:
    """The address of the resource that a path in YAML leads into, or ""; of a group of results, where they are made
    of several."""
    words: list[str] = []
    level = shapes
    for section, name in zip(path[::2], path[1::2], strict=False):
        if section not in level:
            break
        words += (str(section), str(name))
        level = level[str(section)].children
    return "/".join(words)


def stands_for(address: str, shapes: Mapping[str, Shape]) -> bool:
    """Whether it is the address of a resource: section and name by turns, and for results the name of the input."""
    words = tuple(address.split("/"))
    if (shape := shapes.get(words[0])) is not None and shape.each is not None:
        return len(words) == MADE_OF_WORDS
    return len(words) % 2 == 0 and address_of(words, shapes) == address
