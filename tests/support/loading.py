"""Stacks that are loaded to see what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from reconciler.errors import Invalid
from reconciler.model import Stack

__all__ = ["Loading", "problems_of"]

Loading = Callable[..., Stack]
"""A fixture: writes files into a directory and loads it."""


def problems_of(loaded: Loading, text: str, *more: Mapping[str, str | bytes] | Mapping[str, str]) -> list[str]:
    """The lines of what is wrong."""
    with pytest.raises(Invalid) as caught:
        loaded(text, *more)
    return str(caught.value).splitlines()
