"""The budget of an account in a file, for the runs of one user on one machine: in the cache, under a lock.

The system lets go of the lock of a process that dies, and what it had taken runs out by itself. Nothing in the file is
worth more than a few requests too many, so it is not forced to the disk.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.http.budget import Ask, Granted, decide
from reconciler.http.budget_text import bucket_from, text_of
from reconciler.http.purse import KeeperLost

if TYPE_CHECKING:
    import filelock

__all__ = ["BudgetFile"]

PATIENCE_S = 2.0
"""How long another run may hold the file before we go on without it: it holds it for less than a millisecond."""


class BudgetFile:
    """All buckets of an account. `account` is a name from which no key can be found."""

    far = True

    def __init__(self, directory: Path, account: str, now: Callable[[], float] = time.time) -> None:
        self.file, self._now = directory / f"{account}.json", now
        self._lock: filelock.BaseFileLock | None = None
        self._mutex = threading.Lock()
        """For the threads of this process: of one that has the file's lock all have it."""

    def known(self) -> Collection[str]:
        """The buckets in the file. It is replaced and never written over, so this needs no lock."""
        try:
            return self._read().keys()
        except OSError as error:
            raise self._lost(error) from error

    def ask(self, bucket: str, ask: Ask) -> Granted:
        """Decide under the lock."""
        import filelock  # only who is near a limit needs it

        try:
            if self._lock is None:
                self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                lock = self.file.with_suffix(".lock")
                self._lock = filelock.FileLock(lock, timeout=PATIENCE_S, poll_interval=0.002, thread_local=False)
            with self._mutex, self._lock:
                buckets = self._read()
                there = bucket_from(buckets.get(bucket, ""))
                kept, granted = decide(there, ask, self._now())
                buckets[bucket] = text_of(kept)
                self._write(buckets)
        except filelock.Timeout as error:
            raise KeeperLost(f"{self.file} has been held by another run for more than {PATIENCE_S:g} s") from error
        except OSError as error:
            raise self._lost(error) from error
        return granted

    def close(self) -> None:
        """The lock is only ever held for one question."""

    def _lost(self, error: OSError) -> KeeperLost:
        return KeeperLost(f"{self.file} cannot be used ({error.strerror or error})")

    def _read(self) -> dict[str, str]:
        """bucket → its text; nothing where there is no file, or one that is none of ours."""
        try:
            found: Any = json.loads(self.file.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            return {}
        return {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}

    def _write(self, buckets: dict[str, str]) -> None:
        part = self.file.with_suffix(f".{os.getpid()}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(part, flags, 0o600), "w", encoding="utf-8") as stream:
            json.dump(buckets, stream)
        part.replace(self.file)
