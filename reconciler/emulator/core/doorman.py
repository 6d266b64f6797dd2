"""Who may come in by a socket: programs on this machine and those that were meant, but no page in somebody's browser.

A page can send requests to 127.0.0.1, and with a host name of its own that points there it can read the answers. Such a
request names another host, or another origin, than the emulator's own.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send

__all__ = ["Doorman"]

LOCAL = frozenset({"localhost", "emulator"})
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Doorman:
    """An ASGI application before another: passes on what was addressed to `host`, to an address, or to a known name."""

    def __init__(self, app: App, host: str, names: Collection[str] = ()) -> None:
        self._app = app
        self._names = LOCAL | {name.lower() for name in (host, *names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, or answer 403."""
        if scope["type"] == "http" and (wrong := self._wrong(_texts(scope))):
            await _refuse(send, wrong)
        else:
            await self._app(scope, receive, send)

    def _wrong(self, headers: Mapping[str, str]) -> str:
        """What is wrong with where a request comes from; nothing, if it may come in."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            return f"The emulator is not {host[:80]!r}. If it should be called so: --allow-host NAME."
        origin = headers.get("origin")
        # A page of another origin may send simple requests without asking; no program sends this header at all.
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return f"The emulator takes no requests from pages of {origin[:80]!r}."
        return ""

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name.lower() in self._names or _is_address(name)


def _is_address(name: str) -> bool:
    """A number, not a name: nobody else can make it point here."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _texts(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _refuse(send: Send, message: str) -> None:
    body = json.dumps({"code": "host_not_allowed", "message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
