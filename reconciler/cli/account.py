"""import and export: from an account that exists to a stack."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.applying import Manner, carried_out
from reconciler.cli.completing import complete
from reconciler.cli.formats import look_for
from reconciler.cli.looping import awaited
from reconciler.cli.options import FORMAT, online, options_of, project_at, told_of_a_pause
from reconciler.redact import plain

if TYPE_CHECKING:
    from reconciler.export import Exported

__all__ = ["export", "import_"]


@click.command("import")
@click.argument("address", shell_complete=complete)
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
    project = project_at(path, options)
    manner = Manner(form, look_for(False, verbose), auto_approve)
    return carried_out(project, partial(project.adopt, address, id), f"reconciler import {address} {id}", manner)


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
    from reconciler.project import Project
    from reconciler.project.exporting import new_stack
    from reconciler.provider import kinds_of

    new = new_stack(name, provider, out)
    project = Project(new, options_of(options), path=out, on_pause=told_of_a_pause)

    async def run() -> Exported:
        async with project:
            return await project.export(out, name=new.name, target=target)

    exported = awaited(run())
    for note in exported.notes:
        click.echo(plain(note), err=True)
    kinds = kinds_of(provider)
    told = ", ".join(kinds[kind].counted(count) for kind, count in exported.counts.items() if count) or "nothing"
    click.echo(f"Exported {told} into {out}.")
    return 0
