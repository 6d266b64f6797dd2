"""What `of:` of a result names: inputs by name and glob, all that lives in something, and inputs of its own by a name.

Each is made one entry of: `embeddings/clips` becomes `embeddings/clips/final` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from reconciler.load.grammar.declarations import NAME, Declaration, Declarations, MadeFrom
from reconciler.load.grammar.shapes import Shape
from reconciler.load.problems import Problems
from reconciler.load.wording import a, cut
from reconciler.load.yaml.positions import Path
from reconciler.model import parent_of
from reconciler.redact import holds_secret

__all__ = ["Inputs"]

_GLOB: Final = re.compile(r"[*?\[]")


class Inputs:
    """Spreads the entries of results, among all entries as they are before that."""

    def __init__(self, entries: Declarations, problems: Problems) -> None:
        self._entries, self._groups = dict(entries), entries.groups
        self._problems = problems
        self._addresses: dict[int, list[str]] = {}
        """id of a shape → addresses of it"""
        for address, entry in entries.items():
            self._addresses.setdefault(id(entry.shape), []).append(address)

    def __call__(self, entry: Declaration) -> Iterable[Declaration]:
        """One for each input; the entry itself when it names none, which is complained of."""
        shape = entry.shape
        assert shape.each is not None
        word = shape.each.name
        for name in entry.raw.keys() & shape.unsaid:
            self._say(entry, (name,), f"{name}: stands under `{word}:`; {self._how(shape)}", on_key=True)
        raw = {name: value for name, value in entry.raw.items() if name != word and name not in shape.unsaid}
        said = entry.raw.get(word)
        if isinstance(said, dict) and shape.own:
            made = list(self._own(entry, said, raw))
        elif word in entry.raw:
            made = [
                Declaration(address, shape, {field: input, **raw}, entry.source, MadeFrom(entry.place(), entry.address))
                for address, (field, input) in self._named(entry, said).items()
            ]
        else:
            self._say(entry, (), f"needs `{word}`")
            made = []
        # What else is wrong with it is said too, of an entry that stands for nothing.
        made = made or [Declaration(entry.address, shape, raw, entry.source, entry.origin)]
        self._groups[entry.address] = [one.address for one in made]
        return made

    def _say(self, entry: Declaration, path: Path, summary: str, *, on_key: bool = False) -> None:
        self._problems.add(entry.place(path, on_key=on_key), summary, address=entry.address)

    def _how(self, shape: Shape) -> str:
        assert shape.each is not None
        if not shape.own:
            return "it is found out from what that names"
        example = next(iter(shape.own))
        return f"write `{shape.each.name}: {{NAME: {{{example}: …}}}}`"

    # By a name of their own

    def _own(self, entry: Declaration, said: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[Declaration]:
        """One for each name, with what stands there."""
        assert entry.shape.each is not None
        word = entry.shape.each.name
        if not said:
            self._say(entry, (word,), f"{word}: names nothing")
        for name, input in said.items():
            path: Path = (word, name)
            if not NAME.fullmatch(name):
                self._say(entry, path, f'{word}: "{cut(name)}" is not a valid name', on_key=True)
            elif not isinstance(input, dict) or not input:
                words = ", ".join(f"`{it}`" for it in entry.shape.own)
                self._say(entry, path, f"{word}.{name}: expected a mapping of {words}, got {a(input)}")
            else:
                fields, own = self._fields(entry, path, input)
                origin = MadeFrom(entry.place(), entry.address, own=own)
                yield Declaration(f"{entry.address}/{name}", entry.shape, {**fields, **raw}, entry.source, origin)

    def _fields(
        self, entry: Declaration, path: Path, input: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Path]]:
        """The fields of one input, and where each stands."""
        fields: dict[str, Any] = {}
        where: dict[str, Path] = {}
        for name, value in input.items():
            spec = entry.shape.own.get(name)
            if spec is None:
                hint = self._problems.hint(name, entry.shape.own)
                self._say(entry, (*path, name), f'unknown field "{cut(name)}"{hint}', on_key=True)
                continue
            where[name] = (*path, name)
            fields[name] = value
            if spec.named is not None and isinstance(value, dict):
                fields[name], fields[spec.named.names] = list(value.values()), list(value)
                where[spec.named.names] = (*path, name)
            elif spec.named is not None:
                self._say(entry, (*path, name), f"{name}: expected a mapping of names, got {a(value)}")
                del fields[name]
        return fields, where

    # By reference

    def _named(self, entry: Declaration, said: Any) -> dict[str, tuple[str, str]]:
        """address of a result → the field that names its input, and the input."""
        assert entry.shape.each is not None
        word = entry.shape.each.name
        listed = isinstance(said, list)
        if said == []:
            self._say(entry, (word,), f"{word}: names nothing")
        found: dict[str, tuple[str, str]] = {}
        for index, name in enumerate(said if listed else [said]):
            path: Path = (word, index) if listed else (word,)
            for input in self._inputs(entry, path, name):
                address = f"{entry.address}/{input[1].rpartition('/')[2]}"
                other = found.setdefault(address, input)
                if other != input:
                    what = f"{other[1]} and {input[1]} would both be made {address}; put them under different names"
                    self._say(entry, path, f"{word}: {what}")
        return found

    def _inputs(self, entry: Declaration, path: Path, name: Any) -> list[tuple[str, str]]:
        """(field, address) of all that a name, a group's name or a glob stands for; none and a problem otherwise."""
        shape, target = entry.shape, entry.shape.target
        assert shape.each is not None and target is not None
        if not isinstance(name, str) or holds_secret(name):
            what = (
                "a reference cannot come from the environment"
                if holds_secret(name)
                else f"expected names, got {a(name)}"
            )
            self._say(entry, path, f"{path[0]}: {what}")
            return []
        if shape.inside is not None and name.partition("/")[0] == _root(shape.inside[0]).section and "/" in name:
            return self._within(entry, path, name)
        address = name if "/" in name else f"{target.prefix}{name}"
        if address in self._groups and address.startswith(target.prefix):
            return [(shape.each.name, it) for it in self._groups[address]]
        known = self._addresses.get(id(target), [])
        if address in self._entries and self._entries[address].shape is target:
            return [(shape.each.name, address)]
        if found := [it for it in known if fnmatchcase(it, address) or parent_of(it) == address]:
            return [(shape.each.name, it) for it in found]
        self._unknown(entry, path, name, target, known)
        return []

    def _unknown(self, entry: Declaration, path: Path, name: str, target: Shape, known: Sequence[str]) -> None:
        word, prefix = _root(target).section, "" if "/" in name else target.prefix
        if _GLOB.search(name):
            what = f'"{cut(name)}" finds nothing under `{word}:`'
        else:
            hint = self._problems.hint(name, (it.removeprefix(prefix) for it in known))
            what = f"there is no {cut(prefix + name)}{hint or f'; declare it under `{word}:`'}"
        self._say(entry, path, f"{path[0]}: {what}")

    def _within(self, entry: Declaration, path: Path, name: str) -> list[tuple[str, str]]:
        """All of what a name such as `indexes/catalog` holds, or of it what the name says more of."""
        assert entry.shape.inside is not None and entry.shape.each is not None
        inside, field = entry.shape.inside
        known = self._addresses.get(id(inside), [])
        found = [it for it in known if it == name or parent_of(it) == name or fnmatchcase(it, name)]
        if not found:
            above = [it for it in self._entries if it.count("/") == 1 and it.startswith(f"{name.partition('/')[0]}/")]
            holds = any(fnmatchcase(it, name) for it in above)
            what = (
                f"{cut(name)} has no `{inside.kind.section}:` of which it could be made"
                if holds
                else f"there is no {cut(name)}{self._problems.hint(name, [*above, *known])}"
            )
            self._say(entry, path, f"{path[0]}: {what}")
        if field is not None:
            return [(field.name, it) for it in found]
        return [(entry.shape.each.name, it) for it in dict.fromkeys(map(self._stands_for, found)) if it]

    def _stands_for(self, address: str) -> str:
        """What something within an index stands for; "" when there is no such thing, which is told where it is said."""
        one = self._entries[address]
        spec = one.shape.from_key
        name = one.raw.get(spec.name, one.key) if spec else one.key
        target = name if "/" in str(name) else f"{one.shape.ref_prefix}{name}"
        return target if target in self._entries else ""


def _root(shape: Shape) -> type[Any]:
    kind = shape.kind
    while kind.parent is not None:
        kind = kind.parent
    return kind
