"""Points in time in the schema of an answer: where the vendor takes its own type, and the names it keeps for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.emulator.core.problems import ApiProblem

__all__ = ["check_times"]

NAME = "response_format.json_schema"
RESERVED = ("start_time", "end_time")
DEEPEST = 48


def check_times(schema: Any) -> None:
    """Raises the 400 that is documented for a timestamp elsewhere than in the whole or in the objects of a list in it,
    and for a property with a reserved name that is no point in time."""
    for path, part in _parts(schema, ()):
        if part.get("type") == "timestamp" and not _stands_well(path):
            raise _refused(path, "a timestamp cannot be declared here")
        if path[-2:-1] == ("properties",) and path[-1] in RESERVED and not _is_a_time(part):
            raise _refused(path, "the name is reserved; its type is number, integer, timestamp or string, no format")


def _parts(part: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if not isinstance(part, Mapping) or len(path) > DEEPEST:
        return
    yield path, part
    for word in ("properties", "$defs"):
        named = part.get(word)
        for name, inner in named.items() if isinstance(named, Mapping) else ():
            yield from _parts(inner, (*path, word, name))
    yield from _parts(part.get("items"), (*path, "items"))
    choices = part.get("anyOf")
    for at, inner in enumerate(choices if isinstance(choices, list) else ()):
        yield from _parts(inner, (*path, "anyOf", str(at)))


def _stands_well(path: tuple[str, ...]) -> bool:
    match path:
        case ("properties", _) | ("properties", _, "items", "properties", _):
            return True
    return False


def _is_a_time(part: Mapping[str, Any]) -> bool:
    kind = part.get("type")
    return kind in ("number", "integer", "timestamp") or (kind == "string" and "format" not in part)


def _refused(path: tuple[str, ...], why: str) -> ApiProblem:
    return ApiProblem(400, "parameter_invalid", f"{'.'.join((NAME, *path))[:200]}: {why}.")
