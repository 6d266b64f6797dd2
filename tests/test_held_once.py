"""What is declared, recorded and there alike is held once; and what only seems so is not."""

from __future__ import annotations

import gc
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.load import load
from reconciler.model import Recorded, Resource
from reconciler.redact import Secret
from reconciler.state import Put, State
from reconciler.values import held
from tests.support.running import Bench

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-2, 2) | st.sampled_from(["", "1", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
STACK = """\
stack: bench
provider: twelvelabs
assets:
  final: {url: "https://x.example.com/final.mp4", metadata: {title: "The final", rating: 9.5, rated: true}}
entity_collections: {all: {entities: {one: {name: "One", assets: [final]}}}}
"""


@given(VALUES, VALUES)
def test_another_is_held_in_its_place_only_where_json_says_the_same(value: Any, like: Any) -> None:
    found = held(value, like)

    same = json.dumps(value, sort_keys=True) == json.dumps(like, sort_keys=True)
    assert found is (like if same else value)


@given(VALUES)
def test_a_copy_is_held_as_what_it_is_a_copy_of(like: Any) -> None:
    assert held(json.loads(json.dumps(like)), like) is like


@pytest.mark.parametrize(("value", "like"), [(1, True), (1, 1.0), (0.0, -0.0), ([1], [True]), ({"a": 0}, {"a": False})])
def test_what_python_calls_equal_is_not_the_same(value: Any, like: Any) -> None:
    assert held(value, like) is value and held(like, value) is like


def test_a_secret_is_no_text_and_never_taken_for_one() -> None:
    secret = Secret("hidden", "${env.NAME}")

    assert type(held("hidden", secret)) is str
    assert type(held(secret, "hidden")) is Secret


def test_a_row_shares_what_is_declared_at_its_address(tmp_path: Path) -> None:
    fields = {"url": "https://x.example.com/a.mp4", "metadata": {"b": [1, 2.5], "a": "text"}, "content": "declared"}
    declared = Resource("assets/" + "final", "Asset", fields)
    with closing(State.open(f"sqlite:///{tmp_path}/state.db", "sports")) as state:
        state.commit(Put(Recorded("assets/final", "Asset", "a1", {**fields, "content": "recorded"})))
        plain = state.recorded()
        state.declared = {"assets/final": declared}
        (row,) = state.recorded()

    assert [row] == plain
    assert row.fields["metadata"] is fields["metadata"] and row.fields["url"] is fields["url"]
    assert row.address is declared.address and row.fields["content"] == "recorded"


def test_what_is_there_shares_what_is_recorded(bench: Bench) -> None:
    bench.write({"stack.yaml": STACK})
    assert not bench.apply().failed

    survey = bench.survey()

    row, live = survey.claims.rows["assets/final"], survey.claims.live["assets/final"]
    declared = survey.stack.resources["assets/final"]
    assert row.fields["metadata"] is live.fields["metadata"] is declared.fields["metadata"]
    assert live.id is row.id and live.stamp is not None
    assert live.stamp.key is row.address is declared.address and live.stamp.content is row.fields["content"]
    assert not survey.plan.changes


def test_nothing_of_a_load_outlives_it_in_a_circle(tmp_path: Path) -> None:
    entries = "".join(f"  a{n}: {{url: 'https://x.example.com/{n}.mp4', metadata: {{n: {n}}}}}\n" for n in range(50))
    (tmp_path / "stack.yaml").write_text(f"stack: bench\nprovider: twelvelabs\nassets:\n{entries}")
    load(tmp_path, environ={})  # what is made once is made now
    gc.collect()

    stack = load(tmp_path, environ={})

    assert len(stack.resources) == 50
    assert gc.collect() < 50
