"""Options out of the environment: which may come from there, and which are said on the line each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reconciler.cli import COMMANDS
from reconciler.cli import cli as group
from tests.support.commandline import CHECKOUT, reconciler

STACK = 'stack: told\nprovider: twelvelabs\nassets: {a: {url: "https://example.com/a.mp4"}}\n'


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    return tmp_path


def test_an_option_is_read_from_the_variable_of_its_command(stack: Path) -> None:
    said = reconciler("plan", "--emulator", stack, env={"RECONCILER_PLAN_FORMAT": "json"})
    flag = reconciler("plan", "--emulator", stack, env={"RECONCILER_PLAN_DETAILED_EXITCODE": "1"})
    line = reconciler("plan", "--emulator", stack, "--format", "text", env={"RECONCILER_PLAN_FORMAT": "json"})

    assert said.json["summary"]["create"] == 1
    assert flag.code == 2
    assert line.last_line.startswith("Plan: 1 to create")


def test_an_error_is_told_in_the_format_of_the_variable_too(stack: Path) -> None:
    (stack / "stack.yaml").write_text(STACK.replace("assets", "asets"), encoding="utf-8")

    said = reconciler("plan", "--emulator", stack, env={"RECONCILER_PLAN_FORMAT": "json"})
    line = reconciler("plan", "--emulator", stack, "--format", "text", env={"RECONCILER_PLAN_FORMAT": "json"})

    assert (said.code, said.json["errored"], line.out) == (1, True, "")


def test_a_value_that_does_not_fit_names_its_option(stack: Path) -> None:
    said = reconciler("plan", "--emulator", stack, env={"RECONCILER_PLAN_PARALLELISM": "many"})

    assert (said.code, "--parallelism" in said.err) == (1, True)


@pytest.mark.parametrize("name", ["AUTO_APPROVE", "ALLOW_DELETES", "ALLOW_REPLACE"])
def test_no_environment_agrees_to_anything(stack: Path, name: str) -> None:
    said = reconciler("apply", "--emulator", stack, env={f"RECONCILER_APPLY_{name}": "1"})

    assert (said.code, "there is no terminal to ask on" in said.err) == (1, True)


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Option]]:
    """(command, one of its options), with those of all commands below it."""
    yield from ((path, it) for it in command.params if isinstance(it, click.Option))
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{path} {name}")


def variables() -> dict[str, tuple[str, str]]:
    """Variable, or command and option where there is none → command and option."""
    context = click.Context(group)
    found = [it for name in COMMANDS for it in commands(group.get_command(context, name) or group, name)]
    return {str(option.envvar or f"{path} {option.opts[-1]}"): (path, option.opts[-1]) for path, option in found}


def test_what_agrees_or_says_where_is_said_on_the_line() -> None:
    """Written out: whoever adds an option that agrees to something, or names an account, adds it here."""
    said = {option for variable, (_, option) in variables().items() if not variable.startswith("RECONCILER_")}

    assert said == {
        *("--adopt", "--allow-cost", "--allow-deletes", "--allow-env", "--allow-foreign"),
        *("--allow-recreate", "--allow-replace", "--auto-approve", "--retry-failed", "--record", "--keep", "--add-to"),
        *("--destroy", "--emulator", "--endpoint", "--state", "--id", "--var", "--target", "--exclude", "--replace"),
        *("--repair", "--listen-anywhere"),
    }


def test_no_variable_means_two_things() -> None:
    others = {f"RECONCILER_{word}" for word in ("STATE", "ALLOW_ENV", "SOURCE", "COMPLETE", "VERSION")}
    named = [variable for variable in variables() if variable.startswith("RECONCILER_")]

    assert not others & set(named)
    assert not [variable for variable in named if variable.startswith("RECONCILER_VAR_")]  # what a stack may read
    for variable in named:
        path, option = variables()[variable]
        own = "_".join(("RECONCILER", *path.split(), option.lstrip("-"))).replace("-", "_").upper()
        shared = variable in ("RECONCILER_LOG", "RECONCILER_ALLOW_HTTP", "RECONCILER_NOTIFY")
        assert shared or variable == own or option.startswith("--no-") or len(option) == 2, (variable, path, option)


def test_a_version_that_a_job_installs_is_no_option(stack: Path) -> None:
    said = reconciler("plan", "--emulator", stack, env={"RECONCILER_VERSION": "1.2", "RECONCILER_PLAN_HELP": "1"})

    assert (said.code, said.last_line) == (0, "Plan: 1 to create, 0 to update, 0 to replace, 0 to delete.")


def test_several_values_stand_between_blanks(stack: Path) -> None:
    said = reconciler("plan", "--emulator", cwd=stack, env={"RECONCILER_PLAN_REPORT": "a.md json=b.json"})

    assert said.code == 0
    assert (stack / "a.md").exists()
    assert (stack / "b.json").exists()


def test_a_state_with_a_password_has_no_second_name(stack: Path) -> None:
    said = reconciler("plan", "--emulator", stack, env={"RECONCILER_PLAN_STATE": "postgresql://u:geheim@nowhere/x"})

    assert (said.code, "geheim" in said.out + said.err) == (0, False)


def test_the_reference_says_which_variable_is_which_option() -> None:
    text = (CHECKOUT / "docs/reference/cli.md").read_text(encoding="utf-8")

    assert "`RECONCILER_PLAN_FORMAT`" in text
    assert "`RECONCILER_STATE_LIST_FORMAT`" in text
    assert "`RECONCILER_LOG`" in text
    assert "RECONCILER_APPLY_AUTO_APPROVE" not in text
