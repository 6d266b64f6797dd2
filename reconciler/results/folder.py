"""A directory of results below the directory of a stack: every step of a path is opened without following links.

Whoever can change a repository must not be able to say where we write. So a directory on the way that is a link is
refused, and a file is made under a name of its own, is on disk, and only then takes the place of the one before it:
who has that open reads it to its end.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from reconciler.errors import StoreError
from reconciler.inside import is_hidden

__all__ = ["Folder", "InTheWay", "below", "written_name"]

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_DIRECTORY = _OPEN | os.O_DIRECTORY
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_UNFINISHED = re.compile(r"\..+\.part")
ABANDONED_S = 3600
"""An unfinished file of this age is that of a run that was killed."""


class InTheWay(StoreError):
    """What was written is right, and what lies on this disk is no directory to keep results in."""


def below(root: Path, written: str) -> tuple[str, ...]:
    """The words of a directory as a stack's YAML has it; StoreError unless it is a plain one below the stack's."""
    words = tuple(word for word in written.split("/") if word not in ("", "."))
    if written.startswith(("/", "~")) or ".." in words or "\0" in written or not words:
        raise StoreError(
            f"{written or '(nothing)'}: results are kept in a directory below that of the stack: `results`"
        )
    if is_hidden("/".join(words)):
        raise StoreError(f"{written} is hidden, or in a hidden directory; name another one")
    for upto in range(1, len(words) + 1):
        place = root.joinpath(*words[:upto])
        if place.is_symlink():
            raise InTheWay(f"{place} is a link; name the directory itself, below that of the stack")
        if place.exists() and not place.is_dir():
            raise InTheWay(f"{place} is a file; results are kept in a directory")
    return words


def written_name(part: str) -> str:
    """A part of an address as a name of a file: most are one as they are."""
    safe = re.sub(r"[^A-Za-z0-9._-]|^\.", lambda found: "".join(f"%{it:02X}" for it in found[0].encode()), part)
    if len(safe) <= _LONGEST:
        return safe
    import hashlib

    return f"{safe[: _LONGEST - 20]}%{hashlib.sha256(part.encode()).hexdigest()[:16]}"


_LONGEST = 200


class Folder:
    """Such a directory; `path` is for messages."""

    def __init__(self, root: Path, words: Sequence[str]) -> None:
        self._root, self._words = root, tuple(words)
        self.path = root.joinpath(*words)

    @contextmanager
    def directory(self, words: Sequence[str] = (), *, make: bool = False) -> Iterator[int]:
        """A descriptor of a directory in it; FileNotFoundError if there is none, StoreError for a link."""
        here = os.open(self._root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        try:
            for word in (*self._words, *words):
                inner = _step(here, word, make=make)
                os.close(here)
                here = inner
            yield here
        except NotADirectoryError as error:  # what O_NOFOLLOW says of a link, too
            raise StoreError(
                f"{self.path.joinpath(*words)}: a link, or a file, is in the way of a directory"
            ) from error
        finally:
            os.close(here)

    def open(self, words: Sequence[str]) -> BinaryIO | None:
        """The file there; None if there is none, or what is there is no regular file."""
        try:
            with self.directory(words[:-1]) as directory:
                descriptor = os.open(words[-1], _OPEN | os.O_NONBLOCK, dir_fd=directory)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.path.joinpath(*words)}: cannot be read: {error.strerror}") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        return os.fdopen(descriptor, "rb")

    @contextmanager
    def replacing(self, words: Sequence[str]) -> Iterator[BinaryIO]:
        """A file to write, which takes its place when the block ends, and is on disk then."""
        name = words[-1]
        unfinished = f".{name}.{secrets.token_hex(6)}.part"
        with self.directory(words[:-1], make=True) as directory:
            try:
                with os.fdopen(os.open(unfinished, _MAKE, 0o666, dir_fd=directory), "wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(unfinished, name, src_dir_fd=directory, dst_dir_fd=directory)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(unfinished, dir_fd=directory)
                raise
            os.fsync(directory)

    def remove(self, words: Sequence[str]) -> None:
        """Remove a file, and the directories that are empty then."""
        with suppress(FileNotFoundError), self.directory(words[:-1]) as directory:
            os.unlink(words[-1], dir_fd=directory)
            os.fsync(directory)
        for end in range(len(words) - 1, 0, -1):
            with suppress(OSError), self.directory(words[: end - 1]) as directory:
                os.rmdir(words[end - 1], dir_fd=directory)

    def files(self, words: Sequence[str] = ()) -> Iterator[tuple[tuple[str, ...], os.DirEntry[str]]]:
        """Every file below, with its path; links are not followed, what begins with a dot is not ours."""
        places = [tuple(words)]
        while places:
            place = places.pop()
            try:
                entries = sorted(os.scandir(self.path.joinpath(*place)), key=lambda entry: entry.name)
            except (FileNotFoundError, NotADirectoryError):
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    places.append((*place, entry.name))
                elif entry.is_file(follow_symlinks=False):
                    yield (*place, entry.name), entry

    def sweep(self) -> None:
        """Remove what runs that were killed left unfinished."""
        for directory, _, names in os.walk(self.path):
            for name in filter(_UNFINISHED.fullmatch, names):
                place = Path(directory, name)
                with suppress(OSError):
                    if place.lstat().st_mtime < time.time() - ABANDONED_S:
                        place.unlink()


def _step(directory: int, word: str, *, make: bool) -> int:
    try:
        return os.open(word, _DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        if not make:
            raise
        with suppress(FileExistsError):
            os.mkdir(word, dir_fd=directory)
            os.fsync(directory)
        return os.open(word, _DIRECTORY, dir_fd=directory)
