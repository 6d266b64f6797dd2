"""Results in LanceDB: a set is one merge, which is one commit, so the rows themselves are the manifest.

A table for each model and dimension, and one for texts. A set without rows, and only that, is kept as one row without
a vector, which no search finds. The key of rows is declared to LanceDB, or two writers of the same set would silently
make every row twice.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from reconciler.errors import Problem, StoreError, how_to_install
from reconciler.results import parquet
from reconciler.results.contract import FORMAT, Opening, Store, refuse_another
from reconciler.results.folder import below
from reconciler.results.naming import slug
from reconciler.results.rows import VECTOR, Made, Rows

__all__ = ["Lance"]

KEPT_DAYS: Final = 7
"""Older versions of a table are removed; a reader of one has that long."""
CACHE_BYTES: Final = 1 << 25
_OURS = b"reconciler"
_SET: Final = ("set_digest", "set_rows", "set_source", "set_made_at", "set_task", "set_model", "set_stack_id")
"""Columns beside those of rows: what the manifest says of the set that a row is of."""
_SINCE: Final = "set_stack_id"
"""The one that tables of older versions lack; they get it when something is kept."""
_READS: Final = 20
"""How often a set is read again that moves to another table under the reader's hands."""
_REMOTE = re.compile(r"[a-z0-9+]+://")


