"""Standard streams that hold, whatever they lead to.

A pipe whose reader has gone, a disk that is full, a stream that was closed before we began: none of them may end an
apply half-way. What cannot be written is dropped, and told by the exit code at the end where it matters. What an
encoding cannot spell gets a substitute; what is for programs is UTF-8 whatever the terminal's encoding, as their
formats want it.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from reconciler.cli.fromenv import formats_in

__all__ = ["Sink", "held"]

FOR_PROGRAMS = frozenset({"json", "html", "junit", "sarif"})
SUBSTITUTES = {"→": "->", "…": "...", "·": "-", "─": "-", "├": "+", "└": "+", "│": "|"}
"""What we print ourselves; anything else is escaped as in JSON."""


class Sink(io.RawIOBase):
    """A descriptor to write to. After the first failure everything is dropped, and `failure` says why."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.failure: OSError | None = None

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def fileno(self) -> int:
        """The descriptor it writes to."""
        return self._fd

    def isatty(self) -> bool:
        """Whether somebody may sit there."""
        return os.isatty(self._fd)

    def write(self, data: Any, /) -> int:
        """Write as much as goes at once; after a failure nothing, and say that all has gone."""
        while self.failure is None:
            try:
                return os.write(self._fd, data)
            except BlockingIOError:  # somebody who shares the descriptor made it so
                select.select([], [self._fd], [])
            except OSError as error:
                self.failure = error
        return len(data)

    @property
    def lost(self) -> str:
        """What became of what was printed: '' when it was read, or when its reader wanted no more."""
        if self.failure is None or self.failure.errno == errno.EPIPE:
            return ""
        return f"what was printed is lost: {self.failure.strerror}"


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(SUBSTITUTES.get(letter) or json.dumps(letter)[1:-1] for letter in letters), error.end


codecs.register_error("reconciler", _substitute)


def _fill() -> None:
    """Give 0, 1 and 2 a meaning, so that no file that is opened later is taken for a standard stream."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _to(sink: Sink, was: TextIO | None, *, for_programs: bool) -> TextIO:
    encoding = "utf-8" if was is None or for_programs else was.encoding
    at_once = sink.isatty() or sink.fileno() == 2
    return io.TextIOWrapper(io.BufferedWriter(sink), encoding=encoding, errors="reconciler", line_buffering=at_once)


@contextmanager
def held(argv: list[str]) -> Iterator[Sink]:
    """Put streams that hold in the place of the process's own, unless somebody else has; gives that of the output."""
    _fill()
    before = sys.stdin, sys.stdout, sys.stderr
    out, err = Sink(1), Sink(2)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is sys.__stdout__:
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.stdout = _to(out, sys.stdout, for_programs=_is_for_programs(argv))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _to(err, sys.stderr, for_programs=False)
    try:
        yield out
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdin, sys.stdout, sys.stderr = before


def _is_for_programs(argv: list[str]) -> bool:
    return not FOR_PROGRAMS.isdisjoint(formats_in(argv)) or any(arg.startswith("--json-events") for arg in argv)
