"""The catalogue of kinds: what it needs stands first, whatever order a provider wrote it down in."""

from __future__ import annotations

import types
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from reconciler.kind import FILE, FROM_KEY, IDENTITY, SOURCE, STAMPED, Kind, Members, Part, Ref, Wire
from reconciler.kind.declarable import model_of, validated
from reconciler.kind.docs import docs_of
from reconciler.kind.quick import plainly_right
from reconciler.kinds import Kinds
from reconciler.providers.twelvelabs import (
    KINDS,
    Asset,
    Embedding,
    Entity,
    EntityCollection,
    Index,
    IndexedAsset,
    MediaAnalysis,
)


class Shelf(Kind, section="shelves"):
    name: str = ""


class Book(Kind, section="books", parent=Shelf):
    shelf: Annotated[str, Ref("Shelf")] = ""


@given(st.permutations(list(KINDS)))
def test_the_order_in_which_kinds_are_given_changes_nothing(given: list[type[Kind]]) -> None:
    assert list(Kinds(given)) == list(KINDS)


def test_a_kind_stands_after_what_it_lives_in_and_what_it_refers_to() -> None:
    kinds = Kinds([IndexedAsset, Entity, Index, EntityCollection, Asset])

    for kind in kinds:
        before = kinds[: list(kinds).index(kind)]
        assert kind.parent is None or kind.parent in before
        assert all(kinds[field.ref] in before for field in kind.refs() if field.ref)


def test_it_is_asked_by_name_and_by_parent() -> None:
    kinds = Kinds(KINDS)

    assert kinds["Index"] is Index
    assert kinds.roots == (Asset, MediaAnalysis, EntityCollection, Index, Embedding)
    assert kinds.children(Index) == (IndexedAsset,)
    assert kinds.children(Asset) == ()
    with pytest.raises(KeyError):
        kinds["Shelf"]


def test_what_is_not_there_cannot_be_needed() -> None:
    with pytest.raises(TypeError, match="IndexedAsset lives in Index, which is not in the catalogue"):
        Kinds([Asset, IndexedAsset])
    with pytest.raises(TypeError, match=r"IndexedAsset\.asset refers to Asset, which is not in the catalogue"):
        Kinds([Index, IndexedAsset])


def test_two_of_a_name_are_refused() -> None:
    class Asset(Kind, section="others"):
        name: str = ""

    with pytest.raises(TypeError, match="several kinds have one name: Asset"):
        Kinds([*KINDS, Asset])


def test_kinds_that_need_each_other_in_a_circle_are_refused() -> None:
    class Egg(Kind, section="eggs"):
        layer: Annotated[str, Ref("Hen")] = ""

    class Hen(Kind, section="hens"):
        hatched_from: Annotated[str, Ref("Egg")] = ""

    with pytest.raises(TypeError, match=r"in a circle: (Egg → Hen → Egg|Hen → Egg → Hen)"):
        Kinds([Egg, Hen])


def test_one_may_refer_to_another_of_its_kind() -> None:
    class Clip(Kind, section="clips"):
        cut_from: Annotated[str, Ref("Clip")] = ""

    assert [kind.__name__ for kind in Kinds([Clip, Shelf, Book])] == ["Clip", "Shelf", "Book"]


def test_objects_are_counted_in_words() -> None:
    counted = [kind.counted(number) for kind in (IndexedAsset, Entity, Index, EntityCollection) for number in (1, 2)]

    assert counted == [
        *("1 indexed asset", "2 indexed assets", "1 entity", "2 entities"),
        *("1 index", "2 indexes", "1 entity collection", "2 entity collections"),
    ]


def test_a_kind_says_what_its_objects_are_called() -> None:
    class Person(Kind, section="people", label=("person", "people")):
        name: str = ""

    assert (Person.counted(0), Person.counted(1), Person.counted(12_000)) == ("0 people", "1 person", "12,000 people")
    assert Person.called({"name": "Ann"}) == ""  # nothing marks the field as what people know it by
    assert Asset.called({"filename": "a.mp4"}) == "a.mp4"
    assert IndexedAsset.called({"asset": "id-1"}) == "id-1"
    assert Entity.called({"name": "LeBron"}) == "LeBron"


