"""What only a page of HTML shows: whose account it is, which commit, what needs what, and the runs before."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from reconciler.checks import Checked
    from reconciler.project import Project
    from reconciler.reports.result import Result
    from reconciler.state import RunRow

__all__ = ["commit_of", "paged"]

LAST = 20
"""So many runs are shown."""
GITHUB = ("GITHUB_WORKSPACE", "GITHUB_SHA", "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/blob/{GITHUB_SHA}/")
GITLAB = ("CI_PROJECT_DIR", "CI_COMMIT_SHA", "{CI_PROJECT_URL}/-/blob/{CI_COMMIT_SHA}/")
"""How a runner says where its checkout is, of which commit, and where that is shown."""


def paged(result: Result, project: Project, forms: Collection[str], checked: Sequence[Checked] = ()) -> Result:
    """The result with all that, if a page is among the formats that it goes into."""
    if "html" not in forms:
        return result
    from reconciler.provider import kinds_of
    from reconciler.reports.graph import needs_of

    addresses, needs = needs_of(project.stack, kinds_of(project.stack.provider))
    commit, sources = commit_of(project.path)
    return replace(
        result,
        account=_account(project),
        at=datetime.now(UTC),
        commit=commit,
        sources=sources,
        addresses=addresses,
        needs=needs,
        runs=_runs(project),
        checks=tuple(checked),
    )


def commit_of(path: Path) -> tuple[str, str]:
    """(commit, where a code host shows its files), as the runner says whose checkout the path is in; '' where none."""
    for workspace, commit, page in (GITHUB, GITLAB):
        place = os.environ.get(workspace)
        if place and path.resolve().is_relative_to(Path(place).resolve()) and (sha := os.environ.get(commit)):
            try:
                return sha, page.format_map(os.environ)
            except KeyError:
                return sha, ""
    return "", ""


def _account(project: Project) -> str:
    """The host; what stands before it in an address may be a password."""
    from reconciler.project.access import account

    address, _ = account(project.stack.provider, project.options)
    return urlsplit(address).hostname or "the emulator"


def _runs(project: Project) -> tuple[RunRow, ...]:
    try:
        return tuple(project.state.runs()[:LAST])
    finally:
        if not project.is_locked:
            project.close()
