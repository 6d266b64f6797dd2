"""One issue for the drift of a stack: opened, kept up to date, closed when it is gone, opened again when it is back.

Editing an issue tells nobody, so there is a comment when the set of what drifted has changed, and only then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.frozen import dataclass
from reconciler.publishing.comments import GITHUB_ROOM, login_of, written_by
from reconciler.publishing.hosts import insisting
from reconciler.publishing.marks import Message, facts_of, is_ours
from reconciler.publishing.places import GitHubRun
from reconciler.publishing.told import RunTold

__all__ = ["drift_issue"]

ISSUE = "issue"


@dataclass(frozen=True)
class _Tracker:
    run: GitHubRun
    message: Message
    title: str

    @property
    def path(self) -> str:
        return f"{self.run.base}/issues"

    def there(self) -> Mapping[str, Any] | None:
        """The open issue of ours, else the newest that was closed. Pull requests are issues to this API."""
        mine = written_by(login_of(self.run.host))
        for state in ("open", "closed"):
            found = [
                it
                for it in self.run.host.all(self.path, state=state, sort="created", direction="asc")
                if "pull_request" not in it and mine(it) and is_ours(it.get("body") or "", ISSUE, self.message.label)
            ]
            if found:
                return max(found, key=lambda it: int(it["number"]))
        return None

    def edit(self, number: int, **fields: Any) -> str:
        return str(self.run.host.write("PATCH", f"{self.path}/{number}", fields).get("html_url"))

    def comment(self, number: int, what: str) -> None:
        body = f"{what} {self.message.footer}"
        self.run.host.write("POST", f"{self.path}/{number}/comments", {"body": body})


def drift_issue(
    run: GitHubRun, told: RunTold, message: Message, *, labels: Sequence[str] = (), assignees: Sequence[str] = ()
) -> str:
    """Make the issue say what the run found; its address, or '' when there is none.

    Nothing is concluded from a run that failed: an issue that is open stays as it is.
    """
    if told.kind not in ("drift", "error"):
        raise ReconcilerError(f"an issue is about drift, and this is the result of {told.kind}: give that of `drift`")
    digest = told.drift_digest
    title = f"Drift in {told.stack}: {len(told.drift)} changed outside git"
    message = replace(message, what=ISSUE, facts={**message.facts, "drift": digest})
    tracker = _Tracker(run, message, title)

    def once() -> str:
        there = tracker.there()
        if told.failed:
            return str(there["html_url"]) if there and there["state"] == "open" else ""
        if digest:
            return _kept(tracker, there, digest) if there else _opened(tracker, labels, assignees)
        return _closed(tracker, there) if there else ""

    return insisting(run.host, once)


def _opened(tracker: _Tracker, labels: Sequence[str], assignees: Sequence[str]) -> str:
    body = tracker.message.body(GITHUB_ROOM)
    said = {"title": tracker.title, "body": body, "labels": list(labels), "assignees": list(assignees)}
    return str(tracker.run.host.write("POST", tracker.path, said).get("html_url"))


def _kept(tracker: _Tracker, there: Mapping[str, Any], digest: str) -> str:
    """The comment goes first: a run that is killed in between says it twice rather than never."""
    number, was_closed = int(there["number"]), there["state"] == "closed"
    if was_closed:
        tracker.comment(number, "Drift is back.")
    elif facts_of(there.get("body") or "").get("drift") != digest:
        tracker.comment(number, f"What drifted is not the same any more: {tracker.title}.")
    return tracker.edit(number, title=tracker.title, body=tracker.message.body(GITHUB_ROOM), state="open")


def _closed(tracker: _Tracker, there: Mapping[str, Any]) -> str:
    if there["state"] == "closed":
        return ""
    number = int(there["number"])
    tracker.comment(number, "In sync again.")
    return tracker.edit(number, state="closed", state_reason="completed")
