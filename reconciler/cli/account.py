"""import and export: from an account that exists to a stack."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.formats import look_for
from reconciler.cli.options import load_stack, online, open_session, open_state, settings
from reconciler.cli.runs import confirmed, result
from reconciler.cli.signals import locked
from reconciler.errors import ReconcilerError
from reconciler.redact import plain

if TYPE_CHECKING:
    from reconciler.cli.options import Settings
    from reconciler.engine import Planning
    from reconciler.export import Exported
    from reconciler.model import Report, Stack
    from reconciler.state import State

__all__ = ["export", "import_"]

FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.command("import")
@click.argument("address")
@click.argument("id")
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@online
@FORMAT
@click.option("-v", "--verbose", is_flag=True, help="Also what is not managed here, and what was spent.")
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
def import_(address: str, id: str, path: Path, form: str, verbose: bool, auto_approve: bool, **options: Any) -> int:
    """Adopt the object ID of the account as ADDRESS, which YAML declares: a plan for this one address.

    What differs from YAML is brought in line, as the plan shows. An object that another stack has marked is refused.

    \b
    reconciler import indexes/catalog 665f1c…
    """
    if not auto_approve and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: give --auto-approve")
    from reconciler.adopt import adopted
    from reconciler.plan.guards import Consent

    chosen = settings(path, options)
    stack = load_stack(path, chosen.variables, chosen.var_file, chosen.allow_env)
    state = open_state(stack, chosen, create=True)
    command = f"reconciler import {address} {id}"
    try:
        with locked(state, command):

            async def run() -> tuple[Planning, Report | None]:
                async with open_session(stack, state, chosen, Consent(adopt=True)) as session:
                    if state.operations():  # of an interrupted run
                        await session.plan_for_good()
                    again = partial(adopted, session, address, id)
                    planning = await again()
                    look = look_for(False, verbose)
                    return planning, await confirmed(session, planning, again, form, look, auto_approve, command)

            planning, report = asyncio.run(run())
    finally:
        state.close()
    return result(stack, planning, report, form)


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="exported",
    show_default=True,
    help="The new directory.",
)
@click.option("--name", help="Name of the new stack [that of the directory].")
@click.option("--target", metavar="ADDRESS", multiple=True, help="Only these (globs); what they need is external.")
@click.option("--provider", default="twelvelabs", show_default=True)
@online
def export(out: Path, name: str | None, target: tuple[str, ...], provider: str, **options: Any) -> int:
    """Write the account as a new stack, and change nothing: planning it changes nothing either.

    Every object is named by its id; its new state is made beside it. Objects of other stacks are external.

    \b
    reconciler export --out archive
    reconciler export --out players --target 'entity_collections/*'
    """
    from reconciler.export import read_account
    from reconciler.provider import kinds_of

    if out.exists() and any(out.iterdir()):
        raise ReconcilerError(f"{out} is not empty; export into a new directory")
    chosen = settings(out, options)
    new = _new_stack(name or out.resolve().name, provider, out)

    async def read() -> Exported:
        state = open_state(_beside(new) if chosen.emulator is not None else new, chosen, create=False)
        try:
            _is_new(state, new)
            async with open_session(_beside(new), state, chosen) as session:
                return await read_account(session, target)
        finally:
            state.close()

    exported = asyncio.run(read())
    left = _write(out, new, exported, chosen)
    for note in (*exported.notes, *(f"planning will change {line}" for line in left)):
        click.echo(plain(note), err=True)
    kinds = kinds_of(provider)
    told = ", ".join(kinds[kind].counted(count) for kind, count in exported.counts.items() if count) or "nothing"
    click.echo(f"Exported {told} into {out}.")
    return 0


def _new_stack(name: str, provider: str, out: Path) -> Stack:
    from reconciler.export import slug
    from reconciler.model import Stack
    from reconciler.provider import names

    if provider not in names():
        raise ReconcilerError(f"there is no provider {provider!r}; known: {', '.join(names())}")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        name = slug(name) or "exported"
    return Stack(name=name, provider=provider, root=out, resources={}, where=lambda *_: ("", 0, 0))


def _beside(new: Stack) -> Stack:
    """The stack as if it were here: the emulator without a file is the one of the working directory."""
    return replace(new, root=Path())


def _is_new(state: State, stack: Stack) -> None:
    if state.recorded():
        raise ReconcilerError(f"the state has a stack {stack.name!r} already; export under another --name")


def _write(out: Path, new: Stack, exported: Exported, chosen: Settings) -> list[str]:
    """The files, then the state of what they say; what planning would change even so."""
    from reconciler.export import SCHEMAS, rows_of
    from reconciler.provider import kinds_of
    from reconciler.schema import render, stack_schema
    from reconciler.state import Put

    files = {**exported.files, f"{SCHEMAS}/{new.provider}.json": render(stack_schema(new.provider))}
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    stack = load_stack(out)
    rows, left = rows_of(stack, kinds_of(new.provider), exported.snapshot)
    state = open_state(_beside(stack) if chosen.emulator is not None else stack, chosen, create=True)
    try:
        with locked(state, "reconciler export"):
            _is_new(state, stack)
            state.commit(*(Put(row) for row in rows))
            ids = exported.snapshot.stack_ids(stack.name)  # the stack may be marked already: then it goes on
            state.identify(id=next(iter(ids)) if len(ids) == 1 else None, place=out.as_posix())
    finally:
        state.close()
    return left
