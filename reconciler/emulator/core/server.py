"""The emulator behind a socket: uvicorn, quiet, with connections that can be dropped."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.emulator.core.app import Emulator
from reconciler.emulator.core.doorman import Doorman

__all__ = ["ServedEmulator", "serve"]

GRACE_S = 1
"""How long what is under way may take when the server is to end."""


def serve(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    prefix: str = "",
    names: Collection[str] = (),
    on_listening: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until interrupted. Prints nothing of its own; `on_listening` gets the API's base when it can be called.

    `prefix` is where the API begins; an emulator of `core` knows its own.
    `names` are hosts by which it may be called, besides addresses, localhost and `host`.
    """
    # Ours, and not uvicorn's: who asks for port 0 is told which one it is before the first request.
    with socket.create_server((host, port)) as listening:
        base = app.vendor.api.prefix if isinstance(app, Emulator) else prefix
        on_listening(f"http://{host}:{listening.getsockname()[1]}{base}")
        uvicorn.Server(_config(app, host, port, names)).run(sockets=[listening])


class ServedEmulator:
    """A context in which the emulator is served from a thread; `url` is the API's base, on a free port by default."""

    def __init__(self, emulator: Emulator, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.emulator = emulator
        self._socket = socket.create_server((host, port))
        self.origin = f"http://{host}:{self._socket.getsockname()[1]}"
        self.url = f"{self.origin}{emulator.vendor.api.prefix}"
        self._server = _Prompt(_config(emulator, host, port))
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
        self._server.leave()
        self._thread.join()
        self._socket.close()


def _config(app: ASGIApp, host: str, port: int, names: Collection[str] = ()) -> uvicorn.Config:
    return uvicorn.Config(
        Doorman(app, host, names),
        host=host,
        port=port,
        http=_Droppable,
        # Nothing but HTTP is served: less to load, and nothing to hold open.
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,  # an idle connection that goes away by itself would look like a fault
        timeout_graceful_shutdown=GRACE_S,
    )


class _Prompt(uvicorn.Server):
    """Ends when it is told to. Uvicorn's own looks ten times a second, then waits: 0.2 s each of some hundred tests."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def leave(self) -> None:
        """From another thread: answer what is under way, and end."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        # In this order: who leaves sets `should_exit` before it looks for the loop, so one of us sees the other.
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), timeout=1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - has no event
                    await asyncio.sleep(0.001)
        for task in self.server_state.tasks:
            task.cancel()


class _Droppable(H11Protocol):
    """Gives the application what ASGI lacks: a way to hang up on the client of this very connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # asyncio does this only for sockets that name their protocol, which accepted ones do not. Without it a body
        # waits until the other side has confirmed the head, which it puts off by 40 ms: each answer took so long.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
