"""An account of a provider on which a test works, and a line to it that can be made to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from reconciler.http import Http
from reconciler.model import Live, Operation, Signature, Stamp, Status
from reconciler.provider import Done, Driver, Drivers, Progress, Running, Want
from tests.conformance.subjects import Ids, Subject
from tests.support.running import NoTime, drivers_of

__all__ = ["Account", "Line", "kept", "on", "signed"]

T = TypeVar("T")
CONTENT = "5f" * 32
LOOKS = 60
"""How often an object is looked at until it is ready."""


class Line(httpx.AsyncBaseTransport):
    """Passes requests on; `instead` answers some of them, `lost` loses the answer to some after they have arrived."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.sent: list[httpx.Request] = []
        self.instead: Callable[[httpx.Request], httpx.Response | None] = lambda request: None
        self.lost: Callable[[httpx.Request], bool] = lambda request: False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if (answer := self.instead(request)) is not None:
            answer.request = request
            return answer
        answer = await self.inner.handle_async_request(request)
        await answer.aread()
        if self.lost(request):
            raise httpx.ReadError("the line is dead", request=request)
        return answer


async def kept(progress: Progress) -> None:
    """Nothing of what is made here has to be kept."""


@dataclass
class Account:
    """Objects are made as apply makes them, with what they live in and refer to, each of these once."""

    subject: Subject
    drivers: Drivers
    line: Line
    made: dict[tuple[str, int], str] = field(default_factory=dict)

    def __getitem__(self, kind: str) -> Driver:
        return self.drivers[kind]

    async def want(self, kind: str, n: int = 0, *, stamped: bool = True) -> Want:
        """The n-th object of a kind, with what it needs made before."""
        of = self.drivers.kinds[kind]
        ids: Ids = {ref.ref or "": await self._used(ref.ref or "", kind, n) for ref in of.refs()}
        parent_id = await self._used(of.parent.__name__, kind, 0) if of.parent else None
        marked = of.field_with(lambda spec: spec.stamped)
        content = CONTENT if of.identity_name else None
        stamp = Stamp("conformance", f"{of.section}/n{n}", content, "0123456789abcdef") if stamped and marked else None
        return Want(f"{of.section}/n{n}", self.subject.fields[kind](n, ids), parent_id, stamp)

    async def _used(self, kind: str, by: str, n: int) -> str:
        """The id of an object that another lives in or refers to. What is shown by pictures is asked for below zero."""
        of = self.drivers.kinds[kind]
        unique = bool(self.drivers.kinds[by].unique)
        number = (n if unique else 0) if of.parent is None and not self._is_picture(by) else -1
        if (kind, number) not in self.made:
            fields = self.subject.used.get(kind, self.subject.fields[kind])
            want = Want("", fields(number, {}), None, None)
            self.made[kind, number] = await self.start(kind, want)
        return self.made[kind, number]

    def _is_picture(self, by: str) -> bool:
        return any(spec.cut for spec in self.drivers.kinds[by].refs())

    async def start(self, kind: str, want: Want, *, ready: bool = True) -> str:
        """Make it; its id when it is ready."""
        progress = await self[kind].start(want, kept)
        for _ in range(LOOKS):
            if not isinstance(progress, Running):
                break
            progress = await self._looked(kind, want, progress)
        assert isinstance(progress, Done), progress
        if ready and self.drivers.kinds[kind].asynchronous:
            await self.ready(kind, progress.id, want.parent_id)
        return progress.id

    async def _looked(self, kind: str, want: Want, running: Running) -> Progress:
        """What a look says of what a task of the server makes: as an operation of which the handle was kept."""
        sought = signed(self[kind], want)
        operation = Operation("op", "run", want.address, kind, "create", sought, handle=running.handle)
        return (await self[kind].look([operation]))["op"]

    async def make(self, kind: str, n: int = 0, *, stamped: bool = True) -> tuple[Want, str]:
        """What was wanted, and the id of what was made."""
        want = await self.want(kind, n, stamped=stamped)
        return want, await self.start(kind, want)

    async def ready(self, kind: str, id: str, parent_id: str | None) -> Live:
        """Look until it is ready."""
        for _ in range(LOOKS):
            found = await self[kind].poll([id], parent_id)
            if id in found and found[id].status is not Status.PENDING:
                assert found[id].status is Status.READY
                return found[id]
        raise AssertionError(f"{kind} {id} does not become ready")

    async def read(self, kind: str, id: str, parent_id: str | None) -> Live:
        """It is there."""
        live = await self[kind].read(id, parent_id)
        assert live is not None
        return live

    def pages_of(self, kind: str, size: int) -> None:
        """Ask for no more than so many objects a page."""
        self[kind].traits = replace(self[kind].traits, page_size=size)


def signed(driver: Driver, want: Want) -> Signature:
    """How what is wanted is told from all else, in an account that had nothing like it."""
    return driver.signature(want)


def on(subject: Subject, call: Callable[[Account], Awaitable[T]]) -> T:
    """What a call comes to on a fresh account."""

    async def go() -> T:
        line = Line(subject.account())
        base_url = "http://account" + urlsplit(subject.provider.access.base_url).path
        headers = subject.provider.access.headers("conformance-key")
        async with Http(base_url, headers=headers, transport=line, clock=NoTime()) as http:
            return await call(Account(subject, drivers_of(subject.provider, http), line))

    return asyncio.run(go())
