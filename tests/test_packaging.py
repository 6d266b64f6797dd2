"""The wheel: everything that the command needs is in it, and it works where there is no checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from reconciler import __version__
from tests.support.commandline import CHECKOUT

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", directory, CHECKOUT)
    (made,) = directory.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The command in an environment of its own. What it depends on is borrowed from this one, so no index is asked."""
    place = tmp_path_factory.mktemp("installed")
    venv.create(place / "venv", with_pip=False)
    python = place / "venv/bin/python"
    pip("--python", python, "install", "--no-deps", "--no-index", wheel)
    (packages,) = (place / "venv").glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(place / "venv/bin/reconciler"), *arguments]
        return subprocess.run(command, cwd=place, env={}, capture_output=True, text=True, check=False)

    return run


def test_the_wheel_holds_specs_and_schemas_and_nothing_that_is_made_by_running(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())

    for top in ("specs", "schemas"):
        shipped = {f"reconciler/_data/{path.relative_to(CHECKOUT).as_posix()}" for path in files_below(CHECKOUT / top)}
        assert shipped <= names
        assert shipped
    assert "reconciler/py.typed" in names
    assert [name for name in names if ".reconciler" in name or name.startswith("tests")] == []


def files_below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and ".reconciler" not in path.parts]


def test_the_installed_command_has_its_specs_and_schemas(installed: Run) -> None:
    assert installed("--version").stdout == f"reconciler {__version__}\n"
    assert [line.split()[0] for line in installed("init", "--list").stdout.splitlines()] == sorted(
        path.name for path in (CHECKOUT / "specs").iterdir()
    )
    assert installed("schema").stdout == (CHECKOUT / "schemas/twelvelabs.json").read_text(encoding="utf-8")


def test_the_installed_command_applies_what_it_ships(installed: Run) -> None:
    made = installed("init", "archive", "--spec=small-archive")
    assert made.stdout.endswith("Try it offline: reconciler plan archive --emulator\n"), made

    applied = installed("apply", "archive", "--emulator", "--auto-approve")

    assert applied.returncode == 0, applied
    assert installed("plan", "archive", "--emulator").stdout == "No changes. archive is in sync.\n"
