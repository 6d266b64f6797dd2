"""One emulator, two ways to reach it: every test that uses `api` runs in process and over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Protocol

import httpx
import pytest

from reconciler.emulator import Emulator, ServedEmulator, transport
from reconciler.emulator.twelvelabs import app

KEY = {"x-api-key": "anything"}
EVERY = dict.fromkeys(("pending", "validating", "queued"), 1)
"""So that reads see the statuses too that are passed over by default."""


class Api(Protocol):
    """A client of the emulator; the tests do not know which."""

    emulator: Emulator
    origin: str

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response: ...


class InProcess:
    """httpx through `transport`, on a loop of its own."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.origin = "http://emulator"
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            base_url=f"{self.origin}/v1.3", headers=KEY, transport=transport(emulator), timeout=5
        )

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **more))

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


class Served:
    """httpx over a socket."""

    def __init__(self, served: ServedEmulator) -> None:
        self.emulator = served.emulator
        self.origin = served.origin
        # A connection a request: what a drop leaves behind in the pool is not what is tested.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(base_url=served.url, headers=KEY, timeout=5, limits=limits, trust_env=False)

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._client.request(method, path, **more)

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A fresh one, where every status is left as soon as it has been seen once; chunks are a thousand bytes."""
    made = app(chunk_size=1000, initial_urls=2, reads=EVERY)
    yield made
    made.close()


@pytest.fixture(params=["in process", "served"])
def api(request: pytest.FixtureRequest, emulator: Emulator) -> Iterator[Api]:
    if request.param == "in process":
        client = InProcess(emulator)
        yield client
        client.close()
        return
    with ServedEmulator(emulator) as served:
        over_socket = Served(served)
        yield over_socket
        over_socket.close()


@pytest.fixture
def inside(emulator: Emulator) -> Iterator[Api]:
    """In process only, for what has nothing to do with how it is reached."""
    client = InProcess(emulator)
    yield client
    client.close()
