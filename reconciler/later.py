"""A value that is known after apply: what a result says at a place of it, declared as `{from: ADDRESS, at: POINTER}`.

It stands in the metadata of whatever is given the value, from YAML to the step that writes it. As soon as the result is
there the value itself takes its place, so no request, and no row of a state, ever holds one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.frozen import dataclass

__all__ = ["UNKNOWN_YET", "Later", "laters_in", "tokens", "value_at"]

UNKNOWN_YET: Final = "(known after apply)"
"""What is shown in its place."""


@dataclass(frozen=True, slots=True)
class Later:
    """What the result at an address says at a JSON Pointer; the whole of it, where the pointer is empty."""

    address: str
    pointer: str = ""


def laters_in(fields: Mapping[str, Any]) -> Iterator[Later]:
    """All in the maps of some fields."""
    for value in fields.values():
        yield from (item for item in (value.values() if isinstance(value, Mapping) else ()) if isinstance(item, Later))


def tokens(pointer: str) -> list[str] | None:
    """The names in a JSON Pointer (RFC 6901), outermost first; None if it is none."""
    if pointer and not pointer.startswith("/"):
        return None
    return [word.replace("~1", "/").replace("~0", "~") for word in pointer.split("/")[1:]]


def value_at(answer: Any, pointer: str) -> Any:
    """What is at a pointer; None when there is nothing, and what is empty is nothing too: no API keeps it."""
    for name in tokens(pointer) or ():
        if not isinstance(answer, dict) or name not in answer:
            return None
        answer = answer[name]
    return None if answer in ("", [], {}) else answer
