"""What may not be shown, and what may not act: no spelling of a secret gets through, and no text does anything."""

from __future__ import annotations

import base64
import html
import json
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import redact
from reconciler.errors import Invalid, Problem, Refused, StateError
from reconciler.redact import Redactor, Secret, escaped_json, hidden, mask, plain

SECRET = 'p@ss "w0rd"/é+&<x>'
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": str.upper,
    "JSON": json.dumps,
    "JSON in JSON": lambda it: json.dumps(json.dumps({"a": it})),
    "JSON without ASCII": lambda it: json.dumps(it, ensure_ascii=False),
    "Python": repr,
    "URL": lambda it: quote(it, safe=""),
    "URL, small letters": lambda it: quote(it, safe="").lower(),
    "form": quote_plus,
    "HTML": html.escape,
    "HTML by numbers": lambda it: "".join(f"&#{ord(char)};" for char in it),
    "JSON, each letter": lambda it: "".join(f"\\u{ord(char):04x}" for char in it),
    "URL, each letter": lambda it: "".join(f"%{byte:02X}" for byte in it.encode()),
    "base64": lambda it: base64.b64encode(it.encode()).decode(),
    "base64 in a longer text": lambda it: base64.b64encode(b"user:" + it.encode() + b"@host").decode(),
    "base64 for URLs": lambda it: base64.urlsafe_b64encode(b"abcd" + it.encode()).decode(),
    "hex": lambda it: it.encode().hex(),
    "over two lines": lambda it: f"{it[:6]}\n   {it[6:]}",
    "cut off at its end": lambda it: it[:-4],
    "cut off at its beginning": lambda it: it[4:],
}


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    redact.forget()
    yield
    redact.forget()


@pytest.mark.parametrize("how", SPELLINGS)
def test_a_secret_is_taken_out_in_each_spelling(how: str) -> None:
    said = SPELLINGS[how](SECRET)

    shown = Redactor([SECRET])(f"the server says: {said}; and more")

    assert said not in shown
    assert not any(part in shown for part in ("p@ss", "w0rd", said[3:9]))
    assert "***" in shown


def test_what_holds_no_secret_is_left_as_it_is() -> None:
    text = "POST /assets: 400 parameter_invalid: metadata.x: a 100 % wrong value\\n & more"

    assert Redactor([SECRET, "sk_live_0123456789"])(text) == text


@given(st.text(min_size=8, max_size=60), st.text(max_size=20), st.text(max_size=20), st.sampled_from(sorted(SPELLINGS)))
def test_no_spelling_of_any_secret_stays(secret: str, before: str, after: str, how: str) -> None:
    secret = secret.encode(errors="replace").decode()
    redactor = Redactor([secret])
    if not redactor:
        return

    shown = redactor(f"{before} {SPELLINGS[how](secret)} {after}")

    assert secret.lower() not in shown.lower()
    assert redactor(shown) == shown


def test_what_was_learned_is_in_no_error_and_in_no_text() -> None:
    redact.learn("hunter2-hunter2", "short")

    assert plain("the password is Hunter2-Hunter2") == "the password is ***"
    assert plain("a short word stays") == "a short word stays"
    for error in (
        StateError("at hunter2-hunter2"),
        Refused(["hunter2-hunter2"]),
        Invalid([_problem("hunter2-hunter2")]),
    ):
        assert "hunter2" not in str(error)


def test_a_hidden_value_is_compared_and_not_shown() -> None:
    assert hidden("old") == "old"
    assert mask({"a": hidden("old"), "b": hidden(["old"])}) == {
        "a": {"$env": "(not shown)"},
        "b": {"$env": "(not shown)"},
    }
    assert mask(Secret("value", "${env.X}")) == {"$env": "${env.X}"}


# Neutral text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b]0;title\x07", "\\u001b]0;title\\u0007"),
        ("\x9b31m", "\\u009b31m"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("half \ud83d", "half \\ud83d"),
        ("a\u00a0b\u3000", "a\\u00a0b\\u3000"),
        ("line\u2028line", "line\\u2028line"),
        ("delete \x7f", "delete \\u007f"),
        ("filler \u3164 \ufe0f", "filler \\u3164 \\ufe0f"),
        ("tag \U000e0041 \U000e0100", "tag \\U000e0041 \\U000e0100"),
        ("Café ist 中文 🎬", "Café ist 中文 🎬"),
        ("Cafe\u0301", "Cafe\\u0301"),
        ("\u212a", "\\u212a"),
        ("::error::x", ":\\u003a" and "\\u003a:error::x"),
        ("  ::error::x", "  \\u003a:error::x"),
        ("see ::notice::", "see \\u003a:notice::"),
        ("##[add-mask]x", "##\\u005badd-mask]x"),
        ("x ##vso[task.complete]", "x ##vso\\u005btask.complete]"),
    ],
)
def test_a_text_is_shown_neutral(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_a_neutral_text_is_one_line_without_commands_and_stays_as_it_is(text: str) -> None:
    shown = plain(text)

    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert not any(word.startswith("::") for word in shown.split(" "))
    assert "##[" not in shown
    assert plain(shown) == shown


@given(st.text(), st.text())
def test_two_texts_that_mean_the_same_letters_are_told_apart(text: str, other: str) -> None:
    for form in ("NFC", "NFD"):
        same = unicodedata.normalize(form, text)
        if same != text:
            assert plain(same) != plain(text)


@given(st.recursive(st.text() | st.integers(), lambda it: st.lists(it) | st.dictionaries(st.text(), it), max_leaves=8))
def test_json_is_escaped_and_means_the_same(value: object) -> None:
    text = escaped_json(json.dumps(value, ensure_ascii=False, indent=2))

    assert json.loads(text) == value
    assert "##[" not in text
    assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("char", ["\x7f", "\x9b", "\u202e", "\u2028", "\ud83d", "\U000e0041", "\u3164"])
def test_json_has_no_character_that_acts(char: str) -> None:
    text = escaped_json(json.dumps({"a": f"x{char}y", char: 1}, ensure_ascii=False))

    assert text.isascii()
    assert json.loads(text) == {"a": f"x{char}y", char: 1}


@given(st.text(), st.text(), st.text())
def test_an_error_is_a_line_for_each_thing_that_is_wrong(file: str, address: str, summary: str) -> None:
    problem = Problem(file, 1, 2, address, summary)

    assert str(problem).isprintable()
    assert len(str(Invalid([problem, _problem("another")])).split("\n")) == 2
    assert str(StateError(summary)).isprintable()


def _problem(summary: str) -> Problem:
    return Problem("", 0, 0, "", summary)
