"""What a command waits for is given to it, and nothing else is made of it."""

from __future__ import annotations

import pytest

from reconciler.cli.looping import awaited


class Large:
    """Of which a text would take longer than all that was done for it."""

    def __repr__(self) -> str:
        raise AssertionError("somebody made a text of the result")


async def given(it: object) -> object:
    return it


async def failing() -> None:
    raise KeyError("gone")


def test_no_text_is_made_of_what_was_waited_for() -> None:
    large = Large()

    assert awaited(given(large)) is large


def test_what_went_wrong_is_raised() -> None:
    with pytest.raises(KeyError, match="gone"):
        awaited(failing())
