"""Declarations → resources: the fields against their kind, references against all names, files against the disk."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any, Final

from reconciler.kind import Field, Known
from reconciler.load.check.laters import Laters
from reconciler.load.check.options import ignore_problems, ignored, option_problems
from reconciler.load.check.references import References
from reconciler.load.check.replacing import replacing_of
from reconciler.load.grammar.declarations import Declaration, Declarations
from reconciler.load.grammar.json_files import json_in, text_in
from reconciler.load.grammar.settings import DEFAULT_STORE
from reconciler.load.grammar.shapes import FOUND_BY, OPTIONS, Shape
from reconciler.load.problems import Place, Problems, dotted
from reconciler.load.sources import Outside, Root, TextFile
from reconciler.load.wording import a, cut
from reconciler.load.yaml.positions import Path
from reconciler.model import Resource, parent_of
from reconciler.redact import Secret

__all__ = ["Checker"]

_OPTIONS: Final = frozenset(OPTIONS)
INTO: Final = "into"
"""The field of a result that names its store."""
MORE_THAN_ONE: Final = 2
_NONE: Final[Mapping[str, Any]] = {}
_TOLD_APART: Final = frozenset({str, int, bool, float})
"""Types of values that natural keys are compared by."""


class Checker:
    """Makes the resources of one stack. `closed` says that all of it was read, so that an unknown name is wrong."""

    def __init__(
        self, entries: Declarations, shapes: Mapping[str, Shape], root: Root, problems: Problems, *, closed: bool
    ) -> None:
        self._entries = entries
        self._root = root
        self._problems = problems
        self._closed = closed
        self._shapes = {shape.kind.__name__: shape for shape in _all(shapes)}
        self._alone: dict[tuple[Any, ...], str] = {}
        self._ids: dict[tuple[str, str], str] = {}
        self._ignored: dict[str, tuple[str, ...]] = {}
        """kind → what of it is ignored in the whole stack"""
        self._allowed: set[str] = set()
        self._stores: Collection[str] = ()
        """Names of the stores that results can be kept in; none, if there is only the one."""
        self._texts: dict[str, tuple[TextFile, Any] | None] = {}
        """path → what stands there, read once; None for what cannot be read"""
        self._read_from: dict[tuple[str, str], TextFile] = {}
        """(address, field) → the file that it was read from"""
        self._unread: set[str] = set()
        """Addresses of which a file could not be read: what they lack is what should stand there."""
        self._say = partial(_said, problems, self._read_from)
        self._references = References(entries, self._shapes, problems, closed, self._say)
        self.laters = Laters(entries, problems, closed)
        """Values in metadata that are known after apply."""
        self.sources: list[TextFile] = []
        """Files that fields were read from."""

    def ignore(self, said: tuple[Place, Any] | None) -> None:
        """What the stack says of all its resources."""
        if said is None or not self._shapes:
            return
        place, patterns = said
        every = {field for shape in self._shapes.values() for field in shape.names}
        problems = list(ignore_problems(patterns, every))
        for path, summary in problems:
            self._problems.add(Place(place.source, (*place.path, *path)), f"ignore: {summary}")
        if not problems:
            self._ignored = {name: ignored(patterns, shape) for name, shape in self._shapes.items()}

    def allow(self, said: tuple[Place, Any] | None) -> None:
        """Names of models that are newer than the provider's list."""
        place, names = said or (Place(None), ())
        for index, name in enumerate(names):
            if type(name) is not str or not name:
                where = Place(place.source, (*place.path, index))
                self._problems.add(where, f"allow_models: expected the name of a model, got {a(name)}")
            else:
                self._allowed.add(name)

    def stores(self, results: Mapping[str, Any]) -> None:
        """Where results can be kept."""
        self._stores = results or (DEFAULT_STORE,)

    def resources(self) -> dict[str, Resource]:
        """All of them, also when some are wrong."""
        found = {address: self._resource(entry) for address, entry in self._entries.items()}
        for address, entry in self._entries.items():
            if entry.shape.each is not None:
                found[address] = self._told(entry, found[address], found)
        self.laters.check(found, self._unread)
        return found

    def _told(self, entry: Declaration, resource: Resource, all: Mapping[str, Resource]) -> Resource:
        """A result with what follows from its inputs, and whether that is enough to make it."""
        if self._is_garbled(entry) or self._entries.groups.get(entry.address) == [entry.address]:
            return resource  # or it stands for no input, which was said: nothing follows from that
        kind = entry.shape.kind
        try:
            told = kind.told(resource.fields, lambda address: all[address].fields if address in all else None)
        except ValueError as error:
            word = str(error).partition(":")[0]
            self._say(entry, (word,) if word in entry.raw else (), str(error))
            return resource
        fields = {**resource.fields, **told}
        if lack := kind.lacks(fields):
            self._say(entry, (), lack)
        return resource.having(fields)

    def _resource(self, entry: Declaration) -> Resource:
        shape = entry.shape
        fields, options = (dict(entry.raw), _NONE) if entry.raw.keys() <= shape.names else self._split(entry)
        # What exists already needs no field that only its making needs.
        known = "external" in options or "id" in options
        if None in fields.values():
            self._drop_empty(entry, fields)
        # Before it is validated: what the kind says of names holds for a key too.
        if shape.from_key is not None and shape.from_key.name not in fields:
            fields[shape.from_key.name] = entry.key
        if shape.each is not None:
            self._choose_store(entry, fields)
        for spec in shape.from_files:
            self._contents(entry, spec, fields)
        laters = self._valid(entry, fields, known=known)
        self._look_up(entry, fields)
        for field, inner, offered in shape.known:
            self._check_known(entry, field, inner, offered, fields.get(field))
        if shape.alone and "id" not in options:
            self._check_alone(entry, fields)
        self._check_enough(entry, fields, options)
        if options or laters or self._ignored:
            return Resource(
                entry.address, shape.kind.__name__, fields, laters=laters, **self._with_ignored(options, shape)
            )
        return Resource(entry.address, shape.kind.__name__, fields)

    def _look_up(self, entry: Declaration, fields: dict[str, Any]) -> None:
        """Put addresses in the place of names, and the plainest path in the place of that of a file."""
        for spec in entry.shape.refs:
            if spec.name in fields:
                fields[spec.name] = self._references.addresses(entry, spec, fields[spec.name])
        file = entry.shape.file
        if file is not None and file.name in fields:
            fields[file.name] = self._file(entry, file.name, fields[file.name])

    def _with_ignored(self, options: Mapping[str, Any], shape: Shape) -> Mapping[str, Any]:
        """The options, and in them what it ignores itself and with all of the stack."""
        if not self._ignored and "ignore" not in options:
            return options
        ignore = (*self._ignored.get(shape.kind.__name__, ()), *ignored(options.get("ignore", ()), shape))
        return {**options, "ignore": tuple(dict.fromkeys(ignore))}

    def _split(self, entry: Declaration) -> tuple[dict[str, Any], dict[str, Any]]:
        """Fields, and the options that every resource takes; unknown words stay with the fields."""
        fields: dict[str, Any] = {}
        options: dict[str, Any] = {}
        for name, value in entry.raw.items():
            if name in FOUND_BY and entry.shape.each is not None:
                what = "what is made of media is nobody's but this stack's; take it out"
                self._say(entry, (name,), f"{name}: {what}", on_key=True)
            elif name in _OPTIONS:
                wrong = list(option_problems(name, value, entry.shape))
                for path, summary in wrong:
                    self._say(entry, (name, *path), f"{name}: {summary}")
                if not wrong:
                    options |= replacing_of(value) if name == "replace" else {name: value}
            elif name in entry.shape.kind.specs and name not in entry.shape.names:
                self._say(entry, (name,), f"{name}: is found out, not declared; take it out", on_key=True)
            elif name not in entry.shape.others:
                fields[name] = value
        if options.get("external") is False:
            # Said so and not meant: the same as nothing.
            del options["external"]
        return fields, options

    def _drop_empty(self, entry: Declaration, fields: dict[str, Any]) -> None:
        for name in [name for name, value in fields.items() if value is None]:
            if name in entry.shape.names:
                self._say(entry, (name,), f"{name}: is empty; give a value, or leave it out", on_key=True)
                self._problems.mute(entry.place((name,)))
                del fields[name]

    def _choose_store(self, entry: Declaration, fields: dict[str, Any]) -> None:
        """Say into which store a result goes, also when that is not said; of one there is nothing to say."""
        name = fields.setdefault(INTO, DEFAULT_STORE)
        if isinstance(name, Secret) or not isinstance(name, str):
            return  # which is complained of as of any other field
        if name not in self._stores:
            hint = self._problems.hint(name, self._stores)
            known = hint or f"; there {'are' if len(self._stores) > 1 else 'is'} {', '.join(self._stores)}"
            self._say(entry, (INTO,), f'{INTO}: no store under `results:` is called "{cut(name)}"{known}')
        if len(self._stores) < MORE_THAN_ONE:
            del fields[INTO]

    def _valid(self, entry: Declaration, fields: dict[str, Any], *, known: bool) -> tuple[tuple[str, str], ...]:
        """Validate the fields but for values that are known after apply; (field, key) of those."""
        laters = self.laters.taken_out(entry, fields) if entry.shape.metadata is not None else _NONE
        self._validate(entry, fields, known=known)
        if not laters or entry.shape.metadata is None:
            return ()
        name = entry.shape.metadata.name
        fields[name] |= laters
        return tuple((name, key) for key in laters)

    def _validate(self, entry: Declaration, fields: Mapping[str, Any], *, known: bool) -> None:
        if entry.shape.is_plainly_right(fields):
            return
        # Imported for what may be wrong, for pydantic comes with it.
        from reconciler.load.check.complaints import complaints_of

        count, found = complaints_of(entry.shape, fields)
        if self._problems.full:
            self._problems.more += count
            return
        for said, (path, on_key, summary) in enumerate(found, start=1):
            # What exists already needs nothing.
            if path or not (known or None in entry.raw.values()):
                self._say(entry, path, summary, on_key=on_key)
            if self._problems.full:
                self._problems.more += count - said
                break

    # Files, and what else is not a matter of one field

    def _contents(self, entry: Declaration, spec: Field, fields: dict[str, Any]) -> None:
        """Put what stands in the file into its field."""
        assert spec.from_file is not None
        word, is_json = spec.from_file.word, spec.from_file.json
        said = entry.raw.get(word)
        if word not in entry.raw or (word == spec.name and not isinstance(said, str)):
            return
        if word != spec.name and spec.name in entry.raw:
            self._say(entry, (word,), f"has both `{spec.name}` and `{word}`; keep one", on_key=True)
            return
        fields.pop(word, None)
        if not isinstance(said, str) or isinstance(said, Secret):
            self._say(entry, (word,), f"{word}: expected the path of a file, got {a(said)}")
            return
        if said not in self._texts:
            self._texts[said] = self._text(entry, word, said, is_json=is_json)
        if (read := self._texts[said]) is None:
            self._unread.add(entry.address)
        else:
            self._read_from[entry.address, spec.name], fields[spec.name] = read

    def _text(self, entry: Declaration, word: str, path: str, *, is_json: bool) -> tuple[TextFile, Any] | None:
        """The file and what stands in it; None and a problem if that cannot be had."""
        try:
            source = self._root.read(path)
        except Outside as error:
            self._say(entry, (word,), f'{word}: "{cut(path)}" {error}')
            return None
        self.sources.append(source)
        if not is_json:
            text = text_in(source, self._problems)
            return None if text is None else (source, text)
        read, value = json_in(source, self._problems)
        if read and not isinstance(value, dict):
            self._say(entry, (word,), f'{word}: "{cut(path)}" holds {a(value)}, not a mapping')
            return None
        return (source, value) if read else None

    def _file(self, entry: Declaration, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if isinstance(value, Secret):
            self._say(entry, (name,), f"{name}: a path cannot come from the environment")
            return value
        try:
            return self._root.file(value)
        except Outside as error:
            self._say(entry, (name,), f'{name}: "{cut(value)}" {error}')
            return value

    def _check_known(self, entry: Declaration, field: str, inner: str, known: Known, parts: Any) -> None:
        """Whether each part has a name that is offered, and no two have the same; or the field itself."""
        seen: set[str] = set()
        if not inner:
            parts = [{inner: parts}]
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            name = part.get(inner) if isinstance(part, Mapping) else None
            if type(name) is not str or not name:
                continue
            path: Path = (field, index, inner) if inner else (field,)
            if name in seen:
                self._say(entry, path, f'{dotted(path)}: "{cut(name)}" is there twice; keep one')
            elif name not in known.names and name not in self._allowed:
                hint = self._problems.hint(name, known.names)
                newer = f"{' If' if hint else '; if'} it is newer, list it under `allow_models:`"
                what = f'"{cut(name)}" was not offered in {known.as_of}{hint}{newer}'
                self._say(entry, path, f"{dotted(path)}: {what}")
            seen.add(name)

    def _check_alone(self, entry: Declaration, fields: Mapping[str, Any]) -> None:
        """Two that the API, or we after a loss of state, could not tell apart."""
        kind = entry.shape.kind
        values = tuple(map(fields.get, kind.natural_key))
        if Secret in map(type, values):
            # Of a secret its template: that a guess is the same as its text is nobody's to know.
            values = tuple(value.template if isinstance(value, Secret) else value for value in values)
        if not _TOLD_APART.issuperset(map(type, values)):
            return
        first = self._alone.setdefault((kind, parent_of(entry.address), *values), entry.address)
        if first != entry.address:
            what = " and ".join(f"`{name}`" for name in kind.natural_key)
            path = tuple(name for name in kind.natural_key[:1] if name in entry.raw)
            self._say(entry, path, f"has the same {what} as {first}; they could not be told apart, so give it another")

    def _check_enough(self, entry: Declaration, fields: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        """Whether it says enough to be made, or to be found."""
        kind = entry.shape.kind
        if "id" in options:
            self._check_id(entry, options["id"])
        elif "external" in options:
            # Without an id it is found by its name, so all of that must be there.
            missing = [name for name in kind.natural_key if name not in fields]
            if missing or not kind.natural_key:
                what = " or ".join(["`id: …`", *(["`" + "` and `".join(missing) + ": …`"] if missing else [])])
                self._say(entry, ("external",), f"external: to be found it needs {what}")
        elif entry.shape.each is None and (lack := kind.lacks(fields)) and not self._is_garbled(entry):
            self._say(entry, (), lack)

    def _is_garbled(self, entry: Declaration) -> bool:
        """Whether a field was left empty or misspelt: it was complained of, and what it lacks may be just that."""
        known = entry.raw.keys() <= entry.shape.names or entry.raw.keys() <= set(entry.shape.words())
        return not known or None in entry.raw.values() or entry.address in self._unread

    def _check_id(self, entry: Declaration, id: str) -> None:
        first = self._ids.setdefault((entry.shape.kind.__name__, id), entry.address)
        if first != entry.address:
            self._say(entry, ("id",), f"id: is that of {first} too; one object has one address")


def _all(shapes: Mapping[str, Shape]) -> Iterator[Shape]:
    for shape in shapes.values():
        yield shape
        yield from _all(shape.children)


def _said(
    problems: Problems,
    read_from: Mapping[tuple[str, str], TextFile],
    entry: Declaration,
    path: Path,
    summary: str,
    *,
    on_key: bool = False,
) -> None:
    """Bound to what it needs and not to a checker: that would be a circle, and all entries would outlive the load."""
    source = read_from.get((entry.address, str(path[0]))) if path else None
    place = entry.place(path, on_key=on_key) if source is None else Place(source, path[1:])
    problems.add(place, summary, address=entry.blamed(path))
