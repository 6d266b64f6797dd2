"""The emulator without a socket: a transport for httpx that behaves as the network would, dropped lines and all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
from starlette.types import ASGIApp, Message

__all__ = ["transport"]

HUNG_UP = "Server disconnected without sending a response."
CUT_OFF = "peer closed connection without sending complete message body"


def transport(app: ASGIApp) -> httpx.AsyncBaseTransport:
    """For `httpx.AsyncClient(base_url=f"http://emulator{prefix}", transport=transport(app))`.

    Any ASGI application will do: a provider of a package of its own has an emulator of its own.
    """
    return _Transport(app)


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = _Exchange(request)
        await self._app(exchange.scope(), exchange.receive, exchange.send)
        # The write has been done by now, as it would have been: the client knows nothing of it, and must look.
        if exchange.timed_out:
            raise httpx.ReadTimeout("the emulator took longer than the client waits", request=request)
        # What httpcore raises when a server closes a connection without a word.
        if exchange.status is None:
            raise httpx.RemoteProtocolError(HUNG_UP, request=request)
        stream = _Cut(exchange.body, request) if exchange.hung_up else httpx.ByteStream(bytes(exchange.body))
        return httpx.Response(exchange.status, headers=exchange.headers, stream=stream, request=request)


class _Exchange:
    """One request and what the emulator did about it."""

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self._sent = aiter(_pieces(request))
        self.patience_s: float | None = request.extensions.get("timeout", {}).get("read")
        self.hung_up = self.timed_out = self._read = False
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()

    def scope(self) -> dict[str, object]:
        url = self._request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "server": (url.host, url.port),
            "client": ("in-process", 0),
            "emulator.hang_up": self.hang_up,
            "emulator.sleep": self.sleep,
        }

    def hang_up(self, flush: bool) -> None:
        self.hung_up = True

    async def sleep(self, seconds: float) -> None:
        """Really, so that what runs side by side can be measured; but not for a client that gives up before."""
        if self.patience_s is not None and seconds > self.patience_s:
            self.timed_out = True
        else:
            await asyncio.sleep(seconds)

    async def receive(self) -> Message:
        if self.hung_up or self._read:
            return {"type": "http.disconnect"}
        try:
            return {"type": "http.request", "body": await anext(self._sent), "more_body": True}
        except StopAsyncIteration:
            self._read = True
            return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], message["headers"]
        else:
            self.body += message.get("body", b"")


async def _pieces(request: httpx.Request) -> AsyncIterator[bytes]:
    assert isinstance(request.stream, httpx.AsyncByteStream)
    async for piece in request.stream:
        yield piece


class _Cut(httpx.AsyncByteStream):
    """A body that ends before its promised length."""

    def __init__(self, body: bytearray, request: httpx.Request) -> None:
        self._body = bytes(body)
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
        raise httpx.RemoteProtocolError(CUT_OFF, request=self._request)
