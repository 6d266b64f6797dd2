"""The emulator itself: an ASGI application. What a request goes through, in order, is `_serve`."""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from reconciler.emulator import steering
from reconciler.emulator.call import Api, Call, Family, Reply, Route
from reconciler.emulator.clock import Clock, SystemClock
from reconciler.emulator.families import FAMILIES
from reconciler.emulator.faults import Faults, Rule, Verdict
from reconciler.emulator.journal import Journal
from reconciler.emulator.limits import Limiter
from reconciler.emulator.line import Line, encoded
from reconciler.emulator.options import Options, Speed
from reconciler.emulator.problems import Problem, envelope, invalid
from reconciler.emulator.routing import Match, Router
from reconciler.emulator.store import Store
from reconciler.emulator.walks import Walker

__all__ = ["Emulator"]

STEERING = "/_emulator"


class Emulator:
    """A fake of the vendor's API. Serve it with `serve`, or use it in process through `transport`."""

    def __init__(
        self,
        db: Path | None = None,
        *,
        key: str | None = None,
        speed: Speed = "instant",
        seed: int = 0,
        clock: Clock | None = None,
        options: Options | None = None,
        families: Sequence[Family] = FAMILIES,
        **settings: object,
    ) -> None:
        """State is in memory, or in the file `db`; `key` is the only one accepted (any, if None).

        `speed` is how statuses move: by being read, or by the clock. `settings` are fields of Options.
        """
        self.key = key
        self.families = tuple(families)
        tables = "".join(family.tables for family in self.families)
        self.store = Store(db, clock or (SystemClock() if speed == "real" else None), seed, tables)
        walks = {kind: walk for family in self.families for kind, walk in family.walks.items()}
        self.walker = Walker(walks, speed, (options or Options()).changed(settings))
        self.router = Router(self.families)
        self.faults = Faults()
        self.journal = Journal()
        # A clock of our own stands still between writes, and who was told to wait waits in real time.
        self.limiter = Limiter((clock or SystemClock()).now)
        self._lagging: dict[int, deque[Store]] = {}
        self._set_up()

    @property
    def options(self) -> Options:
        return self.walker.options

    @property
    def clock(self) -> Clock:
        assert self.store.clock is not None
        return self.store.clock

    # -- steering, from Python; the same over HTTP in `steering`

    def set_options(self, values: Mapping[str, object]) -> Options:
        self.walker.options = self.options.changed(values)
        return self.options

    def add_fault(self, rule: object) -> Rule:
        """A rule as `faults.KINDS` describes them, e.g. `{"fault": "drop_after", "method": "POST", "count": 1}`."""
        added = self.faults.add(rule)
        if added.fault == "lag":
            self._lagging[added.id] = deque([self.store.snapshot()], maxlen=added.reads)
        return added

    def clear_faults(self) -> None:
        self.faults.clear()
        for snapshots in self._lagging.values():
            for snapshot in snapshots:
                snapshot.close()
        self._lagging.clear()

    def reset(self) -> None:
        """As if just made: no objects, no faults, no log, ids from the start. Options and clock stay."""
        self.store.clear()
        self.clear_faults()
        self.journal.clear()
        self.limiter.clear()
        self._set_up()

    def close(self) -> None:
        self.clear_faults()
        self.store.close()

    def _set_up(self) -> None:
        with self.store.transaction():
            if not self.store.meta("set_up", 0):
                for family in self.families:
                    if family.set_up is not None:
                        family.set_up(self.store, self.options)
                self.store.remember(set_up=1, seed=self.store.seed)

    # -- ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            line = Line(scope, receive, send)
            request = Request(scope, receive)
            try:
                if scope["path"] == STEERING or scope["path"].startswith(f"{STEERING}/"):
                    reply = await steering.steer(self, scope["path"][len(STEERING) :], request)
                    body = encoded(reply)
                    await line.answer(reply, body, {"content-type": "application/json"})
                else:
                    await self._serve(request, line)
            except ClientDisconnect:
                return

    async def _serve(self, request: Request, line: Line) -> None:
        """Route, faults before, key, body, handler, faults after, log. The log entry is there before the answer is."""
        match = self.router.match(request.method, request.scope["path"])
        seen = await request.body() if self.faults.wants_body else b""
        verdict = self.faults.judge(request.method, match.local_path, request.query_params, seen)
        await line.wait(verdict.delay_s)
        recorded = _Recorded(request, match, verdict)
        if verdict.drop_before:
            self._log(recorded, None, b"")
            await line.hang_up()
            return
        if verdict.answer is not None:
            reply = _faulty(verdict.answer)
        else:
            reply = await self._reply(request, match, verdict, recorded)
        await self._send(line, reply, match, verdict, recorded)

    async def _send(self, line: Line, reply: Reply, match: Match, verdict: Verdict, recorded: _Recorded) -> None:
        if reply.chunks is not None:
            pieces = list(reply.chunks)
            reply, body = dataclasses.replace(reply, chunks=iter(pieces)), b"".join(pieces)
        else:
            body = encoded(reply)
        headers = {**(match.api.headers if match.api else {})}
        if body:
            headers["content-type"] = reply.media_type
        headers.update(reply.headers)
        if verdict.drop_after:
            self._log(recorded, None, body)
            await line.hang_up()
        elif verdict.cut is not None:
            self._log(recorded, reply.status, body)
            await line.answer_part(reply, body, headers, length=verdict.cut.sent)
        else:
            self._log(recorded, reply.status, body)
            await line.answer(reply, body, headers)

    async def _reply(self, request: Request, match: Match, verdict: Verdict, recorded: _Recorded) -> Reply:
        usual = match.route.errors if match.route else "flat"
        body: bytes | FormData = b""
        headers: dict[str, str] = {}
        try:
            self._check_key(match.api, request.headers)
            if match.route is None:
                assert match.problem is not None
                raise match.problem
            headers = self.limiter.take(match.route.bucket, self.options, match.route.limited)
            body = await _body(request, match.route)
            recorded.see(body, match.route)
            call = self._call(request, match, verdict, body)
            reply = self._handle(call, match.route, verdict.lag)
            return dataclasses.replace(reply, headers={**headers, **reply.headers})
        except Problem as problem:
            return Reply(problem.status, envelope(problem, usual), {**headers, **problem.headers})
        finally:
            if isinstance(body, FormData):
                await body.close()

    def _handle(self, call: Call, route: Route, lag: Rule | None) -> Reply:
        """The handler, as one transaction. A list that lags is read for real, and then shown as it was earlier."""
        with self.store.transaction():
            reply = route.handle(call)
            call.query.done()
        if lag is None or route.method != "GET":
            return reply
        snapshots = self._lagging[lag.id]
        stale = snapshots[0]
        snapshots.append(self.store.snapshot())
        with stale.transaction(keep=False):
            still = dataclasses.replace(self.walker, still=True)
            return route.handle(dataclasses.replace(call, store=stale, walker=still))

    def _call(self, request: Request, match: Match, verdict: Verdict, body: bytes | FormData) -> Call:
        return Call(
            store=self.store,
            walker=self.walker,
            options=self.options,
            path=match.params,
            params=request.query_params,
            headers=request.headers,
            body=body,
            base_url=f"{request.scope['scheme']}://{request.headers.get('host', 'emulator')}",
            tweaks=verdict.tweaks,
            fate=verdict.fate,
        )

    def _check_key(self, api: Api | None, headers: Headers) -> None:
        if api is None or api.key_header is None:
            return
        key = headers.get(api.key_header, "").strip()
        if not key or (self.key is not None and key != self.key):
            raise Problem(401, "api_key_invalid", "The API key is missing, or it is not valid.")

    def _log(self, recorded: _Recorded, status: int | None, body: bytes) -> None:
        self.journal.add(status=status, response_body=body, **recorded.as_entry())