class Lance(Store):
    """A directory, or a bucket, of LanceDB."""

    def __init__(self, opening: Opening) -> None:
        self.shown = opening.shown
        self._hide = opening.without_secrets
        self._naming, self._table = opening.naming, opening.table
        place = opening.url.partition(":")[2]
        self._place = place if _REMOTE.match(place) else str(opening.root.joinpath(*below(opening.root, place)))
        self._database: Any = None
        self._written: set[str] = set()

    def prepare(self, dims: Mapping[str, int | None], *, make: bool = True) -> Sequence[Problem]:
        """Tables are looked at before any is made; a set that a killed run left in two tables is removed from one."""
        try:
            _library()  # of a directory that is not there yet nothing is asked, and it would be missed after the bill
            there = self._tables()
            wrong = [what for model, dim in dims.items() if (what := self._wrong(self._name(model, dim), dim, there))]
            if make and not wrong:
                with self._said():
                    for model, dim in dims.items():
                        if (name := self._name(model, dim)) not in there:
                            self._connect().create_table(name, schema=self._schema(dim), exist_ok=True)
                        elif _SINCE not in there[name].names:
                            self._open(name).add_columns(self._schema(dim).field(_SINCE))
                self._sweep()
        except StoreError as error:
            wrong = [str(error)]
        return [Problem("", 0, 0, "", what) for what in wrong]

    def list(self, stack: str) -> Sequence[Made]:
        """One row a set, of the columns that say it; no vector is read."""
        return [made for made, _ in self._sets(stack).values()]

    def replace(self, made: Made, rows: Rows, *, taken_from: str = "") -> Made:
        """One merge. Where the set was in the table of another model, that goes after it."""
        self._refuse_another(made.stack, made.address, made.stack_id, taken_from)
        name = self._name(made.model, made.dim)
        with self._said():
            merge = self._open(name).merge_insert([self._naming["stack"], self._naming["key"]])
            merge = merge.when_matched_update_all().when_not_matched_insert_all()
            merge = merge.when_not_matched_by_source_delete(self._where(made.stack, made.address))
            merge.execute(self._with_set(made, rows), on_bad_vectors="error" if len(rows) else "null")
            self._written.add(name)
        self._remove(made.stack, made.address, but=name)
        return made

    def delete(self, stack: str, address: str, stack_id: str = "") -> None:
        """One commit a table that has it."""
        self._refuse_another(stack, address, stack_id)
        self._remove(stack, address)

    def read(self, stack: str, address: str) -> Rows | None:
        """The rows of one version of a table; again, if the set moved to another one meanwhile."""
        for _ in range(_READS):
            if (found := self._sets(stack, address).get((stack, address))) is None:
                return None
            made, name = found
            with self._said():
                table = self._open(name).search().where(self._where(stack, address)).limit(None).to_arrow()
            if table.num_rows:
                rows = table.filter(_not_empty_set(table, self._naming["key"], address))
                return parquet.rows_of(rows, made.dim, self._naming)
        raise StoreError(f"{self.shown}: {address} is replaced all the time; run again later")

    def place(self, made: Made) -> Mapping[str, str]:
        """The directory, or the bucket, and the table of the rows."""
        return {"url": self.shown, "table": self._name(made.model, made.dim)}

    def foreign(self) -> int:
        """Rows in our tables that no run of ours wrote."""
        with self._said():
            return sum(self._open(name).count_rows("set_digest IS NULL") for name in self._tables(ours=True))

    def close(self) -> None:
        """What was written is put together, and versions that nobody reads any more are removed."""
        written, self._written = self._written, set()
        for name in written:
            with suppress(StoreError), self._said():  # all is kept by now, and the next run does it
                self._open(name).optimize(cleanup_older_than=timedelta(days=KEPT_DAYS))
        self._database = None

    def _connect(self) -> Any:
        if self._database is None:
            lancedb = _library()
            # Its caches are of the whole process and have no use in a run that reads each version once.
            session = lancedb.Session(index_cache_size_bytes=CACHE_BYTES, metadata_cache_size_bytes=CACHE_BYTES)
            self._database = lancedb.connect(self._place, session=session)
        return self._database

    def _open(self, name: str) -> Any:
        return self._connect().open_table(name)

    def _name(self, model: str, dim: int | None) -> str:
        return f"{self._table}_text" if dim is None else f"{self._table}_{slug(model)}_{dim}"

    def _tables(self, *, ours: bool = False) -> dict[str, Any]:
        """The tables of this store, or what may be in their way: name → schema."""
        found, token = dict[str, Any](), None
        if not (_REMOTE.match(self._place) or Path(self._place).is_dir()):
            return {}  # LanceDB would make it
        with self._said():
            while True:
                page = self._connect().list_tables(page_token=token, limit=1000)
                for name in page.tables:
                    if name.startswith(f"{self._table}_"):
                        found[name] = self._open(name).schema
                if not (token := page.page_token):
                    break
        return {name: schema for name, schema in found.items() if not ours or self._is_ours(schema)}

    def _is_ours(self, schema: Any) -> bool:
        return bool(self._mark(schema) == {"format": FORMAT, "table": self._table})

    def _mark(self, schema: Any) -> Any:
        try:
            return json.loads((schema.metadata or {}).get(_OURS, b"null"))
        except ValueError:
            return None

    def _wrong(self, name: str, dim: int | None, there: Mapping[str, Any]) -> str:
        schema = there.get(name)
        if schema is None:
            return ""
        if not self._is_ours(schema):
            mark = self._mark(schema)
            if isinstance(mark, Mapping) and mark.get("format") != FORMAT:
                return f"{self.shown}: the table {name} was made by a newer version: install that one"
            return f"{self.shown}: {name} is there already and not ours; give another `table:`, nothing was touched"
        wanted = self._schema(dim)
        if _SINCE not in schema.names:
            wanted = wanted.remove(wanted.get_field_index(_SINCE))
        if not schema.equals(wanted):
            return (
                f"{self.shown}: the table {name} has another shape ({_differs(wanted, schema)}); "
                "give another `table:`, or the `columns:` that it was made with"
            )
        return ""

    def _schema(self, dim: int | None) -> Any:
        import pyarrow as arrow

        plain = parquet.schema(dim, self._naming)
        for position, column in enumerate(("stack", "key"), 1):
            at = plain.get_field_index(self._naming[column])
            mark = {
                "lance-schema:unenforced-primary-key": "true",
                "lance-schema:unenforced-primary-key:position": str(position),
            }
            plain = plain.set(at, plain.field(at).with_metadata(mark))
        for column in _SET:
            plain = plain.append(arrow.field(column, arrow.int64() if column == "set_rows" else arrow.string()))
        return plain.with_metadata({_OURS: json.dumps({"format": FORMAT, "table": self._table})})

    def _with_set(self, made: Made, rows: Rows) -> Any:
        """The rows as a table, with what the manifest says of them; for no rows, the one that says so."""
        import pyarrow as arrow

        table, schema = parquet.table(rows, self._naming), self._schema(made.dim)
        if not len(rows):
            empty = {"key": f"{made.address}#", "stack": made.stack, "address": made.address, "identity": made.identity}
            record = {self._naming[column]: value for column, value in empty.items()}
            table = arrow.Table.from_pylist([record], schema=parquet.schema(made.dim, self._naming))
        said = (made.digest, made.rows, made.source, made.made_at, made.task, made.model, made.stack_id)
        for column, value in zip(_SET, said, strict=True):
            table = table.append_column(schema.field(column), arrow.repeat(value, table.num_rows))
        return table.cast(schema)

    def _sets(self, stack: str, address: str | None = None) -> dict[tuple[str, str], tuple[Made, str]]:
        """(stack, address) → its manifest and table. While a set moves to the table of another model it is in both:
        the one that was made last counts."""
        columns = {"stack": "stack", "address": "address", "identity": "identity"}
        names = {ours: self._naming[column] for ours, column in columns.items()}
        found: dict[tuple[str, str], tuple[Made, str]] = {}
        for name, schema in self._tables(ours=True).items():
            dim = self._dim(schema)
            wanted = self._where(stack, address)
            with self._said():
                search = self._open(name).search().where(f"{wanted} AND set_digest IS NOT NULL")
                said = [column for column in _SET if column in schema.names]
                rows = search.select([*names.values(), *said]).limit(None).to_arrow()
            for made in _distinct(rows, names, said, dim):
                before = found.get((made.stack, made.address))
                if before is None or (made.made_at, name) > (before[0].made_at, before[1]):
                    found[made.stack, made.address] = made, name
        return found

    def _dim(self, schema: Any) -> int | None:
        at = schema.get_field_index(self._naming[VECTOR])
        return None if at < 0 else schema.field(at).type.list_size

    def _where(self, stack: str, address: str | None = None) -> str:
        parts = {"stack": stack} | ({} if address is None else {"address": address})
        return " AND ".join(f"{self._naming[column]} = {_literal(value)}" for column, value in parts.items())

    def _refuse_another(self, stack: str, address: str, *ids: str) -> None:
        if found := self._sets(stack, address).get((stack, address)):
            refuse_another(self.shown, stack, address, found[0].stack_id, *ids)

    def _remove(self, stack: str, address: str, *, but: str = "") -> None:
        with self._said():
            for name in self._tables(ours=True):
                if name != but and (table := self._open(name)).count_rows(where := self._where(stack, address)):
                    table.delete(where)
                    self._written.add(name)

    def _sweep(self) -> None:
        """Sets that are in two tables: a run was killed between writing the one and removing the other."""
        stacks: dict[tuple[str, str], list[str]] = {}
        names = {column: self._naming[column] for column in ("stack", "address")}
        tables = self._tables(ours=True)
        if len(tables) < 2:
            return
        for name in tables:
            with self._said():
                rows = self._open(name).search().where("set_digest IS NOT NULL").select([*names.values()])
                pairs = rows.limit(None).to_arrow().group_by([*names.values()]).aggregate([]).to_pylist()
            for pair in pairs:
                stacks.setdefault((pair[names["stack"]], pair[names["address"]]), []).append(name)
        for (stack, address), places in stacks.items():
            if len(places) > 1:
                self._remove(stack, address, but=self._sets(stack, address)[stack, address][1])

    @contextmanager
    def _said(self) -> Iterator[None]:
        """What LanceDB raises, which may be almost anything, is a StoreError."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                yield
        except StoreError:
            raise
        except Exception as error:
            said = self._hide(str(error)).splitlines() or [type(error).__name__]
            raise StoreError(f"{self.shown}: {said[0]}") from None


def _library() -> Any:
    try:
        import lancedb
    except ModuleNotFoundError as error:
        raise StoreError(f"LanceDB is an extra: {how_to_install('lancedb')}") from error
    return lancedb


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _not_empty_set(table: Any, key: str, address: str) -> Any:
    import pyarrow.compute as compute

    return compute.not_equal(table.column(key), f"{address}#")


def _distinct(rows: Any, names: Mapping[str, str], said: Sequence[str], dim: int | None) -> Iterator[Made]:
    """The manifest, out of rows: how many of them there are is counted, or a row that is gone would not be missed."""
    counted = rows.group_by([*names.values(), *said]).aggregate([([], "count_all")]).to_pylist()
    given = {field.name for field in fields(Made)}
    for row in counted:
        empty = row["set_rows"] == 0
        values = {ours: row[theirs] for ours, theirs in names.items()}
        values |= {name.removeprefix("set_"): row.get(name) or "" for name in _SET}
        values |= {"rows": 0 if empty else row["count_all"], "dim": dim}
        yield Made(**{name: values[name] for name in given})


def _differs(wanted: Any, there: Any) -> str:
    lacks = [f"{field.name} {field.type}" for field in wanted if field not in list(there)]
    more = [f"{field.name} {field.type}" for field in there if field not in list(wanted)]
    parts = [f"{word} {', '.join(names)}" for word, names in (("expected", lacks), ("found", more)) if names]
    return "; ".join(parts) or "its columns are in another order"
