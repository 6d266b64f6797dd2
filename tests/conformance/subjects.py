"""The providers that are held against the contract: where a fresh account of each comes from, and how objects look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from library_emulator import app as library
from library_provider import Library

from reconciler.emulator import transport
from reconciler.emulator.mixpeek import app as mixpeek
from reconciler.emulator.twelvelabs import app as twelvelabs
from reconciler.provider import Provider
from reconciler.providers.mixpeek import Mixpeek
from reconciler.providers.twelvelabs import TwelveLabs

__all__ = ["SUBJECTS", "Subject"]

Ids = Mapping[str, str]
"""kind → the id of the object of it that is referred to."""
Fields = Callable[[int, Ids], Mapping[str, Any]]


@dataclass(frozen=True)
class Subject:
    """One provider."""

    provider: Provider
    account: Callable[[], httpx.AsyncBaseTransport]
    """A fresh account, without anything in it."""
    fields: Mapping[str, Fields]
    """kind → the fields of its n-th object, as they are sent: references are ids."""
    used: Mapping[str, Fields]
    """kind → the same for an object that another refers to, where not any will do."""
    changes: Mapping[str, Mapping[str, Any]]
    """kind → fields of which a change is sent, and what to; of a merged map the keys that change."""
    refused_twice: frozenset[str]
    """Kinds of which the API is known to refuse a second object with the same natural key."""
    unsent: frozenset[str] = frozenset()
    """Kinds that are made without a request, and whose objects have nothing that could be changed."""
    reads: Callable[[httpx.Request], bool] = lambda request: request.method == "GET"
    """Which requests change nothing, whatever their method is."""


def of_twelvelabs() -> Subject:
    """Assets come by URL here; how files are sent has tests of its own."""
    return Subject(
        provider=TwelveLabs(),
        account=lambda: transport(twelvelabs()),
        fields={
            "Asset": lambda n, ids: {
                "url": f"https://example.com/{n}.mp4",
                "filename": f"{n}.mp4",
                "metadata": {"n": n},
            },
            "Index": lambda n, ids: {"name": f"index {n}", "models": [{"name": "marengo3.0", "options": ["visual"]}]},
            "IndexedAsset": lambda n, ids: {"asset": ids["Asset"], "metadata": {"n": n, "other": ["a", "b"]}},
            "EntityCollection": lambda n, ids: {"name": f"collection {n}", "description": "of people"},
            "Entity": lambda n, ids: {"name": f"entity {n}", "assets": [ids["Asset"]], "metadata": {"n": n}},
        },
        used={"Asset": lambda n, ids: {"url": f"https://example.com/{n}.{'jpg' if n < 0 else 'mp4'}"}},
        changes={
            "Asset": {"metadata": {"n": None, "more": "yes"}},
            "Index": {"name": "another name"},
            "IndexedAsset": {"metadata": {"n": None, "more": "yes"}},
            "EntityCollection": {"description": "of other people"},
            "Entity": {"description": "somebody", "metadata": {"more": "yes"}},
        },
        refused_twice=frozenset({"Index"}),
    )


def of_library() -> Subject:
    """The provider of `examples/own-provider`."""
    return Subject(
        provider=Library(),
        account=lambda: httpx.ASGITransport(library()),
        fields={
            "Author": lambda n, ids: {"name": f"author {n}", "notes": {"n": str(n)}},
            "Shelf": lambda n, ids: {"name": f"shelf {n}", "topic": "whales"},
            "Book": lambda n, ids: {
                "title": f"book {n}",
                "isbn": f"isbn {n}",
                "tags": ["b", "a"],
                "authors": [ids["Author"]],
                "notes": {"n": str(n)},
            },
        },
        used={},
        changes={
            "Author": {"notes": {"n": None, "more": "yes"}},
            "Shelf": {"topic": "ships"},
            "Book": {"tags": ["c"], "notes": {"n": None, "more": "yes"}},
        },
        refused_twice=frozenset({"Author", "Shelf"}),
    )


def of_mixpeek() -> Subject:
    """A collection is there as soon as somebody says its name; an asset comes out of a task."""
    return Subject(
        provider=Mixpeek(),
        account=lambda: transport(mixpeek()),
        fields={
            "MediaCollection": lambda n, ids: {"name": f"collection-{n}"},
            "MediaAsset": lambda n, ids: {
                "url": f"https://example.com/{n}.mp4",
                "video": [{"every": 60}],
                "metadata": {"n": n, "deep": {"a": [1, None, "b"]}},
            },
        },
        used={},
        changes={"MediaCollection": {}, "MediaAsset": {"metadata": {"n": None, "more": "yes"}}},
        refused_twice=frozenset(),
        unsent=frozenset({"MediaCollection"}),
        reads=lambda request: request.method == "GET" or request.url.path == "/assets",
    )


SUBJECTS: Mapping[str, Subject] = {it.provider.name: it for it in (of_twelvelabs(), of_mixpeek(), of_library())}
