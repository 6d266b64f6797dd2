"""What a runner of GitHub reads of a job: annotations on its output, files for its summary and its outputs."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.publishing.marks import Message
from reconciler.publishing.places import needed
from reconciler.publishing.told import RunTold
from reconciler.redact import annotation

__all__ = ["SUMMARY_ROOM", "annotation_lines", "appended", "outputs", "size_of", "summary", "written_outputs"]

SUMMARY_ROOM = 1 << 20
"""Bytes of a step's summary; of a longer one nothing is shown."""
MOST = 10
"""So many annotations of a level are shown of a step; the rest would be lost without a word."""


def annotation_lines(told: RunTold) -> list[str]:
    """Commands that show problems, refusals and drift at their lines, of each level as many as are shown."""
    errors, warnings = [*_errors(told)], [*_warnings(told)]
    left = max(len(errors) - MOST, 0) + max(len(warnings) - MOST, 0)
    shown = errors[:MOST] + warnings[:MOST]
    return [*shown, f"::notice::{left} more: see the report of this run"] if left else shown


def _errors(told: RunTold) -> Iterator[str]:
    for problem in told.diagnostics:
        if problem.get("severity", "error") == "error":
            yield _command("error", _text(problem), problem)
    for reason in told.refusals:
        yield _command("error", f"refused: {reason}", {})


def _warnings(told: RunTold) -> Iterator[str]:
    gone_first = sorted(told.drift, key=lambda change: change.get("action") != "delete")
    for change in gone_first if told.kind == "drift" else ():
        paths = ", ".join(str(delta.get("path")) for delta in change.get("deltas") or ())
        what = f"{change.get('address')}: {change.get('reason') or 'changed outside git'}"
        yield _command("warning", f"{what}: {paths}" if paths else what, change.get("where") or {"file": told.path})
    for problem in told.diagnostics:
        if problem.get("severity") == "warning":
            yield _command("warning", _text(problem), problem)


def _text(problem: Mapping[str, Any]) -> str:
    address, summary = problem.get("address"), str(problem.get("summary"))
    return f"{address}: {summary}" if address else summary


def _command(level: str, text: str, where: Mapping[str, Any]) -> str:
    return annotation(level, text, where.get("file") or "", where.get("line") or 0, where.get("column") or 0)


def summary(message: Message, already: int = 0) -> str:
    """The page of a step, in what room is left of it."""
    room = SUMMARY_ROOM - already
    text = message.text.strip() + "\n\n"
    if len(text.encode()) <= room:
        return text
    return f"{text.splitlines()[0][:300]}\n\n_The report does not fit here: write it with a lower `--limit`._\n\n"


def outputs(told: RunTold) -> dict[str, str]:
    """What later steps can ask of the result, all as texts."""
    cost = ((told.document.get("estimate") or {}).get("cost")) or {}
    return {
        "result": told.kind,
        "changes": str(sum(told.counts.values())),
        "refused": str(bool(told.refusals)).lower(),
        **{f"to-{action}": str(count) for action, count in told.counts.items()},
        "drift-count": str(len(told.drift)),
        "cost": str(cost.get("amount") if cost.get("amount") is not None else ""),
        "currency": str(cost.get("currency") or ""),
        "failure-reason": told.reason,
    }


def appended(environ: Mapping[str, str], name: str, text: str) -> None:
    """Put a text at the end of the file that a runner's variable names."""
    file = needed(environ, name, "it is a step of GitHub Actions that this is for")
    try:
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise ReconcilerError(f"{name}: {file} cannot be written ({error.strerror})") from error


def written_outputs(said: Mapping[str, str]) -> str:
    """As runners read outputs: between two lines that no value can hold, because nobody knows them before."""
    end = f"end-{secrets.token_hex(16)}"
    return "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in said.items())


def size_of(file: str | None) -> int:
    """Bytes that are in a file already."""
    return Path(file).stat().st_size if file and Path(file).exists() else 0
