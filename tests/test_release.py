"""A release: a tag is its version, what runs beside the right to publish is pinned, and a package names its home."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml

from reconciler import __version__
from tests.support.commandline import CHECKOUT

WORKFLOW = CHECKOUT / ".github/workflows/release.yml"
JOBS: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]


@pytest.mark.parametrize(
    ("tag", "code"), [(f"v{__version__}", 0), (__version__, 1), (f"v{__version__}.1", 1), ("v9.9.9", 1)]
)
def test_a_tag_that_is_not_the_version_ends_the_release(tag: str, code: int) -> None:
    (run,) = [step["run"] for step in STEPS if step.get("name") == "The tag is the version"]

    done = subprocess.run(
        ["bash", "-e", "-c", run],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "GITHUB_REF_NAME": tag},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert (f"the tag is {tag}" in done.stdout) == bool(code)


def test_actions_are_pinned_to_commits_and_their_versions_are_told() -> None:
    used = re.findall(r"uses: (\S+)(.*)$", WORKFLOW.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert len(used) == len([step for step in STEPS if "uses" in step]) > 0
    assert [it for it in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", "".join(it))] == []


def test_only_the_job_that_publishes_may_and_it_runs_nothing_else() -> None:
    whole = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))

    assert whole["permissions"] == {}
    assert JOBS["build"]["permissions"] == {"contents": "read"}
    assert JOBS["publish"]["permissions"] == {"id-token": "write"}
    assert JOBS["publish"]["environment"] == "pypi" and JOBS["publish"]["needs"] == "build"
    assert [step for step in JOBS["publish"]["steps"] if "run" in step] == []
    assert "secrets." not in WORKFLOW.read_text(encoding="utf-8")


def test_the_distribution_is_called_as_the_pages_say_and_names_no_home_that_is_not_its_own() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["name"] == "video-reconciler" and project["scripts"] == {"reconciler": "reconciler.cli:main"}
    assert project["authors"] and "urls" in project["dynamic"]


@pytest.mark.parametrize(
    ("given", "home"),
    [
        ({}, None),
        ({"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "some/one"}, "https://github.com/some/one"),
    ],
)
def test_the_links_of_a_package_are_those_of_the_repository_that_builds_it(
    given: dict[str, str], home: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hatchling.metadata.core import ProjectMetadata
    from hatchling.plugin.manager import PluginManager

    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    urls = ProjectMetadata(str(CHECKOUT), PluginManager()).core.urls

    assert urls.get("Source") == home
    assert all(str(url).startswith(str(home)) for url in urls.values())
