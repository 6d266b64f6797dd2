"""One comment for a stack on a pull request, and one note on a merge request: written once, then edited in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

from reconciler.errors import Forbidden, NotFound, ReconcilerError
from reconciler.frozen import dataclass
from reconciler.publishing.hosts import CodeHost, insisting
from reconciler.publishing.marks import Message, facts_of, is_ours
from reconciler.publishing.places import GitHubRun, GitLabRun

__all__ = ["GITHUB_ROOM", "GITLAB_ROOM", "When", "comment", "login_of", "note"]

GITHUB_ROOM, GITLAB_ROOM = 65_536, 1_000_000
COMMENT = "comment"


class When(StrEnum):
    """When a comment is written. One that is there is always brought up to date: nobody may read yesterday's plan."""

    ALWAYS = "always"
    CHANGES = "changes"
    NEW = "new"


@dataclass(frozen=True)
class _Thread:
    """Where texts are said, one after the other."""

    host: CodeHost
    path: str
    one: Callable[[Mapping[str, Any]], str]
    """The path of one of them."""
    method: str
    room: int
    mine: Callable[[Mapping[str, Any]], bool]


def comment(run: GitHubRun, message: Message, *, when: When, worth_saying: bool) -> str:
    """Say it on the pull request; the address of the comment, or '' when there is none."""
    number = run.pull_request()
    if number is None:
        return ""
    return _said(
        _Thread(
            run.host,
            f"{run.base}/issues/{number}/comments",
            lambda it: f"{run.base}/issues/comments/{it['id']}",
            "PATCH",
            GITHUB_ROOM,
            written_by(login_of(run.host)),
        ),
        message,
        when,
        worth_saying,
    )


def note(run: GitLabRun, message: Message, *, when: When, worth_saying: bool) -> str:
    """Say it on the merge request; the number of the note, or '' when there is none."""
    if not run.merge_request:
        return ""
    path = f"{run.base}/merge_requests/{run.merge_request}/notes"
    name = run.host.get("/user").get("username")

    def is_mine(item: Mapping[str, Any]) -> bool:
        return bool(name) and item["author"]["username"] == name

    thread = _Thread(run.host, path, lambda it: f"{path}/{it['id']}", "PUT", GITLAB_ROOM, is_mine)
    return _said(thread, message, when, worth_saying)


def login_of(host: CodeHost) -> str | None:
    """Whose token it is; None for the token of a job or an app, which may not ask."""
    try:
        return host.get("/user").get("login")
    except (Forbidden, NotFound):
        return None


def written_by(login: str | None) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a text is ours to edit. Anybody can write our mark, but no person can write as an app."""

    def is_mine(item: Mapping[str, Any]) -> bool:
        user = item.get("user") or {}
        return user.get("login") == login if login else user.get("type") == "Bot"

    return is_mine


def _said(thread: _Thread, message: Message, when: When, worth_saying: bool) -> str:
    """The newest of ours is edited, or one is written. An answer that is lost is looked for."""
    new = when is When.NEW
    run = message.facts.get("run")

    def once() -> str:
        ours = _ours(thread.host.all(thread.path), thread, message)
        there = next((it for it in reversed(ours) if not new or _is_of_run(it, run)), None)
        if there is not None:
            _refuse_shared(there, message)
            made = thread.host.write(thread.method, thread.one(there), {"body": message.body(thread.room)})
        elif when is When.CHANGES and not worth_saying:
            return ""
        else:
            made = thread.host.write("POST", thread.path, {"body": message.body(thread.room)})
        return str(made.get("html_url") or made["id"])

    return insisting(thread.host, once)


def _ours(items: Iterable[dict[str, Any]], thread: _Thread, message: Message) -> list[dict[str, Any]]:
    found = [it for it in items if thread.mine(it) and is_ours(str(it.get("body") or ""), COMMENT, message.label)]
    return sorted(found, key=lambda it: int(it["id"]))


def _is_of_run(item: Mapping[str, Any], run: Any) -> bool:
    return bool(run) and facts_of(str(item.get("body") or "")).get("run") == run


def _refuse_shared(item: Mapping[str, Any], message: Message) -> None:
    """Two jobs of one run that share a label would take turns in hiding each other's plan."""
    there, now = facts_of(str(item.get("body") or "")), message.facts
    if now.get("run") and there.get("run") == now["run"] and there.get("path") != now.get("path"):
        raise ReconcilerError(
            f"the label {message.label!r} is used by two jobs of this run, for the stacks at {there.get('path')} and "
            f"{now.get('path')}: give each job of a matrix a --label of its own"
        )
