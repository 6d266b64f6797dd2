"""results list, show, verify, refresh: what was made from media, as its stores have it. But for the last no key is
needed, and nothing is changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import online, project_at, recorded
from reconciler.errors import ReconcilerError
from reconciler.redact import plain

if TYPE_CHECKING:
    from reconciler.project import Project
    from reconciler.project.fetching import Fetched
    from reconciler.results import Made
    from reconciler.results.shelf import Shelf
    from reconciler.results.verify import Astray

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
    reconciler results verify --deep
    reconciler results refresh embeddings/clips/final
    """


@contextmanager
def _shelf(path: Path, options: dict[str, Any]) -> Iterator[tuple[Shelf, Project]]:
    """What is kept of a stack, known by the id that its state has."""
    from reconciler.project.access import shelf

    with closing(project_at(path, options)) as project, closing(shelf(project.stack, project.options)) as opened:
        if (identity := project.state.identity()) is not None:
            opened.known_as(identity.id, identity.former)
        yield opened, project


@results.command("list")
@PATH
@FORMAT
@recorded
def list_(path: Path, form: str, **options: Any) -> None:
    """List all sets: address, rows, model, when they were made, the store. JSON says where each is, for programs.

    \b
    reconciler results list
    reconciler results list --format json
    """

    async def read(shelf: Shelf) -> tuple[list[tuple[Made, Mapping[str, str]]], Collection[str]]:
        await shelf.known_by_what_is_kept()
        sets = sorted((await shelf.sets()).values(), key=lambda made: made.address.split("/"))
        ids = {made.stack_id for made in await shelf.others()}
        return [(made, await shelf.place(made)) for made in sets], sorted(ids)

    with _shelf(path, options) as (shelf, project):
        sets, others = asyncio.run(read(shelf))
        hint = "" if sets else asyncio.run(_of_the_emulator(project))
        several = len(shelf.stores) > 1
    if form == "json":
        click.echo(json.dumps([{**asdict(made), "where": place} for made, place in sets], indent=2))
        return
    for made, place in sets:
        dim, store = f" x {made.dim}" if made.dim else "", f"  in {plain(place['store'])}" if several else ""
        click.echo(f"{plain(made.address)}  {made.rows}{dim}  {plain(made.model)}  {plain(made.made_at[:19])}{store}")
    if not sets:
        click.echo(f"Nothing is kept for this stack{hint}.")
    for id in others:
        click.echo(f"Another stack of this name keeps sets here too; its id is {plain(id)}.")


@results.command()
@click.argument("address")
@PATH
@FORMAT
@click.option("--all", "whole", is_flag=True, help=f"All rows, not only the first {FEW}.")
@recorded
def show(address: str, path: Path, form: str, whole: bool, **options: Any) -> None:
    """Show the set at ADDRESS: what it is, and its rows without their vectors.

    \b
    reconciler results show analyses/topics/final
    """
    with _shelf(path, options) as (shelf, project):
        made, rows, place = asyncio.run(_read(shelf, address, project))
    if form == "json":
        click.echo(json.dumps({**asdict(made), "rows": rows, "where": place}, indent=2))
        return
    click.echo(plain(made.address))
    for name in ("identity", "digest", "model", "dim", "source", "task", "made_at"):
        if (value := getattr(made, name)) not in (None, ""):
            click.echo(f"  {name}  {plain(str(value))}")
    for name, value in place.items():
        click.echo(f"  {name}  {plain(value)}")
    for row in rows if whole else rows[:FEW]:
        click.echo(f"  {_line(row)}")
    if not whole and len(rows) > FEW:
        click.echo(f"  … {len(rows) - FEW} more; --all shows them")


async def _of_the_emulator(project: Project) -> str:
    """For who has applied with --emulator, and looks without it: an account of its own has results of its own."""
    from reconciler.project.access import kept_of_the_emulator

    count = await kept_of_the_emulator(project.stack, project.options)
    those = "1 set is" if count == 1 else f"{count} sets are"
    return f" of the real account; {those} kept of the emulator's, see them with --emulator" if count else ""


