"""What a stack names is opened below its directory and nowhere else, whatever is swapped between check and read."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import Invalid
from reconciler.inside import Outside, open_inside, read_inside, where_it_leads
from reconciler.load import load
from reconciler.load.sources import Root

SECRET = "hush-hush"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a file and a folder, and beside it what must not be read."""
    here = tmp_path / "stack"
    (here / "parts").mkdir(parents=True)
    (here / "a.csv").write_text("inside")
    (here / "parts" / "a.csv").write_text("inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.csv").write_text(SECRET)
    return here


@pytest.mark.parametrize(
    ("link", "target", "name"),
    [
        ("b.csv", "a.csv", "b.csv"),
        ("b.csv", "parts/../a.csv", "b.csv"),
        ("b", "parts", "b/a.csv"),
        ("b", ".", "b/parts/a.csv"),
        ("parts/b", "../parts", "parts/b/a.csv"),
        ("b.csv", "../stack/a.csv", "b.csv"),
        ("b.csv", "{root}/parts/a.csv", "b.csv"),
        ("b", ".git/annex/objects", "b/a.csv"),
    ],
)
def test_a_link_that_stays_inside_is_followed(root: Path, link: str, target: str, name: str) -> None:
    (root / ".git/annex/objects").mkdir(parents=True)
    (root / ".git/annex/objects/a.csv").write_text("inside")
    (root / link).symlink_to(target.replace("{root}", str(root)))

    assert read_inside(root, name, 100) == b"inside"


@pytest.mark.parametrize(
    ("link", "target", "name", "why"),
    [
        ("b.csv", "../outside/a.csv", "b.csv", "leads out"),
        ("b.csv", "/etc/passwd", "b.csv", "leads out"),
        ("b", "../outside", "b/a.csv", "leads out"),
        ("b", "..", "b/outside/a.csv", "leads out"),
        ("b.csv", "b.csv", "b.csv", "link"),
        ("b.csv", "nowhere", "b.csv", "does not exist"),
        ("b.csv", ".git/annex/objects/x", "b.csv", "git annex get"),
        ("b.csv", ".git/config", "b.csv", "hidden"),
        ("b", ".git", "b/config", "hidden"),
        ("b.csv", "parts/.env", "b.csv", "hidden"),
    ],
)
def test_a_link_that_leads_elsewhere_is_refused(root: Path, link: str, target: str, name: str, why: str) -> None:
    (root / ".git").mkdir()
    (root / ".git/config").write_text(SECRET)
    (root / "parts/.env").write_text(SECRET)
    (root / link).symlink_to(target)

    with pytest.raises(Outside, match=why):
        open_inside(root, name)


def test_what_is_no_regular_file_is_refused_at_once(root: Path) -> None:
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(root / "socket"))
        for name in ("fifo", "socket", "parts", "nothing", "a.csv/b", "x" * 300, "nul\0"):
            with pytest.raises(Outside):
                open_inside(root, name)


def test_a_file_that_is_too_big_or_grows_beyond_it_is_refused(root: Path) -> None:
    (root / "a.csv").write_bytes(b"x" * 101)

    with pytest.raises(Outside, match="bigger"):
        read_inside(root, "a.csv", 100)


def out_by_file(root: Path) -> None:
    (root / "a.csv").unlink()
    (root / "a.csv").symlink_to("../outside/a.csv")


def out_by_directory(root: Path) -> None:
    (root / "parts").rename(root / "before")
    (root / "parts").symlink_to("../outside")


def gone(root: Path) -> None:
    (root / "a.csv").unlink()


def a_fifo(root: Path) -> None:
    (root / "a.csv").unlink()
    os.mkfifo(root / "a.csv")


@pytest.mark.parametrize(
    ("name", "swap"), [("a.csv", out_by_file), ("parts/a.csv", out_by_directory), ("a.csv", gone), ("a.csv", a_fifo)]
)
@pytest.mark.parametrize("again", [False, True])
def test_a_file_that_is_swapped_after_it_was_checked_is_not_read(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, swap: Callable[[Path], None], again: bool
) -> None:
    checked = Root.file

    def check_and_swap(self: Root, written: str) -> str:
        relative = checked(self, written)
        swap(root)
        return relative

    here = Root(root, root)
    if again:  # positions are looked up in a text that is read once more
        source = here.read(name)
        source.let_go()
        swap(root)
        assert source.marks().find(("a",)) == (0, 0)
        return
    monkeypatch.setattr(Root, "file", check_and_swap)
    with pytest.raises(Outside):
        here.read(name)


def test_a_link_that_is_swapped_for_a_file_while_it_is_resolved_is_no_traceback(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "b.csv").symlink_to("a.csv")

    def no_longer_a_link(path: str) -> str:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os.path, "realpath", no_longer_a_link)
    with pytest.raises(Outside, match="being changed"):
        where_it_leads(str(root), "b.csv")


@pytest.mark.parametrize(
    "text",
    [
        "assets: {a: {file: .git/config}}",
        "assets: {a: {file: link.mp4}}",
        "assets: {a: {files: '.git/*'}}",
        "assets: {a: {files: '*.mp4'}}",
        "assets: {a: {file: a.mp4, metadata_from: .git/t.csv}}",
        "assets: {a: {file: a.mp4, metadata_from: link.csv}}",
        "assets: {a: {file: side.mp4, metadata_from: sidecar}}",
        "entity_collections: {a: {entities_from: folder/t.csv}}",
        "metadata_schema: .git/schema.json",
        "include: ['.git/*.yaml']",
        "include: [link.yaml]",
    ],
)
def test_hidden_files_are_neither_media_nor_tables_nor_yaml_also_behind_links(tmp_path: Path, text: str) -> None:
    (tmp_path / ".git").mkdir()
    for name in ("config", "t.csv", "schema.json", "x.yaml"):
        (tmp_path / ".git" / name).write_text(f"[remote]\n  url = https://x:{SECRET}@example.com\n")
    links = {"link.mp4": "config", "link.csv": "t.csv", "side.mp4.yaml": "x.yaml", "link.yaml": "x.yaml"}
    for link, target in links.items():
        (tmp_path / link).symlink_to(f".git/{target}")
    (tmp_path / "folder").symlink_to(".git")
    for name in ("a.mp4", "side.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "stack.yaml").write_text(f"stack: s\nprovider: twelvelabs\n{text}\n")

    with pytest.raises(Invalid) as caught:
        load(tmp_path / "stack.yaml", environ={}, display=Path("stack.yaml"))

    assert SECRET not in str(caught.value)
    assert "hidden" in str(caught.value) or "finds no" in str(caught.value)


def test_a_directory_that_cannot_be_read_is_said_and_not_taken_for_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "media/deep").mkdir(parents=True)
    (tmp_path / "media/a.mp4").touch()
    (tmp_path / "s.yaml").write_text("stack: s\nprovider: twelvelabs\nassets: {m: {files: 'media/**/*.mp4'}}\n")
    reading = os.scandir

    def denied(path: str) -> object:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return reading(path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(Invalid, match=r"cannot be read \(Permission denied\): 'deep'"):
        load(tmp_path, environ={}, display=Path())


def test_a_working_directory_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    for path in (Path(), Path("stack.yaml")):
        with pytest.raises(Invalid, match=r"cannot be read|does not exist"):
            load(path, environ={})


def test_too_many_open_files_are_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", exhausted)
    with pytest.raises(Outside, match="Too many open files"):
        read_inside(root, "a.csv", 100)
