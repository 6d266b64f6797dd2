"""A connection to PostgreSQL that does not wait for ever: not for a server that hangs, not after Ctrl-C.

psycopg waits for an answer without an end, and answers Ctrl-C by asking the server to cancel, which a server that
hangs does not do. Here silence ends the wait, and so does Ctrl-C. Either closes the connection: what became of the
statement is then unknown, and the session (with its lock) is gone as soon as the server looks.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg import waiting
from psycopg.abc import PQGen

__all__ = ["Impatient"]

SILENCE_S = 30.0
"""How long a server may say nothing to a statement."""
TICK_S = 0.1

V = TypeVar("V")


class Impatient(psycopg.Connection[Any]):
    """A connection that gives up after `silence_s`, which may be set from any thread, also while it waits."""

    silence_s: float = SILENCE_S

    def wait(self, gen: PQGen[V], interval: float = TICK_S, timeout: float | None = None) -> V:
        """As the base does it, but not for ever."""
        try:
            return waiting.wait(self._watched(gen), self.pgconn.socket, interval=min(interval, TICK_S))
        except (KeyboardInterrupt, SystemExit):
            self.close()
            raise

    def _watched(self, gen: PQGen[V]) -> Generator[Any, Any, V]:
        """The generator, asked after each tick whether there is a point in waiting on."""
        heard = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    heard = time.monotonic()
                elif (silent_s := time.monotonic() - heard) > self.silence_s:
                    self.close()
                    raise psycopg.OperationalError(f"no answer for {silent_s:.0f} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            value: V = done.value
            return value
