"""What is published: one comment, one issue, annotations and a summary; against a fake of GitHub on a socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.publishing.marks import Message, facts_of, is_ours
from reconciler.publishing.runner import annotation_lines
from reconciler.publishing.told import RunTold
from tests.support.commandline import Said, reconciler
from tests.support.github import REPOSITORY, TOKEN, FakeGitHub, fake_github

SOMEBODY = {"login": "octocat", "type": "User"}


def change(address: str, *paths: str, action: str = "update") -> dict[str, Any]:
    deltas = [{"path": path, "before": 1, "after": 2} for path in paths]
    where = {"file": "stacks/a, b:c.yaml", "line": 4, "column": 3}
    return {"address": address, "kind": "Asset", "action": action, "reason": "", "deltas": deltas, "where": where}


def plan(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "plan", "path": "stacks", "stack": "sports", "changes": list(changes), "diagnostics": [], **more}


def drift(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "drift", "path": "stacks", "stack": "sports", "drift": list(changes), "diagnostics": [], **more}


def error(summary: str = "unknown field", **more: Any) -> dict[str, Any]:
    problem = {"severity": "error", "summary": summary, "address": "assets/a", "file": "s.yaml", "line": 3, "column": 5}
    return {"kind": "error", "reason": "invalid", "path": "stacks", "diagnostics": [{**problem, **more}]}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("reconciler.publishing.hosts.CodeHost.__init__.__kwdefaults__", {"sleep": lambda _: None})


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with fake_github() as made:
        yield made


class Job:
    """A job of a workflow that is run for pull request 7."""

    def __init__(self, github: FakeGitHub, directory: Path) -> None:
        self.github, self.directory = github, directory
        self.event = directory / "event.json"
        self.event.write_text(json.dumps({"pull_request": {"number": 7}}))
        self.run = 1

    def publish(self, result: dict[str, Any] | None, *args: str, text: str = "### Plan", **env: str) -> Said:
        file = self.directory / "result.json"
        for path in (file, file.with_suffix(".md")):
            path.unlink(missing_ok=True)
        if result is not None:
            file.write_text(json.dumps(result))
            file.with_suffix(".md").write_text(text)
        given = {
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_EVENT_PATH": str(self.event),
            "GITHUB_RUN_ID": str(self.run),
            "GITHUB_SERVER_URL": "https://github.test",
            "GITHUB_STEP_SUMMARY": str(self.directory / "summary.md"),
            "GITHUB_OUTPUT": str(self.directory / "outputs"),
            "NO_COLOR": "1",
        }
        said = reconciler("publish", file, *args, cwd=self.directory, env={**given, **env})
        assert TOKEN not in said.out + said.err
        self.run += 1
        return said

    def comment(self, result: dict[str, Any] | None, *args: str, **more: str) -> Said:
        return self.publish(result, "--to", "github-comment", *args, **more)

    def issue(self, result: dict[str, Any] | None, *args: str) -> Said:
        return self.publish(result, "--to", "github-issue", *args)

    def outputs(self) -> dict[str, str]:
        lines = iter((self.directory / "outputs").read_text().splitlines())
        found = {}
        for line in lines:
            name, _, end = line.partition("<<")
            found[name] = "\n".join(takewhile(end.__ne__, lines))
        return found


@pytest.fixture
def job(github: FakeGitHub, tmp_path: Path) -> Job:
    return Job(github, tmp_path)


@contextmanager
def says(answer: bytes) -> Iterator[str]:
    """A server that says one thing, whatever it is asked."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            self.request.sendall(answer)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


# Comments


def test_a_second_run_edits_the_comment_behind_all_others(job: Job, github: FakeGitHub) -> None:
    job.comment(plan(change("assets/a")), text="### First")
    for index in range(230):
        github.write(7, f"comment {index}", SOMEBODY)
    ours = github.write(7, Message("comment", "stacks", "old").body(999))  # as one on the third page

    said = job.comment(plan(change("assets/a")), text="### Second")

    assert (said.code, said.out) == (0, "")
    assert len(github.on(7)) == 232
    assert "### Second" in ours["body"] and "### Second" not in github.on(7)[0]["body"]
    assert github.requests.count(f"GET /repos/{REPOSITORY}/issues/7/comments") == 1 + 3


