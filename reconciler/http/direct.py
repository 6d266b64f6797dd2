"""One connection to a server, without a proxy between: HTTP/1.1 on the event loop's own transport, read by httptools.

What httpx brings for it asks for eight times the CPU of a request, which was most of what an apply took. It is still
what goes through a proxy. Whoever sends hears the same of both: httpx's errors, and its two words of tracing.
"""

from __future__ import annotations

import asyncio
import os
import select
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

import httpx

from reconciler.http.framing import Framing, head_of
from reconciler.http.receiving import Receiver

__all__ = ["SENDING", "SENT", "DirectWay"]

SENDING, SENT = "http11.send_request_headers.started", "http11.send_request_body.complete"
"""What is told, as by httpx's transport, when it is connected and the first byte is about to leave; when all has left.
"""
NEXT_ADDRESS_S = 0.25
"""A host with several addresses is tried at the next one after so long."""
HUNG_UP = "the server closed the connection without an answer"
CUT = "the server closed the connection before its answer was whole"
Trace: TypeAlias = Callable[[str, Any], Awaitable[None]]


class DirectWay(httpx.AsyncBaseTransport):
    """A way to one server: a request at a time, over a connection that is kept for `keep_s` when nobody needs it.

    `believed` says whom to believe of `https`; None for `http`.
    """

    def __init__(self, believed: ssl.SSLContext | None, keep_s: float) -> None:
        self._believed, self._keep_s = believed, keep_s
        self._line: _Connection | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it. What is raised before anything is told is raised of a request of which nothing was sent."""
        limits = request.extensions.get("timeout", {})
        head = head_of(request)
        line = self._line
        if line is None or not line.can_be_used(self._keep_s):
            await self.aclose()
            line = self._line = await _connected(request.url, self._believed, limits.get("connect"))
        try:
            await line.send(request, head, limits.get("write"))
            status, headers = await line.answered(limits.get("read"))
        except BaseException:
            line.drop()
            raise
        return httpx.Response(status, headers=headers, stream=_Remainder(line, limits.get("read")))

    async def aclose(self) -> None:
        """Close the connection, if there is one."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()


class _Remainder(httpx.AsyncByteStream):
    """What of an answer comes after its head. Closed before it is whole, it takes the connection with it."""

    def __init__(self, line: _Connection, read_s: float | None) -> None:
        self._line, self._read_s = line, read_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._line.more(self._read_s):
            yield piece

    async def aclose(self) -> None:
        self._line.rest()


async def _connected(url: httpx.URL, believed: ssl.SSLContext | None, within_s: float | None) -> _Connection:
    """A connection that nothing was sent over. Raises ConnectError or ConnectTimeout."""
    host = url.raw_host.decode("ascii")
    if url.scheme not in ("http", "https") or not host:
        raise httpx.UnsupportedProtocol("the address has no host, or neither http:// nor https:// before it")
    port, encrypted = url.port or 80, dict[str, Any]()
    if url.scheme == "https":
        assert believed is not None
        believed.set_alpn_protocols(["http/1.1"])
        port, encrypted = url.port or 443, {"ssl": believed, "server_hostname": host}
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(within_s) as deadline:
            _, line = await loop.create_connection(
                _Connection, host, port, happy_eyeballs_delay=NEXT_ADDRESS_S, **encrypted
            )
    except TimeoutError as error:
        why = f"it takes longer than {within_s:g} s" if deadline.expired() else str(error)
        raise httpx.ConnectTimeout(why) from None
    except (OSError, UnicodeError) as error:  # ssl.SSLError is an OSError; a name with too long a part has no letters
        raise httpx.ConnectError(_why(error)) from None
    return line


def _why(error: Exception) -> str:
    """In words, where the event loop gives a number and what it has called."""
    if isinstance(error, ssl.SSLError) or not isinstance(error, OSError) or error.errno is None:
        return str(error)
    if error.errno < 0:  # of a look for a name, which has words of its own
        return error.strerror or str(error)
    return os.strerror(error.errno)


