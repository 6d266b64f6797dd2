"""A team's week, whole: a branch, its plan in a comment, the merge, drift by hand, the issue about it, and its end.

The repository is git's, the account is the emulator's on a socket, the code host a fake on another; the action is run
as a runner runs it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.action import Ran, run_action
from tests.support.commandline import CHECKOUT
from tests.support.github import REPOSITORY, TOKEN, FakeGitHub, fake_github
from tests.support.served import KEY, Place, place

pytestmark = pytest.mark.slow

STACK = """\
stack: archive
provider: twelvelabs
assets:
  final: {file: final.mp4, metadata: {league: %s}}
"""
SOMEBODY = {"login": "octocat", "type": "User"}


class Team:
    """A repository with one stack, and what its workflows do."""

    def __init__(self, here: Place, github: FakeGitHub, directory: Path) -> None:
        self.here, self.github, self.temp = here, github, directory / "runners"
        self.work = directory / "work"
        (self.work / "stacks/archive").mkdir(parents=True)
        self.stack = self.work / "stacks/archive/stack.yaml"
        self.git("init", "-q", "-b", "main")
        self.environ = {
            "TWELVELABS_API_KEY": KEY,
            "TWELVELABS_BASE_URL": here.served.url,
            "RECONCILER_STATE": f"sqlite:///{directory / 'state.db'}",
            "NO_PROXY": "127.0.0.1",
        }

    def git(self, *args: str) -> str:
        who = ("-c", "user.name=Ines", "-c", "user.email=ines@example.org")
        done = subprocess.run(["git", *who, *args], cwd=self.work, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, text: str, why: str) -> str:
        self.stack.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", why)
        return self.git("rev-parse", "HEAD")

    def action(self, command: str, event: str, payload: Mapping[str, Any], **inputs: str) -> Ran:
        given = {"command": command, "path": "stacks/archive", "args": "--poll-interval\n0\n", **inputs}
        ran = run_action(
            {name.replace("_", "-"): value for name, value in given.items()},
            github=self.github,
            workspace=self.work,
            temp=self.temp,
            event=event,
            payload=payload,
            commit=self.git("rev-parse", "HEAD"),
            environ=self.environ,
        )
        assert TOKEN not in ran.log + ran.summary and KEY not in ran.log + ran.summary
        return ran

    def pushed(self, commit: str, repository: str = REPOSITORY) -> Ran:
        """What the push to the branch of pull request 7 starts."""
        head = {"sha": commit, "repo": {"full_name": repository}}
        self.github.pulls = [{"number": 7, "merged_at": None, "merge_commit_sha": None, "head": head}]
        return self.action("plan", "pull_request", {"pull_request": {"number": 7, "head": head}})

    def merged(self, **inputs: str) -> Ran:
        """What merging pull request 7 starts."""
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", "--no-ff", "-m", "Merge pull request 7", "branch")
        self.github.pulls[0] |= {"merged_at": "2026-11-28", "merge_commit_sha": self.git("rev-parse", "HEAD")}
        return self.action("apply", "push", {}, **inputs)

    def night(self) -> Ran:
        return self.action("drift", "schedule", {}, drift_issue="true", issue_labels="drift\nnightly")

    def by_hand(self, asset: str, league: str) -> None:
        """What somebody does in the console of the vendor."""
        said = {"user_metadata": {"league": league}}
        self.here.api.patch(f"assets/{asset}/user-metadata", json=said).raise_for_status()

    def comments(self) -> list[str]:
        """Ours, on the pull request."""
        return [it["body"] for it in self.github.on(7) if it["user"] != SOMEBODY]


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    (tmp_path / "account").mkdir()
    with place(tmp_path / "account") as here, fake_github() as github:
        made = Team(here, github, tmp_path)
        shutil.copy(CHECKOUT / "examples/quickstart/media/final.mp4", made.work / "stacks/archive")
        made.commit(STACK % "northern", "A stack")
        made.git("checkout", "-q", "-b", "branch")
        yield made


def test_from_a_branch_to_an_account_in_sync(team: Team) -> None:
    first = team.pushed(team.commit(STACK % "eastern", "East"))
    assert first.code == 0, first.log
    assert first.outputs["to-create"] == "1" and first.outputs["failure-reason"] == ""
    (comment,) = team.comments()
    assert "Plan: 1 to create" in comment and "eastern" in comment
    assert first.outputs["comment-url"] == team.github.on(7)[0]["html_url"]
    assert "Plan: 1 to create" in first.summary

    for index in range(230):
        team.github.write(7, f"comment {index}", SOMEBODY)
    second = team.pushed(team.commit(STACK % "southern", "South"))
    assert second.code == 0, second.log
    (comment,) = team.comments()
    assert "southern" in comment and "eastern" not in comment

    assert team.here.objects("assets") == []
    applied = team.merged()
    assert applied.code == 0, applied.log
    assert [it["user_metadata"]["league"] for it in team.here.objects("assets")] == ["southern"]
    (comment,) = team.comments()
    assert "### Apply of" in comment and "### Plan for" not in comment
    quiet = team.night()
    assert (quiet.code, team.github.issues) == (0, []), quiet.log

    (asset,) = team.here.objects("assets")
    team.by_hand(asset["_id"], "by hand")
    night = team.night()
    assert night.code == 2, night.log
    (issue,) = team.github.issues
    assert issue["labels"] == ["drift", "nightly"] and "by hand" in issue["body"]
    assert night.outputs["issue-url"] == issue["html_url"] and night.outputs["drift-count"] == "1"
    assert "::warning file=stacks/archive/stack.yaml,line=4" in night.log
    assert team.night().code == 2 and team.github.on(issue["number"]) == []

    repaired = team.action("apply", "workflow_dispatch", {}, require_plan="false")
    assert repaired.code == 0, repaired.log
    assert team.night().code == 0
    assert issue["state"] == "closed"
    assert len(team.comments()) == 1


def test_a_refusal_and_bad_yaml_replace_the_green_comment(team: Team) -> None:
    team.pushed(team.commit(STACK % "eastern", "East"))
    assert team.merged().code == 0
    team.git("checkout", "-q", "branch")
    green = team.pushed(team.git("rev-parse", "HEAD"))
    assert green.code == 0 and "No changes" in team.comments()[0], green.log

    bad = team.pushed(team.commit(STACK.replace("{league: %s}", "{league: [}"), "A slip"))
    assert (bad.code, bad.outputs["failure-reason"]) == (1, "invalid")
    (comment,) = team.comments()
    assert "No changes" not in comment and "stacks/archive/stack.yaml:4" in comment
    assert "::error file=stacks/archive/stack.yaml,line=4" in bad.log

    none = "stack: archive\nprovider: twelvelabs\nassets: {}\nguards: {max_deletes: 0}\n"
    refused = team.pushed(team.commit(none, "Too much"))
    assert (refused.code, refused.outputs["failure-reason"]) == (3, "refused"), refused.log
    assert refused.outputs["refused"] == "true" and refused.outputs["plan-path"] == ""
    (comment,) = team.comments()
    assert "Refused by a guard: nothing is done." in comment


def test_a_plan_that_moved_is_not_applied_and_the_comment_says_so(team: Team) -> None:
    team.pushed(team.commit(STACK % "eastern", "East"))
    (team.work / "stacks/archive/more.yaml").write_text("assets:\n  more: {url: 'https://example.org/a.mp4'}\n")
    team.git("checkout", "-q", "main")
    team.git("add", "-A")
    team.git("commit", "-q", "-m", "In between")

    stale = team.merged()

    assert (stale.code, stale.outputs["failure-reason"]) == (6, "stale"), stale.log
    (comment,) = team.comments()
    assert "### Not applied: the plan for `stacks/archive` is stale" in comment and team.here.objects("assets") == []
    assert "Plan: 2 to create" in comment.partition("#### What would be done now")[2]


def test_without_a_saved_plan_nothing_is_applied(team: Team) -> None:
    team.pushed(team.commit(STACK % "eastern", "East"))
    team.github.artifacts.clear()

    refused = team.merged()

    assert refused.code == 3, refused.log
    assert team.here.objects("assets") == []
    assert "kept an artifact reconciler-plan-stacks-archive" in team.comments()[0]


def test_of_a_fork_the_yaml_is_checked_and_nothing_else_done(team: Team) -> None:
    commit = team.commit(STACK % "eastern", "East")
    before = len(team.here.served.emulator.journal.entries)

    good = team.pushed(commit, "stranger/archive")
    bad = team.pushed(team.commit(STACK.replace("assets", "asets") % "x", "A slip"), "stranger/archive")

    assert (good.code, bad.code) == (0, 1), good.log
    assert len(team.here.served.emulator.journal.entries) == before
    assert team.github.artifacts == [] and "asets" in bad.summary
    assert team.comments() == [] and "::error file=stacks/archive/stack.yaml,line=3" in bad.log
