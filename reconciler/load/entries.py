"""The sections of a stack as a flat map: address → what its YAML says, before any of it is checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from reconciler.load.marks import Path
from reconciler.load.problems import Place, Problems
from reconciler.load.shapes import Shape
from reconciler.load.sources import Source
from reconciler.load.wording import a, cut

__all__ = ["NAME", "Entries", "Entry"]

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What a stack, and a resource in its section, can be called."""


class Entry:
    """One resource as declared. `origin` is where, if its path in the YAML is not its address."""

    __slots__ = ("address", "origin", "raw", "shape", "source")

    def __init__(
        self, address: str, shape: Shape, raw: Mapping[str, Any], source: Source, origin: Place | None = None
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
            return self.origin
        return Place(self.source, (*self.address.split("/"), *path), on_key=on_key or not path)


class Entries(dict[str, Entry]):
    """address → entry, in the order of files and lines."""

    def __init__(self, problems: Problems) -> None:
        super().__init__()
        self._problems = problems

    def add_section(self, section: Any, shape: Shape, prefix: str, source: Source) -> None:
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
                self._add(Entry(address, shape, raw, source))

    def _misnamed(self, place: Place, name: str) -> None:
        rule = 'begin with a letter or digit and go on with letters, digits, ".", "_" and "-"'
        self._problems.add(place, f'"{cut(name)}" is no name; {rule}', address="")

    def _add(self, entry: Entry) -> None:
        if entry.address in self:
            first = self[entry.address].place()
            self._problems.add(entry.place(), f"is declared twice; first at {first}", address=entry.address)
            return
        self[entry.address] = entry
        for section, child in entry.shape.children.items():
            if section in entry.raw:
                self.add_section(entry.raw[section], child, f"{entry.address}/{section}/", entry.source)
