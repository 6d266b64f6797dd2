"""The emulator itself: an ASGI application. What a request goes through, in order, is `_serve`."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from reconciler.emulator.core import steering
from reconciler.emulator.core.clock import MachineClock, SettableClock
from reconciler.emulator.core.endpoints import Arrival, Reply, Route
from reconciler.emulator.core.faults import Decision, Faults, Rule
from reconciler.emulator.core.line import Line, encoded
from reconciler.emulator.core.options import Speed
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.core.request_log import RequestLog
from reconciler.emulator.core.routing import RouteMatch, Router
from reconciler.emulator.core.store import AccountStore
from reconciler.emulator.core.vendor import Vendor
from reconciler.emulator.core.walks import Walker

__all__ = ["Emulator"]

STEERING = "/_emulator"
MAIN = ""
"""The account that there always is."""
ACCOUNT = re.compile(r"[a-z0-9-]{1,40}")
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded", "")


class Emulator:
    """A fake of a vendor's API. Serve it with `serve`, or use it in process through `transport`."""

    def __init__(
        self,
        vendor: Vendor,
        db: Path | None = None,
        *,
        key: str | None = None,
        keys: Mapping[str, str] | None = None,
        speed: Speed = "instant",
        seed: int = 0,
        clock: SettableClock | None = None,
        **settings: object,
    ) -> None:
        """State is in memory, or in the file `db`; `key` is the only one accepted (any, if None).

        `keys` are more, each with the name of the account that it opens: every account has objects of its own, and a
        file of its own beside `db`. `speed` is how statuses move: by being read, or by the clock. `settings` are
        fields of the vendor's options.
        """
        self.vendor = vendor
        self.key = key
        self.keys = dict(keys or {})
        self.families = vendor.families
        tables = "".join(family.tables for family in self.families)
        self.store = AccountStore(db, clock or (MachineClock() if speed == "real" else None), seed, tables)
        self.stores = {MAIN: self.store}
        for account in sorted(set(self.keys.values()) - {MAIN}):
            self.stores[account] = AccountStore(_file_of(db, account), self.clock, seed, tables, account)
        walks = {kind: walk for family in self.families for kind, walk in family.walks.items()}
        self.walker = Walker(walks, speed, vendor.options.changed(settings))
        self.router = Router(self.families, vendor.api)
        self.faults = Faults()
        self.journal = RequestLog()
        # A clock of our own stands still between writes, and who was told to wait waits in real time.
        self.limiter = vendor.limiter((clock or MachineClock()).now)
        self._lagging: dict[tuple[int, str], deque[AccountStore]] = {}
        self._set_up()

    @property
    def options(self) -> Any:
        """Of the vendor's own class."""
        return self.walker.options

    @property
    def clock(self) -> SettableClock:
        """The main account's: the others are put on the same."""
        assert self.store.clock is not None
        return self.store.clock

    # -- steering, from Python; the same over HTTP in `steering`

    def set_options(self, values: Mapping[str, object]) -> Any:
        """Lay values over the options, at any time; raises ValueError with all that is wrong."""
        self.walker.options = self.options.changed(values)
        return self.options

    def add_fault(self, rule: object) -> Rule:
        """A rule as `faults.KINDS` describes them, e.g. `{"fault": "drop_after", "method": "POST", "count": 1}`."""
        added = self.faults.add(rule)
        if added.fault == "lag":
            for account, store in self.stores.items():
                self._lagging[added.id, account] = deque([store.snapshot()], maxlen=added.reads)
        return added

    def clear_faults(self) -> None:
        """Forget all rules, and the earlier states that lagging ones kept."""
        self.faults.clear()
        for snapshots in self._lagging.values():
            for snapshot in snapshots:
                snapshot.close()
        self._lagging.clear()

    def reset(self) -> None:
        """As if just made: no objects, no faults, no log, ids from the start. Options and clock stay."""
        for store in self.stores.values():
            store.clear()
        self.clear_faults()
        self.journal.clear()
        self.limiter.clear()
        self._set_up()

    def close(self) -> None:
        """Let go of the databases; nothing is answered after this."""
        self.clear_faults()
        for store in self.stores.values():
            store.close()

    def _set_up(self) -> None:
        for store in self.stores.values():
            with store.transaction():
                if not store.meta("set_up", 0):
                    for family in self.families:
                        if family.set_up is not None:
                            family.set_up(store, self.options)
                    store.remember(set_up=1, seed=store.seed)

    # -- ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Steering by its own path, everything else by the vendor's families."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            line = Line(scope, receive, send)
            request = Request(scope, receive)
            try:
                if scope["path"] == STEERING or scope["path"].startswith(f"{STEERING}/"):
                    reply = await steering.steer(self, scope["path"][len(STEERING) :], request)
                    body = encoded(reply, whole_numbers=True)
                    await line.answer(reply, body, {"content-type": "application/json"})
                else:
                    await self._serve(request, line)
            except ClientDisconnect:
                return

    async def _serve(self, request: Request, line: Line) -> None:
        """Route, faults before, key, body, handler, faults after, log. The log entry is there before the answer is."""
        match = self.router.match(request.method, request.scope["path"])
        # A body is read before the rules only if one of them looks into it: else a large file would be held in
        # memory.
        seen = await request.body() if self.faults.wants_body else b""
        verdict = self.faults.judge(request.method, match.local_path, request.query_params, seen)
        # Before the key and before the handler: a client that gives up here may still have its write done, as in
        # life.
        await line.wait(verdict.delay_s)
        recorded = _Recorded(request, match, verdict)
        if verdict.drop_before:
            self._log(recorded, None, b"")
            await line.hang_up()
            return
        if verdict.answer is not None:
            reply = self._faulty(verdict.answer)
        else:
            reply = await self._reply(request, match, verdict, recorded)
        await self._send(line, reply, match, verdict, recorded)

    async def _send(self, line: Line, reply: Reply, match: RouteMatch, verdict: Decision, recorded: _Recorded) -> None:
        if reply.chunks is not None:
            # Read whole before anything goes out: the log has the body before the client has the answer.
            pieces = list(reply.chunks)
            reply, body = dataclasses.replace(reply, chunks=iter(pieces)), b"".join(pieces)
        else:
            body = encoded(reply, whole_numbers=self.vendor.whole_numbers)
        headers = {**match.api.headers, "x-trace-id": f"{self.journal.total + 1:032x}"} if match.api else {}
        if body:
            headers["content-type"] = reply.media_type
        headers.update(reply.headers)
        if verdict.drop_after:
            # What was done stays done: only the answer is lost, which is what a client must survive.
            self._log(recorded, None, body)
            await line.hang_up()
        elif verdict.cut is not None:
            self._log(recorded, reply.status, body)
            await line.answer_part(reply, body, headers, length=verdict.cut.sent)
        else:
            self._log(recorded, reply.status, body)
            await line.answer(reply, body, headers)

    async def _reply(self, request: Request, match: RouteMatch, verdict: Decision, recorded: _Recorded) -> Reply:
        usual = match.route.errors if match.route else ""
        body: bytes | FormData = b""
        headers: dict[str, str] = {}
        try:
            account = self._account(request.headers, match)
            if match.route is None:
                raise self._nowhere(request.method, match)
            # Before the body is read: who is over the limit is refused whatever was sent.
            headers = self.limiter.take(account, match.route.bucket, self.options, match.route.limited)
            body = await self._body(request, match.route)
            recorded.see(body, match.route)
            call = self._call(request, match, verdict, body, account)
            reply = self._handle(call, match.route, verdict.lag, account)
            return dataclasses.replace(reply, headers={**headers, **reply.headers})
        except ApiProblem as problem:
            return Reply(problem.status, self.vendor.envelope(problem, usual), {**headers, **problem.headers})
        finally:
            if isinstance(body, FormData):
                await body.close()

    def _handle(self, call: Arrival, route: Route, lag: Rule | None, account: str) -> Reply:
        """The handler, as one transaction. A list that lags is read for real, and then shown as it was earlier."""
        with call.store.transaction():
            reply = route.handle(call)
            call.finished()
        if lag is None or not (route.reads or route.method == "GET"):
            return reply
        snapshots = self._lagging[lag.id, account]
        stale = snapshots[0]
        snapshots.append(call.store.snapshot())
        with stale.transaction(keep=False):
            # The earlier state is shown as it was: a look at it moves nothing, and leaves nothing behind
            # (keep=False).
            still = dataclasses.replace(self.walker, still=True)
            return route.handle(dataclasses.replace(call, store=stale, walker=still))

    def _call(
        self, request: Request, match: RouteMatch, verdict: Decision, body: bytes | FormData, account: str
    ) -> Arrival:
        others = [store for name, store in self.stores.items() if name != account]
        options = self.options

        def spend(family: str, unit: str, amount: float) -> None:
            self.limiter.spend(account, family, unit, amount, options)

        return self.vendor.arrival(
            store=self.stores[account],
            walker=self.walker,
            options=options,
            path=match.params,
            params=request.query_params,
            headers=request.headers,
            body=body,
            base_url=f"{request.scope['scheme']}://{request.headers.get('host', 'emulator')}",
            tweaks=verdict.tweaks,
            fate=verdict.fate,
            elsewhere=lambda object_id: any(store.has(object_id) for store in others),
            spend=spend,
        )

    @property
    def has_keys(self) -> bool:
        """Whether only certain keys are accepted."""
        return self.key is not None or bool(self.keys)

    def opened_by(self, key: str) -> str | None:
        """The account that a key opens; any key opens the only one, as long as none was given."""
        if not key:
            return None
        if not self.has_keys:
            return MAIN
        known = {**self.keys, **({self.key: MAIN} if self.key is not None else {})}
        # All keys are compared, in the same time: how long it takes says nothing of where a guess was wrong.
        found = [account for each, account in known.items() if secrets.compare_digest(each.encode(), key.encode())]
        return found[0] if found else None

    def _account(self, headers: Headers, match: RouteMatch) -> str:
        """Whose request it is. Raises the 401, and the 404 for what the key, or the vintage, does not have."""
        api, family = match.api, match.family
        if api is None:
            return MAIN
        if api.key_header is None:
            # A presigned address opens what it names, whoever sends it.
            named = match.params.values()
            return next((name for name, store in self.stores.items() if any(map(store.has, named))), MAIN)
        key = api.key_in(headers)
        account = self.opened_by(key)
        if account is None:
            raise self.vendor.unserved("bad key", "")
        denied = {*self.options.denied.get("*", ()), *self.options.denied.get(key, ())}
        # As the service was seen to answer for keys that are not authorised: the family is not there for them.
        if family is not None and (family.name in denied or not self.options.since(family.since)):
            raise self.vendor.unserved("no endpoint", "")
        return account

    def _nowhere(self, method: str, match: RouteMatch) -> ApiProblem:
        if not match.allowed:
            return self.vendor.unserved("no endpoint", "")
        problem = self.vendor.unserved("wrong method", method)
        problem.headers["Allow"] = ", ".join(match.allowed)
        return problem

    async def _body(self, request: Request, route: Route) -> bytes | FormData:
        if route.body == "none":
            return b""
        if route.body != "form":
            return await request.body()
        sent = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if sent not in FORMS:
            raise self.vendor.unserved("wrong type", sent[:80])
        try:
            return await request.form()
        except (MultiPartException, FormParserError, ValueError) as error:
            raise self.vendor.unserved("broken form", str(error)[:120]) from error

    def _faulty(self, rule: Rule) -> Reply:
        headers = dict(rule.headers)
        if rule.fault == "rate_limit" and rule.retry_after is not None:
            headers["Retry-After"] = f"{rule.retry_after:g}"
        status = 429 if rule.fault == "rate_limit" else rule.status
        body = rule.body
        if rule.fault == "rate_limit":
            body = body or self._says(ApiProblem(429, "too_many_requests", "Too many requests."))
        elif body is None and status >= 400:
            code = "internal_error" if status >= 500 else "fault"
            body = self._says(ApiProblem(status, code, "A fault was asked for."))
        elif isinstance(body, str):
            return Reply(status, body.encode(), headers, media_type="text/plain")
        return Reply(status, body, headers)

    def _says(self, problem: ApiProblem) -> object:
        return self.vendor.envelope(problem, "")

    def _log(self, recorded: _Recorded, status: int | None, body: bytes) -> None:
        self.journal.add(status=status, response_body=body, **recorded.as_entry())


class _Recorded:
    """What of a request goes to the log."""

    def __init__(self, request: Request, match: RouteMatch, verdict: Decision) -> None:
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


def _file_of(db: Path | None, account: str) -> Path | None:
    """The file of another account, beside the main one."""
    if not ACCOUNT.fullmatch(account):
        raise ValueError(f"{account!r} is not a valid name of an account: lower-case letters, digits and - only")
    return None if db is None else db.with_name(f"{db.stem}.{account}{db.suffix}")


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
