"""As much of GitHub's REST API as publishing uses, over a socket: comments, issues, pull requests, runs, artifacts.

It is strict where GitHub is: lists have pages of at most 100 with a Link header, an app may not ask who it is, nobody
without a token gets anything, and the address of an artifact leads to another place that must not be given the token.
"""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["REPOSITORY", "TOKEN", "FakeGitHub", "fake_github"]

REPOSITORY = "league/archive"
TOKEN = "ghs_a-token-that-nobody-may-see"
BOT = {"login": "github-actions[bot]", "type": "Bot"}
Answer = tuple[int, Any]


class FakeGitHub:
    """One repository. `refuse` answers what its pattern fits with a status; `lose` does it, and answers with 502."""

    def __init__(self) -> None:
        self.url = ""
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.artifacts: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.refuse: list[tuple[str, int, dict[str, str]]] = []
        self.lose: list[str] = []
        self.login: str | None = None
        self._number = 1000
        self._lock = threading.Lock()

    def number(self) -> int:
        self._number += 1
        return self._number

    def write(self, number: int, body: str, user: Mapping[str, str] = BOT) -> dict[str, Any]:
        """A comment on an issue or a pull request."""
        id = self.number()
        made = {
            "id": id,
            "issue": number,
            "body": body,
            "user": dict(user),
            "html_url": f"https://github.test/{REPOSITORY}/issues/{number}#c{id}",
        }
        self.comments.append(made)
        return made

    def on(self, number: int) -> list[dict[str, Any]]:
        return [it for it in self.comments if it["issue"] == number]

    def keep(self, run: int, name: str, files: Mapping[str, bytes]) -> None:
        """An artifact, as its upload leaves it."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, data in files.items():
                archive.writestr(file, data)
        self.artifacts.append(
            {"id": self.number(), "run": run, "name": name, "expired": False, "data": packed.getvalue()}
        )

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        with self._lock:
            for pattern, call in ROUTES.items():
                verb, _, place = pattern.partition(" ")
                if verb == method and (found := re.fullmatch(place, path)):
                    return call(self, query, body, *found.groups())
        return 404, {"message": "Not Found"}

    # What is asked for

    def _user(self, _: Any, __: Any) -> Answer:
        if self.login is None:
            return 403, {"message": "Resource not accessible by integration"}
        return 200, {"login": self.login}

    def _comments(self, _: Any, __: Any, number: str) -> Answer:
        return 200, self.on(int(number))

    def _comment(self, _: Any, body: Any, number: str) -> Answer:
        if len(body["body"]) > 65_536:
            return 422, {"message": "body is too long (maximum is 65536 characters)"}
        return 201, self.write(int(number), body["body"])

    def _edit_comment(self, _: Any, body: Any, id: str) -> Answer:
        (there,) = [it for it in self.comments if it["id"] == int(id)]
        if there["user"] != BOT:
            return 403, {"message": "not yours"}
        there["body"] = body["body"]
        return 200, there

    def _issues(self, query: Mapping[str, str], _: Any) -> Answer:
        state = query.get("state", "open")
        return 200, [it for it in self.issues if it["state"] == state]

    def _open(self, _: Any, body: Any) -> Answer:
        number = self.number()
        url = f"https://github.test/{REPOSITORY}/issues/{number}"
        made = {**body, "number": number, "state": "open", "user": BOT, "html_url": url}
        self.issues.append(made)
        return 201, made

    def _edit_issue(self, _: Any, body: Any, number: str) -> Answer:
        (there,) = [it for it in self.issues if it["number"] == int(number)]
        there.update(body)
        return 200, there

    def _pulls(self, _: Any, __: Any, commit: str) -> Answer:
        return 200, [it for it in self.pulls if commit in (it["head"]["sha"], it["merge_commit_sha"])]

    def _runs(self, query: Mapping[str, str], _: Any) -> Answer:
        found = [it for it in self.runs if it["head_sha"] == query["head_sha"] and it["event"] == query["event"]]
        size, page = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
        return 200, {"total_count": len(found), "workflow_runs": found[::-1][(page - 1) * size : page * size]}

    def _artifacts(self, query: Mapping[str, str], _: Any, run: str) -> Answer:
        found = [it for it in self.artifacts if it["run"] == int(run) and it["name"] == query.get("name", it["name"])]
        shown = [{key: it[key] for key in ("id", "name", "expired")} for it in found]
        return 200, {"total_count": len(found), "artifacts": shown}

    def _zip(self, _: Any, __: Any, id: str) -> Answer:
        return 302, f"{self.url}/blobs/{id}"

    def _blob(self, _: Any, __: Any, id: str) -> Answer:
        return 200, next(it["data"] for it in self.artifacts if it["id"] == int(id))


HERE = f"/repos/{REPOSITORY}"
ROUTES: dict[str, Callable[..., Answer]] = {
    "GET /user": FakeGitHub._user,
    rf"GET {HERE}/issues/(\d+)/comments": FakeGitHub._comments,
    rf"POST {HERE}/issues/(\d+)/comments": FakeGitHub._comment,
    rf"PATCH {HERE}/issues/comments/(\d+)": FakeGitHub._edit_comment,
    f"GET {HERE}/issues": FakeGitHub._issues,
    f"POST {HERE}/issues": FakeGitHub._open,
    rf"PATCH {HERE}/issues/(\d+)": FakeGitHub._edit_issue,
    rf"GET {HERE}/commits/(\w+)/pulls": FakeGitHub._pulls,
    f"GET {HERE}/actions/runs": FakeGitHub._runs,
    rf"GET {HERE}/actions/runs/(\d+)/artifacts": FakeGitHub._artifacts,
    rf"GET {HERE}/actions/artifacts/(\d+)/zip": FakeGitHub._zip,
    r"GET /blobs/(\d+)": FakeGitHub._blob,
}


class _Handler(BaseHTTPRequestHandler):
    github: FakeGitHub

    def do_GET(self) -> None:
        self._do()

    do_POST = do_PATCH = do_GET

    def _do(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        line = f"{self.command} {path}"
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.github.requests.append(line)
        signed = self.headers.get("authorization") == f"Bearer {TOKEN}"
        if path.startswith("/blobs/") == signed:
            return self._send(400 if signed else 401, {"message": "Bad credentials"})
        for index, (pattern, status, headers) in enumerate(self.github.refuse):
            if re.fullmatch(pattern, line):
                if headers:  # a limit passes
                    del self.github.refuse[index]
                return self._send(status, {"message": "Resource not accessible by integration"}, headers)
        status, said = self.github.answer(self.command, path, query, json.loads(data) if data else None)
        for index, pattern in enumerate(self.github.lose):
            if re.fullmatch(pattern, line):
                del self.github.lose[index]
                return self._send(502, {"message": "Bad Gateway"})
        if status == 302:
            return self._send(302, b"", {"location": said})
        return self._paged(path, query, said) if isinstance(said, list) else self._send(status, said)

    def _paged(self, path: str, query: Mapping[str, str], items: list[Any]) -> None:
        size, page = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
        more = len(items) > page * size
        link = {"link": f'<{self.github.url}{path}?page={page + 1}>; rel="next"'} if more else {}
        self._send(200, items[(page - 1) * size : page * size], link)

    def _send(self, status: int, said: Any, headers: Mapping[str, str] | None = None) -> None:
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "content-length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: `requests` has it."""


@contextmanager
def fake_github() -> Iterator[FakeGitHub]:
    made = FakeGitHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"github": made}))
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
