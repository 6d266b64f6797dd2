"""Headers of mp4, jpeg, png and wav files: width, height, duration, frames a second. A few reads a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["Header", "probe"]


@dataclass(frozen=True, slots=True)
class Header:
    mime: str
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    fps: float | None = None


def probe(file: BinaryIO, size: int) -> Header | None:
    """What the header says, or None where it is of no kind that we read."""
    return None
