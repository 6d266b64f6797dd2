"""Our own connections beside httpx's: the same answers taken, the same ones refused, and nothing sent that is none."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.errors import Unreachable
from reconciler.http import Http
from reconciler.http.direct import SENDING, SENT, DirectWay
from tests.support.running import NoTime

KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5QrS3NsPm9HS+Joj
q5BW4afJzuSGLw5PuyJx9VQuu3ShRANCAATKReWMpr1YHDssDHmWNTSMiCL+VxEt
nbz9mFuphLRMiNf5LViwk+hwktoYlASCGcuPwUUtKYmDmDtd5vW1jQ3R
-----END PRIVATE KEY-----
"""
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBZjCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMpF5YymvVgcOywM
eZY1NIyIIv5XES2dvP2YW6mEtEyI1/ktWLCT6HCS2hiUBIIZy4/BRS0piYOYO13m
9bWNDdGjTjBMMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAPBgNVHRMBAf8E
BTADAQH/MB0GA1UdDgQWBBSufV5b0zccbWtJwrRAC04YMMxh1jAKBggqhkjOPQQD
AgNHADBEAiA6jZxG4KKKn2HmvWC9GSF31VngJJsYafEK66MWQeliQQIgVSNLszsx
sKUta2UOzMQdZNXEtY3al/3Vfdt2WdJY1B8=
-----END CERTIFICATE-----
"""
"""Of localhost, by itself, until 2120."""
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TIMES = {"connect": 5.0, "read": 5.0, "write": 5.0}


@asynccontextmanager
async def served(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def saying(*pieces: bytes, then_close: bool = True) -> Serve:
    """Answer each request with these, and say nothing more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await read_head(reader):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                if then_close:
                    break
        writer.close()

    return serve


def request(url: str, method: str = "GET", times: dict[str, float] = TIMES, **parts: Any) -> httpx.Request:
    return httpx.Request(method, url, extensions={"timeout": times, **parts.pop("extensions", {})}, **parts)


async def answer(way: httpx.AsyncBaseTransport, asked: httpx.Request) -> tuple[int, bytes, bytes]:
    response = await way.handle_async_request(asked)
    try:
        body = b"".join([piece async for piece in response.aiter_raw()])
    finally:
        await response.aclose()
    return response.status_code, body, response.headers.get("x", "").encode()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ANSWERS = {
    "plain": OK,
    "none": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified, with a length": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n3\r\n!!!\r\n0\r\nX: z\r\n\r\n",
    "until the end": b"HTTP/1.1 200 OK\r\n\r\nok",
    "until the end, of 1.0": b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nok",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "after hints": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: early\r\n\r\n" + OK,
    "letters beyond ASCII": "HTTP/1.1 200 OK\r\nX: ä\r\nContent-Length: 2\r\n\r\nok".encode("latin-1"),
    "an error": b"HTTP/1.1 503 Busy\r\nX: y\r\nContent-Length: 0\r\n\r\n",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
    "a chunk is cut": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok",
    "chunks without an end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    "only hints": b"HTTP/1.1 100 Continue\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "less than nothing": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "no chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxy\r\nok\r\n",
    "another encoding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    "mail": b"220 smtp.example ESMTP\r\n",
    "a page of 0.9": b"<html>ok</html>",
    "an end of text": b"HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 2\r\n\r\nok",
    "a head without end": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000,
}


@pytest.mark.parametrize("said", ANSWERS.values(), ids=ANSWERS)
def test_what_comes_is_taken_or_refused_as_httpx_does(said: bytes) -> None:
    async def go() -> list[Any]:
        found: list[Any] = []
        async with served(saying(said)) as url:
            for way in (DirectWay(None, 4.0), httpx.AsyncHTTPTransport()):
                try:
                    found.append(await answer(way, request(url)))
                except (httpx.RemoteProtocolError, httpx.ReadError):
                    found.append("broken")
                await way.aclose()
        return found

    ours, theirs = asyncio.run(go())

    assert ours == theirs


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + OK,
        b"HTTP/1.1 101 X\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\nok",
    ],
)
def test_another_protocol_is_no_answer(said: bytes) -> None:
    async def go() -> None:
        async with served(saying(said)) as url:
            with pytest.raises(httpx.RemoteProtocolError):
                await answer(DirectWay(None, 4.0), request(url))

    asyncio.run(go())


