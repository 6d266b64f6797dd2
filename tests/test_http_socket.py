"""The transport over a real socket: what broken lines become, and that nothing follows where the key must not go."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import struct
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from reconciler.errors import ApiError, Rejected, StateError, Unclear, Unreachable
from reconciler.http import Http
from tests.support.running import NoTime

KEY = "tlk_very_secret_key"
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def raw(text: str) -> Answer:
    """Send these bytes and close."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(text.encode(errors="surrogatepass"))
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


def ask(*answers: Answer, method: str = "GET", answer_s: float = 120.0, **options: Any) -> tuple[Any, Line]:
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
                answer_s=answer_s,
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


def packed(body: bytes, encoding: str = "gzip", cut: int = 0) -> Answer:
    """A body in gzip, whole or without its end."""
    sent = gzip.compress(body, 1)[: -cut or None]

    async def answer(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(sent)}\r\n\r\n"
        writer.write(head.encode() + sent)
        await writer.drain()

    return answer


async def bomb(writer: asyncio.StreamWriter) -> None:
    """64 MB of blanks, in some 60 kB."""
    pack = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    sent = b"".join([*(pack.compress(b" " * (1 << 20)) for _ in range(64)), pack.flush()])
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(sent)}\r\n\r\n".encode() + sent)
    with suppress(ConnectionError):
        await writer.drain()


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with suppress(ConnectionError):
        while True:
            writer.write(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
            await writer.drain()


async def dripping(writer: asyncio.StreamWriter) -> None:
    """Never silent for long, and never done."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    await drops(writer, b" ")


async def never_serious(writer: asyncio.StreamWriter) -> None:
    """Answers that say that an answer will come."""
    await drops(writer, b"HTTP/1.1 103 Early Hints\r\n\r\n")


async def drops(writer: asyncio.StreamWriter, drop: bytes) -> None:
    with suppress(ConnectionError):
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.01)


def test_a_packed_answer_is_unpacked() -> None:
    assert ask(packed(b'{"ok": true}'))[0] == {"ok": True}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("answer", [bomb, endless], ids=["a bomb", "an endless body"])
def test_an_answer_that_is_longer_than_any_is_not_taken_in(answer: Answer, method: str) -> None:
    tracemalloc.start()
    try:
        error, line = ask(answer, method=method)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert type(error) is Unclear
    assert "is longer than any that is wanted (more than 16777216 bytes)" in str(error)
    assert len(line.asked) == 1
    assert most < 60 << 20


@pytest.mark.parametrize("answer", [dripping, never_serious], ids=["a byte at a time", "1xx without end"])
def test_an_answer_that_never_ends_is_given_up(answer: Answer) -> None:
    error, line = ask(answer, ok(), method="POST", json={}, answer_s=0.2)
    assert type(error) is Unclear
    assert "no whole answer came" in str(error)
    assert "longer than 0.2 s" in str(error)
    assert len(line.asked) == 1

    assert ask(answer, ok(), answer_s=0.2)[0] == {"ok": True}


def test_the_time_for_an_answer_begins_when_all_has_been_sent() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(4):
            await asyncio.sleep(0.1)
            yield b"1234"

    class Twice:
        def __aiter__(self) -> AsyncIterator[bytes]:
            return slowly()

    result, _ = ask(ok(), method="PUT", content=Twice(), headers={"Content-Length": "16"}, answer_s=0.2)

    assert result == {"ok": True}


@pytest.mark.parametrize(
    "answer",
    [packed(b'{"ok": true}' * 999, cut=9), packed(b"{}", "br"), ok(more="Content-Encoding: gzip\r\n")],
    ids=["cut", "not asked for", "not packed"],
)
def test_an_answer_that_cannot_be_unpacked_is_asked_for_again(answer: Answer) -> None:
    error, line = ask(answer, method="POST", json={})
    assert type(error) is Unclear
    assert len(line.asked) == 1

    assert ask(answer, ok())[0] == {"ok": True}


@pytest.mark.parametrize("charset", ["rot13", "base64", "undefined", "idna", "utf-16", "nonsense", "\x00"])
def test_whatever_charset_an_error_says_it_is_read(charset: str) -> None:
    for body in ("no such thing", '{"message": "no such thing"}'):
        told = raw(f"HTTP/1.1 400 X\r\nContent-Type: text/plain; charset={charset}\r\n\r\n{body}")
        error, _ = ask(told)
        assert isinstance(error, ApiError)
        assert charset == "\x00" or "no such thing" in str(error)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "-Infinity", "9" * 101, "9" * 5000])
def test_numbers_that_are_none_are_no_json(number: str) -> None:
    error, line = ask(ok(f'{{"n": {number}}}'), method="POST", json={})

    assert type(error) is Unclear
    assert "not JSON" in str(error)
    assert len(line.asked) == 1


def test_half_of_a_character_is_told_as_its_escape() -> None:
    body = '{"a\\ud83d": ["\\udc00", {"b": "\\uD83D\\uDE00"}], "c": "\\u00e9"}'

    result, _ = ask(ok(body))

    assert result == {"a\\ud83d": ["\\udc00", {"b": "😀"}], "c": "é"}
    assert ask(raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\ud800"), method="POST")[0].status == 0


def test_a_redirect_to_no_address_is_told_and_the_key_in_it_is_not() -> None:
    for where in (f"https://elsewhere.example/{KEY}/x", "x" * 999, "http://[::1", f"http://[{KEY}", "//["):
        error, _ = ask(raw(f"HTTP/1.1 308 Moved\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n"))
        assert isinstance(error, ApiError)
        assert "[" in where or "is not followed" in str(error)
        assert KEY not in str(error)


class Counted:
    """A server that keeps its connections: how many were opened, and how many were in use at once."""

    def __init__(self) -> None:
        self.opened = self.busy = self.busiest = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        with suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.busy += 1
                self.busiest = max(self.busiest, self.busy)
                await asyncio.sleep(0)
                self.busy -= 1
                if b"/cut" in head:
                    await CUT(writer)
                    break
                await ok()(writer)
        writer.close()


def counted(*rounds: tuple[str, int], connections: int) -> Counted:
    """Requests to each path, so many side by side, round after round."""
    server = Counted()

    async def go() -> None:
        async with await asyncio.start_server(server, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            async with Http(
                f"http://127.0.0.1:{port}", headers={}, clock=NoTime(), connections=connections, attempts=1
            ) as client:
                for path, times in rounds:
                    asked = (client.request("GET", path) for _ in range(times))
                    await asyncio.gather(*asked, return_exceptions=True)

    asyncio.run(go())
    return server


def test_requests_one_after_the_other_use_one_connection() -> None:
    assert counted(*[("/things", 1)] * 20, connections=8).opened == 1


def test_side_by_side_no_more_connections_are_opened_than_requests_may_be_under_way() -> None:
    server = counted(("/things", 60), ("/things", 60), connections=4)

    assert server.opened <= 4
    assert server.busiest <= 4


def test_a_connection_that_broke_off_is_not_used_again_and_those_beside_it_are() -> None:
    assert counted(("/things", 1), ("/cut", 1), ("/things", 1), ("/things", 1), connections=2).opened == 2