def test_another_label_is_another_comment(job: Job, github: FakeGitHub) -> None:
    job.comment(plan(), "--label", "one")
    job.comment(plan(), "--label", "two")
    job.comment(plan(), "--label", "one", text="### Again")

    assert ["### Again" in it["body"] for it in github.on(7)] == [True, False]


def test_a_mark_of_somebody_else_or_a_quotation_is_not_ours(job: Job, github: FakeGitHub) -> None:
    marked = Message("comment", "stacks", "mine").body(999)
    github.write(7, marked, SOMEBODY)
    github.write(7, f"> what it said\n{marked}")

    job.comment(plan())

    assert len(github.on(7)) == 3
    assert [it["body"] for it in github.on(7)[:2]] == [marked, f"> what it said\n{marked}"]


def test_who_knows_its_name_edits_nothing_of_other_apps(job: Job, github: FakeGitHub) -> None:
    github.login = "reconciler-bot"
    other = github.write(7, Message("comment", "stacks", "of another app").body(999))

    job.comment(plan())

    assert len(github.on(7)) == 2 and "of another app" in other["body"]


@pytest.mark.parametrize("result", [error(), plan(refusals=["would delete 9"]), None], ids=["bad", "refused", "killed"])
def test_what_went_wrong_replaces_a_green_comment(job: Job, github: FakeGitHub, result: dict[str, Any] | None) -> None:
    job.comment(plan(), text="### Green")

    said = job.comment(result, "--when", "changes", "--label", "stacks", text="### Red")

    (only,) = github.on(7)
    assert said.code == 0
    assert "### Green" not in only["body"]
    assert ("### Red" in only["body"]) == (result is not None)
    assert ("left no result" in only["body"]) == (result is None)


def test_nothing_is_said_where_there_is_nothing_to_say(job: Job, github: FakeGitHub) -> None:
    job.comment(plan(), "--when", "changes")
    assert github.on(7) == []

    job.comment(plan(change("assets/a")), "--when", "changes")
    job.comment(plan(), "--when", "changes", text="### In sync")

    (only,) = github.on(7)
    assert "### In sync" in only["body"], "what is there is brought up to date"


def test_new_means_one_for_each_run(job: Job, github: FakeGitHub) -> None:
    job.comment(plan(), "--when", "new")
    job.comment(plan(), "--when", "new")

    assert len(github.on(7)) == 2


def test_a_lost_answer_makes_no_second_comment(job: Job, github: FakeGitHub) -> None:
    github.lose = [f"POST /repos/{REPOSITORY}/issues/7/comments"]

    assert job.comment(plan()).code == 0

    assert len(github.on(7)) == 1


def test_a_limit_is_waited_for(job: Job, github: FakeGitHub) -> None:
    github.refuse = [(r"POST .*/comments", 403, {"retry-after": "3"})]

    assert job.comment(plan()).code == 0
    assert len(github.on(7)) == 1


def test_the_token_of_a_fork_is_a_warning_and_the_summary_has_it(job: Job, github: FakeGitHub) -> None:
    github.refuse = [(r"(POST|PATCH) .*", 403, {})]

    said = job.publish(plan(), "--to", "github-comment", "--to", "github-summary", text="### The plan")

    assert said.code == 0
    assert "Warning: github-comment: the token may not write there" in said.err
    assert (job.directory / "summary.md").read_text() == "### The plan\n\n"


def test_two_jobs_of_a_run_with_one_label_are_an_error(job: Job) -> None:
    job.comment(plan(), "--label", "both")
    job.run = 1

    said = job.comment(plan(path="others"), "--label", "both")

    assert said.code == 1
    assert "used by two jobs of this run, for the stacks at stacks and others" in said.err


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (b"", "no answer (RemoteProtocolError)"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", "no answer (RemoteProtocolError)"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\noops", "no answer (DecodingError)"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>", "200, and the answer is no JSON"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]", "is this the address of the API?"),
    ],
)
def test_a_host_that_does_not_answer_as_it_should_is_an_error_and_no_traceback(
    job: Job, answer: bytes, what: str
) -> None:
    with says(answer) as url:
        said = job.comment(plan(), GITHUB_API_URL=url)

    assert said.code == 1 and "Error: github-comment: " in said.err and what in said.err


def test_a_report_that_does_not_fit_is_said_to(job: Job, github: FakeGitHub) -> None:
    job.comment(plan(), text="### Plan\n" + "x" * 70_000)

    (only,) = github.on(7)
    assert "### Plan" in only["body"] and "--limit 65000" in only["body"]


