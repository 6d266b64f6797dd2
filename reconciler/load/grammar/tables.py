"""Tables beside a stack: CSV, TSV and JSON Lines as rows that know their lines, and columns as fields of resources."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from reconciler.frozen import dataclass
from reconciler.load.grammar.json_files import from_json, text_in
from reconciler.load.problems import Place, Problems
from reconciler.load.sources import Outside, Root, TextFile
from reconciler.load.wording import a, cut, one_of
from reconciler.load.yaml.scalars import from_text, number

__all__ = ["Columns", "Converter", "Table", "TableRow", "columns_of", "table_of"]

SUFFIXES: Final = (".csv", ".tsv", ".jsonl")
FILE: Final = "file"
"""The word under which a table's own mapping names its file."""
TYPES: Final = ("text", "integer", "number", "boolean", "list")


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line of a table: where it begins, and what stands under each column; empty cells are not there."""

    place: Place
    cells: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that was read: column → where it is named first, and the rows."""

    source: TextFile
    columns: dict[str, Place]
    rows: list[TableRow]


@dataclass(frozen=True, slots=True)
class Column:
    """What a field is made of."""

    name: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """How the columns of a table become fields: the file, the column of the key, and field → column, if said."""

    file: str
    key: str
    fields: Mapping[str, Column] | None


def columns_of(value: Any, place: Place, problems: Problems, *, key: str) -> Columns | None:
    """What `entities_from:` and `metadata_from:` say: a path, or `{file, key, fields}`; `key` is the default column."""
    if isinstance(value, str):
        return _named(Columns(value, key, None), place, problems)
    if not isinstance(value, dict) or not isinstance(value.get(FILE), str):
        problems.add(
            place, f"expected a path, or {{file: PATH, key: COLUMN, fields: {{FIELD: COLUMN}}}}, got {a(value)}"
        )
        return None
    for word in value:
        if word not in (FILE, "key", "fields"):
            hint = problems.hint(word, (FILE, "key", "fields"))
            problems.add(_below(place, word, on_key=True), f'unknown field "{cut(word)}"{hint}')
    if not isinstance(value.get("key", key), str):
        problems.add(_below(place, "key"), f"key: expected the name of a column, got {a(value['key'])}")
        return None
    fields = _fields(value["fields"], _below(place, "fields"), problems) if "fields" in value else None
    return _named(Columns(value[FILE], value.get("key", key), fields), place, problems)


def _below(place: Place, *path: str | int, on_key: bool = False) -> Place:
    return Place(place.source, (*place.path, *path), on_key=on_key)


def _named(columns: Columns, place: Place, problems: Problems) -> Columns | None:
    if columns.file.endswith(SUFFIXES):
        return columns
    problems.add(place, f'"{cut(columns.file)}" is not a table; name a file that ends in {one_of(SUFFIXES)}')
    return None


def _fields(value: Any, place: Place, problems: Problems) -> dict[str, Column]:
    if not isinstance(value, dict):
        problems.add(place, f"fields: expected a mapping of field to column, got {a(value)}")
        return {}
    found: dict[str, Column] = {}
    for field, column in value.items():
        if isinstance(column, str):
            found[field] = Column(column)
        elif isinstance(column, dict) and _is_column(column):
            found[field] = Column(column.get("column") or field, column.get("type"))
        else:
            what = f"expected a column, or {{column: COLUMN, type: {'|'.join(TYPES)}}}, got {a(column)}"
            problems.add(_below(place, field), f"fields.{field}: {what}")
    return found


def _is_column(said: Mapping[str, Any]) -> bool:
    known = said.keys() <= {"column", "type"} and said.get("type", "text") in TYPES
    return known and isinstance(said.get("column", ""), str)


def table_of(columns: Columns, root: Root, place: Place, problems: Problems) -> Table | None:
    """The table in its file, if it has a column of keys; what is wrong in it goes to the problems."""
    try:
        source = root.read(columns.file)
    except Outside as error:
        problems.add(place, f'"{cut(columns.file)}" {error}')
        return None
    text = text_in(source, problems)
    if text is None:
        return None
    table = Table(source, {}, [])
    read = _read_json_lines if columns.file.endswith(".jsonl") else _read_separated
    if not read(text, table, problems):
        return None
    wanted = [columns.key, *(column.name for column in (columns.fields or {}).values())]
    for name in dict.fromkeys(wanted):
        if name not in table.columns:
            problems.add(place, f'{source.name} has no column "{cut(name)}"{problems.hint(name, table.columns)}')
    return table if columns.key in table.columns else None


