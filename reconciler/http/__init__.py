"""The one transport: who we are, how long to wait, what may be repeated.

What is safe to repeat (reads, and writes that say a whole new value) is repeated with growing, jittered pauses. What is
not is sent once: when its answer does not say what became of it the error is `Unclear`, and the caller looks.
The key is in one header and in no message: every text that leaves this package passes a `Veil`, and the causes that
errors are chained to carry no request and no frames.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from reconciler import __version__
from reconciler.errors import ApiError, RateLimited, ReconcilerError, Unauthorised, Unclear, Unreachable
from reconciler.http.answers import Veil, broken_off, decoded, is_html, left_s, refused, secrets_in
from reconciler.http.pace import Clock, Pace

__all__ = ["Clock", "Http", "SystemClock"]

READS = frozenset({"GET", "HEAD"})
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
WORTH_REPEATING = frozenset({408, 425, 429, 500, 502, 503, 504})
FIRST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_RETRY_AFTER_S = 0.5, 30.0, 120.0
CONNECT_S = 10.0
SENDING = "http11.send_request_headers.started"
"""What httpx's transport says when it is connected and the first byte is about to leave."""
SHORTEST_KEY = 8
"""What is shorter stands in ids and names by chance."""
KEPT_OPEN_S = 4.0
"""Less than servers commonly keep an idle connection: what is sent on one that they just close may have arrived."""


