"""The plan that a pull request was judged by, found again when it has been merged: an artifact of its last run.

Whoever opens a pull request from a fork chooses what runs there and what it leaves behind, so only runs of branches of
this very repository count. A plan is sealed with the account's key besides: `apply` believes no other.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.errors import Refused
from reconciler.publishing.places import GitHubRun

__all__ = ["artifact_of", "plan_of_merge"]

LARGEST = 256 << 20
"""Bytes of an artifact, packed or not."""


def artifact_of(label: str) -> str:
    """What the artifact of a label is called: in its name some signs may not be."""
    kept = "".join(char if char.isalnum() or char in "._-" else "-" for char in label)
    return f"reconciler-plan-{kept.strip('-.') or 'stack'}"


def plan_of_merge(run: GitHubRun, label: str, name: str = "plan.json") -> bytes:
    """The saved plan of the pull request whose merge is run on. Raises Refused when there is none, and says why."""
    if (event := run.environ.get("GITHUB_EVENT_NAME", "push")) != "push":  # by hand, on a commit that was merged once
        raise Refused([f"this run was started by {event} and not by a merge, so there is no plan that belongs to it"])
    pull = run.merged()
    if pull is None:
        raise Refused(["this commit was not made by merging a pull request, so no plan was saved for it"])
    head = pull["head"]
    called = f"pull request {pull['number']}"
    if (head.get("repo") or {}).get("full_name") != run.repository:
        raise Refused([f"{called} came from a fork, for which no plan is made: plan again on this branch"])
    wanted = artifact_of(label)
    for made in _runs(run, head["sha"]):
        if artifact := _newest(run, made, wanted):
            path = f"{run.base}/actions/artifacts/{artifact['id']}/zip"
            return _unpacked(run.host.download(path, LARGEST), name, wanted)
    raise Refused(
        [f"{called}: no run of {head['sha'][:12]} kept an artifact {wanted}; is it too old, or another label?"]
    )


def _runs(run: GitHubRun, commit: str) -> Iterator[Mapping[str, Any]]:
    """Runs of the last commit of the pull request, the newest first; of this repository, whoever the API lists."""
    path = f"{run.base}/actions/runs"
    for it in run.host.all(path, within="workflow_runs", head_sha=commit, event="pull_request"):
        if it["head_sha"] == commit and (it.get("head_repository") or {}).get("full_name") == run.repository:
            yield it


def _newest(run: GitHubRun, made: Mapping[str, Any], wanted: str) -> Mapping[str, Any] | None:
    found = run.host.get(f"{run.base}/actions/runs/{made['id']}/artifacts", name=wanted, per_page=100)["artifacts"]
    usable = [it for it in found if it["name"] == wanted and not it["expired"]]
    return max(usable, key=lambda it: int(it["id"]), default=None)


def _unpacked(data: bytes, name: str, artifact: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if packed.getinfo(name).file_size > LARGEST:
                raise Refused([f"{artifact}: {name} is bigger than {LARGEST >> 20} MB, which no plan is"])
            return packed.read(name)
    except (KeyError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:  # the last: with a password
        raise Refused([f"{artifact}: there is no {name} in it that can be read"]) from error
