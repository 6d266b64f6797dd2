"""The tutorial and every how-to: their files are written, their commands are run in order, and what they show is shown.

A block of YAML or CSV whose first line is `# NAME` is that file. A line of commands that ends with `# exit code N` ends
so, every other with 0. Each line of a block of text is among what the commands before it have printed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.emulator import ServedEmulator
from reconciler.emulator.twelvelabs import app
from tests.support.commandline import CHECKOUT
from tests.support.files import lay_out
from tests.support.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

PAGES = [CHECKOUT / "docs/tutorial.md", *sorted((CHECKOUT / "docs/how-to").glob("*.md"))]
MEDIA = {f"media/{file.name}": file.read_bytes() for file in (CHECKOUT / "examples/quickstart/media").iterdir()}
DATABASE = "postgresql://reconciler@db.example.com/reconciler"
"""What stands in a page in place of a database that there is."""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
EXIT = re.compile(r"^(.*?)\s+# exit code (\d+).*$")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Block:
    language: str
    text: str

    @property
    def file(self) -> str:
        """The name of the file that it is, or ""."""
        found = FILE.match(self.text) if self.language in ("yaml", "csv") else None
        return found[1] if found else ""


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def script(block: Block) -> str:
    """The commands, each of which ends as the page says."""
    return "\n".join(map(_checked, block.text.replace("\\\n", " ").splitlines()))


def _checked(line: str) -> str:
    said = EXIT.match(line)
    if said is None:
        return line
    return f"code=0; {said[1]} || code=$?; [ $code -eq {said[2]} ] || {{ echo exit code $code >&2; exit 99; }}"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An account of its own over a socket, and nothing of whoever runs the tests."""
    lay_out(tmp_path, MEDIA)
    emulator = app()
    with ServedEmulator(emulator) as served:
        yield {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path / "home"),
            "TWELVELABS_BASE_URL": served.url,
            "TWELVELABS_API_KEY": "key-of-the-account",
        }
    emulator.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_goes_as_told(
    page: Path, tmp_path: Path, environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if DATABASE in page.read_text(encoding="utf-8") else ""
    told, exported, ran = "", "", 0
    for block in blocks(page):
        if block.file:
            lay_out(tmp_path, {block.file: block.text.partition("\n")[2]})
        elif block.language == "sh":
            commands = script(block).replace(DATABASE, url)
            done = subprocess.run(
                ["bash", "-e", "-c", exported + commands],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
            told, ran = done.stdout + done.stderr, ran + 1
            exported += "".join(f"{line}\n" for line in commands.splitlines() if line.startswith("export "))
        elif block.language == "text":
            missing = {line.strip() for line in block.text.splitlines()} - {line.strip() for line in told.splitlines()}
            assert not missing, told
    assert ran


def test_a_command_that_ends_otherwise_than_told_fails_the_page() -> None:
    def ends(line: str) -> int:
        return subprocess.run(
            ["bash", "-e", "-c", script(Block("sh", line))], check=False, capture_output=True
        ).returncode

    assert ends("true") == 0 and ends("false") != 0
    assert ends("(exit 3)     # exit code 3") == 0
    assert ends("(exit 2)     # exit code 3") == ends("true  # exit code 3") == 99
