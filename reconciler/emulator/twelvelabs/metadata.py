"""Metadata as the vendor keeps it: flat, typed, and blind to emptiness."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.twelvelabs.problems import invalid

__all__ = ["checked", "merged", "replaced"]

EXACT = 2**53 - 1
"""Beyond this, integers do not survive a JSON parser that uses doubles, so the vendor wants them as strings."""


def checked(values: dict[str, Any], *, name: str = "user_metadata", lists: bool = True) -> dict[str, Any]:
    """`values` if every one is a string, a number, a flag, a list of strings (where `lists`), or null."""
    for key, value in values.items():
        if isinstance(value, dict):
            raise invalid(f"{name}.{key[:64]}: nested objects are not supported; encode them as a string.")
        if isinstance(value, list) and not (lists and all(isinstance(item, str) for item in value)):
            raise invalid(f"{name}.{key[:64]}: a list must hold strings only" + ("." if lists else ", and not here."))
        # By the SDK's own words: beyond 53 bits a number must come as a string.
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > EXACT:
            raise invalid(f"{name}.{key[:64]}: integers beyond 53 bits must be sent as strings.")
    return values


def replaced(values: dict[str, Any]) -> dict[str, Any]:
    """What is stored when `values` are all there is: null, `""` and `[]` are not stored."""
    return {key: value for key, value in values.items() if not _empty(value)}


def merged(old: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """What is stored when `values` are laid over `old`: null removes a key, `""` and `[]` change nothing."""
    # PATCH: null removes, what is empty changes nothing (prose of the metadata calls).
    new = {key: value for key, value in old.items() if values.get(key, "") is not None}
    return {**new, **replaced(values)}


def _empty(value: object) -> bool:
    return value is None or value == "" or value == []
