"""output: what a stack has made, for scripts and programs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.completing import complete
from reconciler.cli.looping import awaited
from reconciler.cli.options import formatted, project_at, recorded
from reconciler.errors import ReconcilerError
from reconciler.redact import plain

if TYPE_CHECKING:
    from reconciler.project.outputs import ToldOf

__all__ = ["output"]


@click.command()
@click.argument("names", metavar="[NAME|ADDRESS]...", nargs=-1, shell_complete=complete)
@click.option("--path", type=click.Path(exists=True, path_type=Path), default=".", help="The stack [.].")
@recorded
@formatted("text", "json", "env")
def output(names: tuple[str, ...], path: Path, form: str, **options: Any) -> int:
    """Tell ids and other facts of what was made, for scripts: from the state, without a key and without a request.

    Names are those under `outputs:` in YAML; addresses and globs of addresses will do, too. Without any, all outputs
    are told, or all addresses where no outputs are declared. Of a single one the text is its value and nothing else.
    What is not applied yet is named, and the exit code is 1.

    \b
    reconciler output
    reconciler output indexes/catalog
    reconciler output 'assets/*' --format json
    eval "$(reconciler output --format env)"
    """
    with closing(project_at(path, options)) as project:
        told = awaited(project.outputs(names))
        stack = project.stack.name
    if form == "json":
        from reconciler.reports.json import told_json

        outputs = {it.name: {key: value for key, value in asdict(it).items() if key != "name"} for it in told.found}
        click.echo(told_json(stack, {"outputs": outputs, "missing": told.missing}))
    else:
        alone = len(told.found) == 1 and not told.missing and len(names) == 1 and names[0] == told.found[0].name
        for line in _env(told.found) if form == "env" else _lines(told.found, alone):
            click.echo(line)
    for name, why in told.missing.items():
        click.echo(click.style("Error: ", fg="red", bold=True) + plain(f"{name}: {why}"), err=True)
    return 1 if told.missing else 0


def _lines(found: Sequence[ToldOf], alone: bool) -> list[str]:
    if alone:
        return [plain(_text(found[0].value))]
    width = max((len(it.name) for it in found), default=0)
    return [f"{plain(it.name):<{width}}  {plain(_text(it.value))}" for it in found]


def _env(found: Sequence[ToldOf]) -> list[str]:
    """NAME=value, quoted for a shell; of an address each letter that no variable can have is `_`."""
    seen: dict[str, str] = {}
    lines = []
    for it in found:
        name = it.name if "/" not in it.name else re.sub("[^A-Za-z0-9]", "_", it.name).upper()
        if name in seen:
            both = f"{seen[name]} and {it.name} would both be {name}"
            raise ReconcilerError(f"{both}; give one of them a name of its own under `outputs:`")
        seen[name] = it.name
        lines.append(f"{name}={shlex.quote(plain(_text(it.value)))}")
    return lines


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
