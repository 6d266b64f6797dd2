"""Options that every resource takes, `protect:` and `ignore:` and the like: what is wrong with one, what it means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from reconciler.load.check.replacing import replacing_problems
from reconciler.load.grammar.shapes import Shape
from reconciler.load.wording import a, cut, did_you_mean
from reconciler.load.yaml.positions import Path
from reconciler.redact import holds_secret

__all__ = ["ignore_problems", "ignored", "option_problems"]


def option_problems(name: str, value: Any, shape: Shape) -> Iterator[tuple[Path, str]]:
    """What is wrong with an option: (path below it, summary)."""
    if holds_secret(value):
        yield (), "cannot come from the environment"
    elif name in ("protect", "external"):
        if not isinstance(value, bool):
            yield (), f"expected true or false, got {a(value)}"
    elif name == "id":
        if not (isinstance(value, str) and value):
            hint = f'; put it in quotes: "{value}"' if type(value) is int else ""
            yield (), f"expected the id as a string, got {a(value)}{hint}"
    elif name == "replace":
        yield from replacing_problems(value, shape)
    elif not isinstance(value, list):
        yield (), f"expected a list of fields, got {a(value)}"
    else:
        yield from ignore_problems(value, shape.names)


def ignore_problems(paths: Iterable[Any], names: Collection[str]) -> Iterator[tuple[Path, str]]:
    """What is wrong with `ignore:` where there are fields of these names: (path below it, summary)."""
    for index, path in enumerate(paths):
        first = path.partition(".")[0] if type(path) is str else ""
        if not first:
            yield (index,), f"expected a field such as metadata.rating, got {a(path)}"
        elif not _meant(first, names):
            yield (index,), f'unknown field "{cut(first)}"{did_you_mean(first, names)}'


def ignored(paths: Iterable[str], shape: Shape) -> tuple[str, ...]:
    """The paths with the fields that they mean; keys are known only when they are compared."""
    found: list[str] = []
    for path in paths:
        first, dot, key = path.partition(".")
        found += [f"{name}{dot}{key}" for name in _meant(first, shape.names)]
    return tuple(found)


def _meant(glob: str, names: Iterable[str]) -> list[str]:
    """The fields that a glob means, in an order of their own."""
    return sorted(name for name in names if fnmatchcase(name, glob))
