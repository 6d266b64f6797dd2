"""drift --new: what nobody was told of yet, and in a line how much was known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reconciler.cli.formats import Look, rendered
from reconciler.redact import plain

if TYPE_CHECKING:
    from reconciler.cli.telling import Telling
    from reconciler.engine.planning import Drift
    from reconciler.project import Project
    from reconciler.project.news import News
    from reconciler.reports.result import Result

__all__ = ["told_news"]


def told_news(project: Project, drift: Drift, telling: Telling, form: str, look: Look) -> int:
    """Say what is new of a drift, and note it; 2 when something is."""
    with closing(project):
        found = project.news(drift)
        noted = project.state.exists
    telling.seen(telling.drifted(drift))
    result = telling.drifted(replace(found.drift, unmanaged=()))
    if form == "json":
        click.echo(_json(found, result))
    else:
        if found.drift.changes:
            click.echo(rendered("text", result, look))
        for line in _lines(found, noted):
            click.echo(plain(line))
    return 2 if found.drift.changes else 0


def _json(found: News, result: Result) -> str:
    from reconciler.reports.json import as_json, dumps

    since = found.since and found.since.isoformat()
    more = {"only_new": True, "known": found.known, "since": since, "in_order_again": list(found.gone)}
    return dumps({**as_json(result), **more})


def _lines(found: News, noted: bool) -> Iterator[str]:
    since = f"since {found.since:%Y-%m-%d %H:%M} UTC" if found.since else ""
    if found.known:
        yield f"Known {since} and still there: {found.known}; `reconciler drift` shows all."
    if found.gone:
        yield f"In order again: {', '.join(found.gone)}"
    if not found.drift.changes:
        name = found.drift.stack.name
        yield f"Nothing new {since}." if found.since else f"No drift. {name} is as it was last applied."
    if not noted:
        yield "Nothing was applied with this state, so nothing is noted: the next time all is new again."
