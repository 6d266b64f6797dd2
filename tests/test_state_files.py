"""The files of a local state: nobody else's, no links, none that git tracks; read where they may not be written."""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import StateError
from reconciler.model import Recorded
from reconciler.state import Drop, Put, State
from reconciler.state.tracked import is_tracked
from tests.support.commandline import reconciler
from tests.test_state import as_version_2

ASSET = Recorded("assets/final", "Asset", "a1", {"file": "final.mp4"})
STACK = 'stack: s\nprovider: twelvelabs\nassets: {a: {url: "https://x.example.com/a.mp4"}}\n'
NOBODY = 65534


@contextmanager
def opened(path: Path, *, create: bool = True) -> Iterator[State]:
    state = State.open(f"sqlite:///{path}", "sports", create=create)
    try:
        yield state
    finally:
        state.close()


@pytest.fixture
def path() -> Iterator[Path]:
    """Not below pytest's own directory, which no other user may look into."""
    with tempfile.TemporaryDirectory(prefix="state-") as directory:
        made = Path(directory) / "top/stack/.reconciler/state.db"
        with opened(made) as state:
            state.commit(Put(ASSET))
        yield made


@contextmanager
def who_may_only_read(path: Path) -> Iterator[None]:
    """As another user where we are root, who may do anything; else with the rights taken away."""
    root = os.geteuid() == 0
    modes = {each: each.stat().st_mode for each in (path.parent, *path.parent.iterdir())}
    for each in modes:
        each.chmod(0o555 if each.is_dir() else 0o444)
    if root:
        for above in list(path.parents)[1:4]:
            modes[above] = above.stat().st_mode
            above.chmod(0o755)
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for each, mode in modes.items():
            each.chmod(mode)


# ── reading what may not be written ──────────────────────────────────────────────────────────────────────────────


def test_a_state_that_may_only_be_read_is_read_and_nothing_is_made_beside_it(path: Path) -> None:
    before = sorted(path.parent.iterdir())
    with who_may_only_read(path), opened(path, create=False) as state:
        assert state.recorded() == [ASSET]
        assert state.exists
        for write in (lambda: state.commit(Drop(ASSET.address, ASSET.id)), lambda: state.start_run("x"), state.unlock):
            with pytest.raises(StateError, match="this user may only read it"):
                write()
        with pytest.raises(StateError, match="this user may only read it"), state.lock("apply"):
            pass

    assert sorted(path.parent.iterdir()) == before
    with opened(path) as state:
        assert state.recorded() == [ASSET]


def test_what_a_living_run_has_written_and_not_yet_moved_from_its_log_is_read_too(path: Path) -> None:
    other = replace(ASSET, address="assets/other", id="a2")
    with opened(path) as writer:
        writer.commit(Put(other))
        assert path.with_name("state.db-wal").stat().st_size > 0
        with who_may_only_read(path), opened(path, create=False) as state:
            assert state.recorded() == [ASSET, other]


def test_an_older_state_that_may_only_be_read_is_read(path: Path) -> None:
    as_version_2(f"sqlite:///{path}")

    with who_may_only_read(path), opened(path, create=False) as state:
        assert state.recorded() == [ASSET]


def test_a_directory_that_is_anothers_alone_is_an_error_with_what_to_do(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs a second user")
    with who_may_only_read(path):
        os.seteuid(0)
        path.parent.chmod(0o700)
        os.seteuid(NOBODY)
        for create in (False, True):
            with pytest.raises(StateError, match="Permission denied"):
                State.open(f"sqlite:///{path}", "sports", create=create)


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["feature%2Fx", "what?", "a b#c", "ä&mode=ro", "100%"])
def test_a_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "s.yaml").write_text(STACK)

    assert reconciler("apply", "--emulator", "--auto-approve", name, cwd=tmp_path).code == 0

    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / ".reconciler/emulator.db").exists()
    assert list((tmp_path / name / ".reconciler").glob("*state*.db"))


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["state.db", "state.db-wal", "state.db-shm", "state.db-journal", ".gitignore"])
@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_in_the_place_of_a_file_of_the_state_is_refused(tmp_path: Path, name: str, dangling: bool) -> None:
    outside = tmp_path / "outside"
    if not dangling:
        outside.write_bytes(b"not ours")
    (tmp_path / ".reconciler").mkdir()
    (tmp_path / ".reconciler" / name).symlink_to(outside)

    for create in (True, False):
        with pytest.raises(StateError, match=rf"{name} is a link to .*outside: remove it"):
            State.open(f"sqlite:///{tmp_path}/.reconciler/state.db", "sports", create=create)

    assert outside.exists() is not dangling
    assert dangling or outside.read_bytes() == b"not ours"


