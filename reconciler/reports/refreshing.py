"""How far a refresh is: what of the account has been read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from reconciler.reports.statusline import StatusLine
from reconciler.reports.traffic import duration
from reconciler.reports.values import count_of, many_of

__all__ = ["Refreshing"]


class Refreshing:
    """`requests` says how many were sent until now; the clock is given."""

    def __init__(self, line: StatusLine, requests: Callable[[], int], now: Callable[[], float]) -> None:
        self.line, self._requests, self._now, self._since_s = line, requests, now, now()
        self._read: Counter[str] = Counter()

    def page(self, kind: str, objects: int) -> None:
        """A page was read."""
        self._read[kind] += objects
        self.tick()

    def tick(self) -> None:
        """Some time has passed."""
        if self.line.is_due:
            self.line.show(self._told())

    def _told(self) -> str:
        read, sent = self._read, self._requests()
        what = [count_of(len(read), "kind"), many_of(read.total(), "object")] if read else []
        what += [many_of(sent, "request"), duration(self._now() - self._since_s)] if sent else []
        return " ".join(["Refreshing…", ", ".join(what)]).strip()
