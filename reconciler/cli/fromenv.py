"""Options out of the environment: `RECONCILER_PLAN_FORMAT` is `--format` of `plan`, and so on.

A job's variables reach all of its commands, and nobody reads them beside a command. So what agrees to something, and
what says which account, which state or which part of a stack is meant, is said on the line each time. What may hold a
secret has one variable, whose value is known and is shown nowhere.
"""

from __future__ import annotations

import os
from itertools import pairwise

import click

__all__ = ["formats_in", "with_variables"]

PREFIX = "RECONCILER"
EACH_TIME = frozenset(
    {
        *("auto_approve", "adopt", "retry_failed", "destroying", "repair", "listen_anywhere"),  # agree
        *("keep", "record", "add_to"),  # write over what is there
        *("state", "endpoint", "emulator", "id"),  # which account, which record of it
        *("var", "target", "exclude", "replace"),  # what of the stack, and with which values
    }
)
"""Names of options that no variable gives, besides all of `--allow-…`."""


def formats_in(argv: list[str]) -> list[str]:
    """Every `--format` that a command line asks for, or its variable: known before anything of it is parsed."""
    given = [arg.partition("=")[2] for arg in argv if arg.startswith("--format=")]
    given += [after for before, after in pairwise(argv) if before == "--format"]
    words = [arg for arg in argv[1:3] if arg.replace("-", "").isalpha()]
    named = (os.environ.get(_variable(*words[:many], "format")) for many in (1, 2))
    return given or [form for form in named if form]


def with_variables(command: click.Command, *path: str) -> click.Command:
    """The command, whose options may come from there. Named by the word on the line, as click's own prefix does not."""
    for option in command.params:
        if isinstance(option, click.Option) and option.envvar is None and not _is_said_each_time(option):
            word = max(option.opts, key=len).lstrip("-")
            option.envvar = _variable(*path, word)
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            with_variables(inner, *path, name)
    return command


def _variable(*words: str) -> str:
    return "_".join((PREFIX, *words)).replace("-", "_").upper()


def _is_said_each_time(option: click.Option) -> bool:
    name = option.name or ""
    return name in EACH_TIME or name.startswith("allow_")
