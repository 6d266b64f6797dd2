"""What a change of each field does, for `explain` and for README."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.kind import Field, Kind, Updating
from reconciler.provider import kinds_of
from reconciler.schema.stack import COMMON, FOUND_BY

__all__ = ["effect", "explain", "fields_table"]


def effect(field: Field, kind: type[Kind] | None = None) -> str:
    """What a change of the field does to the object, in a few words."""
    if kind is not None and kind.made_of_refs:
        if field.each:
            return "one for each; of the same content nothing is made anew"
        if field.ref:
            return "of the same content nothing is made anew"
        return "makes the result anew" if field.source else "in place; nothing is made anew"
    match field.update:
        case Updating.REPLACE:
            return "replaces the object"
        case Updating.MERGE:
            return "in place, key by key"
        case Updating.MEMBERS:
            return "in place: adds, then removes"
        case Updating.NEVER:
            return "another content replaces the object; the same content changes nothing"
        case Updating.WHOLE:
            return "in place"


def fields_table(provider: str) -> str:
    """The table of README: kinds, their fields, and what a change of each does."""
    lines = ["| kind | in YAML | field | what a change does |", "| --- | --- | --- | --- |"]
    for kind in kinds_of(provider):
        where = "/NAME/".join(kind.section_path())
        for number, field in enumerate(_declared(kind)):
            first = number == 0
            name = kind.__name__ if first else ""
            place = f"`{where}/NAME`" if first else ""
            needed = "*" if field.required or field.each else ""
            lines.append(f"| {name} | {place} | `{field.name}`{needed} | {effect(field, kind)} |")
    return "\n".join(lines)


def explain(kind: type[Kind], word: str | None = None) -> Iterator[str]:
    """The text of `explain KIND` or `explain KIND.FIELD`. Raises KeyError for an unknown field."""
    if word is not None:
        field = kind.specs[word]
        if field not in _declared(kind):
            raise KeyError(word)
        yield f"{kind.__name__}.{field.name}{' (required)' if field.required or field.each else ''}"
        yield f"  {field.doc}"
        yield f"  A change: {effect(field, kind)}."
        yield from (f"  {note}." for note in _notes(field))
        return
    yield f"{kind.__name__}: {(kind.__doc__ or '').strip()}"
    yield f"  In YAML under: {'/NAME/'.join(kind.section_path())}/NAME"
    yield ""
    fields = _declared(kind)
    width = max(len(field.name) for field in fields)
    for field in fields:
        yield f"  {field.name:<{width}}  {field.doc}"
        yield f"  {'':<{width}}  A change: {effect(field, kind)}."
    yield ""
    yield "  Every resource also takes: " + ", ".join(_common(kind)) + "."


def _declared(kind: type[Kind]) -> list[Field]:
    """The fields that YAML may hold."""
    return [field for field in kind.specs.values() if not field.identity and field.name not in kind.found_out()]


def _common(kind: type[Kind]) -> list[str]:
    return [name for name in COMMON if not (kind.stored and name in FOUND_BY)]


def _notes(field: Field) -> Iterator[str]:
    if field.input:
        yield "Stands by a name, in place of names of others: `of: {NAME: {…}}`"
    if field.ref:
        yield f"Names {field.ref} resources of this stack"
    if field.unordered:
        yield "Order does not matter"
    if field.from_key:
        yield "The key, when it is left out"
    if field.detail:
        yield "Lists leave it out: declaring it costs one request an object in each plan"
    if field.members and field.members.at_least:
        yield f"Never fewer than {field.members.at_least}"