def test_a_kind_says_what_makes_its_objects_the_same() -> None:
    class Scan(Kind, section="scans"):
        name: Annotated[str, FROM_KEY] = ""
        path: Annotated[str | None, SOURCE, FILE] = None
        digest: Annotated[str | None, IDENTITY] = None

    def of(path: str) -> str:
        return f"hash of {path}"

    assert Scan.files_of({"name": "a", "path": "a.tif"}) == {"path": "a.tif"}
    assert Scan.identity({"name": "a", "path": "a.tif"}, of) == "hash of a.tif"
    assert Scan.identity({"name": "a"}, of) is None
    assert Asset.identity({"file": "a.mp4"}, of) == "hash of a.mp4"
    assert Asset.identity({"url": "https://b.example/a.mp4", "sha256": "ab"}, of) == "ab"
    assert str(Asset.identity({"url": "https://b.example/a.mp4"}, of)).startswith("url:")


@pytest.mark.parametrize(
    ("fields", "arguments", "wrong"),
    [
        ({"name": str}, {"natural_key": ["title"]}, "natural_key names 'title', which is not a field"),
        ({"a": Annotated[str, Wire("x")], "b": Annotated[str, Wire("x")]}, {}, "two fields have the same wire name"),
        ({"of": Annotated[list[str], Ref("Shelf"), Members()]}, {}, "of: Members needs a list with Ref and UNORDERED"),
        ({"path": Annotated[str, SOURCE, FILE]}, {}, "path: FILE needs a field with IDENTITY"),
        ({"a": Annotated[dict[str, str], STAMPED], "b": Annotated[dict[str, str], STAMPED]}, {}, "one field can carry"),
    ],
    ids=["natural key", "wire", "members", "file", "stamps"],
)
def test_a_class_that_contradicts_itself_is_refused(
    fields: dict[str, Any], arguments: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(TypeError, match=wrong):
        types.new_class("Odd", (Kind,), {"section": "odd"} | arguments, lambda ns: ns.update(__annotations__=fields))


class Pass(Part):
    every: int = 1


class Reel(Kind, section="reels"):
    one: Pass | None = None
    some: list[Pass] = Field(default_factory=list)
    maybe: list[Pass] | None = None
    marked: Annotated[list[Annotated[Pass, SOURCE]] | None, SOURCE] = None
    named: dict[str, Pass] | None = None
    numbers: list[int] | None = None
    word: str | None = None


def test_a_part_is_found_however_its_field_is_written() -> None:
    assert {name: (spec.part, spec.many) for name, spec in Reel.specs.items()} == {
        "one": (Pass, False),
        "some": (Pass, True),
        "maybe": (Pass, True),
        "marked": (Pass, True),
        "named": (Pass, False),
        "numbers": (None, True),
        "word": (None, False),
    }


class Tome(Book, section="tomes", parent=Shelf):
    """A book of several."""

    volume: int = 1
    """Which of them."""
    pages: Annotated[int, Field(description="said with the field")] = 1
    """not asked for where the field says it"""
    shelf: Annotated[str, Ref("Shelf")] = ""


class Handbook(Tome, section="handbooks", parent=Shelf):
    volume: int = 2


def test_the_text_below_a_field_is_what_is_said_of_it() -> None:
    assert docs_of(Tome) == {"shelf": "", "volume": "Which of them.", "pages": "said with the field"}


def test_a_field_that_is_declared_anew_has_its_own_text_and_others_that_of_the_base() -> None:
    assert docs_of(Handbook) == {"shelf": "", "volume": "", "pages": "said with the field"}


def test_where_there_is_no_source_nothing_is_said_and_nothing_fails() -> None:
    made = type("Made", (Part,), {"__annotations__": {"one": str}, "__module__": __name__})

    assert docs_of(made) == {"one": ""}


def test_what_checks_the_values_of_a_kind_is_made_when_a_value_is_checked() -> None:
    class Leaf(Kind, section="leaves"):
        name: str = ""

    made = model_of.cache_info().currsize
    assert plainly_right(Leaf, {"name": "oak"}) and model_of.cache_info().currsize == made
    assert not plainly_right(Leaf, {"name": 1})
    with pytest.raises(ValidationError, match="Input should be a valid string"):
        validated(Leaf, {"name": 1})
    assert model_of.cache_info().currsize == made + 1