def test_a_push_is_told_on_the_pull_request_that_it_merged(job: Job, github: FakeGitHub) -> None:
    job.event.write_text("{}")
    head = {"sha": "b" * 40, "repo": {"full_name": REPOSITORY}}
    github.pulls = [{"number": 9, "merged_at": "2026", "merge_commit_sha": "a" * 40, "head": head}]

    job.comment(plan(), GITHUB_SHA="a" * 40)
    assert len(github.on(9)) == 1

    said = job.comment(plan(), GITHUB_SHA="b" * 40)
    assert len(github.on(9)) == 1 and "nothing to tell there" in said.err


def test_what_is_missing_is_said_with_what_to_do(job: Job, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]")
    said = reconciler("publish", tmp_path / "other.json", "--to", "github-summary")
    assert (said.code, "write one with `--report json=FILE`" in said.err) == (1, True)

    said = job.comment(plan(), GITHUB_TOKEN="")
    assert said.code == 1 and "GITHUB_TOKEN is not set" in said.err


# The issue about drift


def test_an_issue_is_opened_kept_closed_and_opened_again(job: Job, github: FakeGitHub) -> None:
    job.issue(drift())
    assert github.issues == []

    job.issue(drift(change("assets/a", "metadata.x")), "--issue-label", "drift", "--assignee", "ines")
    (issue,) = github.issues
    number = issue["number"]
    assert issue["title"] == "Drift in sports: 1 changed outside git"
    assert (issue["labels"], issue["assignees"]) == (["drift"], ["ines"])

    job.issue(drift(change("assets/a", "metadata.x")))
    assert github.on(number) == [], "the same set again tells nobody"

    job.issue(drift(change("assets/a", "metadata.x", "metadata.y")))
    assert ["not the same any more" in it["body"] for it in github.on(number)] == [True]

    job.issue(error())
    job.issue(None, "--label", "stacks")
    assert issue["state"] == "open", "nothing is concluded from a run that failed"

    job.issue(drift())
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    job.issue(drift())
    assert len(github.on(number)) == 2

    job.issue(drift(change("assets/a", "metadata.x")))
    assert issue["state"] == "open" and len(github.issues) == 1
    assert "Drift is back." in github.on(number)[-1]["body"]


def test_a_plan_is_not_an_issue(job: Job, github: FakeGitHub) -> None:
    said = job.issue(plan())

    assert said.code == 1 and github.issues == []
    assert "give that of `drift`" in said.err


def test_an_issue_behind_many_pull_requests_is_found(job: Job, github: FakeGitHub) -> None:
    user = {"login": "x[bot]", "type": "Bot"}
    marked = Message("issue", "stacks", "").body(999)
    github.issues = [
        {"number": n, "state": "open", "user": user, "body": marked, "pull_request": {}} for n in range(130)
    ]

    job.issue(drift(change("assets/a")))
    job.issue(drift(change("assets/a")))

    assert len(github.issues) == 131


# Annotations, outputs


def test_annotations_escape_what_others_have_written() -> None:
    bad = error("100% wrong\n::warning::mine", file="a,b:c%.yaml")

    (line,) = annotation_lines(RunTold(bad))

    assert line == ("::error file=a%2Cb%3Ac%25.yaml,line=3,col=5::assets/a: 100%25 wrong\\n::warning::mine")


def test_ten_of_each_and_the_destroyed_first() -> None:
    found = drift(*(change(f"assets/{n}", "x") for n in range(12)), change("assets/gone", action="delete"))

    lines = annotation_lines(RunTold(found))

    assert len(lines) == 11
    assert lines[0].endswith("::assets/gone: changed outside git")
    assert lines[-1] == "::notice::3 more: see the report of this run"


def test_outputs_are_what_later_steps_ask_for(job: Job, github: FakeGitHub) -> None:
    cost = {"cost": {"amount": 4.5, "currency": "USD"}}
    result = plan(change("assets/a"), change("assets/b", action="delete"), refusals=["no"], estimate=cost)

    job.publish(result, "--to", "github-outputs", "--to", "github-comment")

    said = job.outputs()
    asked = ("result", "changes", "to-update", "to-delete", "to-create", "refused", "cost", "currency")
    assert [said[name] for name in asked] == ["plan", "2", "1", "1", "0", "true", "4.5", "USD"]
    assert said["failure-reason"] == "refused"
    assert said["comment-url"] == github.on(7)[0]["html_url"]


