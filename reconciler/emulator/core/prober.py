"""Headers of mp4, jpeg, png and wav files: width, height, duration, frames a second. A few reads a file.

Nothing here trusts a length: every loop is bounded, and what contradicts itself is `Broken`, never a crash.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

__all__ = ["Broken", "Header", "probe"]

MOST_BOXES = 4096
STILL_BRANDS = {b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"}
PNG = b"\x89PNG\r\n\x1a\n"


class Broken(Exception):
    """The file begins like one of a kind that we read, and then it is not."""


@dataclass(frozen=True, slots=True)
class Header:
    """Pixels as they are shown, seconds, frames a second; None for what the kind does not have."""

    mime: str
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    fps: float | None = None


def probe(file: BinaryIO, size: int) -> Header | None:
    """What the header says; None for a kind that is not read here. Raises Broken."""
    file.seek(0)
    start = file.read(16)
    try:
        if start.startswith(PNG):
            return _png(file)
        if start.startswith(b"\xff\xd8\xff"):
            return _jpeg(file)
        if start[:4] == b"RIFF" and start[8:12] == b"WAVE":
            return _wav(file, size)
        if start[4:8] == b"ftyp":
            return None if start[8:12] in STILL_BRANDS else _mp4(file, size, start[8:12])
    except (struct.error, ZeroDivisionError, OverflowError) as error:
        raise Broken(str(error)) from error
    return None


def _png(file: BinaryIO) -> Header:
    file.seek(8)
    _, kind, width, height = struct.unpack(">I4sII", file.read(16))
    if kind != b"IHDR" or not width or not height:
        raise Broken("a png without its header")
    return Header("image/png", width, height)


def _jpeg(file: BinaryIO) -> Header:
    """Segment after segment until the one that starts a frame."""
    file.seek(2)
    for _ in range(MOST_BOXES):
        mark, kind = struct.unpack(">BB", file.read(2))
        if mark != 0xFF:
            break
        while kind == 0xFF:
            (kind,) = struct.unpack(">B", file.read(1))
        if kind == 0x01 or 0xD0 <= kind <= 0xD8:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            _, height, width = struct.unpack(">BHH", file.read(5))
            return Header("image/jpeg", width, height)
        if kind in (0xD9, 0xDA) or length < 2:
            break
        file.seek(length - 2, 1)
    raise Broken("a jpeg without a frame")


def _wav(file: BinaryIO, size: int) -> Header:
    position, bytes_a_second = 12, 0
    for _ in range(MOST_BOXES):
        file.seek(position)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind == b"fmt ":
            (bytes_a_second,) = struct.unpack("<8xI", file.read(12))
        if kind == b"data":
            # A recorder that was interrupted leaves a length beyond the end of the file.
            return Header("audio/wav", duration=min(length, size - position - 8) / bytes_a_second)
        position += 8 + length + length % 2
    raise Broken("a wav without data")


@dataclass(frozen=True, slots=True)
class _Track:
    handler: bytes = b""
    width: int = 0
    height: int = 0
    duration: float = 0.0
    samples: int = 0


def _mp4(file: BinaryIO, size: int, brand: bytes) -> Header:
    """The movie box: its length, and of each track what it is, its frame and how many samples it has."""
    movie = next((span for kind, *span in _boxes(file, 0, size) if kind == b"moov"), None)
    if movie is None:
        raise Broken("an mp4 without a movie box")
    duration, tracks = 0.0, []
    for kind, start, end in _boxes(file, movie[0], movie[1]):
        if kind == b"mvhd":
            duration = _length(file, start)
        elif kind == b"trak":
            tracks.append(_track(file, start, end, _Track()))
    if not tracks:
        raise Broken("an mp4 without a track")
    longest = max([duration, *(track.duration for track in tracks)])
    picture = next((track for track in tracks if track.handler == b"vide"), None)
    if picture is None:
        return Header("audio/mp4", duration=round(longest, 3))
    fps = round(picture.samples / picture.duration, 3) if picture.duration and picture.samples else None
    mime = "video/quicktime" if brand == b"qt  " else "video/mp4"
    return Header(mime, picture.width, picture.height, round(longest, 3), fps)


def _track(file: BinaryIO, start: int, end: int, track: _Track, depth: int = 0) -> _Track:
    """`track` with what the boxes in this span add to it."""
    for kind, inner, after in _boxes(file, start, end):
        if kind == b"tkhd":
            width, height = _frame(file, inner, after)
            track = replace(track, width=width, height=height)
        elif kind == b"mdhd":
            track = replace(track, duration=_length(file, inner))
        elif kind == b"hdlr" and not track.handler:
            file.seek(inner + 8)
            track = replace(track, handler=file.read(4))
        elif kind == b"stts":
            track = replace(track, samples=_samples(file, inner, after))
        elif kind in (b"mdia", b"minf", b"stbl") and depth < 4:
            track = _track(file, inner, after, track, depth + 1)
    return track


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first byte inside, first byte after, of each box from `start` to `end`."""
    for _ in range(MOST_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        length, kind = struct.unpack(">I4s", file.read(8))
        inner = start + 8
        if length == 1:
            # A box of more than 4 GB writes its length in eight bytes, behind its kind.
            (length,) = struct.unpack(">Q", file.read(8))
            inner += 8
        after = end if length == 0 else start + length
        if after < inner or after > end:
            raise Broken(f"a box of {length} bytes where {end - start} are left")
        yield kind, inner, after
        start = after


def _length(file: BinaryIO, start: int) -> float:
    """Seconds, from a movie's or a track's header: both have the same beginning."""
    file.seek(start)
    (version,) = struct.unpack(">B3x", file.read(4))
    scale, duration = struct.unpack(">16xIQ", file.read(28)) if version == 1 else struct.unpack(">8xII", file.read(16))
    unknown = duration in (2**32 - 1, 2**64 - 1)
    return 0.0 if unknown else duration / scale


def _frame(file: BinaryIO, start: int, end: int) -> tuple[int, int]:
    """Width and height as shown: the last two numbers of the box, swapped when the matrix turns the picture."""
    file.seek(end - 44)
    a, b, _, c, d, *_, width, height = struct.unpack(">9iII", file.read(44))
    turned = a == d == 0 and b != 0 and c != 0
    return (height >> 16, width >> 16) if turned else (width >> 16, height >> 16)


def _samples(file: BinaryIO, start: int, end: int) -> int:
    file.seek(start + 4)
    (entries,) = struct.unpack(">I", file.read(4))
    if entries * 8 > end - start - 8:
        raise Broken("more samples than their table holds")
    table = file.read(min(entries, MOST_BOXES) * 8)
    return sum(count for count, _ in struct.iter_unpack(">II", table))
