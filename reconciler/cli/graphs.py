"""graph: what a stack declares, drawn."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.options import load_stack, parsed, variables

__all__ = ["graph"]


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@variables
@click.option("--format", "form", type=click.Choice(["mermaid", "dot"]), default="mermaid", show_default=True)
def graph(path: Path, var: tuple[str, ...], var_file: Path | None, allow_env: tuple[str, ...], form: str) -> int:
    """Draw what a stack declares, and what refers to what; offline.

    \b
    reconciler graph                          Mermaid, for Markdown
    reconciler graph --format dot | dot -Tsvg > stack.svg
    """
    from reconciler.provider import kinds_of
    from reconciler.reports.graph import graph as drawn

    stack = load_stack(path, parsed(var), var_file, allow_env)
    click.echo(drawn(stack, kinds_of(stack.provider), form))
    return 0
