"""Whether git tracks a file, read from git's own index: without git, which need not be installed.

The format is https://git-scm.com/docs/index-format, versions 2 to 4. What cannot be read tracks nothing: that is the
answer for a directory that is no work tree, too.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

__all__ = ["is_tracked"]

FIXED = 62
"""Bytes of an entry before its path."""
MOST_BYTES = 1 << 30


def is_tracked(path: Path) -> bool:
    """Whether the file is in the index of the work tree that it is in."""
    path = path.parent.resolve() / path.name
    for top in path.parents:
        if os.path.exists(git := top / ".git"):  # noqa: PTH110 - Path's raises for what may not be seen
            name = path.relative_to(top).as_posix().encode("utf-8", "surrogateescape")
            try:
                return any(name == entry for entry in _entries(_git_directory(git) / "index"))
            except (OSError, ValueError, struct.error, IndexError):
                return False
    return False


def _git_directory(git: Path) -> Path:
    """Where the index is: a linked work tree and a submodule have a file that says so."""
    if git.is_dir():
        return git
    said = git.read_text(encoding="utf-8").strip()
    return (git.parent / said.removeprefix("gitdir:").strip()).resolve()


def _entries(index: Path) -> Iterator[bytes]:
    """The paths in the index, and in the one that it shares when it is split."""
    data = _read(index)
    signature, version, count = struct.unpack_from(">4sII", data)
    if signature != b"DIRC" or version not in (2, 3, 4):
        raise ValueError("not an index of git")
    at, path = 12, b""
    for _ in range(count):
        flags = struct.unpack_from(">H", data, at + FIXED - 2)[0]
        start = at + FIXED + (2 if version > 2 and flags & 0x4000 else 0)
        if version == 4:
            stripped, start = _number(data, start)
            end = data.index(b"\0", start)
            path = path[: len(path) - stripped] + data[start:end]
            at = end + 1
        else:
            end = data.index(b"\0", start)
            path = data[start:end]
            at += (end - at + 8) & ~7
        yield path
    yield from _shared(index.parent, data, at)


def _shared(directory: Path, data: bytes, at: int) -> Iterator[bytes]:
    while at + 8 <= len(data) - 20:
        name, size = struct.unpack_from(">4sI", data, at)
        if name == b"link":
            base = data[at + 8 : at + 28].hex()
            if base.strip("0"):
                yield from _entries(directory / f"sharedindex.{base}")
        at += 8 + size


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, as in offsets of packs; and where it ends."""
    byte = data[at]
    value = byte & 127
    while byte & 128:
        at += 1
        byte = data[at]
        value = ((value + 1) << 7) | (byte & 127)
    return value, at + 1


def _read(path: Path) -> bytes:
    if path.stat().st_size > MOST_BYTES:
        raise ValueError("too big")
    return path.read_bytes()
