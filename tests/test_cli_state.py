"""`state`: looking into it, and mending it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from tests.support.commandline import reconciler
from tests.support.stacks import V1

INDEX = "indexes/dropped"


@pytest.fixture
def stack(tmp_path: Path) -> str:
    """A stack that was applied in process."""
    for name, content in V1.items():
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    assert reconciler("apply", "--emulator", "--auto-approve", str(tmp_path)).code == 0
    return str(tmp_path)


def test_list_names_everything_that_is_owned(stack: str) -> None:
    lines = reconciler("state", "list", "--emulator", stack).out.splitlines()

    assert len(lines) == 16
    assert lines[0].startswith("assets/changes  ")


def test_show_tells_what_was_applied(stack: str) -> None:
    out = reconciler("state", "show", "--emulator", "assets/stays", stack).out

    assert "kind  Asset" in out
    assert 'metadata  {count: 1, gone: "soon"}' in out


def test_show_of_what_is_not_there_says_what_was_meant(stack: str) -> None:
    said = reconciler("state", "show", "--emulator", "assets/stay", stack)

    assert said.code == 1
    assert "did you mean 'assets/stays'?" in said.err


def test_mv_gives_a_new_address_and_the_plan_is_a_move_of_nothing_else(stack: str) -> None:
    yaml = Path(stack) / "stack.yaml"
    yaml.write_text(yaml.read_text().replace("  goes:", "  went:").replace("{goes: {}}", "{went: {}}"))

    for old, new in (("assets/goes", "assets/went"), (f"{INDEX}/assets/goes", f"{INDEX}/assets/went")):
        assert reconciler("state", "mv", "--emulator", old, new, stack).code == 0

    plan = reconciler("plan", "--emulator", "--format", "json", stack).json
    assert {change["action"] for change in plan["changes"]} == {"update"}
    assert {delta["path"] for change in plan["changes"] for delta in change["deltas"]} == {"stamp"}


def test_mv_onto_another_kind_or_a_taken_address_is_refused(stack: str) -> None:
    assert "another kind" in reconciler("state", "mv", "--emulator", "assets/goes", "indexes/goes", stack).err
    assert "is taken" in reconciler("state", "mv", "--emulator", "assets/goes", "assets/stays", stack).err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("assets/goes", "assets/b'; DROP TABLE reconciler_resources; --", "is not a valid name"),
        ("assets/goes", "assets/", "is not a valid name"),
        ("assets/goes", "assets/a\nb", "is not a valid name"),
        ("assets/goes", "assets", "another kind"),
        ("assets/goes", "assets/a/b", "another kind"),
        ("assets/goes", "assets/a@b", "is not a valid name"),
        ("indexes/dropped/assets/goes", "indexes/dropped/assets/../x", "another kind"),
        ("indexes/dropped/assets/goes", "indexes/first/assets/goes", "lives in indexes/dropped"),
    ],
)
def test_mv_to_what_is_no_address_is_refused_and_changes_nothing(stack: str, old: str, new: str, said: str) -> None:
    before = reconciler("state", "list", "--emulator", stack).out

    refused = reconciler("state", "mv", "--emulator", old, new, stack)

    assert (refused.code, said in refused.err) == (1, True), refused.err
    assert reconciler("state", "list", "--emulator", stack).out == before


def test_what_is_removed_from_state_is_claimed_again_by_its_marks(stack: str) -> None:
    assert reconciler("state", "rm", "--emulator", "assets/stays", "--path", stack).code == 0

    assert reconciler("plan", "--emulator", "--detailed-exitcode", stack).code == 0


def test_rebuild_makes_a_lost_state_anew(stack: str) -> None:
    before = reconciler("state", "list", "--emulator", stack).out
    for file in (Path(stack) / ".reconciler").glob("emulator.state.db*"):
        file.unlink()

    said = reconciler("state", "rebuild", "--emulator", stack)

    assert said.code == 0
    assert "Rebuilt: 16 objects" in said.out
    assert reconciler("state", "list", "--emulator", stack).out == before


def test_unlock_says_when_there_was_nothing_to_unlock(stack: str) -> None:
    assert "was not locked" in reconciler("state", "unlock", "--emulator", stack).out


def test_rebuild_mends_a_state_whose_rows_are_damaged(stack: str) -> None:
    (file,) = [each for each in (Path(stack) / ".reconciler").glob("*.db") if "state" in each.name]
    with contextlib.closing(sqlite3.connect(file)) as state:
        state.execute("UPDATE reconciler_resources SET fields = '{' WHERE address = 'assets/stays'")
        state.commit()
    for command in (["plan"], ["state", "list"]):
        said = reconciler(*command, "--emulator", stack)
        assert (said.code, "damaged: table reconciler_resources" in said.err) == (1, True), said.err

    rebuilt = reconciler("state", "rebuild", "--emulator", stack)

    assert rebuilt.code == 0, rebuilt.err
    assert reconciler("plan", "--emulator", "--detailed-exitcode", stack).code == 0
