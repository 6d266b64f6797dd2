"""Addresses, completed by the shell: read from the stack's YAML, offline; what is wrong completes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

__all__ = ["addresses", "complete"]


def addresses(path: Path) -> list[str]:
    """What the stack at a path declares, and its outputs; nothing where there is no stack that can be read."""
    from reconciler.errors import ReconcilerError
    from reconciler.load import load

    try:
        stack = load(path, environ=dict(os.environ))
    except (ReconcilerError, OSError):
        return []
    return [*stack.outputs, *stack.resources]


def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Those that begin so, of the stack that is named on the line already, or that of this directory."""
    given: Any = context.params.get("path")
    return [CompletionItem(it) for it in addresses(Path(given or ".")) if it.startswith(incomplete)]
