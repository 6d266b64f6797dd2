"""The one transport: who we are, how long to wait, what may be repeated, what an answer that is no success means.

What is safe to repeat (reads, and writes that say a whole new value) is repeated with growing, jittered pauses. What is
not is sent once: when its answer does not say what became of it the error is `Unclear`, and the caller looks.
The key is in one header and in no message: every text that leaves this module passes `_clean`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from json import JSONDecodeError
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from reconciler import __version__
from reconciler.errors import (
    ApiError,
    Conflict,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorised,
    Unclear,
    Unreachable,
)

__all__ = ["Clock", "Http", "SystemClock"]

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
GONE_CODES = frozenset({"resource_not_exist", "resource_not_exists", "endpoint_not_exists"})
WORTH_REPEATING = frozenset({408, 425, 429, 500, 502, 503, 504})
FIRST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_RETRY_AFTER_S = 0.5, 30.0, 120.0
SHOWN_CHARACTERS = 256


class Clock(Protocol):
    """Time, as far as we need it; tests give their own."""

    def now(self) -> float:
        """Seconds that only grow."""

    async def sleep(self, seconds: float) -> None:
        """Let others run for so long."""


class SystemClock:
    """The machine's."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Pace:
    """A limit on requests per second that learns from 429: none at first, halved by each, growing with successes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rate: float | None = None
        self._next = 0.0
        self._seen: list[float] = []

    @property
    def rate_per_s(self) -> float | None:
        """Requests per second as of now; None when no 429 has come."""
        return self._rate

    async def turn(self) -> None:
        """Wait until one more request may be sent."""
        now = self._clock.now()
        wait_s = self._next - now
        self._next = max(now, self._next) + (1 / self._rate if self._rate else 0.0)
        self._seen = [*self._seen[-31:], now]
        if wait_s > 0:
            await self._clock.sleep(wait_s)

    def slower(self, retry_after_s: float | None) -> None:
        """A 429 came."""
        span = self._seen[-1] - self._seen[0] if len(self._seen) > 1 else 0.0
        measured = (len(self._seen) - 1) / span if span > 0 else 10.0
        self._rate = max(0.2, min(self._rate or measured, measured) / 2)
        self._next = max(self._next, self._clock.now() + (retry_after_s or 0.0))

    def faster(self) -> None:
        """A success came."""
        if self._rate is not None:
            self._rate += 0.1


class Http:
    """A client for one API. `sent` and `sent_writes` count every request that left, repetitions included."""

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
        self._clock, self._attempts, self._hint = clock, attempts, key_hint
        self._secrets = [value for value in headers.values() if value]
        self._chance = chance or random.Random()  # noqa: S311 - jitter, no secret
        self._pace = Pace(clock)
        self._slots = asyncio.Semaphore(connections)
        self._host = urlsplit(base_url).netloc.rpartition("@")[2]
        self._transport, self._timeout_s, self._connections = transport, timeout_s, connections
        self._other: Http | None = None
        self._asked_by: Http | None = None
        try:
            self._client = httpx.AsyncClient(
                base_url=base_url,
                headers={"User-Agent": f"reconciler/{__version__}", **headers},
                transport=transport,
                timeout=httpx.Timeout(timeout_s, pool=None),
                limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            )
        except (httpx.InvalidURL, ValueError, UnicodeError) as error:
            raise Unreachable(self._clean(f"{base_url!r} or the key cannot be used: {error}")) from None

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
                key_hint="the URL may have been used, or be too old",
            )
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
        nothing of it was sent; RateLimited then means that the caller decides, Unclear that it must look.
        """
        again = method in IDEMPOTENT if repeatable is None else repeatable
        parts = _parts(query, json, form, files, content, headers)
        for attempt in range(1, self._attempts + 1):
            try:
                return await self._once(method, path, parts, expect_json, again)
            except ApiError as error:
                if attempt == self._attempts or not _worth_repeating(error, again):
                    raise
                await self._pause(attempt, error.retry_after_s)
        raise AssertionError("unreachable")

    async def _pause(self, attempt: int, retry_after_s: float | None) -> None:
        longest = min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S)
        await self._clock.sleep(max(retry_after_s or 0.0, self._chance.uniform(0, longest)))

    async def _once(self, method: str, path: str, parts: Mapping[str, Any], expect_json: bool, again: bool) -> Any:
        what = f"{method} {urlsplit(path).path}"
        async with self._slots:
            await self._pace.turn()
            self._count(method)
            try:
                response = await self._client.request(method, path, **parts)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.ProxyError) as error:
                raise Unreachable(
                    self._clean(f"{what}: {self._host} cannot be reached ({error or type(error).__name__}); is it up?")
                ) from None
            except httpx.TransportError as error:
                why = self._clean(str(error)) or type(error).__name__
                raise Unclear(f"{what}: no whole answer came from {self._host} ({why})") from None
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise Rejected(self._clean(f"{what}: {error}")) from None
        if response.is_success:
            self._pace.faster()
            return self._body(what, response, again) if expect_json else response
        raise self._error(what, response)

    def _count(self, method: str) -> None:
        self.sent += 1
        self.sent_writes += method not in ("GET", "HEAD")
        if self._asked_by is not None:
            self._asked_by._count(method)

    def _body(self, what: str, response: httpx.Response, again: bool) -> Any:
        if not response.content.strip():
            return None
        try:
            return response.json()
        except (JSONDecodeError, UnicodeDecodeError) as error:
            if _is_html(response):
                raise Rejected(f"{what}: got an HTML page from {self._host}; is this the API's address?") from None
            raise Unclear(f"{what}: the answer is cut short or no JSON ({self._clean(str(error))})") from None

    def _error(self, what: str, response: httpx.Response) -> ApiError:
        """The error that a status means, with what the API says about it."""
        status = response.status_code
        code, said = _said(response)
        retry_after_s = _retry_after_s(response)
        if status == 429:
            self._pace.slower(retry_after_s)
        if _is_html(response):
            said = f"an HTML page from {self._host}; is this the API's address?"
        words = ": ".join(word for word in (code, self._clean(said)) if word)
        text = f"{what}: {status}{' ' + words if words else ''}"
        if status in (401, 403):
            return Unauthorised(f"{text}; {self._hint or 'check the API key'}", status=status, code=code)
        if status == 404 or (status == 400 and code in GONE_CODES):
            return NotFound(text, status=status, code=code)
        kind: type[ApiError] = {409: Conflict, 429: RateLimited}.get(status, Unclear if status >= 500 else Rejected)
        if 300 <= status < 400:
            text += "; redirects are not followed, give the API's own address"
        return kind(text, status=status, code=code, retry_after_s=retry_after_s)

    def _clean(self, text: str) -> str:
        """Without the key, and not too long."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


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
    return str(value).lower() if isinstance(value, bool) else str(value)


def _worth_repeating(error: ApiError, again: bool) -> bool:
    if isinstance(error, Unreachable):
        return True
    return again and (isinstance(error, Unclear | RateLimited) or error.status in WORTH_REPEATING)


def _is_html(response: httpx.Response) -> bool:
    start = response.content[:64].lstrip().lower()
    return "html" in response.headers.get("content-type", "") or start.startswith((b"<!doctype", b"<html"))


def _said(response: httpx.Response) -> tuple[str, str]:
    """(code, message) out of any of the API's envelopes: flat, nested, `error_code`, `detail`; ('', text) otherwise."""
    try:
        body = response.json()
    except (JSONDecodeError, UnicodeDecodeError):
        return "", response.text.strip()
    if not isinstance(body, Mapping):
        return "", str(body)
    inner = body.get("error")
    body = inner if isinstance(inner, Mapping) else body
    code = body.get("code", body.get("error_code", ""))
    message = body.get("message", body.get("detail", inner if isinstance(inner, str) else ""))
    return str(code), str(message)


def _retry_after_s(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after")
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)
