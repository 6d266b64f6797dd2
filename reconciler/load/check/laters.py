"""`{from: analyses/topics, at: /topic}` in metadata: which result is meant, and whether what it says can stand here.

What an answer may hold is told by the schema that it was asked for in. So a value is taken only from where every answer
has one: of each part of the pointer the schema must say that it is required. Whether the kind takes such a value is for
the kind itself to say: it is shown one of each sort that may come.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

from reconciler.frozen import dataclass
from reconciler.kind import Derived, Kind, WrongItems
from reconciler.later import Later, tokens
from reconciler.load.grammar.declarations import Declaration, Declarations
from reconciler.load.problems import Problems
from reconciler.load.wording import a, cut, did_you_mean, shown
from reconciler.load.yaml.positions import Path
from reconciler.model import Resource
from reconciler.redact import holds_secret

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["Laters", "Samples"]

_FROM: Final = "from"
_AT: Final = "at"
_DEEPEST: Final = 40
_TYPES: Final[Mapping[str, tuple[Any, str]]] = {
    "string": ("text", "a text"),
    "integer": (1, "a whole number"),
    "number": (0.5, "a number"),
    "boolean": (True, "true or false"),
    "null": (None, "null"),
    "object": ({"key": "value"}, "a mapping"),
}
"""Each type of JSON Schema but lists → a value of it, how such values are called."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A value that may come, and how such values are called; `exact`: it is one of the few that can come at all."""

    value: Any
    called: str
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Samples:
    """What may come of one such value."""

    later: Later
    each: Sequence[Sample]


class _Astray(Exception):
    """A pointer leads nowhere that every answer has; the text says why."""


