"""What every file must keep to: style, types, the direction of imports, and what may be imported when."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.commandline import CHECKOUT

HEAVY = {"deepdiff", "httpx", "jinja2", "jsonschema", "pydantic", "rich", "sqlalchemy", "starlette", "yaml"}
BIN = Path(sys.executable).parent


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), cwd=CHECKOUT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([BIN / "ruff", "check", "--quiet", "."], id="ruff check"),
        pytest.param([BIN / "ruff", "format", "--check", "--quiet", "."], id="ruff format"),
        pytest.param([sys.executable, "-m", "mypy"], id="mypy --strict", marks=pytest.mark.slow),
        pytest.param([BIN / "lint-imports", "--no-logo"], id="import-linter", marks=pytest.mark.slow),
    ],
)
def test_the_code_passes(command: list[str | Path]) -> None:
    checked = run(*command)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_mypy_is_strict_and_reads_the_tests_too() -> None:
    configured = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]

    assert configured["strict"] is True
    assert configured["packages"] == ["reconciler", "tests"]


def test_every_layer_that_is_named_exists_and_none_is_left_out() -> None:
    configured = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layered = [contract for contract in configured["contracts"] if contract["type"] == "layers"]

    named = {
        f"{container}.{name.strip()}"
        for contract in layered
        for container in contract["containers"]
        for layer in contract["layers"]
        for name in layer.split("|")
    }

    assert [contract["name"] for contract in layered if contract["exhaustive"] is not True] == []
    assert [name for name in sorted(named) if find_spec(name) is None] == []


@pytest.mark.parametrize("command", ["", "plan", "apply", "init", "explain", "emulate", "state"])
def test_help_imports_nothing_heavy(command: str) -> None:
    script = (
        f"import sys; sys.argv = ['reconciler', *{command.split()}, '--help']\n"
        "from reconciler.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0, end\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )

    helped = run(sys.executable, "-c", script)

    assert helped.stdout.startswith("Usage: reconciler")
    assert HEAVY & set(helped.stderr.split()) == set()
