"""Which report makes which format; each is imported when it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.frozen import dataclass
from reconciler.lazily import shutil

if TYPE_CHECKING:
    from reconciler.reports.result import Result

__all__ = ["FORMATS", "Look", "form_of", "look_for", "rendered"]

COLUMNS = 80
FORMATS = ["text", "json", "markdown", "html", "junit", "sarif", "gitlab"]
SHORT = {"md": "markdown", "txt": "text"}
SUFFIXES = {
    ".txt": "text",
    ".json": "json",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xml": "junit",
    ".sarif": "sarif",
}
"""End of a file's name → the format that it is of, when nobody says another."""


@dataclass(frozen=True, slots=True)
class Look:
    """How it is to look: all of each value, all that is known, how wide a line and how long a comment may be."""

    whole: bool = False
    verbose: bool = False
    columns: int = COLUMNS
    limit: int | None = None


def look_for(whole: bool, verbose: bool = False, limit: int | None = None) -> Look:
    """As wide as the terminal, when it goes to one."""
    wide = sys.stdout.isatty()
    columns = max(shutil.get_terminal_size((COLUMNS, 24)).columns, COLUMNS) if wide else COLUMNS
    return Look(whole, verbose, columns, limit)


def form_of(written: str) -> str | None:
    """The format of a word such as `md`, or of the end of a file's name."""
    word = SHORT.get(written, written)
    return word if word in FORMATS else SUFFIXES.get(Path(written).suffix.lower())


def rendered(form: str, result: Result, look: Look) -> str:
    """Whatever a run has to say, in a format."""
    return _RENDERERS[form](result, look)


def _text(result: Result, look: Look) -> str:
    from reconciler.reports.text import as_text

    return as_text(result, whole=look.whole, verbose=look.verbose, columns=look.columns)


def _json(result: Result, look: Look) -> str:
    from reconciler.reports.json import as_json, dumps

    return dumps(as_json(result))


def _markdown(result: Result, look: Look) -> str:
    from reconciler.reports.markdown import LIMIT, as_markdown

    return as_markdown(result, limit=look.limit or LIMIT)


def _html(result: Result, look: Look) -> str:
    from reconciler.reports.html import as_html

    return as_html(result, whole=look.whole)


def _junit(result: Result, look: Look) -> str:
    from reconciler.reports.junit import as_junit

    return as_junit(result)


def _sarif(result: Result, look: Look) -> str:
    from reconciler.reports.json import dumps
    from reconciler.reports.sarif import as_sarif

    return dumps(as_sarif(result))


def _gitlab(result: Result, look: Look) -> str:
    from reconciler.reports.gitlab import as_gitlab
    from reconciler.reports.json import dumps

    return dumps(as_gitlab(result))


_RENDERERS: dict[str, Callable[[Result, Look], str]] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
    "html": _html,
    "junit": _junit,
    "sarif": _sarif,
    "gitlab": _gitlab,
}