class _Connection(asyncio.Protocol):
    """The connection, as the event loop tells of it. Whoever awaits anything is woken by whatever comes or goes."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._receiver = Receiver()
        self._lost: tuple[type[httpx.TransportError], str] | None = None
        """Why nothing more will come."""
        self._asked = self._sent = False
        """Whether an answer is due; whether what it answers has left whole."""
        self._full = False
        """Whether what is written waits for the network."""
        self._woken: asyncio.Future[None] | None = None
        self._idle_s = time.monotonic()

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._asked:  # what comes now would be taken for the answer to what is asked next
            self.drop()
            return
        self._receiver.feed(data)
        if self._receiver.is_full:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._receiver.end()
        if error is None:
            self._lost = httpx.RemoteProtocolError, CUT if self._receiver.has_begun else HUNG_UP
        else:
            self._lost = httpx.ReadError, str(error) or type(error).__name__
        self._wake()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake()

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def _something(self, within_s: float | None, slow: type[httpx.TimeoutException]) -> None:
        """Returns when anything has come or gone. Raises `slow`, or why nothing more will come."""
        if self._lost is not None:
            error, why = self._lost
            raise error(why)
        loop = asyncio.get_running_loop()
        self._woken = loop.create_future()
        timer = None if within_s is None else loop.call_later(within_s, _give_up, self._woken, slow, within_s)
        try:
            await self._woken
        finally:
            self._woken = None
            if timer is not None:
                timer.cancel()

    # What whoever sends asks for

    def can_be_used(self, keep_s: float) -> bool:
        """Whether a request may be sent: not where the server has closed it, or is about to for it was idle long."""
        if self._transport.is_closing() or time.monotonic() - self._idle_s > keep_s:
            return False
        return not _has_come(self._transport.get_extra_info("socket"))

    async def send(self, request: httpx.Request, head: bytes, write_s: float | None) -> None:
        """Send it whole; or until the server has refused it, or has closed and may have said why."""
        trace: Trace | None = request.extensions.get("trace")
        if trace is not None:
            await trace(SENDING, {})
        self._receiver.begin(request.method)
        self._asked, self._sent = True, False
        framing, stream = Framing(request.headers), request.stream
        if isinstance(stream, httpx.ByteStream):
            self._transport.write(head + framing.piece(b"".join(stream)) + framing.end())
        else:
            assert isinstance(stream, httpx.AsyncByteStream)
            self._transport.write(head)
            async for piece in stream:
                self._transport.write(framing.piece(piece))
                if not await self._has_left(write_s):
                    return
            self._transport.write(framing.end())
        self._sent = await self._has_left(write_s)
        if self._sent and trace is not None:
            await trace(SENT, {})

    async def _has_left(self, write_s: float | None) -> bool:
        """Wait until the network takes more. False when nobody takes any."""
        while self._lost is None and not self._receiver.is_refusal:
            if not self._full:
                return True
            with suppress(httpx.ReadError, httpx.RemoteProtocolError):
                await self._something(write_s, httpx.WriteTimeout)
        return False

    async def answered(self, read_s: float | None) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Status and headers."""
        receiver = self._receiver
        while not receiver.has_head:
            if receiver.wrong is not None:
                raise receiver.wrong
            await self._something(read_s, httpx.ReadTimeout)
        return receiver.status, receiver.headers

    async def more(self, read_s: float | None) -> bytes:
        """More of the body; nothing when that was all."""
        receiver = self._receiver
        while not (piece := receiver.taken()) and not receiver.is_whole:
            if receiver.wrong is not None:
                raise receiver.wrong
            await self._something(read_s, httpx.ReadTimeout)
        self._transport.resume_reading()
        return piece

    def rest(self) -> None:
        """The answer is of no more use: the connection is kept for the next request, if nothing of it is left."""
        if self._asked and not (self._sent and self._receiver.ends_well):
            self.drop()
        self._asked, self._idle_s = False, time.monotonic()

    def drop(self) -> None:
        """Close it at once, whatever is on its way."""
        self._transport.abort()

    async def close(self) -> None:
        """Close it, with a word to the server where it expects one."""
        self._transport.close()
        await asyncio.sleep(0)
        self._transport.abort()


def _give_up(woken: asyncio.Future[None], slow: type[httpx.TimeoutException], after_s: float) -> None:
    if not woken.done():
        woken.set_exception(slow(f"nothing happens for {after_s:g} s"))


def _has_come(held: Any) -> bool:
    """Whether something can be read of a socket: that it was closed, for nothing else can come of one that is idle."""
    if not hasattr(select, "poll"):
        return bool(select.select([held], [], [], 0)[0])
    asked = select.poll()
    asked.register(held, select.POLLIN)
    return bool(asked.poll(0))
