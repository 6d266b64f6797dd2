"""One file in chunks: several at once, each kept as soon as it has arrived, so that nothing is ever sent twice.

What an API calls these things is behind `Remote`; what is kept, and where, is behind `keep`. The memory that it takes
does not depend on the size of the file.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

from reconciler.errors import ApiError, MediaError, NotFound, NotUploaded, Rejected
from reconciler.files.body import Slice
from reconciler.files.handle import Upload
from reconciler.files.hashes import Hashed
from reconciler.files.sending import Sending
from reconciler.frozen import dataclass
from reconciler.lazily import asyncio

if TYPE_CHECKING:
    from reconciler.http import Clock

__all__ = ["Chunk", "Multipart", "Remote", "SessionLost"]

TRIES = 6
"""How often one chunk is sent before the upload is left for the next run."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
URLS_AT_ONCE = 50
REPORTED_AT_ONCE = 50
URL_LIFE_S, URL_MARGIN_S = 3600.0, 300.0
"""A presigned URL lives an hour by contract; one that is nearly as old is not used, for its chunk takes time too."""


class SessionLost(Exception):
    """The API has given the upload up (a day is over, or it disagrees about a chunk): only a new one can succeed."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stored chunk, as it is reported: its index from 1, its ETag, its size."""

    index: int
    proof: str
    size_bytes: int


class Remote(Protocol):
    """What an API offers for one upload."""

    async def urls(self, upload_id: str, first: int, count: int) -> Mapping[int, str]:
        """Fresh URLs for `count` chunks from `first` on (at most 50)."""

    async def put(self, url: str, content: Slice, headers: Mapping[str, str]) -> str:
        """Send one chunk; its ETag."""

    async def report(self, upload_id: str, chunks: Sequence[Chunk]) -> int:
        """Tell what has arrived (repeats are ignored); how many chunks are complete in all."""

    async def status(self, upload_id: str) -> str:
        """`active` while it takes chunks, `completed` when it has them all; anything else is the end of it."""


@dataclass(slots=True)
class _Urls:
    """Presigned URLs that are not used yet, each good for one try and for an hour."""

    remote: Remote
    clock: Clock
    upload: Upload
    known: dict[int, tuple[str, float]] = field(default_factory=dict)
    """chunk → URL, when it was given"""
    lock: asyncio.Lock = field(default_factory=lambda: asyncio.Lock())

    def add(self, urls: Mapping[int, str]) -> None:
        now = self.clock.now()
        self.known |= {index: (url, now) for index, url in urls.items()}

    async def take(self, index: int, missing: set[int]) -> str:
        """A URL for a chunk; fetched with those of the chunks after it, when there is none that will do."""
        async with self.lock:
            if not self._is_good(index):
                last = index
                while last - index + 1 < URLS_AT_ONCE and last + 1 in missing and not self._is_good(last + 1):
                    last += 1
                self.add(await self.remote.urls(self.upload.upload_id, index, last - index + 1))
            if index not in self.known:
                raise ApiError(f"the API gave no URL for chunk {index}")
            return self.known.pop(index)[0]

    def _is_good(self, index: int) -> bool:
        _, given_s = self.known.get(index, ("", float("-inf")))
        return self.clock.now() - given_s < URL_LIFE_S - URL_MARGIN_S


