"""The registry of providers: what is no provider is refused in words for whoever wrote it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from typing import Annotated, Any

import httpx
import pytest

from reconciler.errors import IncompleteListing
from reconciler.http import Http
from reconciler.kind import CREATE_ONLY, STAMPED, UNORDERED, Kind, Members, Ref
from reconciler.kinds import Kinds
from reconciler.provider import Access, Driver, Drivers, Hands, Provider, made_of, registry
from reconciler.providers.twelvelabs import KINDS, TwelveLabs
from reconciler.refresh.lists import listing
from reconciler.rest import Collection, Envelope
from tests.support.running import NoTime, drivers_of


class Shelf(Kind, section="shelves"):
    name: str = ""


class Shelves(Collection):
    kind = Shelf
    path = "/shelves"


class Library(Provider):
    name = "library"
    kinds = Kinds([Shelf])
    access = Access("https://library.example", lambda key: {"key": key}, key_variables=("LIBRARY_KEY",))

    def drivers(self, hands: Hands) -> Mapping[str, Driver]:
        return {"Shelf": Shelves(hands)}


class Half(Provider):
    name, kinds, access = Library.name, Library.kinds, Library.access


def test_a_class_that_has_all_of_it_is_one() -> None:
    assert made_of("library", Library).kinds["Shelf"] is Shelf


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("kinds", r"the provider library: Bare does not declare 'kinds' \(Kinds\)"),
        ("access", r"the provider library: Bare does not declare 'access' \(Access\)"),
        ("name", r"the provider library: Bare does not declare 'name' \(str\)"),
        ("tariff", r"the provider library: Bare does not declare 'tariff' \(Tariff\)"),
        ("drivers", "the provider library: Bare has no method drivers; derive it from Provider"),
        ("emulator", "the provider library: Bare has no method emulator; derive it from Provider"),
    ],
)
def test_a_class_that_lacks_a_member_is_refused_by_name(lost: str, said: str) -> None:
    members = {name: getattr(Library, name) for name in (*registry.DECLARED, *registry.METHODS)}
    del members[lost]

    with pytest.raises(TypeError, match=said):
        made_of("library", type("Bare", (), members))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Library(), "which is not a class"),
        (type("Wrong", (Library,), {"kinds": [Shelf]}), "Wrong.kinds is .*, and must be of Kinds"),
        (type("Wrong", (Library,), {"access": "https://x"}), "Wrong.access is 'https://x', and must be of Access"),
        (type("Other", (Library,), {"name": "archive"}), "Other calls itself 'archive'"),
        (Half, "the provider library: Half does not say what drivers does"),
    ],
)
def test_what_is_no_provider_is_refused(given: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        made_of("library", given)


def test_it_is_found_by_its_entry_point_and_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("library", "tests.test_provider:Library", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group, name="library": [point] if name == "library" else [])
    registry.provider.cache_clear()

    assert registry.names() == ("twelvelabs", "mixpeek", "library")
    assert registry.provider("library") is registry.provider("library")
    with pytest.raises(KeyError):
        registry.provider("nobody")
    registry.provider.cache_clear()


def drivers(provider: Provider) -> Drivers:
    http = Http("https://library.example", headers={}, clock=NoTime())
    return drivers_of(provider, http)


def test_each_kind_has_a_driver_of_its_own() -> None:
    class None_(Library):
        def drivers(self, hands: Hands) -> Mapping[str, Driver]:
            return {}

    class Half(Library):
        def drivers(self, hands: Hands) -> Mapping[str, Any]:
            return {"Shelf": type("Bare", (), {"kind": Shelf, "traits": None})()}

    class Wrong(Library):
        def drivers(self, hands: Hands) -> Mapping[str, Driver]:
            return {"Shelf": TwelveLabs().drivers(hands)["Index"]}

    assert list(drivers(Library())) == ["Shelf"]
    with pytest.raises(TypeError, match="the provider library has no driver for Shelf"):
        drivers(None_())
    with pytest.raises(TypeError, match="the driver for Shelf, Bare, has no page and read"):
        drivers(Half())
    with pytest.raises(TypeError, match="the driver for Shelf, Indexes, is of another kind"):
        drivers(Wrong())


def test_a_driver_stands_beside_each_kind_of_twelvelabs() -> None:
    made = drivers(TwelveLabs())

    assert [made[kind.__name__].kind for kind in KINDS] == list(KINDS)


# What a driver of a collection says is held against its kind when the class is made


class Book(Kind, section="books", parent=Shelf, bulk=10):
    authors: Annotated[list[str], Ref("Shelf", cut=True), Members(), UNORDERED] = []  # noqa: RUF012 - of pydantic
    metadata: Annotated[dict[str, str], STAMPED] = {}  # noqa: RUF012


RIGHT: dict[str, Any] = {
    "kind": Book,
    "path": "/shelves/{parent}/books",
    "bulk_path": "/bulk",
    "members": {"authors": "/authors"},
    "cuts": {"authors": "/shelves/{id}/authored"},
}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"path": "/books"}, "path '/books' and parent .* do not fit"),
        ({"bulk_path": ""}, "Book says bulk=10, and bulk_path is ''"),
        ({"members": {}}, "Book.authors has members, and no path says how they change"),
        ({"cuts": {}}, "Book.authors is cut, and no path says who refers to an object"),
        ({"change": ""}, "Book.metadata can be updated, but there is no way to; mark it CREATE_ONLY"),
    ],
)
def test_a_driver_that_does_not_fit_its_kind_is_refused_when_it_is_made(wrong: dict[str, Any], said: str) -> None:
    assert type("Books", (Collection,), RIGHT)

    with pytest.raises(TypeError, match=said):
        type("Books", (Collection,), RIGHT | wrong)


def test_a_kind_of_which_nothing_changes_needs_no_way_to() -> None:
    class Plate(Kind, section="plates"):
        name: Annotated[str, CREATE_ONLY] = ""

    assert type("Plates", (Collection,), {"kind": Plate, "path": "/plates", "change": ""})


# Lists that tell no total


class Chained(Collection):
    kind = Shelf
    path = "/shelves"
    envelope = Envelope(rows="items", next="next")


class Bare(Collection):
    kind = Shelf
    path = "/shelves"
    envelope = Envelope(rows="")


def listed(driver: type[Collection], answers: Iterator[Any]) -> tuple[list[str], int]:
    """The ids of a list that is answered so, and how many requests it took."""

    async def go() -> tuple[list[str], int]:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, json=next(answers)))
        async with Http("https://library.example", headers={}, transport=transport, clock=NoTime()) as http:
            found = await listing(driver(drivers_of(Library(), http).hands), None)
            return list(found), http.sent

    return asyncio.run(go())


def part(*ids: str, next: str | None = None) -> dict[str, Any]:
    return {"items": [{"id": id} for id in ids], "next": next}


def test_a_chain_of_pages_without_a_total_is_read_twice() -> None:
    once = [part("a", "b", next="2"), part("c", next="3"), part("d")]

    assert listed(Chained, iter(once * 2)) == (["a", "b", "c", "d"], 6)
    assert listed(Chained, iter([part("a")])) == (["a"], 1)  # one answer is of one moment


def test_a_chain_that_changes_between_two_reads_is_read_until_two_agree() -> None:
    before, after = [part("a", next="2"), part("b")], [part("a", next="2"), part("b", "c")]

    assert listed(Chained, iter([*before, *after, *after])) == (["a", "b", "c"], 6)


def test_a_chain_that_leads_back_is_given_up() -> None:
    def turning() -> Iterator[Any]:
        while True:
            yield part("a", next="2")
            yield part("b", next="2")

    with pytest.raises(IncompleteListing, match="a page is followed by one that came before it"):
        listed(Chained, turning())


def test_a_list_that_is_all_of_an_answer_is_whole() -> None:
    assert listed(Bare, iter([[{"id": "a"}, {"id": "b"}]])) == (["a", "b"], 1)
