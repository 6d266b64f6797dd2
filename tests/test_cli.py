"""The command line: what it says, where, and with which exit code. Never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator

from reconciler import __version__, http
from reconciler.cli import COMMANDS
from reconciler.cli import cli as group
from reconciler.emulator import Emulator, ServedEmulator
from reconciler.emulator.twelvelabs import app
from reconciler.state import State
from tests.support.commandline import CHECKOUT, Said, reconciler

KEY = "tlk_a-key-that-must-not-show"
STACK = """
stack: small
provider: twelvelabs
assets:
  a: {url: "https://example.com/a.jpg", metadata: {season: 2024}}
entity_collections:
  people:
    entities:
      moreno: {name: Ada Moreno, assets: [a]}
"""


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    directory = tmp_path / "stack"
    directory.mkdir()
    (directory / "stack.yaml").write_text(STACK, encoding="utf-8")
    return directory


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    made = app(key=KEY)
    yield made
    made.close()


@pytest.fixture
def served(emulator: Emulator) -> Iterator[ServedEmulator]:
    with ServedEmulator(emulator) as served:
        yield served


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(self: http.SystemClock, seconds: float) -> None: ...

    monkeypatch.setattr(http.SystemClock, "sleep", sleep)


def online(command: str, stack: Path, served: ServedEmulator, *more: str, key: str = KEY) -> Said:
    """A command over a socket."""
    return reconciler(command, stack, f"--endpoint={served.url}", *more, env={"TWELVELABS_API_KEY": key})


def failed(said: Said, code: int) -> str:
    """What standard error says of a failure: a message, and nothing for programmers."""
    assert said.code == code, said
    assert said.err.splitlines()[-1].startswith("Error: "), said
    assert "Traceback" not in said.err
    assert KEY not in said.err + said.out
    return said.err


# -- help


def commands() -> list[tuple[str, ...]]:
    """Every command and what is below it."""
    context = click.Context(group)
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = group.get_command(context, name)
        below = command.commands if isinstance(command, click.Group) else {}
        found += [(name,), *((name, inner) for inner in below)]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_says_what_a_command_does_and_shows_how_it_is_used(words: tuple[str, ...]) -> None:
    said = reconciler(*words, "--help")

    assert said.code == 0
    assert said.out.startswith("Usage: reconciler " + " ".join(words))
    examples = [line for line in said.out.splitlines()[1:] if line.startswith(f"  reconciler {' '.join(words)}")]
    assert examples, said.out


def test_every_command_stands_in_the_help_in_the_order_of_a_first_day() -> None:
    said = reconciler("--help")

    shown = [line.split()[0] for line in said.out.split("Commands:")[1].strip().splitlines()]
    assert shown == list(COMMANDS)
    assert shown[:4] == ["init", "validate", "plan", "apply"]


def test_the_version() -> None:
    assert reconciler("--version").out == f"reconciler {__version__}\n"


# -- what was typed


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["plann"], "there is no command 'plann'; did you mean 'plan'?"),
        (["frobnicate"], "there is no command 'frobnicate'; see `reconciler --help`"),
        (["drift", "--emulater"], "Did you mean '--emulator'?"),
        (["plan", "no-such-place"], "Path 'no-such-place' does not exist."),
        (["plan", ".", "--var", "season"], "--var 'season': write it as NAME=VALUE"),
        (["explain", "Indx"], "there is no kind or key 'Indx'; did you mean 'Index'?"),
        (["explain", "Index.modles"], "there is no field of Index 'modles'; did you mean 'models'?"),
        (["schema", "--provider", "twelvlabs"], "there is no provider 'twelvlabs'; did you mean 'twelvelabs'?"),
        (["init", "there", "--spec", "rooster"], "there is no spec 'rooster'; did you mean 'roster'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_slip_of_the_hand_gets_a_hint(typed: list[str], message: str, tmp_path: Path) -> None:
    assert message in failed(reconciler(*typed, cwd=tmp_path), 1)


def test_a_path_after_a_bare_emulator_is_the_stack(stack: Path) -> None:
    assert reconciler("plan", "--emulator", stack).last_line.startswith("Plan: 3 to create")


def test_an_emulator_file_that_is_none_is_said(stack: Path) -> None:
    assert "cannot keep the emulator's account" in failed(reconciler("plan", stack, f"--emulator={stack}"), 1)


# -- the stack


def test_bad_yaml_names_file_line_and_column_and_what_to_do(stack: Path) -> None:
    (stack / "stack.yaml").write_text(STACK.replace("metadata", "metdata"), encoding="utf-8")

    said = failed(reconciler("plan", ".", "--emulator", cwd=stack), 1)

    assert said == 'Error: stack.yaml:5:41: assets/a: unknown field "metdata"; did you mean "metadata"?\n'


def test_every_problem_is_told_at_once(stack: Path) -> None:
    (stack / "stack.yaml").write_text(STACK.replace("[a]", "[b]").replace("url:", "uri:"), encoding="utf-8")

    said = reconciler("validate", stack)

    assert said.code == 1
    assert len(said.err.splitlines()) >= 2
    assert all(line.startswith("Error: ") for line in said.err.splitlines())


def test_a_directory_without_yaml_is_an_error_and_no_empty_stack(tmp_path: Path) -> None:
    assert "holds no *.yaml" in failed(reconciler("plan", tmp_path, "--emulator"), 1)


# -- the account


def test_no_key(stack: Path) -> None:
    said = failed(reconciler("plan", stack), 5)

    assert "set TWELVELABS_API_KEY in the environment, or try it offline with --emulator" in said


def test_a_wrong_key(stack: Path, served: ServedEmulator) -> None:
    said = failed(online("plan", stack, served, key="wrong"), 5)

    assert "401" in said
    assert "check the key in TWELVELABS_API_KEY" in said
    assert "wrong" not in said


def test_a_key_that_no_header_can_hold(stack: Path, served: ServedEmulator) -> None:
    failed(online("plan", stack, served, key="schlüssel"), 5)


@pytest.mark.usefixtures("no_pauses")
def test_a_dead_server(stack: Path, emulator: Emulator) -> None:
    dead = ServedEmulator(emulator)
    dead._socket.close()

    said = failed(online("plan", stack, dead), 1)

    assert f"{dead.origin.removeprefix('http://')} cannot be reached" in said
    assert "is it up?" in said


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("status", [200, 404, 502])
def test_an_html_page_instead_of_the_api(stack: Path, served: ServedEmulator, status: int) -> None:
    page = "<!DOCTYPE html><html><body>It works!</body></html>"
    served.emulator.add_fault({"fault": "status", "status": status, "body": page})

    said = failed(online("plan", stack, served), 1)

    assert "HTML page" in said
    assert "is this the API's address?" in said
    assert "<html>" not in said


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize(
    "fault", [{"fault": "cut", "sent": 9}, {"fault": "status", "status": 200, "body": '{"data": ['}]
)
def test_a_truncated_answer(stack: Path, served: ServedEmulator, fault: dict[str, Any]) -> None:
    served.emulator.add_fault(fault)

    said = failed(online("plan", stack, served), 1)

    assert "no whole answer came from" in said or "the answer is cut short or not JSON" in said


@pytest.mark.usefixtures("no_pauses")
def test_a_failure_in_the_middle_is_7_and_the_next_run_goes_on(stack: Path, served: ServedEmulator) -> None:
    refuse = {"fault": "status", "status": 400, "method": "POST", "path": "/entity-collections/*/entities", "count": 1}
    served.emulator.add_fault(refuse | {"body": {"code": "parameter_invalid", "message": "not today"}})

    said = online("apply", stack, served, "--auto-approve")

    assert said.code == 7
    assert "Applied in part: 2 done, 1 failed, 0 skipped. The next run goes on where this one stopped." in said.out
    assert "not today" in said.out
    assert online("apply", stack, served, "--auto-approve").code == 0
    assert online("plan", stack, served).last_line == "No changes. small is in sync."


def test_a_locked_stack_is_4_and_names_who_holds_it(stack: Path) -> None:
    state = State.open(f"sqlite:///{stack}/.reconciler/emulator.state.db", "small")
    with state.lock("reconciler apply elsewhere"):
        said = failed(reconciler("apply", stack, "--emulator", "--auto-approve"), 4)
    state.close()

    assert "reconciler apply elsewhere" in said


# -- asking


@pytest.mark.parametrize("command", ["apply", "destroy"])
def test_without_a_terminal_nothing_is_asked_and_nothing_is_done(command: str, stack: Path) -> None:
    said = failed(reconciler(command, stack, "--emulator"), 1)

    assert "there is no terminal to ask on: look at `reconciler plan`, then give --auto-approve" in said
    assert not (stack / ".reconciler").exists()


def test_a_guard_is_3_and_says_what_would_be_agreed_to(stack: Path) -> None:
    reconciler("apply", stack, "--emulator", "--auto-approve")
    (stack / "stack.yaml").write_text("{stack: small, provider: twelvelabs}", encoding="utf-8")

    said = failed(reconciler("plan", stack, "--emulator"), 3)

    assert "To delete everything use `reconciler destroy`" in said


# -- what programs read


def fits(schema: str, document: Any) -> None:
    Draft202012Validator(json.loads((CHECKOUT / "schemas" / schema).read_text(encoding="utf-8"))).validate(document)


def test_plans_and_reports_as_json_fit_their_schemas(stack: Path) -> None:
    planned = reconciler("plan", stack, "--emulator", "--format=json")
    applied = reconciler("apply", stack, "--emulator", "--auto-approve", "--format=json")
    (stack / "stack.yaml").write_text(STACK.replace("2024", "2025"), encoding="utf-8")
    changed = reconciler("plan", stack, "--emulator", "--format=json", "--detailed-exitcode")

    assert (planned.code, applied.code, changed.code) == (0, 0, 2)
    fits("plan.json", planned.json)
    fits("report.json", applied.json)
    fits("plan.json", changed.json)
    assert planned.json["summary"]["create"] == 3
    assert applied.json["result"] == "done"
    (change,) = changed.json["changes"]
    assert change["deltas"] == [{"path": "metadata.season", "before": 2024, "after": 2025, "source": "pending"}]


def test_json_is_printed_before_a_refusal_too(stack: Path) -> None:
    reconciler("apply", stack, "--emulator", "--auto-approve")
    (stack / "stack.yaml").write_text("{stack: small, provider: twelvelabs}", encoding="utf-8")

    said = reconciler("plan", stack, "--emulator", "--format=json")

    assert said.code == 3
    fits("plan.json", said.json)
    assert said.json["summary"]["delete"] == 3


def test_drift_as_json_and_as_an_exit_code(stack: Path, served: ServedEmulator) -> None:
    online("apply", stack, served, "--auto-approve", "--poll-interval=0")
    asset = served.emulator.store.db.execute("SELECT seq, doc FROM objects WHERE kind = 'asset'").fetchone()
    changed = asset[1].replace("2024", "1999")
    served.emulator.store.db.execute("UPDATE objects SET doc = ? WHERE seq = ?", (changed, asset[0]))

    said = online("drift", stack, served, "--format=json")

    assert said.code == 2
    (change,) = said.json["drift"]
    assert (change["address"], change["deltas"][0]["path"]) == ("assets/a", "metadata.season")


@pytest.mark.parametrize(
    ("more", "env", "terminal", "coloured"),
    [
        pytest.param([], {}, True, True, id="at a terminal"),
        pytest.param([], {}, False, False, id="into a file"),
        pytest.param([], {"NO_COLOR": "1"}, True, False, id="NO_COLOR"),
        pytest.param([], {"NO_COLOR": ""}, True, True, id="NO_COLOR, but empty"),
        pytest.param(["--no-color"], {}, True, False, id="--no-color"),
    ],
)
def test_colour(stack: Path, more: list[str], env: dict[str, str], terminal: bool, coloured: bool) -> None:
    planned = reconciler("plan", stack, "--emulator", *more, env=env, terminal=terminal)
    refused = reconciler("plan", stack, *more, env=env, terminal=terminal)

    assert ("\x1b[" in planned.out) is coloured
    assert ("\x1b[" in refused.err) is coloured


def test_with_json_asked_for_an_error_is_json_too(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("stack: x\nprovider: twelvelabs\nasets: {}\n")

    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "plan", "--format", "json", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert said["errored"] is True
    assert [(d["line"], d["column"], d["severity"]) for d in said["diagnostics"]] == [(3, 1, "error")]
