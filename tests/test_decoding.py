"""The quick decoder of JSON says what the careful one says, or leaves it the word."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.decoding import decoded
from reconciler.http.body import _parsed, parsed

NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,22})?([eE][-+]?[0-9]{1,3})?", fullmatch=True)
SCALARS = (
    NUMBERS
    | st.text().map(json.dumps)
    | st.text().map(lambda it: json.dumps(it, ensure_ascii=False))
    | st.sampled_from(["true", "false", "null", "NaN", "Infinity", '"\\ud800"', '"\\u0000"', "tru", "1,"])
)
TEXTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda its: f"[{', '.join(its)}]")
        | st.lists(st.tuples(st.sampled_from(['"a"', '"b"', '"\\u0061"']), inner), max_size=4).map(
            lambda its: f"{{{','.join(f'{key}:{value}' for key, value in its)}}}"
        )
    ),
    max_leaves=10,
)


def outcome(call: Any, text: Any) -> Any:
    """The value as Python writes it, which tells 1 from 1.0 and from true; or what went wrong."""
    try:
        return repr(call(text))
    except (ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"


@given(TEXTS)
@example("18446744073709551616")
@example("[1e999]")
@example("\ufeff{}")
@example("[" * 100_000)
@example("")
def test_a_body_is_what_the_careful_reader_makes_of_it(text: str) -> None:
    body = text.encode(errors="surrogatepass")

    assert outcome(parsed, body) == outcome(_parsed, body)


def test_bytes_that_are_no_text_are_for_the_careful_reader() -> None:
    assert outcome(parsed, b'{"a": "\xff"}').startswith("UnicodeDecodeError")


def test_the_careful_reader_is_not_asked_for_what_is_usual() -> None:
    def careful(text: str) -> Any:
        raise AssertionError(text)

    assert decoded('{"a": [1, 2.5, "ü", null, 123456789012345678]}', careful) == {
        "a": [1, 2.5, "ü", None, 123456789012345678]
    }


ONES, TWOS, THREES = "1" * 40, "2" * 24, "3" * 19


def test_digits_within_a_word_are_no_number() -> None:
    text = f'{{"sha256": "a{ONES}", "{TWOS}": "x{THREES}f"}}'

    assert decoded(text, lambda it: "careful") == {"sha256": f"a{ONES}", TWOS: f"x{THREES}f"}


@pytest.mark.parametrize("form", ["{}", "0.{}", "[{}]", "[1,{}]", "[ -{}]", '{{"a":{}}}', '{{"a":\n{}}}', "1e+{}"])
@pytest.mark.parametrize("digits", [THREES, ONES])
def test_what_may_lose_digits_is_for_the_careful_reader(form: str, digits: str) -> None:
    text = form.format(digits)

    assert decoded(text, lambda it: ("careful", it)) == ("careful", text)
