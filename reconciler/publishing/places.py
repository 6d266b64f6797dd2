"""Where a run of a pipeline is: its repository, its pull request, its own page, as runners tell by the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reconciler.errors import ReconcilerError
from reconciler.frozen import dataclass
from reconciler.publishing.hosts import CodeHost

__all__ = ["GitHubRun", "GitLabRun", "needed", "run_of"]

GITHUB, GITLAB = "https://api.github.com", "https://gitlab.com/api/v4"


def needed(environ: Mapping[str, str], name: str, what: str) -> str:
    """What a variable says, or an error that tells what it is for."""
    if value := environ.get(name, "").strip():
        return value
    raise ReconcilerError(f"{name} is not set: {what}")


def run_of(environ: Mapping[str, str]) -> tuple[str, str]:
    """(what tells this run from all others, a link to its page), without asking anybody; '' outside of a pipeline."""
    if number := environ.get("GITHUB_RUN_ID"):
        server, repository = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", "")
        run = f"{number}.{environ.get('GITHUB_RUN_ATTEMPT', '1')}"
        return run, f"[run {number}]({server}/{repository}/actions/runs/{number})"
    if job := environ.get("CI_JOB_URL"):
        return environ.get("CI_PIPELINE_ID", ""), f"[this job]({job})"
    return "", ""


@dataclass(frozen=True)
class GitHubRun:
    """A run on GitHub, or on what has its API."""

    host: CodeHost
    repository: str
    event: Mapping[str, Any]
    environ: Mapping[str, str]

    @classmethod
    def here(cls, environ: Mapping[str, str] = os.environ) -> GitHubRun:
        """As the runner says. The token is read here, and nowhere else."""
        token = needed(environ, "GITHUB_TOKEN", "give the step `env: {GITHUB_TOKEN: ${{ github.token }}}`")
        headers = {
            "accept": "application/vnd.github+json",
            "authorization": f"Bearer {token}",
            "x-github-api-version": "2022-11-28",
        }
        host = CodeHost(environ.get("GITHUB_API_URL") or GITHUB, "GITHUB_API_URL", headers, token)
        repository = needed(environ, "GITHUB_REPOSITORY", "say OWNER/NAME of the repository")
        return cls(host, repository, _event(environ.get("GITHUB_EVENT_PATH", "")), environ)

    @property
    def base(self) -> str:
        """Path of the repository."""
        owner, _, name = self.repository.partition("/")
        return f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"

    def pull_request(self) -> int | None:
        """The pull request that this is about: of the event, or the one that the pushed commit has merged."""
        for place in ("pull_request", "issue"):
            if isinstance(number := (self.event.get(place) or {}).get("number"), int):
                return number
        if self.environ.get("GITHUB_EVENT_NAME", "push") != "push":  # a nightly run is not about the last merge
            return None
        merged = self.merged()
        return int(merged["number"]) if merged else None

    def merged(self) -> Mapping[str, Any] | None:
        """The pull request whose merge made the commit that is run on; None when it was pushed by itself."""
        commit = self.environ.get("GITHUB_SHA", "")
        if not commit:
            return None
        pulls = self.host.all(f"{self.base}/commits/{quote(commit, safe='')}/pulls")
        return next((it for it in pulls if it.get("merged_at") and it.get("merge_commit_sha") == commit), None)


@dataclass(frozen=True)
class GitLabRun:
    """A job of a pipeline of GitLab."""

    host: CodeHost
    base: str
    merge_request: str

    @classmethod
    def here(cls, environ: Mapping[str, str] = os.environ) -> GitLabRun:
        """As the runner says. The job's own token may not write notes, so a token of the project is needed."""
        token = needed(environ, "GITLAB_TOKEN", "a project access token with the scope `api`, as a masked variable")
        host = CodeHost(environ.get("CI_API_V4_URL") or GITLAB, "CI_API_V4_URL", {"private-token": token}, token)
        project = needed(environ, "CI_PROJECT_ID", "run in a pipeline, or give the number of the project")
        return cls(host, f"/projects/{quote(project, safe='')}", environ.get("CI_MERGE_REQUEST_IID", ""))


def _event(path: str) -> Mapping[str, Any]:
    if not path:
        return {}
    try:
        said = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReconcilerError(f"GITHUB_EVENT_PATH: {path} cannot be read as JSON ({error})") from error
    return said if isinstance(said, dict) else {}