class Kept:
    """A server that answers each request on a connection with the next of these, and notes on which it came."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.opened = list(answers), 0
        self.asked: list[int] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        mine = self.opened
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await read_head(reader):
                self.asked.append(mine)
                writer.write(self.answers.pop(0))
                await writer.drain()
        writer.close()


@pytest.mark.parametrize(
    ("said", "method", "on"),
    [
        (OK, "GET", [1, 1]),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "GET", [1, 2]),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", [1, 2]),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, "GET", [1, 1]),
        (OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "GET", [1, 2]),
        (OK + b"\r\nHTT", "GET", [1, 2]),
        (OK + b"rubbish", "GET", [1, 2]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HEAD", [1, 2]),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", "GET", [1, 1]),
    ],
    ids=["plain", "close", "1.0", "hints", "another answer", "half of one", "rubbish", "HEAD", "chunks"],
)
def test_what_comes_unasked_answers_nothing(said: bytes, method: str, on: list[int]) -> None:
    kept = Kept(said, OK)

    async def go() -> list[tuple[int, bytes, bytes]]:
        way = DirectWay(None, 4.0)
        async with served(kept) as url:
            found = [await answer(way, request(url, method)), await answer(way, request(url))]
            await way.aclose()
        return found

    first, second = asyncio.run(go())

    assert first == (200, b"" if method == "HEAD" else b"ok", b"")
    assert second == (200, b"ok", b"")
    assert kept.asked == on


@pytest.mark.parametrize("late", [b"HTTP/1.1 408 Too Late\r\nContent-Length: 0\r\n\r\n", b""], ids=["says", "closes"])
def test_an_idle_connection_on_which_something_comes_is_not_used_again(late: bytes) -> None:
    """Also where that arrives right before the next request leaves: nothing was told of it by then."""
    first, second = asyncio.Event(), asyncio.Event()
    on: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        on.append(second if on else first)
        await read_head(reader)
        writer.write(OK)
        await on[-1].wait()
        writer.write(late)
        writer.close()
        await writer.wait_closed()
        first.clear()

    async def go() -> tuple[int, bytes, bytes]:
        way = DirectWay(None, 60.0)
        async with served(serve) as url:
            await answer(way, request(url))
            first.set()
            while first.is_set():  # noqa: ASYNC110 - no turn of the loop more than it takes
                await asyncio.sleep(0)
            try:
                return await answer(way, request(url, "POST"))
            finally:
                second.set()
                await way.aclose()

    assert asyncio.run(go()) == (200, b"ok", b"")
    assert on == [first, second]


def test_a_connection_that_was_idle_for_long_is_not_used_again() -> None:
    kept = Kept(OK, OK)

    async def go() -> None:
        way = DirectWay(None, 0.0)
        async with served(kept) as url:
            for _ in range(2):
                await answer(way, request(url))
            await way.aclose()

    asyncio.run(go())

    assert kept.asked == [1, 2]


class Stream(httpx.AsyncByteStream):
    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


async def received(asked: httpx.Request) -> tuple[bytes, list[str]]:
    """All that a server got until the request ended, and what was told meanwhile."""
    got, over = bytearray(), asyncio.Event()
    told: list[str] = []
    asked.extensions = {**asked.extensions, "trace": lambda event, _: noted(told, event)}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        got.extend(head)
        writer.write(OK)
        got.extend(await reader.read())
        writer.close()
        over.set()

    async with served(serve) as url:
        asked.url = httpx.URL(url).join(asked.url)
        way = DirectWay(None, 4.0)
        try:
            await answer(way, asked)
        finally:
            await way.aclose()
            if told:
                await over.wait()
            else:
                over.set()
    return bytes(got), told


async def noted(told: list[str], event: str) -> None:
    told.append(event)


def test_a_body_leaves_whole_however_it_comes() -> None:
    def body_of(**parts: Any) -> bytes:
        got, told = asyncio.run(received(httpx.Request("POST", "/y?z=ä", **parts)))
        head, _, body = got.partition(b"\r\n\r\n")
        assert head.startswith(b"POST /y?z=%C3%A4 HTTP/1.1\r\n")
        assert told == [SENDING, SENT]
        return body

    large = b"0123456789" * 300_000
    assert body_of() == b""
    assert body_of(json={"a": 1}) == b'{"a":1}'
    assert body_of(content=large) == large
    assert body_of(stream=Stream(b"a", b"", b"bc"), headers={"content-length": "3"}) == b"abc"
    assert body_of(stream=Stream(large, large), headers={"content-length": "6000000"}) == large + large
    assert body_of(stream=Stream(b"a", b"", b"bc" * 8), headers={"transfer-encoding": "chunked"}) == (
        b"1\r\na\r\n10\r\n" + b"bc" * 8 + b"\r\n0\r\n\r\n"
    )
    assert body_of(stream=Stream(), headers={"transfer-encoding": "chunked"}) == b"0\r\n\r\n"
    assert b'name="b"\r\n\r\n2\r\n' in body_of(files=[("a", (None, "1")), ("b", (None, "2"))])


@pytest.mark.parametrize("pieces", [(b"ab",), (b"ab", b"cd"), (), (b"abcd",)])
def test_a_body_that_is_not_as_long_as_its_head_says_is_not_ended(pieces: tuple[bytes, ...]) -> None:
    """What is too long would be taken for the next request; of what is too short the server waits for the rest."""

    async def go() -> bytes:
        got = bytearray()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                got.extend(await reader.read())
            writer.close()
            over.set()

        over = asyncio.Event()
        async with served(serve) as url:
            with pytest.raises(httpx.LocalProtocolError, match="than its head says"):
                await answer(
                    DirectWay(None, 4.0),
                    request(url, "POST", stream=Stream(*pieces), headers={"content-length": "3"}),
                )
            await over.wait()
        return bytes(got).partition(b"\r\n\r\n")[2]

    assert len(asyncio.run(go())) < 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x", b"a\r\nx-api-key: other"),
        (b"x", b"a\nb"),
        (b"x", b"a\r\n\r\nGET /evil HTTP/1.1"),
        (b"x", b"a\x00"),
        (b"x: y\r\nz", b"a"),
        (b"x y", b"a"),
        (b"", b"a"),
    ],
)
def test_a_header_that_is_more_than_one_is_not_sent(name: bytes, value: bytes) -> None:
    asked = httpx.Request("GET", "http://x/")
    asked.headers = httpx.Headers([*asked.headers.raw, (name, value)])

    with pytest.raises(httpx.LocalProtocolError, match="holds what none can hold") as caught:
        asyncio.run(received(asked))

    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("closes", [False, True], ids=["reads no more", "closes"])
def test_who_refuses_an_upload_before_its_end_is_heard(closes: bool) -> None:
    done = asyncio.Event()
    size = 64 << 20
    pieces = Stream(*([b" " * (1 << 20)] * 64))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        if not closes:
            await done.wait()
        writer.close()

    async def go() -> tuple[int, bytes, bytes]:
        async with served(serve) as url:
            way = DirectWay(None, 4.0)
            try:
                return await answer(way, request(url, "PUT", stream=pieces, headers={"content-length": f"{size}"}))
            finally:
                done.set()
                await way.aclose()

    try:
        assert asyncio.run(go()) == (413, b"no", b"")
    except httpx.ReadError:  # its RST overtook what it said: nothing of that was left to read
        assert closes


@pytest.mark.parametrize("reads", [False, True], ids=["takes nothing", "answers nothing"])
def test_a_server_that_does_nothing_is_given_up(reads: bool) -> None:
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if reads:
            await reader.read()
        else:
            await over.wait()
        writer.close()

    async def go() -> None:
        async with served(serve) as url:
            times = {**TIMES, "read": 0.05, "write": 0.05}
            with pytest.raises(httpx.ReadTimeout if reads else httpx.WriteTimeout, match=r"for 0\.05 s"):
                await answer(
                    DirectWay(None, 4.0), request(url, "PUT", times, content=b" " * (1 if reads else 32 << 20))
                )
            over.set()

    asyncio.run(go())


def test_who_is_stopped_leaves_no_connection() -> None:
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        begun.set()
        with suppress(ConnectionError):
            await reader.read()
        closed.set()
        writer.close()

    begun = asyncio.Event()

    async def go() -> None:
        async with served(serve) as url:
            asking = asyncio.create_task(answer(DirectWay(None, 4.0), request(url)))
            await begun.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await closed.wait()

    asyncio.run(go())


@pytest.mark.parametrize("address", ["ftp://x/y", "http:///y", "//x/y", "/y"])
def test_an_address_that_leads_nowhere_is_told(address: str) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        asyncio.run(answer(DirectWay(None, 4.0), request(address)))


@pytest.mark.parametrize(
    ("host", "why"),
    [("a" * 64 + ".example", "label"), ("127.0.0.1", "^Connection refused$"), ("x.invalid", r"^[A-Z][a-z ]+$")],
    ids=["too long", "refused", "unknown"],
)
def test_what_cannot_be_reached_was_sent_nothing_and_is_told_in_words(host: str, why: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    told: list[str] = []
    asked = request(f"http://{host}:{port}/", extensions={"trace": lambda event, _: noted(told, event)})

    with pytest.raises(httpx.ConnectError, match=why):
        asyncio.run(answer(DirectWay(None, 4.0), asked))

    assert told == []


def test_who_takes_too_long_to_connect_was_sent_nothing() -> None:
    """A server that takes the connection and never speaks TLS."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async def go() -> None:
        async with served(serve) as url:
            way = DirectWay(ssl.create_default_context(), 4.0)
            with pytest.raises(httpx.ConnectTimeout, match=r"longer than 0\.05 s"):
                await answer(way, request(url.replace("http:", "https:"), times={**TIMES, "connect": 0.05}))
            over.set()

    asyncio.run(go())


def test_whose_certificate_nobody_vouches_for_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the same server is talked to when SSL_CERT_FILE names it."""
    (tmp_path / "key.pem").write_text(KEY)
    (tmp_path / "own.pem").write_text(CERTIFICATE)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "own.pem", tmp_path / "key.pem")
    kept = Kept(OK, OK)

    async def ask() -> list[Any]:
        async with served(kept, tls) as url, Http(url, headers={}, clock=NoTime(), attempts=1) as http:
            return [(await http.request("GET", "/x", expect_json=False)).body for _ in range(2)]

    with pytest.raises(Unreachable, match=r"CERTIFICATE_VERIFY_FAILED.*set SSL_CERT_FILE"):
        asyncio.run(ask())
    assert kept.asked == []

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    assert asyncio.run(ask()) == [b"ok", b"ok"]
    assert len(set(kept.asked)) == 1
