"""What holds for every test: nothing of the user's own is read or written."""

from __future__ import annotations

import os
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings

# Every exchange with an emulator is held against the vendor's contract.
from tests.contracts.watch import (  # noqa: F401
    contract_holds,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)
from tests.support.running import Bench
from tests.support.served import Place, place

# The same examples in each run, so that a red run is about the change; `HYPOTHESIS_PROFILE=explore` looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


# In the background (`make test &`, nohup) these are ignored, and whom a test starts would be deaf to them as well and
# never end. A handler is not inherited: whoever is started has them as usual.
for deaf in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(deaf) is signal.SIG_IGN:
        signal.signal(deaf, lambda *_: None)


@pytest.fixture(autouse=True, scope="session")
def _certificates_are_read_once() -> Iterator[None]:
    """To read them takes 25 ms, hundreds of clients are made, and none of them speaks TLS to anyone."""
    create = httpx.create_ssl_context
    shared = create(trust_env=False)

    def context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        own = (
            verify is not True
            or cert is not None
            or {"SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"} & set(os.environ)
        )
        return create(verify, cert, trust_env) if own else shared

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", context)
        yield


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of hashes for this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _files_are_at_rest_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test cannot wait until a file that it has just made is old enough for its hash to be remembered."""
    monkeypatch.setattr("reconciler.files.hashes.AT_REST_NS", -(10**10))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A directory, an account in process and a state, all empty."""
    return Bench(tmp_path)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    """A directory, and an empty account that is served to the command line."""
    with place(tmp_path) as made:
        yield made
