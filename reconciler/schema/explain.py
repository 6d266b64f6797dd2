"""What may be said, and what a change of it does: for `explain`, for README and for the reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.kind import Field, Kind, Updating
from reconciler.kind.docs import docs_of
from reconciler.load.grammar.settings import LISTS, MAIN_ONLY
from reconciler.provider import kinds_of
from reconciler.schema.stack import stack_schema
from reconciler.schema.words import default_of, example_of, values_of

__all__ = ["effect", "explain", "explain_top", "fields_table", "top_words", "words_of"]


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


def explain(provider: str, kind: type[Kind], word: str | None = None) -> Iterator[str]:
    """The text of `explain KIND` or `explain KIND.WORD`. Raises KeyError for an unknown word."""
    words = words_of(provider, kind)
    where = "/NAME/".join(kind.section_path()) + "/NAME"
    if word is not None:
        schema, field = words[word], kind.specs.get(word)
        needed = field is not None and (field.required or field.each)
        yield f"{kind.__name__}.{word}{' (required)' if needed else ''}"
        yield f"  {schema.get('description', '')}"
        if field is not None:
            yield f"  A change: {effect(field, kind)}."
            yield from (f"  {note}." for note in _notes(field))
        yield from _said(word, schema)
        return
    yield f"{kind.__name__}: {(kind.__doc__ or '').strip()}"
    yield f"  In YAML under: {where}"
    yield ""
    fields = _declared(kind)
    width = max(len(field.name) for field in fields)
    docs = docs_of(kind)
    for field in fields:
        yield f"  {field.name:<{width}}  {docs[field.name]}"
        yield f"  {'':<{width}}  A change: {effect(field, kind)}."
    yield ""
    rest = [name for name in words if name not in kind.specs]
    yield "  It also takes: " + ", ".join(rest) + f". `reconciler explain {kind.__name__}.WORD` says more of each."


def explain_top(provider: str, word: str) -> Iterator[str]:
    """The text of `explain WORD` for a key of the top, or `WORD.KEY` for what stands in it. Raises KeyError."""
    outer, _, inner = word.partition(".")
    schema = top_words(provider)[outer]
    for one in inner.split(".") if inner else ():
        schema = _inside(schema)[one]
    yield f"{word}: {schema.get('description', '')}".rstrip(": ")
    if not inner:
        yield (
            "  At the top of a stack, once in all its files."
            if outer not in LISTS
            else ("  At the top of any file of a stack; what several files say adds up.")
        )
        if outer in MAIN_ONLY:
            yield "  Not in a file that `include:` adds."
    yield from _said(word.rpartition(".")[2], schema)
    for name, it in _inside(schema).items():
        told = f"; {it['description']}" if "description" in it else ""
        yield f"  {name}: {values_of(it)}{default_of(it)}{told}"


def _inside(schema: dict[str, Any]) -> dict[str, Any]:
    """The words of a mapping; or of what it holds by names, or of the items of a list."""
    for inner in (schema, schema.get("additionalProperties"), schema.get("items"), *schema.get("anyOf", ())):
        if isinstance(inner, dict):
            words: dict[str, Any] = inner.get("properties") or (_inside(inner) if inner is not schema else {})
            if words:
                return words
    return {}


def top_words(provider: str) -> dict[str, Any]:
    """Keys of the top that are no sections, each with its schema."""
    properties: dict[str, Any] = stack_schema(provider)["properties"]
    sections = {kind.section for kind in kinds_of(provider)}
    return {name: schema for name, schema in properties.items() if name not in sections}


def words_of(provider: str, kind: type[Kind]) -> dict[str, Any]:
    """All that an entry of a kind takes, each with its schema."""
    schema = stack_schema(provider)
    for section in kind.section_path():
        schema = schema["properties"][section]["additionalProperties"]
    words: dict[str, Any] = schema["properties"]
    for each in kind.spreading()[:1]:
        for option in words[each.name].get("anyOf", ()):
            # What stands by a name in place of names of others: `of: {NAME: {text: …}}`.
            words = option.get("additionalProperties", {}).get("properties", {}) | words
    return words


def _said(word: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"  Values: {values_of(schema)}{default_of(schema)}."
    yield f"  Example: {example_of(word, schema)}"


def _declared(kind: type[Kind]) -> list[Field]:
    """The fields that YAML may hold."""
    return [field for field in kind.specs.values() if not field.identity and field.name not in kind.found_out()]


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
