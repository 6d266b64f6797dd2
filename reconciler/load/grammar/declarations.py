"""The sections of a stack as a flat map: address → what its YAML says, before any of it is checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from reconciler.frozen import dataclass
from reconciler.load.grammar.shapes import Shape
from reconciler.load.problems import Place, Problems
from reconciler.load.sources import TextFile
from reconciler.load.wording import a, cut
from reconciler.load.yaml.positions import Path

__all__ = ["NAME", "Declaration", "Declarations", "Expand", "Given", "MadeFrom"]

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What a stack, and a resource in its section, can be called."""


@dataclass(frozen=True, slots=True)
class Given:
    """What an entry took from `defaults:` of its section: where that stands, and the paths that are from there."""

    place: Place
    paths: frozenset[Path]

    def holds(self, path: Path) -> bool:
        """Whether the path, or what it lies in, was taken from there."""
        return path[:1] in self.paths or path[:2] in self.paths


class MadeFrom:
    """Where a generated resource comes from: an entry that stands for several, a row, a file beside its own.

    `base` is the entry or the row, `side` a file or a row that gave the keys `given` of its metadata.
    """

    __slots__ = ("base", "defaults", "given", "metadata", "own", "shared", "side")

    def __init__(
        self,
        base: Place,
        shared: str | None,
        side: Place | None = None,
        metadata: str = "",
        given: Collection[str] = (),
        own: Mapping[str, Path] | None = None,
    ) -> None:
        self.base = base
        self.shared = shared
        """The address to blame for what the entry says of all its resources."""
        self.side = side
        self.metadata = metadata
        self.given = frozenset(given)
        self.own = own or {}
        """field → where below the base it stands, of those that are the resource's own"""
        self.defaults: Given | None = None

    def having(self, defaults: Given) -> MadeFrom:
        """The same, with what was given for all of the section."""
        made = MadeFrom(self.base, self.shared, self.side, self.metadata, self.given, self.own)
        made.defaults = defaults
        return made

    def is_given(self, path: Path) -> bool:
        """Whether `defaults:` say what is at the path."""
        return bool(path) and self.defaults is not None and self.defaults.holds(path)

    def is_beside(self, path: Path) -> bool:
        """Whether the side says what is at the path."""
        return len(path) > 1 and path[0] == self.metadata and path[1] in self.given

    def place(self, path: Path, *, on_key: bool) -> Place:
        """Where a path below the resource is written."""
        base = self.base
        if self.defaults is not None and self.is_given(path):
            return Place(self.defaults.place.source, (*self.defaults.place.path, *path), on_key=on_key)
        if path and path[0] in self.own:
            return Place(base.source, (*base.path, *self.own[str(path[0])], *path[1:]), on_key=on_key)
        if self.side is not None and self.is_beside(path):
            base, path = self.side, path[1:]
        if base.line:
            return base
        return Place(base.source, (*base.path, *path), on_key=on_key or not path)


class Declaration:
    """One resource as declared; `origin` is set if its path in the YAML is not its address."""

    __slots__ = ("address", "origin", "raw", "shape", "source")

    def __init__(
        self, address: str, shape: Shape, raw: Mapping[str, Any], source: TextFile, origin: MadeFrom | None = None
    ) -> None:
        self.address = address
        self.shape = shape
        self.raw = raw
        self.source = source
        self.origin = origin

    @property
    def key(self) -> str:
        """The logical name."""
        return self.address.rpartition("/")[2]

    def place(self, path: Path = (), *, on_key: bool = False) -> Place:
        """Where a path below the resource is written."""
        if self.origin is not None:
            return self.origin.place(path, on_key=on_key)
        return Place(self.source, (*self.address.split("/"), *path), on_key=on_key or not path)

    def blamed(self, path: Path = ()) -> str:
        """The address to name for what is wrong at a path: what many share is complained of once."""
        if self.origin is not None and self.origin.is_given(path):
            return ""
        if self.origin is None or self.origin.shared is None or self.origin.is_beside(path):
            return self.address
        if path and path[0] in self.origin.own:
            return self.address
        return self.origin.shared


Expand = Callable[[Declaration], Iterable[Declaration]]
"""What an entry that says `files:`, `metadata_from:` or `…_from:` stands for."""


