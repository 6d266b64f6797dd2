"""A stack is a value: it goes to another process and says the same there."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.load import load
from reconciler.model import Stack, nowhere
from tests.support.commandline import CHECKOUT

SPECS = sorted(path for path in (CHECKOUT / "specs").iterdir() if path.is_dir())


def there_and_back(stack: Stack) -> Stack:
    made = pickle.loads(pickle.dumps(stack))
    assert isinstance(made, Stack)
    return made


@pytest.mark.parametrize("spec", SPECS, ids=[path.name for path in SPECS])
def test_a_stack_is_the_same_after_a_pickle_and_knows_where_each_thing_is_written(spec: Path) -> None:
    stack = load(spec, environ={})

    again = there_and_back(stack)

    plain = replace(stack, where=nowhere)
    assert replace(again, where=nowhere) == plain
    for address, resource in stack.resources.items():
        assert again.where(address) == stack.where(address) != ("", 0, 0)
        for name in resource.fields:
            assert again.where(address, name) == stack.where(address, name)


def test_a_pickle_holds_nothing_of_the_text_though_it_was_asked_for_a_place(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "stack: s\nprovider: twelvelabs\n# a remark\nassets: {a: {url: 'https://x.io/a'}}\n"
    )
    stack = load(tmp_path, environ={})
    assert stack.where("assets/a", "url")[1:] == (4, 19)

    assert b"a remark" not in pickle.dumps(stack)
    assert there_and_back(stack).where("assets/a", "url")[1:] == (4, 19)


def test_a_secret_goes_into_no_pickle_and_the_message_does_not_say_it(tmp_path: Path) -> None:
    url = "https://x.example.com/a.mp4?sig=${env.SIGNATURE}"
    (tmp_path / "s.yaml").write_text(f"stack: s\nprovider: twelvelabs\nassets: {{a: {{url: '{url}'}}}}\n")
    stack = load(tmp_path, environ={"SIGNATURE": "very-secret-indeed"}, allow_env=["SIGNATURE"])

    with pytest.raises(TypeError, match="cannot be pickled; load the stack where it is needed") as refused:
        pickle.dumps(stack)

    assert "very-secret-indeed" not in str(refused.value)
