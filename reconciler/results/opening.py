"""From what a stack's YAML says to the store: `results/`, `lancedb:lance/`, `postgresql://…`, `qdrant:…`.

A registry that can be read, and the entry points `reconciler.stores` for those of others: the name of one is the
beginning of the URL, its value is called with an `Opening` and gives a `Store`. A store's package is imported when
one is opened.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote

from reconciler.errors import StoreError
from reconciler.redact import Redactor, passwords_in, plain
from reconciler.results.contract import Opening, Store
from reconciler.results.naming import Naming

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

__all__ = ["DIRECTORY", "GROUP", "STORES", "beginnings", "open_declared", "open_store", "shown_url"]

DIRECTORY: Final = "results"
"""Where results are kept if nothing is said, below the stack's directory."""
GROUP: Final = "reconciler.stores"
STORES: Final[Mapping[str, str]] = {
    "": "reconciler.results.files:Directory",
    "lancedb": "reconciler.results.lance:Lance",
    "postgresql": "reconciler.results.pgvector:Postgres",
    "postgresql+psycopg": "reconciler.results.pgvector:Postgres",
    "qdrant": "reconciler.results.qdrant:Qdrant",
    "qdrant-edge": "reconciler.results.qdrant:Qdrant",
}
"""Beginning of the URL → module and class; without a beginning it is a directory."""

# Texts, which `re` compiles when they are asked for: most stacks keep no results.
_BEGINNING = r"([A-Za-z][A-Za-z0-9+.-]+):"
_TABLE = r"[A-Za-z_][A-Za-z0-9_]{0,30}"
_SECRETS = r"(?i)([?&;](?:[a-z_-]*(?:password|passwd|secret|token|key|credential)[a-z_-]*)=)([^&#;]+)"


def open_store(url: str, *, root: Path, table: str = "results", columns: Mapping[str, str] | None = None) -> Store:
    """The store at a URL. Nothing is read or made yet; StoreError says what is wrong with what was written."""
    naming, shown = Naming(dict(columns or {})), shown_url(url)
    if wrong := naming.wrong():
        raise StoreError(*(f"columns of {shown}: {what}" for what in wrong))
    if not re.fullmatch(_TABLE, table):
        raise StoreError(f"{table} cannot be the name of a table: letters, digits and _ can, up to 31")
    return _maker(url)(Opening(str(url), shown, root, table.lower(), naming, _without_secrets(url)))


def open_declared(said: Mapping[str, Any], root: Path) -> Store:
    """The store that a stack's YAML says: `to`, `table` and `columns`, none of which must be there."""
    columns = said.get("columns")
    return open_store(str(said.get("to", DIRECTORY)), root=root, table=said.get("table", "results"), columns=columns)


def entry_points(*, group: str, **wanted: Any) -> EntryPoints:
    """Of packages that are installed: what finds them is imported when a store is named that does not come along."""
    from importlib import metadata

    return metadata.entry_points(group=group, **wanted)


def beginnings() -> list[str]:
    """What a URL of a store can begin with, those of other packages too."""
    return sorted({*STORES, *(point.name for point in entry_points(group=GROUP))} - {""})


def shown_url(url: str) -> str:
    """A URL without what is secret in it: user and host may be shown, a password and a key may not."""
    hidden = re.sub(_SECRETS, r"\1***", _without_secrets(url)(url))
    return plain(re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", hidden))


def _without_secrets(url: str) -> Redactor:
    values = [match[2] for match in re.finditer(_SECRETS, url)]
    return Redactor({*passwords_in(url), *values, *map(unquote, values)})


def _maker(url: str) -> Callable[[Opening], Store]:
    found = re.match(_BEGINNING, url)
    beginning = found[1].lower() if found else ""
    if given := entry_points(group=GROUP, name=beginning) if beginning not in STORES else ():
        return cast("Callable[[Opening], Store]", next(iter(given)).load())
    if beginning not in STORES:
        known = ", ".join(f"`{name}:`" for name in beginnings())
        raise StoreError(
            f"{shown_url(url)}: no store is called `{beginning}:`; there are a plain directory, and {known}"
        )
    module, _, name = STORES[beginning].partition(":")
    return cast("Callable[[Opening], Store]", getattr(import_module(module), name))
