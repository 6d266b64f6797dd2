"""results list, show: what was made from media, as the store has it. No key is needed, and nothing is changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import emulated, project_at, variables
from reconciler.errors import ReconcilerError
from reconciler.redact import plain

if TYPE_CHECKING:
    from reconciler.results import Made
    from reconciler.results.shelf import Shelf

__all__ = ["results"]

PATH = click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to write it.")
FEW = 20
"""So many rows are shown unless all are asked for."""


@click.group()
def results() -> None:
    """Look at what was made from media: embeddings and analyses, where `results:` says that they are kept.

    \b
    reconciler results list
    reconciler results show embeddings/clips/final
    """


@contextmanager
def _shelf(path: Path, options: dict[str, Any]) -> Iterator[Shelf]:
    from reconciler.project.access import shelf

    with closing(project_at(path, options)) as project, closing(shelf(project.stack, project.options)) as opened:
        yield opened


@results.command("list")
@PATH
@FORMAT
@emulated
@variables
def list_(path: Path, form: str, **options: Any) -> None:
    """List all sets: address, rows, model, when they were made.

    \b
    reconciler results list
    """
    with _shelf(path, options) as shelf:
        sets = sorted(asyncio.run(shelf.sets()).values(), key=lambda made: made.address.split("/"))
    if form == "json":
        click.echo(json.dumps([asdict(made) for made in sets], indent=2))
        return
    for made in sets:
        dim = f" x {made.dim}" if made.dim else ""
        click.echo(f"{plain(made.address)}  {made.rows}{dim}  {plain(made.model)}  {plain(made.made_at[:19])}")
    if not sets:
        click.echo("Nothing is kept for this stack.")


@results.command()
@click.argument("address")
@PATH
@FORMAT
@click.option("--all", "whole", is_flag=True, help=f"All rows, not only the first {FEW}.")
@emulated
@variables
def show(address: str, path: Path, form: str, whole: bool, **options: Any) -> None:
    """Show the set at ADDRESS: what it is, and its rows without their vectors.

    \b
    reconciler results show analyses/topics/final
    """
    with _shelf(path, options) as shelf:
        made, rows = asyncio.run(_read(shelf, address))
    if form == "json":
        click.echo(json.dumps({**asdict(made), "rows": rows}, indent=2))
        return
    click.echo(plain(made.address))
    for name in ("identity", "digest", "model", "dim", "source", "task", "made_at"):
        if (value := getattr(made, name)) not in (None, ""):
            click.echo(f"  {name}  {plain(str(value))}")
    for row in rows if whole else rows[:FEW]:
        click.echo(f"  {_line(row)}")
    if not whole and len(rows) > FEW:
        click.echo(f"  … {len(rows) - FEW} more; --all shows them")


async def _read(shelf: Shelf, address: str) -> tuple[Made, list[dict[str, Any]]]:
    sets = await shelf.sets()
    made, rows = sets.get(address), await shelf.rows(address)
    if made is None or rows is None:
        near = get_close_matches(address, sets, n=1)
        raise ReconcilerError(f"nothing is kept at {address}{f'; did you mean {near[0]}?' if near else ''}")
    return made, list(rows.records())


def _line(row: dict[str, Any]) -> str:
    """What tells a row from the others, and what it says."""
    start, end = row["start_sec"], row["end_sec"]
    span = "" if start is None and end is None else f"{start or 0:g}-{'' if end is None else f'{end:g}'} s"
    words = (row["option"], row["scope"], row["type"], span, row["text"])
    return plain("  ".join(word for word in words if word))
