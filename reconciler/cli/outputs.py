"""Files that commands write where they are told to: plain files only are made or replaced, and nothing is followed."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.errors import ReconcilerError
from reconciler.lazily import secrets

__all__ = ["opened", "write_file"]

PRIVATE, READABLE = 0o600, 0o644
OWN_STREAM = re.compile(r"/dev/(stdin|stdout|stderr|fd/\d+)|/proc/self/fd/\d+")


def write_file(file: Path, text: str, *, private: bool = False) -> None:
    """Put a text into a file, whole or not at all; a file that is there keeps its mode. Into a pipe or a device, such
    as `/dev/stdout`, it is written."""
    data = text.encode(errors="backslashreplace")
    with _errors(file):
        there = _there(file)
        if there is not None and not stat.S_ISREG(there.st_mode):
            _write_all(_into(file), data)
            return
        _replace(file, data, stat.S_IMODE(there.st_mode) if there else PRIVATE if private else READABLE & ~_umask())


def opened(file: Path) -> int:
    """The descriptor of a file to write into as things happen: new, or emptied."""
    with _errors(file):
        there = _there(file)
        if there is None:
            return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, READABLE)
        if not stat.S_ISREG(there.st_mode):
            return _into(file)
        return os.open(file, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC)


@contextmanager
def _errors(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: no such name is possible
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ReconcilerError(f"{file}: cannot be written ({why})") from error


def _there(file: Path) -> os.stat_result | None:
    """What has the name. A link is not followed to a file: who made it may have been somebody else."""
    try:
        there = os.lstat(file)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(there.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    if not stat.S_ISLNK(there.st_mode) or OWN_STREAM.fullmatch(str(file)):
        return there
    with suppress(OSError):
        if not stat.S_ISREG((end := file.stat()).st_mode) and not stat.S_ISDIR(end.st_mode):
            return end
    raise OSError(errno.ELOOP, "it is a link; name the file itself")


def _into(file: Path) -> int:
    """A stream of this process stays what it is, wherever it was led to."""
    name = str(file)
    if OWN_STREAM.fullmatch(name):
        number = name.rpartition("/")[2]
        return os.dup(int(number) if number.isdigit() else ("stdin", "stdout", "stderr").index(number))
    return os.open(file, os.O_WRONLY | os.O_CLOEXEC)


def _replace(file: Path, data: bytes, mode: int) -> None:
    """By a new file beside it, under a name that nobody can know before."""
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        beside = f".{secrets.token_hex(12)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        made = os.open(beside, flags, PRIVATE, dir_fd=directory)
        try:
            os.fchmod(made, mode)
            _write_all(made, data)
            os.replace(beside, file.name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            os.unlink(beside, dir_fd=directory)
            raise
    finally:
        os.close(directory)


def _write_all(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def _umask() -> int:
    """Asked for by setting it: there is no other way."""
    os.umask(now := os.umask(0o077))
    return now
