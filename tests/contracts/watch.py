"""Every exchange of every emulator in this process is held against the contract, and the test it was in fails.

`tests/conftest.py` takes the fixture and the hooks from here. No emulator can be had without the watch: it is put on
when one is made, and whoever listens to a journal can silence only itself. That is not believed but counted: a test,
or a run, in which a journal was told of an exchange that nobody held against anything fails.

After a whole run, whatever divergence was not needed by any exchange is reported: what is listed and never occurs is
not known, it is believed. It does not fail the run, for some occur only in what hypothesis thinks of.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator import Emulator, Exchange
from reconciler.emulator.core.request_log import RequestLog
from tests.contracts.contract import Contract, Violation

__all__ = ["WATCH", "Watch", "contract_holds", "pytest_sessionfinish", "pytest_terminal_summary", "pytest_testnodedown"]

SHOWN = 20
PUBLISHED = "twelvelabs"
"""The vendor whose contract it is; of others none is published."""
BEFORE = "2024-11"
"""The vintage that is older than the contract."""
TESTS = Path(__file__).parent.parent


class Watch:
    """What was seen in this process; with workers, what all of them saw."""

    def __init__(self) -> None:
        self.contract = Contract.read()
        self.violations: Counter[Violation] = Counter()
        self.used: Counter[int] = Counter()
        self.clients: Counter[str] = Counter()
        self.cost_ns = 0
        self.unheld = 0
        """Exchanges that a journal was told of and nobody held against anything."""
        self._here = threading.local()
        self._lock = threading.Lock()  # served emulators have threads of their own

    @property
    def held_here(self) -> int:
        """How many this thread has seen."""
        return getattr(self._here, "held", 0)

    def miss(self) -> None:
        """A journal was told of an exchange, and we were not."""
        with self._lock:
            self.unheld += 1

    def see(self, exchange: Exchange, vendor: str, vintage: str) -> None:
        """A listener of the journal: it must not raise, for the emulator would answer otherwise."""
        self._here.held = self.held_here + 1
        if vendor != PUBLISHED or vintage == BEFORE:
            return
        start = time.perf_counter_ns()
        try:
            found = self.contract.judge(exchange, vintage)
        except Exception as error:
            found = [Violation(exchange.route, "check", repr(error))]
        with self._lock:
            self.violations.update(found)
            self.clients[exchange.client.partition("/")[0]] += 1
            self.cost_ns += time.perf_counter_ns() - start

    def take(self) -> list[str]:
        """The violations so far, once."""
        found = [f"{violation} ({count}x)" for violation, count in self.violations.most_common(SHOWN)]
        self.violations.clear()
        return found

    def as_output(self) -> dict[str, Any]:
        counts = {"unheld": self.unheld, "cost_ns": self.cost_ns}
        return {"used": dict(self.contract.used), "clients": dict(self.clients), **counts}

    def merge(self, output: dict[str, Any]) -> None:
        self.used.update(output["used"])
        self.clients.update(output["clients"])
        self.unheld += output["unheld"]
        self.cost_ns += output["cost_ns"]

    def idle(self) -> list[str]:
        """The divergences that nothing needed."""
        return [str(each) for position, each in enumerate(self.contract.divergences) if not self.used[position]]


WATCH = Watch()


def _watched(make: Callable[..., None]) -> Callable[..., None]:
    @wraps(make)
    def init(self: Emulator, *args: Any, **more: Any) -> None:
        make(self, *args, **more)
        self.journal.listen(lambda exchange: WATCH.see(exchange, self.vendor.name, self.options.vintage))

    return init


def _counted(add: Callable[..., None]) -> Callable[..., None]:
    @wraps(add)
    def told(self: RequestLog, **values: Any) -> None:
        before = WATCH.held_here
        try:
            add(self, **values)
        finally:  # a listener may end a run, and the exchange was one
            if WATCH.held_here == before:
                WATCH.miss()

    return told


Emulator.__init__ = _watched(Emulator.__init__)  # type: ignore[method-assign]
RequestLog.add = _counted(RequestLog.add)  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def contract_holds() -> Iterator[None]:
    """What the emulator answered while a test ran, and what we sent it, is as the contract has it."""
    before = WATCH.unheld
    yield
    if unheld := WATCH.unheld - before:
        pytest.fail(f"{unheld} exchanges were held against nothing (tests/contracts/watch.py)", pytrace=False)
    if found := WATCH.take():
        pytest.fail("against the contract (tests/contracts):\n" + "\n".join(found), pytrace=False)


def _is_whole(config: pytest.Config) -> bool:
    """Whether this run has all tests, so that what did not occur in it does not occur."""
    paths = {Path(config.invocation_params.dir, arg.split("::")[0]).resolve() for arg in config.args}
    narrowed = any(config.getoption(name, None) for name in ("keyword", "markexpr", "lf", "deselect", "ignore"))
    return TESTS in paths and not narrowed


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object | None) -> None:
    """A worker has ended."""
    if output := getattr(node, "workeroutput", {}).get("contract"):
        WATCH.merge(output)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A worker hands over what it saw; whoever started the workers, or ran alone, looks at all of it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["contract"] = WATCH.as_output()
        return
    WATCH.merge({"used": WATCH.contract.used, "clients": {}, "unheld": 0, "cost_ns": 0})
    violated = _is_whole(session.config) and bool(WATCH.violations)
    if exitstatus == pytest.ExitCode.OK and (violated or WATCH.unheld):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How much was held against the contract, and what of the divergences nobody needed."""
    seen = WATCH.clients.total()
    if WATCH.unheld:
        terminalreporter.write_line(f"contract: {WATCH.unheld} exchanges were held against nothing", red=True)
    if not _is_whole(config) or not seen:
        return
    ours = WATCH.clients["reconciler"]
    each = WATCH.cost_ns / seen / 1000
    terminalreporter.write_line(f"contract: {seen} exchanges held against it, {ours} of them ours, {each:.0f} µs each")
    for line in WATCH.idle():
        terminalreporter.write_line(f"contract: a divergence that did not occur: {line}", yellow=True)
    for line in WATCH.take():
        terminalreporter.write_line(f"contract: {line}", red=True)
