"""`--replace`: one object made anew though nothing of it changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commandline import Said, reconciler

STACK = """
stack: told
provider: twelvelabs
assets:
  a: {url: "https://example.com/a.mp4", metadata: {season: 2024}}
  b: {url: "https://example.com/b.mp4", protect: true}
indexes:
  catalog: {models: [{name: marengo3.0, options: [visual]}], assets: {a: {}}}
embeddings:
  words: {of: {greeting: {text: hello}}, model: marengo3.0}
"""
AGREED = ("--allow-replace", "*")


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    assert reconciler("apply", "--emulator", "--auto-approve", tmp_path).code == 0
    return tmp_path


def at(stack: Path) -> dict[str, str]:
    rows = reconciler("state", "list", "--emulator", "--format", "json", stack).json["resources"]
    return {row["address"]: row["id"] for row in rows}


def planned(stack: Path, *more: str) -> Said:
    return reconciler("plan", "--emulator", "--format", "json", stack, *more)


def test_one_object_is_made_anew_with_what_is_made_of_it(stack: Path) -> None:
    before = at(stack)

    plan = planned(stack, "--replace", "assets/a", *AGREED)
    applied = reconciler("apply", "--emulator", "--auto-approve", stack, "--replace", "assets/a", *AGREED)

    (first, *_) = [it for it in plan.json["changes"] if it["address"] == "assets/a"]
    assert (first["action"], first["reason"]) == ("replace", "asked for with --replace")
    after = at(stack)
    assert applied.code == 0, applied
    changed = {address for address in after if after[address] != before[address]}
    assert changed == {"assets/a", "indexes/catalog/assets/a"}
    assert reconciler("plan", "--emulator", "--detailed-exitcode", stack).code == 0


def test_the_guards_ask_as_for_any_replacement(stack: Path) -> None:
    asked = planned(stack, "--replace", "indexes/catalog")
    protected = planned(stack, "--replace", "assets/b", *AGREED)

    assert (asked.code, "--allow-replace" in asked.err) == (3, True)
    assert (protected.code, "protected" in protected.err) == (3, True)


def test_a_saved_plan_keeps_the_wish_and_is_done_once(stack: Path) -> None:
    before, file = at(stack), stack / "plan.json"
    said = reconciler("plan", "--emulator", stack, "--replace", "assets/a", *AGREED, "-o", file)
    assert said.code == 0, said
    assert json.loads(file.read_text())["origin"]["options"]["replace"] == {"assets/a": before["assets/a"]}

    first = reconciler("apply", "--emulator", file)
    after = at(stack)
    again = reconciler("apply", "--emulator", file)

    assert (first.code, after["assets/a"] != before["assets/a"]) == (0, True), first
    assert (again.code, at(stack)) == (0, after), again
    assert "Nothing to do" in again.out


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("assets/c", "--replace assets/c: the stack declares no such address; did you mean assets/"),
        ("assets/*", "the stack declares no such address"),
        ("embeddings/words/greeting", "the same input and options make the same result"),
    ],
)
def test_what_cannot_be_wished_for(stack: Path, address: str, said: str) -> None:
    refused = planned(stack, "--replace", address)

    assert (refused.code, said in refused.err) == (1, True), refused.err


def test_a_wish_on_what_is_not_there_makes_it(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")

    plan = planned(tmp_path, "--replace", "assets/a")

    assert plan.json["summary"]["replace"] == 0
    assert plan.json["summary"]["create"] == 5
