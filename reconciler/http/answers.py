"""What came back, as the error that it means; and what of it may be shown.

Only `NotFound` is taken for "provably gone": the API's own word for what does not exist, or a 404 without any word. A
page of HTML or a line of text comes from something else that stands at the address; what an API says of a whole family
of endpoints is about the key. A success that carries an error is none. A create that was answered by anything but a
clear success or a clear refusal is `Unclear`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx

from reconciler.errors import (
    ApiError,
    AtLimit,
    Conflict,
    ErrorCodes,
    FamilyForbidden,
    Forbidden,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorised,
    Unclear,
    Unreachable,
)
from reconciler.http.body import Answer, parsed
from reconciler.http.call import Call
from reconciler.redact import Redactor, Secret

__all__ = [
    "Veil",
    "broken_off",
    "decoded",
    "left_s",
    "moment_in",
    "refused",
    "retry_after_s",
    "secrets_in",
    "told_of_limit",
]

ERROR_WORDS = ("error", "error_code", "detail")
NOT_ITS_OWN_ID = frozenset({"request_id", "trace_id"})
SHOWN_CHARACTERS, CODE_CHARACTERS = 256, 64
LOOKED_AT = 4096
"""Characters of a message in which secrets are looked for; what comes after them is not shown."""
SHORTEST_SIGNATURE = 12
FOR_EVER_S = 1e10
OF_A_LIMIT = ("limit", "remaining", "reset")
NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
MAY_HAVE_BEEN_DONE = frozenset({303, 408})
WRONG_ADDRESS = "an HTML page from {host}; is this the API's address?"


class Veil:
    """Takes secrets out of what is shown of an answer, and makes one short line of it."""

    __slots__ = ("_redactor",)

    def __init__(self, secrets: Iterable[str] | Redactor) -> None:
        self._redactor = (
            secrets
            if isinstance(secrets, Redactor)
            else Redactor(form for value in secrets for form in (value, value.removeprefix("Bearer "), unquote(value)))
        )

    def and_also(self, secrets: Iterable[str]) -> Veil:
        """One that hides these too."""
        more = tuple(secrets)
        return Veil(self._redactor.and_also(more)) if more else self

    def __call__(self, text: str, most: int = SHOWN_CHARACTERS) -> str:
        """The text in one line, without secrets, and only then cut: half a key is a secret too."""
        text = self._redactor(text[:LOOKED_AT])
        line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return line if len(line) <= most else line[: most - 1] + "…"

    def bare(self, error: Exception) -> Exception:
        """The same error for a chain of causes: without its request, its frames, and the text that it was found in."""
        text = self(str(error))
        return type(error)(text) if isinstance(error, httpx.HTTPError) else ValueError(text)


def secrets_in(*values: Any) -> Iterator[str]:
    """What is sent and may not be shown: values from the environment, and the signature in a URL of storage."""
    for value in values:
        if isinstance(value, Secret):
            yield str(value)
        elif isinstance(value, Mapping):
            yield from secrets_in(*value.values())
        elif isinstance(value, list | tuple):
            yield from secrets_in(*value)
        elif isinstance(value, str) and "://" in value:
            yield from _secrets_in_url(value)


def _secrets_in_url(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket that is not closed: then it leads nowhere either
        return
    yield from (part for part in (parts.username, parts.password) if part)
    yield from (text for _, text in parse_qsl(parts.query) if len(text) >= SHORTEST_SIGNATURE)


def broken_off(what: str, host: str, error: Exception, veil: Veil) -> ApiError:
    """The error for a request that brought no whole answer."""
    why = veil(str(error)) or type(error).__name__
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return Rejected(f"{what}: the address cannot be used ({why}); it begins with https://")
    if isinstance(error, NOTHING_SENT):
        trust = "CERTIFICATE_VERIFY_FAILED" in why
        todo = "set SSL_CERT_FILE if its authority is your own" if trust else "is it up?"
        return Unreachable(f"{what}: {host} cannot be reached ({why}); {todo}")
    return Unclear(f"{what}: no whole answer came from {host} ({why})")


def decoded(what: str, host: str, answer: Answer, veil: Veil) -> Any:
    """The JSON of a success, None when it is empty. The ApiError, as a value, for a body that is no JSON."""
    if not answer.body.strip():
        return None
    try:
        body = parsed(answer.body)
    except (ValueError, RecursionError) as error:
        if answer.is_html:
            return Unclear(f"{what}: {answer.status}, but {WRONG_ADDRESS.format(host=host)}")
        return Unclear(f"{what}: the answer is cut short or not JSON ({veil(str(error))})")
    if isinstance(body, Mapping) and _is_an_error(body):
        code, message = _envelope(body)
        words = ": ".join(word for word in (veil(code, CODE_CHARACTERS), veil(message)) if word)
        return Unclear(f"{what}: {answer.status}, but the answer is an error ({words})")
    return body


def _is_an_error(body: Mapping[str, Any]) -> bool:
    """Whether a body is one of the API's error envelopes. An object that names itself is none: a failed one has an
    `error` too."""
    if any((key == "id" or key.endswith("_id")) and key not in NOT_ITS_OWN_ID for key in body):
        return False
    return bool(any(map(body.get, ERROR_WORDS)) or (body.get("code") and body.get("message")))


def refused(call: Call, answer: Answer, veil: Veil, hints: Mapping[int, str], codes: ErrorCodes) -> ApiError:
    """The error that a status means, with what the API says about it. `hints`: what to do about a status."""
    status = answer.status
    raw_code, said, from_api = _said(answer)
    code = veil(raw_code, CODE_CHARACTERS)
    said = WRONG_ADDRESS.format(host=call.host) if answer.is_html else veil(said)
    words = ": ".join(word for word in (code, said) if word)
    text = f"{call.what}: {status}{' ' + words if words else ''}"
    if 300 <= status < 400:
        text += f"; {_redirect(answer, veil)} is not followed: give the API's own address"
    kind = _kind(status, raw_code, codes, from_api=from_api, again=call.again)
    if todo := _todo(call.template, kind, raw_code in codes.unreadable) or hints.get(status, ""):
        text += f"; {todo}"
    return kind(text, status=status, code=code, retry_after_s=retry_after_s(answer))


def _kind(status: int, code: str, codes: ErrorCodes, *, from_api: bool, again: bool) -> type[ApiError]:
    if status in (401, 403):
        return Unauthorised if status == 401 else Forbidden
    if status == 407:
        return Unreachable
    if status == 404 and code in codes.no_family:
        return FamilyForbidden
    if from_api and ((status == 404 and not code) or (status in (400, 404) and code in codes.gone)):
        return NotFound
    if 400 <= status < 500 and code in codes.taken:
        return Conflict
    if 400 <= status < 500 and code in codes.full:
        return AtLimit
    if status >= 500 or (status in MAY_HAVE_BEEN_DONE and not again):
        return Unclear
    return {409: Conflict, 429: RateLimited}.get(status, Rejected)


def _todo(path: str, kind: type[ApiError], unreadable: bool) -> str:
    """What an error means that does not say it itself, and what to do."""
    if kind is FamilyForbidden:
        return f"this key may not use {path}, which says nothing of what is there: use a key that may"
    if kind is Unreachable:
        return "the proxy wants other credentials: check the variable that names it"
    if kind is Forbidden and unreadable:
        return "it is another account's, or gone: is the key of the account that it was made in?"
    return ""


def _redirect(answer: Answer, veil: Veil) -> str:
    """Where it leads, without what may be secret in an address."""
    try:
        parts = urlsplit(answer.headers.get("location", ""))
    except ValueError:  # a bracket that is not closed
        return "the redirect"
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.scheme else parts.path
    return f"the redirect to {veil(where)}" if where else "the redirect"


def _said(answer: Answer) -> tuple[str, str, bool]:
    """(code, message, whether the API itself speaks) out of any of its envelopes: flat, nested, `error_code`, `detail`;
    an empty body is the API's too, any other text is not."""
    if not answer.body.strip():
        return "", "", True
    try:
        body = parsed(answer.body)
    except (ValueError, RecursionError):
        return "", answer.body[:LOOKED_AT].decode(errors="replace"), False
    return (*_envelope(body), True) if isinstance(body, Mapping) else ("", _words(body), False)


