"""Where the settings of a stack are written is found without reading all of it, and is where reading all would say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.load.yaml.positions import Positions

WORDS = st.sampled_from(["stack", "provider", "a", "b c", "ü", "${x}", "1", ""])
VALUES = st.recursive(
    WORDS | st.integers(0, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


def written(value: object, indent: int) -> str:
    """As a block where `indent` says so, else on one line; names as they are where YAML lets them be."""
    if not isinstance(value, dict) or not value or indent > 4:
        return json.dumps(value, ensure_ascii=False)
    pad = " " * indent
    items = (f"{pad}{json.dumps(key)}: {written(item, indent + 2)}" for key, item in value.items())
    return "\n" + "\n".join(items)


def both(text: str, word: str | int, *, on_key: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """Found in passing, and through the tree of nodes."""
    quick, whole = Positions(text), Positions(text)
    whole.find(("x", "y"))
    return quick.find((word,), on_key=on_key), whole.find((word,), on_key=on_key)


@given(VALUES, WORDS, st.booleans())
def test_a_setting_is_found_in_passing_where_the_tree_of_nodes_has_it(value: object, word: str, on_key: bool) -> None:
    quick, whole = both(f"# a comment\n{written(value, 0)}\n", word, on_key=on_key)

    assert quick == whole


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {stack: 1}\nb: *x\nstack: s\n",
        "a: &x s\nstack: *x\n",
        "? [stack]\n: stack\nstack: s\n",
        "? stack\n: s\n",
        "? {stack: 1}\n: 2\nstack: s\n",
        "stack:\nprovider: p\n",
        "stack:\n  a\nprovider: p\n",
        "stack: |\n  a\n",
        "stack: 1\nstack: 2\n",
        "- stack\n- s\n",
        "{stack: s, provider: p}\n",
        "&x stack: s\n",
        "stack\n",
        "",
    ],
)
@pytest.mark.parametrize("on_key", [False, True])
def test_whatever_else_stands_at_the_top_changes_no_position(text: str, on_key: bool) -> None:
    for word in ("stack", "provider", 0):
        quick, whole = both(text, word, on_key=on_key)

        assert quick == whole
