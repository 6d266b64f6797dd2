"""The one transport: who we are, how long to wait, what may be repeated.

What is safe to repeat (reads, and writes that say a whole new value) is repeated with growing, jittered pauses. What is
not is sent once: when its answer does not say what became of it the error is `Unclear`, and the caller looks.
The key is in one header and in no message: every text that leaves this package passes a `Veil`, and the causes that
errors are chained to carry no request and no frames.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

import reconciler.http.library  # noqa: F401 - before httpx is imported
from reconciler.frozen import dataclass

# isort: split
import httpx

from reconciler.errors import ApiError, ErrorCodes, RateLimited, ReconcilerError, Unauthorised, Unclear, Unreachable
from reconciler.http.answers import Veil, broken_off, decoded, left_s, moment_in, refused, secrets_in, told_of_limit
from reconciler.http.body import Answer, TooMuch, taken_in
from reconciler.http.call import Call, bucket_of, parts_of, request_of
from reconciler.http.direct import SENDING, SENT
from reconciler.http.environment import ByEnvironment, proxy_secrets
from reconciler.http.pace import BucketOf, Clock, Pace, UsesOf
from reconciler.http.purse import Keeper, Lot, Purse
from reconciler.tariff import Limit
from reconciler.version import __version__
from reconciler.wire import ApiPath

__all__ = ["Clock", "Http", "SystemClock"]

LOG = logging.getLogger(__name__)
"""Each request at INFO, what it waited for at DEBUG: to nobody, unless somebody listens."""
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
WORTH_REPEATING = frozenset({408, 425, 429, 500, 502, 503, 504})
FIRST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_RETRY_AFTER_S = 0.5, 30.0, 120.0
TOLD_FROM_TRY = 3
"""So many tries have failed before somebody is told that more follow."""
PATIENT_S = 600.0
"""How long a request is repeated that is answered by nothing but 429: a burst of others' requests ends some time."""
CONNECT_S = 10.0
ANSWER_S = 120.0
"""From when a request has left until its answer is there, whole."""
SHORTEST_KEY = 8
"""What is shorter stands in ids and names by chance."""
OURS = {"User-Agent": f"reconciler/{__version__}", "Accept-Encoding": "gzip"}
WAITED_S = 0.001
PATHS_KEPT = 64
"""Of so many paths the addresses are kept: those of lists and creates, which are asked for again and again."""
KEPT_OPEN_S = 4.0
"""Less than servers commonly keep an idle connection: what is sent on one that they just close may have arrived."""