class _Recorded:
    """What of a request goes to the log."""

    def __init__(self, request: Request, match: Match, verdict: Verdict) -> None:
        self._entry: dict[str, Any] = {
            "method": request.method,
            "path": request.scope["path"],
            "query": request.scope["query_string"].decode("latin-1"),
            "route": match.name(request.method),
            "faults": tuple(verdict.fired),
            "client": request.headers.get("user-agent", ""),
            "request_type": request.headers.get("content-type", "").split(";")[0],
        }

    def see(self, body: bytes | FormData, route: Route) -> None:
        """JSON as it came; of a form the texts, and of each file its name; of raw bytes nothing."""
        if isinstance(body, FormData):
            shown = [
                (name, {"filename": v.filename} if isinstance(v, UploadFile) else v) for name, v in body.multi_items()
            ]
            body = json.dumps(shown).encode()
        self._entry["request_body"] = b"" if route.body == "raw" else body

    def as_entry(self) -> dict[str, Any]:
        return self._entry


def _faulty(rule: Rule) -> Reply:
    headers = dict(rule.headers)
    if rule.fault == "rate_limit":
        if rule.retry_after is not None:
            headers["Retry-After"] = f"{rule.retry_after:g}"
        return Reply(429, rule.body or {"code": "too_many_requests", "message": "Too many requests."}, headers)
    body = rule.body
    if body is None and rule.status >= 400:
        body = {"code": "internal_error" if rule.status >= 500 else "fault", "message": "A fault was asked for."}
    if isinstance(body, str):
        return Reply(rule.status, body.encode(), headers, media_type="text/plain")
    return Reply(rule.status, body, headers)


async def _body(request: Request, route: Route) -> bytes | FormData:
    if route.body == "none":
        return b""
    if route.body != "form":
        return await request.body()
    try:
        return await request.form()
    except (MultiPartException, FormParserError, ValueError) as error:
        raise invalid(f"The form cannot be read: {str(error)[:120]}") from error


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