def _read_json_lines(text: str, table: Table, problems: Problems) -> bool:
    # Not splitlines(): JSON may hold U+2028 and the like as they are.
    for line_number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = Place(table.source, line=line_number, column=1)
        try:
            value = from_json(line)
        except json.JSONDecodeError as error:
            problems.add(
                Place(table.source, line=line_number, column=error.colno), f"not JSON: {error.msg}", address=""
            )
        except ValueError as error:
            problems.add(place, f"not JSON: {error}", address="")
        else:
            if isinstance(value, dict):
                table.columns.update(dict.fromkeys(value, place))
                table.rows.append(TableRow(place, {key: item for key, item in value.items() if item is not None}))
            else:
                problems.add(place, f"expected an object on each line, got {a(value)}", address="")
    return True


def _read_separated(text: str, table: Table, problems: Problems) -> bool:
    """Fill the table; gives whether its columns have names."""
    delimiter = "\t" if table.source.name.endswith(".tsv") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    line = 1
    try:
        for cells in reader:
            place = Place(table.source, line=line, column=1)
            # A quoted cell may hold line breaks: a row begins where the one before has ended.
            line = reader.line_num + 1
            if not header:
                header = cells
                table.columns.update(dict.fromkeys(cells, place))
                if what := _wrong_header(cells, delimiter):
                    problems.add(place, what, address="")
                    return False
            # csv gives an empty line as a row without cells.
            elif len(cells) not in (0, len(header)):
                what = f"has {len(cells)} cells, and the first line names {len(header)} columns"
                problems.add(place, what, address="")
            elif cells:
                table.rows.append(
                    TableRow(place, {name: cell for name, cell in zip(header, cells, strict=True) if cell})
                )
    except csv.Error as error:
        problems.add(Place(table.source, line=line, column=1), f"not CSV: {error}", address="")
    return True


def _wrong_header(cells: list[str], delimiter: str) -> str:
    """What is wrong with a first line, or ""."""
    # Spreadsheets part cells by `;` where the decimal mark is a comma.
    for other, name, ending in ((";", "`;`", ".csv"), ("\t", "tabs", ".tsv"), (",", "`,`", ".csv")):
        if len(cells) == 1 and other != delimiter and other in cells[0]:
            parted = "`,`" if delimiter == "," else "tabs"
            hint = (
                f"{parted}, or name it {ending}"
                if (ending == ".tsv") == (delimiter == ",") and other != ";"
                else parted
            )
            return f"its cells are parted by {name}; part them by {hint}"
    if len(set(cells)) != len(cells) or "" in cells:
        return "each column needs a name of its own in the first line"
    return ""


@dataclass(frozen=True, slots=True)
class Converter:
    """Turns rows into fields. `sort_of` says what the cells of a field are, and raises KeyError for no such field."""

    columns: Columns
    sort_of: Callable[[str], str]
    problems: Problems

    def mapped(self, table: Table, known: Iterable[str]) -> dict[str, Column]:
        """field → column: as said, else by the columns' own names; a field that there is not is complained of."""
        said = self.columns.fields
        if said is None:
            said = {name: Column(name) for name in table.columns if name != self.columns.key}
        found: dict[str, Column] = {}
        for field, column in said.items():
            try:
                found[field] = Column(column.name, column.type or self.sort_of(field))
            except KeyError:
                place = table.columns.get(column.name, Place(table.source))
                self.problems.add(place, f'unknown field "{cut(field)}"{self.problems.hint(field, known)}', address="")
        return found

    def fields(self, row: TableRow, mapped: Mapping[str, Column], address: str) -> dict[str, Any]:
        """field → value of one row."""
        return {
            field: self._converted(row.cells[column.name], field, column.type or "text", row, address)
            for field, column in mapped.items()
            if column.name in row.cells
        }

    def _converted(self, value: Any, field: str, sort: str, row: TableRow, address: str) -> Any:
        """A cell of text as what the field wants; what JSON has typed already stays as it is."""
        # A cell `007` may be a name: text is text unless the field, or its writer, says otherwise.
        if not isinstance(value, str) or sort == "text":
            return value
        if sort == "list":
            return [item for item in (part.strip() for part in value.split(";")) if item]
        typed = from_text(value.strip().lower()) if sort == "boolean" else number(value.strip(), padded=True)
        fits, words = _FITS[sort]
        if type(typed) not in fits:
            self.problems.add(row.place, f'{field}: expected {words}, got "{cut(value)}"', address=address)
            return value
        return typed


_FITS: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
}
