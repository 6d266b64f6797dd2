"""One name, one thing: no class twice in `reconciler/`, no word for two acts, no helper twice in the tests."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commandline import CHECKOUT

SOURCES = sorted((CHECKOUT / "reconciler").rglob("*.py"))
TESTS = sorted((CHECKOUT / "tests").rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in [*SOURCES, *TESTS]}

GONE = {
    "settle": "recover (what an earlier run has begun), walk (a status of the emulator), or say what is decided",
    "survey": "plan, and what comes of it is a Planning",
}
"""Words that meant several things, and what is said now."""


def places(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def test_no_class_name_is_there_twice() -> None:
    found = defaultdict(list)
    for path in SOURCES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(places(path))

    assert {name: where for name, where in found.items() if len(where) > 1} == {}


def defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


@pytest.mark.parametrize("word", GONE)
def test_what_meant_several_things_is_the_name_of_nothing(word: str) -> None:
    pattern = re.compile(rf"(^|_){word}(d|s|_|$)", re.IGNORECASE)

    assert [(places(path), name) for path in SOURCES for name in defined(TREES[path]) if pattern.search(name)] == [], (
        GONE[word]
    )


def test_no_helper_of_the_tests_is_there_twice() -> None:
    """By what it does: the same body under any name. What two files need stands in tests/support."""
    found = defaultdict(list)
    for path in TESTS:
        for node in TREES[path].body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not is_test(node.name):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                does = ast.unparse(ast.Module(body, []))
                if does.count("\n") > 1:
                    found[does].append(f"{places(path)}: {node.name}")

    assert [where for where in found.values() if len(where) > 1] == []


def is_test(name: str) -> bool:
    return name.startswith("test_")
