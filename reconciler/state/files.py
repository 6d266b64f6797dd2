"""The files of a state on this machine: ours alone, no links, nothing that came with a checkout, read where we may not
write.

Whoever can change a repository must not be able to say what is ours, nor where we write. So a state that git tracks is
refused, and so are links in the place of its files.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from reconciler.errors import StateError
from reconciler.state.tracked import is_tracked

__all__ = ["DIRECTORY", "Copy", "file_at", "file_of", "make", "may_write", "refuse_links", "refuse_tracked"]

DIRECTORY = ".reconciler"
SIDES = ("", "-wal", "-shm", "-journal")
"""What SQLite keeps beside a database."""


def make(path: Path) -> None:
    """The file, for this user alone, and its directory; one of ours is ignored by git."""
    refuse_links(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.parent.name == DIRECTORY:
            _ignored_by_git(path.parent / ".gitignore")
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise StateError(f"cannot make the state at {path}: {error.strerror}: {error.filename}") from error


def _ignored_by_git(path: Path) -> None:
    with suppress(FileExistsError):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write("*\n")


def refuse_links(path: Path) -> None:
    """StateError when the file, what SQLite keeps beside it, or the directory of ours that it is in, is a link."""
    places = [path.with_name(path.name + side) for side in SIDES]
    if path.parent.name == DIRECTORY:
        places += [path.parent, path.parent / ".gitignore"]
    for place in places:
        if os.path.islink(place):  # noqa: PTH114 - Path's raises for what may not be seen, which is no link of ours
            raise StateError(f"{place} is a link to {place.readlink()}: remove it, or name the file that is meant")


def refuse_tracked(path: Path) -> None:
    """StateError when git tracks the file: it came with a checkout."""
    if is_tracked(path):
        raise StateError(
            f"{path} is tracked by git: whoever can change the repository could claim objects of others with it, and "
            f"have them deleted. Take it out (`git rm --cached {path.name}` beside it, and commit); a state that many "
            "share belongs into PostgreSQL (--state)"
        )


def may_write(path: Path) -> bool:
    """Whether this user may write the file, and make others beside it."""
    effective = os.access in os.supports_effective_ids
    return all(os.access(place, os.W_OK, effective_ids=effective) for place in (path, path.parent))


def file_of(url: str) -> str | None:
    """The path in a `sqlite:///path`, as it stands: the file systems' `%` and `?` mean nothing here."""
    for beginning in ("sqlite:///", "sqlite+pysqlite:///"):
        if url.startswith(beginning) and (path := url.removeprefix(beginning)) not in ("", ":memory:"):
            return path
    return None


def file_at(path: str | Path) -> tuple[int, int] | None:
    """Which file is at a path: device and inode; None when there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - before every write: twice as fast as Path's
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Copy:
    """A copy to read of a state that may not be written: even reading SQLite's log makes files beside it."""

    def __init__(self, path: Path) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="reconciler-")
        self.path = Path(self._directory.name) / "state.db"
        for _ in range(20):
            before = _stamps(path)
            for side in SIDES[:2]:
                with suppress(FileNotFoundError):
                    shutil.copyfile(f"{path}{side}", f"{self.path}{side}")
            if _stamps(path) == before:
                return
        self.close()
        raise StateError(f"{path} is being written all the time, and this user may not take part: run again later")

    def close(self) -> None:
        """Remove it; again is fine."""
        self._directory.cleanup()


def _stamps(path: Path) -> list[tuple[int, int, int]]:
    found = []
    for side in SIDES[:2]:
        with suppress(FileNotFoundError):
            info = Path(f"{path}{side}").stat()
            found.append((info.st_size, info.st_mtime_ns, stat.S_IFMT(info.st_mode)))
    return found