@dataclass
class Laters:
    """Those of one stack. `closed` says that all of it was read, so that an unknown name is wrong."""

    entries: Declarations
    problems: Problems
    closed: bool
    said: list[tuple[Declaration, str, str, Later]] = field(default_factory=list)
    """(who is given it, its field, key, the value)"""
    samples: dict[str, dict[str, Samples]] = field(default_factory=dict)
    """address → key → what may come"""

    # Which result is meant

    def taken_out(self, entry: Declaration, fields: dict[str, Any]) -> dict[str, Later]:
        """Take what is known later out of the metadata, and give it by its keys; what is wrong with one is said."""
        spec = entry.shape.metadata
        metadata = fields.get(spec.name) if spec else None
        if spec is None or not isinstance(metadata, dict) or dict not in map(type, metadata.values()):
            return {}
        forms = {key: value for key, value in metadata.items() if isinstance(value, Mapping) and _FROM in value}
        if not forms:
            return {}
        fields[spec.name] = {key: value for key, value in metadata.items() if key not in forms}
        found: dict[str, Later] = {}
        for key, form in forms.items():
            if (later := self._meant(entry, (spec.name, key), form)) is not None:
                found[key] = later
                self.said.append((entry, spec.name, key, later))
        return found

    def _meant(self, entry: Declaration, path: Path, form: Mapping[str, Any]) -> Later | None:
        unknown = [word for word in form if word not in (_FROM, _AT)]
        for word in unknown:
            self._say(entry, (*path, word), f'unknown word "{cut(word)}"{did_you_mean(word, (_AT,))}', on_key=True)
        pointer, named = form.get(_AT, ""), form[_FROM]
        wrong = bool(unknown)
        if not isinstance(pointer, str) or holds_secret(pointer) or tokens(pointer) is None:
            hint = f"; write /{pointer}" if isinstance(pointer, str) and not holds_secret(pointer) else ""
            self._say(entry, (*path, _AT), f"at: expected a JSON Pointer such as /topic, got {a(pointer)}{hint}")
            wrong = True
        if not isinstance(named, str) or holds_secret(named):
            what = "the address of an analysis, or of a group of them"
            self._say(entry, (*path, _FROM), f"from: expected {what}, got {a(named)}")
            return None
        address = self._address(entry, (*path, _FROM), named)
        return None if wrong or address is None else Later(address, pointer)

    def _address(self, entry: Declaration, path: Path, named: str) -> str | None:
        """The address of the result that a name stands for: of a group, that of this very input."""
        if (members := self.entries.groups.get(named)) is not None and self._are_results(members):
            inputs = self._inputs(entry)
            fit = [one for one in members if self._made_of(one) in inputs]
            if len(fit) == 1:
                return fit[0]
            some = f" ({', '.join(members[:3])}{', …' if len(members) > 3 else ''})" if members else ""
            what = f"has {'several results' if fit else 'no result'} of {' and '.join(inputs)}"
            self._say(entry, path, f"from: {cut(named)} {what}; name one of them by its whole address{some}")
            return None
        if (referred := self.entries.get(named)) is not None:
            if issubclass(referred.shape.kind, Derived):
                return named
            self._say(entry, path, f"from: {cut(named)} is nothing that is made from media, so it says nothing")
        elif self.closed:
            hint = self.problems.hint(named, self._known()) or "; declare it under `analyses:`"
            self._say(entry, path, f"from: there is no {cut(named)}{hint}")
        return None

    def _are_results(self, members: Sequence[str]) -> bool:
        return all(issubclass(self.entries[one].shape.kind, Derived) for one in members if one in self.entries)

    def _inputs(self, entry: Declaration) -> list[str]:
        """What a result may be made of that is one of this very resource: it itself, or what it stands for."""
        found = {entry.address: None}
        for spec in entry.shape.refs:
            named = entry.raw.get(spec.name, entry.key if spec.from_key else None)
            names = named if isinstance(named, list) else [named]
            prefix = self._prefixes.get(spec.ref or "", "")
            found |= {it if "/" in it else f"{prefix}{it}": None for it in names if isinstance(it, str)}
        return list(found)

    @cached_property
    def _prefixes(self) -> Mapping[str, str]:
        """Kind → what begins the addresses of its objects."""
        return {entry.shape.kind.__name__: entry.shape.prefix for entry in self.entries.values()}

    def _made_of(self, address: str) -> str:
        entry = self.entries.get(address)
        spec = entry.shape.each if entry else None
        return str(entry.raw.get(spec.name)) if entry and spec else ""

    def _known(self) -> Iterator[str]:
        """Addresses, and groups, that values can be taken from."""
        for address, members in self.entries.groups.items():
            if members and self._are_results(members):
                yield address
                yield from members

    # What it says

    def check(self, resources: Mapping[str, Resource], unread: Collection[str]) -> None:
        """Hold each value against the form of the answer that it is taken from, and against its own kind. Of what is in
        a file that could not be read nothing is known."""
        for entry, name, key, later in self.said:
            referred, source = resources.get(later.address), self.entries.get(later.address)
            if referred is None or source is None or not issubclass(source.shape.kind, Derived):
                continue
            if later.address in unread:
                continue
            try:
                samples = _samples(source.shape.kind, referred, later)
            except _Astray as astray:
                self._say(entry, (name, key, _AT), f"at: {astray}", fallback=(name, key, _FROM))
                continue
            if samples:
                self.samples.setdefault(entry.address, {})[key] = Samples(later, samples)
            for sample in samples:
                if why := _refused(entry.shape.kind, name, key, sample.value):
                    where = f"at {later.pointer}" if later.pointer else "in all"
                    what = f"{later.address} may have {sample.called} {where}: {why}"
                    self._say(entry, (name, key, _AT), f"at: {what}", fallback=(name, key, _FROM))
                    break

    def _say(
        self, entry: Declaration, path: Path, what: str, *, on_key: bool = False, fallback: Path | None = None
    ) -> None:
        form = entry.raw.get(str(path[0]), {}).get(path[1], {})
        if fallback is not None and path[-1] not in form:  # `at` was left out
            path = fallback
        where = f"{path[0]}.{path[1]}"
        self.problems.add(entry.place(path, on_key=on_key), f"{where}: {what}", address=entry.blamed(path))


