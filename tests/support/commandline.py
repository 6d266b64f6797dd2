"""Runs the command line in this process as a shell would see it: arguments in; exit code, output and errors out."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from reconciler.cli import main

__all__ = ["CHECKOUT", "Said", "reconciler"]

CHECKOUT = Path(__file__).resolve().parents[2]
FROM_OUTSIDE = {"CI", "NO_COLOR"}
"""With all of the providers' own, such as TWELVELABS_API_KEY: what would change what a command does."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """The line that people and scripts parse."""
        return self.out.rstrip("\n").rsplit("\n", 1)[-1]

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Somebody:
    """Who sits at a terminal, and thinks before answering: as much of a standard input as a prompt needs."""

    def __init__(self, answer: Callable[[], str]) -> None:
        self._answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self, *_: Any) -> str:
        return self._answer() + "\n"


def reconciler(
    *args: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    terminal: bool = False,
    answer: Callable[[], str] | None = None,
) -> Said:
    """`reconciler ARGS` in a directory, with nothing in the environment that changes what it does but `env`.

    `terminal` says whether output goes to one; nobody sits at it, unless `answer` gives what they type.
    """
    out, err = (_Terminal(), _Terminal()) if terminal else (io.StringIO(), io.StringIO())
    code = 0
    with (
        _environment(env or {}),
        contextlib.chdir(cwd or Path.cwd()),
        mock.patch.object(sys, "argv", ["reconciler", *map(str, args)]),
        mock.patch.object(sys, "stdin", _Somebody(answer) if answer else io.StringIO()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Said(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    rest = {
        name: value
        for name, value in os.environ.items()
        if name not in FROM_OUTSIDE and not name.startswith(("RECONCILER_", "TWELVELABS_", "TWELVE_LABS_", "MIXPEEK_"))
    }
    with mock.patch.dict(os.environ, {**rest, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **env}, clear=True):
        yield
