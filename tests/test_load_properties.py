"""What holds for every stack: order changes nothing, values arrive as written, and nothing but Invalid is raised."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import Invalid
from reconciler.load import load
from reconciler.model import Resource, Stack
from tests.support.files import lay_out

HEAD = {"stack": "archive", "provider": "twelvelabs"}
WHOLE: Mapping[str, Mapping[str, Any]] = {
    "assets": {
        "final": {
            "url": "https://example.com/final.mp4",
            "metadata": {"season": 2024, "live": True, "tags": ["a", "b"]},
        },
        "lebron-1": {"url": "https://example.com/1.jpg", "protect": True, "ignore": ["metadata.rating"]},
        "lebron-2": {"url": "https://example.com/2.jpg", "filename": "2.jpg", "hls": False},
    },
    "indexes": {
        "catalog": {
            "models": [{"name": "marengo3.0", "options": ["visual"]}],
            "assets": {"final": {"metadata": {"rating": 9.3}}, "other": {"asset": "lebron-1"}},
        },
        "empty": {"models": [{"name": "marengo3.0"}], "id": "abc"},
    },
    "entity_collections": {
        "players": {
            "entities": {"lebron": {"assets": ["lebron-1", "assets/lebron-2"]}, "jordan": {"assets": ["final"]}}
        }
    },
}


def loaded(files: Mapping[str, str | bytes]) -> Stack:
    """The stack of these files in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        lay_out(Path(directory), files)
        return load(Path(directory), environ={"TOKEN": "hush"}, allow_env=["TOKEN"], display=Path())


def shuffled(value: Any, random: Random) -> Any:
    """The same with the keys of all mappings in another order."""
    if not isinstance(value, Mapping):
        return value
    keys = list(value)
    random.shuffle(keys)
    return {key: shuffled(value[key], random) for key in keys}


def dealt(whole: Mapping[str, Mapping[str, Any]], files: int, random: Random) -> list[dict[str, dict[str, Any]]]:
    """The resources of the sections dealt out to so many files."""
    hands: list[dict[str, dict[str, Any]]] = [{} for _ in range(files)]
    for section, entries in whole.items():
        for name, entry in entries.items():
            random.choice(hands).setdefault(section, {})[name] = entry
    return hands


def as_yaml(value: Any) -> str:
    """JSON is YAML, but for its way to escape what is beyond the first 65,536 characters."""
    return re.sub(r"\\ud[89ab]..\\ud[cdef]..", lambda pair: str(json.loads(f'"{pair[0]}"')), json.dumps(value))


def as_files(hands: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Numbered files that hold these."""
    return {f"{number}.yaml": as_yaml(hand) for number, hand in enumerate(hands)}


def by_address(stack: Stack) -> dict[str, Resource]:
    """A mapping that compares without its order."""
    return dict(stack.resources)


EXPECTED = by_address(loaded(as_files([HEAD, WHOLE])))


@settings(deadline=None)
@given(files=st.integers(1, 5), random=st.randoms(use_true_random=False))
def test_order_and_number_of_files_and_order_of_keys_change_nothing(files: int, random: Random) -> None:
    hands = [HEAD, *(shuffled(hand, random) for hand in dealt(WHOLE, files, random))]
    random.shuffle(hands)

    assert by_address(loaded(as_files(hands))) == EXPECTED


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
scalars = (
    texts | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
)
metadata = st.dictionaries(
    texts.filter(lambda key: not key.startswith("reconciler_")), scalars | st.lists(texts, min_size=1, max_size=3)
)


@settings(deadline=None)
@given(declared=metadata)
def test_quoted_values_arrive_as_written(declared: dict[str, Any]) -> None:
    escaped = json.loads(json.dumps(declared).replace("${", "$${")).values()
    whole = dict(zip(declared, escaped, strict=True))
    text = as_yaml({**HEAD, "assets": {"a": {"url": "https://example.com/a", "metadata": whole}}})

    arrived = loaded({"stack.yaml": text}).resources["assets/a"].fields["metadata"]

    assert arrived == declared
    assert {key: type(value) for key, value in arrived.items()} == {key: type(value) for key, value in declared.items()}


WORDS = r"""
stack: s\n|provider: twelvelabs\n|assets:\n|indexes:|  a:| {|}|[|]|, |: |- |\n|url: https://x|file: ../x|? |>|
models: [{name: n0}]|entities:|entity_collections:|metadata: |${x}|"${env.TOKEN}"|${|&a |*a|<<: |!!str |---\n|null|yes|
2024-01-01|0x|1_|-|include: [|'*.yaml'|variables: |x: {default: 1}|moved: |{from: assets/a, to: assets/b}|'|"|\t|\0|é|#|
files: |'*'|metadata_from: |sidecar|entities_from: |a.yaml|metadata_schema: |{type: object}|
id: |ignore: |external: true|~|  |    |%|@|guards: |removed:
"""
words = st.sampled_from([word.encode().decode("unicode_escape") for word in WORDS.replace("\n", "").split("|")])
yaml_like = st.lists(words, max_size=30).map("".join) | st.text(max_size=40)


@settings(deadline=None, max_examples=300)
@given(first=yaml_like | st.binary(max_size=40), second=yaml_like)
def test_whatever_the_files_hold_nothing_but_invalid_is_raised(first: str | bytes, second: str) -> None:
    try:
        stack = loaded({"a.yaml": first, "b.yaml": "stack: s\nprovider: twelvelabs\nassets:\n" + second})
    except (Invalid, UnicodeEncodeError) as error:
        assert "hush" not in str(error)
    else:
        assert stack.name == "s"


def calls_to_load(count: int) -> int:
    """How many functions are called to load so many assets and as many entities."""
    number = 0

    def count_calls(frame: object, event: str, argument: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    names = [f"a{i:05}" for i in range(count)]
    assets = {name: {"url": f"https://example.com/{name}", "metadata": {"season": 2024, "team": "x"}} for name in names}
    entities = {name: {"assets": [name], "metadata": {"team": "x"}} for name in names}
    files = as_files([HEAD, {"assets": assets, "entity_collections": {"c": {"entities": entities}}}])
    sys.setprofile(count_calls)
    try:
        loaded(files)
    finally:
        sys.setprofile(None)
    return number


def test_a_resource_more_costs_a_bounded_number_of_calls() -> None:
    calls_to_load(1)  # what is imported or cached once
    small, large = calls_to_load(500), calls_to_load(1_000)

    assert (large - small) / 1_000 < 160
    assert large < 2.1 * small
