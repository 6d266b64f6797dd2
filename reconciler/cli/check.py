"""check: whether searches find what they should, as the stack's `checks:` say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.looping import awaited
from reconciler.cli.observing import observed
from reconciler.cli.options import online, project_at
from reconciler.cli.outputs import write_file

if TYPE_CHECKING:
    from reconciler.checks import Checked
    from reconciler.project import Project

__all__ = ["CHECK_FAILED", "check", "checks_as"]

CHECK_FAILED = 8
FORMATS = ["text", "json", "junit", "markdown", "html"]


@click.command()
@click.argument("words", metavar="[NAME…] [PATH]", nargs=-1)
@click.option("--record", is_flag=True, help="Make this run the baseline, whatever it found.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report into FILE, and print its last line only.",
)
@online
@observed
def check(words: tuple[str, ...], form: str, record: bool, out: Path | None, **options: Any) -> int:
    """Run the checks of a stack, or those NAMEd (globs): ask, and hold what is found against what is expected.

    The last word is the PATH of the stack if there is such a file or directory, else the stack is in this directory.
    Exit with 8 when a check fails. The first run that passes sets the baseline; --record sets it anew. Each query is
    billed once by the platform, and nothing in the account is changed.

    \b
    reconciler check
    reconciler check goals --record
    reconciler check --format junit -o checks.xml
    """
    names, path = _parted(words)
    project = project_at(path, options)

    async def run() -> Sequence[Checked]:
        async with project:
            _tell_the_cost(project, names)
            return await project.check(names, record=record)

    outcomes = awaited(run())
    if observer := options.get("observer"):
        observer.checked(outcomes)
    said = checks_as(form, project, outcomes)
    if out:
        write_file(out, said if said.endswith("\n") else f"{said}\n")
        said = checks_as("text", project, outcomes).rsplit("\n", 1)[-1]
    click.echo(said)
    return 0 if all(it.passes for it in outcomes) else CHECK_FAILED


def _parted(words: tuple[str, ...]) -> tuple[tuple[str, ...], Path]:
    if words and Path(words[-1]).exists():
        return words[:-1], Path(words[-1])
    return words, Path()


def _tell_the_cost(project: Project, names: Sequence[str]) -> None:
    click.echo(f"Checks: {project.bill(names)}", err=True)


def checks_as(form: str, project: Project, outcomes: Sequence[Checked]) -> str:
    """The report in a format."""
    from reconciler.reports import checks as reports
    from reconciler.reports.json import dumps

    stack = project.stack
    match form:
        case "json":
            return dumps(reports.checks_json(stack.name, outcomes))
        case "junit":
            return reports.checks_junit(stack.name, outcomes)
        case "markdown":
            return reports.checks_markdown(stack.name, outcomes)
        case "html":
            return reports.checks_html(stack.name, stack.provider, outcomes)
        case _:
            return reports.checks_text(outcomes)