def _envelope(body: Mapping[str, Any]) -> tuple[str, str]:
    """(code, message); of another shape they are told by nothing."""
    inner = body.get("error")
    body = inner if isinstance(inner, Mapping) else body
    code = body.get("code", body.get("error_code"))
    message = body.get("message", body.get("detail", inner))
    return _word(code), _words(message)


def _word(value: Any) -> str:
    """A text or a number, as text."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _words(message: Any) -> str:
    """A message, or FastAPI's list of what is wrong where: `body.name: field required; …`."""
    if not isinstance(message, list):
        return _word(message)
    told = []
    for item in message:
        if isinstance(item, Mapping):
            loc = item.get("loc")
            place = ".".join(map(_word, loc)) if isinstance(loc, list) else _word(loc)
            told.append(": ".join(filter(None, (place, _word(item.get("msg"))))))
        else:
            told.append(_word(item))
    return "; ".join(filter(None, told))


def retry_after_s(answer: Answer) -> float | None:
    """`Retry-After` in seconds from now: it comes as a number or as a date, which is read by the server's clock. A 429
    may say it by when its limit opens again only."""
    value = answer.headers.get("retry-after", "")
    if not value and answer.status == 429:
        return left_s(answer)
    if (seconds := _seconds(value)) is not None:
        return seconds
    then = _epoch_s(value)
    return None if then is None else max(then - _server_s(answer), 0.0)


def _seconds(value: str) -> float | None:
    """A number of them; None for what is not one."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return min(max(seconds, 0.0), FOR_EVER_S) if not math.isnan(seconds) else None


def left_s(answer: Answer) -> float | None:
    """How long until requests like this one are allowed again, when the answer says that none is left."""
    if answer.headers.get("x-ratelimit-remaining") != "0":
        return None
    reset = _seconds(answer.headers.get("x-ratelimit-reset", ""))
    return None if reset is None else max(reset - _server_s(answer), 0.0)


def told_of_limit(answer: Answer) -> tuple[int, int, float, float] | None:
    """(most, left, seconds until it begins anew, that moment by the server's clock) of the limit that an answer names;
    None where it names none, or in words of its own."""
    most, left, reset = (_seconds(answer.headers.get(f"x-ratelimit-{word}", "")) for word in OF_A_LIMIT)
    if most is None or left is None or reset is None or not 1 <= most < FOR_EVER_S:
        return None
    return int(most), int(left), max(reset - _server_s(answer), 0.0), reset


def moment_in(answer: Answer, seconds: float) -> datetime:
    """The point in time so many seconds after an answer, by the server's clock."""
    return datetime.fromtimestamp(round(_server_s(answer) + seconds), UTC)


def _server_s(answer: Answer) -> float:
    now = _epoch_s(answer.headers.get("date", ""))
    return time.time() if now is None else now


def _epoch_s(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
