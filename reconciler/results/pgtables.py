"""The tables of a store in PostgreSQL: what they are called, what they must look like, what is made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from reconciler.results.contract import FORMAT
from reconciler.results.naming import Naming, slug
from reconciler.results.rows import COLUMNS, PLAIN, SECONDS, VECTOR

__all__ = ["Tables"]

_MARK = "reconciler: results, format "
"""What the comment begins with by which a table is known as one of ours."""
_LONGEST = 63
_MANIFEST = {
    "stack": "text NOT NULL",
    "address": "text NOT NULL",
    "identity": "text NOT NULL",
    "digest": "text NOT NULL",
    "rows": "bigint NOT NULL",
    "dim": "integer",
    "model": "text NOT NULL",
    "source": "text NOT NULL",
    "made_at": "text NOT NULL",
    "task": "text NOT NULL",
    "in_table": "text NOT NULL",
    "stack_id": "text NOT NULL DEFAULT ''",
}
_SINCE: Final = "stack_id"
"""The column of the manifest that tables of older versions lack; they get it when something is kept."""
_ID: Final = "coalesce(to_jsonb(m) ->> 'stack_id', '')"
"""The id of a row `m` of the manifest, whether it has that column or not."""
_RELATIONS = (
    "SELECT c.relname, c.relkind::text, obj_description(c.oid, 'pg_class') FROM pg_class c "
    "WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) "
    "AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i') AND starts_with(c.relname::text, %s)"
)
_COLUMNS = (
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a "
    "WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
)
_EXTENSION = (
    "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
)
_OFFERED = "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"


class Tables:
    """All tables of a store, below one plain name, in the first schema of the search path."""

    def __init__(self, plain: str, naming: Naming) -> None:
        self.naming = naming
        self._plain = plain
        self._manifest = f"{plain}_manifest"
        self._mark_of_this = f"{_MARK}{FORMAT}, under {plain}"

    def name(self, model: str, dim: int | None) -> str:
        """The table for the vectors of a model; for texts one for all models."""
        name = f"{self._plain}_text" if dim is None else f"{self._plain}_{slug(model)}_{dim}"
        return name if len(name) <= _LONGEST else f"{name[:46]}_{hashlib.sha256(name.encode()).hexdigest()[:16]}"

    def columns(self, dim: int | None) -> Sequence[str]:
        """Ours, in their order."""
        return PLAIN if dim is None else COLUMNS

    def sql(self, text: str, count: int = 0, /, **names: str | Sequence[str]) -> Any:
        """A statement, with names quoted; `{manifest}` and `{plain}` are known, `{id}` is the stack's id in a row `m`
        of the manifest, `{values}` is `count` places."""
        from psycopg.sql import SQL, Identifier

        known: dict[str, str | Sequence[str]] = {"manifest": self._manifest, "plain": self._plain, **names}
        quoted: dict[str, Any] = {
            name: Identifier(value) if isinstance(value, str) else SQL(", ").join(map(Identifier, value))
            for name, value in known.items()
        }
        return SQL(text).format(**quoted, id=SQL(_ID), values=SQL(", ").join([SQL("%s")] * count))

    def there(self, connection: Any) -> bool:
        """Whether anything was ever kept here; of somebody else's manifest nothing is read."""
        kind, mark = self._relations(connection).get(self._manifest, (None, None))
        return kind == "r" and mark == self._mark_of_this

    def ours(self, connection: Any) -> list[str]:
        """The tables of rows that are there."""
        found = self._relations(connection).items()
        return sorted(
            name
            for name, (kind, mark) in found
            if kind == "r" and mark == self._mark_of_this and name != self._manifest
        )

    def wrong(self, connection: Any, dims: Mapping[str, int | None]) -> list[str]:
        """What stands in the way of keeping these."""
        relations = self._relations(connection)
        schema = connection.execute(_EXTENSION).fetchone()
        vectors = any(dim is not None for dim in dims.values())
        if vectors and schema is None and connection.execute(_OFFERED).fetchone() is None:
            return ["the server has no pgvector; install it there, or name another server"]
        found = []
        for name, wanted in self._wanted(dims):
            kind, mark = relations.get(name, (None, None))
            if kind is None:
                continue
            if kind != "r" or mark != self._mark_of_this:
                found.append(_foreign(name, mark))
                continue
            there = self._columns_there(connection, name)
            if name == self._manifest and _SINCE not in there:
                there = {**there, _SINCE: wanted[_SINCE]}
            if there != wanted:
                found.append(_another_shape(name, wanted, there))
        if self._plain in relations and relations[self._plain] != ("v", self._mark_of_this):
            found.append(_foreign(self._plain, relations[self._plain][1]))
        return found

    def make(self, connection: Any, dims: Mapping[str, int | None]) -> None:
        """Make what is missing."""
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_MARK])  # two may begin at once
        relations = self._relations(connection)
        if any(dim is not None for dim in dims.values()):
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        missing = [(name, columns) for name, columns in self._wanted(dims) if name not in relations]
        for name, columns in missing:
            of_rows = name != self._manifest
            defined = {it: _MANIFEST[it] for it in columns} if not of_rows else self._defined(connection, columns)
            stack, address, key = (self.naming[it] if of_rows else it for it in ("stack", "address", "key"))
            parts = ", ".join(f"{{c{number}}} {type}" for number, type in enumerate(defined.values()))
            named = {f"c{number}": column for number, column in enumerate(defined)}
            primary = [stack, key if of_rows else address]
            text = f"CREATE TABLE {{table}} ({parts}, PRIMARY KEY ({{primary}}))"
            connection.execute(self.sql(text, table=name, primary=primary, **named))
            if of_rows:
                index = self.sql("CREATE INDEX ON {table} ({columns})", table=name, columns=[stack, address])
                connection.execute(index)
            self._mark(connection, "TABLE", name)
        if self._manifest in relations and _SINCE not in self._columns_there(connection, self._manifest):
            connection.execute(self.sql(f"ALTER TABLE {{manifest}} ADD COLUMN {_SINCE} {_MANIFEST[_SINCE]}"))
        self.point_view(connection)

    def point_view(self, connection: Any) -> None:
        """Let the view under the plain name show vectors: those it shows, while there are any sets of them.

        So when all sets are made anew by another model the view turns to that with the last of them, at once.
        """
        counted = self.sql("SELECT in_table, count(*) FROM {manifest} WHERE dim IS NOT NULL GROUP BY 1")
        sets = dict(connection.execute(counted).fetchall())
        tables = [name for name in self.ours(connection) if self._is_of_vectors(connection, name)]
        shown = self._shown(connection)
        if not tables or (shown in tables and (sets.get(shown) or not sets)):
            return
        best = max(tables, key=lambda name: (sets.get(name, 0), name))
        if best == shown:
            return
        # The vector's dimension is forgotten, or the view could not turn to another one; an index is used all the same.
        parts = ", ".join(f"{{c{number}}}" for number in range(len(PLAIN)))
        named = {f"c{number}": self.naming[column] for number, column in enumerate(PLAIN)}
        (schema,) = connection.execute(_EXTENSION).fetchone()
        text = f"CREATE OR REPLACE VIEW {{plain}} AS SELECT {parts}, {{vector}}::{{schema}}.vector AS {{vector}} "
        text += "FROM {table}"
        connection.execute(self.sql(text, table=best, schema=schema, vector=self.naming[VECTOR], **named))
        self._mark(connection, "VIEW", self._plain)

    def foreign(self, connection: Any) -> int:
        """Rows of which the manifest knows nothing."""
        total = 0
        named = {column: self.naming[column] for column in ("stack", "address")}
        for table in self.ours(connection):
            text = (
                "SELECT count(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM {manifest} m WHERE m.stack = t.{stack} "
                "AND m.address = t.{address} AND m.in_table = %s)"
            )
            total += connection.execute(self.sql(text, table=table, **named), [table]).fetchone()[0]
        return total

    def _wanted(self, dims: Mapping[str, int | None]) -> Iterable[tuple[str, dict[str, str]]]:
        """Table → its columns, with their types as the server writes them."""
        yield self._manifest, {column: type.partition(" ")[0] for column, type in _MANIFEST.items()}
        for name, dim in {self.name(model, dim): dim for model, dim in dims.items()}.items():
            yield name, {self.naming[column]: _type(column, dim) for column in self.columns(dim)}

    def _defined(self, connection: Any, columns: Mapping[str, str]) -> dict[str, str]:
        """The same, as a new table has them: the type of vectors by its schema, which may not be on the path."""
        always = {self.naming[column] for column in (*PLAIN[:3], VECTOR)}
        found = connection.execute(_EXTENSION).fetchone()
        schema = '"' + found[0].replace('"', '""') + '".' if found else ""
        return {
            column: (schema if type.startswith("vector(") else "") + type + (" NOT NULL" if column in always else "")
            for column, type in columns.items()
        }

    def _relations(self, connection: Any) -> dict[str, tuple[str, str | None]]:
        return {name: (kind, mark) for name, kind, mark in connection.execute(_RELATIONS, [self._plain])}

    def _is_of_vectors(self, connection: Any, name: str) -> bool:
        return self.naming[VECTOR] in self._columns_there(connection, name)

    def _columns_there(self, connection: Any, name: str) -> dict[str, str]:
        found = connection.execute(_COLUMNS, [f'"{name}"']).fetchall()
        return {column: type.rpartition(".")[2] for column, type in found}  # whatever schema the extension is in

    def _shown(self, connection: Any) -> str | None:
        query = (
            "SELECT DISTINCT t.relname FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid "
            "JOIN pg_class t ON t.oid = d.refobjid WHERE r.ev_class = to_regclass(%s) AND t.relkind = 'r'"
        )
        found = connection.execute(query, [f'"{self._plain}"']).fetchone()
        return found[0] if found else None

    def _mark(self, connection: Any, what: str, name: str) -> None:
        connection.execute(self.sql(f"COMMENT ON {what} {{table}} IS '{self._mark_of_this}'", table=name))


def _type(column: str, dim: int | None) -> str:
    if column == VECTOR:
        return f"vector({dim})"
    return "double precision" if column in SECONDS else "text"


def _foreign(name: str, mark: str | None) -> str:
    if mark and mark.startswith(_MARK) and not mark.startswith(f"{_MARK}{FORMAT},"):
        return f"the table {name} was made by a newer version ({mark}): install that one"
    return f"{name} is there already and not ours; give another `table:`, nothing was touched"


def _another_shape(name: str, wanted: Mapping[str, str], there: Mapping[str, str]) -> str:
    lacks = [f"{column} {type}" for column, type in wanted.items() if there.get(column) != type]
    more = [f"{column} {type}" for column, type in there.items() if wanted.get(column) != type]
    differs = (
        "; ".join(f"{word} {', '.join(columns)}" for word, columns in (("expected", lacks), ("found", more)) if columns)
        or "its columns are in another order"
    )
    return f"the table {name} has another shape ({differs}); give another `table:` or the `columns:` it was made with"