def _samples(kind: type[Derived], resource: Resource, later: Later) -> list[Sample]:
    """One of each sort of value that may be there. Raises _Astray."""
    try:
        form = kind.form(resource.fields)
    except (ValueError, KeyError, TypeError, AttributeError):  # what is wrong with the schema is said where it stands
        return []
    if form is None:
        raise _Astray(f"{later.address} is no single answer, so no value can be taken from it")
    if not later.pointer and isinstance(names := form.get("properties"), Mapping):
        first = f"/{next(iter(names), 'topic')}"
        raise _Astray(f"what {later.address} says is a mapping; say which part of it, as `at: {first}`")
    return [
        sample for leaf in _leaves(form, form, tokens(later.pointer) or [], "", 0) for sample in _of_leaf(leaf, later)
    ]


def _leaves(part: Any, root: Mapping[str, Any], names: list[str], at: str, depth: int) -> Iterator[Mapping[str, Any]]:
    """The schemas of what is at a pointer, one for each form that an answer may have."""
    if depth > _DEEPEST or not isinstance(part, Mapping):
        raise _Astray("its schema says nothing of what is there")
    if isinstance(ref := part.get("$ref"), str):
        target = root.get("$defs", {})
        yield from _leaves(target.get(ref.removeprefix("#/$defs/")), root, names, at, depth + 1)
    elif isinstance(options := part.get("anyOf"), list) and "properties" not in part:
        for option in options:
            yield from _leaves(option, root, names, at, depth + 1)
    elif not names:
        yield part
    else:
        yield from _leaves(_property(part, names[0], at), root, names[1:], f"{at}/{names[0]}", depth + 1)


def _property(part: Mapping[str, Any], name: str, at: str) -> Any:
    """The schema of what every answer has under a name."""
    inside = f"in {at}" if at else "in the answer"
    if part.get("type") == "array":
        raise _Astray(f"a list is {inside}, and how many items it has nobody knows before")
    if part.get("type") == "string" and not at:
        raise _Astray("the answer is one text; leave `at` out, or ask for a form with `response:`")
    known = part.get("properties")
    if not isinstance(known, Mapping) or name not in known:
        names = known if isinstance(known, Mapping) else {}
        raise _Astray(f'there is no "{cut(name)}" {inside}{did_you_mean(name, names)}')
    required = part.get("required")
    if not isinstance(required, list) or name not in required:
        raise _Astray(f'an answer may lack "{cut(name)}": name it under `required` {inside} of its schema')
    return known[name]


def _of_leaf(leaf: Mapping[str, Any], later: Later) -> Iterator[Sample]:
    words = [leaf["const"]] if "const" in leaf else leaf.get("enum")
    if isinstance(words, list) and words:
        yield from (Sample(word, shown(word), exact=True) for word in words)
        return
    types = leaf.get("type")
    named = [types] if isinstance(types, str) else types if isinstance(types, list) else []
    if not named:
        raise _Astray(f"the schema of {later.address} does not say which `type` is there")
    for name in named:
        if name == "array":
            items = leaf.get("items")
            inner = items.get("type") if isinstance(items, Mapping) else None
            item, _ = _TYPES.get(str(inner), ({}, ""))
            yield Sample([item], "a list of texts" if inner == "string" else "a list")
        else:
            yield Sample(*_TYPES.get(str(name), (None, "something else")))


@lru_cache(maxsize=32)
def _adapter(kind: type[Kind], name: str) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # by a stack that has such values, and no other

    return TypeAdapter(kind.field_types[name])


def _refused(kind: type[Kind], name: str, key: str, value: Any) -> str:
    """Why a kind does not take a value under a key of its metadata; "" if it does."""
    from pydantic import ValidationError

    try:
        _adapter(kind, name).validate_python({key: value}, strict=True)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0].get("ctx", {}).get("error")
        said = wrong.by_path.get((key,)) if isinstance(wrong, WrongItems) else None
        return said or "it cannot be stored"
    return ""
