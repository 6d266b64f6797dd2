"""What those who work on it are given: one list of commands, versions that were tried, hooks, and what is measured."""

from __future__ import annotations

import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.commandline import CHECKOUT

PYPROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE))


def required() -> list[Requirement]:
    """All that is installed for `make test`, by pyproject.toml."""
    project = PYPROJECT["project"]
    given = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    return [one for one in map(Requirement, given) if one.name != project["name"]]


def constraints() -> dict[str, str]:
    lines = (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+]+)", line) for line in lines]
    assert [line for line, match in zip(lines, pinned, strict=True) if match is None] == []
    return {canonicalize_name(match[1]): match[2] for match in pinned if match}


@pytest.mark.parametrize("requirement", required(), ids=lambda one: one.name)
def test_each_dependency_has_a_version_that_was_tried_and_is_allowed(requirement: Requirement) -> None:
    version = constraints()[canonicalize_name(requirement.name)]

    assert requirement.specifier.contains(version, prereleases=True)


def test_ci_installs_the_versions_that_were_tried_and_nobody_else() -> None:
    def installs(**variables: str) -> list[str]:
        given = [f"{name}={value}" for name, value in variables.items()]
        planned = subprocess.run(
            ["make", "-n", "-B", "test", *given], cwd=CHECKOUT, capture_output=True, text=True, check=True
        )
        return [line for line in planned.stdout.splitlines() if "pip install" in line]

    assert all("-c constraints.txt" in line for line in installs(CI="true"))
    assert installs(CI="true") and not any("constraints" in line for line in installs(CI=""))


def test_every_target_is_told_by_help() -> None:
    helped = subprocess.run(["make", "-s", "help"], cwd=CHECKOUT, capture_output=True, text=True, check=True)

    told = re.findall(r"^make ([a-z-]+) +\S", helped.stdout, flags=re.MULTILINE)
    assert set(told) == TARGETS
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert told == phony.split()


def test_pages_name_only_targets_that_there_are() -> None:
    """In code: what stands in the prose of a page may be the verb."""
    pages = [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"), *(CHECKOUT / "examples").rglob("*.md")]

    named = {
        (page.name, target)
        for page in pages
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }

    assert {target for page, target in named if page == "README.md"} >= {"demo", "test"}
    assert {(page, target) for page, target in named if target not in TARGETS} == set()


@pytest.mark.parametrize("target", ["fast", "coverage"])
def test_the_files_of_a_part_of_the_suite_are_there(target: str) -> None:
    planned = subprocess.run(["make", "-n", target], cwd=CHECKOUT, capture_output=True, text=True, check=True)

    files = re.findall(r"tests/\S+\.py", planned.stdout)
    assert files and [file for file in files if not (CHECKOUT / file).is_file()] == []


def test_ci_runs_what_make_has() -> None:
    ran = re.findall(r"^make ([a-z-]+)$", (CHECKOUT / ".ci/run").read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert ran and set(ran) <= TARGETS


def test_what_is_measured_is_what_may_do_no_io() -> None:
    contracts: list[dict[str, Any]] = PYPROJECT["tool"]["importlinter"]["contracts"]
    (pure,) = (each for each in contracts if each["name"] == "What decides does no I/O")

    assert PYPROJECT["tool"]["coverage"]["run"]["source_pkgs"] == pure["source_modules"], "name it in both"
    assert PYPROJECT["tool"]["coverage"]["report"]["fail_under"] >= 90


@pytest.mark.skipif(not (CHECKOUT / ".git").exists(), reason="an archive has no list of what is kept")
def test_nothing_is_kept_that_a_run_makes() -> None:
    listed = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]

    assert subprocess.run(listed, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout == ""


def test_hooks_run_what_there_is() -> None:
    config = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (local,) = (repo for repo in config["repos"] if repo["repo"] == "local")
    entries = [hook["entry"].split() for hook in local["hooks"]]

    for program, *arguments in entries:
        assert program in (".venv/bin/ruff", ".venv/bin/python")
        for argument in arguments:
            file, _, name = argument.partition("::")
            if name:
                assert f"def {name}(" in (CHECKOUT / file).read_text(encoding="utf-8")
