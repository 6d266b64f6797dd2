"""Files as bodies of requests: streamed from disk piece by piece, and never other bytes than those that were hashed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, BinaryIO

from reconciler.errors import MediaError
from reconciler.files.bandwidth import Bandwidth
from reconciler.files.hashes import Files, Hashed
from reconciler.files.types import media_type
from reconciler.lazily import asyncio, hashlib, secrets

__all__ = ["Form", "Slice"]


class Slice:
    """Part of a file, from byte `start` on. Can be iterated again, when it has to be sent again.

    Memory is one piece. What is read is hashed once more: raises MediaError instead of the last bytes when they are not
    those of `sha256` (the whole file's, unless it is given), or when the file is seen to have changed before that.
    """

    def __init__(
        self,
        files: Files,
        name: str,
        seen: Hashed,
        *,
        start: int = 0,
        length: int | None = None,
        sha256: str | None = None,
        bandwidth: Bandwidth,
        on_bytes: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.files, self.name, self.seen, self.start = files, name, seen, start
        self.length = seen.size_bytes - start if length is None else length
        self._sha256 = sha256 or seen.sha256
        self._bandwidth, self._on_bytes = bandwidth, on_bytes
        self._sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.forget()
        digest = hashlib.sha256()
        file = await asyncio.to_thread(self._open)
        try:
            while self._sent < self.length:
                count = min(self._bandwidth.piece_bytes, self.length - self._sent)
                piece = await asyncio.to_thread(self._read, file, count, digest)
                await self._bandwidth.take(len(piece))
                yield piece
                self._sent += len(piece)
                self._on_bytes(len(piece))
        finally:
            file.close()

    def forget(self) -> None:
        """What was sent did not arrive: take it back from the count."""
        if self._sent:
            self._on_bytes(-self._sent)
        self._sent = 0

    def _open(self) -> BinaryIO:
        try:
            file = self.files.open(self.name)
            file.seek(self.start)
        except (OSError, MediaError) as error:
            raise MediaError(f"{self.name}: {error}") from error
        return file

    def _read(self, file: BinaryIO, count: int, digest: Any) -> bytes:
        try:
            piece = file.read(count)
            same = self.seen.is_still(os.fstat(file.fileno()))
        except OSError as error:
            raise MediaError(f"{self.name}: cannot be read ({error.strerror})") from error
        digest.update(piece)
        last = self._sent + len(piece) == self.length
        if not piece or not same or (last and digest.hexdigest() != self._sha256):
            self.files.distrust(self.name)
            raise MediaError(f"{self.name}: changed while it was being sent, which was stopped; plan again")
        return piece


class Form:
    """A multipart form with one file, streamed, as the last of its fields. `headers` go with it: its length
    is known beforehand. A list is a field that comes several times."""

    def __init__(self, fields: Mapping[str, Any], name: str, content: Slice, *, field: str) -> None:
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{_text(item)}\r\n'
            for key, value in fields.items()
            for item in (value if isinstance(value, list) else [value])
        ]
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{_quoted(name)}"\r\n'
            f"Content-Type: {media_type(name)}\r\n\r\n"
        )
        self._before, self._content = "".join(parts).encode(), content
        self._after = f"\r\n--{boundary}--\r\n".encode()
        length = len(self._before) + content.length + len(self._after)
        self.headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(length)}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._before
        async for piece in self._content:
            yield piece
        yield self._after


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(name: str) -> str:
    """As browsers write a file name into a form (WHATWG HTML, multipart/form-data)."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
