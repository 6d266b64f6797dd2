"""What is taken at a glance is what pydantic takes: for every kind and part, values of all sorts are shown to both."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from reconciler.kind import After, Before, Bounds, Kind, Part, Wire, WrongItems, fresh
from reconciler.kind.declarable import Declarable, model_of, validated
from reconciler.kind.quick import plainly_right
from reconciler.providers.mixpeek import KINDS as MIXPEEK
from reconciler.providers.twelvelabs import KINDS as TWELVELABS
from reconciler.redact import Secret


def _all_of(given: Any) -> Iterator[type[Declarable]]:
    """The parts within a type."""
    if isinstance(given, type) and issubclass(given, Part | Kind):
        yield given
        for inner in given.field_types.values():
            yield from _all_of(inner)
    elif get_origin(given) is not None:
        for inner in get_args(given):
            yield from _all_of(inner)


class Numbers(Part):
    """What no kind of ours has so."""

    exact: int = 0
    about: float = 0.0
    few: Annotated[int | None, Bounds(ge=1, lt=5)] = None
    short: Annotated[str, Bounds(min_length=2, max_length=3, pattern=r"^\w+$")] = "ab"
    even: Annotated[list[int], After(lambda it: it if len(it) % 2 == 0 else _refuse())] = fresh(list)
    seen: Annotated[dict[str, Any], Before(lambda it: it if it != {"a": 1} else _refuse())] = fresh(dict)
    either: dict[str, str | int | float | bool | list[str]] | list[bool] | None = None


def _refuse() -> Any:
    raise ValueError("no")


OURS = [one for kind in (*TWELVELABS, *MIXPEEK) for one in _all_of(kind)]
DECLARED: list[type[Declarable]] = list(dict.fromkeys([Numbers, *OURS]))

TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=5) | st.sampled_from(
    ["https://a.example/b.mp4", "https://a.example/b mp4", "http://é", "ab\n", "\ud800", "\x1c", "a" * 64, "seconds"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.builds(lambda: Secret("x", "${x}"))
    | st.sampled_from([2**53, 2**60, 10**400, 0, 1, 2.0, float("nan")])
)
WORDS = sorted({word for made in DECLARED for word in made.field_types})


def _literals(given: Any) -> Iterator[str]:
    if get_origin(given) is None:
        yield from [given] if type(given) is str else []
    for inner in get_args(given):
        yield from _literals(inner)


LITERALS = st.sampled_from(
    sorted({it for made in DECLARED for said in made.field_types.values() for it in _literals(said)})
)
VALUES = st.recursive(
    SCALARS | LITERALS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | TEXTS, inner, max_size=4),
    max_leaves=8,
)


def _fitting(given: Any) -> st.SearchStrategy[Any]:
    """Values that a type takes, but for what its markers say."""
    origin, inner = get_origin(given), get_args(given)
    if origin is Annotated:
        return _fitting(inner[0])
    if origin is list:
        return st.lists(_fitting(inner[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(TEXTS, _fitting(inner[1]), max_size=3)
    if isinstance(given, type) and issubclass(given, Declarable):
        return _fields_of(given)
    if origin is not None and all(type(it) is str for it in inner):
        return st.sampled_from(inner)
    if origin is not None:
        return st.one_of(*map(_fitting, inner))
    plain = {str: TEXTS, bool: st.booleans(), int: st.integers(), float: st.floats() | st.integers()}
    return plain.get(given, st.none() if given is type(None) else VALUES)


def _fields_of(made: type[Declarable]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: _fitting(it) | VALUES for name, it in made.field_types.items()})


def _takes(made: type[Declarable], fields: Any) -> bool:
    try:
        validated(made, fields)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("made", DECLARED, ids=lambda made: made.__name__)
def test_what_is_plainly_right_is_what_pydantic_takes(made: type[Declarable]) -> None:
    seen = set()

    @settings(max_examples=60, deadline=None)
    @given(_fields_of(made))
    @example({})
    @example({"": 1})
    @example(dict.fromkeys(made.field_types, "�"))
    def held(fields: dict[str, Any]) -> None:
        if plainly_right(made, fields):
            seen.add(True)
            assert _takes(made, fields)

    held()
    assert seen or any(info.is_required() for info in model_of(made).model_fields.values())


@pytest.mark.parametrize(
    ("made", "fields"),
    [
        (TWELVELABS["Asset"], {"url": "https://a.example/b.mp4", "metadata": {"a": "x", "b": 1, "c": 1.5, "d": ["y"]}}),
        (TWELVELABS["Asset"], {"file": "media/a.mp4", "hls": True}),
        (TWELVELABS["Index"], {"name": "i", "models": [{"name": "marengo3.0", "options": ["visual"]}], "addons": []}),
        (TWELVELABS["IndexedAsset"], {"asset": "a", "metadata": {}}),
        (TWELVELABS["Entity"], {"name": "e", "description": "", "assets": ["a"], "metadata": {"shirt": 23}}),
        (TWELVELABS["Embedding"], {"of": "a", "model": "marengo3.0", "options": ["visual"], "window": {"to": 5}}),
        (TWELVELABS["MediaAnalysis"], {"of": "a", "model": "pegasus1.5", "prompt": "What?", "temperature": 0}),
    ],
    ids=lambda it: it.__name__ if isinstance(it, type) else "",
)
def test_what_stacks_declare_is_seen_to_be_right_at_once(made: type[Kind], fields: dict[str, Any]) -> None:
    assert plainly_right(made, fields)


def test_what_is_marked_by_pydantics_own_words_is_left_to_pydantic() -> None:
    class Own(Kind, section="own"):
        size: Annotated[int, Field(ge=3), Wire("bytes")] = 3
        tags: list[str] = Field(default_factory=list)
        must: int = Field()

    assert {name: (it.required, it.default) for name, it in Own.specs.items()} == {
        "size": (False, 3),
        "tags": (False, None),
        "must": (True, None),
    }
    assert Own.specs["size"].wire == "bytes"
    assert not plainly_right(Own, {"size": 3, "must": 1}) and _takes(Own, {"size": 3, "must": 1})
    assert not _takes(Own, {"size": 2, "must": 1}) and not _takes(Own, {"size": 3})


def test_what_a_function_says_of_single_items_is_told_of_each() -> None:
    with pytest.raises(ValidationError) as caught:
        validated(TWELVELABS["Asset"], {"metadata": {"a": None, "reconciler_b": 1}})

    (error,) = caught.value.errors()
    assert isinstance(said := error["ctx"]["error"], WrongItems)
    assert set(said.by_path) == {("a",), ("reconciler_b",)}


STACK = """
stack: quick
provider: twelvelabs
assets:
  a: {url: "https://a.example/b.mp4", metadata: {title: A, number: 1}}
indexes:
  i: {models: [{name: marengo3.0}], assets: {a: {}}}
entity_collections:
  all: {entities: {e: {description: E, assets: [a]}}}
"""
NEEDLESS = (
    *("pydantic", "pydantic_core", "annotated_types", "jsonschema", "deepdiff", "yaml"),
    *("httpx", "httpcore", "sqlalchemy", "asyncio", "ssl", "subprocess", "concurrent.futures"),
    *("hashlib", "sqlite3", "difflib", "shutil"),
)


def test_a_stack_that_is_plainly_right_is_validated_without_pydantic_and_clients(tmp_path: Any) -> None:
    (tmp_path / "stack.yaml").write_text(STACK)
    program = f"""
import sys
from reconciler.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(sorted(set({NEEDLESS!r}) & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "validate", str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"
