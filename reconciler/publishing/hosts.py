"""Talking to a code host: pages read to their end, what may be repeated repeated, and every failure told by what to do.

It is not the transport of the accounts (`reconciler.http`): that one paces thousands of requests side by side, this one
sends a dozen, one after the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import httpx

from reconciler.errors import ApiError, Forbidden, NotFound, RateLimited, Rejected, Unauthorised, Unclear, Unreachable
from reconciler.http.environment import address_of, proxy_for, trusted
from reconciler.redact import learn
from reconciler.version import __version__

__all__ = ["CodeHost", "insisting"]

T = TypeVar("T")

PER_PAGE = 100
TRIES = 4
LONGEST_PAUSE_S = 60.0
REPEATABLE = {"GET", "PATCH", "PUT"}
"""A POST whose answer is lost may have made something: who sent it looks first."""
ERRORS = {401: Unauthorised, 403: Forbidden, 404: NotFound, 410: NotFound}


class CodeHost:
    """One API at an address, with one token, which is learned here and never shown."""

    def __init__(
        self,
        url: str,
        name: str,
        headers: Mapping[str, str],
        token: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        learn(token)
        self.url = address_of(url.rstrip("/"), name)
        self.sleep = sleep
        self._headers = {"user-agent": f"reconciler/{__version__}", **headers}

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """An object."""
        return _object(self.send("GET", path, params=params))

    def write(self, method: str, path: str, json: Any) -> dict[str, Any]:
        """What was made, or is now so."""
        return _object(self.send(method, path, json=json))

    def all(self, path: str, *, within: str = "", **params: Any) -> Iterator[dict[str, Any]]:
        """Everything of a list, or of that which an object has under the word `within`. A mark may be on its last page,
        behind whatever others have written."""
        page = 1
        while True:
            answer = self.send("GET", path, params={**params, "per_page": PER_PAGE, "page": page})
            items = _object(answer).get(within) if within else _said(answer)
            if not isinstance(items, list):
                raise Rejected(f"GET {path}: the answer is not a list: is {self.url} the address of the API?")
            yield from items
            if 'rel="next"' not in answer.headers.get("link", "") and len(items) < PER_PAGE:
                return
            page += 1

    def send(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> httpx.Response:
        """One request, repeated where that can do no harm."""
        after = (RateLimited, Unreachable, Unclear) if method in REPEATABLE else (RateLimited, Unreachable)
        return _repeated(lambda: self._sent(method, f"{self.url}{path}", params, json), after, self.sleep)

    def download(self, path: str, largest: int) -> bytes:
        """The bytes of a file, which usually are on another host: that one is not given the token."""
        answer = self._sent("GET", f"{self.url}{path}", None, None)
        if answer.is_redirect:
            answer = self._sent("GET", _place(path, answer), None, None, signed=False)
        if len(answer.content) > largest:
            raise Rejected(f"{path}: has {len(answer.content):,} bytes, more than the {largest:,} that are read")
        return answer.content

    def _sent(
        self, method: str, url: str, params: Mapping[str, Any] | None, json: Any, *, signed: bool = True
    ) -> httpx.Response:
        parts = httpx.URL(url)
        headers = self._headers if signed else {"user-agent": self._headers["user-agent"]}
        way = httpx.HTTPTransport(verify=trusted(), proxy=proxy_for(parts.scheme, parts.host, parts.port))
        try:
            with httpx.Client(transport=way, headers=headers, timeout=30.0, trust_env=False) as client:
                answer = client.request(method, url, params=params, json=json)
        except httpx.ConnectError as error:
            raise Unreachable(f"{parts.host} cannot be reached: {error}") from error
        except httpx.RequestError as error:  # no time left, a protocol that is not kept, bytes that cannot be unpacked
            raise Unclear(f"{method} {parts.path}: no answer ({type(error).__name__})") from error
        if not (answer.is_success or answer.is_redirect):
            raise _error(method, parts.path, answer)
        return answer


def insisting(host: CodeHost, do: Callable[[], T]) -> T:
    """Do what looks before it writes, again when an answer was lost: it finds what the lost one has made."""
    return _repeated(do, (Unclear,), host.sleep)


def _repeated(do: Callable[[], T], after: tuple[type[ApiError], ...], sleep: Callable[[float], None]) -> T:
    """What it gives; done once more, with a pause, after one of these errors."""
    tried = 1
    while True:
        try:
            return do()
        except after as error:
            if tried == TRIES:
                raise
            sleep(_pause(error, tried))
        tried += 1


def _pause(error: ApiError, tried: int) -> float:
    asked = getattr(error, "retry_after_s", None)
    return min(float(2**tried) if asked is None else asked, LONGEST_PAUSE_S)


def _error(method: str, path: str, answer: httpx.Response) -> ApiError:
    status = answer.status_code
    what = f"{method} {path}: {status} {_message(answer)}".rstrip()
    wait = answer.headers.get("retry-after", "")
    limited = status == 429 or (status == 403 and (wait or answer.headers.get("x-ratelimit-remaining") == "0"))
    if limited:
        return RateLimited(what, status=status, retry_after_s=float(wait) if wait.isdecimal() else None)
    if status >= 500:
        return Unclear(what, status=status)
    return ERRORS.get(status, Rejected)(what, status=status)


def _place(path: str, answer: httpx.Response) -> str:
    """Where an answer leads to."""
    try:
        return str(answer.url.join(answer.headers["location"]))
    except (KeyError, httpx.InvalidURL) as error:
        raise Rejected(f"GET {path}: {answer.status_code} that leads nowhere") from error


def _said(answer: httpx.Response) -> Any:
    """An answer as JSON; a page of a proxy, or half of one, is none."""
    try:
        return answer.json()
    except ValueError as error:
        request = answer.request
        raise Unclear(
            f"{request.method} {request.url.path}: {answer.status_code}, and the answer is no JSON"
        ) from error


def _object(answer: httpx.Response) -> dict[str, Any]:
    said = _said(answer)
    if not isinstance(said, dict):
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise Rejected(f"{asked}: the answer is no object: is this the address of the API?")
    return said


def _message(answer: httpx.Response) -> str:
    try:
        said = answer.json()
        return str(said.get("message", ""))[:300]
    except (ValueError, AttributeError):
        return ""
