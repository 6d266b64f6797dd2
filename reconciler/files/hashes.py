"""What the bytes of files are: their sha256, and whether a file is still what it was when it was hashed.

A file is read once. Its hash is remembered by path, size, times and inode, in this run and in the user's cache, so that
an unchanged terabyte is not opened again. Of the times the one of the last change (ctime) cannot be set back: a file
that was edited in place and given its old modification time is read anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, TypeAlias, cast

from reconciler.errors import MediaError
from reconciler.files.cache import Cache, cache_path
from reconciler.files.mistaken import mistaken
from reconciler.frozen import dataclass
from reconciler.inside import Outside, open_inside
from reconciler.lazily import asyncio, hashlib

if TYPE_CHECKING:
    from io import RawIOBase

__all__ = ["Elsewhere", "Files", "Hashed", "Look"]

BLOCK_BYTES, HEAD_BYTES = 1 << 20, 512
THREADS = 4
SMALL_BYTES, SMALL_AT_ONCE = 1 << 20, 64
"""Small files are handed to a thread many at a time: the hand-over would cost more than the hashing."""
AT_REST_NS = 2_000_000_000
"""A file written so recently is not remembered: a second write within one tick of its clock would go unseen."""


class Elsewhere(Protocol):
    """Other machines that have the same files and read them for us. What one cannot say is left out, and read here."""

    async def hashed(self, sizes: Mapping[str, int]) -> Mapping[str, tuple[str, int, int]]:
        """Files with how large they are → sha256, size and modification time (ns) of those that were read."""

    async def looked_into(self, what: Look, names: Collection[str]) -> Mapping[str, tuple[Any, int, int]]:
        """name → what was found, size and modification time (ns)."""


Look: TypeAlias = Literal["probe", "cut"]
"""What is asked of a file beside its bytes: the fields of a `Probe`, or what is missing of its end."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file as it was when it was hashed."""

    sha256: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    def is_still(self, seen: os.stat_result) -> bool:
        """Whether a file that looks like this is the one that was hashed."""
        here = (self.size_bytes, self.mtime_ns, self.ctime_ns, self.inode)
        return (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino) == here


