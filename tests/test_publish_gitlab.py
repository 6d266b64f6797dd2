"""The note on a merge request of GitLab: one, edited in place, and nobody else's; against a fake of it on a socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.commandline import Said, reconciler

TOKEN = "glpat-a-token-that-nobody-may-see"
NOTES = "/projects/12/merge_requests/7/notes"


class FakeGitLab(ThreadingHTTPServer):
    """The notes of one merge request, and whose token it is."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.notes: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def write(self, body: str, username: str) -> dict[str, Any]:
        made = {"id": len(self.notes) + 1, "body": body, "author": {"username": username}}
        self.notes.append(made)
        return made


class _Handler(BaseHTTPRequestHandler):
    server: FakeGitLab

    def do_GET(self) -> None:
        path, data = self.path.partition("?")[0], self.rfile.read(int(self.headers.get("content-length") or 0))
        body = json.loads(data)["body"] if data else ""
        match self.command, path:
            case _ if self.headers.get("private-token") != TOKEN:
                self._send(401, {"message": "401 Unauthorized"})
            case "GET", "/user":
                self._send(200, {"username": "project_12_bot"})
            case "GET", place if place == NOTES:
                self._send(200, self.server.notes)
            case "POST", place if place == NOTES:
                self._send(201, self.server.write(body, "project_12_bot"))
            case "PUT", place if place.startswith(f"{NOTES}/"):
                (note,) = [it for it in self.server.notes if str(it["id"]) == place.rpartition("/")[2]]
                note["body"] = body
                self._send(200, note)
            case _:
                self._send(404, {"message": "404 Not found"})

    do_POST = do_PUT = do_GET

    def _send(self, status: int, said: Any) -> None:
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def gitlab() -> Iterator[FakeGitLab]:
    with FakeGitLab() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def noted(gitlab: FakeGitLab, directory: Path, text: str, **env: str) -> Said:
    """What `publish` says in a job for merge request 7."""
    result = directory / "result.json"
    change = {"address": "assets/a", "kind": "Asset", "action": "update", "reason": "", "deltas": []}
    result.write_text(json.dumps({"kind": "plan", "path": "stacks", "stack": "sports", "changes": [change]}))
    result.with_suffix(".md").write_text(text)
    given = {"GITLAB_TOKEN": TOKEN, "CI_API_V4_URL": gitlab.url, "CI_PROJECT_ID": "12", "CI_PIPELINE_ID": "5"}
    job = {"CI_MERGE_REQUEST_IID": "7", "CI_JOB_URL": "https://gitlab.test/jobs/9", "GITHUB_RUN_ID": ""}
    said = reconciler("publish", result, "--to", "gitlab-note", cwd=directory, env={**given, **job, **env})
    assert TOKEN not in said.out + said.err
    return said


def test_a_note_is_written_once_and_then_edited(gitlab: FakeGitLab, tmp_path: Path) -> None:
    assert noted(gitlab, tmp_path, "### First").code == 0
    noted(gitlab, tmp_path, "### Second", CI_PIPELINE_ID="6")

    (only,) = gitlab.notes
    assert "### Second" in only["body"] and "### First" not in only["body"]
    assert '"run":"6"' in only["body"] and "_By [this job](https://gitlab.test/jobs/9)._" in only["body"]


def test_a_note_of_somebody_else_with_our_mark_is_left_alone(gitlab: FakeGitLab, tmp_path: Path) -> None:
    noted(gitlab, tmp_path, "### Ours")
    copied = gitlab.write(gitlab.notes[0]["body"], "octocat")
    del gitlab.notes[0]

    noted(gitlab, tmp_path, "### Again")

    assert "### Ours" in copied["body"]
    assert [it["author"]["username"] for it in gitlab.notes] == ["octocat", "project_12_bot"]


def test_outside_of_a_merge_request_nothing_is_noted(gitlab: FakeGitLab, tmp_path: Path) -> None:
    said = noted(gitlab, tmp_path, "### Plan", CI_MERGE_REQUEST_IID="")

    assert said.code == 0 and "nothing to tell there" in said.err and gitlab.notes == []
