"""What the manifests of files were when they were last read: of ten thousand sets in sync no file is opened.

It lies in the user's cache, not beside the files, and is believed only of a file with the same size, times and inode. A
file that was written a moment ago is not remembered: a second write within one tick of its clock would go unseen.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["SETTLED_NS", "Remembered"]

SETTLED_NS = 2_000_000_000


class Remembered:
    """The manifests of one directory, as a context: at its end they are kept for the next run, if any is new."""

    def __init__(self, place: Path) -> None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reconciler"
        self._file = cache / f"results-{hashlib.sha256(os.fsencode(place.absolute())).hexdigest()[:24]}.json"
        self._before: dict[str, list[Any]] = {}
        self._now: dict[str, list[Any]] = {}
        self._began_ns = time.time_ns()

    def __enter__(self) -> Remembered:
        with suppress(OSError, ValueError):
            found = json.loads(self._file.read_bytes())
            self._before = found if isinstance(found, dict) else {}
        return self

    def manifest(self, words: Sequence[str], entry: os.DirEntry[str], read: Callable[[Sequence[str]], Any]) -> Any:
        """What a file's manifest is; it is read only if the file is another one than it was."""
        name, at = "/".join(words), entry.stat(follow_symlinks=False)
        stamp = [at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino]
        match self._before.get(name):
            case [seen, kept] if seen == stamp:
                pass
            case _:
                kept = read(words)
        if at.st_ctime_ns < self._began_ns - SETTLED_NS:
            self._now[name] = [stamp, kept]
        return kept

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or self._now == self._before:
            return
        unfinished = self._file.with_suffix(f".{os.getpid()}.part")
        with suppress(OSError):  # who has no cache reads the footers again
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished.write_text(json.dumps(self._now))
            unfinished.replace(self._file)
