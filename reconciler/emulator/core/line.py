"""The client's end of a connection: sending an answer whole, in part, or not at all.

ASGI has no word for hanging up. Who runs the emulator (`server`, `transport`) puts two callables into the scope:
`emulator.hang_up(flush)` closes the connection, `emulator.sleep(seconds)` waits as long as this client would.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from reconciler.emulator.core.endpoints import Reply

__all__ = ["Line", "encoded"]

MOST_EXACT = 2**53


class Line:
    """One request's way back."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send

    async def wait(self, seconds: float) -> None:
        """As long as this client would: one that gives up before is not waited for."""
        if seconds > 0:
            await self.scope.get("emulator.sleep", asyncio.sleep)(seconds)

    async def answer(self, reply: Reply, body: bytes, headers: Mapping[str, str]) -> None:
        """The whole answer; a stream goes out piece by piece, and has no length."""
        pieces = list(reply.chunks) if reply.chunks is not None else [body]
        # A 204 has no length (RFC 9110), and a stream has none before it is over.
        length = {"content-length": str(len(body))} if reply.chunks is None and reply.status != 204 else {}
        await self._start(reply, {**headers, **length})
        for piece in pieces:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def answer_part(self, reply: Reply, body: bytes, headers: Mapping[str, str], *, length: int | None) -> None:
        """Promise the whole body, send the beginning, hang up."""
        part = body[: len(body) // 2 if length is None else length]
        # One byte more than is sent, at least: else a body that is cut at its very end would look whole.
        await self._start(reply, {**headers, "content-length": str(max(len(body), len(part) + 1))})
        if part:
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
        await self.hang_up(flush=True)

    async def hang_up(self, *, flush: bool = False) -> None:
        """Close the connection; with `flush`, after what was sent has gone out."""
        hang_up = self.scope.get("emulator.hang_up")
        if hang_up is None:
            raise ConnectionAbortedError("this server offers no way to drop a connection")
        hang_up(flush)
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _start(self, reply: Reply, headers: Mapping[str, str]) -> None:
        await self._send({"type": "http.response.start", "status": reply.status, "headers": _raw(headers)})


def encoded(reply: Reply, *, whole_numbers: bool) -> bytes:
    """The body as bytes; nothing for a 204, and what is bytes already stays so.

    With `whole_numbers` a number that is whole is written without a point, as some vendors' servers do whatever its
    type is.
    """
    if reply.body is None:
        return b""
    if isinstance(reply.body, bytes):
        return reply.body
    return json.dumps(
        _whole(reply.body) if whole_numbers else reply.body, ensure_ascii=False, separators=(",", ":")
    ).encode()


def _whole(value: object) -> object:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < MOST_EXACT else value
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list | tuple) else value


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