# The plan of a pull request


def fetched(github: FakeGitHub, directory: Path) -> Said:
    """What `fetch-plan` says on the push that merged pull request 9."""
    given = {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": REPOSITORY}
    env = {**given, "GITHUB_SHA": "a" * 40, "GITHUB_EVENT_PATH": "", "NO_COLOR": "1"}
    return reconciler("fetch-plan", directory / "plan.json", "--label", "stacks/a", cwd=directory, env=env)


def merged(github: FakeGitHub, repository: str = REPOSITORY, runs: int = 1) -> None:
    """Pull request 9, merged, with as many runs of its last commit."""
    head = {"sha": "b" * 40, "repo": {"full_name": repository}}
    github.pulls = [{"number": 9, "merged_at": "2026", "merge_commit_sha": "a" * 40, "head": head}]
    made = {"head_sha": "b" * 40, "event": "pull_request", "head_repository": {"full_name": REPOSITORY}}
    github.runs = [{"id": number, **made} for number in range(1, runs + 1)]


def test_the_plan_of_a_merge_is_fetched_though_a_page_of_runs_kept_none(github: FakeGitHub, tmp_path: Path) -> None:
    merged(github, runs=101)
    github.keep(1, "reconciler-plan-stacks-a", {"plan.json": b"the plan"})

    said = fetched(github, tmp_path)

    assert (said.code, (tmp_path / "plan.json").read_bytes()) == (0, b"the plan")
    assert (tmp_path / "plan.json").stat().st_mode & 0o077 == 0
    assert github.requests.count(f"GET /repos/{REPOSITORY}/actions/runs") == 2


def damaged(packed: bytes, *, cut: bool) -> bytes:
    """An archive whose only file, of 8 bytes, is not what was packed, or says that it is bigger than it is."""
    broken = bytearray(packed)
    start = 30 + len("plan.json")
    if cut:
        listed = packed.index(b"PK\x01\x02")
        broken[listed + 20 : listed + 24] = (2**20).to_bytes(4, "little")
        broken[start] = 0x02  # a block that goes on behind the end
    else:
        broken[start : start + 4] = b"\xff\xff\xff\xff"
    return bytes(broken)


@pytest.mark.parametrize("data", [b"no archive", b"other.json", b"locked", b"broken", b"cut short"])
def test_an_artifact_without_a_plan_that_can_be_read_is_refused(
    github: FakeGitHub, tmp_path: Path, data: bytes
) -> None:
    merged(github)
    github.keep(1, "reconciler-plan-stacks-a", {"other.json" if data == b"other.json" else "plan.json": b"the plan"})
    (artifact,) = github.artifacts
    if data == b"no archive":
        artifact["data"] = data
    elif data == b"locked":  # the bit that says that it has a password, beside each of the two headers
        packed = bytearray(artifact["data"])
        packed[6] |= 1
        packed[packed.index(b"PK\x01\x02") + 8] |= 1
        artifact["data"] = bytes(packed)
    elif data in (b"broken", b"cut short"):  # its list is whole, and what it lists is not
        artifact["data"] = damaged(artifact["data"], cut=data == b"cut short")

    said = fetched(github, tmp_path)

    assert said.code == 3 and "reconciler-plan-stacks-a: there is no plan.json in it that can be read" in said.err
    assert not (tmp_path / "plan.json").exists()


def test_no_plan_of_a_fork_is_fetched(github: FakeGitHub, tmp_path: Path) -> None:
    merged(github, "somebody/archive")
    github.keep(1, "reconciler-plan-stacks-a", {"plan.json": b"the plan"})

    said = fetched(github, tmp_path)

    assert said.code == 3 and "came from a fork" in said.err and not (tmp_path / "plan.json").exists()


# Marks


@given(st.text(), st.text(), st.text())
def test_a_mark_is_read_as_it_was_written_and_ends_where_it_ends(label: str, other: str, path: str) -> None:
    body = Message("comment", label, "### Text", {"path": path}).body(10**6)

    first, second, third = body.split("\n")[:3]
    assert third == "### Text"
    assert [line.count("-->") + line.count("--") for line in (first, second)] == [3, 3]
    assert is_ours(body, "comment", label) and facts_of(body) == {"path": path}
    assert is_ours(body, "comment", other) == (label == other)
    assert not is_ours(body, "issue", label)
