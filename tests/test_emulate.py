"""The command that serves the emulator: what it is told on the command line arrives, and what is wrong is said."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import httpx
import pytest

from reconciler.cli import emulate as emulate_command
from reconciler.emulator import VENDORS
from tests.support.commandline import CHECKOUT, reconciler


@contextmanager
def emulating(*arguments: str, env: Mapping[str, str] | None = None) -> Iterator[httpx.Client]:
    """A client of the command's own server; it sends the key `one`."""
    command = [sys.executable, "-m", "reconciler", "emulate", "--port", "0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}) as process:
        try:
            assert process.stderr is not None
            url = process.stderr.readline().split()[2]
            with httpx.Client(base_url=url, headers={"x-api-key": "one"}, trust_env=False) as client:
                yield client
        finally:
            process.terminate()


def test_all_that_can_be_said_arrives(tmp_path: Path) -> None:
    (tmp_path / "film.mp4.json").write_text('[{"start": 0, "end": 1, "value": "Welcome"}]')
    said = [
        "--vintage", "newest", "--plan", "free", "--key", "one", "--key", "two=other", "--deny", "knowledge stores",
        "--transcripts", str(tmp_path), "--allow-host", "my.machine", "--db", str(tmp_path / "emulator.db"),
    ]  # fmt: skip

    with emulating(*said) as api:
        steering = str(api.base_url.copy_with(path="/_emulator"))
        assert api.get(steering).json()["accounts"] == ["", "other"]
        options = api.get(steering + "/options").json()
        made = api.post("/assets", data={"method": "url", "url": "https://example.org/film.mp4"})
        spoken = [api.get(f"/assets/{made.json()['_id']}/transcription").json() for _ in range(2)]
        denied = api.get("/knowledge-stores")
        named = api.get("/assets", headers={"host": "my.machine"})
        wrong = api.get("/assets", headers={"x-api-key": "three"})

    assert (options["vintage"], options["plan"]) == ("newest", "free")
    assert made.headers["x-ratelimit-limit"] == "60"
    assert spoken[-1]["words"][0]["value"] == "Welcome"
    assert (denied.status_code, named.status_code, wrong.status_code) == (404, 200, 401)
    assert {"emulator.db", "emulator.other.db"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--deny", "nothing"], "there is no family nothing; there are"),
        (["--key", "a=../b"], "is not a valid name of an account"),
        (["--vintage", "2025"], "'2025' is not one of"),
        (["--provider", "nobody"], "there is no provider 'nobody'; there are twelvelabs"),
        (["--plan", "gold"], "'gold' is not one of"),
        (["--provider", "mixpeek", "--plan", "developer-1"], "'developer-1' is not one of free, pro"),
        (["--transcripts", "/nowhere/at/all"], "does not exist"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    said = reconciler("emulate", "--port", "0", *arguments, cwd=tmp_path, env={})

    assert said.code == 1
    assert says in said.err
    assert "Traceback" not in said.err


def test_what_can_be_chosen_is_what_there_is() -> None:
    """The choices are written down in the command too, so that its help loads no server."""
    assert emulate_command.VENDORS == VENDORS
    of = {vendor: import_module(f"reconciler.emulator.{vendor}") for vendor in VENDORS}
    assert {vendor: it.VENDOR.options.VINTAGES for vendor, it in of.items()} == emulate_command.VINTAGES
    plans = {vendor: tuple(import_module(f"{it.__name__}.rates").PLANS) for vendor, it in of.items()}
    assert plans == emulate_command.PLANS


def installed(tmp_path: Path) -> dict[str, str]:
    """The environment in which the provider of `examples/own-provider` is found, as a package of its own would be."""
    package = tmp_path / "packages" / "reconciler_library-0.1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: reconciler-library\nVersion: 0.1.0\n")
    (package / "entry_points.txt").write_text("[reconciler.providers]\nlibrary = library_provider:Library\n")
    return {"PYTHONPATH": os.pathsep.join(map(str, (package.parent, CHECKOUT / "examples" / "own-provider", CHECKOUT)))}


def test_the_emulator_of_a_provider_of_a_package_of_its_own_is_served(tmp_path: Path) -> None:
    with emulating("--provider", "library", env=installed(tmp_path)) as api:
        assert api.base_url.path == "/v2/"
        reply = api.get("/authors", headers={"authorization": "Token any"})
        refused = api.get("/authors", headers={"host": "elsewhere.example"})

    assert (reply.status_code, refused.status_code) == (200, 403)


def test_what_such_an_emulator_cannot_be_told_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reconciler", "emulate", "--provider", "library", "--vintage", "newest"]

    said = subprocess.run(
        command, env={**os.environ, **installed(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert (said.returncode, said.stderr.strip()) == (1, "Error: the emulator of library takes no --vintage")
