"""The quick reader of YAML gives exactly what the careful one gives, or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.load.yaml.careful import read_carefully
from reconciler.load.yaml.nodes import Nodes
from reconciler.load.yaml.positions import Positions
from reconciler.load.yaml.quick import MOST_NESTED, quick
from reconciler.load.yaml.reader import Doc, read
from tests.benchmarks import stages, world

ROOT = Path(__file__).parent.parent
BELOW = ("examples", "specs", "tests/cases", "tests/conformance", "reconciler")
WRITTEN = sorted(path for below in BELOW for path in (ROOT / below).rglob("*.y*ml"))
TEXTS = [path.read_text(encoding="utf-8", errors="replace") for path in WRITTEN]

SCALARS = (
    r"""
a|b|n|y|1|01|-1|1.5|1.50|1e5|0x1f|1_000|~|null|true|yes|No|=|<<|.5|-.5|-|--|...|---|-a|2024-01-01|12:30|a:b|a:|a#b|#a|a:#b
it's|'a'|'it''s'|'a|"a"|"a\"b"|"a\nb"|"|""|''|"é"|é|漢字|https://x.example.com/a?b=c#d|a,b|a]|[a|{a|a}|{}|[]|{a}|{a:1}|{a:}
[a:b]|[a}|[a]]|{"a":1}|[""]|[a?]|[&x,*x]|&x|*x|!t|!!str|>|@a|`a`|%a|?a|$a|${a}|"${a}"|"$${a}"|${a}-${b}|/a|(a)|;a|<a|\a|^a
[a]#b|"a"#b|9007199254740993|9007199254740991|+1|+|.|..|._|[+]|a-|0|-0|1.|1.0|+.5|Null|TRUE|off|0o7|07|1:30|?|:|,|::a|a::b
- a|a b|a  b|a: b|a :b|a #b|a# b|"a b"|"a: b"|"a #b"|"a, b"|[a, b]|{a: b}|{a: 1, b: [x, y]}|{a: {b: {c: d}}}
{ a: b }
[[a], [b, {c: 1}]]|[ a , b ]|{a: b,c: d}|{a: b, }|[a, ]|[, a]|{a: }|[a: b]|{a: b} |{a: b}}|{a: b]|[a] |{"a": 1, 'b': 2}
{a: b, a: c}|{a: "x", "a": 1}|["x""y"]|["x" "y"]|[a [b]]|[a] [b]|{? a: b}|{a: b?c}|[- a]|[-1, -a]|{a: b # c}|{a: "b #c"}
{a: "${b}"}|["${a}", "${a}"]|a |a  # c|"a" # c|{a: b} # c|# c|{a: b} # [c]|1 |true  # c|~ # c|[1, 2.0, 1e-05, 00]|{: a}
{yes: 1}|{y: 1, 1: 2}|{y: 1, n: 2}|a -|a - b|{a: {}, b: []}|{a: [] , b: {} }|[{}, []]|{a: "x]}"}|[a, "]", b]|{a: ', '}
? a|&x a|!t a|!!str a|> a|{a: b}: c|"a": b|{a:  b}|[a,  b]|[ {a: b} , [ ] ]|{a: b:c}|{a: b:}|{"": 1}
{'a': "b", c: 'd, e'}|{ }|[ ]|[https://a/b, "https://a/b"]|{a: -}|{a: - b}|[a#b]|[a #b]|{a: é, b: 漢}
[a], [b]|{a: 1}, {b: 2}|[a, [b], c]|[[a] b]
""".strip()
    .replace("\n", "|")
    .split("|")
)
SCALARS += [
    "|",
    "| a",
    "a|b",
    "'a|b'",
    "",
    " ",
    "a\tb",
    "\ta",
    "\xa0a",
    "a\u2028b",
    "\x85",
    "\ufeffa",
    "a\x7f",
    "\U0001f600",
]
SCALARS += ["\U0001f600", "a\r", "a\r\n", "\0", "\x1b", "[a\tb]"]
KEYS = ["a", "b", "c", "d", "n", "y", "x", "1", "yes", "null", "2a", "a-b", "a.b", "_a", "é", "<<"]
KEYS += ['"a"', "'b'", '""', '"a: b"', '"${a}"', "a" * 201, "- a"]
scalars = st.sampled_from(SCALARS)


def exact(value: Any) -> Any:
    """A value in a form in which equal means that types and the order of keys are equal too."""
    if isinstance(value, dict):
        return [(key, exact(it)) for key, it in value.items()]
    if isinstance(value, list):
        return ("list", *map(exact, value))
    return type(value), repr(value)


def settings_are_found(text: str, value: Mapping[str, Any]) -> None:
    """Where keys of the outermost mapping and their values stand is the same, whoever looks."""
    nodes = Nodes(text)
    nodes.find(("", ""))  # all of them, and no look in passing
    for key in [*value][:5]:
        for on_key in (False, True):
            assert Positions(text).find((key,), on_key=on_key) == nodes.find((key,), on_key=on_key), (text, key)


def is_taken(text: str) -> bool:
    """Whether the quick reader takes the text; it says then what the careful one says."""
    value, careful = quick(text), Doc()
    read_carefully(text, careful)
    if careful.whole and not careful.faults and isinstance(careful.value, dict):
        settings_are_found(text, careful.value)
    if value is None:
        return False
    assert careful.whole and not careful.faults, text
    assert exact(value) == exact(careful.value), text
    slots, marks = read(text.encode()).slots, Positions(text)
    assert [it.path for it in slots] == [it.path for it in careful.slots], text
    assert all("${" in it.holder[it.key] for it in slots)
    assert [marks.find(it.path) for it in slots] == [(it.line, it.column) for it in careful.slots], text
    return True


@st.composite
def lines(draw: st.DrawFn) -> str:
    """Lines that are nearly a document: some are indented wrongly, say nothing, or say what cannot stand there."""
    said, indent = [], 0
    for _ in range(draw(st.integers(1, 8))):
        key = draw(st.sampled_from(["", "", *[f"{key}:" for key in KEYS]]))
        dash = draw(st.sampled_from(["", "", "", "- ", "-  ", "- - "]))
        value = draw(st.just("") | scalars)
        said.append(" " * indent + dash + key + draw(st.sampled_from([" ", " ", " ", "  ", ""])) + value)
        indent = draw(st.sampled_from([indent, indent, indent + 2, indent + 1, 0, max(indent - 2, 0)]))
    return "\n".join(said) + draw(st.sampled_from(["", "\n", "\n\n", " "]))


@settings(deadline=None, max_examples=500)
@given(lines())
def test_lines_of_every_sort(text: str) -> None:
    is_taken(text)


@settings(deadline=None, max_examples=500)
@given(key=st.sampled_from(KEYS), value=scalars, more=scalars)
def test_one_value_of_every_sort(key: str, value: str, more: str) -> None:
    for text in (f"{key}: {value}\n", f"- {value}", f"{key}:\n- {value}\n- {more}\nz: 1", f"{key}: [{value}, {more}]"):
        is_taken(text)
        is_taken(f"k: {{{key}: {value}, z: {more}}}")


@settings(deadline=None, max_examples=200)
@given(st.text() | st.text("ab:-,[]{}\"'# \n"))
def test_any_text(text: str) -> None:
    is_taken(text)


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    is_taken(data.decode(errors="replace"))
    assert read(data) is not None


def mutated(text: str, random: Random) -> str:
    """A text with a few slips."""
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(text) + 1)
        sort = random.randrange(4)
        if sort == 0:
            text = text[:at] + random.choice([*SCALARS, *"\n :-#,'\"{}[]\t\\&*!|>%@`"]) + text[at:]
        elif sort == 1:
            text = text[:at] + text[at + random.randint(1, 4) :]
        else:
            rows = text.split("\n")
            row = random.randrange(len(rows))
            new = [rows[row], rows[row]] if sort == 2 else [random.choice([" ", "  ", "- "]) + rows[row]]
            text = "\n".join([*rows[:row], *new, *rows[row + 1 :]])
    return text


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_written_in_this_repository_and_slips_in_it(path: Path) -> None:
    text = TEXTS[WRITTEN.index(path)][:4_000].rpartition("\n")[0]
    random = Random(str(path.relative_to(ROOT)))
    is_taken(text)
    for _ in range(6):
        is_taken(mutated(text, random))
        is_taken(mutated(random.choice(TEXTS)[:1_500], random))


def written(value: Any, random: Random, indent: int = 0) -> str:
    """A value as somebody could write it: in blocks or on a line, with quotes or without."""
    if isinstance(value, (dict, list)) and value and random.random() < 0.7:
        pad = "\n" + " " * (indent if isinstance(value, list) and indent and random.random() < 0.3 else indent + 2)
        if isinstance(value, list):
            return "".join(f"{pad}- {flow(item, random)}" for item in value)
        return "".join(f"{pad}{key}: {written(it, random, len(pad) - 1)}".rstrip(" ") for key, it in value.items())
    return flow(value, random)


def flow(value: Any, random: Random) -> str:
    """A value on one line."""
    pad = random.choice(["", "", " "])
    if isinstance(value, dict):
        return f"{{{pad}{', '.join(f'{key}: {flow(it, random)}' for key, it in value.items())}{pad}}}"
    if isinstance(value, list):
        return f"[{pad}{', '.join(flow(item, random) for item in value)}{pad}]"
    if isinstance(value, str):
        return random.choice([f'"{value}"', f"'{value}'"])
    return json.dumps(value)


texts = st.text("abé漢 ,:#[]{}$-?&*!|>%@`~01", max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcxyz", min_size=1), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(
    value=st.dictionaries(st.text("abcxyz", min_size=1), values, min_size=1, max_size=4),
    random=st.randoms(use_true_random=False),
)
def test_what_is_written_as_most_is_taken(value: dict[str, Any], random: Random) -> None:
    text = "".join(f"{key}: {written(it, random)}\n" for key, it in value.items())

    assert is_taken(text), text
    assert quick(text) == value
    is_taken(mutated(text, random))


@pytest.mark.parametrize("text", [world.stack_of(300), stages.stack(300), world.stack_of(30).replace("\n", "\r\n")])
def test_what_is_measured_is_read_quickly(text: str) -> None:
    assert is_taken(text)


def test_most_of_what_is_written_in_this_repository_is_read_quickly() -> None:
    stacks = [text for path, text in zip(WRITTEN, TEXTS, strict=True) if path.parts[-3] in ("examples", "specs")]

    assert len(stacks) > 10
    assert sum(map(is_taken, stacks)) > len(stacks) * 0.6


@pytest.mark.parametrize("depth", [MOST_NESTED - 1, MOST_NESTED + 2, 99, 101, 3000])
def test_what_is_nested_deeply_is_left_to_the_careful_reader(depth: int) -> None:
    blocks = "".join(f"{' ' * level}k:\n" for level in range(depth))

    assert is_taken(f"k: {'[' * depth}{']' * depth}\n") is (depth <= MOST_NESTED)
    assert is_taken(blocks) is (depth <= MOST_NESTED + 1)


@pytest.mark.parametrize(
    "unit", ["a", "a ", "'", '"', "a: ", "a, ", "[", "{", "}", "]", "- ", ": ", "# ", "a: b, ", "{}, ", '"a", ']
)
def test_long_lines_take_no_longer_than_they_are_long(unit: str) -> None:
    # Where each character has the rest looked at once more, this takes minutes.
    for around in ("{}", "k: {}", "k: [{}]", "k: {{{}}}", "k: {{k: {}}}", "k: {{k: [{}]}}", "- {}", "'{}'"):
        quick(around.format(unit * (300_000 // len(unit))))


def test_a_stack_that_is_as_most_are_needs_no_pyyaml(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(world.stack_of(30))
    code = (
        "import sys; from pathlib import Path; from reconciler.load import load;"
        f"load(Path({str(tmp_path)!r}), environ={{}}); sys.exit('yaml' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
