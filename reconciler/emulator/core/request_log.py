"""The request log: what was asked, how often by route, and what came of it. Steering is not in it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["Exchange", "RequestLog"]

KEPT = 10_000
"""Entries kept; the counts go on."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer. `status` is None if the connection was dropped before one was sent."""

    number: int
    method: str
    path: str
    query: str
    route: str
    status: int | None
    faults: tuple[str, ...] = ()
    client: str = ""
    """Who asked, as User-Agent has it."""
    request_type: str = ""
    request_body: bytes = field(default=b"", repr=False)
    response_body: bytes = field(default=b"", repr=False)

    def as_json(self) -> dict[str, Any]:
        """A line of the log: without bodies, which may be large and private."""
        return {
            "n": self.number,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "route": self.route,
            "status": self.status,
            "faults": list(self.faults),
        }


class RequestLog:
    """Counts everything, remembers the last entries, and tells each exchange to whoever listens."""

    def __init__(self) -> None:
        self._listeners: tuple[Callable[[Exchange], None], ...] = ()
        self.clear()

    def listen(self, listener: Callable[[Exchange], None]) -> Callable[[], None]:
        """Tell each exchange to `listener` too, until what is returned is called: nobody can silence another's."""
        self._listeners += (listener,)

        def silence() -> None:
            self._listeners = tuple(each for each in self._listeners if each is not listener)

        return silence

    def clear(self) -> None:
        """Begin again from nought; who listens goes on listening."""
        self.total = 0
        self.by_route: Counter[str] = Counter()
        self.entries: deque[Exchange] = deque(maxlen=KEPT)

    def add(self, **values: Any) -> None:
        """Bodies go to the listeners only: ten thousand of them would not be a log but a leak."""
        self.total += 1
        exchange = Exchange(number=self.total, **values)
        self.by_route[exchange.route] += 1
        self.entries.append(replace(exchange, request_body=b"", response_body=b""))
        for listener in self._listeners:
            listener(exchange)

    def as_json(self, *, limit: int = 1000) -> dict[str, Any]:
        """Totals, counts by route, and the last entries."""
        recent = list(self.entries)[-limit:] if limit else []
        return {
            "total": self.total,
            "by_route": dict(sorted(self.by_route.items())),
            "log": [exchange.as_json() for exchange in recent],
        }
