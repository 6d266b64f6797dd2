"""Made-up but steady results: vectors and transcripts that follow from content. No model runs anywhere."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["segments", "transcript", "vector"]

SEGMENT_S = 6.0


def vector(content: str, dimensions: int) -> list[float]:
    """A unit vector that depends on `content` alone; equal contents are equal, others are nearly orthogonal."""
    needed, noise = dimensions * 4, b""
    while len(noise) < needed:
        noise += hashlib.sha512(f"{content}#{len(noise)}".encode()).digest()
    raw = [number / 2**31 - 1 for (number,) in struct.iter_unpack(">I", noise[:needed])]
    length = math.sqrt(sum(number * number for number in raw))
    return [round(number / length, 9) for number in raw]


def segments(start: float, end: float, length: float = SEGMENT_S) -> Iterator[tuple[float, float]]:
    """Spans of `length` seconds from `start` to `end`; the last is what is left."""
    for number in range(max(math.ceil((end - start) / length), 1)):
        yield round(start + number * length, 3), round(min(start + (number + 1) * length, end), 3)


def transcript(folder: str | None, filename: str) -> list[dict[str, Any]]:
    """What is said in a file, from `<folder>/<filename>.json`: a list of `{start, end, value}`; nothing without one.

    A side-file that cannot be read so is the user's mistake: a ValueError, which the answer should tell.
    """
    if folder is None or Path(filename).name != filename or "\0" in filename:
        return []
    side_file = Path(folder) / f"{filename}.json"
    try:
        if not side_file.resolve(strict=True).is_relative_to(Path(folder).resolve()):
            return []  # a link that leads out of the folder
        spoken = json.loads(side_file.read_text(encoding="utf-8"))
        return [{"start": float(s["start"]), "end": float(s["end"]), "value": str(s["value"])} for s in spoken]
    except OSError:
        return []
    except (ValueError, TypeError, KeyError) as error:
        message = f"The emulator's transcript {side_file.name} is no list of start, end and value: {error!r}"
        raise ValueError(message) from error