class SystemClock:
    """The machine's."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class _Call:
    """One request, as often as it is sent."""

    method: str
    path: str
    parts: Mapping[str, Any]
    again: bool
    json_due: bool
    what: str
    """Method and path, as it is shown."""
    host: str

    @property
    def veiled(self) -> tuple[Any, ...]:
        """Where secrets may stand in it, beside the headers that every request has."""
        return self.path, *self.parts.values()


@dataclass(frozen=True, slots=True)
class _Failed:
    """A try that brought no success. `wait_s` is what the server asks for, None when nothing."""

    error: ApiError
    cause: Exception | None = None
    again: bool = False
    wait_s: float | None = None


class Http:
    """A client for one API. `sent` and `sent_writes` count every request that left, repetitions included.

    `connections` is how many requests are under way at once; `attempts` how often one is sent at most; `key_hint` what
    to do when the key is refused.
    """

    before_write: Callable[[], Awaitable[None]] | None = None
    """Awaited right before each request that may change something is sent, repetitions and other hosts included; what
    it raises is raised by the request, of which then nothing was sent."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock,
        timeout_s: float = 60.0,
        connections: int = 12,
        attempts: int = 6,
        key_hint: str = "",
        chance: random.Random | None = None,
    ) -> None:
        self.sent = self.sent_writes = 0
        self._clock, self._attempts = clock, attempts
        self._hints = {401: key_hint or "check the API key"}
        self._keys = tuple(headers.values())
        self._veil = Veil((*headers.values(), *secrets_in(base_url)))
        self._chance = chance or random.Random()  # noqa: S311 - jitter, no secret
        self._pace = Pace(clock)
        self._slots = asyncio.Semaphore(connections)
        self._transport, self._timeout_s, self._connections = transport, timeout_s, connections
        self._other: Http | None = None
        self._asked_by: Http | None = None
        if not all(value.isascii() and value.isprintable() and value == value.strip() for value in headers.values()):
            odd = "the key holds a space, a line break or a letter that no header can carry"
            raise Unauthorised(f"{odd}; {key_hint or 'check the API key'}")
        self._client = self._open(base_url, {"User-Agent": f"reconciler/{__version__}", **headers})
        self._host = self._client.base_url.netloc.decode()

    def _open(self, base_url: str, headers: Mapping[str, str]) -> httpx.AsyncClient:
        try:
            return httpx.AsyncClient(
                base_url=base_url,
                headers=headers,
                transport=self._transport,
                timeout=httpx.Timeout(self._timeout_s, connect=min(CONNECT_S, self._timeout_s), pool=None),
                limits=httpx.Limits(
                    max_connections=self._connections,
                    max_keepalive_connections=self._connections,
                    keepalive_expiry=KEPT_OPEN_S,
                ),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise Unreachable(f"the address of the API cannot be used: {self._veil(str(error))}") from None

    def holds_key(self, text: str) -> bool:
        """Whether what we prove ourselves with stands in a text that a server sent."""
        return any(len(key) >= SHORTEST_KEY and key in text for key in self._keys)

    @property
    def rate_per_s(self) -> float | None:
        """How many requests per second the API takes, as far as it has said so by refusing some."""
        return self._pace.rate_per_s

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        if self._other is not None:
            await self._other.aclose()
        await self._client.aclose()

    @property
    def elsewhere(self) -> Http:
        """A client for whole URLs on other hosts (storage): by the same transport, counted here, without our headers.

        So no key ever leaves for another host. Its pace is its own: that storage is slow does not slow the API.
        """
        if self._other is None:
            self._other = Http(
                "",
                headers={},
                transport=self._transport,
                clock=self._clock,
                timeout_s=self._timeout_s,
                connections=self._connections,
                attempts=self._attempts,
            )
            self._other._hints = dict.fromkeys((401, 403), "the URL may have been used, or be too old")
            self._other._asked_by = self
        return self._other

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        expect_json: bool = True,
    ) -> Any:
        """Send, and give the answer's JSON (None when it is empty; the response when `expect_json` is False).

        Raises the ApiError that fits. What is not `repeatable` (POST, unless said otherwise) is repeated only when
        nothing of it was sent; RateLimited then means that the caller decides, Unclear that it must look. A `query`
        value that is a list becomes a repeated key; `content` that is streamed must be iterable again.
        """
        url = urlsplit(path)
        call = _Call(
            method=method,
            path=path,
            parts=_parts(query, json, form, files, content, headers),
            again=method in IDEMPOTENT if repeatable is None else repeatable,
            json_due=expect_json,
            what=f"{method} {url.path}",
            host=url.netloc.rpartition("@")[2] or self._host,
        )
        attempt = 1
        while isinstance(outcome := await self._once(call), _Failed):
            if attempt == self._attempts or not outcome.again:
                raise _told(outcome.error, attempt) from outcome.cause
            await self._pause(attempt, outcome.wait_s)
            attempt += 1
        return outcome

    async def _pause(self, attempt: int, wait_s: float | None) -> None:
        longest = min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S)
        await self._clock.sleep(max(wait_s or 0.0, self._chance.uniform(0, longest)))

    async def _once(self, call: _Call) -> Any:
        """One try. A failure is a value here: an error raised inside the handler of httpx's would hold on to that one,
        and so to the request with the key."""
        async with self._slots:
            turn = await self._pace.turn(call.what)
            proof = await self._proof(call)
            self._count(call.method)
            try:
                response = await self._client.request(call.method, call.path, **call.parts, **proof)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                return self._broken_off(call, error)
            except ReconcilerError as error:  # `before_write` says no; the frames hold the request with the key
                forbidden: ReconcilerError | None = error.with_traceback(None)
            else:
                forbidden = None
        if forbidden is not None:
            self._count(call.method, -1)
            raise forbidden
        if (left := left_s(response)) is not None and left <= LONGEST_RETRY_AFTER_S:
            self._pace.hold(call.what, left)
        if response.is_success:
            self._pace.faster()
            return self._taken(call, response) if call.json_due else response
        return self._refused(call, response, turn)

    def _broken_off(self, call: _Call, error: Exception) -> _Failed:
        veil = self._veil.and_also(secrets_in(*call.veiled))
        told = broken_off(call.what, call.host, error, veil)
        again = call.again if isinstance(told, Unclear) else isinstance(told, Unreachable)
        return _Failed(told, veil.bare(error), again and "CERTIFICATE_VERIFY_FAILED" not in str(told))

    def _taken(self, call: _Call, response: httpx.Response) -> Any:
        body = decoded(call.what, call.host, response, self._veil)
        return _Failed(body, again=call.again and not is_html(response)) if isinstance(body, ApiError) else body

    def _refused(self, call: _Call, response: httpx.Response, turn: int) -> _Failed:
        veil = self._veil.and_also(secrets_in(*call.veiled))
        error = refused(call.what, call.host, response, veil, self._hints, again=call.again)
        asked_s = error.retry_after_s
        if asked_s is not None:
            error.retry_after_s = min(asked_s, LONGEST_RETRY_AFTER_S)
        if isinstance(error, RateLimited):
            self._pace.slower(turn, error.retry_after_s)
        again = call.again and error.status in WORTH_REPEATING and (asked_s or 0.0) <= LONGEST_RETRY_AFTER_S
        return _Failed(error, again=again, wait_s=asked_s)

    async def _proof(self, call: _Call) -> dict[str, Any]:
        """What makes httpx await `before_write` when it sends: after connecting, which takes longest, and in which a
        process may be stopped for hours. A transport of another make does not connect, and tells nothing."""
        before = (self._asked_by or self).before_write
        if before is None or call.method in READS:
            return {}
        if self._transport is not None:
            await before()
            return {}

        async def told(event: str, _: Any) -> None:
            if event == SENDING:
                await before()

        return {"extensions": {"trace": told}}

    def _count(self, method: str, by: int = 1) -> None:
        self.sent += by
        self.sent_writes += by * (method not in READS)
        if self._asked_by is not None:
            self._asked_by._count(method, by)


def _told(error: ApiError, attempts: int) -> ApiError:
    """The error with what to know about the tries."""
    told = f" (tried {attempts} times)" if attempts > 1 else ""
    if (error.retry_after_s or 0.0) >= LONGEST_RETRY_AFTER_S:
        told += f"; it takes no requests for {LONGEST_RETRY_AFTER_S:g} s or more: run again later"
    error.args = (f"{error}{told}",)
    return error


def _parts(
    query: Mapping[str, Any] | None,
    json: Any,
    form: Mapping[str, Any] | None,
    files: Mapping[str, Any] | None,
    content: Any,
    headers: Mapping[str, str] | None,
) -> dict[str, Any]:
    """httpx's arguments. A form is always multipart, with a file or without: the API takes no other."""
    parts: dict[str, Any] = {"params": query, "json": json, "content": content, "headers": headers}
    if form is not None and files is None:
        parts["files"] = [(name, (None, _form_text(item))) for name, value in form.items() for item in _items(value)]
    elif form is not None:
        parts["data"] = {name: [_form_text(item) for item in _items(value)] for name, value in form.items()}
        parts["files"] = files
    return {name: value for name, value in parts.items() if value is not None}


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _form_text(value: Any) -> str:
    """A `Secret` stays one, so that it is known for what it is when the answer echoes it."""
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
