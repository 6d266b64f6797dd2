"""Files that commands write: plain files only are made or replaced, whole, and nothing laid out is followed."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.outputs import opened, write_file
from reconciler.errors import ReconcilerError
from tests.support.commandline import CHECKOUT, reconciler

STACK = 'stack: s\nprovider: twelvelabs\nassets: {a: {url: "https://x.example.com/a.mp4"}}\n'


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_new_file_is_private_when_it_should_be_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    write_file(tmp_path / "plan.json", "plan", private=True)
    assert mode(tmp_path / "plan.json") == 0o600
    for kept in (0o640, 0o604):
        (tmp_path / "plan.json").chmod(kept)
        write_file(tmp_path / "plan.json", "again", private=True)
        assert (mode(tmp_path / "plan.json"), (tmp_path / "plan.json").read_text()) == (kept, "again")
    assert [file.name for file in tmp_path.iterdir()] == ["plan.json"]


def test_a_pipe_and_a_device_are_written_into_and_stay(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_text()))
    reader.start()
    write_file(tmp_path / "pipe", "text")
    reader.join(10)
    (tmp_path / "nothing").symlink_to("/dev/null")
    write_file(tmp_path / "nothing", "text")
    write_file(Path("/dev/null"), "text")

    assert got == ["text"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert (tmp_path / "nothing").is_symlink()


def test_own_streams_are_written_to_wherever_they_lead(tmp_path: Path) -> None:
    file = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    os.write(file, b"before ")
    write_file(Path(f"/dev/fd/{file}"), "text")
    os.close(file)

    assert (tmp_path / "out").read_text() == "before text"


def linked(directory: Path) -> Path:
    (directory / "real").write_text("mine")
    (directory / "link").symlink_to(directory / "real")
    return directory / "link"


def dangling(directory: Path) -> Path:
    (directory / "link").symlink_to(directory / "elsewhere")
    return directory / "link"


def in_no_directory(directory: Path) -> Path:
    return directory / "none" / "plan.json"


def too_long(directory: Path) -> Path:
    return directory / ("x" * 300)


def with_nul(directory: Path) -> Path:
    return directory / "a\0b"


def with_half_a_character(directory: Path) -> Path:
    return directory / "\ud83d"


def itself(directory: Path) -> Path:
    return directory


@pytest.mark.parametrize("made", [linked, dangling, in_no_directory, too_long, with_nul, with_half_a_character, itself])
@pytest.mark.parametrize("write", [lambda file: write_file(file, "text"), opened])
def test_what_cannot_be_written_is_an_error_and_nothing_is_touched(
    tmp_path: Path, made: Callable[[Path], Path], write: Callable[[Path], object]
) -> None:
    file = made(tmp_path)
    before = sorted(tmp_path.iterdir())

    with pytest.raises(ReconcilerError, match="cannot be written"):
        write(file)

    assert sorted(tmp_path.iterdir()) == before
    assert not (tmp_path / "real").exists() or (tmp_path / "real").read_text() == "mine"


def test_names_as_long_as_they_can_be_are_written(tmp_path: Path) -> None:
    write_file(tmp_path / ("x" * 255), "text")

    assert (tmp_path / ("x" * 255)).read_text() == "text"


def test_no_name_laid_out_beside_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("mine")
    for number in (os.getpid(), os.getppid()):
        (tmp_path / f".plan.json.{number}").symlink_to(tmp_path / "outside")

    write_file(tmp_path / "plan.json", "plan")

    assert (tmp_path / "outside").read_text() == "mine"


def test_a_directory_that_is_gone_is_an_error(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    here = Path.cwd()
    os.chdir(gone)
    try:
        gone.rmdir()
        with pytest.raises(ReconcilerError, match="cannot be written"):
            write_file(Path("plan.json"), "text")
    finally:
        os.chdir(here if here.exists() else CHECKOUT)


@pytest.mark.parametrize(("name", "form"), [("x.html", "html"), ("x.md", "markdown"), ("x.txt", "text")])
def test_a_plan_is_not_saved_where_somebody_expects_a_page(tmp_path: Path, name: str, form: str) -> None:
    (tmp_path / "s.yaml").write_text(STACK)

    said = reconciler("plan", "--emulator", "--format", form, "-o", name, cwd=tmp_path)

    assert said.code == 1
    assert f"--report {name}" in " ".join(said.err.split())
    assert not (tmp_path / name).exists()


def test_a_report_in_a_file_has_no_colours(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(STACK)

    said = reconciler("drift", "--emulator", "-o", "drift.txt", cwd=tmp_path, terminal=True)

    assert said.code == 2
    assert "\x1b" not in (tmp_path / "drift.txt").read_text()
    assert "assets/a  # it is declared, and not in the account" in (tmp_path / "drift.txt").read_text()
