"""The transport over a real socket: what broken lines become, and that nothing follows where the key must not go."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from reconciler.errors import ApiError, Rejected, StateError, Unclear, Unreachable
from reconciler.http import Http
from tests.running import NoTime

KEY = "tlk_very_secret_key"
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def raw(text: str) -> Answer:
    """Send these bytes and close."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(text.encode())
        await writer.drain()

    return answer


def ok(body: str = '{"ok": true}', more: str = "") -> Answer:
    return raw(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n{body}")


async def reset(writer: asyncio.StreamWriter) -> None:
    """Close as a machine that is cut off does: RST instead of FIN."""
    held = writer.get_extra_info("socket")
    held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def never(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


HANG_UP = raw("")
CUT = raw('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"ok": tr')
CUT_CHUNKED = raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"ok": tr\r\n')
CUT_HEAD = raw("HTTP/1.1 200 OK\r\nContent-Le")
NO_HTTP = raw("220 smtp.example ESMTP\r\n")


class Line:
    """A server that gives these answers in turn, a connection each, the last for ever; and what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next((line[15:] for line in head.splitlines() if line.lower().startswith("content-length:")), "0")
            self.asked.append(head + (await reader.readexactly(int(length))).decode())
            await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(writer)
        finally:
            writer.close()


def ask(*answers: Answer, method: str = "GET", **options: Any) -> tuple[Any, Line]:
    """Send one request; its result and what the server saw."""
    line = Line(*answers)

    async def go() -> Any:
        async with await asyncio.start_server(line, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with Http(
                f"http://127.0.0.1:{port}/v1.3",
                headers={"x-api-key": KEY},
                clock=NoTime(),
                timeout_s=0.2 if never in answers else 20.0,
                chance=random.Random(1),
            ) as client:
                try:
                    return await client.request(method, "/things", **options)
                except ApiError as error:
                    return error

    return asyncio.run(go()), line


broken = pytest.mark.parametrize(
    "trouble",
    [HANG_UP, reset, CUT, CUT_CHUNKED, CUT_HEAD, NO_HTTP, never],
    ids=["hung up", "reset", "cut", "cut chunk", "cut head", "another protocol", "silence"],
)


@broken
def test_a_read_over_a_broken_line_is_repeated(trouble: Answer) -> None:
    result, line = ask(trouble, trouble, ok())

    assert result == {"ok": True}
    assert len(line.asked) == 3


@broken
def test_a_create_over_a_broken_line_is_sent_once(trouble: Answer) -> None:
    result, line = ask(trouble, ok(), method="POST", json={"name": "x"})

    assert type(result) is Unclear
    assert "no whole answer came from 127.0.0.1:" in str(result)
    assert len(line.asked) == 1
    assert KEY not in f"{result!r} {result.__cause__!r}"


def test_a_port_on_which_nobody_listens_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async def go() -> int:
        async with Http(f"http://127.0.0.1:{port}", headers={}, clock=NoTime()) as client:
            with pytest.raises(Unreachable, match=rf"127\.0\.0\.1:{port} cannot be reached .*; is it up"):
                await client.request("POST", "/things", json={})
            return client.sent

    assert asyncio.run(go()) == 6


def test_a_redirect_is_not_followed_and_the_key_stays_here() -> None:
    there = Line(ok())

    async def go() -> tuple[Any, Line]:
        async with await asyncio.start_server(there, "127.0.0.1", 0) as server:
            where = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1.3/things?t=1"
            moved = raw(f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n")
            return await asyncio.to_thread(ask, moved)

    error, here = asyncio.run(go())

    assert type(error) is Rejected
    assert "the redirect to http://127.0.0.1:" in str(error)
    assert "is not followed: give the API's own address" in str(error)
    assert (len(here.asked), there.asked) == (1, [])


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Line(ok())

    async def go() -> Any:
        async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            async with Http("http://api.example.com/v1.3", headers={}, clock=NoTime()) as client:
                return await client.request("GET", "/things")

    assert asyncio.run(go()) == {"ok": True}
    assert proxy.asked[0].startswith("GET http://api.example.com/v1.3/things HTTP/1.1")


def test_what_is_sent_says_who_we_are() -> None:
    _, line = ask(ok(), method="POST", json={"name": "ä"})

    head, _, body = line.asked[0].partition("\r\n\r\n")
    assert head.startswith("POST /v1.3/things HTTP/1.1")
    assert f"x-api-key: {KEY}" in head
    assert "User-Agent: reconciler/" in head
    assert body == '{"name":"ä"}'


def told_before_writes(refuse: bool) -> tuple[list[str], list[str], list[str]]:
    """Two reads and three writes, one of them elsewhere: what the server had seen at each announcement, what it saw in
    all, and how the writes that were refused ended."""
    line, seen, refused = Line(ok()), [], []

    async def before() -> None:
        seen.append(" ".join(asked.split()[0] for asked in line.asked))
        if refuse:
            raise StateError("the lock is lost")

    async def go() -> None:
        async with await asyncio.start_server(line, "127.0.0.1", 0) as server:
            base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with Http(base, headers={"x-api-key": KEY}, clock=NoTime()) as client:
                client.before_write = before
                for http, method in ((client, "GET"), (client, "POST"), (client.elsewhere, "PUT"), (client, "DELETE")):
                    try:
                        await http.request(method, f"{base}/things" if http is not client else "/things")
                    except StateError as error:
                        refused.append(f"{method} {error}")
                        told = traceback.TracebackException.from_exception(error, capture_locals=True)
                        assert KEY not in "".join(told.format())
                await client.request("GET", "/things")

    asyncio.run(go())
    return seen, [asked.split()[0] for asked in line.asked], refused


def test_each_write_is_announced_when_the_line_stands_and_nothing_of_it_has_left() -> None:
    seen, asked, _ = told_before_writes(refuse=False)

    assert seen == ["GET", "GET POST", "GET POST PUT"]
    assert asked == ["GET", "POST", "PUT", "DELETE", "GET"]


def test_a_write_that_may_not_be_sent_is_not_sent_and_the_reason_is_raised() -> None:
    _, asked, refused = told_before_writes(refuse=True)

    assert asked == ["GET", "GET"]
    assert refused == [f"{method} the lock is lost" for method in ("POST", "PUT", "DELETE")]
