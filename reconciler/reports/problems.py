"""What a check of YAML found, for programs: JSON, and annotations at file and line for GitHub's pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from reconciler.errors import Problem
from reconciler.model import Stack
from reconciler.redact import annotation

__all__ = ["counted", "github_annotations", "valid_json"]

MOST = 10
"""GitHub shows so many annotations of one step, and drops the rest without a word."""


def counts(stack: Stack) -> Mapping[str, int]:
    """kind → how many are declared, sorted."""
    return dict(sorted(Counter(resource.kind for resource in stack.resources.values()).items()))


def counted(stack: Stack) -> str:
    """What is declared, for people."""
    return ", ".join(f"{count} {kind}" for kind, count in counts(stack).items()) or "nothing declared"


def valid_json(stack: Stack) -> str:
    """That nothing is wrong, and what is declared. What is wrong is told as by all commands: `errors_json`."""
    from reconciler.reports.json import told_json

    told = {"provider": stack.provider, "valid": True, "counts": counts(stack), "diagnostics": []}
    return told_json(stack.name, told)


def github_annotations(problems: Sequence[Problem], here: Path) -> Iterator[str]:
    """A line for each, as a runner of GitHub Actions reads it: the first few, then how many there are besides."""
    most = MOST if len(problems) <= MOST else MOST - 1
    for problem in problems[:most]:
        level = "error" if problem.severity == "error" else "warning"
        where = (_from(problem.file, here), problem.line, problem.column) if problem.file else ()
        yield annotation(level, problem.what, *where)
    if len(problems) > most:
        yield f"::error::{len(problems) - most} more problems; the log of this step has all"


def _from(file: str, here: Path) -> str:
    path = Path(file)
    return path.relative_to(here).as_posix() if path.is_absolute() and path.is_relative_to(here) else path.as_posix()