async def _read(shelf: Shelf, address: str, project: Project) -> tuple[Made, list[dict[str, Any]], Mapping[str, str]]:
    await shelf.known_by_what_is_kept()
    sets = await shelf.sets()
    made, rows = sets.get(address), await shelf.rows(address)
    if made is None or rows is None:
        near = get_close_matches(address, sets, n=1)
        hint = f"; did you mean {near[0]}?" if near else "" if sets else await _of_the_emulator(project)
        raise ReconcilerError(f"nothing is kept at {address}{hint}")
    return made, list(rows.records()), await shelf.place(made)


def _line(row: dict[str, Any]) -> str:
    """What tells a row from the others, and what it says."""
    start, end = row["start_sec"], row["end_sec"]
    span = "" if start is None and end is None else f"{start or 0:g}-{'' if end is None else f'{end:g}'} s"
    words = (row["option"], row["scope"], row["type"], span, row["text"])
    return plain("  ".join(word for word in words if word))


@results.command()
@PATH
@FORMAT
@click.option("--deep", is_flag=True, help="Read the rows of every set too, and compute their digests.")
@recorded
def verify(path: Path, form: str, deep: bool, **options: Any) -> int:
    """Hold what is kept against what the state knows of it. Exit with 2 if anything differs.

    Without --deep the manifests are read and no row of any set. Nothing is changed: what differs is in the next plan.

    \b
    reconciler results verify
    reconciler results verify --deep
    """
    from reconciler.provider import kinds_of
    from reconciler.results.verify import KeptSet, verified

    with _shelf(path, options) as (shelf, project):
        kinds = {kind.__name__: kind for kind in kinds_of(project.stack.provider) if kind.stored}
        expected = {
            row.address: KeptSet(
                row.id, str(row.fields.get(kinds[row.kind].identity_name) or ""), str(row.facts.get("digest") or "")
            )
            for row in project.state.recorded()
            if row.kind in kinds and not row.deposed
        }

        async def read() -> tuple[Sequence[Astray], int]:
            await shelf.known_by_what_is_kept()
            return await verified(shelf, expected, deep=deep), len(await shelf.sets())

        found, count = asyncio.run(read())
    if form == "json":
        click.echo(json.dumps({"sets": count, "deep": deep, "findings": [asdict(it) for it in found]}, indent=2))
    else:
        for it in found:
            click.echo(f"{plain(it.address)}  {plain(it.what)}: {plain(it.text)}")
        counted = len({it.address for it in found})
        click.echo(f"Results: {count} kept, {counted} not as they should be." if found else f"Results: {count} kept.")
    return 2 if found else 0


@results.command()
@click.argument("addresses", metavar="[ADDRESS…]", nargs=-1)
@click.option("--path", type=click.Path(exists=True, path_type=Path), default=".", help="The stack [.].")
@FORMAT
@online
def refresh(addresses: tuple[str, ...], path: Path, form: str, **options: Any) -> int:
    """Fetch results again from where they were made, and keep them: ADDRESSes or globs of them, or all.

    From a task that the platform still keeps, or from the index: nothing is made and nothing is paid. What could not be
    had is told, with the reason, and left as it is; exit with 7 then.

    \b
    reconciler results refresh
    reconciler results refresh "embeddings/clips/*"
    """
    from reconciler.cli.signals import locked

    async def run() -> list[Fetched]:
        async with project:
            return await project.fetch_results(addresses)

    with closing(project_at(path, options)) as project, locked(project, "results refresh"):
        found = asyncio.run(run())
    if form == "json":
        click.echo(json.dumps([asdict(it) for it in found], indent=2))
    else:
        for it in found:
            click.echo(f"{plain(it.address)}  {plain(it.text)}")
        click.echo(f"Results: {sum(it.done for it in found)} fetched again, {sum(not it.done for it in found)} not.")
    return 0 if all(it.done for it in found) else 7
