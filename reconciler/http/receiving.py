"""Answers out of the bytes of a connection, by httptools: where each begins and ends, and what of it is no answer."""

from __future__ import annotations

import httptools
import httpx

__all__ = ["Receiver"]

LONGEST_HEAD = 100 << 10
"""Of bytes; with all that comes before it and says only that an answer will come."""
MOST_HELD = 256 << 10
"""Of a body that nobody takes: what comes after it waits in the network."""
SWITCHED = 101
SPOKEN = frozenset({"1.0", "1.1"})


class Receiver:
    """Reads the answers of one connection, each after `begin`. One that says no length goes on until the connection
    ends, and is whole then; any other one that is cut is not."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begin("")

    def begin(self, method: str) -> None:
        """The next answer is that to a request of this method."""
        self._bodiless = method == "HEAD"
        self.status = 0
        """Of the answer, when it `has_head`"""
        self.headers: list[tuple[bytes, bytes]] = []
        self.has_begun = self.has_head = self.is_whole = False
        self.wrong: httpx.RemoteProtocolError | None = None
        """Why it is no answer"""
        self._goes_on = True
        """Whether another answer can follow on the connection"""
        self._head_bytes = self._held = 0
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        self.has_begun = True
        self._head_bytes += 0 if self.has_head else len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._break(str(error))
        if self._head_bytes > LONGEST_HEAD and not self.has_head:
            self._break("its head is longer than any that is wanted")

    def end(self) -> None:
        """No more will come."""
        said = any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
        self.is_whole |= self.has_head and not said and self.wrong is None
        self._goes_on = False

    def taken(self) -> bytes:
        """What has come of the body and nobody has taken."""
        pieces, self._pieces, self._held = self._pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def is_full(self) -> bool:
        """Whether somebody has to take what has come before more can."""
        return self._held > MOST_HELD

    @property
    def is_refusal(self) -> bool:
        """Whether nobody wants the rest of the request."""
        return self.is_whole and self.status >= 400

    @property
    def ends_well(self) -> bool:
        """Whether the answer was whole, nothing came after it, and the server goes on."""
        return self.is_whole and self._goes_on and not self._pieces

    def _break(self, why: str) -> None:
        self._goes_on = False
        if not self.is_whole and self.wrong is None:
            self.wrong = httpx.RemoteProtocolError(f"it is no answer of HTTP/1.1: {why}")

    # What httptools tells

    def on_message_begin(self) -> None:
        """Of one that nobody has asked for too."""
        self._goes_on &= not self.is_whole

    def on_header(self, name: bytes, value: bytes) -> None:
        """Also of what comes after the body, which nobody wants."""
        if not self.has_head:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is there."""
        status = self._parser.get_status_code()
        if self.is_whole:
            return
        if status == SWITCHED or self._parser.get_http_version() not in SPOKEN:
            self._break(f"another protocol ({status})")
        elif status < 200:  # it says that an answer will come
            self.headers.clear()
        else:
            self.status, self.has_head = status, True
            if self._bodiless:  # how long it would be is said all the same, and the parser waits for that
                self.is_whole, self._goes_on = True, False

    def on_body(self, piece: bytes) -> None:
        """A part of it."""
        if not self.is_whole and self.wrong is None:
            self._pieces.append(piece)
            self._held += len(piece)

    def on_message_complete(self) -> None:
        """Whole, unless it only said that an answer will come."""
        if self.has_head and not self.is_whole:
            self.is_whole = True
            self._goes_on &= self._parser.should_keep_alive()
