"""Files of a directory that somebody else fills: opened below it by descriptor, whatever is swapped meanwhile.

A name that was checked and is then opened by name may be another file by then. So each directory on the way is opened
without following links, the file too, and what is asked of the file is asked of its descriptor. A link is followed by
asking where it leads and walking there in the same way, from the top.

Hard links are files like any other: git carries none, and the kernel lets nobody link what he may not write.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import BinaryIO

__all__ = ["Outside", "is_hidden", "open_inside", "read_inside", "where_it_leads"]

MOST_LINKS = 20
ANNEX = ".git/annex/objects/"
"""Where git-annex has the bytes that its links lead to: media, though in a hidden directory."""

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO must not hold us up


class Outside(Exception):
    """A file that may not be used; the text says why and what to do."""


class _Link(Exception):
    """There is a link on the way; its path below the top."""


def open_inside(top: str | os.PathLike[str], relative: str) -> BinaryIO:
    """The regular file at a plain relative path below `top`, unbuffered; raises Outside.

    Links are followed as long as they stay below `top`; hidden files and directories are refused, also behind links.
    """
    real_top, path = os.path.realpath(top), relative
    for _ in range(MOST_LINKS):
        if is_hidden(path):
            raise Outside("is hidden, or in a hidden directory; copy the file out of it")
        try:
            return _opened(real_top, path.split("/"))
        except _Link:
            path = where_it_leads(real_top, path)
    raise Outside("is a link that leads through too many others")


def read_inside(top: str | os.PathLike[str], relative: str, most: int) -> bytes:
    """The bytes of such a file; raises Outside, also if there are more than `most`."""
    with open_inside(top, relative) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            data = b"" if size > most else _all(file, most)
        except OSError as error:
            raise Outside(f"cannot be read: {error.strerror}") from error
    if max(size, len(data)) > most:
        raise Outside(f"is bigger than {most // 2**20} MB; split it")
    return data


def _all(file: BinaryIO, most: int) -> bytes:
    parts, left = [], most + 1
    while left > 0 and (part := file.read(min(left, 1 << 24))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def is_hidden(relative: str) -> bool:
    """Whether a name on the path begins with a dot: `.git`, `.env`."""
    return (relative[:1] == "." != relative or "/." in relative) and not relative.startswith(ANNEX)


def where_it_leads(real_top: str, relative: str) -> str:
    """The same path without links, relative to `real_top`; raises Outside if it leads out of it, or nowhere."""
    try:
        real = os.path.realpath(f"{real_top}/{relative}")
    except OSError as error:  # a link that stopped being one while it was read
        raise Outside("is being changed; run again when it is whole") from error
    inside = real_top.rstrip("/") + "/"
    if not real.startswith(inside):
        raise Outside("is a link that leads out of the directory of the stack; copy the file into it")
    if not os.path.lexists(real):
        lost = "; `git annex get` brings it" if ".git/annex/" in real else ""
        raise Outside(f"is a link to a file that does not exist{lost}")
    return real.removeprefix(inside)


def _opened(real_top: str, words: list[str]) -> BinaryIO:
    """The file at the end of the words; raises _Link for a link, Outside for what is not a regular file."""
    try:
        directory = os.open(real_top, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    except OSError as error:  # gone meanwhile, or too many files are open
        raise Outside(f"cannot be read: {error.strerror}") from error
    try:
        for word in words[:-1]:
            inner = _step(directory, word, _OPEN | os.O_DIRECTORY)
            os.close(directory)
            directory = inner
        descriptor = _step(directory, words[-1], _OPEN)
    finally:
        os.close(directory)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise Outside("is a directory, not a file" if stat.S_ISDIR(mode) else "is not a regular file")
    return os.fdopen(descriptor, "rb", buffering=0)


def _step(directory: int, name: str, flags: int) -> int:
    try:
        return os.open(name, flags, dir_fd=directory)
    except OSError as error:
        with suppress(OSError, ValueError):
            if stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                raise _Link from None
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        raise Outside("does not exist" if missing else f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Outside("is not a valid path") from error
