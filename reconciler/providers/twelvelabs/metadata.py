"""What can be stored as metadata of TwelveLabs' objects, and what is wrong with what cannot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from reconciler.kind import Before, Bounds, WrongItems

__all__ = ["Name", "PlainMetadata", "TaggedMetadata"]

MAX_SAFE_INTEGER = 9_007_199_254_740_991
"""Integers beyond 53 bits must be sent as strings (SDK 1.3.6)."""


def _metadata_problem(value: Any, *, lists: bool, drops_empty: bool) -> str | None:
    """What is wrong with one metadata value, and what to do; None when it can be stored."""
    if isinstance(value, str):
        return "an empty string is never stored by the API; leave the key out" if drops_empty and not value else None
    if isinstance(value, (bool, float)):
        return None if math.isfinite(value) else "a number that JSON cannot hold; quote it"
    if isinstance(value, int):
        too_big = abs(value) > MAX_SAFE_INTEGER
        return "an integer beyond 53 bits loses digits on the way; quote it" if too_big else None
    if value is None:
        return "null cannot be stored; leave the key out to remove it"
    if isinstance(value, Mapping):
        return "a nested map cannot be stored; write it as a string of JSON"
    if not lists:
        return "a list cannot be stored here; write it as one string"
    if not value:
        return "an empty list is never stored by the API; leave the key out"
    return None if all(isinstance(item, str) and item for item in value) else "a list may hold non-empty strings only"


def _check_metadata(value: Any, *, lists: bool, drops_empty: bool) -> Any:
    if not isinstance(value, Mapping):
        return value
    problems = {}
    for key, item in value.items():
        kind = type(item)
        if key.startswith("reconciler_"):
            problems[key] = "keys that begin with reconciler_ are the tool's own; choose another name"
        elif not key:
            problems[key] = "a key must not be empty; give it a name"
        elif (kind is str and item) or kind is bool or (kind is int and -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER):
            continue  # nearly always
        elif problem := _metadata_problem(item, lists=lists, drops_empty=drops_empty):
            problems[key] = problem
    if problems:
        raise WrongItems(problems)
    return value


def _tagged_metadata(value: Any) -> Any:
    return _check_metadata(value, lists=True, drops_empty=True)


def _plain_metadata(value: Any) -> Any:
    return _check_metadata(value, lists=False, drops_empty=False)


Scalar = str | int | float | bool
Name = Annotated[str, Bounds(min_length=1)]
TaggedMetadata = Annotated[dict[str, Scalar | list[str]], Before(_tagged_metadata)]
"""Assets and indexed assets: scalars and lists of strings; empty values are dropped by the API."""
PlainMetadata = Annotated[dict[str, Scalar], Before(_plain_metadata)]
"""Entities: scalars only."""
