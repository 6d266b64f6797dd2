"""results list and show: what is kept, without a key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.results import Made, Rows, open_store
from tests.support.commandline import reconciler
from tests.support.files import lay_out

STACK = 'stack: s\nprovider: twelvelabs\nassets:\n  a: {url: "https://example.com/a.mp4"}\n'
ADDRESS = "analyses/topics/a"


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    lay_out(tmp_path, {"s.yaml": STACK})
    rows = Rows.of([{"stack": "s", "address": ADDRESS, "identity": "i", "text": "about\x1b[2Jthis"}])
    made = Made(stack="s", address=ADDRESS, identity="i", digest=rows.digest, rows=1, dim=None, model="m", task="t")
    open_store("results", root=tmp_path).replace(made, rows)
    return tmp_path


def test_what_is_kept_is_listed(stack: Path) -> None:
    said = reconciler("results", "list", stack)

    assert said.code == 0
    assert said.out.startswith(f"{ADDRESS}  1  m")
    assert json.loads(reconciler("results", "list", stack, "--format", "json").out)[0]["identity"] == "i"


def test_one_is_shown_with_nothing_in_it_that_acts_on_a_terminal(stack: Path) -> None:
    said = reconciler("results", "show", ADDRESS, stack)

    assert "identity  i" in said.out
    assert "about" in said.out
    assert "\x1b" not in said.out
    (row,) = json.loads(reconciler("results", "show", ADDRESS, stack, "--format", "json").out)["rows"]
    assert row["text"] == "about\x1b[2Jthis"


def test_what_is_not_kept_is_said_with_what_was_meant(stack: Path) -> None:
    said = reconciler("results", "show", "analyses/topic/a", stack)

    assert said.code == 1
    assert f"did you mean {ADDRESS}?" in said.err


def test_a_stack_without_results_has_none(tmp_path: Path) -> None:
    lay_out(tmp_path, {"s.yaml": STACK})

    assert reconciler("results", "list", tmp_path).out == "Nothing is kept for this stack.\n"
