"""The emulator behind a socket: uvicorn, quiet, with connections that can be dropped."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.emulator.core.app import Emulator
from reconciler.emulator.core.doorman import Doorman

__all__ = ["ServedEmulator", "serve"]


def serve(
    emulator: Emulator,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    names: Collection[str] = (),
    on_listening: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until interrupted. Prints nothing of its own; `on_listening` gets the API's base when it can be called.

    `names` are hosts by which it may be called, besides addresses, localhost and `host`.
    """
    with socket.create_server((host, port)) as listening:
        on_listening(f"http://{host}:{listening.getsockname()[1]}{emulator.vendor.api.prefix}")
        uvicorn.Server(_config(emulator, host, port, names)).run(sockets=[listening])


class ServedEmulator:
    """A context in which the emulator is served from a thread; `url` is the API's base, on a free port by default."""

    def __init__(self, emulator: Emulator, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.emulator = emulator
        self._socket = socket.create_server((host, port))
        self.origin = f"http://{host}:{self._socket.getsockname()[1]}"
        self.url = f"{self.origin}{emulator.vendor.api.prefix}"
        self._server = uvicorn.Server(_config(emulator, host, port))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def __enter__(self) -> Self:
        # The socket listens already: what connects before the thread is up waits in its backlog.
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def _config(emulator: Emulator, host: str, port: int, names: Collection[str] = ()) -> uvicorn.Config:
    return uvicorn.Config(
        Doorman(emulator, host, names),
        host=host,
        port=port,
        http=_Droppable,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,  # an idle connection that goes away by itself would look like a fault
        timeout_graceful_shutdown=1,
    )


class _Droppable(H11Protocol):
    """Gives the application what ASGI lacks: a way to hang up on the client of this very connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        app: Any = self.app

        def hang_up(flush: bool) -> None:
            # Closing lets what was written go out first; aborting does not.
            if flush:
                transport.close()
            else:
                transport.abort()

        async def droppable(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "emulator.hang_up": hang_up}, receive, send)

        self.app = droppable
