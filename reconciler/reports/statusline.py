"""One line that says how things stand: in place on a terminal; in a log a line of its own, now and then."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.reports.values import cut

__all__ = ["LINE_EVERY_S", "StatusLine"]

LINE_EVERY_S = 30.0
"""How long a log that nobody watches may be without a line while something goes on."""
FIRST_LINE_S = 10.0
"""What is done sooner needs no line."""
DRAWN_EVERY_S = 0.1
ERASED = "\r\x1b[2K"


class StatusLine:
    """`write` takes text as it is to be written; the clock is given."""

    def __init__(
        self, write: Callable[[str], None], now: Callable[[], float], *, in_place: bool, columns: int = 80
    ) -> None:
        self._write, self._now, self._in_place, self._columns = write, now, in_place, columns
        self._next_s = now() + (0.0 if in_place else FIRST_LINE_S)
        self._drawn = False

    @property
    def is_due(self) -> bool:
        """Whether `show` would write anything."""
        return self._now() >= self._next_s

    def show(self, text: str) -> None:
        """How things stand now; dropped when that was told a moment ago."""
        if not self.is_due:
            return
        if self._in_place:
            self._write(ERASED + cut(text, self._columns - 1))
            self._drawn, self._next_s = True, self._now() + DRAWN_EVERY_S
        else:
            self.say(text)

    def say(self, text: str) -> None:
        """A line that stays."""
        self.clear()
        self._write(text + "\n")
        self._next_s = self._now() + (0.0 if self._in_place else LINE_EVERY_S)

    def clear(self) -> None:
        """Nothing is left of what was drawn in place."""
        if self._drawn:
            self._write(ERASED)
            self._drawn = False
