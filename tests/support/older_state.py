"""A state of now made one of an older version, as that version would have left it."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["back_to"]

ADDED = {
    9: ("DROP TABLE reconciler_told",),
    8: (
        *(f"ALTER TABLE reconciler_runs DROP COLUMN {name}" for name in ("requests", "writes", "counts")),
        "DROP TABLE reconciler_drifts",
    ),
    7: ("DROP TABLE reconciler_checks",),
    6: ("ALTER TABLE reconciler_resources DROP COLUMN facts",),
}
"""Schema → what takes away what it has added."""


def back_to(schema: int, execute: Callable[[str], object]) -> None:
    """Take away what was added since a schema; `execute` runs a statement."""
    for added, statements in ADDED.items():
        for statement in statements if added > schema else ():
            execute(statement)
    execute(f"UPDATE reconciler_schema SET version = {schema}")
