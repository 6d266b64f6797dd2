"""Resources that files and tables stand for.

    assets:
      clips:                                  # assets/clips.2024.final.mp4, …: the path below media/
        files: media/**/*.mp4
        metadata: {league: nba}
        metadata_from: sidecar                # final.mp4.yaml or final.yaml beside final.mp4, or .yml, .json
    entity_collections:
      players:
        entities_from:                        # or only the path, if columns are named as fields are
          file: roster.csv                    # .csv, .tsv or .jsonl
          key: slug
          fields: {name: full_name, assets: photos, metadata.number: {column: number, type: integer}}

A group's name stands for all of it where a name is asked for: `assets: [clips]`, or `clips: {}` in an index.
`metadata_from:` may name a table too, whose column `path` (or `key:`) has the paths as `file:` would; its columns are
keys of the metadata. What is beside a file goes before what the entry says of all. Cells are text unless a type is
said; a list's items are parted by `;`. No variables are put into side files and tables.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from reconciler.kind.declarable import plain_type
from reconciler.load.grammar.declarations import NAME, Declaration, MadeFrom
from reconciler.load.grammar.documents import parsed
from reconciler.load.grammar.json_files import json_in
from reconciler.load.grammar.shapes import Shape
from reconciler.load.grammar.tables import Columns, Converter, TableRow, columns_of, table_of
from reconciler.load.problems import Place, Problems
from reconciler.load.sources import Outside, Root, TextFile
from reconciler.load.wording import a, cut
from reconciler.load.yaml.positions import Path
from reconciler.redact import holds_secret

__all__ = ["Generator"]

_SIDE: Final = (".yaml", ".yml", ".json")
_ALONE: Final = ("id", "external")
"""Options that cannot be the same for many."""


def slug(text: str) -> str:
    """The text as a part of a name: a directory's end is a dot, accents are dropped, other letters are spelled out."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    spelled = "".join(char if char.isascii() or not char.isalnum() else f"u{ord(char):x}" for char in plain)
    return re.sub(r"[^A-Za-z0-9._]+", "-", spelled.replace("/", "."))


