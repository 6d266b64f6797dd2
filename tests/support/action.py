"""Runs the composite action as a runner does: its steps in order, their conditions, what they leave for the next."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.commandline import CHECKOUT
from tests.support.github import REPOSITORY, TOKEN, FakeGitHub

__all__ = ["ACTION", "Ran", "run_action"]

ACTION = CHECKOUT / ".github/actions/reconciler"
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")
TERM = re.compile(r"(\S+) (==|!=) '(.*)'")


@dataclass
class Ran:
    """What a job came to."""

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str


@dataclass
class _Runner:
    context: dict[str, Any]
    github: FakeGitHub
    run: int
    temp: Path
    environ: dict[str, str]
    log: list[str] = field(default_factory=list)
    failed: int = 0

    def value(self, path: str) -> str:
        found: Any = self.context
        for name in path.split("."):
            found = (found or {}).get(name)
        return "" if found is None else str(found)

    def filled(self, text: Any) -> str:
        return EXPRESSION.sub(lambda found: self.value(found[1]), str(text))

    def wanted(self, condition: str) -> bool:
        terms = condition.split(" && ") if condition else []
        if self.failed and "always()" not in terms:
            return False
        for term in terms:
            if term != "always()":
                found = TERM.fullmatch(term)
                assert found, f"not understood: {term}"
                if (self.value(found[1]) == found[3]) != (found[2] == "=="):
                    return False
        return True

    def step(self, step: Mapping[str, Any]) -> None:
        if step.get("uses", "").startswith("actions/upload-artifact@"):
            files = [Path(line) for line in self.filled(step["with"]["path"]).split("\n") if line]
            kept = {path.name: path.read_bytes() for path in files}
            self.github.keep(self.run, self.filled(step["with"]["name"]), kept)
        elif "run" in step and step.get("id") != "install":
            assert "${{" not in step["run"], "an expression in a script is a script of whoever fills it"
            self.shell(step)

    def shell(self, step: Mapping[str, Any]) -> None:
        given = {name: self.filled(value) for name, value in step.get("env", {}).items()}
        outputs = self.temp / "outputs"
        outputs.write_text("")
        environ = {**self.environ, "GITHUB_OUTPUT": str(outputs), **given}
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
            env=environ,
            cwd=environ["GITHUB_WORKSPACE"],
            capture_output=True,
            text=True,
            check=False,
        )
        self.log.append(done.stdout + done.stderr)
        self.failed = self.failed or done.returncode
        self.context["steps"][step.get("id", "")] = {"outputs": _outputs(outputs.read_text())}


def _outputs(text: str) -> dict[str, str]:
    found, lines = {}, iter(text.splitlines())
    for line in lines:
        if match := re.fullmatch(r"([\w-]+)<<(end-\w+)", line):
            held: list[str] = []
            while (held_line := next(lines)) != match[2]:
                held.append(held_line)
            found[match[1]] = "\n".join(held)
        else:
            name, _, found[name] = line.partition("=")
    return found


def run_action(
    inputs: Mapping[str, str],
    *,
    github: FakeGitHub,
    workspace: Path,
    temp: Path,
    event: str,
    payload: Mapping[str, Any],
    commit: str,
    environ: Mapping[str, str],
) -> Ran:
    """One job with the action as its only step, on a checkout."""
    action = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    given = {name: str(it.get("default", "")) for name, it in action["inputs"].items()}
    assert set(inputs) <= set(given), "an input that there is not"
    run = github.number()
    temp = temp / str(run)
    (temp / "reconciler").mkdir(parents=True)
    (temp / "reconciler/bin").symlink_to(Path(sys.executable).parent)
    (temp / "event.json").write_text(json.dumps(payload))
    (temp / "summary.md").write_text("")
    told = {
        "GITHUB_ACTION_PATH": str(ACTION),
        "GITHUB_API_URL": github.url,
        "GITHUB_EVENT_NAME": event,
        "GITHUB_EVENT_PATH": str(temp / "event.json"),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_RUN_ID": str(run),
        "GITHUB_SERVER_URL": "https://github.test",
        "GITHUB_SHA": commit,
        "GITHUB_STEP_SUMMARY": str(temp / "summary.md"),
        "GITHUB_WORKSPACE": str(workspace),
        "RUNNER_TEMP": str(temp),
        "CI": "true",
    }
    base = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "XDG_CACHE_HOME", "HOME") if name in os.environ}
    context = {"github": {"event": payload, "token": TOKEN}, "inputs": {}, "steps": {}}
    runner = _Runner(context, github, run, temp, {**base, **told, **environ})
    context["inputs"] = {name: runner.filled(value) for name, value in {**given, **inputs}.items()}
    github.runs.append(
        {
            "id": run,
            "event": event,
            "head_sha": payload["pull_request"]["head"]["sha"] if event == "pull_request" else commit,
            "head_repository": {"full_name": REPOSITORY},
        }
    )
    for step in action["runs"]["steps"]:
        if runner.wanted(step.get("if", "")):
            runner.step(step)
    outputs = {name: runner.filled(it["value"]) for name, it in action["outputs"].items()}
    return Ran(runner.failed, "".join(runner.log), outputs, (temp / "summary.md").read_text())
