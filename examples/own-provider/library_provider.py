"""A provider of one's own: a library of shelves, books and authors, behind an API that nobody else has.

All that reconciler needs to know of the API stands here: what can be declared (the kinds), how it is asked for (a
driver beside each kind) and where it is (the access). `reconciler.rest.Collection` does the rest, for this is an API
of collections of JSON, as most are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from reconciler.kind import CREATE_ONLY, FROM_KEY, MERGE, STAMPED, UNORDERED, Kind, Members, Ref, Wire
from reconciler.kinds import Kinds
from reconciler.provider import Access, Done, Driver, Failed, Hands, Progress, Provider, Traits
from reconciler.rest import Collection, Envelope
from reconciler.wire import items, mapping, text

Notes = Annotated[dict[str, str], MERGE, STAMPED]


class LibraryCollection(Collection):
    """What is the same for all kinds: lists are chained pages that tell no total, ids are called `uid`."""

    envelope = Envelope(rows="items", next="next")
    page_word, size_word = "after", "limit"
    newest_first: Mapping[str, Any] = {"order": "newest"}
    id_word = "uid"
    traits = Traits(page_size=20)

    def facts(self, raw: Mapping[str, Any], where: str = "") -> dict[str, Any]:
        return {"created_at": raw.get("made")}


class Author(Kind, section="authors", natural_key=("name",), unique=True, asynchronous=False):
    """Who writes books."""

    name: Annotated[str, FROM_KEY] = ""
    """Unique in the library."""
    notes: Notes = Field(default_factory=dict)
    """Anything worth remembering."""


class Authors(LibraryCollection):
    kind = Author
    path = "/authors"


class Shelf(Kind, section="shelves", natural_key=("name",), unique=True, asynchronous=False, cascades=True):
    """Where books stand. It has no place for notes: it is known by its name."""

    name: Annotated[str, FROM_KEY] = ""
    """Unique in the library."""
    topic: str = ""
    """What its books are about."""


class Shelves(LibraryCollection):
    kind = Shelf
    path = "/shelves"


class Book(Kind, section="books", parent=Shelf, natural_key=("title",), bulk=5):
    """A book on a shelf; it takes a moment until it is in the catalogue."""

    title: Annotated[str, FROM_KEY] = ""
    """Not unique: a shelf may have two of it."""
    isbn: Annotated[str, CREATE_ONLY] = ""
    """Another number is another book."""
    tags: Annotated[list[str], UNORDERED, Wire("keywords")] = Field(default_factory=list)
    """In any order."""
    authors: Annotated[list[str], Ref("Author", cut=True), Members(), UNORDERED] = Field(default_factory=list)
    """Who wrote it: authors of this stack."""
    notes: Notes = Field(default_factory=dict)
    """Anything worth remembering."""


class Books(LibraryCollection):
    kind = Book
    path = "/shelves/{parent}/books"
    bulk_path, bulk_word = ":many", "books"
    members: Mapping[str, str] = {"authors": "/authors"}
    cuts: Mapping[str, str] = {"authors": "/authors/{id}/books"}
    status_word, ready = "state", frozenset({"catalogued"})
    traits = Traits(page_size=20, typical_wait_s=2.0)

    def made_many(self, bodies: Sequence[Mapping[str, Any]], answer: Any) -> list[Progress]:
        """One answer for each that was sent, in the same order: the book, or why not."""
        made: list[Progress] = []
        for at, raw in enumerate(items(mapping(answer, "").get("results"), "results")):
            why = mapping(raw, f"results[{at}]").get("refused")
            made.append(Failed(text(why, f"results[{at}]")) if why else Done(self.id_of(raw, f"results[{at}]")))
        return made


class Library(Provider):
    name = "library"
    kinds = Kinds([Author, Shelf, Book])
    access = Access(
        base_url="https://api.library.example/v2",
        headers=lambda token: {"Authorization": f"Token {token}"},
        key_variables=("LIBRARY_TOKEN",),
        url_variables=("LIBRARY_URL",),
    )

    def drivers(self, hands: Hands) -> Mapping[str, Driver]:
        return {driver.kind.__name__: driver(hands) for driver in (Authors, Shelves, Books)}

    def emulator(self, db: Path | None = None) -> Any:
        from library_emulator import app

        return app(db)