class Declarations(dict[str, Declaration]):
    """address → entry, in the order of files and lines."""

    def __init__(self, problems: Problems, expand: Expand) -> None:
        super().__init__()
        self._problems = problems
        self._expand = expand
        self.groups: dict[str, list[str]] = {}
        """Address of an entry with `files:` → the addresses that it stands for."""

    def add_section(self, section: Any, shape: Shape, prefix: str, source: TextFile) -> None:
        """All entries of one section and what is nested in them. `prefix` is that of their addresses."""
        path = tuple(prefix[:-1].split("/"))
        if not isinstance(section, dict):
            word = path[-1]
            what = f"is empty; write `{word}: {{}}` for none" if section is None else f"takes names, not {a(section)}"
            self._problems.add(Place(source, path, on_key=section is None), f"`{word}:` {what}")
            return
        for name, raw in section.items():
            address = prefix + name
            if not NAME.fullmatch(name):
                self._misnamed(Place(source, (*path, name), on_key=True), name)
            elif type(raw) is not dict:
                what = (
                    "is empty; write `{}` if there is nothing to say" if raw is None else f"takes fields, not {a(raw)}"
                )
                self._problems.add(Place(source, (*path, name), on_key=raw is None), what)
            else:
                self._add(Declaration(address, shape, raw, source))

    def _misnamed(self, place: Place, name: str) -> None:
        rule = 'begin with a letter or digit and go on with letters, digits, ".", "_" and "-"'
        self._problems.add(place, f'"{cut(name)}" is not a valid name; {rule}', address="")

    def _add(self, entry: Declaration) -> None:
        first = self.get(entry.address)
        if first is not None or entry.address in self.groups:
            place = (
                first.place()
                if first is not None
                else Place(entry.source, tuple(entry.address.split("/")), on_key=True)
            )
            self._problems.add(entry.place(), f"is declared twice; first at {place}", address=entry.address)
            return
        # By far the most entries stand for themselves: asked first, because a stack has a hundred thousand.
        if entry.shape.makers.isdisjoint(entry.raw):
            self[entry.address] = entry
        else:
            self._add_made(entry)
        for section, child in entry.shape.children.items():
            if section in entry.raw:
                self.add_section(entry.raw[section], child, f"{entry.address}/{section}/", entry.source)

    def _add_made(self, entry: Declaration) -> None:
        """What an entry makes: itself filled in, those it stands for, or those that live in it."""
        made = list(self._expand(entry))
        if "files" in entry.raw and "files" in entry.shape.makers:
            self.groups[entry.address] = [one.address for one in made]
        for one in made:
            if one.address in self and self[one.address] is not one:
                first = self[one.address].place()
                self._problems.add(one.place(), f"is declared twice; first at {first}", address=one.address)
            else:
                self[one.address] = one

    def spread(self, inputs: Callable[[Declarations], Expand]) -> None:
        """Give each entry whose key refers to a group a namesake for all that the group stands for, and make of each
        result one for each of its inputs.

        `indexes/catalog/assets/clips` becomes `indexes/catalog/assets/clips.final.mp4` and so on.
        """
        if self.groups:
            self._spread(self._members)
        if any(entry.shape.each is not None for entry in self.values()):
            of_each = inputs(self)
            self._spread(lambda entry: of_each(entry) if entry.shape.each is not None else (entry,))

    def _spread(self, members: Expand) -> None:
        entries = list(self.values())
        self.clear()
        for entry in entries:
            for one in members(entry):
                if one.address in self:
                    first = self[one.address].place()
                    self._problems.add(one.place(), f"is declared twice; first at {first}", address=one.address)
                else:
                    self[one.address] = one

    def _members(self, entry: Declaration) -> Iterable[Declaration]:
        spec = entry.shape.from_key
        if spec is None or spec.ref is None:
            return (entry,)
        name = entry.raw.get(spec.name, entry.key)
        group = self.groups.get(str(name)) or self.groups.get(f"{entry.shape.ref_prefix}{name}")
        if group is None:
            return (entry,)
        raw = {key: value for key, value in entry.raw.items() if key != spec.name}
        section = entry.address.removesuffix(entry.key)
        origin = MadeFrom(entry.place(), entry.address)
        return [
            Declaration(section + address.rpartition("/")[2], entry.shape, raw, entry.source, origin)
            for address in group
        ]
