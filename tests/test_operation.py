"""How a write is known again: kept and read back, of every version, it finds what it found before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import StateError
from reconciler.model import Live, Signature, Stamp, Target, Touched, trace_from
from reconciler.model.operation import SIGNATURE_VERSION
from reconciler.redact import Secret

words = st.sampled_from(["", "a", "b"])
values: st.SearchStrategy[Any] = words | st.integers(0, 2) | st.none()
stamps = st.none() | st.builds(Stamp, words, words, st.none() | words, st.none() | words)
naturals = st.dictionaries(st.sampled_from(["name", "filename"]), values, max_size=2)
signatures = st.builds(
    Signature,
    parent_id=st.none() | words,
    natural=naturals,
    stamp=stamps,
    listed=st.booleans(),
    size=st.none() | st.integers(0, 2),
    known=st.frozensets(words),
    weak=st.booleans(),
)
lives = st.builds(
    Live,
    kind=st.just("Kind"),
    id=words,
    fields=naturals,
    parent_id=st.none() | words,
    stamp=stamps,
    facts=st.dictionaries(st.just("size"), st.integers(0, 2), max_size=1),
)


@given(signatures)
def test_a_signature_is_the_same_after_it_was_kept(made: Signature) -> None:
    assert trace_from("create", json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize("trace", [Touched(("metadata", "name")), Touched(), Target("x1", "p1"), Target("x1")])
def test_what_is_changed_or_taken_away_is_the_same_after_it_was_kept(trace: Touched | Target) -> None:
    verb = "delete" if isinstance(trace, Target) else "update"
    assert trace_from(verb, json.loads(json.dumps(trace.to_json()))) == trace


def version_1(made: Signature) -> dict[str, Any]:
    """As it was kept before it had a number."""
    kept = made.to_json()
    known = kept.pop("known")
    del kept["version"], kept["weak"]
    return {**kept, "not": known}


def fitted(sought: Mapping[str, Any], live: Live) -> bool:
    """What version 1 was looked for with, as it stood there."""
    if live.id in sought["not"] or live.parent_id != sought["parent_id"]:
        return False
    if (marks := sought["stamp"]) is not None:
        if live.stamp is not None:
            return live.stamp == Stamp(marks["stack"], marks["key"], marks["content"], marks.get("stack_id"))
        if sought["listed"]:
            return False
    if sought["size"] is not None and live.facts.get("size") not in (None, sought["size"]):
        return False
    natural = sought["natural"]
    return bool(natural) and all(value == live.fields.get(name) for name, value in natural.items())


@given(signatures, lives)
def test_what_fitted_a_signature_of_version_1_fits_it_still_and_nothing_else(made: Signature, live: Live) -> None:
    kept = version_1(made)
    read = trace_from("create", json.loads(json.dumps(kept)))
    assert isinstance(read, Signature)
    assert read.fits(live) == fitted(kept, live) == made.fits(live)


def test_a_stamp_of_a_stack_without_an_id_is_read_still() -> None:
    kept = version_1(Signature(stamp=Stamp("s", "assets/a", "c")))
    del kept["stamp"]["stack_id"]
    assert trace_from("create", kept) == Signature(stamp=Stamp("s", "assets/a", "c"))


def test_what_is_secret_is_kept_as_a_digest_and_known_by_it() -> None:
    made = Signature(natural={"name": Secret("S3cr3t", "${env.NAME}")})
    kept = json.dumps(made.to_json())
    assert "S3cr3t" not in kept

    read = trace_from("create", json.loads(kept))
    assert isinstance(read, Signature)
    assert [read.fits(Live("Kind", "1", {"name": name})) for name in ("S3cr3t", "other")] == [True, False]
    old = {"$salt": "0f", "$sha256": hashlib.sha256(b"0fS3cr3t").hexdigest()}
    read = trace_from("create", {**version_1(made), "natural": {"name": old}})
    assert isinstance(read, Signature)
    assert [read.fits(Live("Kind", "1", {"name": name})) for name in ("S3cr3t", "other")] == [True, False]


@given(signatures, st.lists(lives, max_size=4))
def test_what_was_there_before_does_not_fit(made: Signature, before: list[Live]) -> None:
    assert not any(map(made.but(before).fits, before))


def test_a_name_alone_makes_no_rival_and_a_natural_key_or_a_stamp_does() -> None:
    there = Live("Kind", "1", {"name": "a"})
    stamped = Live("Kind", "1", {}, stamp=Stamp("s", "k", "c"))
    assert not Signature(natural={"name": "a"}, weak=True).is_rival(there)
    assert Signature(natural={"name": "a"}).is_rival(there)
    assert not Signature(natural={"name": "a"}).is_rival(stamped)
    assert Signature(stamp=Stamp("s", "k", "other")).is_rival(stamped)
    assert not Signature(parent_id="p", stamp=Stamp("s", "k")).is_rival(stamped)


@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_what_a_newer_version_wrote_is_refused_with_what_to_do(verb: str) -> None:
    with pytest.raises(StateError, match=r"newer reconciler .*take a newer version"):
        trace_from(verb, {**Signature().to_json(), "version": SIGNATURE_VERSION + 1})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "two"}, "version is 'two'"),
        ({"version": 0}, "version is 0"),
        ({"natural": []}, r"natural is \[\]"),
        ({"size": "x"}, "size is 'x'"),
        ({"stamp": 5}, "stamp is 5"),
        ({"stamp": {"stack": 1, "key": "k", "content": None}}, "stack is 1"),
        ({"known": "ab"}, "known is not a list of texts"),
        ({"parent_id": 7}, "parent_id is 7"),
    ],
)
def test_what_is_not_as_we_write_it_is_an_error_that_says_what(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        trace_from("create", {**Signature().to_json(), **change})
