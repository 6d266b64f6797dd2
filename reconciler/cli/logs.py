"""A log of what is sent, for who must find out why: on standard error, only when asked for, and without secrets."""

from __future__ import annotations

import logging
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import click

__all__ = ["LEVELS", "logging_at"]

LEVELS = ("info", "debug")
LOGGERS = ("reconciler", "httpx")
"""Ours, and that of the client that we send with. What lies below it tells of headers."""
QUERY = re.compile(r"\?[^\s\"'>]+")
"""What is behind a `?` in a URL: storage is written to by signed ones."""


class Redacting(logging.Formatter):
    """A line for each record, in UTC, on which nothing acts and in which nothing secret stands."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """When it was, in UTC."""
        return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"

    def format(self, record: logging.LogRecord) -> str:
        """The text as a whole is redacted: a secret may stand in any part of it, and in a traceback."""
        from reconciler.redact import plain, redacted

        return plain(redacted(QUERY.sub("?...", super().format(record))))


def logging_at(context: click.Context, _: click.Parameter, level: str | None) -> None:
    """Begin to log, until the command ends."""
    if not level or context.resilient_parsing:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    before: list[tuple[logging.Logger, int, bool]] = []
    for name in LOGGERS:
        logger = logging.getLogger(name)
        before.append((logger, logger.level, logger.propagate))
        logger.setLevel(level.upper())
        logger.propagate = False
        logger.addHandler(handler)

    def ended(*_: Any) -> None:
        for logger, was, propagated in before:
            logger.removeHandler(handler)
            logger.setLevel(was)
            logger.propagate = propagated
        with suppress(ValueError):
            handler.flush()

    context.call_on_close(ended)