class Generator:
    """Makes the entries of one stack that files and tables stand for. `sources` are the files that it read."""

    def __init__(self, root: Root, problems: Problems) -> None:
        self._root = root
        self._problems = problems
        self.sources: list[TextFile] = []

    def expand(self, entry: Declaration) -> Iterable[Declaration]:
        """The entries that one stands for, and those that live in it."""
        words = entry.shape.makers & entry.raw.keys()
        for word in sorted(words):
            # A path shows up in names, addresses and errors: it can be no secret.
            if holds_secret(entry.raw[word]):
                self._say(entry, (word,), f"{word}: cannot come from the environment")
                return () if "files" in words else (entry,)
        if "files" in words:
            return self._with_metadata(entry, list(self._group(entry)))
        if "metadata_from" in words:
            return self._with_metadata(entry, [entry])
        return [entry, *self._rows(entry)]

    def _say(self, entry: Declaration, path: Path, summary: str, *, on_key: bool = False) -> None:
        self._problems.add(entry.place(path, on_key=on_key), summary, address=entry.address)

    # files:

    def _group(self, entry: Declaration) -> Iterator[Declaration]:
        """An entry for each file that the patterns find."""
        assert entry.shape.file is not None
        # Where the bytes come from and what an object is called are its own: said of all, they would be wrong of most.
        alone = (*(name for name, spec in entry.shape.fields.items() if spec.source or spec.title), *_ALONE)
        for name in alone:
            if name in entry.raw:
                self._say(
                    entry, (name,), f"{name}: cannot stand beside `files:`; it is not the same for all", on_key=True
                )
        shared = {key: value for key, value in entry.raw.items() if key not in ("files", *alone)}
        origin = MadeFrom(entry.place(), entry.address)
        first: dict[str, str] = {}
        # Sorted: of two that come to one name the same one is complained of on every machine.
        for relative, below in sorted(self._found(entry).items()):
            address = f"{entry.address}.{slug(below)}"
            if other := first.get(address):
                what = f'"{relative}" and "{other}" would both be {address}; rename one of them'
                self._say(entry, ("files",), f"files: {what}")
                continue
            first[address] = relative
            yield Declaration(address, entry.shape, {**shared, entry.shape.file.name: relative}, entry.source, origin)

    def _found(self, entry: Declaration) -> dict[str, str]:
        """Path of each file → the same below the pattern's first directories, which name nothing."""
        patterns = entry.raw["files"]
        found: dict[str, str] = {}
        listed = isinstance(patterns, list)
        for index, pattern in enumerate(patterns if listed else [patterns]):
            path: Path = ("files", index) if listed else ("files",)
            try:
                found |= self._matches(pattern, sidecars=entry.raw.get("metadata_from") == "sidecar")
            except Outside as error:
                self._say(entry, path, f"files: {error}")
        return found

    def _matches(self, pattern: Any, *, sidecars: bool) -> dict[str, str]:
        if type(pattern) is not str:
            raise Outside(f"expected a pattern such as media/**/*.mp4, got {a(pattern)}")
        try:
            # `media/*` finds the side files too, and they are not what is meant by it.
            names = [name for name in self._root.glob(pattern) if not (sidecars and name.endswith(_SIDE))]
            fixed = self._root.fixed(pattern)
        except Outside as error:
            raise Outside(f'"{cut(pattern)}" {error}') from None
        if not names:
            raise Outside(f'"{cut(pattern)}" finds no file; correct it, or take the entry out')
        return {name: name.removeprefix(f"{fixed}/") for name in names}

    # metadata_from:

    def _with_metadata(self, entry: Declaration, made: list[Declaration]) -> list[Declaration]:
        """The entries with what stands beside each file."""
        said = entry.raw.get("metadata_from")
        if "metadata_from" not in entry.raw:
            return made
        file = entry.shape.file
        assert file is not None, "only what has files takes metadata from beside them"
        if file.name not in entry.raw and "files" not in entry.raw:
            self._say(entry, ("metadata_from",), f"metadata_from: needs `{file.name}:` or `files:`", on_key=True)
            return made
        if said == "sidecar":
            return [self._merged(one, self._sidecar(one)) for one in made]
        place = entry.place(("metadata_from",))
        columns = columns_of(said, place, self._problems, key="path")
        if columns is None:
            return [self._merged(one, None) for one in made]
        by_path = self._metadata_by_path(columns, place, entry)
        return [self._merged(one, by_path.get(self._normal(one))) for one in made]

    def _normal(self, entry: Declaration) -> str:
        assert entry.shape.file is not None
        try:
            return self._root.normal(str(entry.raw[entry.shape.file.name]))
        except Outside:
            return ""

    def _merged(self, entry: Declaration, beside: tuple[Place, Mapping[str, Any]] | None) -> Declaration:
        raw = {key: value for key, value in entry.raw.items() if key != "metadata_from"}
        metadata = entry.shape.metadata
        if beside is None or metadata is None:
            return Declaration(entry.address, entry.shape, raw, entry.source, entry.origin)
        side, given = beside
        own = raw.get(metadata.name)
        raw[metadata.name] = {**own, **given} if isinstance(own, dict) else dict(given) if own is None else own
        base, shared = entry.place(), entry.origin.shared if entry.origin else None
        origin = MadeFrom(base, shared, side, metadata.name, given)
        return Declaration(entry.address, entry.shape, raw, entry.source, origin)

    def _sidecar(self, entry: Declaration) -> tuple[Place, Mapping[str, Any]] | None:
        """The file beside the entry's own, if there is one."""
        relative = self._normal(entry)
        if not relative:
            return None
        stems = dict.fromkeys((relative, str(PurePosixPath(relative).with_suffix(""))))
        found = [name for stem in stems for end in _SIDE if self._root.exists(name := stem + end)]
        if len(found) > 1:
            self._say(
                entry, ("metadata_from",), f"metadata_from: {relative} has both {found[0]} and {found[1]}; keep one"
            )
        if not found:
            return None
        try:
            source = self._root.read(found[0])
        except Outside as error:
            self._say(entry, ("metadata_from",), f'metadata_from: "{cut(found[0])}" {error}')
            return None
        self.sources.append(source)
        return Place(source), self._mapping_in(source)

    def _mapping_in(self, source: TextFile) -> Mapping[str, Any]:
        if not source.name.endswith(".json"):
            value: Mapping[str, Any] = parsed(source, self._problems, what="a mapping of metadata").value
            return value
        read, value = json_in(source, self._problems)
        if isinstance(value, dict):
            return value
        if read:
            place = Place(source, line=1, column=1)
            self._problems.add(place, f"expected a mapping of metadata, got {a(value)}", address="")
        return {}

    def _metadata_by_path(
        self, columns: Columns, place: Place, entry: Declaration
    ) -> dict[str, tuple[Place, dict[str, Any]]]:
        """Path → (row, metadata) of a table."""
        table = table_of(columns, self._root, place, self._problems)
        if table is None:
            return {}
        self.sources.append(table.source)
        converter = Converter(columns, lambda _: "text", self._problems)
        mapped = converter.mapped(table, ())
        found: dict[str, tuple[Place, dict[str, Any]]] = {}
        for row in table.rows:
            path = self._path_in(row, columns.key)
            if path in found:
                self._problems.add(row.place, f'"{cut(path)}" is there twice; first at {found[path][0]}', address="")
            elif path:
                found[path] = row.place, converter.fields(row, mapped, entry.address)
        return found

    def _path_in(self, row: TableRow, key: str) -> str:
        """The path that a row is about, which must be of a file; "" and a problem otherwise."""
        written = row.cells.get(key)
        if not isinstance(written, str):
            self._problems.add(row.place, f"{key}: expected a path, got {a(written)}", address="")
            return ""
        try:
            return self._root.file(written)
        except Outside as error:
            self._problems.add(row.place, f'{key}: "{cut(written)}" {error}', address="")
            return ""

    # entities_from: and the like

    def _rows(self, entry: Declaration) -> Iterator[Declaration]:
        """An entry for each row of the tables that an entry names."""
        for section, child in entry.shape.children.items():
            word = f"{section}_from"
            if word not in entry.raw:
                continue
            place = entry.place((word,))
            columns = columns_of(entry.raw[word], place, self._problems, key="key")
            if columns is not None:
                yield from self._of_table(columns, child, f"{entry.address}/{section}/", place)

    def _of_table(self, columns: Columns, shape: Shape, prefix: str, place: Place) -> Iterator[Declaration]:
        table = table_of(columns, self._root, place, self._problems)
        if table is None:
            return
        self.sources.append(table.source)
        converter = Converter(columns, lambda field: _sort_of(field, shape), self._problems)
        mapped = converter.mapped(table, _fields_of_rows(shape))
        first: dict[str, Place] = {}
        for row in table.rows:
            key = self._key(row, columns.key)
            if not key:
                continue
            address = prefix + key
            if address in first:
                self._problems.add(row.place, f"is there twice; first at {first[address]}", address=address)
                continue
            first[address] = row.place
            raw = _nested(converter.fields(row, mapped, address))
            yield Declaration(address, shape, raw, table.source, MadeFrom(row.place, None))

    def _key(self, row: TableRow, column: str) -> str:
        value = row.cells.get(column)
        key = slug(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        if not NAME.fullmatch(key):
            self._problems.add(
                row.place, f"{column}: {a(value)} cannot be made a name; use letters and digits", address=""
            )
            return ""
        return key


def _fields_of_rows(shape: Shape) -> tuple[str, ...]:
    return (*shape.fields, "id", "protect", "external")


def _sort_of(field: str, shape: Shape) -> str:
    """What the cells of a field are; raises KeyError for no such field."""
    outer, dot, inner = field.partition(".")
    if dot:
        if shape.metadata is None or outer != shape.metadata.name or not inner:
            raise KeyError(field)
        return "text"
    if field in ("id", "protect", "external"):
        return "text" if field == "id" else "boolean"
    if shape.fields[field].many:
        return "list"
    sorts = {bool: "boolean", int: "integer", float: "number"}
    return sorts.get(plain_type(shape.kind, field), "text")


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`metadata.team` as a key of `metadata`."""
    found: dict[str, Any] = {}
    for field, value in fields.items():
        outer, dot, inner = field.partition(".")
        if dot:
            found.setdefault(outer, {})[inner] = value
        else:
            found[outer] = value
    return found