class Files:
    """The files under one directory. Threads do the reading, so that the network goes on beside it."""

    def __init__(
        self,
        root: Path,
        cache: Cache | None = None,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        threads: int = THREADS,
    ) -> None:
        self.root = root
        self.cache = Cache(cache_path()) if cache is None else cache
        self._now_ns, self._threads = now_ns, threads
        self._known: dict[str, Hashed] = {}
        self._given_up = False
        self.elsewhere: Elsewhere | None = None
        """Other machines that hash, where somebody has asked some."""

    async def hashed(self, names: Iterable[str]) -> tuple[dict[str, Hashed], dict[str, str]]:
        """name → its hash, and name → why it cannot be read, for those that cannot."""
        if self.elsewhere is not None:
            await self._ask(self.elsewhere, sorted(set(names := list(names))))
        try:
            return await asyncio.to_thread(self._hashed, sorted(set(names)))
        except asyncio.CancelledError:
            self._given_up = True  # or whoever waits for the threads would wait for a terabyte
            raise

    async def _ask(self, elsewhere: Elsewhere, names: Sequence[str]) -> None:
        """Have hashed what nobody remembers; what is not told, or of a file that looks otherwise here, is read here."""
        seen, _ = await asyncio.to_thread(self._looked_at, names)
        known = await asyncio.to_thread(self._remembered, seen)
        if not (todo := {name: status.st_size for name, status in seen.items() if name not in known}):
            return
        told = await elsewhere.hashed(todo)
        fresh = {
            name: Hashed(sha256, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            for name, (sha256, size, mtime_ns) in told.items()
            if (status := seen.get(name)) and (status.st_size, status.st_mtime_ns) == (size, mtime_ns)
        }
        await asyncio.to_thread(self._remember, fresh)

    async def still(self, name: str, content: str | None) -> Hashed:
        """The file, proven to have the bytes of which `content` is the hash. Raises MediaError when it has not."""
        found, wrong = await self.hashed([name])
        if name in wrong:
            raise MediaError(f"{name}: {wrong[name]}")
        if content is not None and found[name].sha256 != content:
            raise MediaError(f"{name}: changed since it was planned; nothing of it was sent, plan again")
        return found[name]

    def open(self, name: str) -> BinaryIO:
        """The file, by its descriptor, below the directory and nowhere else. Raises MediaError."""
        try:
            return open_inside(self.root, name)
        except Outside as error:
            raise MediaError(str(error)) from error

    async def parts(self, name: str, seen: Hashed, part_bytes: int) -> list[str]:
        """The sha256 of each part of the file, of one reading that proves the whole to be what was hashed: each part
        can then be held against it while it is sent. Raises MediaError when it is not."""
        try:
            whole, parts = await asyncio.to_thread(self._parts, name, part_bytes)
        except MediaError as error:
            raise MediaError(f"{name}: {error}") from error
        except asyncio.CancelledError:
            self._given_up = True
            raise
        if whole != seen.sha256:
            self.distrust(name)
            raise MediaError(f"{name}: changed since it was planned; nothing more of it was sent, plan again")
        return parts

    def _parts(self, name: str, part_bytes: int) -> tuple[str, list[str]]:
        whole, part, parts, left = hashlib.sha256(), hashlib.sha256(), list[str](), part_bytes
        with self.open(name) as file:
            for piece in self._pieces(file):
                whole.update(piece)
                while piece:
                    part.update(piece[:left])
                    piece, left = piece[left:], left - len(piece[:left])
                    if not left:
                        parts.append(part.hexdigest())
                        part, left = hashlib.sha256(), part_bytes
        return whole.hexdigest(), [*parts, part.hexdigest()] if left < part_bytes else parts

    def _pieces(self, file: BinaryIO) -> Iterator[memoryview]:
        """The file, read into one block of memory again and again."""
        view = memoryview(bytearray(BLOCK_BYTES))
        try:
            while count := cast("RawIOBase", file).readinto(view):
                if self._given_up:
                    raise MediaError("was not read to its end")
                yield view[:count]
        except OSError as error:
            raise MediaError(_why(error)) from error

    def distrust(self, name: str) -> None:
        """What is remembered of the file is wrong, whatever its times say: it is read anew."""
        self._known.pop(name, None)
        self.cache.drop_hashes([self._path(name)])

    def _hashed(self, names: Sequence[str]) -> tuple[dict[str, Hashed], dict[str, str]]:
        seen, wrong = self._looked_at(names)
        found = self._remembered(seen)
        todo = {name: status for name, status in seen.items() if name not in found}
        if todo:
            self._read(todo, found, wrong)
        return found, wrong

    def _looked_at(self, names: Sequence[str]) -> tuple[dict[str, os.stat_result], dict[str, str]]:
        wrong: dict[str, str] = {}
        seen: dict[str, os.stat_result] = {}
        for name in names:
            try:
                seen[name] = (self.root / name).stat()
            except (OSError, ValueError) as error:
                wrong[name] = _why(error)
        return seen, wrong

    def _remembered(self, seen: dict[str, os.stat_result]) -> dict[str, Hashed]:
        found = {n: self._known[n] for n, s in seen.items() if n in self._known and self._known[n].is_still(s)}
        asked = {self._path(name): name for name in seen if name not in found}
        for path, (size, mtime_ns, ctime_ns, inode, sha256) in self.cache.hashes(list(asked)).items():
            known = Hashed(sha256, size, mtime_ns, ctime_ns, inode)
            if known.is_still(seen[asked[path]]):
                found[asked[path]] = self._known[asked[path]] = known
        return found

    def _read(self, todo: dict[str, os.stat_result], found: dict[str, Hashed], wrong: dict[str, str]) -> None:
        """Hash these: fill `found` and `wrong`, and remember what is at rest."""
        fresh: dict[str, Hashed] = {}
        from concurrent.futures import ThreadPoolExecutor  # by who has files to read

        with ThreadPoolExecutor(self._threads, thread_name_prefix="hash") as pool:
            for made, failed in pool.map(self._read_some, _jobs(todo)):
                fresh |= made
                wrong |= failed
        found |= fresh
        self._remember(fresh)

    def _remember(self, fresh: dict[str, Hashed]) -> None:
        self._known |= fresh
        old = self._now_ns() - AT_REST_NS
        at_rest = {name: made for name, made in fresh.items() if max(made.mtime_ns, made.ctime_ns) < old}
        self.cache.keep_hashes(
            {self._path(n): (it.size_bytes, it.mtime_ns, it.ctime_ns, it.inode, it.sha256) for n, it in at_rest.items()}
        )

    def _read_some(self, names: Sequence[str]) -> tuple[dict[str, Hashed], dict[str, str]]:
        made: dict[str, Hashed] = {}
        wrong: dict[str, str] = {}
        for name in names:
            try:
                made[name] = self._hash(name)
            except MediaError as error:
                wrong[name] = str(error)
            except OSError as error:
                wrong[name] = _why(error)
        return made, wrong

    def _hash(self, name: str) -> Hashed:
        """Read the file whole. Raises MediaError when it is no file, not what it should be, or changes meanwhile."""
        digest, first = hashlib.sha256(), True
        with self.open(name) as file:
            before = os.fstat(file.fileno())
            for piece in self._pieces(file):
                if first and (wrong := mistaken(name, bytes(piece[:HEAD_BYTES]), before.st_size)):
                    raise MediaError(wrong)
                first = False
                digest.update(piece)
            times = (before.st_mtime_ns, before.st_ctime_ns)
            made = Hashed(digest.hexdigest(), before.st_size, *times, before.st_ino)
            if not made.is_still(os.fstat(file.fileno())):
                raise MediaError("is being written to; run again when it is whole")
        return made

    def _path(self, name: str) -> str:
        return str((self.root / name).absolute())


def _jobs(todo: dict[str, os.stat_result]) -> Iterator[Sequence[str]]:
    """The largest first and alone, so that no thread is left with one at the end; small ones in groups."""
    large = [name for name, seen in todo.items() if seen.st_size > SMALL_BYTES]
    yield from ([name] for name in sorted(large, key=lambda name: -todo[name].st_size))
    small = [name for name, seen in todo.items() if seen.st_size <= SMALL_BYTES]
    for start in range(0, len(small), SMALL_AT_ONCE):
        yield small[start : start + SMALL_AT_ONCE]


def _why(error: Exception) -> str:
    return f"cannot be read ({error.strerror or error if isinstance(error, OSError) else error})"
