"""Whether a file is all of what it says it is: containers tell how long they are, and a copy may have stopped half-way.

Only what is certain is said. A few bytes of each box or chunk are read, and nothing is decoded, so no extra is needed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["cut_short"]

MOST_BOXES = 10_000
"""So many are looked at; a file with more is not judged."""
BLOCK_BYTES = 1 << 18
UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF)
"""What is written for a size by who cannot go back to write it."""
SLACK_BYTES = 16
"""Sizes that are a little wrong are common, and do no harm."""
BEGINS_MP4 = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
HOLDS_MEDIA = (b"moov", b"mdat", b"moof", b"meta")


def cut_short(file: BinaryIO, size_bytes: int) -> str:
    """What is missing of the file's end; empty when nothing is, or when nobody can tell."""
    head = file.read(16)
    try:
        if head[4:8] in BEGINS_MP4:
            return _mp4(file, size_bytes)
        if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"WAVE", b"WEBP"):
            return _riff(head, size_bytes)
        if head[:8] == b"\x89PNG\r\n\x1a\n":
            return _png(file, size_bytes)
        if head[:3] == b"\xff\xd8\xff":
            return _jpeg(file)
        if head[:4] == b"\x1aE\xdf\xa3":
            return _matroska(file, size_bytes)
    except (struct.error, IndexError):  # it ends within what tells its length
        return "it ends in the middle of its header"
    return ""


def _mp4(file: BinaryIO, size_bytes: int) -> str:
    seen = set[bytes]()
    for kind, end in _boxes(file, size_bytes):
        if kind in HOLDS_MEDIA and end > size_bytes + SLACK_BYTES:
            return _missing(f"its `{kind.decode()}` box", end, size_bytes)
        seen.add(kind)
    if b"mdat" in seen and not seen & {b"moov", b"moof", b"meta", b"more"}:
        return "its index (`moov`) is missing, which is written last"
    return "" if seen & {*HOLDS_MEDIA, b"more"} else "nothing follows its header"


def _boxes(file: BinaryIO, size_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Kinds and ends of the boxes at the top; `more` when there are too many, or something else follows."""
    start = 0
    for _ in range(MOST_BOXES):
        if size_bytes - start < 8:
            return
        file.seek(start)
        head = file.read(16)
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1:
            (length,) = struct.unpack(">Q", head[8:])
        elif length == 0:
            length = size_bytes - start
        if length < 8 or not kind.isascii():
            break
        start += length
        yield kind, start
    yield b"more", 0


def _riff(head: bytes, size_bytes: int) -> str:
    (length,) = struct.unpack("<I", head[4:8])
    end = 8 + length
    cut = length not in UNKNOWN_SIZES and end > size_bytes + SLACK_BYTES
    return _missing("its header", end, size_bytes) if cut else ""


def _png(file: BinaryIO, size_bytes: int) -> str:
    start = 8
    for _ in range(MOST_BOXES):
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return "its last part (`IEND`) is missing"
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return ""
        start += 12 + length
        if start > size_bytes + SLACK_BYTES:
            return _missing("one of its parts", start, size_bytes)
    return ""


def _jpeg(file: BinaryIO) -> str:
    """The end of the picture stands after its data, where no other marker looks like it; one of a preview before it."""
    start = 2
    for _ in range(MOST_BOXES):
        file.seek(start)
        mark, kind, length = struct.unpack(">BBH", file.read(4))
        if mark != 0xFF or kind == 0xD9:
            return ""
        start += 2 + length
        if kind == 0xDA:
            break
    file.seek(start)
    last = b""
    while block := file.read(BLOCK_BYTES):
        if b"\xff\xd9" in last + block:
            return ""
        last = block[-1:]
    return "the end of its picture is missing"


def _matroska(file: BinaryIO, size_bytes: int) -> str:
    file.seek(4)
    length, width = _number(file)
    file.seek(4 + width + (length or 0))
    segment = file.read(4)
    if segment != b"\x18S\x80g":
        return "" if len(segment) == 4 else "it ends in the middle of its header"
    start = 8 + width + (length or 0)
    length, width = _number(file)
    if length is None or start + width + length <= size_bytes + SLACK_BYTES:
        return ""
    return _missing("its segment", start + width + length, size_bytes)


def _number(file: BinaryIO) -> tuple[int | None, int]:
    """A number as EBML writes it, and how many bytes that takes; None for "not known"."""
    first = file.read(1)[0]
    width = 9 - first.bit_length()
    if width > 8:
        return None, 1
    rest = file.read(width - 1)
    if len(rest) < width - 1:
        raise struct.error
    value = int.from_bytes(bytes([first & (0x7F >> (width - 1))]) + rest)
    return (None if value == (1 << 7 * width) - 1 else value), width


def _missing(what: str, end: int, size_bytes: int) -> str:
    return f"{what} says that it goes on to byte {end:,}, and it has {size_bytes:,}"
