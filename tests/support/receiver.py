"""A loopback server that takes what is posted to it, as a chat's hook does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Receiver", "receiver"]


class Receiver:
    """What came, and what is answered."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        self.port = 0

    def url(self, path: str = "hook") -> str:
        """As Apprise writes the address of a hook that takes JSON."""
        return f"json://127.0.0.1:{self.port}/{path}"

    @property
    def titles(self) -> list[str]:
        """Of all messages, the first one first."""
        return [it["title"] for it in self.messages]

    def take(self) -> list[str]:
        """The titles of what came since this was asked last."""
        titles, self.messages = self.titles, []
        return titles


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Serve one while the block runs."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if made.status < 400:
                made.messages.append(said | {"path": self.path})
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
