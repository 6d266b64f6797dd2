"""Files of a test: laid out in a directory, as old as they have to be, and watched."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from reconciler.inside import open_inside

__all__ = ["OLD_NS", "lay_out", "opens", "sha", "write"]

OLD_NS = 1_700_000_000_000_000_000


def lay_out(directory: Path, files: Mapping[str, str | bytes]) -> None:
    """Make these files under a directory, and what they stand in."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def write(path: Path, content: bytes, *, mtime_ns: int = OLD_NS) -> Path:
    """A file that was written long ago."""
    lay_out(path.parent, {path.name: content})
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def sha(content: str | bytes) -> str:
    """Its SHA-256, as the state and the emulator have it."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


@contextmanager
def opens(under: Path) -> Iterator[list[str]]:
    """Every file under a directory that is opened in the block to be hashed, looked into or sent."""
    found: list[str] = []

    def watched(top: Path, relative: str) -> BinaryIO:
        if f"{top}/{relative}".startswith(str(under)):
            found.append(f"{top}/{relative}")
        return open_inside(top, relative)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reconciler.files.hashes.open_inside", watched)
        yield found