class SystemClock:
    """The machine's."""

    def now(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let others go on for so long."""
        await asyncio.sleep(seconds)


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

    codes = ErrorCodes()
    """The API's words for what decides something, as its provider says them."""

    bucket_of: BucketOf | None = None
    """What the API limits together, as its provider says it; None: requests of one method on one path."""

    uses_of: UsesOf | None = None
    """What a request uses up of limits that count something else than requests, as far as its provider knows it."""

    purse: Purse | None = None
    """What of the account's limits this process may use, where that is shared with others; None: each request leaves as
    soon as its pace allows."""

    window_s: float = 0.0
    """In windows of how many seconds the API counts requests, as its provider says it, where a refusal does not tell
    how long to wait; what it refuses it has not done. 0: nothing of the kind is known."""

    on_wait: Callable[[float, str], None] | None = None
    """Called with seconds and reason when requests will wait so long because the server asks for it."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock,
        timeout_s: float = 60.0,
        answer_s: float = ANSWER_S,
        connections: int = 12,
        attempts: int = 6,
        key_hint: str = "",
        chance: random.Random | None = None,
    ) -> None:
        self.sent = self.sent_writes = 0
        self._clock, self._attempts = clock, attempts
        self._hints = {401: key_hint or "check the API key"}
        self._keys = tuple(key for key in headers.values() if len(key) >= SHORTEST_KEY)
        self._veil = Veil((*headers.values(), *secrets_in(base_url), *proxy_secrets()))
        self._chance = chance or random.Random()  # noqa: S311 - jitter, no secret
        self._pace = Pace(clock, self._tell)
        self._slots = asyncio.Semaphore(connections)
        self._network = transport or ByEnvironment(KEPT_OPEN_S)
        self._transport, self._timeout_s, self._connections = transport, timeout_s, connections
        self._answer_s = answer_s
        self._other: Http | None = None
        self._asked_by: Http | None = None
        if not all(value.isascii() and value.isprintable() and value == value.strip() for value in headers.values()):
            odd = "the key holds a space, a line break or a letter that no header can carry"
            raise Unauthorised(f"{odd}; {key_hint or 'check the API key'}")
        self._client = self._open(base_url, {**OURS, **headers})
        self._timeouts = self._client.timeout.as_dict()
        self._host = self._client.base_url.netloc.decode()
        self._address_of = lru_cache(PATHS_KEPT)(lambda path: self._client.build_request("GET", path).url)

    def _open(self, base_url: str, headers: Mapping[str, str]) -> httpx.AsyncClient:
        try:
            return httpx.AsyncClient(
                base_url=base_url,
                headers=headers,
                transport=self._network,
                timeout=httpx.Timeout(self._timeout_s, connect=min(CONNECT_S, self._timeout_s), pool=None),
                trust_env=False,
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise Unreachable(f"the address of the API cannot be used: {self._veil(str(error))}") from None

    def holds_key(self, text: str) -> bool:
        """Whether what we prove ourselves with stands in a text that a server sent."""
        for key in self._keys:  # noqa: SIM110 - asked of each id that comes
            if key in text:
                return True
        return False

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
        if self.purse is not None:
            await self.purse.close()
        await self._client.aclose()

    def share(self, keeper: Keeper, stack: str, limits: Mapping[str, tuple[Limit, ...]]) -> None:
        """Send no more than the account's budget leaves to this stack, as the keeper says; `limits` are declared ones,
        by bucket."""
        note = partial(self._tell, 0.0)
        self.purse = Purse(keeper, self._clock, stack, limits=limits, tell=self._pace.tell, note=note)

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
                answer_s=self._answer_s,
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
        reads: bool = False,
        expect_json: bool = True,
    ) -> Any:
        """Send, and give the answer's JSON (None when it is empty; the `Answer` when `expect_json` is False).

        Raises the ApiError that fits. What is not `repeatable` (POST, unless said otherwise) is repeated only when
        nothing of it was sent; RateLimited then means that the caller decides, Unclear that it must look. A `query`
        value that is a list becomes a repeated key; `content` that is streamed must be iterable again. What `reads`
        changes nothing whatever its method is (APIs list by POST): it is repeatable, no write, and nobody is asked
        before it is sent.
        """
        url, template = urlsplit(path), urlsplit(ApiPath(path).template).path
        elsewhere = url.netloc.rpartition("@")[2]
        sent = _sent_in(json if form is None else form)
        bucket, named = bucket_of(method, elsewhere, template, sent, self.bucket_of)
        call = Call(
            method=method,
            path=path,
            parts=parts_of(query, json, form, files, content, headers),
            again=reads or (method in IDEMPOTENT if repeatable is None else repeatable),
            json_due=expect_json,
            what=f"{method} {url.path}",
            template=template,
            bucket=bucket,
            host=elsewhere or self._host,
            named=named,
            uses=self.uses_of(method, template, sent) if self.purse and self.uses_of else {},
            reads=reads,
        )
        attempt, since_s = 1, self._clock.now()
        while isinstance(outcome := await self._once(call), _Failed):
            patient = isinstance(outcome.error, RateLimited) and self._clock.now() - since_s < PATIENT_S
            if not outcome.again or (attempt >= self._attempts and not patient):
                raise _told(outcome.error, attempt) from outcome.cause
            await self._pause(call, outcome, attempt)
            attempt += 1
        return outcome

    async def _pause(self, call: Call, failed: _Failed, attempt: int) -> None:
        asked_s = failed.wait_s or 0.0
        longest = min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S)
        pause_s = max(asked_s, self._chance.uniform(0, longest))
        status = failed.error.status
        if asked_s:
            self._pace.tell(asked_s, f"the API asks for it ({status})" if status else "the API asks for it")
        elif attempt >= TOLD_FROM_TRY and not isinstance(failed.error, RateLimited):
            away = isinstance(failed.error, Unreachable)
            none = f"{call.host} cannot be reached" if away else f"no whole answer came from {call.host}"
            why = f"answered {status}" if status else none
            again = f"{call.what}: {why}; try {attempt + 1} of {self._attempts} follows"
            self._pace.tell(pause_s, again, least_s=1.0)
        await self._clock.sleep(pause_s)

    def _tell(self, seconds: float, why: str) -> None:
        if on_wait := (self._asked_by or self).on_wait:
            on_wait(seconds, why)

    async def _once(self, call: Call) -> Any:
        """One try. A failure is a value here: an error raised inside the handler of httpx's would hold on to that one,
        and so to the request with the key."""
        if (spent := self._pace.spent(call.bucket)) is not None:
            return _Failed(spent())
        answer, turn = await self._in_turn(call)
        if isinstance(answer, ReconcilerError):
            self._count(call, -1)
            raise answer
        if isinstance(answer, _Failed):
            return answer
        if self.purse is not None and (limit := told_of_limit(answer)) is not None:
            self.purse.learn(call.bucket, *limit)
        # Whole seconds of two clocks: up to two more than it is. Who counts knows when the window ends.
        if (left := left_s(answer)) is not None and left <= LONGEST_RETRY_AFTER_S and not self._asks_first(call):
            self._pace.hold(call.bucket, left)
        if answer.is_success:
            self._pace.faster(call.bucket)
            return self._taken(call, answer) if call.json_due else answer
        return self._refused(call, answer, turn)

    async def _in_turn(self, call: Call) -> tuple[Answer | _Failed | ReconcilerError, int]:
        """What became of a request that was sent when its account, its pace and a free connection allowed it."""
        lot, asked = None, self._clock.now()
        try:
            while True:
                lot = await self._of_budget(call, lot)
                turn = await self._pace.turn(call.bucket)  # without a slot: who waits keeps no other bucket waiting
                async with self._slots:
                    if (lot and lot.until <= self._clock.now()) or not self._pace.leaves(call.bucket, turn):
                        continue
                    if self._transport is not None and (before := self._before(call)):
                        await before()  # a transport of another make does not connect, and tells nothing
                    self._count(call, 1)
                    began = self._clock.now()
                    answer = await self._sent(call)
                _logged(call, answer, began - asked, self._clock.now() - began)
                return answer, turn
        finally:
            if lot is not None and self.purse is not None:
                self.purse.over(lot)

    def _asks_first(self, call: Call) -> bool:
        """Whether no more such requests leave before the budget's keeper has heard what the API says of its limit."""
        return self.purse is not None and self.purse.asks_first(call.bucket)

    async def _of_budget(self, call: Call, lot: Lot | None) -> Lot | None:
        """What allows a request: the lot it has, or another one when that came too late to be used."""
        if self.purse is None or (lot is not None and self._clock.now() < lot.until):
            return lot
        fresh = await self.purse.turn(call.bucket, look=call.named or call.writes, uses=call.uses)
        if lot is not None:
            self.purse.over(lot, sent=False)
        return fresh

    async def _sent(self, call: Call) -> Answer | _Failed | ReconcilerError:
        """The whole answer; what became of the request without one; or why it was not sent at all."""
        try:
            async with asyncio.timeout(None) as deadline:
                watch = {"trace": self._watch(self._before(call), deadline)}
                request = self._built(call, watch)
                # Not by the client's `send`: it looks for redirects, cookies and logins, of which an API has none.
                async with aclosing(await self._network.handle_async_request(request)) as response:
                    self._begin(deadline)
                    return await taken_in(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return self._broken_off(call, error)
        except TooMuch as error:
            told = f"{call.what}: the answer of {call.host} is longer than any that is wanted ({error})"
            return _Failed(Unclear(told))
        except TimeoutError:
            if not deadline.expired():
                raise
            slow = httpx.ReadTimeout(f"it takes longer than {self._answer_s:g} s")
            return self._broken_off(call, slow)
        except ReconcilerError as error:  # `before_write` says no, or the environment; the frames hold the key
            return error.with_traceback(None)

    def _built(self, call: Call, watch: Mapping[str, Any]) -> httpx.Request:
        """As the client builds it; but an address is put together once a path, which takes longer than all the rest."""
        extensions = {"timeout": self._timeouts, **watch}
        return request_of(call, self._address_of(call.path), self._client.headers, extensions)

    def _before(self, call: Call) -> Callable[[], Awaitable[None]] | None:
        """What is to be awaited before the request is sent."""
        return (self._asked_by or self).before_write if call.writes else None

    def _begin(self, deadline: asyncio.Timeout) -> None:
        if deadline.when() is None:
            deadline.reschedule(asyncio.get_running_loop().time() + self._answer_s)

    def _watch(
        self, before: Callable[[], Awaitable[None]] | None, deadline: asyncio.Timeout
    ) -> Callable[[str, Any], Awaitable[None]]:
        """What httpx's transport tells about one request. `before` is awaited after connecting, which takes longest,
        and in which a process may be stopped for hours. The time for the answer begins when all has been sent."""

        async def told(event: str, _: Any) -> None:
            if event == SENDING:
                deadline.reschedule(None)  # what was sent before this was a question to a proxy
                if before is not None:
                    await before()
            elif event == SENT:
                self._begin(deadline)

        return told

    def _broken_off(self, call: Call, error: Exception) -> _Failed:
        veil = self._veil.and_also(secrets_in(*call.veiled))
        told = broken_off(call.what, call.host, error, veil)
        again = call.again if isinstance(told, Unclear) else isinstance(told, Unreachable)
        return _Failed(told, veil.bare(error), again and "CERTIFICATE_VERIFY_FAILED" not in str(told))

    def _taken(self, call: Call, answer: Answer) -> Any:
        body = decoded(call.what, call.host, answer, self._veil)
        return _Failed(body, again=call.again and not answer.is_html) if isinstance(body, ApiError) else body

    def _refused(self, call: Call, answer: Answer, turn: int) -> _Failed:
        veil = self._veil.and_also(secrets_in(*call.veiled))
        error = refused(call, answer, veil, self._hints, self.codes)
        limited = isinstance(error, RateLimited)
        asked_s = error.retry_after_s or (self.window_s if limited else 0.0)
        too_long = asked_s > LONGEST_RETRY_AFTER_S and error.status in WORTH_REPEATING
        if too_long:
            error = self._much_later(call, error, answer, asked_s)
        elif limited:
            self._pace.slower(call.bucket, turn, asked_s)
        again = (call.again and error.status in WORTH_REPEATING) or (limited and self.window_s > 0)
        return _Failed(error, again=again and not too_long, wait_s=asked_s)

    def _much_later(self, call: Call, error: ApiError, answer: Answer, asked_s: float) -> ApiError:
        """The error of an answer that asks for a wait that nobody waits for: when to come back."""
        when = moment_in(answer, asked_s)
        text = f"{error}; it takes no such requests before {when:%Y-%m-%d %H:%M:%S} UTC: run again then"
        if not isinstance(error, RateLimited):
            return type(error)(text, status=error.status, code=error.code)
        spent = partial(RateLimited, text, status=error.status, code=error.code, resumes=when)
        self._pace.spend(call.bucket, asked_s, spent)
        return spent()

    def _count(self, call: Call, by: int) -> None:
        self.sent += by
        self.sent_writes += by * call.writes
        if self._asked_by is not None:
            self._asked_by._count(call, by)


def _logged(call: Call, answer: Answer | _Failed | ReconcilerError, waited_s: float, took_s: float) -> None:
    """One try: what was asked, what came, how long it took, and whether it had to wait for its turn."""
    if not LOG.isEnabledFor(logging.INFO):
        return
    came = answer.status if isinstance(answer, Answer) else type(getattr(answer, "error", answer)).__name__
    LOG.info("%s %s %s in %d ms", call.host, call.what, came, took_s * 1000)
    if waited_s >= WAITED_S:
        LOG.debug("%s waited %d ms for its turn in %s", call.what, waited_s * 1000, call.bucket)


def _sent_in(body: Any) -> Mapping[str, Any]:
    return body if isinstance(body, Mapping) else {}


def _told(error: ApiError, attempts: int) -> ApiError:
    """The error with what to know about the tries."""
    if attempts > 1:
        error.args = (f"{error} (tried {attempts} times)",)
    return error
