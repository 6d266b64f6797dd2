"""Colour, as terminals have understood it since the VT100. Who prints takes it out where there is no terminal."""

from __future__ import annotations

from typing import Final

__all__ = ["styled"]

_COLOURS: Final = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36}
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def styled(text: str, *, fg: str | None = None, bold: bool = False, dim: bool = False) -> str:
    """The text in a colour, bold or dim, and plain again after it."""
    colour = f"\x1b[{_COLOURS[fg]}m" if fg else ""
    return f"{colour}{_BOLD * bold}{_DIM * dim}{text}{_PLAIN}"
