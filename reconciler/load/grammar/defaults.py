"""`defaults:`: fields that are given once for all entries of a section.

    defaults:
      assets: {protect: true, metadata: {league: nba}}
      entity_collections/entities: {metadata: {role: player}}

What an entry says itself goes before it, and metadata are joined key by key. They hold for what is made of files and
tables too, and not for what is only looked up (`external:`): that is as somebody else made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reconciler.load.grammar.declarations import Declaration, Declarations, Given, MadeFrom
from reconciler.load.grammar.shapes import FOUND_BY, Shape, at
from reconciler.load.problems import Place, Problems
from reconciler.load.wording import a, cut
from reconciler.model import sections_of

__all__ = ["WORD", "by_section", "inherit", "may_be_shared"]

WORD: Final = "defaults"


def may_be_shared(shape: Shape) -> tuple[str, ...]:
    """Words that can be the same for all entries of a section."""
    fields = (name for name, spec in shape.fields.items() if name not in shape.unsaid and not _is_own(spec, shape))
    return (*fields, *(name for name in shape.options if name not in FOUND_BY))


def _is_own(spec: Any, shape: Shape) -> bool:
    # What it is made of and how it is called tell one from the others; the recipe of a result is what many share.
    return bool(spec.each or spec.file or spec.from_key or spec.title or (spec.source and shape.each is None))


def inherit(
    entries: Declarations, said: tuple[Place, Any] | None, shapes: Mapping[str, Shape], found: Problems
) -> None:
    """Fill in, for each entry, what it does not say itself."""
    if said is None or not shapes:
        return
    place, _ = said
    given = {
        section: _checked(section, fields, shape, place, found)
        for section, shape, fields in by_section(*said, shapes, WORD, found)
    }
    for address, entry in entries.items():
        own = given.get("/".join(sections_of(address)))
        if own and not entry.raw.get("external"):
            entries[address] = _filled(entry, own, place)


def by_section(
    place: Place, said: Mapping[str, Any], shapes: Mapping[str, Shape], word: str, found: Problems
) -> Iterable[tuple[str, Shape, Any]]:
    """(section, its kind, what is said of it) for a mapping by section; what names none is complained of."""
    for section, value in said.items():
        shape = at(section, shapes)
        if shape is None:
            hint = found.hint(section, _sections(shapes))
            where = Place(place.source, (*place.path, section), on_key=True)
            known = hint or f"; known: {', '.join(_sections(shapes))}"
            found.add(where, f'{word}: there is no section "{cut(section)}"{known}')
        else:
            yield section, shape, value


def _sections(shapes: Mapping[str, Shape]) -> list[str]:
    """All sections, as `explain` has them: `indexes`, `indexes/assets`."""
    return [
        path
        for section, shape in shapes.items()
        for path in (section, *(f"{section}/{below}" for below in _sections(shape.children)))
    ]


def _checked(section: str, fields: Any, shape: Shape, place: Place, found: Problems) -> Mapping[str, Any]:
    """Those of the fields that can be shared; what they hold is looked at in each entry, as if it stood there."""
    path = (*place.path, section)
    if not isinstance(fields, dict):
        found.add(Place(place.source, path), f"{WORD}.{section}: expected a mapping of fields, got {a(fields)}")
        return {}
    shared = may_be_shared(shape)
    for name in fields.keys() - set(shared):
        where = Place(place.source, (*path, name), on_key=True)
        if name in shape.words():
            found.add(where, f"{WORD}.{section}: {name}: cannot be given for all; it is not the same for all")
        else:
            found.add(where, f'{WORD}.{section}: unknown field "{cut(name)}"{found.hint(name, shared)}')
    return {name: value for name, value in fields.items() if name in shared}


def _filled(entry: Declaration, given: Mapping[str, Any], place: Place) -> Declaration:
    """The entry with what it does not say; where each came from is kept."""
    raw, taken = dict(entry.raw), set[tuple[str, ...]]()
    metadata = entry.shape.metadata.name if entry.shape.metadata else ""
    for name, value in given.items():
        own = raw.get(name)
        if name == metadata and isinstance(own, dict) and isinstance(value, dict):
            taken |= {(name, key) for key in value.keys() - own.keys()}
            raw[name] = {**value, **own}
        elif name not in raw and not _stands_in_a_file(entry, name):
            taken.add((name,))
            raw[name] = value
    if not taken:
        return entry
    section = "/".join(sections_of(entry.address))
    origin = entry.origin or MadeFrom(entry.place(), None)
    shared = Given(Place(place.source, (*place.path, section)), frozenset(taken))
    return Declaration(entry.address, entry.shape, raw, entry.source, origin.having(shared))


def _stands_in_a_file(entry: Declaration, name: str) -> bool:
    """Whether the entry gives it by its other word, as `prompt_file:` gives the `prompt`."""
    spec = entry.shape.fields.get(name)
    return bool(spec and spec.from_file and spec.from_file.word in entry.raw)
