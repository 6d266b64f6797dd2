"""The provider of `examples/own-provider`, installed as its user would, and its account served over a socket."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from library_emulator import Object, Store, app

from tests.support.commandline import CHECKOUT

__all__ = ["TOKEN", "ServedLibrary", "installed", "served_library"]

TOKEN = "token-of-the-library"


def installed(target: Path) -> Path:
    """A directory with the package in it, entry point and all, as pip leaves it; to be put on the path."""
    command = ["install", "--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--target", str(target)]
    source = str(CHECKOUT / "examples" / "own-provider")
    subprocess.run([sys.executable, "-m", "pip", *command, source], check=True, capture_output=True)
    return target


@dataclass
class ServedLibrary:
    """A library that can be called at `url`."""

    url: str
    store: Store

    def names(self, kind: str) -> list[str]:
        """Names or titles of all objects of a kind, sorted."""
        found = (it for it in self.store.objects.values() if it["_kind"] == kind)
        return sorted(str(it.get("name", it.get("title"))) for it in found)

    def one(self, kind: str, name: str) -> Object:
        """The object of that name or title."""
        (found,) = (
            it
            for it in self.store.objects.values()
            if it["_kind"] == kind and name in (it.get("name"), it.get("title"))
        )
        return found


@contextlib.contextmanager
def served_library(db: Path | None = None) -> Iterator[ServedLibrary]:
    """While the block runs."""
    made = app(db)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(made, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield ServedLibrary(f"http://127.0.0.1:{listening.getsockname()[1]}/v2", made.state.store)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()
