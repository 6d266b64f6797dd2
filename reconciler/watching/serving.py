"""/healthz and /metrics of a watch, for what runs on the same machine: read only, one page each, no framework."""

from __future__ import annotations

import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from reconciler.errors import ReconcilerError, Refused
from reconciler.frozen import dataclass

__all__ = ["Board", "address_of", "served"]

LATE_S = 120.0
"""So much later than due a look may begin: a machine that is loaded is not one that hangs."""
SILENCE_S = 10.0
"""So long a caller may say nothing."""


@dataclass
class Board:
    """What is served: written by the watch, one value at a time, and read by whoever asks."""

    metrics: str = ""
    looked_at: str = ""
    """When the last look ended; '' before the first."""
    well: bool = True
    failures: int = 0
    due: float | None = None
    """When the next look is to begin, by `now`; None while one goes on."""

    def health(self, now: float) -> tuple[int, dict[str, Any]]:
        """Status and answer: 503 when a look is due that does not begin. That looks fail is no reason to end this
        process, so it is said and is 200."""
        late = self.due is not None and now > self.due + LATE_S
        said = {"status": "late" if late else "ok", "last_look": self.looked_at or None, "well": self.well}
        return (503 if late else 200), {**said, "failures_in_a_row": self.failures}


def address_of(listen: str, *, anywhere: bool = False) -> tuple[str, int]:
    """Host and port of HOST:PORT. ReconcilerError when it is none, Refused for one that other machines reach."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        number = int(port)
    except ValueError:
        number = -1
    if not host or not 0 <= number < 1 << 16:
        raise ReconcilerError(f"--listen {listen!r}: write it as 127.0.0.1:PORT, with a port up to 65535")
    if not (anywhere or _is_loopback(host)):
        why = "other machines reach it, and nobody is asked who they are"
        raise Refused([f"--listen {listen}: {why}; listen on 127.0.0.1, or agree with --listen-anywhere"])
    return host, number


@contextmanager
def served(address: tuple[str, int], board: Board, now: Callable[[], float]) -> Iterator[str]:
    """Serve while the block runs; gives the address."""
    try:
        server = _server(address, board, now)
    except OSError as error:
        raise ReconcilerError(f"--listen {address[0]}:{address[1]}: {error.strerror or error}") from error
    thread = threading.Thread(target=server.serve_forever, name="watch", daemon=True, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _is_meant(host: str, listening: str) -> bool:
    """Whether the caller knows whom it asks: a page in a browser that has a name led to this machine does not."""
    if not _is_loopback(listening):
        return True
    name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return _is_loopback(name)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _server(address: tuple[str, int], board: Board, now: Callable[[], float]) -> ThreadingTCPServer:
    class BoardPage(BaseHTTPRequestHandler):
        timeout = SILENCE_S
        server_version, sys_version = "reconciler", ""

        def do_GET(self) -> None:
            if not _is_meant(self.headers.get("Host", ""), address[0]):
                self._answer(421, "text/plain; charset=utf-8", "Ask by the address that this listens on.\n")
                return
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._answer(200, "text/plain; version=0.0.4; charset=utf-8", board.metrics)
                case "/healthz":
                    status, said = board.health(now())
                    self._answer(status, "application/json", json.dumps(said) + "\n")
                case _:
                    self._answer(404, "text/plain; charset=utf-8", "There are /healthz and /metrics.\n")

        do_HEAD = do_GET

        def _answer(self, status: int, sort: str, text: str) -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", sort)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Who asks is nobody's business."""

    class BoardServer(ThreadingTCPServer):
        address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        allow_reuse_address = daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: Any) -> None:
            """A caller that goes away in the middle."""

    return BoardServer(address, BoardPage)