def test_a_link_in_the_place_of_the_directory_or_the_lock_is_refused(tmp_path: Path, path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".reconciler").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match=r"\.reconciler is a link"):
        State.open(f"sqlite:///{tmp_path}/.reconciler/state.db", "sports")
    assert list((tmp_path / "elsewhere").iterdir()) == []

    with opened(path) as state, state.lock("apply"):
        pass
    (lock,) = path.parent.glob("*.lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "made")
    with opened(path) as state, pytest.raises(StateError, match="is a link"), state.lock("apply"):
        pass
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", [".reconciler", ".reconciler/emulator.db"])
def test_the_emulators_account_is_not_kept_behind_a_link(tmp_path: Path, name: str) -> None:
    stack = tmp_path / "stack"
    (stack / name).parent.mkdir(parents=True)
    (stack / "s.yaml").write_text(STACK)
    (stack / name).symlink_to(tmp_path / "outside")

    said = reconciler("plan", "--emulator", stack)

    assert (said.code, "is a link to" in said.err) == (1, True), said.err
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("name", ["stack.yaml", "media", ".schemas"])
def test_init_writes_through_no_link(tmp_path: Path, name: str) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / name).symlink_to(tmp_path / "outside")

    said = reconciler("init", tmp_path / "made")

    assert (said.code, "choose an empty directory" in said.err) == (1, True), said.err
    assert not (tmp_path / "outside").exists()


# ── git ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def git(directory: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_state_that_git_tracks_is_refused_with_what_to_do(path: Path, version: int) -> None:
    top = path.parents[2]
    git(top, "init", "-q")
    git(top, "config", "index.version", str(version))
    for number in range(30):
        (top / f"stack/.reconciler.{number}").write_text("")
    assert not is_tracked(path)
    git(top, "add", "-f", ".")
    if version == 3:
        git(top, "update-index", "--skip-worktree", "stack/.reconciler/.gitignore")

    assert is_tracked(path)
    assert is_tracked(path.with_name(".gitignore"))
    assert not is_tracked(path.with_name("state.db2"))
    for create in (True, False):
        with pytest.raises(StateError, match=r"state\.db is tracked by git: .* Take it out"):
            State.open(f"sqlite:///{path}", "sports", create=create)

    git(top, "rm", "-q", "--cached", "stack/.reconciler/state.db")
    with opened(path) as state:
        assert state.recorded() == [ASSET]


def test_a_split_index_and_a_linked_work_tree_are_read_too(path: Path, tmp_path: Path) -> None:
    top = path.parents[2]
    git(top, "init", "-q")
    git(top, "add", "-f", "stack/.reconciler/state.db")
    git(top, "commit", "-qm", "x")
    git(top, "update-index", "--split-index")
    assert is_tracked(path)

    git(top, "worktree", "add", "-q", str(tmp_path / "other"))
    assert is_tracked(tmp_path / "other/stack/.reconciler/state.db")


@pytest.mark.parametrize("index", [b"", b"DIRC", b"DIRC" + struct.pack(">II", 2, 10**6), b"x" * 100])
def test_an_index_that_cannot_be_read_tracks_nothing(path: Path, index: bytes) -> None:
    (path.parents[2] / ".git").mkdir()
    (path.parents[2] / ".git/index").write_bytes(index)

    assert not is_tracked(path)
