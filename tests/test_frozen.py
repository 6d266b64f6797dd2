"""Frozen values are what `dataclasses` makes of the same class, only sooner."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, field
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from reconciler import frozen


class Told:
    """What both are made of."""

    made: ClassVar[int] = 0

    name: str
    many: tuple[int, ...] = (1, 2)
    said: Mapping[str, Any] = field(default_factory=dict)
    note: str = field(default="", compare=False)
    hidden: str = field(default="", repr=False)
    last: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("it has no name")

    @property
    def shout(self) -> str:
        """Something of its own."""
        return self.name.upper()


def _class(decorate: Callable[[type], type]) -> Any:
    space = {name: it for name, it in vars(Told).items() if name not in ("__dict__", "__weakref__")}
    return decorate(type("Told", (), {name: copy.copy(it) for name, it in space.items()}))


OURS: Any = _class(frozen.dataclass(frozen=True, slots=True))
THEIRS: Any = _class(dataclasses.dataclass(frozen=True, slots=True))
WAYS: list[dict[str, bool]] = [
    {"frozen": True, "slots": True},
    {"frozen": True},
    {"slots": True},
    {},
]


@frozen.dataclass(frozen=True, slots=True)
class Pair:
    """At the top of a module, so that it can be pickled."""

    first: float
    second: Any = None


@frozen.dataclass(frozen=True, slots=True)
class Single:
    value: Any


GIVEN = st.tuples(
    st.text(max_size=3),
    st.tuples(st.integers(0, 2)),
    st.dictionaries(st.text(max_size=1), st.integers(0, 1), max_size=1),
    st.sampled_from(["", "a"]),
    st.sampled_from(["", "b"]),
)


def made(cls: Any, given: tuple[Any, ...], last: float | None = None) -> Any:
    """The value, or what is said against it."""
    try:
        return cls(*given, last=last)
    except (TypeError, ValueError) as error:
        return str(error)


@given(GIVEN, GIVEN, st.sampled_from([None, 1.5]))
def test_values_are_made_compared_and_shown_alike(one: Any, other: Any, last: float | None) -> None:
    ours, theirs = (made(cls, one, last) for cls in (OURS, THEIRS))
    again, theirs_again = (made(cls, other) for cls in (OURS, THEIRS))

    assert repr(ours) == repr(theirs)
    assert (ours == again) is (theirs == theirs_again)
    if not isinstance(ours, str):
        assert ours != theirs and ours.shout == theirs.shout
        assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)


@pytest.mark.parametrize(
    "given", [((), {}), (("a", (), {}, "", "", 1), {}), (("a",), {"other": 1}), (("a", "b"), {"name": 1})]
)
def test_what_does_not_fit_is_refused_in_the_same_words(given: Any) -> None:
    args, kwargs = given
    said = []
    for cls in (OURS, THEIRS):
        with pytest.raises(TypeError) as caught:
            cls(*args, **kwargs)
        said.append(str(caught.value))

    assert said[0] == said[1]


def test_fields_and_places_are_those_of_a_dataclass() -> None:
    assert [it.name for it in dataclasses.fields(OURS)] == [it.name for it in dataclasses.fields(THEIRS)]
    assert OURS.__match_args__ == THEIRS.__match_args__
    assert OURS.__slots__ == THEIRS.__slots__
    assert dataclasses.is_dataclass(OURS)


def test_each_value_has_what_a_factory_makes_for_it() -> None:
    one, other = OURS("a"), OURS("a")

    assert one.said == other.said == {} and one.said is not other.said


def test_nothing_of_it_can_be_changed() -> None:
    for cls in (OURS, THEIRS):
        value = cls("a")
        with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
            value.name = "b"
        with pytest.raises(FrozenInstanceError, match="cannot delete field 'name'"):
            del value.name
        assert value.name == "a"


def test_nothing_can_be_added_to_it() -> None:
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'new'"):
        OURS("a").new = 1


def test_it_is_hashed_by_what_it_is_compared_by() -> None:
    assert hash(Pair(1.0, "x")) == hash(Pair(1, "x")) == hash((1, "x"))
    assert len({Single(1), Single(True), Single(2)}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Single([]))


def test_a_value_is_the_same_as_itself_whatever_it_holds() -> None:
    odd = float("nan")

    assert Single(odd) == Single(odd) and Pair(odd) == Pair(odd)


def test_it_can_be_copied_replaced_and_sent_to_another_process() -> None:
    pair = Pair(1.5, Single({"a": [1]}))

    assert pickle.loads(pickle.dumps(pair)) == copy.deepcopy(pair) == copy.copy(pair) == pair
    assert dataclasses.replace(pair, first=2) == Pair(2, pair.second)


def test_what_holds_itself_is_shown_all_the_same() -> None:
    held: list[Any] = []
    held.append(Single(held))

    assert "..." in repr(held[0])


def test_pydantic_reads_and_checks_it() -> None:
    adapter = TypeAdapter(Pair)

    assert adapter.validate_python({"first": 1, "second": "x"}) == Pair(1, "x")
    assert adapter.dump_python(Pair(1, "x")) == {"first": 1.0, "second": "x"}


def test_what_a_class_says_itself_stays() -> None:
    @frozen.dataclass(frozen=True, slots=True)
    class Loud:
        name: str

        def __repr__(self) -> str:
            return "loud"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

    assert repr(Loud("a")) == "loud" and Loud("a") == Loud("b") and hash(Loud("a")) == 1


def test_what_inherits_fields_has_them_first() -> None:
    @frozen.dataclass(frozen=True, slots=True)
    class Triple(Pair):
        third: int = 3
        second: Any = "s"

    assert Triple(1.0, 2) == Triple(1.0, 2, 3) != Pair(1.0, 2)
    assert repr(Triple(1.0)).endswith("Triple(first=1.0, second='s', third=3)")
    assert vars(Triple)["__slots__"] == ("third",)
    assert dataclasses.replace(Triple(1.0), third=4).third == 4
    with pytest.raises(FrozenInstanceError):
        Triple(1.0).third = 4  # type: ignore[misc]


def test_what_can_be_changed_is_not_made_of_what_cannot() -> None:
    with pytest.raises(TypeError, match="Loose: Pair can be changed or not, and so must it"):
        frozen.dataclass(slots=True)(type("Loose", (Pair,), {}))


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_each_way_is_that_of_a_dataclass(options: dict[str, bool]) -> None:
    ours, theirs = (_class(make(**options)) for make in (frozen.dataclass, dataclasses.dataclass))

    each: tuple[tuple[Any, ...], ...] = (
        ("a",),
        ("a", (2,)),
        ("a", (1, 2), {"b": 1}),
        ("a", (1, 2), {}, "n"),
        ("",),
        (),
    )
    for args in each:
        one, other = (made(cls, args, 1.5) for cls in (ours, theirs))
        assert repr(one) == repr(other)
        assert (one == made(ours, ("a",), 1.5)) is (other == made(theirs, ("a",), 1.5))
    for value in (ours("a"), theirs("a")):
        with pytest.raises(TypeError, match="unhashable"):
            hash(value)  # it holds a map, or can be changed
        if options.get("frozen"):
            with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
                value.name = "b"
        else:
            value.name = "b"
            assert value.shout == "B"
    assert hasattr(ours("a"), "__dict__") is hasattr(theirs("a"), "__dict__") is not options.get("slots", False)
    assert [*inspect.signature(ours("a").__init__).parameters] == [*inspect.signature(theirs.__init__).parameters][1:]
    if not options.get("slots"):
        assert ours.many == theirs.many and hasattr(ours, "said") is hasattr(theirs, "said") is False


def test_what_has_no_default_does_not_stand_after_what_has_one() -> None:
    with pytest.raises(TypeError, match="Odd: 'last' has no default, and stands after 'first', which has one"):

        @frozen.dataclass(frozen=True, slots=True)
        class Odd:
            first: int = 1
            last: int  # type: ignore[misc]


def test_a_default_that_can_be_changed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mutable default <class .list.> for field many is not allowed"):

        @frozen.dataclass(frozen=True, slots=True)
        class Odd:
            many: list[int] = []  # noqa: RUF012


def test_what_only_dataclasses_knows_is_made_by_it() -> None:
    @frozen.dataclass(frozen=True, slots=True)
    class Half:
        name: str
        made: dataclasses.InitVar[int] = 0
        rest: str = field(init=False, default="r")

    @frozen.dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        place: int

    assert (Half("a").name, Half("a").rest) == ("a", "r")
    assert Ordered(1) < Ordered(2)


def test_an_init_is_compiled_when_many_values_were_made() -> None:
    @frozen.dataclass(frozen=True, slots=True)
    class Rare:
        name: str

    before = Rare.__init__
    assert [Rare(str(at)).name for at in range(frozen.UNCOMPILED)][-1] == str(frozen.UNCOMPILED - 1)
    assert Rare.__init__ is before
    assert Rare("a").name == "a" and Rare.__init__ is not before
    assert Rare("b").name == "b"
    assert before(rare := Rare("b"), "c") is None and rare.name == "c"


@pytest.mark.parametrize("made_before", [0, frozen.UNCOMPILED])
def test_before_and_after_it_is_compiled_the_same_is_made_and_refused(made_before: int) -> None:
    ours: Any = _class(frozen.dataclass(frozen=True, slots=True))
    for _ in range(made_before):
        ours("a")

    each: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        (("a",), {}),
        (("a", (3,)), {"note": "n", "last": 2.0}),
        ((), {"name": "a", "said": {"b": 1}}),
        ((), {}),
        (("a",), {"name": "b"}),
        (("a",), {"other": 1}),
        (("a", (), {}, "", "", 1.0), {}),
        (("",), {}),
    ]
    for args, kwargs in each:
        said = []
        for cls in (ours, THEIRS):
            try:
                said.append(repr(cls(*args, **kwargs)))
            except (TypeError, ValueError) as error:
                said.append(f"{type(error)} {error}")
        assert said[0] == said[1]


def test_fields_that_are_given_by_name_alone_are_so_here_too() -> None:
    @frozen.dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        first: int = 1
        last: str
        place: str = field(default="", kw_only=False)

    assert Named("p", last="z") == Named(place="p", first=1, last="z")
    assert Named.__match_args__ == ("place",)
    with pytest.raises(TypeError, match="takes from 1 to 2 positional arguments but 3"):
        Named("p", 2)  # type: ignore[call-arg]
