"""A pottery over HTTP, and the provider for it: what is made in one request, in several, and by a task of the server.

A `Vase` comes out of a firing: its create answers with a task, and the vase has an id only when that has ended. A `Pot`
exists at once and is whole when all its coils have come. Both are what other APIs do with embeddings and with files.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any

from pydantic import Field as PydanticField

from reconciler.errors import NotFound
from reconciler.kind import CREATE_ONLY, FROM_KEY, STAMPED, Kind
from reconciler.kinds import Kinds
from reconciler.model import Live, Operation, Signature, Status
from reconciler.provider import (
    Access,
    Done,
    Driver,
    Exists,
    ExistsWhen,
    Failed,
    Hands,
    Keep,
    Lost,
    Progress,
    Provider,
    Running,
    Traits,
    Want,
)
from reconciler.provider.registry import BUILT_IN
from reconciler.rest import Collection

__all__ = ["KEY", "Kiln", "KilnServer", "installed"]

KEY = "key-of-the-kiln"


class Vase(Kind, section="vases", natural_key=("name",)):
    """Out of a firing."""

    name: Annotated[str, FROM_KEY] = ""
    """Painted on it."""
    glaze: Annotated[str, CREATE_ONLY] = "white"
    """Burnt in."""
    labels: Annotated[dict[str, str], STAMPED] = PydanticField(default_factory=dict)
    """Tied to it."""


class Pot(Kind, section="pots", natural_key=("name",)):
    """Coiled by hand."""

    name: Annotated[str, FROM_KEY] = ""
    """Scratched into it."""
    coils: Annotated[int, CREATE_ONLY] = 3
    """How many it is made of."""
    labels: Annotated[dict[str, str], STAMPED] = PydanticField(default_factory=dict)
    """Tied to it."""


class Vases(Collection):
    """A task makes one; tasks are listed together, with what they are to make."""

    kind = Vase
    path = "/vases"
    traits = Traits(exists=ExistsWhen.FINISHED, newest_first=False)

    async def start(self, want: Want, keep: Keep) -> Progress:
        answer = await self.http.request("POST", "/firings", json=self.body(want.fields, want.stamp))
        return Running({"firing": answer["id"]})

    async def look(self, operations: Sequence[Operation]) -> Mapping[str, Progress]:
        firings = {it["id"]: it for it in (await self.http.request("GET", "/firings"))["data"]}
        found: dict[str, Progress] = {}
        for operation in operations:
            if operation.handle is not None:
                firing = firings.get(operation.handle.get("firing"))
                found[operation.op] = self._said(firing) if firing else Lost("firings are known for a day")
            elif firing := next((it for it in firings.values() if self._is_of(operation.signature, it)), None):
                found[operation.op] = self._said(firing)
        return found

    def _is_of(self, signature: Any, firing: Mapping[str, Any]) -> bool:
        stamp, _ = self.marks.apart(firing["vase"]["labels"])
        return isinstance(signature, Signature) and stamp is not None and stamp == signature.stamp

    def _said(self, firing: Mapping[str, Any]) -> Progress:
        match firing["state"]:
            case "done":
                return Done(firing["vase_id"])
            case "cracked":
                return Failed("it cracked")
            case "early":
                return Failed("the kiln is cold", again_s=1)
            case _:
                return Running({"firing": firing["id"]}, f"a firing goes on: {firing['heat']} degrees")


class Pots(Collection):
    """Coil by coil."""

    kind = Pot
    path = "/pots"
    traits = Traits(newest_first=False)

    async def start(self, want: Want, keep: Keep) -> Progress:
        answer = await self.http.request("POST", self.path, json=self.body(want.fields, want.stamp))
        return Exists(self.id_of(answer), {"coils": want.fields.get("coils", 3)})

    async def finish(self, want: Want, operation: Operation, keep: Keep) -> Progress:
        handle = operation.handle or {}
        assert operation.id is not None
        for number in range(1, handle["coils"] + 1):
            if f"coil:{number}" in handle:
                continue
            try:
                await self.http.request("PUT", f"/pots/{operation.id}/coils/{number}", json={}, repeatable=True)
            except NotFound as error:
                return Lost(f"the clay is dry ({error})")
            await keep(Exists(operation.id, {f"coil:{number}": True}))
        return Done(operation.id)

    async def look(self, operations: Sequence[Operation]) -> Mapping[str, Progress]:
        found: dict[str, Progress] = {}
        for operation in operations:
            pot = await self.http.request("GET", f"/pots/{operation.id}")
            there = sum(name.startswith("coil:") for name in operation.handle or {})
            if pot["state"] == "dry":
                found[operation.op] = Lost("the clay is dry")
            elif pot["state"] == "wet":
                found[operation.op] = Exists(str(operation.id), operation.handle or {}, f"{there} coils are there")
            else:
                found[operation.op] = Done(str(operation.id))
        return found

    def is_partial(self, live: Live) -> bool:
        return live.status is Status.PENDING

    async def unfinished(self, lives: Sequence[Live]) -> frozenset[str]:
        return frozenset(live.id for live in lives)

    def status(self, raw: Mapping[str, Any], where: str = "") -> Status:
        return Status.READY if raw.get("state") == "whole" else Status.PENDING


class Kiln(Provider):
    """The provider."""

    name = "kiln"
    kinds = Kinds([Vase, Pot])
    access = Access("https://kiln.example", lambda key: {"x-key": key}, ("KILN_API_KEY",))

    def drivers(self, hands: Hands) -> Mapping[str, Driver]:
        return {"Vase": Vases(hands), "Pot": Pots(hands)}


@contextmanager
def installed() -> Iterator[None]:
    """While the block runs a stack may name it."""
    BUILT_IN["kiln"] = "tests.support.kiln:Kiln"
    try:
        yield
    finally:
        del BUILT_IN["kiln"]


class KilnServer(ThreadingHTTPServer):
    """The other side, on a socket. A firing ends when it was looked at `looks` times."""

    daemon_threads = True

    def __init__(self, looks: int = 3) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.looks = looks
        self.vases: dict[str, dict[str, Any]] = {}
        self.pots: dict[str, dict[str, Any]] = {}
        self.firings: dict[str, dict[str, Any]] = {}
        self.count: Counter[str] = Counter()
        """Requests so far, ids left out."""
        self.after: Callable[[str], str | None] = lambda what: None
        """Asked when a request was done: "drop" loses its answer."""
        self.mutex = threading.Lock()
        self._ids = iter(range(1, 1000))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[KilnServer]:
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()

    def new(self, letter: str) -> str:
        return f"{letter}{next(self._ids)}"

    def do(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """What becomes of a request."""
        match [method, *path.strip("/").split("/")]:
            case ["POST", "firings"]:
                id = self.new("f")
                self.firings[id] = {"id": id, "state": "hot", "heat": 0, "vase": body, "vase_id": None}
                return 202, {"id": id}
            case ["GET", "firings"]:
                for firing in self.firings.values():
                    self._burn(firing)
                return 200, {"data": list(self.firings.values())}
            case ["POST", "pots"]:
                id = self.new("p")
                self.pots[id] = {"id": id, "state": "wet", "there": [], **body}
                return 201, {"id": id}
            case ["PUT", "pots", id, "coils", number] if id in self.pots and self.pots[id]["state"] != "dry":
                pot = self.pots[id]
                pot["there"].append(int(number))
                pot["state"] = "whole" if len(set(pot["there"])) == pot.get("coils", 3) else "wet"
                return 200, {}
            case ["GET", "vases" | "pots" as kind]:
                return 200, {"data": list(self.all(kind).values())}
            case ["GET", "vases" | "pots" as kind, id] if id in self.all(kind):
                return 200, self.all(kind)[id]
            case ["DELETE", "vases" | "pots" as kind, id] if id in self.all(kind):
                del self.all(kind)[id]
                return 200, {}
            case ["PATCH", "vases" | "pots" as kind, id] if id in self.all(kind):
                self.all(kind)[id] |= body
                return 200, {}
        return 404, {"message": "there is none"}

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        return self.vases if kind == "vases" else self.pots

    def _burn(self, firing: dict[str, Any]) -> None:
        if firing["state"] != "hot":
            return
        firing["heat"] += 500
        if firing["heat"] >= 500 * self.looks:
            id = self.new("v")
            self.vases[id] = {"id": id, **firing["vase"]}
            firing |= {"state": "done", "vase_id": id}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: KilnServer

    def _handle(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        path = self.path.partition("?")[0]
        with self.server.mutex:
            status, answer = self.server.do(self.command, path, body)
            what = f"{self.command} {re.sub(r'/[a-z][0-9]+', '/ID', path)}"
            self.server.count[what] += 1
            told = self.server.after(what)
        if told == "drop":
            self.close_connection = True
            return
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""
