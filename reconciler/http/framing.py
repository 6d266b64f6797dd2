"""A request as bytes: its head, in which no value can pretend to be more than a value, and where its body ends."""

from __future__ import annotations

import re

import httpx

__all__ = ["Framing", "head_of"]

HEAD = re.compile(rb"[A-Z]+ [!-~]+ HTTP/1\.1\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00\r\n]*\r\n)*\r\n")
AROUND_HEADERS = 2
"""Lines of a head beside its headers: the first one, and the empty one that ends it."""


def head_of(request: httpx.Request) -> bytes:
    """All of it that comes before the body. Raises LocalProtocolError, which shows nothing of what it holds."""
    parts = [request.method.encode(), b" ", request.url.raw_path, b" HTTP/1.1\r\n"]
    headers = request.headers.raw
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n")
    head = b"".join(parts)
    if head.count(b"\n") != len(headers) + AROUND_HEADERS or not HEAD.fullmatch(head):
        raise httpx.LocalProtocolError("a header or the path holds what none can hold")
    return head


class Framing:
    """How a body is sent: as long as it says that it is, or in chunks that say how long each is."""

    def __init__(self, headers: httpx.Headers) -> None:
        length = headers.get("content-length")
        self._chunked = length is None and "transfer-encoding" in headers
        self._due = int(length or 0)
        """How much is to come of what was said"""

    def piece(self, piece: bytes) -> bytes:
        """What to send for it. Raises LocalProtocolError for more than was said: it would be taken for a request."""
        if self._chunked:
            return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
        self._due -= len(piece)
        if self._due < 0:
            raise httpx.LocalProtocolError("the body is longer than its head says")
        return piece

    def end(self) -> bytes:
        """What to send after the last. Raises LocalProtocolError when that came too early."""
        if self._due > 0:
            raise httpx.LocalProtocolError("the body is shorter than its head says")
        return b"0\r\n\r\n" if self._chunked else b""
