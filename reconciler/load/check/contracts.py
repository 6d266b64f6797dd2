"""`metadata_schema:`: what the metadata of everything in a stack, an index or a collection must be like.

The schema is written in place or in a JSON file, in draft 2020-12. That of the stack may be one for each section:
`{assets: asset.json, entity_collections/entities: {required: [team]}}`. `format` is asserted. References stay inside of
the schema: nothing is fetched. What an `external:` resource has is not ours, and not asked about. How it is kept from
taking for ever, and from telling what is secret, is in `schemas`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from reconciler.frozen import dataclass
from reconciler.load.check.laters import Samples
from reconciler.load.check.schemas import Budget, TooManySteps, compiled, unknown, without_values
from reconciler.load.grammar.declarations import Declaration, Declarations
from reconciler.load.grammar.defaults import by_section
from reconciler.load.grammar.json_files import json_in
from reconciler.load.grammar.shapes import Shape, at
from reconciler.load.problems import Place, Problems, dotted
from reconciler.load.sources import Outside, Root, TextFile
from reconciler.load.wording import a, cut, one_of, shown
from reconciler.load.yaml.positions import Path
from reconciler.model import Resource, parent_of, sections_of
from reconciler.redact import Secret, holds_secret

__all__ = ["WORD", "Contracts"]

WORD: Final = "metadata_schema"


@dataclass(frozen=True, slots=True)
class Contract:
    """A compiled schema and where it is asked for."""

    place: Place
    errors: Callable[[Any], Iterable[Any]]
    schema: Mapping[str, Any]


class Contracts:
    """Checks the metadata of one stack. `sources` are the files of schemas that were read."""

    def __init__(self, root: Root, problems: Problems, shapes: Mapping[str, Shape]) -> None:
        self._root = root
        self._shapes = shapes
        self._problems = problems
        self._of_files: dict[str, tuple[TextFile, Any] | None] = {}
        self._broken: set[Place] = set()
        self._budget = Budget()
        self._laters: Mapping[str, Mapping[str, Samples]] = {}
        self._asked: dict[str, list[Contract]] = {}
        """Section, address of a parent, or "" for the whole stack → what its metadata must be like."""

    @property
    def sources(self) -> list[TextFile]:
        """The files that were read."""
        return [read[0] for read in self._of_files.values() if read is not None]

    def check(
        self,
        entries: Declarations,
        resources: Mapping[str, Resource],
        whole: tuple[Place, Any] | None,
        laters: Mapping[str, Mapping[str, Samples]],
    ) -> None:
        """Hold the metadata of each resource against the schemas of what it is in; `whole` is that of the stack,
        `laters` what may come by address and key where a value is known after apply."""
        self._laters = laters
        for_all, of_sections = self._of_the_stack(whole)
        of_parents = {
            entry.address: self._compiled(entry.place((WORD,)), entry.raw[WORD])
            for entry in entries.values()
            if entry.shape.children and WORD in entry.raw
        }
        if for_all is None and not of_parents and not of_sections:
            return
        asked = {"": for_all, **of_sections, **of_parents}
        self._asked = {key: [contract] for key, contract in asked.items() if contract is not None}
        for entry in entries.values():
            # What is only looked up has the metadata that somebody else gave it.
            if entry.shape.metadata is not None and not resources[entry.address].external:
                parent = parent_of(entry.address)
                of_section = of_sections.get("/".join(sections_of(entry.address)))
                for contract in (for_all, of_section, of_parents.get(parent) if parent else None):
                    if contract is not None:
                        self._hold(entry, entry.shape.metadata.name, resources[entry.address], contract)

    def keys(self, section: str, parent: str) -> tuple[frozenset[str], bool]:
        """What metadata of a section below a parent has by the schemas that are asked for, and whether there is nothing
        else; after `check`."""
        schemas = [it.schema for key in ("", section, parent) for it in self._asked.get(key, ())]
        named = (it.get("properties") for it in schemas)
        known = frozenset(key for properties in named if isinstance(properties, Mapping) for key in properties)
        closed = any(it.get("additionalProperties") is False and "patternProperties" not in it for it in schemas)
        return known, closed

    def _of_the_stack(self, whole: tuple[Place, Any] | None) -> tuple[Contract | None, dict[str, Contract | None]]:
        """The schema of all metadata, or those of some sections."""
        if whole is None:
            return None, {}
        place, said = whole
        # No keyword of JSON Schema is called as a section is.
        if not isinstance(said, Mapping) or not any(at(key, self._shapes) for key in said):
            return self._compiled(place, said), {}
        found: dict[str, Contract | None] = {}
        for section, shape, schema in by_section(place, said, self._shapes, WORD, self._problems):
            where = Place(place.source, (*place.path, section))
            if shape.metadata is None:
                self._problems.add(where, f"{WORD}: what stands under `{section}:` has no metadata")
            else:
                found[section] = self._compiled(where, schema)
        return None, found

    def _hold(self, entry: Declaration, name: str, resource: Resource, contract: Contract) -> None:
        metadata = resource.fields.get(name, {})
        if not isinstance(metadata, dict) or contract.place in self._broken or self._problems.full:
            return
        if holds_secret(metadata):
            # The library quotes values in what it says.
            metadata = without_values(metadata)
        if laters := self._laters.get(entry.address):
            self._hold_later(entry, name, laters, contract)
        metadata = {key: _first(laters, key, value) for key, value in metadata.items()} if laters else metadata
        # Each resource brings steps of its own: a big stack is not refused for being big.
        self._budget.more()
        try:
            for error in contract.errors(metadata):
                if laters and error.absolute_path and error.absolute_path[0] in laters:
                    continue  # was held against it by itself
                for path, on_key, summary in _explained(error, self._problems.hint):
                    place = entry.place((name, *path), on_key=on_key)
                    what = f"{dotted((name, *path)) if not on_key else name}: {summary} ({WORD} at {contract.place})"
                    self._problems.add(place, what, address=entry.blamed((name, *path)))
                if self._problems.full:
                    return
        except Exception as error:  # whatever a stranger's schema does to the library is wrong with the schema
            self._broken.add(contract.place)
            self._problems.add(contract.place, f"{WORD}: {_why(error)}")

    def _hold_later(self, entry: Declaration, name: str, laters: Mapping[str, Samples], contract: Contract) -> None:
        """Of a value that is known after apply its type must fit, and each of its values if it is one of a few."""
        for key, samples in laters.items():
            for sample in samples.each:
                errors = [it for it in contract.errors({key: sample.value}) if list(it.absolute_path)[:1] == [key]]
                if any(sample.exact or it.validator == "type" for it in errors):
                    told = next((words for it in errors for _, _, words in _explained(it, lambda *_: "")), "")
                    told = told if sample.exact else told.partition(", got ")[0]
                    what = f"{name}.{key}: {samples.later.address} may have {sample.called} for it: {told}"
                    blamed = entry.blamed((name, key))
                    self._problems.add(entry.place((name, key)), f"{what} ({WORD} at {contract.place})", address=blamed)
                    break

    # Schemas

    def _compiled(self, place: Place, said: Any) -> Contract | None:
        """The schema, ready for use; None and a problem if it is none."""
        if isinstance(said, str) and not isinstance(said, Secret):
            read = self._file(said, place)
            if read is None:
                return None
            source, schema = read
            within = Place(source)
        else:
            schema, within = said, place
        if holds_secret(schema):
            self._problems.add(place, f"{WORD}: cannot come from the environment; it is shown in messages")
            return None
        if not isinstance(schema, dict):
            self._problems.add(place, f"{WORD}: expected a JSON Schema, or the path of one, got {a(schema)}")
            return None
        made = compiled(schema, self._budget)
        if not isinstance(made, tuple):
            return Contract(place, made, schema)
        path, summary = made
        inner = Place(within.source, (*within.path, *path))
        self._problems.add(inner, f"{WORD}: {summary}", address="" if within is not place else None)
        return None

    def _file(self, written: str, place: Place) -> tuple[TextFile, Any] | None:
        if written not in self._of_files:
            self._of_files[written] = self._read(written, place)
        return self._of_files[written]

    def _read(self, written: str, place: Place) -> tuple[TextFile, Any] | None:
        try:
            source = self._root.read(written)
        except Outside as error:
            self._problems.add(place, f'{WORD}: "{cut(written)}" {error}')
            return None
        read, schema = json_in(source, self._problems)
        return (source, schema) if read else None


def _first(laters: Mapping[str, Samples], key: str, value: Any) -> Any:
    """A value of the sort that is known after apply, for rules about the whole."""
    return laters[key].each[0].value if key in laters else value


def _why(error: Exception) -> str:
    """Why a schema cannot be checked by."""
    from referencing.exceptions import Unresolvable

    if isinstance(error, TooManySteps):
        return str(error)
    if isinstance(error, Unresolvable):
        return f'no such part of it: "{cut(str(error.ref))}"'
    if isinstance(error, RecursionError):
        return "refers to itself without end"
    return (
        f"cannot be checked by; a part of it is not a schema, or not a rule for this metadata ({type(error).__name__})"
    )


# What a violation is called

_TYPES: Final = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}

_LIMITS: Final[Mapping[str, str]] = {
    "minimum": "must be at least {limit}, is {value}",
    "maximum": "must be at most {limit}, is {value}",
    "exclusiveMinimum": "must be more than {limit}, is {value}",
    "exclusiveMaximum": "must be less than {limit}, is {value}",
    "multipleOf": "must be a multiple of {limit}, is {value}",
    "minLength": "must have at least {limit} characters, has {size}",
    "maxLength": "must have at most {limit} characters, has {size}",
    "minItems": "must have at least {limit} items, has {size}",
    "maxItems": "must have at most {limit} items, has {size}",
    "minProperties": "must have at least {limit} keys, has {size}",
    "maxProperties": "must have at most {limit} keys, has {size}",
    "pattern": "{value} does not fit the pattern {limit}",
    "format": "{value} is not a valid {limit}",
    "const": "must be {shown_limit}, is {value}",
}


def _explained(error: Any, hint: Callable[[str, Iterable[str]], str]) -> Iterator[tuple[Path, bool, str]]:
    """(path in the metadata, whether the key is meant, summary) of one violation."""
    path: Path = tuple(error.absolute_path)
    value, limit = error.instance, error.validator_value
    match error.validator:
        case "required":
            for name in limit:
                if name not in value:
                    yield path, True, f"needs `{name}`"
        case "additionalProperties" if limit is False:
            known = tuple(error.schema.get("properties", ()))
            for name in unknown(value, error.schema):
                yield (*path, name), True, f'unknown key "{cut(name)}"{hint(name, known)}'
        case "type":
            expected = one_of(_TYPES[name] for name in ([limit] if isinstance(limit, str) else limit))
            yield path, False, f"expected {expected}, got {a(value)}"
        case "enum":
            words = [item for item in limit if isinstance(item, str)]
            near = hint(value, words) if type(value) is str else ""
            yield path, False, f"expected {one_of(map(shown, limit))}, got {a(value)}{near}"
        case keyword if keyword in _LIMITS:
            size = len(value) if isinstance(value, (str, list, dict)) else 0
            parts = {"limit": limit, "shown_limit": shown(limit), "value": shown(value), "size": size}
            yield path, False, _LIMITS[keyword].format(**parts)
        case _:
            yield path, False, cut(error.message)