class Multipart:
    """One upload, begun or gone on with. `go` returns when the API has all of it."""

    def __init__(
        self,
        remote: Remote,
        upload: Upload,
        seen: Hashed,
        name: str,
        *,
        sending: Sending,
        keep: Callable[[int, str], Awaitable[None]],
        urls: Mapping[int, str] | None = None,
    ) -> None:
        self.remote, self.upload, self.seen, self.name = remote, upload, seen, name
        self._sending, self._keep = sending, keep
        self._urls = _Urls(remote, sending.clock, upload)
        self._urls.add(urls or {})
        self._proofs = dict(upload.proofs)
        self._missing = {index for index in range(1, upload.total_chunks + 1) if index not in self._proofs}
        self._unreported = sorted(self._proofs)  # what of them was reported is not known here; repeats are ignored
        self._reporting = asyncio.Lock()
        self._completed = 0
        self._parts: Sequence[str] = ()
        self._failed = False
        self._done_bytes = sum(map(self._size, self._proofs))

    async def go(self) -> None:
        """Send what is missing, report it all. Raises SessionLost, MediaError when the file changed, or NotUploaded:
        then what arrived is kept, and the next run goes on."""
        self._tell(0)
        # Chunks that an earlier run sent were held against the same hash: so all of them are of one version.
        self._parts = await self._sending.files.parts(self.name, self.seen, self.upload.chunk_size)
        todo = iter(sorted(self._missing))
        workers = min(self._sending.parallelism, len(self._missing))
        try:
            await _all(self._work(todo) for _ in range(workers))
            await self._report(at_least=1)
        except NotUploaded as error:
            raise NotUploaded(self._left_off(str(error))) from error
        if self._completed != self.upload.total_chunks:
            raise SessionLost(f"{self._completed} of {self.upload.total_chunks} chunks are known to the API")

    async def _work(self, todo: Iterator[int]) -> None:
        for index in todo:
            async with self._sending.slots:
                if self._failed:
                    return
                if self._sending.stopped:
                    raise NotUploaded("it was stopped")
                try:
                    await self._chunk(index)
                except Exception:
                    self._failed = True  # the others end what they have in hand, and begin nothing more
                    raise
            await self._report(at_least=REPORTED_AT_ONCE)

    async def _chunk(self, index: int) -> None:
        """Send one chunk and keep its proof. Each try has a URL of its own: they can be used once."""
        start = (index - 1) * self.upload.chunk_size
        piece = Slice(
            self._sending.files,
            self.name,
            self.seen,
            start=start,
            length=self._size(index),
            sha256=self._parts[index - 1],
            bandwidth=self._sending.bandwidth,
            on_bytes=self._tell,
        )
        for attempt in range(1, TRIES + 1):
            try:
                url = await self._urls.take(index, self._missing)
                proof = await self.remote.put(url, piece, self.upload.headers)
                break
            except ApiError as error:
                piece.forget()
                await self._after_failure(error, attempt, index)
        self._missing.discard(index)
        self._unreported.append(index)
        self._proofs[index] = proof
        await self._keep(index, proof)

    async def _after_failure(self, error: ApiError, attempt: int, index: int) -> None:
        """Pause before the next try, unless there shall be none."""
        if attempt == TRIES:
            raise NotUploaded(f"chunk {index} did not get through in {TRIES} tries: {error}") from error
        if isinstance(error, Rejected | NotFound) and await self._status() != "active":
            raise SessionLost(str(error)) from error
        pause_s = min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S)
        await self._sending.clock.sleep(max(error.retry_after_s or 0.0, pause_s))

    async def _status(self) -> str:
        try:
            return await self.remote.status(self.upload.upload_id)
        except ApiError:
            return "active"  # not known: what is asked next will tell

    async def _report(self, *, at_least: int) -> None:
        async with self._reporting:
            while len(self._unreported) >= at_least:
                some, self._unreported = self._unreported[:REPORTED_AT_ONCE], self._unreported[REPORTED_AT_ONCE:]
                chunks = [Chunk(index, self._proofs[index], self._size(index)) for index in some]
                try:
                    self._completed = await self.remote.report(self.upload.upload_id, chunks)
                except (Rejected, NotFound) as error:
                    if await self._status() != "completed":
                        raise SessionLost(str(error)) from error
                    self._completed, self._unreported = self.upload.total_chunks, []
                except ApiError as error:
                    raise NotUploaded(f"what arrived could not be reported: {error}") from error

    def _size(self, index: int) -> int:
        return min(self.upload.chunk_size, self.upload.size_bytes - (index - 1) * self.upload.chunk_size)

    def _tell(self, more: int) -> None:
        self._done_bytes += more
        self._sending.on_bytes(self.upload.address, self._done_bytes, self.upload.size_bytes)

    def _left_off(self, why: str) -> str:
        done, total = len(self._proofs), self.upload.total_chunks
        return (
            f"{PurePosixPath(self.name).name}: {why}. {done} of {total} chunks are there and kept; run again to go on"
        )


async def _all(jobs: Iterator[Awaitable[None]]) -> None:
    """Do all side by side. When one fails the others end what they have in hand, which is kept; the first is raised."""
    errors = [e for e in await asyncio.gather(*jobs, return_exceptions=True) if isinstance(e, BaseException)]
    for kind in (MediaError, SessionLost, BaseException):
        if error := next((error for error in errors if isinstance(error, kind)), None):
            raise error
