"""The keys of a stack that are no resources: each given once over all its files, but for lists, which add up."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from reconciler.errors import StoreError
from reconciler.load.grammar.declarations import NAME, Declarations
from reconciler.load.grammar.documents import Document
from reconciler.load.grammar.shapes import Shape, stands_for
from reconciler.load.problems import Place, Problems
from reconciler.load.sources import Root, TextFile
from reconciler.load.wording import a, cut
from reconciler.load.yaml.positions import Path
from reconciler.model import names_of, sections_of
from reconciler.redact import Secret, holds_secret

__all__ = ["MAIN_ONLY", "WORDS", "StackSettings"]

_EXPECTED: Final[Mapping[str, tuple[type | tuple[type, ...], str]]] = {
    "stack": (str, "a name"),
    "provider": (str, "a name"),
    "guards": (dict, "a mapping"),
    "prices": (dict, "a mapping"),
    "results": ((str, dict), "a directory, the URL of a store, `{to: …, table: …, columns: {…}}`, or several by name"),
    "refresh": (dict, "a mapping such as {mode: delta, full_every: 24h}"),
    "stamps": (bool, "true or false"),
    "metadata_schema": ((dict, str), "a JSON Schema, the path of one, or one of these for each section"),
    "defaults": (dict, "a mapping of sections to fields"),
    "moved": (list, "a list of {from: ADDRESS, to: ADDRESS}"),
    "removed": (list, "a list of addresses"),
    "ignore": (list, "a list of fields such as metadata.rating"),
    "allow_models": (list, "a list of names"),
    "checks": (dict, "a mapping of names to checks"),
    "variables": (dict, "a mapping of name to `{default: …}`"),
    "include": (list, "a list of globs"),
    "outputs": (dict, "a mapping of name to address, or to `{from: ADDRESS, at: FACT}`"),
}
WORDS: Final = tuple(_EXPECTED)
"""All keys of the top that are no sections."""
RESULTS: Final = "results"
"""Where results are kept: what is secret in the URL of a database comes from the environment."""
SENT: Final = frozenset({RESULTS, "defaults"})
"""These go to a store or to the account, where secrets belong; all others are shown in messages."""
DEFAULT_STORE: Final = "default"
"""The store of several that takes what does not say `into`."""
LISTS: Final = frozenset({"moved", "removed", "variables", "include", "outputs", "checks"})
"""These may stand in several files."""
PATTERN: Final = re.compile(r"[A-Za-z0-9*?\[][A-Za-z0-9._*?\[\]!-]*")
"""A name, or a glob of names."""
MAIN_ONLY: Final = frozenset({"stack", "provider", "variables", "include"})
"""These may not stand in an included file: what is included depends on them."""


_OF_RESULTS: Final[Mapping[str, tuple[type, str]]] = {
    "to": (str, "a directory, or the URL of a store"),
    "table": (str, "a name"),
    "columns": (dict, "a mapping of our names to those of your table"),
}


class StackSettings:
    """What the files say besides resources."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._single: dict[str, tuple[Place, Any]] = {}
        self.many: dict[str, list[tuple[TextFile, Any]]] = {name: [] for name in LISTS}

    def take(self, document: Document, sections: Collection[str]) -> None:
        """The settings in one file; what is neither a setting nor a section is complained of."""
        for key, value in document.top.items():
            place = Place(document.source, (key,))
            if key in sections:
                continue
            if document.included and key in MAIN_ONLY:
                where = "write it in a file of the stack's own directory"
                place = Place(document.source, (key,), on_key=True)
                self._problems.add(place, f"`{key}:` cannot stand in an included file; {where}", address="")
            elif key not in _EXPECTED:
                # Without a provider nobody knows the sections, and only what is almost a key is surely wrong.
                if (hint := self._problems.hint(key, (*_EXPECTED, *sections))) or sections:
                    self._unknown(place, key, hint)
            elif self._fits(place, key, value):
                self._keep(place, key, value)

    def _unknown(self, place: Place, key: str, hint: str) -> None:
        self._problems.add(Place(place.source, place.path, on_key=True), f'unknown key "{cut(key)}"{hint}')

    def _fits(self, place: Place, key: str, value: Any) -> bool:
        expected, words = _EXPECTED[key]
        if value is None:
            self._problems.add(Place(place.source, place.path, on_key=True), f"`{key}:` is empty; expected {words}")
        elif key not in SENT and (isinstance(value, Secret) or (key not in LISTS and holds_secret(value))):
            self._problems.add(place, f"`{key}:` cannot come from the environment; it is shown in messages")
        elif not isinstance(value, expected):
            self._problems.add(place, f"`{key}:` expected {words}, got {a(value)}")
        else:
            return True
        if key not in LISTS:
            # It is there, if wrongly: that it is missing must not be said on top.
            self._single.setdefault(key, (place, None))
        return False

    def _keep(self, place: Place, key: str, value: Any) -> None:
        if key in LISTS:
            assert place.source is not None
            self.many[key].append((place.source, value))
        elif key in self._single:
            again = Place(place.source, place.path, on_key=True)
            first = self._single[key][0]
            first = Place(first.source, first.path, on_key=True)
            self._problems.add(again, f"`{key}:` is given twice; first at {first}")
        else:
            self._single[key] = (place, value)

    def get(self, key: str, otherwise: Any = None) -> Any:
        """The value of a key that may be given once."""
        value = self._single[key][1] if key in self._single else None
        return otherwise if value is None else value

    def given(self, key: str) -> tuple[Place, Any] | None:
        """Where and what, for a key that may be given once."""
        place, value = self._single.get(key, (None, None))
        return (place, value) if place is not None and value is not None else None

    def results(self, root: Root) -> Mapping[str, Mapping[str, Any]]:
        """Where results are kept: name of a store → `to`, and how tables and columns are called there."""
        place, said = self._single.get(RESULTS, (None, None))
        if place is None or not said:
            return {}
        if isinstance(said, str) or DEFAULT_STORE not in said:
            return {DEFAULT_STORE: self._store(place, RESULTS, said, root)}
        found: dict[str, Mapping[str, Any]] = {}
        for name, one in said.items():
            at = Place(place.source, (*place.path, name))
            if not NAME.fullmatch(name) or name in _OF_RESULTS:
                text = f'results: "{cut(name)}" cannot be the name of a store beside others'
                self._problems.add(Place(at.source, at.path, on_key=True), text)
            elif not isinstance(one, str | dict) or not one:
                expected = "a directory, the URL of a store, or `{to: …}`"
                self._problems.add(at, f"results.{name}: expected {expected}, got {a(one)}")
            else:
                found[name] = self._store(at, f"results.{name}", one, root)
        self._told_apart(place, found)
        return found

    def _store(self, place: Place, called: str, said: Any, root: Root) -> Mapping[str, Any]:
        if isinstance(said, str):
            self._can_be_opened(place, called, {"to": said}, root)
            return {"to": said}
        right = True
        for name, (due, words) in _OF_RESULTS.items():
            if name in said and not isinstance(said[name], due):
                right = False
                self._problems.add(Place(place.source, (*place.path, name)), f"{called}.{name}: expected {words}")
        if right:
            at = Place(place.source, (*place.path, "to")) if "to" in said else place
            self._can_be_opened(at, called, said, root)
        for name in said.keys() - _OF_RESULTS.keys():
            at = Place(place.source, (*place.path, name), on_key=True)
            hint = self._problems.hint(name, _OF_RESULTS)
            if called == RESULTS and not hint and isinstance(said[name], str | dict):
                hint = f"; of several stores one is called `{DEFAULT_STORE}`"
            self._problems.add(at, f'{called}: unknown word "{cut(name)}"{hint}')
        return dict(said)

    def _can_be_opened(self, place: Place, called: str, said: Mapping[str, Any], root: Root) -> None:
        """Say what no store can be opened by: what is written, and not what lies on this disk. What comes from the
        environment is not looked at: it may not be shown, and the next one who validates may have another."""
        if holds_secret(said):
            return
        from reconciler.results.folder import InTheWay  # most stacks say nothing of results
        from reconciler.results.opening import open_declared

        try:
            open_declared(said, root.path)
        except InTheWay:
            return
        except StoreError as error:
            for line in str(error).splitlines():
                self._problems.add(place, f"{called}: {line}")

    def _told_apart(self, place: Place, found: Mapping[str, Mapping[str, Any]]) -> None:
        """Say which names are of one and the same store: what is moved out of one would be gone from the other."""
        seen: dict[tuple[str, str], str] = {}
        for name, said in found.items():
            to, table = str(said.get("to", RESULTS)), str(said.get("table", RESULTS)).lower()
            where = to.removeprefix("./").rstrip("/")
            first = seen.setdefault((where, table if ":" in where else ""), name)
            if first != name:
                at = Place(place.source, (*place.path, name), on_key=True)
                self._problems.add(at, f"results: `{name}` is the same place as `{first}`; keep one of the two")

    def place(self, key: str, path: Path) -> Place | None:
        """Where what is at a path in the value of such a key stands; in a list, where the item stands that it names."""
        if key == "checks":
            files = (source for source, section in self.many[key] if path and path[0] in section)
            return next((Place(source, (key, *path), on_key=True) for source in files), None)
        if key in LISTS:
            found = ((source, items.index(path[0])) for source, items in self.many[key] if path and path[0] in items)
            return next((Place(source, (key, index)) for source, index in found), None)
        if key not in self._single:
            return None
        first = self._single[key][0]
        return Place(first.source, (*first.path, *path))

    def stack(self, blame: Place) -> str:
        """The stack's name; `blame` is the place to name when there is none."""
        name = self._required("stack", "`stack: NAME`", blame)
        if name and not NAME.fullmatch(name):
            rule = 'begin with a letter or digit and go on with letters, digits, ".", "_" and "-"'
            self._problems.add(self._single["stack"][0], f'`stack:` "{cut(name)}" is not a valid name; {rule}')
        return name

    def provider(self, blame: Place) -> str:
        """The provider's name, which may be of none."""
        return self._required("provider", "for instance `provider: twelvelabs`", blame)

    def no_provider(self, name: str, known: Collection[str]) -> None:
        """Say that there is no such provider."""
        hint = self._problems.hint(name, known) or f"; there are {', '.join(sorted(known))}"
        self._problems.add(self._single["provider"][0], f'`provider:` unknown provider "{cut(name)}"{hint}')

    def _required(self, key: str, example: str, blame: Place) -> str:
        if key not in self._single:
            self._problems.add(blame, f"`{key}:` is missing; write {example} at the top", address="")
            return ""
        return self._single[key][1] or ""

    # moved: and removed:

    def moved(self, entries: Declarations, shapes: Mapping[str, Shape], *, closed: bool) -> tuple[tuple[str, str], ...]:
        """(from, to) of each move; `closed` says that an address which is not there is wrong."""
        found: dict[str, str] = {}
        for source, items in self.many["moved"]:
            for index, item in enumerate(items):
                move = self._move(source, ("moved", index), item, shapes)
                if move is None:
                    continue
                old, new = move
                if old in found or new in found.values():
                    self._say(source, ("moved", index), f"{old if old in found else new} is moved twice")
                elif old in entries:
                    self._say(
                        source,
                        ("moved", index, "from"),
                        f"from: {old} is still declared; take it out, or drop the move",
                    )
                elif new not in entries and closed:
                    self._say(
                        source, ("moved", index, "to"), f"to: there is no {new}{self._problems.hint(new, entries)}"
                    )
                found[old] = new
        return tuple(found.items())

    def _move(self, source: TextFile, path: Path, item: Any, shapes: Mapping[str, Shape]) -> tuple[str, str] | None:
        if not isinstance(item, dict) or set(item) != {"from", "to"}:
            self._say(
                source,
                path,
                f"expected {{from: ADDRESS, to: ADDRESS}}, got {a(item)}"
                if not isinstance(item, dict)
                else "takes `from:` and `to:`, both of them and nothing else",
            )
            return None
        old = self._address(source, (*path, "from"), item["from"], shapes)
        new = self._address(source, (*path, "to"), item["to"], shapes)
        if not old or not new:
            return None
        if sections_of(old) != sections_of(new):
            self._say(source, path, f"{old} and {new} are of different kinds")
            return None
        return old, new

    def removed(self, entries: Declarations, shapes: Mapping[str, Shape]) -> tuple[str, ...]:
        """Addresses and globs of what is to be managed no longer."""
        found: list[str] = []
        for source, items in self.many["removed"]:
            for index, item in enumerate(items):
                path = ("removed", index)
                address = self._address(source, path, item, shapes, PATTERN)
                if address in entries or address in entries.groups:
                    self._say(source, path, f"{address} is still declared; take it out to stop managing it")
                elif address and shapes[address.split("/")[0]].each is not None:
                    what = "is made by this stack, and nobody else can manage it"
                    self._say(source, path, f"{address} {what}; without this line it is removed from the store")
                elif address and address in found:
                    self._say(source, path, f"{address} is there twice")
                elif address:
                    found.append(address)
        return tuple(found)

    def _address(
        self, source: TextFile, path: Path, value: Any, shapes: Mapping[str, Shape], name: re.Pattern[str] = NAME
    ) -> str:
        """A well-formed address whose names are such, or "" and a problem."""
        if not shapes:
            return ""  # without a provider, which was complained of, nobody knows
        plain = isinstance(value, str) and not isinstance(value, Secret)
        if plain and stands_for(value, shapes) and all(map(name.fullmatch, names_of(value))):
            return str(value)
        example = f"{next(iter(shapes))}/NAME"
        self._say(source, path, f"expected an address such as {example}, got {a(value)}")
        return ""

    def _say(self, source: TextFile, path: Path, summary: str) -> None:
        self._problems.add(Place(source, path), summary)
