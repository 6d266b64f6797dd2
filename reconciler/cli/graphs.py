"""graph: what a stack declares, drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import load_stack, variables

__all__ = ["graph"]


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@variables
@click.option("--format", "form", type=click.Choice(["mermaid", "dot"]), default="mermaid", show_default=True)
def graph(path: Path, form: str, **options: Any) -> int:
    """Draw what a stack declares, and what refers to what; offline.

    \b
    reconciler graph                          Mermaid, for Markdown
    reconciler graph --format dot | dot -Tsvg > stack.svg
    """
    from reconciler.provider import kinds_of
    from reconciler.reports.graph import graph as drawn

    stack = load_stack(path, options)
    click.echo(drawn(stack, kinds_of(stack.provider), form))
    return 0
